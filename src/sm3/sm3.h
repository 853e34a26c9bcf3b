#pragma once
#include "base/bytes.h"
#include "sm3/compress.h"

// SM3 (GB/T 32905-2016) of many messages at once: sixteen lanes of AVX-512, eight of AVX2, or one after the
// other. For a single message, or one that comes in pieces, see crypto/sm3.h.
namespace chengxin::sm3 {

enum class Path { portable, avx2, avx512 };
inline constexpr Path kPaths[] = {Path::portable, Path::avx2, Path::avx512};
std::string_view name(Path path);
bool available(Path path);  // on this processor, less what CHENGXIN_CPU_WITHOUT takes away (base/cpu.h)
Path best_path();

// Hashed as the concatenation of its three parts; any of them may be empty. The parts must live until the
// call returns. Lengths may differ: lanes whose message has ended take the next one.
struct Message {
  ByteView first, second, third;
};

// out[i] = SM3(messages[i]). Any count.
void hash_many(std::span<const Message> messages, std::span<Digest> out, Path path = best_path());

// Nodes of a Merkle tree: out[i] = SM3(prefix || left || right) with children[2i], children[2i+1] as left and
// right; `out` may be the front of `children`. RFC 9162 section 2.1.1 with prefix 01.
void hash_nodes(uint8_t prefix, std::span<const Digest> children, std::span<Digest> out,
                Path path = best_path());

}  // namespace chengxin::sm3
