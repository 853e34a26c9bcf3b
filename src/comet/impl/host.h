#pragma once
#include <map>
#include <mutex>

#include "comet/engine.h"
#include "comet/impl/child.h"

// One launcher process and the chains in it. A chain is known here from the answer to its start until it is
// stopped or has failed; those that are known are started again with the process.
namespace chengxin::comet {

class Host {
 public:
  Host(const EngineOptions& options, fs::path binary) : options_(options), binary_(std::move(binary)) {}
  ~Host();

  Status launch();
  Child& child() { return *child_; }
  bool has(const Digest& chain) const;

  Result<uint16_t> start(const EngineChain& chain);
  Status stop(const Digest& chain);
  Status set_peers(const Digest& chain, const std::vector<EnginePeer>& add,
                   const std::vector<EngineId>& remove);

 private:
  // What may be called after this is gone.
  struct Door {
    std::mutex mutex;
    Child* child = nullptr;
  };

  void start_again();
  void take_event(const Json& event);
  void want_light_block(const Digest& chain, const Json& event);
  void failed(const Digest& chain, const Error& why);

  const EngineOptions& options_;
  const fs::path binary_;
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();
  mutable std::mutex mutex_;
  std::map<Digest, EngineChain> chains_;  // that run, or will again
  std::unique_ptr<Child> child_;          // ends before what it uses
};

}  // namespace chengxin::comet
