#pragma once
#include <map>

#include "ledger/contract.h"

// What the frames of one call wrote, over the state before it: a frame that did not return is undone.
namespace chengxin::contract {

class Journal {
 public:
  explicit Journal(ledger::StateView& below) : below_(below) {}

  Result<std::optional<Bytes>> get(const Bytes& key) const;
  void set(Bytes key, std::optional<Bytes> value);
  // The first `limit` keys in [from, to).
  Result<ledger::StateRows> range(const Bytes& from, const Bytes& to, size_t limit) const;

  size_t mark() const { return undo_.size(); }
  void undo_to(size_t mark);
  void write_below();  // everything, once

 private:
  using Value = std::optional<Bytes>;
  ledger::StateView& below_;
  std::map<Bytes, Value> changes_;
  struct Undo {
    Bytes key;
    std::optional<Value> before;  // nothing: the key had no change
  };
  std::vector<Undo> undo_;
};

}  // namespace chengxin::contract
