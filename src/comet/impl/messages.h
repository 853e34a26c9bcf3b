#pragma once
#include <algorithm>

#include "base/json.h"
#include "comet/engine.h"

// What is said to the launcher, and what it says (docs/formats/engine-control.md).
namespace chengxin::comet {

std::string name_of(const Digest& chain);                       // the launcher's name of a chain
std::string text_of(const Json& from, std::string_view field);  // empty when it is no text
uint16_t port_of(const Json& from);                             // of its "listen"; 0 when there is none

// With the code that belongs to a reason of the launcher.
Error engine_error(std::string reason, std::string detail);

Json peers_json(const std::vector<EnginePeer>& peers);
Json start_json(const EngineChain& chain);
Result<EngineStatus> status_of(const Json& answer);

template <size_t size>
Result<std::array<uint8_t, size>> fixed(const Json& from, std::string_view field) {
  ASSIGN(const Bytes bytes, unhex(text_of(from, field)));
  std::array<uint8_t, size> out{};
  if (bytes.size() != size)
    return fail(Code::internal, "engine.command", "{} is not of {} bytes", field, size);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace chengxin::comet
