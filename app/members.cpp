#include "members.h"

#include <future>

#include "base/clock.h"
#include "base/log.h"
#include "consortium/findings.h"
#include "format/protocol.h"

namespace chengxin::app {
namespace {

constexpr std::chrono::seconds kReceiptPatience{20};
constexpr const char* kUpgrade =
    "stop this node, put the newer chengxin and chengxin-engine in place, chengxin install seal, start it: "
    "docs/consortium.md, upgrading";

consortium::ServiceOptions service_options(const install::Installation& installation) {
  consortium::ServiceOptions options;
  options.folder = installation.data / "consortium";
  options.validator_key = installation.validator_key;
  options.service_key = installation.service_key.public_key().point();
  options.version = CHENGXIN_VERSION;
  options.now_ms = now_ms;
  return options;
}

// Why a chain makes no blocks here.
install::Finding ordering_finding(const std::string& chain, const Error& why) {
  install::Finding out = consortium::engine_finding(why);
  out.detail = chain + ": " + out.detail;
  if (why.reason == "order.no_quorum")
    out.advice = "nodes with more than a third of the weight do not answer: chengxin consortium status";
  else if (why.reason == "ledger.protocol_unknown")
    out.advice = kUpgrade;
  else if (!why.reason.starts_with("engine.") || why.reason == "engine.app_lost")
    out.advice = "the chain stopped on this node: mend what the detail names, then start the platform again";
  return out;
}

// What was voted for and lies ahead: there may be time to upgrade, and where too many have stopped none of
// the others gets as far as the block.
std::optional<install::Finding> protocol_finding(const ledger::Ledger& ledger) {
  const format::ProtocolChange protocol = ledger.head().protocol;
  if (protocol.version <= format::kNewestProtocol) return std::nullopt;
  return install::Finding{
      "ledger.protocol_unknown",
      fmt::format("{}: from block {} on it follows version {} of the protocol, this "
                  "program knows {}: it stops before that block",
                  ledger.genesis().name, protocol.from_height, protocol.version, format::kNewestProtocol),
      kUpgrade};
}

}  // namespace

Members::Members(const install::Installation& installation) : installation_(installation) {}

Members::~Members() { stop(); }

Result<comet::Engine*> Members::engine() {
  std::lock_guard lock(engine_mutex_);
  if (engine_) return engine_.get();
  comet::EngineOptions options;
  options.on_failed = [this](const Digest& chain, const Error& why) {
    if (comet::Replica* replica = find(chain)) replica->engine_failed(why);
  };
  options.on_twin = [this](const Digest& chain) {
    log::error("engine.twin", {{"chain", hex(chain)}, {"what", "another node votes with this node's key"}});
    std::lock_guard replicas(mutex_);
    twins_.insert(chain);
  };
  options.on_want_light_block = [this](const Digest& chain, uint64_t height, int,
                                       comet::GiveLightBlock give) {
    if (comet::Replica* replica = find(chain)) replica->want_light_block(height, std::move(give));
  };
  ASSIGN(engine_, comet::Engine::create(std::move(options)));
  return engine_.get();
}

Result<std::unique_ptr<order::Sequencer>> Members::sequencer_of(ledger::Ledger& ledger) {
  comet::ReplicaServices services;
  services.engine = [this] { return engine(); };
  services.keys = [this] {
    consortium::Service* service = serving_;
    return service ? service->signing_keys() : std::vector{installation_.validator_key};
  };
  services.members = [this](const Digest& chain, uint64_t height) -> std::optional<format::Consortium> {
    consortium::Service* service = serving_;
    auto record = service ? service->membership().find(chain) : std::nullopt;
    if (!record || record->height <= height) return std::nullopt;
    return std::move(record->consortium);
  };
  services.snapshots.behind = uint64_t(installation_.config.consortium_snapshot_behind);
  services.engine_keys = installation_.data / "consortium" / "engine-keys";
  services.sockets = installation_.data / "run";
  services.software = CHENGXIN_VERSION;
  services.now_ms = now_ms;
  services.on_consortium = [this](const Digest& chain) {
    if (consortium::Service* service = serving_) service->on_changed(chain);
  };
  const fs::path folder = installation_.data / "engine" / ledger.genesis().name;
  TRY(make_folder(folder));
  ASSIGN(auto replica, comet::Replica::start(ledger, folder, services));
  std::lock_guard turn(links_turn_);
  std::shared_ptr<link::Links> links;
  {
    std::lock_guard lock(mutex_);
    replicas_[ledger.id()] = replica.get();
    links = links_;
  }
  replica->set_links(std::move(links));
  return replica;
}

Status Members::begin(host::Host& host) {
  host_ = &host;
  auto options = service_options(installation_);
  options.on_links = [this](const std::shared_ptr<link::Links>& links) { on_links(links); };
  ASSIGN(service_, consortium::Service::open(std::move(options), *this));
  serving_ = service_.get();
  for (const LedgerPtr& chain : list()) service_->on_changed(chain->id());
  return {};
}

// Chains first: then nobody uses the links and the engines any more.
void Members::stop() {
  if (!host_) return;
  host_->stop();
  serving_ = nullptr;
  service_.reset();
  host_ = nullptr;
}

std::optional<uint16_t> Members::link_port() const {
  std::lock_guard lock(mutex_);
  return links_ ? std::optional(links_->port()) : std::nullopt;
}

void Members::on_links(const std::shared_ptr<link::Links>& links) {
  std::lock_guard turn(links_turn_);
  std::vector<comet::Replica*> replicas;
  {
    std::lock_guard lock(mutex_);
    links_ = links;
    for (const auto& [chain, replica] : replicas_) replicas.push_back(replica);
  }
  for (comet::Replica* replica : replicas) replica->set_links(links);
}

// They live as long as the host's chains, which outlive what asks here.
comet::Replica* Members::find(const Digest& chain) const {
  std::lock_guard lock(mutex_);
  auto found = replicas_.find(chain);
  return found == replicas_.end() ? nullptr : found->second;
}

std::vector<install::Finding> Members::findings() const {
  std::vector<install::Finding> out = service_->findings();
  for (const LedgerPtr& ledger : list()) {
    const std::string& name = ledger->genesis().name;
    comet::Replica* replica = find(ledger->id());
    const Status state = replica ? replica->state() : Status();
    if (!state && state.error().reason != "order.starting")
      out.push_back(ordering_finding(name, state.error()));
    if (state || state.error().reason != "ledger.protocol_unknown")
      if (auto ahead = protocol_finding(*ledger)) out.push_back(std::move(*ahead));
    if (replica && state && replica->replica_state().engine.silent)
      out.push_back(consortium::silent_finding(name));
    std::lock_guard lock(mutex_);
    if (twins_.contains(ledger->id())) out.push_back(consortium::twin_finding(name, "this node"));
  }
  std::error_code error;
  const fs::space_info space = fs::space(installation_.data, error);
  if (!error && space.available < consortium::kDiskNearlyFullBytes)
    out.push_back(consortium::disk_finding(installation_.data, space.available));
  return out;
}

std::vector<consortium::Chains::LedgerPtr> Members::list() const {
  std::vector<LedgerPtr> out;
  for (const host::ChainPtr& chain : host_->list())
    if (chain->ledger->genesis().consortium) out.emplace_back(chain, chain->ledger.get());
  return out;
}

Result<consortium::Chains::Outcome> Members::submit(const Digest& chain, Bytes envelope) {
  ASSIGN(host::ChainPtr held, host_->find(hex(chain)));
  auto told = std::make_shared<std::promise<Result<order::Committed>>>();
  auto outcome = told->get_future();
  TRY(held->admission->submit("consortium", {std::move(envelope), [told](Result<order::Committed> result) {
                                               told->set_value(std::move(result));
                                             }}));
  // A chain without a quorum, or one that this node was thrown out of, makes no block: a caller must not be
  // held.
  if (outcome.wait_for(kReceiptPatience) != std::future_status::ready)
    return fail(Code::unavailable, "order.outcome_unknown",
                "no block within {} s; see chengxin consortium proposals", kReceiptPatience.count());
  ASSIGN(order::Committed committed, outcome.get());
  ASSIGN(auto record, held->ledger->transaction(committed.transaction));
  return Outcome{record.receipt.status, committed.height, to_string(record.output)};
}

Status Members::start(std::string_view genesis) {
  ASSIGN(host::ChainPtr chain, host_->create_from(genesis));
  log::info("chain.created", {{"chain", chain->name}, {"id", hex(chain->ledger->id())}});
  return {};
}

Status Members::stop(const Digest& chain) {
  ASSIGN(host::ChainPtr held, host_->find(hex(chain)));
  held->stop();
  return {};
}

Result<consortium::EngineKeys> Members::engine_keys(const std::string& chain) {
  ASSIGN(comet::Engine * held, engine());
  const fs::path folder = installation_.data / "consortium" / "engine-keys" / chain;
  TRY(make_folder(folder.parent_path()));
  ASSIGN(auto keys, held->keys(folder, true));
  return consortium::EngineKeys{keys.validator, keys.id};
}

// Of the same connections as before: only who votes changes.
Result<consortium::EngineKeys> Members::next_engine_keys(const std::string& chain) {
  const fs::path all = installation_.data / "consortium" / "engine-keys", next = all / (chain + ".next");
  TRY(make_folder(next, 0700));
  std::error_code error;
  fs::copy_file(all / chain / "connection.json", next / "connection.json", fs::copy_options::skip_existing,
                error);
  if (error) return fail(Code::unavailable, "file.io", "{}: {}", next.string(), error.message());
  return engine_keys(chain + ".next");
}

consortium::Chains::State Members::state(const Digest& chain) const {
  comet::Replica* replica = find(chain);
  if (!replica) return {};
  const comet::ReplicaState now = replica->replica_state();
  State out;
  out.engine_height = std::max(now.engine.height, now.progress.engine_height);
  out.round = now.engine.round;
  out.peers = now.engine.peers.size();
  out.running = now.engine.port != 0;
  if (now.failure) out.trouble = now.failure->reason;
  return out;
}

}  // namespace chengxin::app
