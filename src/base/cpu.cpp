#include "base/cpu.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace chengxin {
namespace {

Cpu detect() {
  Cpu found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    found.bmi = (b & bit_BMI) && (b & bit_BMI2);
    found.adx = (b & bit_BMI2) && (b & bit_ADX);
  }
  // These also ask whether the operating system saves the wide registers.
  found.avx2 = __builtin_cpu_supports("avx2");
  found.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  found.gfni = found.avx512 && __builtin_cpu_supports("gfni");
  found.ifma = found.avx512 && __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi2");
#endif
  return found;
}

// What builds on a thing goes with it: no processor has the one without the other.
bool take_away(Cpu& cpu, std::string_view name) {
  if (name == "bmi") {
    cpu.bmi = cpu.adx = false;
  } else if (name == "adx") {
    cpu.adx = false;
  } else if (name == "avx2") {
    cpu.avx2 = cpu.avx512 = cpu.ifma = cpu.gfni = false;
  } else if (name == "avx512") {
    cpu.avx512 = cpu.ifma = cpu.gfni = false;
  } else if (name == "gfni") {
    cpu.gfni = false;
  } else if (name == "ifma") {
    cpu.ifma = false;
  } else {
    return false;
  }
  return true;
}

void take_away_all(Cpu& cpu, std::string_view names) {
  while (!names.empty()) {
    const size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    if (!take_away(cpu, name))
      std::fprintf(stderr, "CHENGXIN_CPU_WITHOUT: 没有此项 · unknown: %.*s\n", int(name.size()), name.data());
    names = comma == names.npos ? std::string_view() : names.substr(comma + 1);
  }
}

}  // namespace

const Cpu& cpu() {
  static const Cpu known = [] {
    Cpu found = detect();
    if (const char* without = std::getenv("CHENGXIN_CPU_WITHOUT")) take_away_all(found, without);
    return found;
  }();
  return known;
}

}  // namespace chengxin
