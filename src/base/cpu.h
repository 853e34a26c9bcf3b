#pragma once

namespace chengxin {

// What the processor and the operating system let us use. The environment variable CHENGXIN_CPU_WITHOUT takes
// away by name (comma-separated: bmi, adx, avx2, avx512, ifma, gfni) with all that builds on it, so that each
// machine can stand for a lesser one.
struct Cpu {
  bool bmi = false;  // andn, rorx (BMI1 and BMI2)
  bool adx = false;  // mulx, adcx, adox
  bool avx2 = false;
  bool avx512 = false;  // F, BW, DQ, VL
  bool ifma = false;    // IFMA and VBMI2; only with avx512
  bool gfni = false;    // only with avx512
};

const Cpu& cpu();  // asked once, at the first call

}  // namespace chengxin
