#include "merkle/impl/state_tree.h"

namespace chengxin::merkle {

namespace {
constexpr size_t kMaxSiblings = 256;
}

Bytes StateProof::encode() const {
  CHECK(siblings.size() <= kMaxSiblings);
  Bytes out;
  put_be(out, uint8_t(kind));
  if (kind == Kind::other_leaf) {
    append(out, other_path);
    append(out, other_value_hash);
  }
  put_be(out, uint16_t(siblings.size()));
  for (const Digest& sibling : siblings) append(out, sibling);
  return out;
}

Result<StateProof> StateProof::decode(ByteView bytes) {
  Reader in(bytes);
  StateProof proof;
  uint8_t kind = in.be<uint8_t>();
  if (kind > uint8_t(Kind::other_leaf))
    return fail(Code::invalid_argument, "merkle.state_proof", "kind {}", kind);
  proof.kind = Kind(kind);
  if (proof.kind == Kind::other_leaf) {
    proof.other_path = in.digest();
    proof.other_value_hash = in.digest();
  }
  size_t count = in.be<uint16_t>();
  if (!in.ok() || count > kMaxSiblings || in.remaining() != count * sizeof(Digest))
    return fail(Code::invalid_argument, "merkle.state_proof", "{} bytes with {} siblings", bytes.size(),
                count);
  for (size_t i = 0; i < count; ++i) proof.siblings.push_back(in.digest());
  return proof;
}

template struct StateTree<Sm3Hash>;

}  // namespace chengxin::merkle
