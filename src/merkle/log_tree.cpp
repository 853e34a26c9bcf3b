#include "merkle/impl/log_tree.h"
#include "crypto/sm3.h"

namespace chengxin::merkle {

Digest Sm3Hash::hash(std::initializer_list<ByteView> parts) { return crypto::sm3(parts); }
void Sm3Hash::hash_many(std::span<const sm3::Message> messages, std::span<Digest> out) {
  sm3::hash_many(messages, out);
}
void Sm3Hash::hash_nodes(uint8_t prefix, std::span<const Digest> children, std::span<Digest> out) {
  sm3::hash_nodes(prefix, children, out);
}

template class LogTree<Sm3Hash>;
template class LogEdge<Sm3Hash>;

}  // namespace chengxin::merkle
