#pragma once
#include "format/contract.h"

// Which code a contract's tests reach; what it is measured with never runs on a chain.
namespace chengxin::contract {

// Names of a module's functions in their order, "" where its name section has none.
std::vector<std::string> wasm_functions(ByteView code);
// Numbers of the functions that modules of WasmOptions::covered_from entered in this process since the last
// time.
std::vector<uint32_t> wasm_covered();

struct EvmPlace {
  format::Address contract{};
  uint32_t size = 0, offset = 0;  // of its code; of an instruction in it
};
void evm_cover();                     // from now on, in this thread
std::vector<EvmPlace> evm_covered();  // executed until now; ends it

}  // namespace chengxin::contract
