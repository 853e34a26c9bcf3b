#pragma once
#include "base/file.h"
#include "contract/engine.h"

// Contracts in WebAssembly, by the sandbox (sandbox/include/chengxin_sandbox.h).
namespace chengxin::contract {

struct WasmOptions {
  fs::path folder;  // of compiled modules, as trusted as the program; empty: in memory only
  size_t memory_bytes = 256 << 20, folder_bytes = size_t(1) << 30;
};
// contract.engine when the folder cannot be used.
Result<std::shared_ptr<const Engine>> wasm_engine(const WasmOptions& options);

}  // namespace chengxin::contract
