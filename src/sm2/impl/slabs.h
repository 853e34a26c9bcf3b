#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace chengxin::sm2::impl {

// Pieces of one size, cut from blocks of 2 MiB that ask for huge pages: tables are read at random places, and
// with small pages the address translation would cost more than the memory. Taken when needed, kept for good.
class Slabs {
 public:
  Slabs(size_t piece_bytes, size_t bytes_allowed) : piece_(piece_bytes), allowed_(bytes_allowed) {}
  ~Slabs();
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;

  uint8_t* take();  // null when the allowed memory is in use
  void give_back(uint8_t* piece) { free_.push_back(piece); }
  size_t bytes() const { return blocks_.size() * kBlockBytes; }

 private:
  static constexpr size_t kBlockBytes = 2 << 20;
  size_t piece_, allowed_;
  std::vector<uint8_t*> blocks_, free_;
};

}  // namespace chengxin::sm2::impl
