#include "merkle/impl/item_tree.h"

namespace chengxin::merkle {

template struct ItemTree<Sm3Hash>;

}  // namespace chengxin::merkle
