#include <algorithm>

#include "consortium/impl/service.h"
#include "crypto/random.h"
#include "ledger/consortium.h"

// The side that invites. An invitation holds a certificate pair, keys included, that this organisation's root
// issued for nothing but asking to join: so links need no exception for roots that nobody knows.
namespace chengxin::consortium {
namespace {

constexpr int64_t kMaxInvitationMs = 90 * kDayMs;
constexpr size_t kMaxInvitations = 256;
constexpr std::string_view kFormat = "chengxin/invitation/v1";

tl::unexpected<Error> wrong_message(std::string_view what) {
  return fail(Code::invalid_argument, "consortium.message", "{}", what);
}

Status check_signature(const Json& with, const char* name, const crypto::Sm2Point& key, ByteView message) {
  ASSIGN(auto public_key, crypto::Sm2PublicKey::from_point(key));
  ASSIGN(Bytes signature, unhex(with.at(name).get<std::string>()));
  if (!public_key.verify(message, signature))
    return fail(Code::forbidden, "consortium.signature", "{} does not hold", name);
  return {};
}

// What a further node would be given now is of the root that goes.
tl::unexpected<Error> root_waits() {
  return fail(Code::conflict, "consortium.next_root_waits",
              "invite further nodes of the organisation after it");
}

bool expired(const Json& invitation, int64_t now_ms) { return invitation.at("expires_ms") <= now_ms; }

}  // namespace

Result<Bytes> signed_part(const Digest& chain, const crypto::Sm2Point& guest, const Json& value) {
  ASSIGN(std::string canonical, canonical_json(value));
  static constexpr char kTag[] = "chengxin/join/v1";
  Bytes out = to_bytes({reinterpret_cast<const uint8_t*>(kTag), sizeof kTag});
  append(out, chain);
  append(out, guest);
  append(out, view(canonical));
  return out;
}

Result<Json> ServiceImpl::invite(const Invite& what) {
  ASSIGN(Identity identity, own());
  if (!identity.governs())
    return fail(Code::forbidden, "consortium.not_governing", "the root that issues it is on another node");
  if (!format::valid_name(what.organisation))
    return fail(Code::invalid_argument, "consortium.names", "organisation: 1 to 40 of a-z 0-9 -");
  if (what.valid_ms <= 0 || what.valid_ms > kMaxInvitationMs)
    return fail(Code::invalid_argument, "consortium.invitation", "it may be valid for up to 90 days");
  {
    std::lock_guard lock(mutex_);
    if (invitations_.size() >= kMaxInvitations)
      return fail(Code::busy, "consortium.too_many_invitations", "{} are kept", invitations_.size());
  }
  ASSIGN(auto ledger, ledger_of(what.chain));
  ASSIGN(Record record, record_of(*ledger));
  ASSIGN(auto sign_key, crypto::Sm2PrivateKey::generate());
  ASSIGN(auto encrypt_key, crypto::Sm2PrivateKey::generate());
  const auto guest = sign_key.public_key().point();
  const std::string id = id_of(guest);
  const int64_t until = now() + what.valid_ms;
  ASSIGN(auto pair, issue_node(identity.authority(), {"guests", "guest", id, "guest:1"},
                               sign_key.public_key(), encrypt_key.public_key(), now(), what.valid_ms));
  ASSIGN(std::string sign_pem, sign_key.to_pem());
  ASSIGN(std::string encrypt_pem, encrypt_key.to_pem());
  const auto& names = identity.names();
  const bool further = what.organisation == names.organisation;
  if (further && next_root_waits(identity)) return root_waits();
  Json invitation = {{"format", kFormat},
                     {"chain", hex(ledger->id())},
                     {"genesis", ledger->genesis_document()},
                     {"organisation", what.organisation},
                     {"further_node", further},
                     {"inviter",
                      {{"organisation", names.organisation},
                       {"title", names.title},
                       {"node", names.node},
                       {"address", names.address},
                       {"key", hex(identity.key().public_key().point())},
                       {"root", base64(identity.root().der)},
                       {"governor_key", hex(identity.governor().public_key().point())}}},
                     {"guest",
                      {{"sign", base64(pair.sign.der)},
                       {"encrypt", base64(pair.encrypt.der)},
                       {"sign_key", sign_pem},
                       {"encrypt_key", encrypt_pem}}},
                     {"expires_ms", until}};
  ASSIGN(Bytes message, signed_part(ledger->id(), guest, invitation));
  ASSIGN(auto signature, identity.governor().sign(message));
  invitation["signature"] = hex(signature);
  TRY(keep(invitation_files_, invitations_, id,
           {{"id", id},
            {"chain", hex(ledger->id())},
            {"chain_name", record.name},
            {"organisation", what.organisation},
            {"further_node", further},
            {"guest_key", hex(guest)},
            {"expires_ms", until},
            {"state", "open"}}));
  tell_guests();
  return Json{{"id", id}, {"expires_ms", until}, {"invitation", std::move(invitation)}};
}

// Those whose invitation holds now; old ones are forgotten.
void ServiceImpl::tell_guests() {
  std::vector<crypto::Sm2Point> keys;
  std::lock_guard lock(mutex_);
  for (auto each = invitations_.begin(); each != invitations_.end();) {
    if (expired(each->second, now())) {
      invitation_files_.remove(each->first);
      each = invitations_.erase(each);
      continue;
    }
    auto key = point_in(each->second, "guest_key");
    if (key && each->second.at("state") != "cancelled") keys.push_back(*key);
    ++each;
  }
  membership_->set_guests(std::move(keys));
}

Result<Json> ServiceImpl::invitations() {
  std::lock_guard lock(mutex_);
  Json items = Json::array();
  for (const auto& [id, each] : invitations_)
    items.push_back({{"id", id},
                     {"chain", each.at("chain_name")},
                     {"organisation", each.at("organisation")},
                     {"expires_ms", each.at("expires_ms")},
                     {"state", each.at("state")},
                     {"node", each.value("node_name", "")},
                     {"proposal", each.value("proposal", uint64_t(0))}});
  return Json{{"items", std::move(items)}};
}

Result<Json> ServiceImpl::cancel_invitation(const std::string& id) {
  Json invitation;
  {
    std::lock_guard lock(mutex_);
    auto found = invitations_.find(id);
    if (found == invitations_.end()) return fail(Code::not_found, "consortium.no_invitation", "{}", id);
    invitation = found->second;
  }
  invitation["state"] = "cancelled";
  TRY(keep(invitation_files_, invitations_, id, invitation));
  refresh();
  return Json{{"id", id}, {"state", "cancelled"}};
}

// What became of the proposal that an invitation led to, and what the newcomer needs when it passed.
Result<Json> ServiceImpl::join_outcome(const Json& invitation) {
  ASSIGN(auto ledger, ledger_of(invitation.at("chain").get<std::string>()));
  ASSIGN(Record record, record_of(*ledger));
  const uint64_t number = invitation.at("proposal").get<uint64_t>();
  Json out = {{"proposal", number}, {"state", "expired"}, {"reason", ""}};
  ASSIGN(auto all, ledger::proposals_of(*ledger));
  for (const auto& each : all)
    if (each.number == number) {
      out["state"] = format::state_name(each.state);
      out["reason"] = each.reason;
    }
  ASSIGN(auto key, point_in(invitation, "node_key"));
  if (record.consortium.find_node(key)) {  // also when the proposal is long forgotten
    out["state"] = "executed";
    out["consortium"] = record.consortium.encode();
    out["height"] = record.height;
    if (invitation.contains("grant")) out["grant"] = invitation.at("grant");
  }
  return out;
}

Result<Json> ServiceImpl::answer_join(const link::Peer& peer, const Json& with) {
  const std::string id = id_of(peer.key);
  Json invitation;
  {
    std::lock_guard lock(mutex_);
    auto found = invitations_.find(id);
    if (found == invitations_.end() || expired(found->second, now()))
      return fail(Code::forbidden, "consortium.invitation_expired", "{}", id);
    invitation = found->second;
  }
  ASSIGN(auto node, format::read_node(with.at("node")));
  if (invitation.at("state") == "used") {
    if (invitation.at("node_key") != hex(node.key))
      return fail(Code::forbidden, "consortium.invitation_used", "by the node {}",
                  invitation.at("node_name").get<std::string>());
    return join_outcome(invitation);
  }
  ASSIGN(Identity identity, own());
  ASSIGN(auto ledger, ledger_of(invitation.at("chain").get<std::string>()));
  ASSIGN(Record record, record_of(*ledger));
  ASSIGN(Bytes node_message, signed_part(ledger->id(), peer.key, with.at("node")));
  TRY(check_signature(with, "node_signature", node.key, node_message));
  if (node.organisation != invitation.at("organisation"))
    return fail(Code::forbidden, "consortium.invitation", "it is for {}",
                invitation.at("organisation").get<std::string>());
  std::vector<format::Action> actions;
  if (invitation.at("further_node").get<bool>()) {
    if (!identity.governs()) return wrong_message("this node does not govern its organisation");
    if (next_root_waits(identity)) return root_waits();
    ASSIGN(auto key, crypto::Sm2PublicKey::from_point(node.key));
    ASSIGN(auto encrypt_point, point_in(with, "encrypt_key"));
    ASSIGN(auto encrypt_key, crypto::Sm2PublicKey::from_point(encrypt_point));
    const Names names{node.organisation, identity.names().title, node.name, node.address};
    ASSIGN(auto pair, issue_node(identity.authority(), names, key, encrypt_key, now()));
    invitation["grant"] = {{"sign", base64(pair.sign.der)}, {"encrypt", base64(pair.encrypt.der)}};
  } else {
    ASSIGN(auto organisation, format::read_organisation(with.at("organisation")));
    ASSIGN(Bytes message, signed_part(ledger->id(), peer.key, with.at("organisation")));
    TRY(check_signature(with, "organisation_signature", organisation.governor_key, message));
    const auto* known = record.consortium.find_organisation(organisation.name);
    if (organisation.name != node.organisation) return wrong_message("a node of another organisation");
    if (known && *known != organisation)
      return fail(Code::conflict, "consortium.organisation_exists", "{}", organisation.name);
    if (!known) actions.push_back(format::AddOrganisation{std::move(organisation)});
  }
  actions.push_back(format::AddNode{node});
  ASSIGN(Json proposed,
         propose_on(*ledger, {std::move(actions), "invited by " + identity.names().organisation}));
  invitation["state"] = "used";
  invitation["node_key"] = hex(node.key);
  invitation["node_name"] = node.name;
  invitation["proposal"] = proposed.at("proposal");
  TRY(keep(invitation_files_, invitations_, id, invitation));
  return join_outcome(invitation);
}

}  // namespace chengxin::consortium
