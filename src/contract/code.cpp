#include "contract/code.h"

#include "base/check.h"

namespace chengxin::contract {

Bytes CodeRecord::encode() const {
  Bytes out = to_bytes(digest);
  put_be(out, size);
  put_be(out, nonce);
  return out;
}

CodeRecord CodeRecord::decode(ByteView stored) {
  CHECK(stored.size() == 44);
  CodeRecord out;
  std::memcpy(out.digest.data(), stored.data(), 32);
  out.size = get_be<uint32_t>(&stored[32]);
  out.nonce = get_be<uint64_t>(&stored[36]);
  return out;
}

std::string code_record_key(const format::Address& address) { return "contract/e/" + to_string(address); }
std::string code_key(const Digest& digest) { return "contract/code/" + to_string(digest); }

Result<std::optional<CodeRecord>> code_record(const Read& read, const format::Address& address) {
  ASSIGN(const auto stored, read(code_record_key(address)));
  if (!stored) return std::optional<CodeRecord>();
  return std::optional(CodeRecord::decode(*stored));
}

}  // namespace chengxin::contract
