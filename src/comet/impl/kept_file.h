#pragma once
#include <map>

#include "comet/pool.h"

// What this node voted for, on its disk until the ledger holds it. One file, written from its beginning on, a
// record and one fdatasync for each proposal; once nothing in it is needed any more, the next record goes
// over the first. So the file does not grow, and a sync seldom has to record a new length.
//
// A record: "CXK1", u64 engine height, u32 count, for each content its name (32) and u32 length, SM3 of all
// that; then the envelopes. A name covers its content, so a record is whole when its head's digest holds and
// each envelope bears its name. Behind the last record stands what is left of older ones: their heads, seldom
// met at a boundary, name what the ledger holds or what may wait again.
namespace chengxin::comet {

struct KeptContent {
  uint64_t engine_height = 0;
  Digest id{};
  Bytes envelope;
};

class KeptFile {
 public:
  // Creates it when it is not there. What it holds up to the first record that is not whole goes to `found`.
  static Result<std::unique_ptr<KeptFile>> open(const fs::path& path, std::vector<KeptContent>& found);
  ~KeptFile();
  KeptFile(const KeptFile&) = delete;

  // Durable when it returns. pool.kept_broken after an earlier error; file.*.
  Status append(uint64_t engine_height, std::span<const KeptContent> contents);
  void reset();  // nothing in it is needed any more

 private:
  KeptFile(fs::path path, int fd, uint64_t end) : path_(std::move(path)), fd_(fd), end_(end) {}

  const fs::path path_;
  const int fd_;
  uint64_t end_ = 0;   // of what is needed
  uint64_t most_ = 0;  // of what was ever written since it was cut
  bool broken_ = false;
};

}  // namespace chengxin::comet
