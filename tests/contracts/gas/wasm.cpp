#include "gas.h"
#include "module.h"

namespace chengxin::contract::gas {
namespace {

constexpr std::string_view kHost = "chengxin", kWasi = "wasi_snapshot_preview1";

// Every import of contracts; a call of one has its index here.
const std::vector<Import> kImports = {{kHost, "answer", "iii>"},
                                      {kHost, "input", ">i"},
                                      {kHost, "output", "ii>"},
                                      {kHost, "revert", "ii>"},
                                      {kHost, "get", "ii>i"},
                                      {kHost, "put", "iiii>"},
                                      {kHost, "erase", "ii>"},
                                      {kHost, "range", "iiiii>i"},
                                      {kHost, "event", "iiii>"},
                                      {kHost, "context", "i>i"},
                                      {kHost, "height", ">I"},
                                      {kHost, "time_ms", ">I"},
                                      {kHost, "attribute", "iii>i"},
                                      {kHost, "credential", "iii>i"},
                                      {kHost, "approval", "iii>i"},
                                      {kHost, "call", "iiiIi>i"},
                                      {kHost, "sm3", "iii>"},
                                      {kHost, "keccak256", "iii>"},
                                      {kHost, "sm2_verify", "iiii>i"},
                                      {kHost, "sm4_cbc", "iiiii>i"},
                                      {kHost, "evidence", "iii>i"},
                                      {kHost, "log", "ii>"},
                                      {kWasi, "args_sizes_get", "ii>i"},
                                      {kWasi, "clock_time_get", "iIi>i"},
                                      {kWasi, "fd_write", "iiii>i"},
                                      {kWasi, "random_get", "ii>i"},
                                      {kWasi, "sched_yield", ">i"},
                                      {kWasi, "fd_close", "i>i"},
                                      {kWasi, "proc_exit", "i>"}};

Bytes drops(size_t count) { return Bytes(count, 0x1a); }

class Wasm {
 public:
  explicit Wasm(Table& table) : table_(table), engine_(cx_wasm_open(nullptr, 1 << 24, 0)) { CHECK(engine_); }
  ~Wasm() { cx_wasm_close(engine_); }

  void all() {
    calls();
    preparations();
    numbers();
    variables_and_branches();
    memory();
    state();
    questions();
    cryptography();
    wasi();
  }

 private:
  Module module(const Bytes& code) const {
    Module out{kImports, {}};
    out.functions.push_back({code, {{1, 'i'}, {1, 'I'}}});
    out.functions.push_back({{}, {}});
    out.pages = 8;
    return out;
  }
  cx_outcome prepare(const Module& module) const {
    return cx_wasm_prepare(borrowed(module.encode()), table_.protocol, kEnough);
  }
  int64_t run(const Module& module) {
    const cx_outcome prepared = prepare(module);
    CHECK(prepared.ending == CX_RETURNED);
    Host host{taken(prepared.output), answer_, {}};
    const cx_host callbacks = host.callbacks();
    ++runs_;
    const Digest digest = {uint8_t(runs_), uint8_t(runs_ >> 8)};
    cx_context context{};
    context.protocol = table_.protocol;
    const Bytes input(input_);
    cx_message message{};
    message.input = borrowed(input);
    message.gas = kEnough;
    const cx_outcome ended = cx_wasm_call(engine_, digest.data(), &context, &callbacks, &message);
    cx_free(ended.output);
    CHECK(ended.ending == CX_RETURNED || ended.ending == CX_REVERTED);
    return int64_t(ended.gas_used);
  }
  int64_t run(const Bytes& code) { return run(module(code)); }
  // What `code` costs beyond `without`.
  void add(std::string what, const Bytes& code, const Bytes& without = {}) {
    table_.add("wasm " + what, run(code) - run(without));
  }
  // An instruction with the operands that its signature names, all 1.
  void instruction(std::string_view what, std::string_view signature, const Bytes& code) {
    const size_t arrow = signature.find('>');
    Bytes operands;
    for (char type : signature.substr(0, arrow)) append(operands, one(type));
    add(std::string(what), operands + code + drops(signature.size() - arrow - 1), operands + drops(arrow));
  }
  // A call of the import, its operands not counted. `first` runs before it.
  void call(std::string what, std::string_view import, const std::vector<int32_t>& operands,
            int64_t answer = 0, const Bytes& first = {}) {
    size_t index = 0;
    while (kImports[index].name != import) ++index;
    const std::string_view signature = kImports[index].signature;
    Bytes pushed;
    for (size_t i = 0; i < operands.size(); ++i)
      append(pushed, signature[i] == 'I' ? one('I') : i32(operands[i]));
    answer_ = answer;
    add("import " + std::string(import) + what,
        first + pushed + Bytes{0x10} + leb(index) + drops(signature.back() != '>'),
        first + pushed + drops(operands.size()));
    answer_ = -1;
  }

