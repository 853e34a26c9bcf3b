#pragma once
#include <memory>

#include "base/bytes.h"

namespace chengxin::document {

// A ZIP archive (APPNOTE 6.3) below 4 GiB whose entries have no time: equal content gives equal bytes. What
// has been made is taken away with `take`, in any pieces.
class Zip {
 public:
  Zip();
  ~Zip();

  // `name` is ASCII with "/" between folders.
  void add(std::string_view name, ByteView content);
  // An entry that comes in pieces; its sizes stand behind it (4.3.9).
  void begin(std::string_view name);
  void write(std::string_view piece);
  void end();
  // The directory. Nothing comes after it.
  void finish();

  // Of the open entry, before it was packed; an entry and the archive must stay below 4 GiB.
  uint64_t written() const { return entry_.size; }
  Bytes take() { return std::exchange(made_, {}); }
  size_t made() const { return made_.size(); }

 private:
  struct Entry {
    std::string name;
    uint16_t flags = 0;
    uint32_t checksum = 0;
    uint64_t size = 0, packed = 0, offset = 0;
  };
  struct Packer;
  void put(ByteView bytes);
  void list(const Entry& entry);
  Bytes made_, directory_;
  uint64_t position_ = 0;  // of the end of made_ in the archive
  uint16_t count_ = 0;
  Entry entry_;
  std::unique_ptr<Packer> packer_;  // of the open entry
};

}  // namespace chengxin::document
