#pragma once
#include <random>

#include "sm2/sm2.h"

// For the benchmark and the tests: signatures made by somebody who knows his private key and how a path adds
// up sG + tP, such that one addition meets a point and the same point, or its negative. The formulas that
// suffice for everybody else give no answer there. All of them hold.
namespace chengxin::sm2 {

// The three ways in which an engine meets a key.
enum class Meeting { unknown, small_table, large_table };

struct Exceptional {
  Point key{};
  Signature signature{};
  Digest e{};
  Digest secret{};  // of the key
  size_t step = 0;
};

// The additions at which it can happen: from the first one of a multiple of G to the last. `step` is one of
// them.
struct Steps {
  size_t first, end;
};
Steps exceptional_steps(Path path, Meeting meeting);
// The private key follows from the other numbers, so there is a new one each time.
Exceptional make_exceptional(Path path, Meeting meeting, size_t step, std::mt19937_64& random);
// More of the same key and step: what is added later is drawn anew. `count` of them, the first being `one`.
std::vector<Exceptional> more_exceptional(Path path, Meeting meeting, const Exceptional& one, size_t count,
                                          std::mt19937_64& random);

}  // namespace chengxin::sm2
