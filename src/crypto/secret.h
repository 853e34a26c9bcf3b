#pragma once
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace chengxin::crypto {

// Overwrites memory in a way that the compiler may not remove.
void secure_zero(void* at, size_t size);

// Zeroes what it gives back, so also what a growing vector leaves behind.
template <typename T>
struct ZeroingAllocator {
  using value_type = T;
  ZeroingAllocator() = default;
  template <typename U>
  ZeroingAllocator(const ZeroingAllocator<U>&) {}
  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* at, size_t count) {
    secure_zero(at, count * sizeof(T));
    std::allocator<T>().deallocate(at, count);
  }
  bool operator==(const ZeroingAllocator&) const = default;
};

// Bytes that are zeroed when they are freed or outgrown: keys, shared secrets.
using Secret = std::vector<uint8_t, ZeroingAllocator<uint8_t>>;

inline Secret to_secret(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// Compares in a time that depends on the lengths only.
bool constant_time_equal(ByteView a, ByteView b);

}  // namespace chengxin::crypto
