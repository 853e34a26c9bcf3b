#pragma once
#include <cstddef>
#include <cstdint>

// What each path computes with. The files behind this header are compiled for processors that the rest of the
// program does not ask for, so it has no inline function: the linker could pick a copy made for the wrong
// processor.
namespace chengxin::sm3::impl {

inline constexpr size_t kMaxLanes = 16;

struct Kernel {
  size_t lanes;
  // Compresses `count` blocks of 64 bytes for each lane: those of lane i begin at at[i]. words[j·lanes + i]
  // is chaining word j of lane i.
  void (*compress)(uint32_t* words, const uint8_t* const* at, size_t count);
  // One Merkle node for each lane: out (32 bytes each) = SM3(prefix || 64 bytes of children). `out` may be
  // `children`.
  void (*nodes)(uint8_t prefix, const uint8_t* children, uint8_t* out);
};

extern const Kernel kPortable, kAvx2, kAvx512;

}  // namespace chengxin::sm3::impl
