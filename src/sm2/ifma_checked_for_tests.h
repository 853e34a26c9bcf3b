#pragma once
#include "sm2/impl/ifma_kernel.h"

// The vector half once more, compiled so that it checks the bounds of every operand of every multiplication,
// and single field operations of it, eight lanes at a time.
namespace chengxin::sm2::impl {

const IfmaKernel& checked_ifma_kernel();

struct IfmaCounts {
  uint64_t operands_checked, bounds_broken, mended;  // mended: sums that met an exception
};
IfmaCounts ifma_counts();

// Limbs of 52 bits by lane; the sum over limbs counts, except in an operand of a product, where bits above 52
// of limbs 0 to 3 do not.
using FieldLanes = int64_t[5][8];
enum class FieldOperation { mul, sqr, mul_minus_mul, mul_minus_8_sqr, invert };
// a b, a^2, a b - c d, a b - 8 c^2, 1 / a: Loose results. The operands of products.
void ifma_field(FieldOperation operation, const FieldLanes& a, const FieldLanes& b, const FieldLanes& c,
                const FieldLanes& d, FieldLanes& out);
void ifma_folded(const FieldLanes& a, FieldLanes& out);
void ifma_canonical(const FieldLanes& a, FieldLanes& out);
uint8_t ifma_is_zero(const FieldLanes& a);
uint8_t ifma_may_be_zero(const FieldLanes& a);

}  // namespace chengxin::sm2::impl
