// Compiled for AVX-512, like ifma_kernel.cpp; includes nothing that could leave other code here.
#if defined(__x86_64__)
#define CHENGXIN_SM2_CHECK_BOUNDS
#include "sm2/ifma_checked_for_tests.h"

#include "sm2/impl/ifma_build.h"

namespace chengxin::sm2::impl {
namespace {

template <Form form>
Element<1, form> load(const FieldLanes& from) {
  Element<1, form> out;
  for (int i = 0; i < 5; ++i) out.v[0][i] = _mm512_loadu_si512(from[i]);
  return out;
}
template <Form form>
void store(FieldLanes& to, const Element<1, form>& from) {
  for (int i = 0; i < 5; ++i) _mm512_storeu_si512(to[i], from.v[0][i]);
}

}  // namespace

const IfmaKernel& checked_ifma_kernel() {
  static constexpr IfmaKernel kernel = {verify_unknown,           verify_known<kSmallComb>,
                                        verify_known<kLargeComb>, build_keys<kSmallComb>,
                                        build_keys<kLargeComb>,   build_base};
  return kernel;
}

IfmaCounts ifma_counts() { return {operands_checked, bounds_broken, mendings}; }

void ifma_field(FieldOperation operation, const FieldLanes& a, const FieldLanes& b, const FieldLanes& c,
                const FieldLanes& d, FieldLanes& out) {
  const auto x = load<Form::operand>(a), y = load<Form::operand>(b), u = load<Form::operand>(c),
             v = load<Form::operand>(d);
  switch (operation) {
    case FieldOperation::mul:
      return store(out, mul(x, y));
    case FieldOperation::sqr:
      return store(out, sqr(x));
    case FieldOperation::mul_minus_mul:
      return store(out, mul_minus_mul(x, y, u, v));
    case FieldOperation::mul_minus_8_sqr:
      return store(out, mul_minus_8_sqr(x, y, u));
    case FieldOperation::invert:
      return store(out, masked(invert(x)));
  }
}
void ifma_folded(const FieldLanes& a, FieldLanes& out) { store(out, folded(load<Form::loose>(a))); }
void ifma_canonical(const FieldLanes& a, FieldLanes& out) { store(out, canonical(load<Form::loose>(a))); }
uint8_t ifma_is_zero(const FieldLanes& a) { return uint8_t(is_zero(load<Form::loose>(a))); }
uint8_t ifma_may_be_zero(const FieldLanes& a) { return uint8_t(may_be_zero(operand(load<Form::loose>(a)))); }

}  // namespace chengxin::sm2::impl
#endif
