#include "sm2_cases.h"

#include <map>
#include <mutex>

#include "base/check.h"

namespace chengxin::sm2::agreement {
namespace {

constexpr size_t kRandomKeys = 64, kSpecialKeys = 48;

Signature signature_of(const Number& r, const Number& s) {
  Signature out;
  std::copy(r.begin(), r.end(), out.begin());
  std::copy(s.begin(), s.end(), out.begin() + 32);
  return out;
}

// The r for which the x-coordinate is accepted, given e; and the e, given r.
Number reduced(const Number& x) { return plus(x, small(0)); }

// Numbers at which a comparison, a carry or a recoding can go wrong.
Number edge(Random& random) {
  const Number top = *difference(power(255), small(1));
  switch (random.below(12)) {
    case 0:
      return small(random.below(4));
    case 1:
      return *difference(order(), small(random.below(4)));
    case 2:
      return *sum(order(), small(random.below(3)));
    case 3:
      return *(random.below(2) ? sum(prime(), small(random.below(2))) : difference(prime(), small(1)));
    case 4:
      return *sum(top, random.below(2) ? power(255) : small(0));  // 2^256-1, 2^255-1
    case 5:
      return power(unsigned(random.below(256)));
    case 6:
      return *difference(power(unsigned(random.below(256))), small(1));
    case 7:  // beside a multiple of a limb
      return *sum(power(unsigned(52 * (1 + random.below(4)))), small(random.below(3)));
    case 8:
      return minus(power(unsigned(random.below(256))), small(1 + random.below(64)));
    case 9: {  // half of n
      Number half = times(order(), small(0));
      half = times(plus(small(1), half), inverse(small(2)));
      return random.below(2) ? half : negative(half);
    }
    case 10: {  // high bits set, low ones drawn
      Number out = random.bits();
      for (size_t i = 0, count = 1 + random.below(28); i < count; ++i) out[i] = 0xff;
      return out;
    }
    default: {  // long runs of ones and zeros
      Number out{};
      bool bit = random.below(2);
      for (size_t at = 0, run = 0; at < 256; ++at, --run) {
        if (run == 0) bit = !bit, run = 1 + random.below(70);
        if (bit) out[at / 8] |= uint8_t(1 << at % 8);
      }
      return out;
    }
  }
}

Number edge_or_scalar(Random& random) { return random.below(2) ? edge(random) : random.scalar(); }

// Keys ±k·G, ±2^k·G and ±k·2^j·G: multiples of G that stand in some table of G.
Number special_scalar(Random& random) {
  Number d;
  switch (random.below(4)) {
    case 0:
      d = small(1 + random.below(64));
      break;
    case 1:
      d = power(unsigned(random.below(256)));
      break;
    case 2:
      d = times(small(1 + random.below(4096)), power(unsigned(random.below(256))));
      break;
    default: {  // a few bits at the distance of a comb's teeth
      const unsigned teeth[] = {16, 32, 37, 43, 48, 51, 52, 64, 128};
      const unsigned distance = teeth[random.below(std::size(teeth))];
      d = small(0);
      for (unsigned at = unsigned(random.below(distance)); at < 256; at += distance)
        if (random.below(2)) d = plus(d, power(at));
      if (is_zero(d)) d = small(1);
    }
  }
  return random.below(2) ? d : negative(d);
}

// Scalars whose recoding has few digits, equal digits, or a zero head: partial sums of them meet table
// entries.
Number sparse(Random& random) {
  const unsigned windows[] = {4, 5, 6, 7, 8, 12, 13, 16, 32, 37, 43, 52, 64};
  const unsigned width = windows[random.below(std::size(windows))];
  Number out = small(0);
  switch (random.below(5)) {
    case 0:  // one digit
      out = times(small(1 + random.below(1 << std::min(width, 12u))),
                  power(width * unsigned(random.below(256 / width))));
      break;
    case 1:  // two
      for (int i = 0; i < 2; ++i)
        out = plus(out, times(small(random.below(1 << std::min(width, 12u))),
                              power(width * unsigned(random.below(256 / width)))));
      break;
    case 2: {  // the same digit everywhere
      const Number digit = small(1 + random.below(1 << std::min(width, 12u)));
      for (unsigned at = 0; at + width <= 256; at += width) out = plus(out, times(digit, power(at)));
      break;
    }
    case 3:  // a small head above a drawn rest
      out = plus(times(small(random.below(64)), power(width * unsigned(1 + random.below(256 / width - 1)))),
                 small(random.below(1 << 16)));
      break;
    default:
      out = small(1 + random.below(4096));
  }
  if (is_zero(out)) out = small(1);
  return random.below(2) ? out : negative(out);
}

struct Draft {
  Case& out;
  Random& random;
  uint64_t seed;

