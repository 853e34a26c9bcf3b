#pragma once
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "sm2/sign.h"

// Signatures to be checked by the benchmark.
namespace chengxin::app::bench {

inline constexpr size_t kMessageBytes = 200;

// A key, its signature over a message and one over a digest.
struct Signed {
  sm2::Point key{};
  sm2::Signature over_message{}, over_digest{};
  Bytes message;
  Digest e{};
};
std::vector<Signed> make_signed(size_t count);  // each by a key of its own
sm2::Entropy fresh_entropy();

// Checks of one kind, taken in order, again and again. What they point to must stay.
class Ring {
 public:
  void add(const sm2::DigestCheck& check) { digests_.push_back(check); }
  void add(const sm2::Check& check) { messages_.push_back(check); }
  size_t size() const { return std::max(digests_.size(), messages_.size()); }

  // The next `count` (at most size()) of them, in one call; each verdict is what `right(i)` says of the i-th
  // check of all.
  template <typename Right>
  double verify(const sm2::Verifier& verifier, size_t count, Right&& right) {
    verdicts_.resize(count);
    if (at_ + count > size()) at_ = 0;
    if (messages_.empty())
      verifier.verify(std::span(digests_).subspan(at_, count), verdicts_);
    else
      verifier.verify(std::span(messages_).subspan(at_, count), verdicts_);
    for (size_t i = 0; i < count; ++i) CHECK(right(at_ + i) == (verdicts_[i] == 1));
    at_ += count;
    return double(count);
  }

 private:
  std::vector<sm2::DigestCheck> digests_;
  std::vector<sm2::Check> messages_;
  std::vector<uint8_t> verdicts_;
  size_t at_ = 0;
};

}  // namespace chengxin::app::bench
