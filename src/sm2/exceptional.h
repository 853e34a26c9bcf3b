#pragma once
#include <random>

#include "sm2/sm2.h"

// For the benchmark and the tests: signatures made by somebody who knows his private key and how a path adds
// up sG + tP, such that one addition meets a point and the same point, or its negative. The formulas that
// suffice for everybody else give no answer there. All of them hold.
namespace chengxin::sm2 {

// The ways in which an engine meets a key; alone: in a call with a single signature.
enum class Meeting { unknown, small_table, large_table, small_alone, large_alone };

struct Exceptional {
  Point key{};
  Signature signature{};
  Digest e{};
  Digest secret{};  // of the key
  size_t step = 0;
};

// How many additions there are at which it can be made to happen; a step is one of them.
size_t exceptional_steps(Path path, Meeting meeting);
// The private key follows from the other numbers, so there is a new one each time.
Exceptional make_exceptional(Path path, Meeting meeting, size_t step, std::mt19937_64& random);
// More of the same key and step: digits that have no part in it are drawn anew. `count` of them, the first
// being `one`.
std::vector<Exceptional> more_exceptional(Path path, Meeting meeting, const Exceptional& one, size_t count,
                                          std::mt19937_64& random);

}  // namespace chengxin::sm2
