#pragma once
#include "sm2/sm2.h"

// What a path must be able to do. Everything above it (hashing, the choice of a table, the cache) is the same
// for all paths.
namespace chengxin::sm2::impl {

struct Number {      // a 256-bit integer
  uint64_t limb[4];  // the least first
  bool operator==(const Number&) const = default;
};

struct Affine {  // plain integers, big-endian bytes already turned
  Number x, y;
};

// Tables of one key, in the engine's own form, 64-byte aligned. small: a few kB, the split comb; large: the
// full comb, for hot keys.
enum class Tier { small, large };

// One signature. The engine checks everything: 1 <= r, s < n; r + s != 0 mod n; and, where the key has no
// table, that it is a point of the curve. e may be any 256-bit number.
struct Question {
  Number r, s, e;
  Affine key;                      // used by verify_unknown only
  const uint8_t* table = nullptr;  // used by verify_known
};

class Engine {
 public:
  virtual ~Engine() = default;
  // verdicts[i]: 1 holds, 0 does not. Any count.
  virtual void verify_unknown(std::span<const Question> questions, uint8_t* verdicts) const = 0;
  // Every question's table is of this tier.
  virtual void verify_known(Tier tier, std::span<const Question> questions, uint8_t* verdicts) const = 0;

  virtual size_t table_bytes(Tier tier) const = 0;
  // Fills tables[i] (table_bytes(tier), 64-byte aligned) from keys[i]; good[i] is 0 where keys[i] is no point
  // of the curve, and its table is then not to be used. Cheapest for eight keys and more at a time.
  virtual void build(Tier tier, std::span<const Affine> keys, uint8_t* const* tables,
                     uint8_t* good) const = 0;
};

// Null when the binary was not built for it; the caller asks available() first. One object for the process,
// with its tables of G, made at the first call.
const Engine* portable_engine();
const Engine* adx_engine();
const Engine* ifma_engine();
const Engine* engine_of(Path path);

}  // namespace chengxin::sm2::impl
