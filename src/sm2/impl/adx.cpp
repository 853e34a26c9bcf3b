#include "sm2/impl/adx_field.h"
#include "sm2/impl/scalar_engine.h"

namespace chengxin::sm2::impl {

const Engine* adx_engine() {
#if defined(__x86_64__)
  static const ScalarEngine<AdxField> engine;
  return &engine;
#else
  return nullptr;
#endif
}

}  // namespace chengxin::sm2::impl
