#pragma once
#include <algorithm>
#include <map>

#include "base/bytes.h"

// WebAssembly modules, written by hand: what prices are measured on.
namespace chengxin::contract::gas {

inline Bytes operator+(Bytes a, const Bytes& b) {
  append(a, b);
  return a;
}

inline Bytes leb(uint64_t value) {
  Bytes out;
  for (; value >= 0x80; value >>= 7) out.push_back(uint8_t(value | 0x80));
  out.push_back(uint8_t(value));
  return out;
}

inline Bytes i32(int32_t value) {
  Bytes out = {0x41};
  while (value < -64 || value > 63) {
    out.push_back(uint8_t(value & 0x7f) | 0x80);
    value >>= 7;
  }
  out.push_back(uint8_t(value & 0x7f));
  return out;
}

// A constant 1 of the type, by the letters of sandbox/src/wasm/host.rs, and d for f64.
inline Bytes one(char type) {
  switch (type) {
    case 'I':
      return {0x42, 1};
    case 'f':
      return {0x43, 0, 0, 0x80, 0x3f};
    case 'd':
      return {0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f};
    default:
      return {0x41, 1};
  }
}

inline uint8_t type_byte(char type) {
  return type == 'i' ? 0x7f : type == 'I' ? 0x7e : type == 'f' ? 0x7d : 0x7c;
}

inline Bytes function_type(std::string_view signature) {
  const size_t arrow = signature.find('>');
  Bytes out = {0x60};
  for (std::string_view list : {signature.substr(0, arrow), signature.substr(arrow + 1)}) {
    append(out, leb(list.size()));
    for (char type : list) out.push_back(type_byte(type));
  }
  return out;
}

inline Bytes named(std::string_view name) { return leb(name.size()) + to_bytes(view(name)); }
inline Bytes section(uint8_t id, const Bytes& body) { return Bytes{id} + leb(body.size()) + body; }

struct Import {
  std::string_view module, name, signature;
};

struct Function {
  Bytes code;  // without its end
  std::vector<std::pair<uint32_t, char>> locals = {};
  std::string_view signature = ">";
};

// The first function is `chengxin_call`. A table of one element holds it; the global is an i64.
struct Module {
  std::vector<Import> imports;
  std::vector<Function> functions;
  uint32_t pages = 1;
  Bytes data = {};           // at 0
  bool initialises = false;  // the second function is `_initialize`
  Bytes custom = {};

  // Of a signature that an import or a function has.
  size_t type_of(std::string_view signature) const {
    const auto all = signatures();
    return size_t(std::find(all.begin(), all.end(), signature) - all.begin());
  }

  Bytes encode() const {
    const auto all = signatures();
    std::map<std::string_view, size_t> index;
    Bytes types = leb(all.size()), declared = leb(functions.size()), imported = leb(imports.size()),
          bodies = leb(functions.size());
    for (std::string_view each : all) {
      index.emplace(each, index.size());
      append(types, function_type(each));
    }
    for (const Import& each : imports)
      append(imported, named(each.module) + named(each.name) + Bytes{0} + leb(index[each.signature]));
    for (const Function& each : functions) {
      append(declared, leb(index[each.signature]));
      Bytes body = leb(each.locals.size());
      for (const auto& [count, type] : each.locals) append(body, leb(count) + Bytes{type_byte(type)});
      append(body, each.code + Bytes{0x0b});
      append(bodies, leb(body.size()) + body);
    }
    const Bytes first = leb(imports.size()), second = leb(imports.size() + 1);
    Bytes exports =
        leb(initialises ? 3 : 2) + named("memory") + Bytes{2, 0} + named("chengxin_call") + Bytes{0} + first;
    if (initialises) append(exports, named("_initialize") + Bytes{0} + second);
    Bytes out = {0, 'a', 's', 'm', 1, 0, 0, 0};
    append(out, section(1, types) + section(2, imported) + section(3, declared));
    append(out, section(4, {1, 0x70, 0, 1}) + section(5, Bytes{1, 0} + leb(pages)));
    append(out, section(6, {1, 0x7e, 1, 0x42, 0, 0x0b}) + section(7, exports));
    append(out, section(9, Bytes{1, 0, 0x41, 0, 0x0b, 1} + first) + section(10, bodies));
    if (!data.empty()) append(out, section(11, Bytes{1, 0, 0x41, 0, 0x0b} + leb(data.size()) + data));
    if (!custom.empty()) append(out, section(0, named("x") + custom));
    return out;
  }

 private:
  std::vector<std::string_view> signatures() const {
    std::vector<std::string_view> out;
    const auto add = [&](std::string_view signature) {
      if (std::find(out.begin(), out.end(), signature) == out.end()) out.push_back(signature);
    };
    for (const Import& each : imports) add(each.signature);
    for (const Function& each : functions) add(each.signature);
    return out;
  }
};

}  // namespace chengxin::contract::gas
