#include "sm2/impl/portable_field.h"
#include "sm2/impl/scalar_engine.h"
#include "sm2/impl/sign_scalar.h"

namespace chengxin::sm2::impl {

const Engine* portable_engine() {
  static const ScalarEngine<PortableField> engine;
  return &engine;
}

const SignEngine* portable_sign_engine() {
  static const ScalarSignEngine<PortableField> engine;
  return &engine;
}

}  // namespace chengxin::sm2::impl
