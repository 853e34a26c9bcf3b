#include <arpa/inet.h>

#include <algorithm>

#include "base/log.h"
#include "consortium/impl/service.h"
#include "crypto/random.h"
#include "ledger/consortium.h"

namespace chengxin::consortium {
namespace {

constexpr link::Topic kMember{{}, link::Purpose::member};
constexpr int64_t kStatusEveryMs = 60'000;
constexpr int kBehindStepMs = 20;

Error refusal_of(const Chains::Outcome& outcome) {
  const auto status = format::ReceiptStatus(outcome.status);
  const Code code = status == format::ReceiptStatus::forbidden       ? Code::forbidden
                    : status == format::ReceiptStatus::bad_arguments ? Code::invalid_argument
                                                                     : Code::conflict;
  return {code, outcome.output, fmt::format("in block {}", outcome.height)};
}

// A loopback address is meant for this machine: nothing else is listened on then.
std::string listen_of(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  in_addr v4{};
  const bool loopback =
      (host.starts_with("127.") && ::inet_pton(AF_INET, host.c_str(), &v4) == 1) || host == "[::1]";
  return loopback ? address : "0.0.0.0" + address.substr(host.size());
}

// Of no proposal that may be voted on: no block is made to say so. One that was just made elsewhere may be a
// block away.
Status check_open(const ledger::Ledger& ledger, uint64_t number, int behind_ms) {
  for (int waited = 0;; waited += kBehindStepMs) {
    ASSIGN(auto all, ledger::proposals_of(ledger));
    uint64_t last = 0;
    for (const auto& each : all) {
      last = std::max(last, each.number);
      if (each.number == number && each.state == format::ProposalState::open) return {};
    }
    if (number <= last || waited >= behind_ms)
      return fail(Code::conflict, "consortium.not_open", "{} on {}, at block {} here", number,
                  ledger.genesis().name, ledger.head().header.height);
    std::this_thread::sleep_for(std::chrono::milliseconds(kBehindStepMs));
  }
}

std::string random_id() {
  std::array<uint8_t, 8> bytes;
  crypto::random_fill(bytes);
  return hex(bytes);
}

// Whether the last block that replaced a key is certified: more than two thirds hold it then, so that those
// who do not know the new key yet can learn of it from others than the node that has it.
bool known_to_most(const ledger::Ledger& ledger, const Record& record) {
  uint64_t replaced = 0;
  for (const format::Revoked& each : record.revocations.entries)
    if (each.replaced) replaced = std::max(replaced, each.height);
  return ledger.head().certified_height >= replaced;
}

}  // namespace

std::string id_of(const crypto::Sm2Point& key) { return hex(format::key_id(key)); }

Result<crypto::Sm2Point> point_in(const Json& json, const char* name) {
  ASSIGN(Bytes bytes, unhex(json.at(name).get<std::string>()));
  ASSIGN(auto key, crypto::Sm2PublicKey::from_point(bytes));
  return key.point();
}

Result<crypto::Certificate> certificate_in(const Json& json, const char* name) {
  ASSIGN(Bytes der, unbase64(json.at(name).get<std::string>()));
  return crypto::Certificate::from_der(der);
}

Result<std::unique_ptr<Service>> Service::open(ServiceOptions options, Chains& chains) {
  auto service = std::make_unique<ServiceImpl>(std::move(options), chains);
  TRY(service->begin());
  return std::unique_ptr<Service>(std::move(service));
}

ServiceImpl::ServiceImpl(ServiceOptions options, Chains& chains)
    : options_(std::move(options)),
      chains_(chains),
      instance_(random_id()),
      invitation_files_(options_.folder / "invitations"),
      joining_files_(options_.folder / "joinings"),
      offer_files_(options_.folder / "offers"),
      chain_files_(options_.folder / "chains") {}

ServiceImpl::~ServiceImpl() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread* each : {&follower_, &rounds_})
    if (each->joinable()) each->join();
  {
    std::lock_guard turn(links_turn_);
    drop_links();
  }
  answering_.reset();
}