  void calls() {
    for (const uint32_t pages : {1u, 64u, 65u, 512u}) {
      Module empty = module({});
      empty.pages = pages;
      table_.add(fmt::format("wasm call of nothing, snapshot of {} pages", pages), run(empty));
    }
  }

  int64_t prepared(const Module& module) const {
    const cx_outcome outcome = prepare(module);
    CHECK(outcome.ending == CX_RETURNED);
    cx_free(outcome.output);
    return int64_t(outcome.gas_used);
  }
  void preparations() {
    const Module least = module({});
    const int64_t base = prepared(least);
    Module other = least;
    table_.add(fmt::format("wasm prepare, {} bytes, 2 functions", least.encode().size()), base);
    other.custom = Bytes(1 << 16);
    table_.add("wasm prepare, 65,536 bytes more", prepared(other) - base);
    other = least;
    for (int i = 0; i < 100; ++i) other.functions.push_back({{}, {}});
    table_.add("wasm prepare, 100 empty functions more", prepared(other) - base);
    other = least;
    other.functions[1].locals = {{1000, 'i'}};
    for (int i = 0; i < 100; ++i) append(other.functions[1].code, Bytes{0x02, 0x40, 0x0b});
    table_.add("wasm prepare, 100 blocks over 1,000 variables more", prepared(other) - base);
    other = least;
    for (int i = 0; i < 1000; ++i) append(other.functions[1].code, one('i') + drops(1));
    const int64_t as_code = prepared(other);
    other.initialises = true;
    table_.add("wasm prepare, its initialisation of 1,000 constants and a call", prepared(other) - as_code);
  }

  void numbers();

  void variables_and_branches() {
    add("i32.const, drop", one('i') + drops(1));
    add("i64.const, drop", one('I') + drops(1));
    add("f32.const, drop", one('f') + drops(1));
    add("f64.const, drop", one('d') + drops(1));
    add("nop", {0x01});
    add("local.get, drop", {0x20, 0, 0x1a});
    instruction("local.set", "i>", {0x21, 0});
    instruction("local.tee", "i>i", {0x22, 0});
    add("global.get, drop", {0x23, 0, 0x1a});
    instruction("global.set", "I>", {0x24, 0});
    instruction("select", "iii>i", {0x1b});
    add("block, end", {0x02, 0x40, 0x0b});
    add("loop, end", {0x03, 0x40, 0x0b});
    instruction("if, end: taken", "i>", {0x04, 0x40, 0x0b});
    instruction("if, else, end: taken", "i>", {0x04, 0x40, 0x05, 0x0b});
    add("br in a block", {0x02, 0x40, 0x0c, 0, 0x0b}, {0x02, 0x40, 0x0b});
    add("br_if in a block", Bytes{0x02, 0x40} + one('i') + Bytes{0x0d, 0, 0x0b},
        Bytes{0x02, 0x40} + one('i') + Bytes{0x1a, 0x0b});
    add("br_table of 1 in a block", Bytes{0x02, 0x40} + one('i') + Bytes{0x0e, 1, 0, 0, 0x0b},
        Bytes{0x02, 0x40} + one('i') + Bytes{0x1a, 0x0b});
    add("return", {0x0f});
    const uint8_t empty = uint8_t(kImports.size() + 1);
    add("call of an empty function", {0x10, empty});
    // The table's one element is the function itself: a second time it does nothing.
    const Bytes guard = Bytes{0x23, 0, 0x50, 0x45, 0x04, 0x40, 0x0f, 0x0b} + Bytes{0x42, 1, 0x24, 0};
    const uint8_t type = uint8_t(module({}).type_of(">"));
    const int64_t with = run(guard + i32(0) + Bytes{0x11, type, 0}), without = run(guard + i32(0) + drops(1));
    table_.add("wasm call_indirect of a function that reads a global and returns", with - without);
  }

