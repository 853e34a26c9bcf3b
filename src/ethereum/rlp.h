#pragma once
#include "base/bytes.h"

// Recursive Length Prefix (Ethereum's yellow paper, appendix B), read strictly: each value has one encoding.
namespace chengxin::ethereum {

// One item of a list: of bytes, or a list whose items are not looked at.
struct RlpItem {
  bool is_list = false;
  ByteView payload;
  ByteView whole;  // with its prefix
};

// The items of the list that the bytes are, with nothing behind it. ethereum.rlp.
Result<std::vector<RlpItem>> rlp_list(ByteView bytes);

Bytes rlp_bytes(ByteView bytes);
Bytes rlp_number(uint64_t value);
Bytes rlp_wrap(ByteView payload);  // as a list

}  // namespace chengxin::ethereum
