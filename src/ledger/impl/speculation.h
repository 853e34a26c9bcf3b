#pragma once
#include <set>

#include "ledger/impl/crew.h"
#include "ledger/impl/execution.h"

// Transactions of a block run by several threads as if one after another (docs/adr/0032). Invariants:
// - while threads run transactions ahead, nothing changes the block's state: each sees the whole effect of
// the
//   transactions before the window, and of no other;
// - what was run ahead counts only when its signer is the same object and nothing that it read was written in
//   its window; else it is run again, in its place;
// - an error met ahead is forgotten: only a run in its place can end the block.
namespace chengxin::ledger {

class Speculation {
 public:
  using Candidates = std::span<const AdmittedTransaction>;
  // The signer of the candidate if it would stand in the block as that is now; null: it would not.
  using Fits = std::function<AccountPtr(size_t candidate)>;

  // `crew` null: every transaction is run in its place alone.
  Speculation(const Methods& methods, const BlockFrame& frame, StateLayer& state, Candidates candidates,
              Crew* crew, const Fits& fits)
      : methods_(methods), frame_(frame), state_(state), candidates_(candidates), crew_(crew), fits_(fits) {}

  // Before a candidate is judged, each in its turn. `gas_left`: what the block may still use.
  void reach(size_t candidate, uint64_t gas_left) {
    if (crew_ && candidate == end_) look_ahead(gas_left);
  }
  // The candidate's outcome; its changes are in the state.
  Result<Outcome> run(size_t candidate, const AccountPtr& signer);

 private:
  struct Attempt {
    size_t candidate = 0;
    AccountPtr signer;
    std::vector<Bytes> read;
    std::vector<std::pair<Bytes, Bytes>> ranges;
    std::optional<Outcome> outcome;  // none: an error, or it was not tried
    merkle::StateUpdates changes;
    bool tried = false;
  };

  void look_ahead(uint64_t gas_left);
  bool worth(const Admitted& transaction) const;
  void attempt(Attempt& attempt) const;
  StateReader recorded(Attempt& attempt) const;
  bool holds(const Attempt& attempt, const AccountPtr& signer) const;
  void judge_window();

  const Methods& methods_;
  const BlockFrame& frame_;
  StateLayer& state_;
  const Candidates candidates_;
  Crew* const crew_;
  const Fits fits_;

  size_t end_ = 0;  // of the window, among the candidates
  std::vector<Attempt> window_;
  size_t next_ = 0;          // of the window's attempts
  std::set<Bytes> written_;  // in this window
  size_t held_ = 0, failed_ = 0;
  size_t size_ = 0;                 // of the next window
  size_t straight_ = 0, lost_ = 0;  // after a window in vain: how many transactions nobody runs ahead
};

}  // namespace chengxin::ledger
