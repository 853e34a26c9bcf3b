#include "contract/cover.h"

#include "base/json.h"
#include "contract/impl/bridge.h"

namespace chengxin::contract {

std::vector<std::string> wasm_functions(ByteView code) {
  const Bytes told = taken(cx_wasm_functions(borrowed(code)));
  const auto names = parse_json(text(told), {.max_bytes = 64 << 20});
  std::vector<std::string> out;
  if (names && names->is_array())
    for (const Json& name : *names) out.push_back(name.get<std::string>());
  return out;
}

std::vector<uint32_t> wasm_covered() {
  const Bytes told = taken(cx_wasm_covered());
  std::vector<uint32_t> out;
  for (Reader in(told); in.remaining() >= 4;) out.push_back(in.be<uint32_t>());
  return out;
}

void evm_cover() { cx_evm_cover(); }

std::vector<EvmPlace> evm_covered() {
  const Bytes told = taken(cx_evm_covered());
  std::vector<EvmPlace> out;
  for (Reader in(told); in.remaining() >= 28;) {
    EvmPlace& place = out.emplace_back();
    place.contract = in.array<20>();
    place.size = in.be<uint32_t>();
    place.offset = in.be<uint32_t>();
  }
  return out;
}

}  // namespace chengxin::contract
