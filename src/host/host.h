#pragma once
#include <map>
#include <mutex>

#include "admission/gatherer.h"

// The chains of one process. Each is a folder below `root` with its ledger and its sequencer; nothing is
// shared between two chains but the process.
namespace chengxin::host {

struct Chain {
  std::string name;  // of the genesis; also names the folder
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<order::Sequencer> sequencer;
  std::unique_ptr<admission::Gatherer> admission;  // transactions of others come in here
  ~Chain() { stop(); }
  void stop() {
    if (admission) admission->stop();
    if (sequencer) sequencer->stop();
  }
};
using ChainPtr = std::shared_ptr<Chain>;

struct Options {
  fs::path root;
  crypto::Sm2PrivateKey validator_key;  // of this node
  ledger::Options ledger;
  order::SoloOptions solo;
  admission::Options admission;
  std::vector<format::GenesisAccount> accounts;  // of this node: registered on every chain that it makes
  // Who orders on a chain that a consortium runs. None: such chains are not opened (chain.no_consortium).
  std::function<Result<std::unique_ptr<order::Sequencer>>(ledger::Ledger&)> sequencer_of;
};

// 1 to 40 of a-z, 0-9 and -, not beginning with -: also a safe name of a folder.
bool valid_name(std::string_view name);

class Host {
 public:
  explicit Host(Options options) : options_(std::move(options)) {}

  // Opens every chain below the root. The first that fails stops it: a platform does not start with half its
  // chains.
  Status open_all();

  // A chain of this node alone. The node's own accounts and these become the genesis' registered keys.
  // Errors: chain.name (1 to 40 characters of a-z 0-9 -), chain.exists, those of Ledger::create.
  Result<ChainPtr> create(const std::string& name, std::vector<format::GenesisAccount> accounts,
                          int64_t now_ms);

  // Of a genesis that others made too. chain.name, chain.exists, those of Ledger::create.
  Result<ChainPtr> create_from(std::string_view genesis);

  // Stops admission and every sequencer: no observer is called after it.
  void stop();

  // By name or by the hexadecimal chain id. chain.not_found.
  Result<ChainPtr> find(std::string_view name_or_id) const;
  std::vector<ChainPtr> list() const;  // by name

  // Called after each block of every chain, on its sequencer's thread; must not block. For a chain that is
  // made later it is first called with height 0, on the thread that makes it. Subscribe before any is made.
  using OnBlock = std::function<void(const ChainPtr&, uint64_t height)>;
  void subscribe(OnBlock on_block);

 private:
  Result<ChainPtr> start(std::unique_ptr<ledger::Ledger> ledger);
  Result<std::unique_ptr<order::Sequencer>> sequencer_of(ledger::Ledger& ledger) const;

  Options options_;
  mutable std::mutex mutex_;
  std::map<std::string, ChainPtr> chains_;
  std::vector<OnBlock> observers_;
};

}  // namespace chengxin::host
