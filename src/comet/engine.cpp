#include "comet/engine.h"

#include <unistd.h>

#include <cstdlib>

#include "comet/impl/host.h"
#include "comet/impl/messages.h"

namespace chengxin::comet {
namespace {

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
    return unbase64(text_of(answer, "light_block"));
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

std::string EngineGenesis::chain_id() const { return hex(chain).substr(0, 48); }

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
