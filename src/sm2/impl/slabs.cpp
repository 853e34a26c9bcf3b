#include "sm2/impl/slabs.h"

#include <sys/mman.h>

#include <cstdlib>

namespace chengxin::sm2::impl {

Slabs::~Slabs() {
  for (uint8_t* block : blocks_) std::free(block);
}

uint8_t* Slabs::take() {
  if (free_.empty() && bytes() + kBlockBytes <= allowed_) {
    auto* block = static_cast<uint8_t*>(std::aligned_alloc(kBlockBytes, kBlockBytes));
    if (!block) return nullptr;
    ::madvise(block, kBlockBytes, MADV_HUGEPAGE);
    blocks_.push_back(block);
    for (size_t at = 0; at + piece_ <= kBlockBytes; at += piece_) free_.push_back(block + at);
  }
  if (free_.empty()) return nullptr;
  uint8_t* piece = free_.back();
  free_.pop_back();
  return piece;
}

}  // namespace chengxin::sm2::impl