  void memory() {
    const char* loads[] = {"i32.load",     "i64.load",     "f32.load",     "f64.load",    "i32.load8_s",
                           "i32.load8_u",  "i32.load16_s", "i32.load16_u", "i64.load8_s", "i64.load8_u",
                           "i64.load16_s", "i64.load16_u", "i64.load32_s", "i64.load32_u"};
    for (uint8_t i = 0; i < std::size(loads); ++i) instruction(loads[i], "i>i", {uint8_t(0x28 + i), 0, 0});
    const std::pair<const char*, const char*> stores[] = {
        {"i32.store", "ii>"},  {"i64.store", "iI>"},   {"f32.store", "if>"},
        {"f64.store", "id>"},  {"i32.store8", "ii>"},  {"i32.store16", "ii>"},
        {"i64.store8", "iI>"}, {"i64.store16", "iI>"}, {"i64.store32", "iI>"}};
    for (uint8_t i = 0; i < std::size(stores); ++i)
      instruction(stores[i].first, stores[i].second, {uint8_t(0x36 + i), 0, 0});
    add("memory.size, drop", {0x3f, 0, 0x1a});
    for (const int pages : {0, 1, 100})
      add(fmt::format("memory.grow by {} pages", pages), i32(pages) + Bytes{0x40, 0, 0x1a},
          i32(pages) + drops(1));
    for (const int size : {0, 1, 64, 65'536}) {
      const Bytes operands = i32(0) + i32(0) + i32(size);
      add(fmt::format("memory.copy of {} bytes", size), operands + Bytes{0xfc, 10, 0, 0},
          operands + drops(3));
      add(fmt::format("memory.fill of {} bytes", size), operands + Bytes{0xfc, 11, 0}, operands + drops(3));
    }
  }

  void state() {
    for (const int key : {0, 32, 256})
      for (const int64_t value : {-1, 0, 32, 65'536})
        call(value < 0 ? fmt::format(", key of {}, absent", key)
                       : fmt::format(", key of {}, value of {}", key, value),
             "get", {0, key}, value);
    for (const int key : {0, 32, 256})
      for (const int value : {0, 32, 65'536})
        call(fmt::format(", key of {}, value of {}", key, value), "put", {0, key, 0, value});
    for (const int key : {0, 32, 256}) call(fmt::format(", key of {}", key), "erase", {0, key});
    for (const int limit : {0, 1, 1000})
      for (const int64_t found : {4, 65'536})
        call(fmt::format(", bounds of 32, limit {}, {} bytes found", limit, found), "range",
             {0, 32, 0, 32, limit}, found);
    for (const int topics : {0, 4})
      for (const int size : {0, 32, 65'536})
        call(fmt::format(", {} topics, {} bytes", topics, size), "event", {0, topics, 0, size});
  }

  void questions() {
    for (const int size : {0, 100, 262'144}) {
      input_ = size_t(size);
      call(fmt::format(", {} bytes", size), "input", {});
      const Bytes asked = {0x10, 1, 0x1a};
      call(fmt::format(", {} bytes", size), "answer", {0, 0, size}, 0, asked);
      input_ = 0;
      call(fmt::format(", {} bytes", size), "output", {0, size});
      call(fmt::format(", {} bytes", size), "revert", {0, size});
    }
    for (const int field : {0, 1, 2, 3, 4}) call(fmt::format(", field {}", field), "context", {field});
    for (const int64_t name : {-1, 0, 64})
      call(fmt::format(", field 5, answer of {} bytes", name), "context", {5}, name);
    call("", "height", {});
    call("", "time_ms", {});
    for (const char* subject : {"attribute", "credential", "approval"})
      for (const int64_t value : {-1, 1, 65})
        call(fmt::format(", name of 8, answer of {} bytes", value), subject, {0, 0, 8}, value);
    for (const int size : {0, 100, 262'144})
      for (const int64_t value : {0, 262'144})
        call(fmt::format(", {} bytes, answer of {} bytes, beside what is called", size, value), "call",
             {0, 0, size, 0, 0}, value);
    for (const int size : {0, 4096}) call(fmt::format(", {} bytes", size), "log", {0, size});
  }

  void cryptography() {
    for (const int size : {0, 64, 262'144}) {
      call(fmt::format(", {} bytes", size), "sm3", {0, size, 0});
      call(fmt::format(", {} bytes", size), "keccak256", {0, size, 0});
      call(fmt::format(", {} bytes", size), "sm2_verify", {0, 0, size, 0});
      call(fmt::format(", {} bytes", size), "sm4_cbc", {1, 0, 0, 0, size});
      call(fmt::format(", {} bytes", size), "evidence", {0, size, 0});
    }
  }

  void wasi() {
    call("", "args_sizes_get", {0, 0});
    call("", "clock_time_get", {0, 0, 0});
    call(", nothing", "fd_write", {1, 0, 0, 0});
    for (const int size : {0, 32, 33, 4096}) call(fmt::format(", {} bytes", size), "random_get", {0, size});
    call("", "sched_yield", {});
    call("", "fd_close", {0});
    call("", "proc_exit", {0});
  }

  Table& table_;
  cx_wasm* const engine_;
  int64_t answer_ = -1;
  size_t input_ = 0, runs_ = 0;
};

// Instructions without immediates, by opcode from 0x45 on, and those behind 0xfc.
void Wasm::numbers() {
  const std::pair<const char*, std::vector<const char*>> rows[] = {
      {"i>i", {"i32.eqz"}},
      {"ii>i",
       {"i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.gt_u", "i32.le_s", "i32.le_u",
        "i32.ge_s", "i32.ge_u"}},
      {"I>i", {"i64.eqz"}},
      {"II>i",
       {"i64.eq", "i64.ne", "i64.lt_s", "i64.lt_u", "i64.gt_s", "i64.gt_u", "i64.le_s", "i64.le_u",
        "i64.ge_s", "i64.ge_u"}},
      {"ff>i", {"f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge"}},
      {"dd>i", {"f64.eq", "f64.ne", "f64.lt", "f64.gt", "f64.le", "f64.ge"}},
      {"i>i", {"i32.clz", "i32.ctz", "i32.popcnt"}},
      {"ii>i",
       {"i32.add", "i32.sub", "i32.mul", "i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u", "i32.and",
        "i32.or", "i32.xor", "i32.shl", "i32.shr_s", "i32.shr_u", "i32.rotl", "i32.rotr"}},
      {"I>I", {"i64.clz", "i64.ctz", "i64.popcnt"}},
      {"II>I",
       {"i64.add", "i64.sub", "i64.mul", "i64.div_s", "i64.div_u", "i64.rem_s", "i64.rem_u", "i64.and",
        "i64.or", "i64.xor", "i64.shl", "i64.shr_s", "i64.shr_u", "i64.rotl", "i64.rotr"}},
      {"f>f", {"f32.abs", "f32.neg", "f32.ceil", "f32.floor", "f32.trunc", "f32.nearest", "f32.sqrt"}},
      {"ff>f", {"f32.add", "f32.sub", "f32.mul", "f32.div", "f32.min", "f32.max", "f32.copysign"}},
      {"d>d", {"f64.abs", "f64.neg", "f64.ceil", "f64.floor", "f64.trunc", "f64.nearest", "f64.sqrt"}},
      {"dd>d", {"f64.add", "f64.sub", "f64.mul", "f64.div", "f64.min", "f64.max", "f64.copysign"}},
      {"I>i", {"i32.wrap_i64"}},
      {"f>i", {"i32.trunc_f32_s", "i32.trunc_f32_u"}},
      {"d>i", {"i32.trunc_f64_s", "i32.trunc_f64_u"}},
      {"i>I", {"i64.extend_i32_s", "i64.extend_i32_u"}},
      {"f>I", {"i64.trunc_f32_s", "i64.trunc_f32_u"}},
      {"d>I", {"i64.trunc_f64_s", "i64.trunc_f64_u"}},
      {"i>f", {"f32.convert_i32_s", "f32.convert_i32_u"}},
      {"I>f", {"f32.convert_i64_s", "f32.convert_i64_u"}},
      {"d>f", {"f32.demote_f64"}},
      {"i>d", {"f64.convert_i32_s", "f64.convert_i32_u"}},
      {"I>d", {"f64.convert_i64_s", "f64.convert_i64_u"}},
      {"f>d", {"f64.promote_f32"}},
      {"f>i", {"i32.reinterpret_f32"}},
      {"d>I", {"i64.reinterpret_f64"}},
      {"i>f", {"f32.reinterpret_i32"}},
      {"I>d", {"f64.reinterpret_i64"}},
      {"i>i", {"i32.extend8_s", "i32.extend16_s"}},
      {"I>I", {"i64.extend8_s", "i64.extend16_s", "i64.extend32_s"}}};
  uint8_t opcode = 0x45;
  for (const auto& [signature, names] : rows)
    for (const char* name : names) instruction(name, signature, {opcode++});
  const std::pair<const char*, const char*> saturating[] = {
      {"i32.trunc_sat_f32_s", "f>i"}, {"i32.trunc_sat_f32_u", "f>i"}, {"i32.trunc_sat_f64_s", "d>i"},
      {"i32.trunc_sat_f64_u", "d>i"}, {"i64.trunc_sat_f32_s", "f>I"}, {"i64.trunc_sat_f32_u", "f>I"},
      {"i64.trunc_sat_f64_s", "d>I"}, {"i64.trunc_sat_f64_u", "d>I"}};
  for (uint8_t i = 0; i < std::size(saturating); ++i)
    instruction(saturating[i].first, saturating[i].second, {0xfc, i});
}

}  // namespace

void wasm_prices(Table& table) { Wasm(table).all(); }

}  // namespace chengxin::contract::gas
