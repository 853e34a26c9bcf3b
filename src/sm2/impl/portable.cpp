#include "sm2/impl/portable_field.h"
#include "sm2/impl/scalar_engine.h"

namespace chengxin::sm2::impl {

const Engine* portable_engine() {
  static const ScalarEngine<PortableField> engine;
  return &engine;
}

}  // namespace chengxin::sm2::impl
