#include "merkle/impl/log_tree.h"
#include "crypto/sm3.h"

namespace chengxin::merkle {

Digest Sm3Hash::hash(std::initializer_list<ByteView> parts) { return crypto::sm3(parts); }

template class LogTree<Sm3Hash>;
template class LogEdge<Sm3Hash>;

}  // namespace chengxin::merkle