Status ServiceImpl::begin() {
  auto identity = Identity::open(options_.folder, options_.validator_key);
  if (identity)
    identity_ = std::move(*identity);
  else if (identity.error().reason != "consortium.no_identity")
    return tl::unexpected(identity.error());
  ASSIGN(invitations_, invitation_files_.all());
  ASSIGN(joinings_, joining_files_.all());
  ASSIGN(offers_, offer_files_.all());
  ASSIGN(kept_chains_, chain_files_.all());
  TRY(know_kept_chains());
  answering_ = std::make_unique<Answering>([this](const link::Peer& peer, const std::string& call,
                                                  const Json& with) { return answer(peer, call, with); });
  refresh();
  keep_links();
  follower_ = std::thread([this] { follow(); });
  rounds_ = std::thread([this] { run(); });
  return {};
}

Status ServiceImpl::open_links() {
  std::lock_guard turn(links_turn_);
  ASSIGN(Identity identity, own());
  drop_links();
  membership_->set_own({identity.root()}, identity.crls());  // before anybody comes with an invitation
  link::Options links = options_.links;
  links.same_node = [members = membership_](const auto&... which) { return members->same_node(which...); };
  links.listen = options_.listen.empty() ? listen_of(identity.names().address) : options_.listen;
  ASSIGN(auto opened, options_.start_links(
                          identity.credentials(),
                          [members = membership_](const link::Topic& topic) { return members->trust(topic); },
                          [members = membership_](const link::Topic& topic, const link::Peer& peer) {
                            return members->admits(topic, peer);
                          },
                          links));
  opened->serve(kMember, answering_->handlers());
  std::shared_ptr<link::Links> shared = std::move(opened);
  {
    std::lock_guard lock(mutex_);
    links_ = shared;
    links_trouble_.reset();
  }
  options_.on_links(shared);
  return {};
}

// A port that is taken or a certificate that has expired keeps nobody from reading this node or mending it.
void ServiceImpl::keep_links() {
  if (!own() || links()) return;
  const Status opened = open_links();
  if (opened) return;
  std::lock_guard lock(mutex_);
  if (!(links_trouble_ && links_trouble_->detail == opened.error().detail))
    log::error("consortium.links", {{"reason", opened.error().reason}, {"detail", opened.error().detail}});
  links_trouble_ = opened.error();
}

void ServiceImpl::drop_links() {
  std::shared_ptr<link::Links> old;
  {
    std::lock_guard lock(mutex_);
    old.swap(links_);
  }
  if (old) options_.on_links(nullptr);
}

std::shared_ptr<link::Links> ServiceImpl::links() const {
  std::lock_guard lock(mutex_);
  return links_;
}

Result<Identity> ServiceImpl::own() const {
  std::lock_guard lock(mutex_);
  if (!identity_)
    return fail(Code::not_found, "consortium.no_identity", "make one with chengxin consortium init, or join");
  return *identity_;
}

std::vector<crypto::Sm2PrivateKey> ServiceImpl::signing_keys() const {
  std::lock_guard lock(mutex_);
  if (!identity_) return {options_.validator_key};
  return identity_->signing_keys();
}

Result<Chains::LedgerPtr> ServiceImpl::ledger_of(std::string_view name_or_id) const {
  for (const auto& ledger : chains_.list())
    if (ledger->genesis().name == name_or_id || hex(ledger->id()) == name_or_id) return ledger;
  return fail(Code::not_found, "chain.not_found", "{}", name_or_id);
}

Status ServiceImpl::keep(Files& files, Documents& documents, const std::string& name, Json value) {
  TRY(files.put(name, value));
  std::lock_guard lock(mutex_);
  documents[name] = std::move(value);
  return {};
}

void ServiceImpl::on_changed(const Digest&) {
  {
    std::lock_guard lock(mutex_);
    refresh_wanted_ = round_wanted_ = true;
  }
  changed_.notify_all();
}

// Apart from the rounds, which wait for other nodes: a node that was revoked loses its links at once.
void ServiceImpl::follow() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return refresh_wanted_ || stopping_; });
    if (stopping_) return;
    refresh_wanted_ = false;
    lock.unlock();
    refresh();
    lock.lock();
  }
}

void ServiceImpl::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, std::chrono::milliseconds(options_.tick_ms),
                      [&] { return round_wanted_ || stopping_; });
    if (stopping_) return;
    round_wanted_ = false;
    lock.unlock();
    tick();
    lock.lock();
  }
}

