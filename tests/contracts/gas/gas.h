#pragma once
#include <chengxin_sandbox.h>
#include <fmt/format.h>

#include <map>

#include "base/bytes.h"
#include "base/check.h"

// What everything costs, found out by doing it: the gas of a run with it, less that of the same run without.
namespace chengxin::contract::gas {

constexpr uint64_t kEnough = 4'000'000'000;

struct Table {
  uint32_t protocol;
  std::vector<std::pair<std::string, int64_t>> lines;
  void add(std::string what, int64_t price) { lines.emplace_back(std::move(what), price); }
};

inline cx_bytes borrowed(ByteView bytes) { return {bytes.data(), bytes.size()}; }
inline Bytes taken(cx_buffer buffer) {
  Bytes out(buffer.data, buffer.data + buffer.size);
  cx_free(buffer);
  return out;
}

// What an engine asks: state in memory, and zeros for every other question, as many as it is told.
struct Host {
  Bytes code;
  int64_t answer = -1;  // bytes; below 0: absent
  std::map<Bytes, Bytes> state;

  cx_host callbacks();
};

void wasm_prices(Table& table);
void evm_prices(Table& table);
// Of transactions in blocks of a chain.
void chain_prices(Table& table);

}  // namespace chengxin::contract::gas
