#include "sm3/sm3.h"

#include <algorithm>

#include "base/check.h"
#include "base/cpu.h"
#include "sm3/impl/feed.h"
#include "sm3/impl/kernel.h"

namespace chengxin::sm3 {
namespace {
using impl::Feed, impl::Kernel, impl::kMaxLanes;

// A lane of a vector is slower than the scalar function, so what is left over for one lane is hashed by
// itself.
constexpr size_t kAloneAtMost = 1;

const Kernel& kernel(Path path) {
  CHECK(available(path));
#if defined(__x86_64__)
  if (path == Path::avx512) return impl::kAvx512;
  if (path == Path::avx2) return impl::kAvx2;
#endif
  return impl::kPortable;
}

void store_digest(const uint32_t (&words)[8], Digest& out) {
  for (int i = 0; i < 8; ++i) {
    const uint32_t word = __builtin_bswap32(words[i]);
    std::memcpy(out.data() + 4 * i, &word, 4);
  }
}

void hash_alone(const Message& message, Digest& out) {
  uint32_t words[8];
  std::memcpy(words, kInitial, sizeof words);
  Feed feed;
  feed.start(message);
  while (feed.next()) compress(words, feed.at(), feed.blocks());
  store_digest(words, out);
}

// Messages in the lanes of a kernel. An idle lane repeats the work of a busy one.
class Lanes {
 public:
  Lanes(const Kernel& kernel, std::span<const Message> messages, std::span<Digest> out)
      : kernel_(kernel), messages_(messages), out_(out) {}

  void run() {
    for (size_t lane = 0; lane < kernel_.lanes; ++lane) start(lane);
    while (busy_ > kAloneAtMost) step();
    for (size_t lane = 0; lane < kernel_.lanes; ++lane)
      if (left_[lane] > 0) finish_alone(lane);
  }

 private:
  void start(size_t lane) {
    if (next_ == messages_.size()) return;
    for (int i = 0; i < 8; ++i) words_[i * kernel_.lanes + lane] = kInitial[i];
    feeds_[lane].start(messages_[next_]);
    message_[lane] = next_++;
    ++busy_;
    refill(lane);
  }
  bool refill(size_t lane) {
    if (!feeds_[lane].next()) return false;
    at_[lane] = feeds_[lane].at();
    left_[lane] = feeds_[lane].blocks();
    return true;
  }

  void step() {
    size_t count = SIZE_MAX;
    const uint8_t* some = nullptr;
    for (size_t lane = 0; lane < kernel_.lanes; ++lane) {
      if (left_[lane] == 0 || left_[lane] >= count) continue;
      count = left_[lane];
      some = at_[lane];
    }
    for (size_t lane = 0; lane < kernel_.lanes; ++lane)
      if (left_[lane] == 0) at_[lane] = some;
    kernel_.compress(words_, at_, count);
    for (size_t lane = 0; lane < kernel_.lanes; ++lane) {
      if (left_[lane] == 0) continue;
      at_[lane] += 64 * count;
      left_[lane] -= count;
      if (left_[lane] > 0 || refill(lane)) continue;
      take_digest(lane);
      start(lane);
    }
  }

  void take_digest(size_t lane) {
    uint32_t words[8];
    read_words(lane, words);
    store_digest(words, out_[message_[lane]]);
    --busy_;
  }
  void finish_alone(size_t lane) {
    uint32_t words[8];
    read_words(lane, words);
    do {
      compress(words, at_[lane], left_[lane]);
    } while (refill(lane));
    store_digest(words, out_[message_[lane]]);
  }
  void read_words(size_t lane, uint32_t (&words)[8]) const {
    for (int i = 0; i < 8; ++i) words[i] = words_[i * kernel_.lanes + lane];
  }

  const Kernel& kernel_;
  std::span<const Message> messages_;
  std::span<Digest> out_;
  size_t next_ = 0, busy_ = 0;
  alignas(64) uint32_t words_[8 * kMaxLanes];
  const uint8_t* at_[kMaxLanes];
  size_t left_[kMaxLanes] = {};  // blocks of the run; 0: idle
  size_t message_[kMaxLanes];
  Feed feeds_[kMaxLanes];
};

}  // namespace

std::string_view name(Path path) {
  switch (path) {
    case Path::portable:
      return "portable";
    case Path::avx2:
      return "avx2";
    case Path::avx512:
      return "avx512";
  }
  return "";
}

bool available(Path path) {
  switch (path) {
    case Path::portable:
      return true;
    case Path::avx2:
      return cpu().avx2;
    case Path::avx512:
      return cpu().avx512;
  }
  return false;
}

Path best_path() {
  if (available(Path::avx512)) return Path::avx512;
  return available(Path::avx2) ? Path::avx2 : Path::portable;
}

void hash_many(std::span<const Message> messages, std::span<Digest> out, Path path) {
  CHECK(out.size() == messages.size());
  const Kernel& used = kernel(path);
  if (used.lanes > 1 && messages.size() > kAloneAtMost) {
    Lanes(used, messages, out).run();
  } else {
    for (size_t i = 0; i < messages.size(); ++i) hash_alone(messages[i], out[i]);
  }
}

void hash_nodes(uint8_t prefix, std::span<const Digest> children, std::span<Digest> out, Path path) {
  CHECK(children.size() == 2 * out.size());
  const Kernel& used = kernel(path);
  size_t done = 0;
  for (; out.size() - done >= used.lanes; done += used.lanes)
    used.nodes(prefix, children[2 * done].data(), out[done].data());
  const size_t left = out.size() - done;
  if (left > kAloneAtMost) {
    Digest padded[2 * kMaxLanes], nodes[kMaxLanes];
    std::copy_n(&children[2 * done], 2 * left, padded);
    used.nodes(prefix, padded[0].data(), nodes[0].data());
    std::copy_n(nodes, left, &out[done]);
  } else {
    for (; done < out.size(); ++done)
      impl::kPortable.nodes(prefix, children[2 * done].data(), out[done].data());
  }
}

}  // namespace chengxin::sm3
