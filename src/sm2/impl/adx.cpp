#include "sm2/impl/engine.h"

namespace chengxin::sm2::impl {

const Engine* adx_engine() { return nullptr; }

}  // namespace chengxin::sm2::impl
