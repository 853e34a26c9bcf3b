#pragma once
#include <deque>

#include "simulator/checker.h"

// All nodes of a simulated chain, what is on its way between them, and the adversary. One thread, no clock,
// and no random but that of the seed: what goes wrong goes wrong again.
namespace chengxin::simulator {

struct Plan {
  uint64_t seed = 1;
  size_t nodes = 4;   // that are there from the beginning
  int events = 1500;  // in which the adversary is at work
  bool trace = false;
};

class World {
 public:
  World(Plan plan, fs::path folder);
  // Nothing: all held. Else what did not.
  std::optional<std::string> run();
  std::string summary() const;

  // For engines and pools.
  template <typename Call>
  auto ask(size_t node, std::string_view what, Call call) {
    maybe_crash(node, what);
    return ask_surely(node, what, std::move(call));
  }
  template <typename Call>
  auto ask_surely(size_t node, std::string_view what, Call call) {
    auto answer = call(*nodes_[node]->application);
    typename decltype(answer)::value_type out;
    expect(answer.has_value(),
           fmt::format("node {} {}: {}", node, what, answer ? "" : answer.error().to_string()));
    if (answer) out = std::move(*answer);
    return out;
  }
  bool maybe_crash(size_t node, std::string_view where);
  void expect(bool holds, const std::string& what);
  bool failed() const { return violation_.has_value(); }

  uint64_t next_id() { return ++last_id_; }
  int64_t now_ms() const { return now_ms_; }
  int64_t block_time(int64_t parent_ms, bool first);
  int64_t max_block_bytes() const { return 4 << 20; }
  const Digest& genesis_app_hash() const { return genesis_app_hash_; }
  uint64_t application_height(size_t node);
  bool ask_wake(size_t node);
  void draw_fetch(size_t node);
  void broadcast_proposal(size_t from, uint64_t height, Proposal proposal);
  void broadcast_vote(size_t from, uint64_t height, const Vote& vote);
  void saw_verdict(uint64_t height, const Vote& vote, bool accepted);
  void decided(size_t node, const Decided& decided);
  void broadcast_contents(size_t from, const std::vector<Bytes>& envelopes);
  void answer(size_t to, std::span<const Digest> ids);
  void answer_blocks(size_t to, uint64_t from_height);
  bool can_fetch(size_t node, const Digest& id);

 private:
  struct Contents {
    std::vector<Bytes> envelopes;
  };
  struct InFlight {
    size_t from = 0, to = 0;
    std::variant<Message, Contents> what;
  };
  bool chance(double part) { return double(random_() >> 11) / double(1ull << 53) < part; }
  size_t pick(size_t count) { return size_t(random_() % count); }
  void trace(const std::string& line) const;

  void start();
  void event();
  void rest();
  void last_words();
  void deliver(InFlight what);
  bool deliver_one(bool to_isolated);
  void submit(bool surely = false);
  void change_consortium();
  bool catch_up(size_t node);
  void hand_on(size_t node);  // what its engine knows, to those that do not
  bool safe(const format::Consortium& consortium) const;

  // The adversary: what its nodes send instead.
  void probe(size_t node);
  BlockPtr bend(const Block& block);
  std::string bend_extension(uint64_t height, const Vote& vote);
  Vote bend_vote(uint64_t height, const Vote& vote);
  bool byzantine(size_t node) const { return adversary_ && nodes_[node]->byzantine; }
  Digest foreign_transaction(int64_t from_ms, int64_t until_ms);

  const Plan plan_;
  const fs::path folder_;
  Random random_;
  Checker checker_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<InFlight> bag_;
  std::deque<InFlight> urgent_;
  std::map<uint64_t, std::vector<BlockPtr>> blocks_;  // all that were proposed, by height
  std::map<Digest, Bytes> foreign_;                   // what only the adversary has
  std::vector<std::string> extensions_;               // the last that were seen
  std::optional<ledger::CertifiedHeight> last_certificate_;
  Digest chain_{}, genesis_app_hash_{};
  bool adversary_ = true;
  bool silent_ = false;  // afterwards the bad ones say nothing any more; else what is right
  int crashes_left_ = 0, changes_left_ = 0, crashes_ = 0, bent_ = 0;
  std::optional<Digest> last_change_;  // one at a time: each is safe by itself
  uint64_t last_id_ = 0, submitted_ = 0;
  int64_t now_ms_ = kStartMs + 1000;
  std::optional<std::string> violation_;
};

}  // namespace chengxin::simulator
