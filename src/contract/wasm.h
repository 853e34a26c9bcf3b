#pragma once
#include "base/file.h"
#include "contract/engine.h"

// Contracts in WebAssembly, by the sandbox (sandbox/include/chengxin_sandbox.h).
namespace chengxin::contract {

struct WasmOptions {
  fs::path folder;  // of compiled modules, as trusted as the program; empty: in memory only
  size_t memory_bytes = 256 << 20, folder_bytes = size_t(1) << 30;
  // For an author's tests, never for a chain: functions tell when they are entered (cx_wasm_cover). The
  // number of the code's first one.
  std::function<uint32_t(ByteView code)> covered_from;
};
// contract.engine when the folder cannot be used.
Result<std::shared_ptr<const Engine>> wasm_engine(const WasmOptions& options);

}  // namespace chengxin::contract
