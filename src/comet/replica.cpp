#include "comet/replica.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "abci/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "comet/impl/proven_members.h"
#include "comet/impl/wishes.h"

namespace chengxin::comet {
namespace {

constexpr int kFirstPauseMs = 500, kLongestPauseMs = 5'000;
constexpr int kClockPauseMs = 3'000;
constexpr auto kLookEvery = std::chrono::seconds(5);  // whether a snapshot is needed
constexpr int kMembersMs = 3'000, kLightBlockMs = 4'000;
constexpr int64_t kYoungMs = 30'000;  // a chain of that age has no past that could be asked for
constexpr uint64_t kNextTo = 2;       // heights that nodes may be apart in the course of things

std::vector<EngineValidator> engine_validators(const format::Consortium& consortium) {
  std::vector<EngineValidator> out;
  for (const format::Node& node : consortium.nodes)
    if (node.role == format::NodeRole::voter) out.push_back({node.engine_key, node.weight, node.name});
  return out;
}

EngineGenesis engine_genesis(const ledger::Ledger& ledger) {
  EngineGenesis genesis;
  genesis.chain = ledger.id();
  genesis.time_ms = ledger.genesis().created_ms;
  genesis.validators = engine_validators(*ledger.genesis().consortium);
  return genesis;
}

Result<format::Consortium> recorded_members(const ledger::Ledger& ledger) {
  ASSIGN(auto record, ledger.state(format::kConsortiumKey));
  if (!record) return fail(Code::invalid_argument, "comet.no_consortium", "{}", ledger.genesis().name);
  return format::Consortium::decode(text(*record));
}

link::Address address_of(const std::string& text) {
  const size_t colon = text.rfind(':');
  return {text.substr(0, colon), uint16_t(std::strtoul(text.c_str() + colon + 1, nullptr, 10))};
}

class ReplicaImpl final : public Replica {
 public:
  ReplicaImpl(ledger::Ledger& ledger, fs::path folder, const ReplicaServices& services)
      : ledger_(ledger),
        folder_(std::move(folder)),
        services_(services),
        wishes_([this](uint64_t height) { return ask_light_block(height); }) {}

  ~ReplicaImpl() override { stop(); }

  Status open() {
    TRY(recorded_members(ledger_));
    ASSIGN(pool_, Pool::open(
                      ledger_, folder_ / "pool", services_.now_ms, [this] { wake(); }, services_.pool));
    sequencer_ = make_sequencer(*pool_);
    ApplicationOptions application = services_.application;
    application.members = [this] { return told_members(); };
    application.on_snapshot_step = [this] { stepped_ns_ = steady_ns(); };
    ASSIGN(application_,
           make_application(
               ledger_, *pool_, services_.keys, [this](const Decided& decided) { on_decided(decided); },
               std::move(application)));
    if (services_.around) application_ = services_.around(std::move(application_));
    const fs::path socket = services_.sockets / (hex(ledger_.id()).substr(0, 16) + ".sock");
    ASSIGN(server_,
           abci::Server::start(socket, *application_, [this](const Error& why) { engine_failed(why); }));
    socket_ = socket;

    if (auto at = progress(ledger_)) engine_height_ = at->engine_height;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  Status submit(ledger::AdmittedTransaction transaction, order::OnOutcome on_outcome) override {
    return sequencer_->submit(std::move(transaction), std::move(on_outcome));
  }
  void submit_many(std::vector<order::Submission> submissions) override {
    sequencer_->submit_many(std::move(submissions));
  }
  Status state() const override {
    {
      std::lock_guard lock(mutex_);
      if (failure_) return tl::unexpected(*failure_);
    }
    return sequencer_->state();
  }
  void subscribe(order::OnBlock on_block) override { sequencer_->subscribe(std::move(on_block)); }

  void set_links(std::shared_ptr<link::Links> links) override {
    std::lock_guard lock(links_mutex_);
    disconnect();
    links_ = std::move(links);
    if (links_) connect();
    follow_soon();
  }

  void engine_failed(const Error& why) override {
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || halted_) return;  // what an engine says of its end does not hide why it ended
      failure_ = why;
      if (why.reason == "engine.state_sync") {  // nothing was decided, it may be tried again
        port_ = 0;
        return;
      }
      if (why.reason == "engine.clock_behind") {
        port_ = 0;
        clock_behind_ = true;
        changed_.notify_all();
        return;
      }
      halted_ = true;
    }
    sequencer_->halt(why);
  }