void ServiceImpl::tick() {
  std::lock_guard turn(turn_);
  try {
    refresh();
    keep_links();
    begin_lost_chains();
    advance_joinings();
    advance_offers();
    look_around();
  } catch (const std::exception& error) {  // a file of ours that is not as we write it
    log::error("consortium.tick", {{"error", error.what()}});
  }
}

// What findings() knows of other nodes.
void ServiceImpl::look_around() {
  if (now() < next_look_ms_) return;
  next_look_ms_ = now() + kStatusEveryMs;
  for (const auto& ledger : chains_.list())
    if (auto seen = rows(*ledger); !seen && seen.error().reason != "consortium.none")
      log::warn("consortium.status",
                {{"chain", ledger->genesis().name}, {"error", seen.error().to_string()}});
  log_findings();
}

// Members as the chains have them now; links that they do not cover are cut.
void ServiceImpl::refresh() {
  // Its own organisation's next root is good here from when it was given: this node may have missed the vote.
  std::optional<format::ReplaceRoot> given;
  if (auto identity = own(); identity && identity->next_root())
    given = format::ReplaceRoot{identity->names().organisation, identity->next_root()->der};
  for (const auto& ledger : chains_.list()) {
    auto record = record_of(*ledger);
    if (record) {
      keep_chain(*ledger, *record);
      if (given) record->proposed_roots.push_back(*given);
      membership_->set(std::move(*record));
    } else if (record.error().reason != "consortium.none") {
      log::error("consortium.record",
                 {{"chain", ledger->genesis().name}, {"error", record.error().to_string()}});
    }
  }
  {
    std::lock_guard lock(mutex_);
    if (identity_) membership_->set_own({identity_->root()}, identity_->crls());
  }
  tell_guests();
  if (auto status = follow_own_record(); !status)
    log::error("consortium.own_record", {{"error", status.error().to_string()}});
  if (auto open = links()) open->recheck();
}

// What was voted on is taken up once every chain of this node names it; a chain that does not name the node
// any more is stopped here.
Status ServiceImpl::follow_own_record() {
  auto identity = own();
  if (!identity) return {};
  const crypto::Sm2Point next = identity->signing_keys().back().public_key().point();
  bool key = identity->has_next_key(), governor = identity->has_next_governor();
  // Of a chain that has another root this node is a member under that one only: never before all have it.
  bool root = identity->next_root().has_value();
  std::set<std::string> addresses;
  for (const auto& ledger : chains_.list()) {
    auto record = record_of(*ledger);
    if (!record) continue;
    const format::Node* node = record->consortium.find_node(identity->names().node);
    if (!node || node->organisation != identity->names().organisation) {
      // Not yet here, or not any more: a ledger that has just begun has not come to where it was added.
      const auto known = membership_->find(record->chain);
      const bool named = known && known->consortium.find_node(identity->names().node);
      if (known && known->height <= record->height && !named) TRY(chains_.stop(record->chain));
      root = root && !named;
      continue;
    }
    addresses.insert(node->address);
    key = key && node->key == next && known_to_most(*ledger, *record);
    const auto* organisation = record->consortium.find_organisation(node->organisation);
    governor = governor && organisation->governor_key == identity->next_governor().public_key().point();
    root = root && organisation->root_certificate == identity->next_root()->der;
  }
  if (addresses.empty()) return {};
  const bool moved = addresses.size() == 1 && *addresses.begin() != identity->names().address;
  {
    std::lock_guard lock(mutex_);
    if (governor) TRY(identity_->take_governor());
    if (key) TRY(identity_->take_next_key(now()));
    if (root) TRY(identity_->take_next_root(now()));
    if (moved) TRY(identity_->set_address(*addresses.begin()));
  }
  if (!key && !moved && !root) return {};
  ASSIGN(identity, own());
  log::info("consortium.identity",
            {{"key", hex(next)}, {"address", *addresses.begin()}, {"root", identity->root().subject_text()}});
  return open_links();
}

Result<Identity> ServiceImpl::governing() const {
  ASSIGN(Identity identity, own());
  if (identity.governs()) return identity;
  return fail(Code::forbidden, "consortium.not_governing",
              "the organisation's governor key is on another node");
}

