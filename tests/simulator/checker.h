#pragma once
#include "simulator/node.h"

// What must hold whatever happens, found out without the application's own words: from ledgers and from what
// was sent.
namespace chengxin::simulator {

class Checker {
 public:
  using Expect = std::function<void(bool, const std::string&)>;
  explicit Checker(Expect expect) : expect_(std::move(expect)) {}

  // After each commit of an honest node.
  void decided(const Node& node, const Decided& decided);
  // What an honest voter's precommit at that height was sent with.
  void sent(const Node& node, uint64_t engine_height, const EngineKey& voter, const std::string& extension);
  // The same bytes get the same verdict from all honest nodes.
  void verdict(uint64_t engine_height, const EngineKey& voter, const std::string& extension, bool accepted);
  void acknowledged(const order::Committed& committed);
  // When all have come to rest.
  void at_rest(const std::vector<std::unique_ptr<Node>>& nodes);

  uint64_t ledger_blocks() const { return headers_.size(); }
  size_t acknowledgements() const { return acknowledged_.size(); }
  // Names of what was executed, for who would have it executed again.
  std::vector<Digest> executed_before(uint64_t engine_height) const;

 private:
  struct Height {
    std::string app_hash;
    uint64_t ledger_height = 0;  // 0: nothing was in it
    Digest header_hash{};
  };
  bool good(uint64_t engine_height, const EngineKey& voter, const std::string& extension) const;
  void check_node(const Node& node);
  void check_proof(const Node& node, const ledger::TransactionRecord& record);

  const Expect expect_;
  std::map<uint64_t, Height> heights_;
  std::map<uint64_t, std::pair<Digest, format::ValidatorSet>> headers_;  // of the ledger, and who certifies
  std::map<std::tuple<uint64_t, EngineKey, std::string>, bool> verdicts_;
  std::map<Digest, order::Committed> acknowledged_;
  std::vector<std::pair<uint64_t, Digest>> executed_;  // with the engine's height
};

}  // namespace chengxin::simulator
