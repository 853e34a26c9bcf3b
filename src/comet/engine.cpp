#include "comet/engine.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>

#include "base/log.h"
#include "comet/impl/child.h"

namespace chengxin::comet {
namespace {

constexpr size_t kChainIdDigits = 48;  // the engine takes at most 50

std::string name_of(const Digest& chain) { return hex(chain); }

template <size_t size>
Result<std::array<uint8_t, size>> fixed(const Json& from, std::string_view field) {
  ASSIGN(const Bytes bytes, unhex(from.value(std::string(field), "")));
  std::array<uint8_t, size> out{};
  if (bytes.size() != size)
    return fail(Code::internal, "engine.command", "{} is not of {} bytes", field, size);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::string address(uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

// Of "127.0.0.1:4711"; 0 when it is none.
uint16_t port_of(const Json& from) {
  const std::string text = from.value("listen", "");
  return uint16_t(std::atoi(text.c_str() + std::min(text.size(), text.rfind(':') + 1)));
}

Json peers_json(const std::vector<EnginePeer>& peers) {
  Json list = Json::array();
  for (const EnginePeer& peer : peers)
    list.push_back({{"id", hex(peer.id)}, {"address", address(peer.port)}});
  return list;
}

Json validators_json(const std::vector<EngineValidator>& validators) {
  Json list = Json::array();
  for (const EngineValidator& validator : validators)
    list.push_back({{"key", hex(validator.key)}, {"power", validator.power}, {"name", validator.name}});
  return list;
}

Json genesis_json(const EngineGenesis& genesis) {
  return {{"chain_id", genesis.chain_id()},
          {"time_ms", genesis.time_ms},
          {"validators", validators_json(genesis.validators)},
          {"block_max_bytes", genesis.block_max_bytes},
          {"evidence_max_age_blocks", genesis.evidence_max_age_blocks},
          {"evidence_max_age_ms", genesis.evidence_max_age_ms}};
}

Json start_json(const EngineChain& chain) {
  const EngineTimeouts& t = chain.timeouts;
  Json command = {{"chain", name_of(chain.genesis.chain)},
                  {"home", chain.home.string()},
                  {"keys", chain.keys.string()},
                  {"app", chain.app_socket.string()},
                  {"genesis", genesis_json(chain.genesis)},
                  {"listen", address(chain.port)},
                  {"peers", peers_json(chain.peers)},
                  {"heartbeat_ms", chain.heartbeat_ms},
                  {"sign_state", chain.wait_to_sign ? "wait" : "expect"},
                  {"timeouts",
                   {{"propose_ms", t.propose_ms},
                    {"propose_delta_ms", t.propose_delta_ms},
                    {"vote_ms", t.vote_ms},
                    {"vote_delta_ms", t.vote_delta_ms},
                    {"commit_ms", t.commit_ms},
                    {"gossip_ms", t.gossip_ms}}}};
  if (!chain.trusted.empty()) command["state_sync"]["validators"] = validators_json(chain.trusted);
  return command;
}

Result<EngineStatus> status_of(const Json& answer) {
  EngineStatus status;
  try {
    status.height = answer.at("height"), status.base = answer.at("base");
    const Json& voting = answer.at("voting");
    status.voting_height = voting.at("height"), status.round = voting.at("round"),
    status.step = voting.at("step");
    status.catching_up = answer.at("catching_up"), status.validator = answer.at("validator");
    status.validators = answer.at("validators");
    status.port = port_of(answer);
    for (const Json& peer : answer.at("peers")) {
      ASSIGN(const EngineId id, fixed<20>(peer, "id"));
      status.peers.push_back(id);
    }
  } catch (const Json::exception& e) {
    return fail(Code::internal, "engine.command", "status: {}", e.what());
  }
  return status;
}

void fold(const Json& event) {
  Json fields = event.value("fields", Json::object());
  fields["chain"] = event.value("chain", "");
  fields["message"] = event.value("message", "");
  if (event.contains("dropped")) fields["dropped"] = event["dropped"];
  const std::string level = event.value("level", "debug");
  log::write(level == "warn"   ? log::Level::warn
             : level == "info" ? log::Level::info
                               : log::Level::debug,
             "engine.says", fields);
}

// One process and the chains in it.
class Host {
 public:
  Host(const EngineOptions& options, fs::path binary) : options_(options), binary_(std::move(binary)) {}

  ~Host() {
    std::lock_guard lock(door_->mutex);
    door_->child = nullptr;
  }

  Status launch() {
    ChildOptions child;
    child.binary = binary_;
    child.arguments = {"--log", log::enabled(log::Level::debug) ? "debug" : "info"};
    child.stop_ms = options_.stop_ms;
    child.restart_ms = options_.restart_ms;
    child.restart_max_ms = options_.restart_max_ms;
    child.on_start = [this] { start_again(); };
    child.on_event = [this](const Json& event) { take_event(event); };
    std::unique_lock lock(mutex_);  // on_start needs child_
    ASSIGN(child_, Child::start(std::move(child)));
    door_->child = child_.get();
    return {};
  }

  Child& child() { return *child_; }

  bool has(const Digest& chain) const {
    std::lock_guard lock(mutex_);
    return chains_.contains(chain);
  }

  // What runs is known on the child's thread, before anything that happens to the process later.
  Result<uint16_t> start(const EngineChain& chain) {
    struct Attempt {
      std::promise<Result<uint16_t>> done;
      std::atomic<bool> abandoned = false;
    };
    auto attempt = std::make_shared<Attempt>();
    auto done = attempt->done.get_future();
    child_->ask("start", start_json(chain), [this, attempt, chain](Result<Json> answer) {
      if (!answer) return attempt->done.set_value(tl::unexpected(std::move(answer).error()));
      const uint16_t port = port_of(*answer);
      if (attempt->abandoned) {
        child_->ask("stop", {{"chain", name_of(chain.genesis.chain)}}, [](Result<Json>) {});
      } else {
        std::lock_guard lock(mutex_);
        EngineChain& kept = chains_[chain.genesis.chain] = chain;
        kept.port = port;
      }
      attempt->done.set_value(port);
    });
    if (done.wait_for(std::chrono::milliseconds(options_.start_ms)) == std::future_status::ready)
      return done.get();
    attempt->abandoned = true;
    return fail(Code::unavailable, "engine.no_answer", "to start within {} ms", options_.start_ms);
  }

  // Told or not, it is not started again after this.
  Status stop(const Digest& chain) {
    {
      std::lock_guard lock(mutex_);
      chains_.erase(chain);
    }
    const auto stopped = child_->ask("stop", {{"chain", name_of(chain)}}, options_.stop_ms);
    if (stopped || stopped.error().reason == "engine.not_running" || stopped.error().reason == "engine.died")
      return {};
    log::warn("engine.killed", {{"chain", name_of(chain)}, {"why", stopped.error().to_string()}});
    child_->kill();
    return {};
  }

  Status set_peers(const Digest& chain, const std::vector<EnginePeer>& add,
                   const std::vector<EngineId>& remove) {
    Json removed = Json::array();
    for (const EngineId& id : remove) removed.push_back(hex(id));
    {
      std::lock_guard lock(mutex_);
      const auto found = chains_.find(chain);
      if (found == chains_.end()) return fail(Code::not_found, "engine.not_running");
      auto& peers = found->second.peers;
      const auto gone = [&](const EnginePeer& peer) {
        return std::find(remove.begin(), remove.end(), peer.id) != remove.end() ||
               std::any_of(add.begin(), add.end(),
                           [&](const EnginePeer& added) { return added.id == peer.id; });
      };
      std::erase_if(peers, gone);
      peers.insert(peers.end(), add.begin(), add.end());
    }
    const auto done =
        child_->ask("peers", {{"chain", name_of(chain)}, {"add", peers_json(add)}, {"remove", removed}},
                    options_.answer_ms);
    // A process that is being started again gets them then.
    if (!done && done.error().reason != "engine.died") return tl::unexpected(done.error());
    return {};
  }

 private:
  void start_again() {
    std::map<Digest, EngineChain> chains;
    {
      std::lock_guard lock(mutex_);
      chains = chains_;
    }
    for (const auto& [digest, chain] : chains)
      child_->ask("start", start_json(chain), [this, digest = digest](Result<Json> answer) {
        if (answer) return log::info("engine.started_again", {{"chain", name_of(digest)}});
        if (answer.error().reason != "engine.died") failed(digest, answer.error());
      });
  }

  void take_event(const Json& event) {
    const std::string kind = event.value("event", "");
    if (kind == "log") return fold(event);
    const auto chain = unhex_digest(event.value("chain", ""));
    if (kind == "twin" && chain) {
      log::error("engine.twin", {{"chain", name_of(*chain)}});
      if (options_.on_twin) options_.on_twin(*chain);
    } else if (kind == "failed" && chain) {
      failed(*chain, engine_error(event.value("reason", "engine.failed"), event.value("detail", "")));
      if (event.value("stuck", false)) child_->kill();
    } else if (kind == "want_light_block" && chain) {
      want_light_block(*chain, event);
    }
  }

  void want_light_block(const Digest& chain, const Json& event) {
    auto give = [door = door_, chain, want = event.value("want", uint64_t(0))](std::optional<Bytes> block) {
      Json command = {{"do", "light_block"}, {"chain", name_of(chain)}, {"want", want}};
      if (block)
        command["light_block"] = base64(*block);
      else
        command["missing"] = true;
      std::lock_guard lock(door->mutex);
      if (door->child) door->child->tell(command.dump());
    };
    if (!options_.on_want_light_block) return give(std::nullopt);
    options_.on_want_light_block(chain, event.value("height", uint64_t(0)), event.value("attempt", 0),
                                 std::move(give));
  }

  void failed(const Digest& chain, const Error& why) {
    log::error("engine.failed", {{"chain", name_of(chain)}, {"why", why.to_string()}});
    {
      std::lock_guard lock(mutex_);
      chains_.erase(chain);
    }
    if (options_.on_failed) options_.on_failed(chain, why);
  }

  // What may be called after this is gone.
  struct Door {
    std::mutex mutex;
    Child* child = nullptr;
  };

  const EngineOptions& options_;
  const fs::path binary_;
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();
  mutable std::mutex mutex_;
  std::map<Digest, EngineChain> chains_;  // that run, or will again
  std::unique_ptr<Child> child_;          // ends before what it uses
};

using HostPtr = std::shared_ptr<Host>;

class Engines : public Engine {
 public:
  Engines(EngineOptions options, fs::path binary)
      : options_(std::move(options)), binary_(std::move(binary)) {}

  ~Engines() override {
    std::set<HostPtr> hosts;
    for (auto& [chain, host] : hosts_) hosts.insert(std::move(host));
    hosts_.clear();
    std::vector<std::thread> ending;  // each may take stop_ms
    while (!hosts.empty())
      ending.emplace_back(
          [host = std::move(hosts.extract(hosts.begin()).value())]() mutable { host.reset(); });
    for (std::thread& thread : ending) thread.join();
  }

  Result<EngineKeys> keys(const fs::path& folder, bool make) override {
    const Json command = {{"folder", folder.string()}, {"make", make}};
    HostPtr host = any();
    if (!host) {
      host = std::make_shared<Host>(options_, binary_);
      TRY(host->launch());
    }
    ASSIGN(const Json answer, host->child().ask("keys", command, options_.answer_ms));
    EngineKeys keys;
    ASSIGN(keys.validator, fixed<32>(answer, "validator"));
    ASSIGN(keys.id, fixed<20>(answer, "connection"));
    return keys;
  }

  Result<uint16_t> start(EngineChain chain) override {
    const Digest name = chain.genesis.chain;
    ASSIGN(const HostPtr host, place(name));
    auto port = host->start(chain);
    if (!port) leave(name, host);
    return port;
  }

  Status stop(const Digest& chain) override {
    const HostPtr host = find(chain);
    if (!host) return fail(Code::not_found, "engine.not_running");
    TRY(host->stop(chain));
    leave(chain, host);
    return {};
  }

  Status set_peers(const Digest& chain, std::vector<EnginePeer> add, std::vector<EngineId> remove) override {
    const HostPtr host = find(chain);
    if (!host) return fail(Code::not_found, "engine.not_running");
    return host->set_peers(chain, add, remove);
  }

  void wake(const Digest& chain) override {
    if (const HostPtr host = find(chain))
      host->child().tell(Json{{"do", "wake"}, {"chain", name_of(chain)}}.dump());
  }

  Result<EngineStatus> status(const Digest& chain) override {
    const HostPtr host = find(chain);
    if (!host) return fail(Code::not_found, "engine.not_running");
    ASSIGN(const Json answer, host->child().ask("status", {{"chain", name_of(chain)}}, options_.answer_ms));
    return status_of(answer);
  }

  Result<Bytes> light_block(const Digest& chain, uint64_t height) override {
    const HostPtr host = find(chain);
    if (!host) return fail(Code::not_found, "engine.not_running");
    ASSIGN(const Json answer,
           host->child().ask("give_light_block", {{"chain", name_of(chain)}, {"height", height}},
                             options_.answer_ms));
    return unbase64(answer.value("light_block", ""));
  }

  std::vector<int> processes() const override {
    std::lock_guard lock(mutex_);
    std::set<int> ids;
    for (const auto& [chain, host] : hosts_)
      if (const int pid = host->child().pid(); pid >= 0) ids.insert(pid);
    return {ids.begin(), ids.end()};
  }

 private:
  HostPtr any() const {
    std::lock_guard lock(mutex_);
    return hosts_.empty() ? nullptr : hosts_.begin()->second;
  }

  HostPtr find(const Digest& chain) const {
    std::lock_guard lock(mutex_);
    const auto found = hosts_.find(chain);
    return found == hosts_.end() ? nullptr : found->second;
  }

  // A process with room, or a new one. The chain has its place in it from here on.
  Result<HostPtr> place(const Digest& chain) {
    std::lock_guard lock(mutex_);
    if (const auto found = hosts_.find(chain); found != hosts_.end()) {
      if (found->second->has(chain)) return fail(Code::conflict, "engine.already_running");
      return found->second;  // it failed there
    }
    std::map<HostPtr, size_t> counts;
    for (const auto& [other, host] : hosts_) ++counts[host];
    for (const auto& [host, count] : counts)
      if (count < options_.chains_per_process) return hosts_[chain] = host;
    auto host = std::make_shared<Host>(options_, binary_);
    TRY(host->launch());
    return hosts_[chain] = host;
  }

  // The last one out ends the process, when the caller lets go of it.
  void leave(const Digest& chain, const HostPtr& host) {
    std::lock_guard lock(mutex_);
    if (const auto found = hosts_.find(chain);
        found != hosts_.end() && found->second == host && !host->has(chain))
      hosts_.erase(found);
  }

  const EngineOptions options_;
  const fs::path binary_;
  mutable std::mutex mutex_;
  std::map<Digest, HostPtr> hosts_;  // by chain; several chains may share one
};

}  // namespace

std::string EngineGenesis::chain_id() const { return hex(chain).substr(0, kChainIdDigits); }

Result<std::unique_ptr<Engine>> Engine::create(EngineOptions options) {
  fs::path binary = options.binary;
  std::error_code error;
  if (const char* named = std::getenv("CHENGXIN_ENGINE"); binary.empty() && named && *named) binary = named;
  if (binary.empty()) binary = fs::read_symlink("/proc/self/exe", error).parent_path() / "chengxin-engine";
  if (::access(binary.c_str(), X_OK) != 0)
    return fail(Code::unavailable, "engine.missing",
                "{} cannot be run; ninja -C build chengxin-engine makes it", binary.string());
  return std::make_unique<Engines>(std::move(options), std::move(binary));
}

}  // namespace chengxin::comet
