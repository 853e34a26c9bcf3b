#pragma once
#include "sm2/impl/field64.h"

// The field with mulx, adcx and adox (field64.h says what each function takes and gives). Only the products'
// carries run on two flags at once, and what bounds the rate is the two ports that add with carry: so the
// shifts of the reduction are products by 2^32, which go elsewhere. No compiler flags are needed, so that no
// other code is compiled for a processor that may not be there.
#if defined(__x86_64__)
namespace chengxin::sm2::impl {
namespace {  // as PortableField

// clang-format off

// lo, hi, m, ml: spare registers; t, v: words of the number, the least first.
// t0..t4 += rdx * y, for flags that are clear; t4 does not overflow.
#define CX_ROW(t0, t1, t2, t3, t4)                                                    \
  "mulx %[y0], %[lo], %[hi]\n\t"   "adcx %[lo], " t0 "\n\t"   "adox %[hi], " t1 "\n\t" \
  "mulx %[y1], %[lo], %[hi]\n\t"   "adcx %[lo], " t1 "\n\t"   "adox %[hi], " t2 "\n\t" \
  "mulx %[y2], %[lo], %[hi]\n\t"   "adcx %[lo], " t2 "\n\t"   "adox %[hi], " t3 "\n\t" \
  "mulx %[y3], %[lo], %[hi]\n\t"   "adcx %[lo], " t3 "\n\t"   "adox %[hi], " t4 "\n\t" \
  "adc $0, " t4 "\n\t"

// Adds m p to t0..t5, so that t0 and t1 become zero; the carry out of t5 is left in t0. This is reduce_two of
// PortableField: m0 is t0; hi:lo is m0 2^32, rdx:ml is m1 2^32, which become `middle` in hi, `crossed` in ml.
#define CX_REDUCE(t0, t1, t2, t3, t4, t5) \
  "movabs $0x100000000, %%rdx\n\t"        \
  "mulx " t0 ", %[lo], %[hi]\n\t"         \
  "lea (" t0 ", " t1 "), %[m]\n\t"        \
  "sub %[lo], %[m]\n\t"                   \
  "mulx %[m], %[ml], %%rdx\n\t"           \
  "add " t0 ", " t1 "\n\t"                \
  "adc %[m], " t2 "\n\t"                  \
  "adc $0, " t3 "\n\t"                    \
  "adc " t0 ", " t4 "\n\t"                \
  "adc %[m], " t5 "\n\t"                  \
  "mov $0, " t0 "\n\t"                    \
  "adc " t0 ", " t0 "\n\t"                \
  "add %[ml], %[hi]\n\t"                  \
  "lea (%[lo], %%rdx), %[ml]\n\t"         \
  "sub %[lo], " t1 "\n\t"                 \
  "sbb %[hi], " t2 "\n\t"                 \
  "sbb %[ml], " t3 "\n\t"                 \
  "sbb %[hi], " t4 "\n\t"                 \
  "sbb %%rdx, " t5 "\n\t"                 \
  "sbb $0, " t0 "\n\t"

// v0..v3 and `top` less p, unless that is negative.
#define CX_TIGHTEN(v0, v1, v2, v3, top)                                                            \
  "mov " v0 ", %[lo]\n\t"  "mov " v1 ", %[hi]\n\t"  "mov " v2 ", %[m]\n\t"  "mov " v3 ", %[ml]\n\t" \
  "movabs $0xffffffff00000000, %%rdx\n\t"                                                          \
  "sub $-1, " v0 "\n\t"                                                                            \
  "sbb %%rdx, " v1 "\n\t"                                                                          \
  "movabs $0xfffffffeffffffff, %%rdx\n\t"                                                          \
  "sbb $-1, " v2 "\n\t"                                                                            \
  "sbb %%rdx, " v3 "\n\t"                                                                          \
  "sbb $0, " top "\n\t"                                                                            \
  "cmovc %[lo], " v0 "\n\t"                                                                        \
  "cmovc %[hi], " v1 "\n\t"                                                                        \
  "cmovc %[m], " v2 "\n\t"                                                                         \
  "cmovc %[ml], " v3 "\n\t"

// clang runs out of registers inside the larger functions of its sanitized builds.
#if defined(__clang__)
#define CX_PRODUCT [[gnu::noinline]]
#else
#define CX_PRODUCT [[gnu::always_inline]]
#endif

class AdxField {
 public:
  static constexpr int lanes = 2;

