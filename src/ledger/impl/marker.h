#pragma once
#include <optional>

#include "base/file.h"

namespace chengxin::ledger {

// The file `head`: the last block known to be durable, written after each commit. The store ends at a prefix
// after a crash, and also, silently, after damage to its write-ahead log; a store that ends below the marker
// lost a durable block. Two slots of 48 bytes, used in turn by height: u64 height || header hash || first 8
// bytes of their SM3. It is not synced with a block: after a power cut it may be older than the store, never
// newer.
class Marker {
 public:
  struct Head {
    uint64_t height = 0;
    Digest header_hash{};
    bool operator==(const Head&) const = default;
  };

  // Creates the file, or opens it. ledger.damaged when neither slot is whole.
  static Result<std::unique_ptr<Marker>> open(const fs::path& file, const Head* create_with = nullptr);
  ~Marker();
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;

  const Head& head() const { return head_; }
  // One of the slots is not whole: a write was torn, or bits changed.
  bool torn() const { return broken_.has_value(); }
  // Whether that slot is the beginning of the record of one of `written` and the rest of one of `before`.
  bool torn_between(std::span<const Head> written, std::span<const Head> before) const;
  Status write(const Head& head);    // one slot, not synced
  Status rewrite(const Head& head);  // both, synced

 private:
  explicit Marker(int fd) : fd_(fd) {}
  Status put(const Head& head, uint64_t slot);

  int fd_;
  Head head_;
  std::optional<Bytes> broken_;
};

}  // namespace chengxin::ledger