  // Both kinds of keys are those of the neighbourhood; made once.
  const Secret& remembered(uint64_t name, Number (*draw)(Random&)) const {
    static std::mutex mutex;
    static std::map<uint64_t, Secret> known;
    std::lock_guard lock(mutex);
    auto [at, fresh] = known.try_emplace(seed * 0x100000001b3 + name);
    if (fresh) {
      Random own(at->first);
      at->second = secret_of(draw(own));
    }
    return at->second;
  }
  const Secret& key() const {
    return remembered(random.below(kRandomKeys), [](Random& own) { return own.scalar(); });
  }
  const Secret& special_key() const {
    const uint64_t neighbourhood = out.number / kNeighbours + 1;
    return remembered(neighbourhood << 32 | random.below(kSpecialKeys), special_scalar);
  }
  const Secret& any_key() const { return random.below(3) ? key() : special_key(); }

  void take(const Point& point, const Number& r, const Number& s, const Number& e) {
    out.key = point;
    out.signature = signature_of(r, s);
    out.e = e;
  }
  // The case that holds, with s and t; or, where they lead nowhere, the case that must not.
  void fitted(const Point& point, const Number& s, const Number& t) {
    out.key = point;
    if (auto found = fit(point, s, t, random.below(2))) {
      out.signature = found->signature;
      out.e = found->e;
      out.expected = true;
      return;
    }
    // At infinity no x is right; who takes x = 0 for it accepts e = r.
    const Number r = minus(t, s);
    take(point, r, reduced(s), random.below(2) ? r : random.bits());
    out.expected = false;
  }
};

void good(Draft& draft) { draft.fitted(draft.key().point, draft.random.scalar(), draft.random.scalar()); }

void garbage(Draft& draft) {
  draft.take(draft.any_key().point, edge_or_scalar(draft.random), edge_or_scalar(draft.random),
             draft.random.bits());
}

void flipped(Draft& draft) {
  good(draft);
  const size_t bit = draft.random.below(8 * (65 + 64 + 32));
  const uint8_t mask = uint8_t(1 << bit % 8);
  if (bit < 8 * 65) {
    draft.out.key[bit / 8] ^= mask;
    draft.out.expected = false;
  } else if (bit < 8 * 129) {
    draft.out.signature[bit / 8 - 65] ^= mask;
    draft.out.expected.reset();  // r and s have other ways to be right, if unlikely ones
  } else {
    draft.out.e[bit / 8 - 129] ^= mask;  // no power of two is a multiple of n
    draft.out.expected = false;
  }
}

// Every pair of edges as r and s, with the e that would make it hold.
void ranges(Draft& draft) {
  Random& random = draft.random;
  const Secret& key = draft.any_key();
  Number r = edge_or_scalar(random), s = edge_or_scalar(random);
  if (random.below(4) == 0) r = negative(s);                                      // t = 0
  if (random.below(8) == 0) r = sum(negative(s), order()).value_or(negative(s));  // the same, not reduced
  draft.take(key.point, r, s, random.bits());
  auto point = multiply(plus(s, times(plus(r, s), key.d)));
  if (point) draft.out.e = minus(r, x_of(*point));
  const bool inside = !is_zero(r) && !is_zero(s) && less(r, order()) && less(s, order());
  draft.out.expected = inside && point && !is_zero(plus(r, s));
}

// A signature that holds, with r + n or s + n in place of r or s.
void not_reduced(Draft& draft) {
  Random& random = draft.random;
  Number low = random.bits();
  std::fill_n(low.begin(), 5 + random.below(27), 0);
  if (is_zero(low)) low = small(1);
  const Secret& key = draft.any_key();
  const Number other = random.scalar();
  const bool first = random.below(2);
  const Number r = first ? low : other, s = first ? other : low;
  auto found = fit(key.point, s, plus(r, s), random.below(2));
  if (!found) return good(draft);
  const bool bent = random.below(4) != 0;
  draft.take(key.point, first && bent ? *sum(r, order()) : r, !first && bent ? *sum(s, order()) : s,
             found->e);
  draft.out.expected = !bent;
}

// A signer's work: e is an edge (also above n), and so may be the nonce.
void digests(Draft& draft) {
  Random& random = draft.random;
  const Secret& key = draft.any_key();
  const Number e = edge(random), k = random.below(2) ? random.scalar() : special_scalar(random);
  auto point = multiply(k);
  const Number above = plus(key.d, small(1));
  if (!point || is_zero(above)) return good(draft);
  const Number r = plus(e, x_of(*point)), s = times(minus(k, times(r, key.d)), inverse(above));
  draft.take(key.point, r, s, e);
  draft.out.expected = !is_zero(r) && !is_zero(s) && !is_zero(plus(r, s));
}

// The nonce's point has an x that is chosen: at or above n, where x1 mod n is not x1; or below p - n, where
// both r - e and r - e + n could be meant. The key follows: P = t^-1 (R - s·G).
void coordinates(Draft& draft) {
  Random& random = draft.random;
  const Number room = *difference(prime(), order());
  Number x;
  switch (random.below(6)) {
    case 0:
      x = *sum(order(), small(random.below(40)));
      break;
    case 1:
      x = *difference(prime(), small(1 + random.below(40)));
      break;
    case 2:  // drawn from n … p-1
      x = random.bits();
      std::fill_n(x.begin(), 17, 0);
      x = *sum(order(), x);
      break;
    case 3:
      x = small(random.below(40));
      break;
    case 4:  // below p - n and just above
      x = random.below(2) ? *difference(room, small(1 + random.below(40)))
                          : *sum(room, small(random.below(40)));
      break;
    default:
      x = random.bits();
      std::fill_n(x.begin(), 16 + random.below(16), 0);
  }
  std::optional<Point> nonce;
  for (; !nonce; x = *(less(x, *difference(prime(), small(1))) ? sum(x, small(1)) : std::optional(order())))
    nonce = lift(x, random.below(2));
  const Number s = random.scalar(), t = random.scalar(), inverted = inverse(t);
  auto key = multiply(negative(times(s, inverted)), *nonce, inverted);
  const Number r = minus(t, s);
  if (!key || is_zero(r)) return good(draft);
  const Number e = minus(r, x_of(*nonce));
  draft.take(*key, r, s, e);
  draft.out.expected = true;
  switch (random.below(5)) {
    case 0:
      if (auto more = sum(e, order())) draft.out.e = *more;
      break;
    case 1: {  // x1 = r - e + n - p: right modulo p only
      const Number wrong = minus(e, room);
      draft.out.e = wrong;
      draft.out.expected = minus(r, wrong) == reduced(x_of(*nonce));
      break;
    }
    case 2: {  // x1 = r - e + p - n: the same the other way
      const Number wrong = plus(e, room);
      draft.out.e = wrong;
      draft.out.expected = minus(r, wrong) == reduced(x_of(*nonce));
      break;
    }
    default:
      break;
  }
}

// Keys in the tables of G, and scalars with few digits.
void multiples(Draft& draft) {
  Random& random = draft.random;
  const Number s = random.below(3) ? sparse(random) : edge_or_scalar(random);
  Number t = random.below(3) ? sparse(random) : edge_or_scalar(random);
  if (random.below(8) == 0) t = random.below(2) ? s : negative(s);
  const Secret& key = random.below(4) ? draft.special_key() : draft.key();
  if (is_zero(reduced(t))) t = small(1);
  if (is_zero(reduced(s))) return good(draft);
  draft.fitted(key.point, reduced(s), reduced(t));
}

// s·G = -t·P, or beside it: the sum is infinity, ±G, ±P, or the two halves are the same point.
void infinity(Draft& draft) {
  Random& random = draft.random;
  const Secret& key = random.below(2) ? draft.special_key() : draft.key();
  Number t = random.below(2) ? sparse(random) : random.scalar();
  if (is_zero(t)) t = small(1);
  Number s = negative(times(t, key.d));
  switch (random.below(6)) {
    case 0:
      s = negative(s);
      break;
    case 1:
      s = plus(s, small(1));
      break;
    case 2:
      s = minus(s, small(1));
      break;
    case 3:
      s = random.below(2) ? plus(s, key.d) : minus(s, key.d);
      break;
    default:
      break;
  }
  if (is_zero(s)) return good(draft);
  draft.fitted(key.point, s, t);
}

// A partial sum of the windows that meets the next entry: what is above a place of s and t is a small number,
// and so is the key.
void partial_sums(Draft& draft) {
  Random& random = draft.random;
  const Secret& key = draft.special_key();
  const unsigned widths[] = {4, 5, 6, 7, 8, 12};
  const unsigned place = widths[random.below(std::size(widths))] * unsigned(1 + random.below(20));
  auto with_head = [&](const Number& head) {
    Number low = random.bits();
    for (unsigned bit = place; bit < 256; ++bit) low[31 - bit / 8] &= uint8_t(~(1 << bit % 8));
    return plus(times(head, power(place)), low);
  };
  const Number head_of_t = small(random.below(34));
  Number head_of_s = negative(times(head_of_t, key.d));  // the sum so far is infinity
  if (random.below(3) != 0)                              // or a multiple of G or P that a table may hold
    head_of_s =
        plus(head_of_s, random.below(2) ? small(random.below(34)) : times(small(random.below(34)), key.d));
  if (random.below(4) == 0) head_of_s = small(random.below(34));
  const Number s = with_head(head_of_s), t = with_head(head_of_t);
  if (is_zero(s) || is_zero(t)) return good(draft);
  draft.fitted(key.point, s, t);
}

// Points that are none, each over a signature that holds for the point it was made from.
void not_a_point(Draft& draft) {
  Random& random = draft.random;
  good(draft);
  Point& key = draft.out.key;
  const Number x = x_of(key), y = y_of(key);
  draft.out.expected = false;
  switch (random.below(12)) {
    case 0:
      key[0] = uint8_t(random.below(256));
      draft.out.expected = key[0] == 4;
      return;
    case 1:
      key = {};
      return;
    case 2:
      key = Point{4};
      return;
    case 3:
      key[0] = random.below(2) ? 2 : 3;
      std::fill(key.begin() + 33, key.end(), 0);
      return;
    case 4:
      key = point_of(y, x);
      return;
    case 5:
      key = point_of(x, small(random.below(3)));
      return;
    case 6:
      key = point_of(small(random.below(3)), y);
      return;
    case 7:
      key = point_of(random.bits(), random.bits());
      return;
    case 8:
      key = point_of(prime(), y);
      return;
    case 9:
      key.fill(0xff);
      key[0] = 4;
      return;
    case 10:  // the negative: a point, and not this one
      key = point_of(x, *difference(prime(), y));
      draft.out.expected.reset();
      return;
    default: {  // a small coordinate, and its double that is congruent modulo p
      std::optional<Point> low;
      for (uint64_t at = random.below(64); !low; ++at) low = lift(small(at), random.below(2));
      draft.fitted(*low, random.scalar(), random.scalar());
      if (random.below(2)) {
        key = point_of(*sum(x_of(*low), prime()), y_of(*low));
        draft.out.expected = false;
      }
    }
  }
}

// Keys with limbs of ones and zeros, or at the ends of the field.
void patterned_key(Draft& draft) {
  Random& random = draft.random;
  std::optional<Point> point;
  while (!point) point = lift(edge(random), random.below(2));
  draft.fitted(*point, random.scalar(), random.scalar());
}

// r, s, t and e of patterns.
void patterned(Draft& draft) {
  Random& random = draft.random;
  const Number s = reduced(edge(random)), t = reduced(edge_or_scalar(random));
  if (is_zero(s) || is_zero(t)) return good(draft);
  draft.fitted(draft.any_key().point, s, t);
}

struct Family {
  const char* name;
  void (*make)(Draft&);
  unsigned share;
};
const Family kFamilies[] = {{"good", good, 3},
                            {"garbage", garbage, 1},
                            {"flipped bit", flipped, 2},
                            {"ranges of r and s", ranges, 3},
                            {"not reduced", not_reduced, 1},
                            {"edges of e", digests, 2},
                            {"chosen x1", coordinates, 2},
                            {"keys that are multiples", multiples, 3},
                            {"infinity", infinity, 2},
                            {"partial sums", partial_sums, 4},
                            {"no point", not_a_point, 1},
                            {"patterned key", patterned_key, 1},
                            {"patterned numbers", patterned, 1}};

}  // namespace

Number Case::r() const {
  Number out;
  std::copy_n(signature.begin(), 32, out.begin());
  return out;
}
Number Case::s() const {
  Number out;
  std::copy_n(signature.begin() + 32, 32, out.begin());
  return out;
}

std::string describe(const Case& one) {
  return fmt::format("case {} ({})\n  key {}\n  r   {}\n  s   {}\n  e   {}\n  built to {}", one.number,
                     one.family, hex(one.key), hex(one.r()), hex(one.s()), hex(one.e),
                     !one.expected   ? "be judged"
                     : *one.expected ? "hold"
                                     : "fail");
}

Secret secret_of(const Number& d) { return {plus(d, small(0)), multiply(d).value()}; }

std::optional<Fitted> fit(const Point& key, const Number& s, const Number& t, bool high) {
  auto point = multiply(s, key, t);
  const Number r = minus(t, s), low = reduced(s);
  if (!point || is_zero(r) || is_zero(low) || is_zero(reduced(t))) return std::nullopt;
  Number e = minus(r, x_of(*point));
  if (auto more = high ? sum(e, order()) : std::nullopt) e = *more;
  return Fitted{signature_of(r, low), e};
}

size_t family_count() { return std::size(kFamilies); }

Case make_case(uint64_t seed, size_t number) {
  static const std::vector<const Family*> drawn = [] {
    std::vector<const Family*> out;
    for (const Family& family : kFamilies) out.insert(out.end(), family.share, &family);
    return out;
  }();
  Random random(seed ^ (number + 1) * 0xff51afd7ed558ccd);
  Case out;
  out.number = number;
  const Family& family = *drawn[random.below(drawn.size())];
  out.family = family.name;
  Draft draft{out, random, seed};
  family.make(draft);
  return out;
}

}  // namespace chengxin::sm2::agreement
