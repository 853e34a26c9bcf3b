#include "comet/impl/unchecked.h"

#include <algorithm>

namespace chengxin::comet {

void Wanted::remove(const Digest& id) {
  auto found = wants_.find(id);
  if (found == wants_.end() || --found->second.waiters > 0) return;
  if (found->second.arrived) bytes_ -= found->second.arrived->envelope->size();
  wants_.erase(found);
}

Wanted::Verdict Wanted::arrive(const Digest& id, Unchecked content, size_t max_bytes) {
  auto found = wants_.find(id);
  if (found == wants_.end()) return {};
  Want& want = found->second;
  const size_t bytes = content.envelope->size();
  if (want.arrived || bytes_ + bytes > max_bytes ||
      std::find(want.liars.begin(), want.liars.end(), content.from) != want.liars.end())
    return {true, false};
  want.arrived = std::move(content);
  bytes_ += bytes;
  return {true, true};
}

const Unchecked* Wanted::find(const Digest& id) const {
  auto found = wants_.find(id);
  return found == wants_.end() || !found->second.arrived ? nullptr : &*found->second.arrived;
}

void Wanted::lied(const Digest& id, const crypto::Sm2Point& peer) {
  auto found = wants_.find(id);
  if (found == wants_.end()) return;
  Want& want = found->second;
  if (std::find(want.liars.begin(), want.liars.end(), peer) == want.liars.end()) want.liars.push_back(peer);
  if (!want.arrived || want.arrived->from != peer) return;
  bytes_ -= want.arrived->envelope->size();
  want.arrived.reset();
}

bool ByHeight::add(uint64_t height, const Digest& id, Unchecked content) {
  if (contents_.contains(id)) return false;
  bytes_ += content.envelope->size();
  contents_.emplace(id, Held{std::move(content), heights_.emplace(height, id)});
  return true;
}

const Unchecked* ByHeight::find(const Digest& id) const {
  auto found = contents_.find(id);
  return found == contents_.end() ? nullptr : &found->second.content;
}

void ByHeight::remove(const Digest& id) {
  auto found = contents_.find(id);
  if (found == contents_.end()) return;
  bytes_ -= found->second.content.envelope->size();
  heights_.erase(found->second.height);
  contents_.erase(found);
}

void ByHeight::drop_up_to(uint64_t height) {
  while (!heights_.empty() && heights_.begin()->first <= height) remove(Digest(heights_.begin()->second));
}

}  // namespace chengxin::comet
