#pragma once
#include <cstddef>
#include <cstdint>

// SM3 (GB/T 32905-2016) below messages and padding. No inline functions: see impl/kernel.h.
namespace chengxin::sm3 {

inline constexpr uint32_t kInitial[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,  // 4.1
                                         0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};

// 5.3: state = CF(state, B) for each of `count` blocks of 64 bytes.
void compress(uint32_t (&state)[8], const uint8_t* blocks, size_t count);

}  // namespace chengxin::sm3
