#pragma once
#include "base/bytes.h"

namespace chengxin::contract {

// Keccak-256 as Ethereum uses it: the Keccak submission's padding (0x01), not that of FIPS 202 (0x06).
Digest keccak256(ByteView message);

}  // namespace chengxin::contract
