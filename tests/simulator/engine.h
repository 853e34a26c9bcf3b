#pragma once
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <variant>

#include "abci/application.h"
#include "simulator/material.h"

// One node's consensus engine, made up: the rules of CometBFT 0.40 (consensus/state.go) for rounds, locks,
// votes with extensions and commits, without network, clock or disk. What it keeps survives a crash of the
// application, as the engine's own log and stores do.
namespace chengxin::simulator {

namespace pb = tendermint::abci;

class World;
using Voters = std::map<EngineKey, uint64_t>;
std::string engine_address(const EngineKey& key);

struct Block {
  uint64_t id = 0;  // its identity, and its "hash"
  uint64_t height = 0;
  int64_t time_ms = 0;
  EngineKey proposer{};
  std::vector<std::string> transactions;
  Digest app_hash{};  // after the height before
  std::vector<pb::Misbehavior> misbehaviour;
  std::string bent;  // why no honest node may vote for it; empty: it may
};
using BlockPtr = std::shared_ptr<const Block>;

struct Proposal {
  int round = 0, valid_round = -1;
  BlockPtr block;
};
struct Vote {
  int round = 0;
  bool precommit = false;
  BlockPtr block;  // none: nil
  EngineKey voter{};
  std::string extension;
};
struct Message {
  uint64_t height = 0;
  std::variant<Proposal, Vote> what;
};

struct Decided {
  BlockPtr block;
  std::map<EngineKey, Vote> commit;  // as this node saw it
  std::optional<pb::ResponseFinalizeBlock> result;
};

class Engine {
 public:
  Engine(World& world, size_t self, Voters genesis) : world_(world), self_(self) {
    voters_[1] = voters_[2] = std::move(genesis);
  }

  void receive(const Message& message);
  void timeout();                     // of the step it is in
  void begin();                       // the wait for transactions is over, if there is a reason
  void take(const Decided& decided);  // of another node, for one that is behind
  void crashed();
  void after_restart();  // the application is new: what it has not committed is given to it again

  bool verify(const Vote& precommit);  // its extension
  // Whether the application would vote for it, as in any round to come; nothing is voted.
  bool judge(const Block& block);
  // What it has of its height, for others: engines hand on what they know.
  std::vector<Message> known() const;
  bool has(const Message& message) const;

  uint64_t height() const { return store_.size() + 1; }
  const std::vector<Decided>& store() const { return store_; }
  const Voters& voters(uint64_t height) const { return voters_.at(height); }
  bool waiting() const { return step_ == Step::wait; }
  std::string describe() const;

 private:
  enum class Step { wait, propose, prevote, precommit };
  using Votes = std::map<EngineKey, std::map<uint64_t, Vote>>;  // by block: a bad voter may vote for several
  struct Tally {
    bool any = false;      // two thirds voted something
    bool decided = false;  // two thirds voted the same
    BlockPtr block;        // that; none: nil
  };

  const EngineKey* own_key() const;
  const EngineKey& proposer(int round) const;
  Tally tally(const std::map<int, Votes>& votes, int round) const;

  void enter_round(int round);
  void propose();
  void try_prevote();
  void prevote(BlockPtr block);
  void enter_precommit();
  void vote(bool precommit, BlockPtr block);
  void take_vote(const Vote& vote);
  void follow_polkas();
  void progress();
  bool try_commit();
  void decide(BlockPtr block, std::map<EngineKey, Vote> commit);
  void apply_last();
  void next_height();
  std::string extend(const BlockPtr& block);
  void note_equivocation(const EngineKey& voter);

  World& world_;
  const size_t self_;
  std::map<uint64_t, Voters> voters_;
  std::vector<Decided> store_;

  Step step_ = Step::wait;
  int round_ = 0;
  std::map<int, Proposal> proposals_;
  std::map<int, Votes> prevotes_, precommits_;
  BlockPtr locked_, valid_;
  int locked_round_ = -1, valid_round_ = -1;
  std::set<std::tuple<int, EngineKey, uint64_t>> refused_;  // precommits, for their extensions
  std::map<EngineKey, Vote> last_commit_;
  std::vector<Message> early_;  // of heights to come
  std::vector<Vote> own_precommits_;
  uint64_t own_block_ = 0;  // made since the last crash
  std::set<std::pair<EngineKey, uint64_t>> reported_;
  std::vector<pb::Misbehavior> evidence_;
};

}  // namespace chengxin::simulator