  void want_light_block(uint64_t height, GiveLightBlock give) override {
    wishes_.add(height, std::move(give));
  }

  ReplicaState replica_state() const override {
    ReplicaState out;
    out.chain = ledger_.id();
    {
      std::lock_guard lock(mutex_);
      out.failure = failure_;
    }
    if (Engine* engine = engine_)
      if (auto status = engine->status(ledger_.id())) out.engine = std::move(*status);
    if (auto at = progress(ledger_)) out.progress = std::move(*at);
    out.pool = pool_->counts();
    out.catching_up = out.engine.catching_up;
    out.taking_snapshot = beginning_;
    if (auto peers = this->peers()) {
      out.peers = peers->states();
      out.catching_up |= peers->catching_up();
    }
    return out;
  }

  // What was accepted first, then the engine, then what it asks.
  void stop() override {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(stopping_, true)) return;
      changed_.notify_all();
    }
    if (sequencer_) sequencer_->stop();
    if (thread_.joinable()) thread_.join();
    if (Engine* engine = engine_) (void)engine->stop(ledger_.id());
    {
      std::lock_guard lock(links_mutex_);
      disconnect();
    }
    wishes_.stop();
    server_.reset();
  }

 private:
  struct Tunnelled {
    format::Node node;
    link::Links::Tunnel tunnel;
  };

  std::optional<format::Consortium> told_members() const {
    if (!services_.members) return std::nullopt;
    return services_.members(ledger_.id(), ledger_.head().header.height);
  }
  Result<format::Consortium> known_members() const {
    if (auto told = told_members()) return std::move(*told);
    return recorded_members(ledger_);
  }

  const format::Node* own_node(const format::Consortium& members) const {
    for (const crypto::Sm2PrivateKey& key : services_.keys())
      if (const format::Node* node = members.find_node(key.public_key().point())) return node;
    return nullptr;
  }

  void wake() {
    if (Engine* engine = engine_) engine->wake(ledger_.id());
  }

  // On the engine's thread.
  void on_decided(const Decided& decided) {
    engine_height_ = decided.engine_height;
    beginning_ = by_blocks_ = false;
    if (decided.consortium_changed) services_.on_consortium(ledger_.id());
    if (decided.ledger_height != 0) {
      if (auto peers = this->peers()) peers->decided();
      sequencer_->announce(decided.ledger_height);
    }
    // A changed engine key votes from the engine height after the next.
    if (std::exchange(follow_again_, decided.consortium_changed) || decided.consortium_changed) follow_soon();
  }

  void follow_soon() {
    std::lock_guard lock(mutex_);
    members_changed_ = true;
    changed_.notify_all();
  }

  std::shared_ptr<LinkPeers> peers() const {
    std::lock_guard lock(mutex_);
    return peers_;
  }

  static std::vector<Member> peers_of(const format::Consortium& members) {
    std::vector<Member> out;
    for (const format::Node& node : members.nodes)
      out.push_back({node.name, node.key, address_of(node.address)});
    return out;
  }

  // Both under links_mutex_.
  void connect() {
    Self self;
    std::vector<Member> all;
    if (auto members = known_members())
      if (const format::Node* own = own_node(*members)) {
        self.key = own->key;
        all = peers_of(*members);
      }
    linked_key_ = self.key;
    self.software = services_.software;
    self.now_ms = services_.now_ms;
    self.engine_height = [this] { return engine_height_.load(); };
    self.light_block = [this](uint64_t height) -> std::optional<Bytes> {
      Engine* engine = engine_;
      auto block =
          engine ? engine->light_block(ledger_.id(), height) : fail(Code::unavailable, "engine.not_running");
      return block ? std::optional(std::move(*block)) : std::nullopt;
    };
    auto peers = LinkPeers::start(*links_, ledger_, *pool_, std::move(self), services_.peers);
    // Now, and not when the members are followed: an engine that starts may wait for what only peers hold.
    peers->set_members(std::move(all));
    std::lock_guard lock(mutex_);
    peers_ = std::move(peers);
    if (port_ != 0) links_->serve_engine(ledger_.id(), port_);
  }
  void disconnect() {
    if (!links_) return;
    std::shared_ptr<LinkPeers> peers;
    {
      std::lock_guard lock(mutex_);
      peers = std::move(peers_);
    }
    if (peers) peers->stop();
    links_->stop_serving_engine(ledger_.id());
    std::vector<EngineId> gone;
    for (const auto& [key, each] : tunnels_) gone.push_back(each.node.engine_id);
    tunnels_.clear();
    if (running() && !gone.empty()) (void)engine_.load()->set_peers(ledger_.id(), {}, std::move(gone));
  }

  bool running() const {
    std::lock_guard lock(mutex_);
    return port_ != 0;
  }

  // Starts the engine, again after a pause when that fails, and follows the members.
  void run() {
    int pause_ms = kFirstPauseMs;
    for (;;) {
      Status done = follow_members();
      if (done) done = take_voted_key();
      if (done && running() && needs_snapshot()) done = stop_engine();
      if (done && !running() && !halted_) done = start_engine();
      std::unique_lock lock(mutex_);
      if (done) {
        pause_ms = kFirstPauseMs;
        changed_.wait_for(lock, kLookEvery, [&] { return stopping_ || members_changed_ || clock_behind_; });
        if (std::exchange(clock_behind_, false))
          changed_.wait_for(lock, std::chrono::milliseconds(kClockPauseMs), [&] { return stopping_; });
      } else {
        note_failure(done.error());
        changed_.wait_for(lock, std::chrono::milliseconds(pause_ms), [&] { return stopping_; });
        pause_ms = std::min(2 * pause_ms, kLongestPauseMs);
      }
      if (stopping_) return;
      members_changed_ = false;
    }
  }

  void note_failure(const Error& why) {
    if (stopping_ || halted_ || (failure_ && failure_->reason == why.reason)) return;
    log::warn("chain.engine", {{"chain", ledger_.genesis().name}, {"why", why.to_string()}});
    failure_ = why;
  }

  // A new engine key was made in a folder beside the old one's, to be voted on. It is taken up when the next
  // engine height counts it, and the old one is destroyed then: nobody takes its votes any more.
  Status take_voted_key() {
    const fs::path folder = services_.engine_keys, name = ledger_.genesis().name;
    const fs::path keys = folder / name, next = keys.string() + ".next", old = keys.string() + ".replaced";
    std::error_code error;
    if (!fs::exists(next, error)) return {};
    ASSIGN(const auto voting, voting_members(ledger_));
    const format::Node* own = own_node(voting);
    if (!own) return {};
    ASSIGN(Engine * engine, services_.engine());
    ASSIGN(const EngineKeys fresh, engine->keys(next, false));
    if (own->engine_key != fresh.validator) return {};
    if (running()) {
      TRY(engine->stop(ledger_.id()));
      std::lock_guard lock(mutex_);
      port_ = 0;
    }
    fs::remove_all(old, error);
    if (fs::exists(keys, error)) fs::rename(keys, old, error);
    if (!error) fs::rename(next, keys, error);
    if (error) return fail(Code::unavailable, "file.io", "{}: {}", keys.string(), error.message());
    TRY(sync_folder(folder));
    fs::remove_all(old, error);
    log::info("chain.engine_key", {{"chain", name.string()}, {"key", hex(fresh.validator)}});
    return sync_folder(folder);
  }

  // Where the peers stand that are linked; 0: nobody has said it.
  struct Peerage {
    uint64_t furthest = 0;  // engine height
    bool all_heard = false;
  };
  Peerage peerage() const {
    Peerage out;
    auto peers = this->peers();
    if (!peers) return out;
    out.all_heard = true;
    for (const PeerState& each : peers->states()) {
      const bool heard = each.linked && each.heard_ms != 0;
      if (heard) out.furthest = std::max(out.furthest, each.engine_height);
      out.all_heard &= heard;
    }
    return out;
  }

  // Before the beginning is made at the beginning.
  void listen_to_peers() {
    if (engine_height_ > 0 || services_.now_ms() - ledger_.genesis().created_ms < kYoungMs) return;
    const int64_t end_ns = steady_ns() + int64_t(services_.snapshots.listen_ms) * 1'000'000;
    for (Peerage now = peerage(); now.furthest == 0 && !now.all_heard && steady_ns() < end_ns;
         now = peerage()) {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, std::chrono::milliseconds(50), [&] { return stopping_; })) return;
    }
  }

  // For the engine as it runs, or as it is to be started. Nothing is lost by it: what is held is replaced
  // when the other is whole.
  bool needs_snapshot() {
    const uint64_t own = engine_height_, furthest = peerage().furthest, behind = services_.snapshots.behind;
    const int64_t now_ns = steady_ns();
    if (own != progress_height_ || furthest <= own + kNextTo) {
      progress_height_ = own;
      progress_ns_ = now_ns;
    }
    if (behind == 0 || halted_) return false;
    const int64_t quiet_ns = now_ns - std::max<int64_t>(progress_ns_, stepped_ns_);
    const bool stalled = quiet_ns > int64_t(services_.snapshots.stalled_ms) * 1'000'000;
    if (beginning_ || by_blocks_) return stalled;
    if (own == 0) return furthest >= behind || stalled;
    if (!stalled || !running()) return false;
    auto status = engine_.load()->status(ledger_.id());
    return status && status->catching_up;
  }

  Status stop_engine() {
    TRY(engine_.load()->stop(ledger_.id()));
    std::lock_guard lock(mutex_);
    port_ = 0;
    // Where a snapshot did not come a chain is tried from its first block, and the other way round: whoever
    // names snapshots that nobody has keeps no newcomer out.
    by_blocks_ = beginning_ && engine_height_ == 0;
    beginning_ = !by_blocks_;
    progress_ns_ = steady_ns();
    return {};
  }

  // The newest members that are proven: as this node's ledger has them, or a peer's.
  std::vector<EngineValidator> trusted() const {
    ProvenMembers newest{0, *ledger_.genesis().consortium};
    auto take = [&](const Result<ProvenMembers>& proven) {
      if (proven && proven->height > newest.height) newest = *proven;
      if (!proven)
        log::warn("chain.members_unproven",
                  {{"chain", ledger_.genesis().name}, {"why", proven.error().to_string()}});
    };
    if (ledger_.head().certified_height > 0)
      if (auto own = prove_members(ledger_)) take(check_members(ledger_, *own));
    if (auto peers = this->peers(); peers && beginning_)
      for (const Bytes& each : peers->members(kMembersMs)) take(check_members(ledger_, each));
    return engine_validators(newest.consortium);
  }

  std::optional<Bytes> ask_light_block(uint64_t height) const {
    auto peers = this->peers();
    auto block =
        peers ? peers->light_block(height, kLightBlockMs) : fail(Code::unavailable, "peers.no_light_block");
    return block ? std::optional(std::move(*block)) : std::nullopt;
  }

  // The engine's stores are given up. A key that has signed beside them and knows what goes on signing: only
  // one beside stores that were gone already is taken for a copy (engine/keys.go).
  Status leave_home() {
    const fs::path keys = services_.engine_keys / ledger_.genesis().name, home = folder_ / "engine";
    std::error_code error;
    if (engine_height_ > 0 && fs::exists(home, error) && fs::exists(keys / "sign-state.json", error) &&
        !fs::exists(keys / "wait-to-sign", error))
      TRY(write_durable(keys / "sign-at-once", {}));
    fs::remove_all(home, error);
    return {};
  }

  // It is of another time than the ledger: a copy, and so may be what the key is known to have signed.
  // Nothing says that it may sign at once.
  Status give_up_home(const Error& why) {
    log::warn("chain.engine_apart", {{"chain", ledger_.genesis().name}, {"why", why.detail}});
    TRY(write_durable(services_.engine_keys / ledger_.genesis().name / "wait-to-sign", {}));
    const fs::path home = folder_ / "engine";
    std::error_code error;
    fs::remove_all(home, error);
    if (error) return tl::unexpected(file_error(home, error.value()));
    beginning_ = true;
    return {};
  }

  Status start_engine() {
    ASSIGN(Engine * engine, services_.engine());
    engine_ = engine;
    listen_to_peers();
    beginning_ = !by_blocks_ && (beginning_ || needs_snapshot());
    EngineChain chain;
    if (beginning_) {
      log::info(
          "chain.begins_from_snapshot",
          {{"chain", ledger_.genesis().name}, {"from", engine_height_.load()}, {"to", peerage().furthest}});
      TRY(leave_home());
    }
    if (beginning_ || engine_height_ > 0) chain.trusted = trusted();
    chain.wait_to_sign = wait_to_sign_;
    chain.genesis = engine_genesis(ledger_);
    chain.home = folder_ / "engine";
    chain.keys = services_.engine_keys / ledger_.genesis().name;
    chain.app_socket = socket_;
    chain.timeouts = services_.timeouts;
    chain.heartbeat_ms = services_.heartbeat_ms;
    {
      std::lock_guard lock(links_mutex_);
      for (const auto& [key, each] : tunnels_) chain.peers.push_back({each.node.engine_id, each.tunnel.port});
    }
    auto started = engine->start(std::move(chain));
    if (!started && started.error().reason.starts_with("engine.sign_state_")) {
      log::error("chain.silent", {{"chain", ledger_.genesis().name}, {"why", started.error().detail}});
      wait_to_sign_ = true;
    }
    if (!started && started.error().reason == "engine.stores_apart") TRY(give_up_home(started.error()));
    ASSIGN(const uint16_t port, std::move(started));
    {
      std::lock_guard links_lock(links_mutex_);
      std::lock_guard lock(mutex_);
      port_ = port;
      if (!halted_) failure_.reset();
      members_changed_ = true;  // they may have changed meanwhile
      if (links_) links_->serve_engine(ledger_.id(), port);
    }
    if (!pool_->empty()) wake();
    return {};
  }

  // Between two nodes the one with the lower key dials, here and for the content.
  Status follow_members() {
    std::lock_guard links_lock(links_mutex_);
    if (!links_) return {};
    ASSIGN(auto members, known_members());
    const format::Node* own = own_node(members);
    if (own && own->key != linked_key_) {  // who dials whom goes by the keys
      disconnect();
      connect();
    }
    std::map<crypto::Sm2Point, format::Node> dialled;
    for (const format::Node& node : members.nodes)
      if (own && own->key < node.key) dialled.emplace(node.key, node);
    peers()->set_members(own ? peers_of(members) : std::vector<Member>());

    std::vector<EnginePeer> add;
    std::vector<EngineId> remove;
    std::erase_if(tunnels_, [&](const auto& each) {
      auto still = dialled.find(each.first);
      if (still != dialled.end() && still->second.address == each.second.node.address &&
          still->second.engine_id == each.second.node.engine_id)
        return false;
      remove.push_back(each.second.node.engine_id);
      return true;
    });
    for (const auto& [key, node] : dialled) {
      if (tunnels_.contains(key)) continue;
      ASSIGN(auto tunnel, links_->tunnel(ledger_.id(), address_of(node.address), key));
      add.push_back({node.engine_id, tunnel.port});
      tunnels_.emplace(key, Tunnelled{node, std::move(tunnel)});
    }
    if (!running() || (add.empty() && remove.empty())) return {};
    return engine_.load()->set_peers(ledger_.id(), std::move(add), std::move(remove));
  }

  ledger::Ledger& ledger_;
  const fs::path folder_;
  const ReplicaServices services_;
  fs::path socket_;
  std::atomic<uint64_t> engine_height_ = 0;
  std::atomic<Engine*> engine_ = nullptr;  // set when it was first needed
  bool follow_again_ = true;               // on the engine's thread
  LightBlockWishes wishes_;

  // Of the thread.
  std::atomic<bool> beginning_ = false;  // from a snapshot
  std::atomic<bool> by_blocks_ = false;  // from the first block, since no snapshot came
  bool wait_to_sign_ = false;
  uint64_t progress_height_ = 0;
  int64_t progress_ns_ = steady_ns();
  std::atomic<bool> halted_ = false;
  std::atomic<int64_t> stepped_ns_ = 0;  // when something of a snapshot came last

  std::unique_ptr<Pool> pool_;
  std::unique_ptr<comet::Sequencer> sequencer_;
  std::unique_ptr<abci::Application> application_;
  std::unique_ptr<abci::Server> server_;

  std::mutex links_mutex_;  // held while links change; mutex_ may be taken under it
  std::shared_ptr<link::Links> links_;
  std::map<crypto::Sm2Point, Tunnelled> tunnels_;
  crypto::Sm2Point linked_key_{};  // this node's, as the chain had it when the links were made

  mutable std::mutex mutex_;
  std::shared_ptr<LinkPeers> peers_;
  std::condition_variable changed_;
  bool stopping_ = false, members_changed_ = false, clock_behind_ = false;
  uint16_t port_ = 0;  // of the engine's connections; 0: it does not run
  std::optional<Error> failure_{{Code::unavailable, "order.starting", "the engine starts"}};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Replica>> Replica::start(ledger::Ledger& ledger, const fs::path& folder,
                                                const ReplicaServices& services) {
  auto replica = std::make_unique<ReplicaImpl>(ledger, folder, services);
  TRY(replica->open());
  return replica;
}

}  // namespace chengxin::comet
