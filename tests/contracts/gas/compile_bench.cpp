// contract_compile_bench [--body BYTES] [MODULE.wasm…]: what preparing and compiling costs in gas and in
// processor time (of all threads), for modules that were written to be slow and for those named
// (docs/adr/0036).
#include <sys/resource.h>

#include "base/file.h"
#include "gas.h"
#include "module.h"

using namespace chengxin;
using namespace chengxin::contract::gas;

namespace {

size_t body = (512 << 10) - 64;  // bytes of a function
constexpr size_t kModule = (8 << 20) - 200'000;
constexpr uint64_t kAllGas = 1'000'000'000'000;

double processor_ms() {
  rusage used;
  ::getrusage(RUSAGE_SELF, &used);
  const auto ms = [](const timeval& time) { return double(time.tv_sec) * 1e3 + double(time.tv_usec) / 1e3; };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

void measure(const std::string& what, const Bytes& code) {
  cx_buffer report{};
  const double begin = processor_ms();
  const cx_verdict verdict = cx_wasm_scan(borrowed(code), 3, &report);
  const double scanned = processor_ms();
  const std::string found = to_string(taken(report));
  const cx_outcome prepared = cx_wasm_prepare(borrowed(code), 3, kAllGas);
  const double ready = processor_ms();
  const Bytes module = taken(prepared.output);
  cx_wasm* engine = cx_wasm_open(nullptr, 1 << 24, 0);
  const double opened = processor_ms();
  const Digest digest{};
  const char* ends = verdict != CX_OK ? "refused" : prepared.ending != CX_RETURNED ? "not prepared" : "";
  if (!*ends && cx_wasm_compile(engine, digest.data(), borrowed(module)) != CX_OK) ends = "not compiled";
  const double compiled = processor_ms();
  cx_wasm_close(engine);
  const double ms = (ready - scanned) + (compiled - opened);
  const double gas = double(prepared.gas_used) / 1e6;
  fmt::print(
      "{:44} {:9} bytes {:9.1f} Mgas  scan {:6.1f} prepare {:8.1f} compile {:8.1f} ms  {:8.4f} ms/Mgas {}\n",
      what, code.size(), gas, scanned - begin, ready - scanned, compiled - opened, ms / gas, ends);
  if (*ends)
    fmt::print("    {}\n", std::string_view(*ends == 'r' ? found : to_string(module)).substr(0, 300));
  std::fflush(stdout);
}

Bytes times(const Bytes& piece, size_t count) {
  Bytes out;
  out.reserve(piece.size() * count);
  for (size_t i = 0; i < count; ++i) append(out, piece);
  return out;
}
Bytes filled(const Bytes& piece, size_t size = body) { return times(piece, size / piece.size()); }

// A module of `count` functions like it; 0: as many as fit.
Module of(const Function& function, size_t count = 1) {
  Module out;
  out.functions.push_back({});
  if (count == 0) count = std::min<size_t>(49'900, kModule / (function.code.size() + 8));
  out.functions.insert(out.functions.end(), count, function);
  return out;
}

void alone(const std::string& what, const Function& function) { measure(what, of(function).encode()); }

}  // namespace

int main(int count, char** words) {
  int first = 1;
  if (count > 2 && words[1] == std::string_view("--body")) {
    body = std::stoul(words[2]);
    first = 3;
  }
  for (int i = first; i < count; ++i) measure(words[i], read_file(words[i], 16 << 20).value());

  measure("49,900 empty functions", of({}, 49'900).encode());
  measure("49,900 functions of a load", of({{0x41, 0, 0x28, 0, 0, 0x1a}}, 49'900).encode());
  alone("additions", {one('i') + filled(one('i') + Bytes{0x6a}, body - 4) + Bytes{0x1a}});
  alone("additions of a local", {filled({0x20, 0, 0x20, 0, 0x7c, 0x21, 0}), {{1, 'I'}}});
  const size_t alive = body / 6;
  alone("values alive", {times({0x41, 0, 0x28, 0, 0}, alive) + times({0x1a}, alive)});
  alone("sums of values alive",
        {times({0x41, 0, 0x28, 0, 0}, alive) + times({0x6a}, alive - 1) + Bytes{0x1a}});
  alone("float sums", {times({0x20, 0}, body / 3) + times({0xa0}, body / 3 - 1) + Bytes{0x1a}, {{1, 'd'}}});
  alone("float additions", {filled({0x20, 0, 0x20, 0, 0xa0, 0x21, 0}), {{1, 'd'}}});
  alone("divisions", {filled({0x20, 0, 0x20, 0, 0x7f, 0x21, 0}), {{1, 'I'}}});
  alone("truncations", {filled({0x20, 0, 0xfc, 0, 0x1a}), {{1, 'f'}}});
  alone("stores", {filled({0x41, 0, 0x41, 0, 0x36, 0, 0})});
  alone("memory.fill", {filled({0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0})});
  alone("memory.grow", {filled({0x41, 0, 0x40, 0, 0x1a})});
  alone("memory.size", {filled({0x3f, 0, 0x1a})});
  alone("calls", {filled({0x10, 0})});
  alone("indirect calls", {filled({0x41, 0, 0x11, 0, 0})});
  alone("globals", {filled({0x23, 0, 0x24, 0})});
  alone("blocks", {filled({0x02, 0x40, 0x0b})});
  alone("ifs", {filled({0x41, 0, 0x04, 0x40, 0x0b})});
  alone("ifs with br", {filled({0x20, 0, 0x04, 0x40, 0x0c, 0, 0x0b}), {{1, 'i'}}});
  alone("branches to the end", {filled({0x20, 0, 0x0d, 0}), {{1, 'i'}}});
  alone("returns", {filled({0x20, 0, 0x04, 0x40, 0x0f, 0x0b}), {{1, 'i'}}});
  alone("unreachable ifs", {Bytes{0x00} + filled({0x41, 0, 0x04, 0x40, 0x0b})});
  const size_t deep = body / 3;
  alone("nested blocks", {times({0x02, 0x40}, deep) + times({0x0b}, deep)});
  alone("nested ifs", {times({0x20, 0, 0x04, 0x40}, body / 5) + times({0x0b}, body / 5), {{1, 'i'}}});
  alone("nested ifs that add",
        {times({0x20, 0, 0x20, 0, 0x6a, 0x22, 0, 0x04, 0x40}, body / 10) + times({0x0b}, body / 10),
         {{1, 'i'}}});
  alone("loops", {filled({0x03, 0x40, 0x0b})});
  alone("50 nested loops of 2,000 locals",
        {times({0x03, 0x40}, 49) + times({0x20, 0, 0x0d, 0, 0x0b}, 49), {{1900, 'i'}}});
  const Bytes targets = leb(9'000) + Bytes(9'001, 0);
  alone("br_table to one place", {Bytes{0x02, 0x40, 0x20, 0, 0x0e} + targets + Bytes{0x0b}, {{1, 'i'}}});
  Bytes far = leb(9'000);
  for (size_t i = 0; i <= 9'000; ++i) append(far, leb(i % 5'000));
  alone("br_table to 5,000 places",
        {times({0x02, 0x40}, 5'000) + Bytes{0x20, 0, 0x0e} + far + times({0x0b}, 5'000), {{1, 'i'}}});
  for (const uint32_t locals : {100u, 2'000u}) {
    Bytes sets;
    for (uint32_t i = 0; i < 9'000'000 / locals / 2 && sets.size() < body - 32; ++i)
      append(sets, Bytes{0x20} + leb(i % locals) + Bytes{0x04, 0x40, 0x20} + leb(i * 13 % locals) +
                       Bytes{0x41, 1, 0x6a, 0x21} + leb(i * 7 % locals) + Bytes{0x0b});
    measure(fmt::format("ifs that set one of {} locals", locals), of({sets, {{locals, 'i'}}}).encode());
  }
  measure("4,900 functions of 2,000 locals", of({{}, {{2'000, 'i'}}}, 4'900).encode());

  Module sections = of({});
  sections.custom = Bytes(kModule);
  measure("a custom section", sections.encode());
  sections.custom.clear();
  sections.data = Bytes(kModule, 1);
  sections.pages = 200;
  measure("data", sections.encode());
}
