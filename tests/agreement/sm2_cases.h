#pragma once
#include "sm2_numbers.h"

// Signatures to be judged, good and bad, drawn from families that each aim at one thing which an
// implementation can get wrong. A case depends on the seed and its number only.
namespace chengxin::sm2::agreement {

struct Case {
  size_t number = 0;
  const char* family = "";
  Point key{};
  Signature signature{};
  Digest e{};
  std::optional<bool> expected;  // where the case was built to hold, or not to

  Number r() const;
  Number s() const;
};
std::string describe(const Case& one);  // all of it, for a report

// Neighbours share keys, so that tables pay: within as many cases there are about a hundred keys, and a few
// that sign once.
inline constexpr size_t kNeighbours = 4096;

Case make_case(uint64_t seed, size_t number);
size_t family_count();

// For cases that are built elsewhere.
struct Secret {
  Number d{};
  Point point{};
};
Secret secret_of(const Number& d);
// The signature with s and t = r + s, and an e for which it holds; e + n where `high` and where that fits.
// Nullopt where s·G + t·P is the point at infinity, or r or s would be zero.
struct Fitted {
  Signature signature;
  Digest e;
};
std::optional<Fitted> fit(const Point& key, const Number& s, const Number& t, bool high = false);

}  // namespace chengxin::sm2::agreement
