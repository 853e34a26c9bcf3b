#include "contract/journal.h"

namespace chengxin::contract {

Result<std::optional<Bytes>> Journal::get(const Bytes& key) const {
  if (auto found = changes_.find(key); found != changes_.end()) return found->second;
  return below_.get(text(key));
}

void Journal::set(Bytes key, std::optional<Bytes> value) {
  auto [place, fresh] = changes_.try_emplace(key);
  undo_.push_back({std::move(key), fresh ? std::nullopt : std::optional<Value>(std::move(place->second))});
  place->second = std::move(value);
}

Result<ledger::StateRows> Journal::range(const Bytes& from, const Bytes& to, size_t limit) const {
  return ledger::merged_range(changes_, from, to, limit,
                              [&] { return below_.range(text(from), text(to), limit); });
}

void Journal::undo_to(size_t mark) {
  for (; undo_.size() > mark; undo_.pop_back()) {
    Undo& last = undo_.back();
    if (last.before)
      changes_[last.key] = std::move(*last.before);
    else
      changes_.erase(last.key);
  }
}

void Journal::write_below() {
  for (auto& [key, value] : changes_) {
    if (value)
      below_.put(text(key), std::move(*value));
    else
      below_.erase(text(key));
  }
  changes_.clear();
  undo_.clear();
}

}  // namespace chengxin::contract
