#pragma once
#include "sm2/impl/engine.h"
#include "sm2/impl/number.h"
#include "sm2/impl/scalar_point.h"

// What a path must be able to do for signing, all of it in constant time. Above it: nonces, repeats, hashing.
namespace chengxin::sm2::impl {

// The private key in the forms that a signature needs, all modulo n in Montgomery form.
struct SigningKey {
  Number d, one_plus_d, inverse;  // the last: of 1 + d
};
SigningKey signing_key(const Number& d);  // 1 <= d <= n-2

// One signature for one nonce. Masks: all ones or 0.
struct Attempt {
  Number r, s;
  uint64_t refused;  // the nonce is one of those that GB/T 32918.2 section 6.1 sends back: A3, A5, A6
  uint64_t broken;   // the point of the nonce is not on the curve, or s does not fulfil s (1 + d) + r d = k
};

class SignEngine {
 public:
  virtual ~SignEngine() = default;
  // attempts[i] for digest e[i] and nonce k[i], 0 <= k[i] < n; e may be any number. Cheapest for sixteen and
  // more at a time.
  virtual void sign(const SigningKey& key, std::span<const Number> e, std::span<const Number> k,
                    Attempt* attempts) const = 0;
  // kG, 0 < k < n; false when the point is not on the curve.
  virtual bool multiply(const Number& k, Affine& out) const = 0;
};

// Null when the binary was not built for it. ifma goes in eights; one alone goes as adx does.
const SignEngine* portable_sign_engine();
const SignEngine* adx_sign_engine();
const SignEngine* ifma_sign_engine();
const SignEngine* sign_engine_of(Path path);

// What the engines share, in constant time too.
Digits recode_secret(const Number& k, int total);  // as recode() of number.h
// The rest of a signature, when the abscissa of kG is x; on_curve is a mask.
Attempt complete(const SigningKey& key, const Number& e, const Number& k, const Number& x, uint64_t on_curve);

// out = row[index], reading all of the row.
void select(const TablePoint* row, size_t count, uint32_t index, TablePoint& out);
using Select = decltype(select);
// adx_sign_engine() with another means to that end.
const SignEngine* make_adx_sign_engine(Select* select);  // for the rest of the process

// Zeroes what the compiler must not leave out; and the part of the stack that deeper calls have used (16 KiB,
// twice what signing needs), with the vector registers of every x86-64. Who calls wipe_stack() must not have
// held secrets in its own frame: they are left to a function that is not inlined.
void wipe(void* bytes, size_t count);
void wipe_stack();

}  // namespace chengxin::sm2::impl
