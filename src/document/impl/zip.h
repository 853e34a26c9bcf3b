#pragma once
#include "base/bytes.h"

namespace chengxin::document {

// A ZIP archive (APPNOTE 6.3) in memory, below 4 GiB, whose entries have no time: equal content gives equal
// bytes.
class Zip {
 public:
  // `name` is ASCII with "/" between folders.
  void add(std::string_view name, ByteView content);
  Bytes finish();

 private:
  Bytes bytes_, directory_;
  uint16_t count_ = 0;
};

}  // namespace chengxin::document
