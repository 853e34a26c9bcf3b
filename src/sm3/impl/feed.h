#pragma once
#include "sm3/sm3.h"

namespace chengxin::sm3::impl {

// A message as runs of whole blocks, its padding (GB/T 32905 5.2) included: where they lie, or, around the
// seams of its parts and at its end, put together here.
class Feed {
 public:
  void start(const Message& message);
  // The next run is at() and blocks() long. False when the message has ended.
  bool next();
  const uint8_t* at() const { return at_; }
  size_t blocks() const { return blocks_; }

 private:
  static constexpr size_t kStaged = 512;  // bytes put together at a time
  static constexpr size_t kDirect = 256;  // bytes of a part that are worth a run where they lie

  void stage(size_t count);  // of the current part
  void direct();
  void pad();

  ByteView parts_[3];  // what is not yet read of them
  int part_ = 3;
  bool padded_ = true;
  uint64_t length_ = 0;  // bytes
  const uint8_t* at_ = nullptr;
  size_t blocks_ = 0, used_ = 0;
  uint8_t staged_[kStaged + 64];
};

}  // namespace chengxin::sm3::impl