Result<crypto::Sm2PrivateKey> ServiceImpl::governor_on(const ledger::Ledger& ledger) const {
  ASSIGN(Identity identity, governing());
  ASSIGN(auto consortium, ledger::consortium_of(ledger));
  // Between a vote on a new governor key and its taking up either may be the one.
  if (identity.has_next_governor() && consortium.find_governor(identity.next_governor().public_key().point()))
    return identity.next_governor();
  return identity.governor();
}

Result<Json> ServiceImpl::govern(const ledger::Ledger& ledger, std::string_view method, Bytes arguments) {
  ASSIGN(const crypto::Sm2PrivateKey key, governor_on(ledger));
  format::TransactionBody body;
  body.chain = ledger.id();
  body.signer = format::key_id(key.public_key().point());
  body.valid_from_ms = uint64_t(now() - 60'000);
  body.valid_until_ms = uint64_t(now() + 120'000);
  crypto::random_fill(body.nonce);
  body.calls = {{"consortium", std::string(method), std::move(arguments)}};
  ASSIGN(Bytes envelope, format::sign_transaction(body, key, {}));
  ASSIGN(auto outcome, chains_.submit(ledger.id(), std::move(envelope)));
  if (outcome.status != uint32_t(format::ReceiptStatus::accepted)) return tl::unexpected(refusal_of(outcome));
  on_changed(ledger.id());
  Json out = {{"height", outcome.height}};
  if (auto output = parse_json(outcome.output); output && output->is_object()) out.update(*output);
  return out;
}

Result<Json> ServiceImpl::propose_on(const ledger::Ledger& ledger, const format::Propose& what) {
  return govern(ledger, "propose", what.encode());
}

Result<Json> ServiceImpl::identity() {
  ASSIGN(Identity identity, own());
  const auto& names = identity.names();
  Json chains = Json::array();
  for (const Record& record : membership_->all())
    chains.push_back({{"name", record.name}, {"id", hex(record.chain)}});
  Json out = {{"organisation", names.organisation},
              {"title", names.title},
              {"node", names.node},
              {"address", names.address},
              {"key", hex(identity.key().public_key().point())},
              {"governs", identity.governs()},
              {"root", identity.root().subject_text()},
              {"certificate_serial", hex(identity.sign_certificate().serial)},
              {"certificate_until_ms", identity.sign_certificate().not_after_ms},
              {"chains", std::move(chains)}};
  if (auto open = links()) out["port"] = open->port();
  return out;
}

Result<Json> ServiceImpl::revoke_certificates(const std::vector<Bytes>& serials) {
  ASSIGN(auto crl, change_own([&](Identity& own) { return own.revoke(serials, now()); }));
  refresh();
  Json published = Json::array();
  for (const auto& ledger : chains_.list()) {
    auto record = record_of(*ledger);
    if (!record) continue;
    auto outcome = govern(*ledger, "publish_crl", crl.der);
    published.push_back({{"chain", record->name}, {"reason", outcome ? "" : outcome.error().reason}});
  }
  return Json{{"revoked", crl.revoked.size()}, {"published", std::move(published)}};
}

Result<Json> ServiceImpl::rotate_key() {
  ASSIGN(auto point, change_own([&](Identity& own) { return own.prepare_key(now()); }));
  ASSIGN(const Identity identity, own());
  const format::ReplaceNodeKeys action{identity.names().node, point, {}, {}, {}};
  return propose_everywhere([&](const auto&) { return action; });
}

Result<Json> ServiceImpl::rotate_governor() {
  ASSIGN(auto point, change_own([](Identity& own) { return own.prepare_governor(); }));
  ASSIGN(const Identity identity, own());
  const format::ReplaceGovernor action{identity.names().organisation, point};
  return propose_everywhere([&](const auto&) { return action; });
}

Result<Json> ServiceImpl::rotate_engine_keys() {
  ASSIGN(Identity identity, own());
  return propose_everywhere([&](const std::string& chain) -> Result<format::Action> {
    ASSIGN(const EngineKeys next, chains_.next_engine_keys(chain));
    return format::ReplaceNodeKeys{identity.names().node, {}, {}, next.key, {}};
  });
}

Result<Json> ServiceImpl::propose_everywhere(const ActionOf& action) {
  Json out = Json::array();
  for (const auto& ledger : chains_.list()) {
    if (!record_of(*ledger)) continue;
    auto proposed = action(ledger->genesis().name);
    auto outcome = proposed ? propose_on(*ledger, {{std::move(*proposed)}, "a new key"})
                            : Result<Json>(tl::unexpected(proposed.error()));
    Json row =
        outcome ? *outcome : Json{{"reason", outcome.error().reason}, {"detail", outcome.error().detail}};
    row["chain"] = ledger->genesis().name;
    out.push_back(std::move(row));
  }
  return Json{{"items", std::move(out)}};
}

Result<Json> ServiceImpl::show(std::string_view chain) {
  ASSIGN(auto ledger, ledger_of(chain));
  ASSIGN(Record record, record_of(*ledger));
  ASSIGN(auto protocol, ledger::protocol_of(*ledger));
  ASSIGN(Json consortium, parse_json(record.consortium.encode()));
  return Json{{"chain", record.name},
              {"id", hex(record.chain)},
              {"height", record.height},
              {"votes_needed", record.consortium.votes_needed()},
              {"consortium", std::move(consortium)},
              {"protocol",
               {{"version", protocol ? protocol->version : 1},
                {"from_height", protocol ? protocol->from_height : 0}}},
              {"revocations", record.revocations.json()}};
}

Result<Json> ServiceImpl::proposals(std::string_view chain) {
  ASSIGN(auto ledger, ledger_of(chain));
  ASSIGN(auto consortium, ledger::consortium_of(*ledger));
  ASSIGN(auto all, ledger::proposals_of(*ledger));
  Json items = Json::array();
  for (auto each = all.rbegin(); each != all.rend(); ++each) items.push_back(each->json());
  return Json{{"items", std::move(items)},
              {"votes_needed", consortium.votes_needed()},
              {"organisations", consortium.organisations.size()}};
}

Result<Json> ServiceImpl::propose(std::string_view chain, const format::Propose& what) {
  ASSIGN(auto ledger, ledger_of(chain));
  ASSIGN(auto before, ledger::consortium_of(*ledger));
  ASSIGN(Json out, propose_on(*ledger, what));
  Json list = Json::array();
  for (const auto& found : {warnings(before, preview(before, what.actions)), unknown_here(what.actions)})
    for (const Warning& warning : found)
      list.push_back({{"reason", warning.reason}, {"detail", warning.detail}});
  out["warnings"] = std::move(list);
  return out;
}

Result<Json> ServiceImpl::vote(std::string_view chain, uint64_t proposal, bool yes) {
  ASSIGN(auto ledger, ledger_of(chain));
  TRY(governing());
  TRY(check_open(*ledger, proposal, options_.behind_ms));
  return govern(*ledger, "vote", format::VoteOn{proposal, yes}.encode());
}

Result<Json> ServiceImpl::withdraw(std::string_view chain, uint64_t proposal) {
  ASSIGN(auto ledger, ledger_of(chain));
  TRY(governing());
  TRY(check_open(*ledger, proposal, options_.behind_ms));
  return govern(*ledger, "withdraw", format::Withdraw{proposal}.encode());
}

Result<Json> ServiceImpl::answer(const link::Peer& peer, const std::string& call, const Json& with) {
  if (membership_->is_guest(peer.key)) {
    if (call == "join") return answer_join(peer, with);
    return fail(Code::forbidden, "link.not_a_member", "an invitation is for joining only");
  }
  if (!membership_->is_member(peer)) return fail(Code::forbidden, "link.not_a_member", "{}", peer.address);
  if (call == "offer") return answer_offer(peer, with);
  if (call == "accepted") return answer_accepted(peer, with);
  if (call == "found") return answer_found(peer, with);
  if (call == "cancel") return answer_cancel(peer, with);
  if (call == "status") return answer_status(peer, with);
  if (call == "certificates") return answer_certificates(peer, with);
  if (call == "encrypt_key") return answer_encrypt_key(peer);
  if (call == "next_root") return answer_next_root(peer, with);
  return fail(Code::unsupported, "consortium.message", "no such call: {}", call);
}

}  // namespace chengxin::consortium
