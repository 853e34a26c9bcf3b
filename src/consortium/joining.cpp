#include "base/log.h"
#include "consortium/impl/service.h"

// The side that joins: asks again and again with the invitation's certificates until the proposal is decided,
// then begins the chain.
namespace chengxin::consortium {
namespace {

tl::unexpected<Error> bad_invitation(std::string_view what) {
  return fail(Code::invalid_argument, "consortium.invitation", "{}", what);
}

struct Guest {
  link::Credentials credentials;
  crypto::Certificate root;
  Place inviter;
};

Result<Guest> guest_of(const Json& invitation) {
  Guest out;
  const Json& guest = invitation.at("guest");
  const Json& inviter = invitation.at("inviter");
  ASSIGN(out.credentials.sign, certificate_in(guest, "sign"));
  ASSIGN(out.credentials.encrypt, certificate_in(guest, "encrypt"));
  ASSIGN(out.credentials.sign_key, crypto::Sm2PrivateKey::from_pem(guest.at("sign_key").get<std::string>()));
  ASSIGN(out.credentials.encrypt_key,
         crypto::Sm2PrivateKey::from_pem(guest.at("encrypt_key").get<std::string>()));
  ASSIGN(out.root, certificate_in(inviter, "root"));
  out.credentials.chain = {out.root};
  ASSIGN(auto key, point_in(inviter, "key"));
  out.inviter = {inviter.at("address").get<std::string>(), key};
  return out;
}

// Whole, signed by the governor it names, and its genesis is the chain's that it names.
Result<format::Genesis> check_invitation(const Json& invitation, int64_t now_ms) {
  if (!invitation.is_object() || invitation.value("format", "") != "chengxin/invitation/v1")
    return bad_invitation("not an invitation of this format");
  Json unsigned_part = invitation;
  unsigned_part.erase("signature");
  ASSIGN(Guest guest, guest_of(invitation));
  const std::string document = invitation.at("genesis").get<std::string>();
  const Digest chain = format::Genesis::chain_id(document);
  if (invitation.at("chain") != hex(chain)) return bad_invitation("its genesis is of another chain");
  ASSIGN(auto governor_point, point_in(invitation.at("inviter"), "governor_key"));
  ASSIGN(auto governor, crypto::Sm2PublicKey::from_point(governor_point));
  ASSIGN(Bytes message, signed_part(chain, guest.credentials.sign_key.public_key().point(), unsigned_part));
  ASSIGN(Bytes signature, unhex(invitation.at("signature").get<std::string>()));
  if (!governor.verify(message, signature)) return bad_invitation("its signature does not hold");
  if (invitation.at("expires_ms").get<int64_t>() <= now_ms)
    return fail(Code::gone, "consortium.invitation_expired", "ask for a new one");
  return format::Genesis::decode(document);
}

}  // namespace

Result<std::string> ServiceImpl::begin_joining(const Join& what) {
  std::string id;
  Json joining;
  try {
    ASSIGN(auto genesis, check_invitation(what.invitation, now()));
    id = what.invitation.at("chain").get<std::string>();
    if (ledger_of(id)) return fail(Code::conflict, "chain.exists", "{}", genesis.name);
    const bool further = what.invitation.at("further_node").get<bool>();
    const std::string organisation = what.invitation.at("organisation").get<std::string>();
    Names names = what.names;
    names.organisation = organisation;
    if (auto identity = own()) {
      const Names& had = identity->names();
      if (names.title.empty() && had.organisation == organisation) names.title = had.title;
      if (names.node.empty()) names.node = had.node;
      if (names.address.empty()) names.address = had.address;
    }
    if (further) names.title = what.invitation.at("inviter").at("title").get<std::string>();
    if (!known_to_others()) {
      if (!further)
        TRY(become(names));
      else if (own())
        TRY(forget());  // it is given another
    }
    auto identity = own();
    if (!identity && !further)
      return fail(Code::conflict, "consortium.identity_exists", "this node waits to be one of another");
    if (identity && identity->names().organisation != organisation)
      return bad_invitation(
          fmt::format("it is for {}, this node is of {}", organisation, identity->names().organisation));
    ASSIGN(EngineKeys engine, chains_.engine_keys(genesis.name));
    format::Node node;
    if (identity) {
      node = identity->node(engine, options_.service_key, what.role);
    } else {
      node.name = names.node;
      node.organisation = organisation;
      node.key = options_.validator_key.public_key().point();
      node.service_key = options_.service_key;
      node.engine_key = engine.key;
      node.engine_id = engine.id;
      node.address = names.address;
      node.role = what.role;
    }
    node.weight = what.weight;
    ASSIGN(node, format::read_node(format::to_json(node)));  // its form
    joining = {{"chain", id},
               {"name", genesis.name},
               {"invitation", what.invitation},
               {"node", format::to_json(node)},
               {"title", names.title},
               {"state", "asking"},
               {"proposal", 0},
               {"trouble", ""}};
    if (!identity) {
      ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
      ASSIGN(joining["encrypt_key"], key.to_pem());
    }
  } catch (const Json::exception& error) {
    return bad_invitation(error.what());
  }
  if (own() && !links()) TRY(open_links());
  TRY(keep(joining_files_, joinings_, id, joining));
  return id;
}

Result<Json> ServiceImpl::join(const Join& what) {
  std::string id;
  {
    std::lock_guard turn(turn_);
    const bool had = own().has_value();
    auto begun = begin_joining(what);
    if (!begun && !had && own()) TRY(forget());
    ASSIGN(id, std::move(begun));
  }
  tick();
  std::lock_guard lock(mutex_);
  auto found = joinings_.find(id);
  if (found == joinings_.end()) return Json{{"chain", id}, {"state", "joined"}};
  if (found->second.at("state") == "refused")
    return fail(Code::forbidden, found->second.at("trouble").get<std::string>(), "the invitation stands");
  return Json{{"chain", id},
              {"name", found->second.at("name")},
              {"state", found->second.at("state")},
              {"proposal", found->second.at("proposal")},
              {"trouble", found->second.at("trouble")}};
}

Result<Json> ServiceImpl::joinings() {
  std::lock_guard lock(mutex_);
  Json items = Json::array();
  for (const auto& [id, each] : joinings_)
    items.push_back({{"chain", id},
                     {"name", each.at("name")},
                     {"state", each.at("state")},
                     {"proposal", each.at("proposal")},
                     {"trouble", each.at("trouble")}});
  return Json{{"items", std::move(items)}};
}

// Asks the inviter, by a link of its own under the invitation's certificates.
Result<Json> ServiceImpl::knock(const Json& joining) {
  const Json& invitation = joining.at("invitation");
  ASSIGN(Guest guest, guest_of(invitation));
  ASSIGN(Digest chain, unhex_digest(joining.at("chain").get<std::string>()));
  const auto guest_point = guest.credentials.sign_key.public_key().point();
  const Json& node = joining.at("node");
  auto identity = own();
  const crypto::Sm2PrivateKey key = identity ? identity->key() : options_.validator_key;
  ASSIGN(Bytes message, signed_part(chain, guest_point, node));
  ASSIGN(auto signature, key.sign(message));
  Json with = {{"node", node}, {"node_signature", hex(signature)}};
  if (joining.contains("encrypt_key")) {
    ASSIGN(auto encrypt_key, crypto::Sm2PrivateKey::from_pem(joining.at("encrypt_key").get<std::string>()));
    with["encrypt_key"] = hex(encrypt_key.public_key().point());
  } else if (identity) {
    const auto credentials = identity->credentials();
    with["encrypt_key"] = hex(credentials.encrypt_key.public_key().point());
  }
  if (identity && identity->governs()) {
    ASSIGN(auto organisation, identity->organisation());
    with["organisation"] = format::to_json(organisation);
    ASSIGN(Bytes second, signed_part(chain, guest_point, with["organisation"]));
    ASSIGN(auto by_governor, identity->governor().sign(second));
    with["organisation_signature"] = hex(by_governor);
  }
  link::Options options = options_.links;
  options.listen = "127.0.0.1:0";
  const auto inviter = guest.inviter.key;
  ASSIGN(auto links, options_.start_links(
                         guest.credentials,
                         [root = guest.root](const link::Topic&) {
                           return link::Trust{{root}, {}};
                         },
                         [inviter](const link::Topic&, const link::Peer& peer) -> Status {
                           if (peer.key == inviter) return {};
                           return fail(Code::forbidden, "link.not_a_member", "{}", peer.address);
                         },
                         options));
  return ask(*links, guest.inviter, "join", std::move(with));
}

// The proposal was executed: an identity if this is a further node of its organisation, then the chain.
Status ServiceImpl::move_in(Json joining, const Json& outcome) {
  const Json& invitation = joining.at("invitation");
  if (!own()) {
    Identity::Granted granted;
    ASSIGN(auto node, format::read_node(joining.at("node")));
    granted.names = {node.organisation, joining.at("title").get<std::string>(), node.name, node.address};
    ASSIGN(granted.root, certificate_in(invitation.at("inviter"), "root"));
    ASSIGN(granted.certificates.sign, certificate_in(outcome.at("grant"), "sign"));
    ASSIGN(granted.certificates.encrypt, certificate_in(outcome.at("grant"), "encrypt"));
    ASSIGN(granted.encrypt_key,
           crypto::Sm2PrivateKey::from_pem(joining.at("encrypt_key").get<std::string>()));
    TRY(Identity::create(options_.folder, granted));
    ASSIGN(Identity made, Identity::open(options_.folder, options_.validator_key));
    std::lock_guard lock(mutex_);
    identity_ = std::move(made);
  }
  joining["state"] = "joined";
  joining["trouble"] = "";
  joining["consortium"] = outcome.at("consortium");
  joining["height"] = outcome.at("height");
  joining["invitation"]["guest"] = nullptr;  // it has served
  joining.erase("encrypt_key");
  const std::string id = joining.at("chain").get<std::string>();
  TRY(keep(joining_files_, joinings_, id, joining));
  TRY(know_from(joining));
  if (!links()) TRY(open_links());
  auto started = chains_.start(invitation.at("genesis").get<std::string>());
  if (!started && started.error().reason != "chain.exists") return started;
  refresh();
  return {};
}

Status ServiceImpl::know_from(const Json& joining) {
  if (!joining.contains("consortium")) return {};
  Record record;
  ASSIGN(record.chain, unhex_digest(joining.at("chain").get<std::string>()));
  record.name = joining.at("name").get<std::string>();
  record.height = joining.at("height").get<uint64_t>();
  ASSIGN(record.consortium, format::Consortium::decode(joining.at("consortium").get<std::string>()));
  membership_->set(std::move(record));
  return {};
}

void ServiceImpl::advance_joinings() {
  Documents all;
  {
    std::lock_guard lock(mutex_);
    all = joinings_;
  }
  for (auto& [id, joining] : all) {
    if (joining.at("state") == "joined") {
      auto ledger = ledger_of(id);
      if (!ledger) {  // the chain was not begun: once more
        auto started = chains_.start(joining.at("invitation").at("genesis").get<std::string>());
        if (!started) log::warn("consortium.join", {{"chain", id}, {"error", started.error().to_string()}});
      } else if ((*ledger)->head().header.height >= joining.at("height").get<uint64_t>()) {
        joining_files_.remove(id);
        std::lock_guard lock(mutex_);
        joinings_.erase(id);
      }
      continue;
    }
    if (joining.at("state") == "refused") continue;
    auto outcome = knock(joining);
    if (!outcome) {
      const bool final = is_final(outcome.error());
      joining["trouble"] = outcome.error().reason;
      if (final) joining["state"] = "refused";
    } else {
      const std::string state = outcome->at("state").get<std::string>();
      joining["proposal"] = outcome->at("proposal");
      joining["trouble"] = "";
      if (state == "executed") {
        if (auto moved = move_in(joining, *outcome); !moved)
          log::warn("consortium.join", {{"chain", id}, {"error", moved.error().to_string()}});
        continue;
      }
      joining["state"] = state == "open" ? "proposed" : "refused";
      if (state != "open") joining["trouble"] = "consortium.join_" + state;
    }
    if (auto kept = keep(joining_files_, joinings_, id, joining); !kept)
      log::warn("consortium.join", {{"chain", id}, {"error", kept.error().to_string()}});
  }
}

}  // namespace chengxin::consortium