  CX_PRODUCT static Tight mul(const Loose& x, const Tight& y) {
    uint64_t t0, t1, t2, t3, t4, t5, lo, hi, m, ml;
    asm("mov %[x0], %%rdx\n\t"
        "mulx %[y0], %[t0], %[t1]\n\t"
        "mulx %[y1], %[lo], %[t2]\n\t"
        "add %[lo], %[t1]\n\t"
        "mulx %[y2], %[lo], %[t3]\n\t"
        "adc %[lo], %[t2]\n\t"
        "mulx %[y3], %[lo], %[t4]\n\t"
        "adc %[lo], %[t3]\n\t"
        "adc $0, %[t4]\n\t"
        "mov %[x1], %%rdx\n\t"
        "xor %k[t5], %k[t5]\n\t"
        CX_ROW("%[t1]", "%[t2]", "%[t3]", "%[t4]", "%[t5]")
        CX_REDUCE("%[t0]", "%[t1]", "%[t2]", "%[t3]", "%[t4]", "%[t5]")
        "mov %[x2], %%rdx\n\t"
        "xor %k[t1], %k[t1]\n\t"
        CX_ROW("%[t2]", "%[t3]", "%[t4]", "%[t5]", "%[t0]")
        "mov %[x3], %%rdx\n\t"
        "xor %k[lo], %k[lo]\n\t"
        CX_ROW("%[t3]", "%[t4]", "%[t5]", "%[t0]", "%[t1]")
        CX_REDUCE("%[t2]", "%[t3]", "%[t4]", "%[t5]", "%[t0]", "%[t1]")
        CX_TIGHTEN("%[t4]", "%[t5]", "%[t0]", "%[t1]", "%[t2]")
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
          [lo] "=&r"(lo), [hi] "=&r"(hi), [m] "=&r"(m), [ml] "=&r"(ml)
        : [x0] "m"(x.limb[0]), [x1] "m"(x.limb[1]), [x2] "m"(x.limb[2]), [x3] "m"(x.limb[3]),
          [y0] "m"(y.limb[0]), [y1] "m"(y.limb[1]), [y2] "m"(y.limb[2]), [y3] "m"(y.limb[3])
        : "rdx", "cc");
    return {{{t4, t5, t0, t1}}};
  }

  CX_PRODUCT static Tight sqr(const Tight& x) {
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7, lo, hi, m, ml;
    asm("mov %[x0], %%rdx\n\t"
        "mulx %[x1], %[t1], %[t2]\n\t"
        "mulx %[x2], %[lo], %[t3]\n\t"
        "mulx %[x3], %[hi], %[t4]\n\t"
        "add %[lo], %[t2]\n\t"
        "adc %[hi], %[t3]\n\t"
        "mov %[x1], %%rdx\n\t"
        "mulx %[x3], %[lo], %[t5]\n\t"
        "mulx %[x2], %[m], %[hi]\n\t"
        "adc %[lo], %[t4]\n\t"
        "adc $0, %[t5]\n\t"
        "mov %[x2], %%rdx\n\t"
        "mulx %[x3], %[ml], %[t6]\n\t"
        "add %[m], %[t3]\n\t"
        "adc %[hi], %[t4]\n\t"
        "adc %[ml], %[t5]\n\t"
        "adc $0, %[t6]\n\t"
        // Twice that, and the squares.
        "mov %[x0], %%rdx\n\t"
        "xor %k[t7], %k[t7]\n\t"
        "mulx %%rdx, %[t0], %[hi]\n\t"
        "adcx %[t1], %[t1]\n\t"
        "adox %[hi], %[t1]\n\t"
        "mov %[x1], %%rdx\n\t"
        "mulx %%rdx, %[lo], %[hi]\n\t"
        "adcx %[t2], %[t2]\n\t"
        "adox %[lo], %[t2]\n\t"
        "adcx %[t3], %[t3]\n\t"
        "adox %[hi], %[t3]\n\t"
        "mov %[x2], %%rdx\n\t"
        "mulx %%rdx, %[lo], %[hi]\n\t"
        "adcx %[t4], %[t4]\n\t"
        "adox %[lo], %[t4]\n\t"
        "adcx %[t5], %[t5]\n\t"
        "adox %[hi], %[t5]\n\t"
        "mov %[x3], %%rdx\n\t"
        "mulx %%rdx, %[lo], %[hi]\n\t"
        "adcx %[t6], %[t6]\n\t"
        "adox %[lo], %[t6]\n\t"
        "adcx %[t7], %[t7]\n\t"
        "adox %[hi], %[t7]\n\t"
        CX_REDUCE("%[t0]", "%[t1]", "%[t2]", "%[t3]", "%[t4]", "%[t5]")
        // What is left in t0 belongs to t6; t1 takes what leaves t7.
        "xor %k[t1], %k[t1]\n\t"
        "add %[t0], %[t6]\n\t"
        "adc $0, %[t7]\n\t"
        "adc $0, %[t1]\n\t"
        CX_REDUCE("%[t2]", "%[t3]", "%[t4]", "%[t5]", "%[t6]", "%[t7]")
        "add %[t1], %[t2]\n\t"
        CX_TIGHTEN("%[t4]", "%[t5]", "%[t6]", "%[t7]", "%[t2]")
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
          [t6] "=&r"(t6), [t7] "=&r"(t7), [lo] "=&r"(lo), [hi] "=&r"(hi), [m] "=&r"(m), [ml] "=&r"(ml)
        : [x0] "m"(x.limb[0]), [x1] "m"(x.limb[1]), [x2] "m"(x.limb[2]), [x3] "m"(x.limb[3])
        : "rdx", "cc");
    return {{{t4, t5, t6, t7}}};
  }

