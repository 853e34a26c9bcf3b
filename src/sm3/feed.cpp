#include <algorithm>

#include "sm3/impl/feed.h"

namespace chengxin::sm3::impl {

void Feed::start(const Message& message) {
  parts_[0] = message.first;
  parts_[1] = message.second;
  parts_[2] = message.third;
  length_ = message.first.size() + message.second.size() + message.third.size();
  part_ = 0;
  padded_ = false;
}

bool Feed::next() {
  if (padded_) return false;
  used_ = 0;
  at_ = staged_;
  while (part_ < 3 && used_ < kStaged) {
    const size_t left = parts_[part_].size(), to_boundary = -used_ % 64;
    if (left >= to_boundary + kDirect) {
      stage(to_boundary);
      if (used_ == 0) direct();
      break;
    }
    stage(std::min(left, kStaged - used_));
    if (parts_[part_].empty()) ++part_;
  }
  if (part_ == 3) pad();
  if (used_ > 0) blocks_ = used_ / 64;
  return true;
}

void Feed::direct() {
  ByteView& part = parts_[part_];
  at_ = part.data();
  blocks_ = part.size() / 64;
  part = part.subspan(blocks_ * 64);
}

void Feed::stage(size_t count) {
  if (count == 0) return;
  ByteView& part = parts_[part_];
  std::memcpy(staged_ + used_, part.data(), count);
  part = part.subspan(count);
  used_ += count;
}

void Feed::pad() {
  const size_t end = (used_ + 9 + 63) / 64 * 64;
  staged_[used_] = 0x80;
  std::memset(staged_ + used_ + 1, 0, end - used_ - 9);
  const uint64_t bits = __builtin_bswap64(length_ * 8);
  std::memcpy(staged_ + end - 8, &bits, 8);
  used_ = end;
  padded_ = true;
}

}  // namespace chengxin::sm3::impl
