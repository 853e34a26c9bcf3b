#include "sm2/impl/adx_field.h"
#include "sm2/impl/scalar_engine.h"
#include "sm2/impl/sign_scalar.h"

namespace chengxin::sm2::impl {

const Engine* adx_engine() {
#if defined(__x86_64__)
  static const ScalarEngine<AdxField> engine;
  return &engine;
#else
  return nullptr;
#endif
}

const SignEngine* adx_sign_engine() {
#if defined(__x86_64__)
  static const ScalarSignEngine<AdxField> engine;
  return &engine;
#else
  return nullptr;
#endif
}

}  // namespace chengxin::sm2::impl
