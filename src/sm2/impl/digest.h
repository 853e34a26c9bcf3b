#pragma once
#include "sm2/impl/key_tables.h"
#include "sm3/sm3.h"

// From messages to the numbers e that the engines take (GB/T 32918.2 sections 5.5 and 7.1).
namespace chengxin::sm2::impl {

// e[i] = SM3(Z_A || M) of checks[i]; Z_A is taken from the key's table where it stands there. fits[i] is 0
// where the id is above 8191 bytes.
void digests_of(std::span<const Check> checks, std::span<Table* const> tables, std::span<Digest> e,
                std::span<uint8_t> fits);

}  // namespace chengxin::sm2::impl
