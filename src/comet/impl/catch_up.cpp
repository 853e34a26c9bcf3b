#include "comet/impl/catch_up.h"

#include <algorithm>

namespace chengxin::comet {

std::optional<CatchUp::Question> CatchUp::next(uint64_t own_height, size_t room,
                                               const std::map<crypto::Sm2Point, Standing>& peers,
                                               int64_t now_ns, int64_t reply_ns) {
  if (height_ <= own_height) {
    height_ = own_height + 1;
    first_ = 0;
    needed_ = false;
  }
  uint64_t best = 0;
  for (const auto& [peer, standing] : peers) best = std::max(best, standing.height);
  active_ = needed_ || best > own_height + kBehind;
  if (asked_ && now_ns - asked_->at_ns < reply_ns) return std::nullopt;
  asked_.reset();
  if (!active_ || (!needed_ && (best < height_ || room < 2 * kPartBytes))) return std::nullopt;

  auto has_it = [&](const auto& each) {
    return each.second.oldest <= height_ && (needed_ || each.second.height >= height_);
  };
  auto peer = std::find_if(peers.upper_bound(last_), peers.end(), has_it);
  if (peer == peers.end()) peer = std::find_if(peers.begin(), peers.end(), has_it);
  if (peer == peers.end()) return std::nullopt;
  last_ = peer->first;
  asked_ = Asked{{last_, {++requests_, height_, first_, kPartBytes}}, now_ns};
  return asked_->question;
}

bool CatchUp::take(const crypto::Sm2Point& peer, const GiveBlocks& answer) {
  if (!asked_ || asked_->question.peer != peer || asked_->question.ask.request != answer.request)
    return false;
  const AskBlocks ask = asked_->question.ask;
  if (answer.parts.empty()) {
    needed_ = false;
    asked_->fruitless = true;
    return true;
  }
  asked_.reset();
  uint64_t height = ask.height;
  uint32_t first = ask.first;
  for (const BlockPart& part : answer.parts) {
    if (part.height != height || part.first != first) return false;
    first += uint32_t(part.envelopes.size());
    if (first == part.total) {
      ++height;
      first = 0;
    }
  }
  if (height_ != ask.height || first_ != ask.first) return true;  // asked anew meanwhile
  height_ = height;
  first_ = first;
  needed_ = needed_ && first > 0;  // to the end of its block
  return true;
}

void CatchUp::gone(const crypto::Sm2Point& peer) {
  if (asked_ && asked_->question.peer == peer) asked_.reset();
}

void CatchUp::restart(uint64_t height) {
  if (asked_ && !asked_->fruitless && asked_->question.ask.height == height) return;  // on its way
  height_ = height;
  first_ = 0;
  needed_ = true;
  asked_.reset();
}

}  // namespace chengxin::comet
