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
  static const SignEngine* const engine = make_adx_sign_engine(select);
  return engine;
}
const SignEngine* make_adx_sign_engine(Select* select) {
#if defined(__x86_64__)
  return new ScalarSignEngine<AdxField>(select);
#else
  return nullptr;
#endif
}

}  // namespace chengxin::sm2::impl