  // The fifth word c of the sum stands for c (2^256 - p) = c, c (2^32 - 1), 0, c 2^32.
  static Loose add(const Tight& x, const Tight& y) {
    uint64_t r0 = x.limb[0], r1 = x.limb[1], r2 = x.limb[2], r3 = x.limb[3], c, k;
    asm("add %[y0], %[r0]\n\t"
        "adc %[y1], %[r1]\n\t"
        "adc %[y2], %[r2]\n\t"
        "adc %[y3], %[r3]\n\t"
        "sbb %[c], %[c]\n\t"
        "mov %k[c], %k[k]\n\t"
        "neg %[c]\n\t"
        "add %[c], %[r0]\n\t"
        "lea (%[k], %[c]), %[c]\n\t"
        "adc %[k], %[r1]\n\t"
        "adc $0, %[r2]\n\t"
        "adc %[c], %[r3]\n\t"
        : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [c] "=&r"(c), [k] "=&r"(k)
        : [y0] "m"(y.limb[0]), [y1] "m"(y.limb[1]), [y2] "m"(y.limb[2]), [y3] "m"(y.limb[3])
        : "cc");
    return {{r0, r1, r2, r3}};
  }

  static Tight sub(const Tight& x, const Tight& y) {
    uint64_t r0 = x.limb[0], r1 = x.limb[1], r2 = x.limb[2], r3 = x.limb[3], c, k;
    asm("sub %[y0], %[r0]\n\t"
        "sbb %[y1], %[r1]\n\t"
        "sbb %[y2], %[r2]\n\t"
        "sbb %[y3], %[r3]\n\t"
        "sbb %[c], %[c]\n\t"
        "mov %k[c], %k[k]\n\t"
        "neg %[c]\n\t"
        "sub %[c], %[r0]\n\t"
        "lea (%[k], %[c]), %[c]\n\t"
        "sbb %[k], %[r1]\n\t"
        "sbb $0, %[r2]\n\t"
        "sbb %[c], %[r3]\n\t"
        : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [c] "=&r"(c), [k] "=&r"(k)
        : [y0] "m"(y.limb[0]), [y1] "m"(y.limb[1]), [y2] "m"(y.limb[2]), [y3] "m"(y.limb[3])
        : "cc");
    return {{{r0, r1, r2, r3}}};
  }

  // a + a/2, the half rounded down, and (p + 1)/2 more where a is odd: below 2p.
  static Tight three_halves(const Tight& a) {
    const uint64_t odd = 0 - (a.limb[0] & 1);
    uint64_t r0 = a.limb[0] >> 1 | a.limb[1] << 63, r1 = a.limb[1] >> 1 | a.limb[2] << 63;
    uint64_t r2 = a.limb[2] >> 1 | a.limb[3] << 63, r3 = a.limb[3] >> 1, top = 0, lo, hi, m, ml;
    const uint64_t h0 = odd & 0x8000000000000000, h1 = odd & 0xffffffff80000000,
                   h3 = odd & 0x7fffffff7fffffff;
    asm("add %[h0], %[r0]\n\t"
        "adc %[h1], %[r1]\n\t"
        "adc %[odd], %[r2]\n\t"
        "adc %[h3], %[r3]\n\t"  // below p: no carry
        "add %[a0], %[r0]\n\t"
        "adc %[a1], %[r1]\n\t"
        "adc %[a2], %[r2]\n\t"
        "adc %[a3], %[r3]\n\t"
        "adc $0, %[top]\n\t"
        CX_TIGHTEN("%[r0]", "%[r1]", "%[r2]", "%[r3]", "%[top]")
        : [r0] "+&r"(r0), [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [top] "+&r"(top), [lo] "=&r"(lo),
          [hi] "=&r"(hi), [m] "=&r"(m), [ml] "=&r"(ml)
        : [h0] "rm"(h0), [h1] "rm"(h1), [odd] "rm"(odd), [h3] "rm"(h3), [a0] "m"(a.limb[0]),
          [a1] "m"(a.limb[1]), [a2] "m"(a.limb[2]), [a3] "m"(a.limb[3])
        : "rdx", "cc");
    return {{{r0, r1, r2, r3}}};
  }
};
// clang-format on

#undef CX_ROW
#undef CX_REDUCE
#undef CX_TIGHTEN
#undef CX_PRODUCT

}  // namespace
}  // namespace chengxin::sm2::impl
#endif
