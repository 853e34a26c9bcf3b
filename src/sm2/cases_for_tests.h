#pragma once
#include <optional>
#include <vector>

#include "sm2/curve_for_tests.h"

// Signatures crafted so that, inside an engine, a running sum meets plus or minus the very point that is
// added next: where the general law of addition fails. Only who knows the private key can make them.
namespace chengxin::sm2::reference {

// What an engine adds, in its order: first so many doublings of the sum, then coefficient * P or * G.
struct Addition {
  int doublings = 0;
  bool of_key = false;
  mpz_class coefficient;
};
using Walk = std::vector<Addition>;

// Sums of combs of signed teeth, as in Engine::verify_known of all engines: the digits of a scalar are +-1,
// and digit (i * blocks + j) * columns + c belongs to tooth i of block j, column c. From the highest column
// down, the key's blocks come before G's.
struct CombShape {
  int teeth, blocks, columns;
};
Walk comb_walk(const mpz_class& s, const CombShape& of_base, const mpz_class& t, const CombShape& of_key);

// The key's windows of 5 bits from the top, and G's comb in the last doublings, before the last window: as in
// verify_unknown of the engine of eight lanes.
Walk window_walk(const mpz_class& s, const CombShape& of_base, const mpz_class& t);

// The private key for which the sum before addition `step` is that addition's point, or (opposite) its
// negative; nullopt where no key makes it so.
std::optional<mpz_class> colliding_key(const Walk& walk, size_t step, bool opposite);

// The question that holds for these, unless sG + tP is infinite, r = 0 or r + s = 0.
impl::Question question_for(const mpz_class& s, const mpz_class& t, const mpz_class& secret);

}  // namespace chengxin::sm2::reference
