#pragma once
#include <map>
#include <memory>
#include <unordered_map>

#include "comet/pool.h"

// Contents of which only form and name are known: what find() waits for, what this node voted for before it
// was started, and what stands in blocks above the head. A name covers neither signature nor attachments, so
// that one may come again from somebody else when those do not hold. Not thread-safe.
namespace chengxin::comet {

struct Unchecked {
  std::shared_ptr<const Bytes> envelope;
  crypto::Sm2Point from{};  // zeroes: this node's disk
};

// What some find() waits for. A second copy is not taken before the first was found wanting.
class Wanted {
 public:
  void add(const Digest& id) { ++wants_[id].waiters; }
  void remove(const Digest& id);
  bool empty() const { return wants_.empty(); }
  // Whether it was wanted; taken is false for what was not, is here already, or does not fit into max_bytes
  // with the others that arrived.
  struct Verdict {
    bool wanted = false, taken = false;
  };
  Verdict arrive(const Digest& id, Unchecked content, size_t max_bytes);
  const Unchecked* find(const Digest& id) const;
  void lied(const Digest& id,
            const crypto::Sm2Point& peer);  // drops it, and takes it from this peer no more

 private:
  struct Want {
    size_t waiters = 0;
    std::optional<Unchecked> arrived;
    std::vector<crypto::Sm2Point> liars;
  };
  size_t bytes_ = 0;
  std::unordered_map<Digest, Want, DigestHash> wants_;
};

// Contents under heights, dropped height by height.
class ByHeight {
 public:
  bool add(uint64_t height, const Digest& id, Unchecked content);  // false: there already
  const Unchecked* find(const Digest& id) const;
  void remove(const Digest& id);
  void drop_up_to(uint64_t height);
  size_t bytes() const { return bytes_; }
  bool empty() const { return contents_.empty(); }

 private:
  using Heights = std::multimap<uint64_t, Digest>;
  struct Held {
    Unchecked content;
    Heights::iterator height;
  };
  size_t bytes_ = 0;
  std::unordered_map<Digest, Held, DigestHash> contents_;
  Heights heights_;
};

}  // namespace chengxin::comet
