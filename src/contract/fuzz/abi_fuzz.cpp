#include <cstdlib>

#include "contract/abi.h"
#include "contract/generate.h"

using namespace chengxin;
using namespace chengxin::contract;

// An interface, a zero byte, call data for its first function: what is taken must come back as it was.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view all(reinterpret_cast<const char*>(data), size);
  size_t split = all.find('\0');
  auto interface = parse_interface(all.substr(0, split));
  if (!interface) return 0;
  auto again = parse_interface(interface->json());
  if (!again || again->json() != interface->json()) std::abort();
  for (const char* target : {"rust", "go", "rust-caller", "go-caller", "typescript-client", "go-client",
                             "java-client", "cpp-client"})
    (void)generate(*interface, target, "fuzz");
  if (split == std::string_view::npos || interface->entries.empty()) return 0;
  const auto& parameters = interface->entries.back().inputs;
  ByteView bytes = view(all.substr(split + 1));
  auto values = decode(parameters, bytes);
  if (!values) return 0;
  auto encoded = encode(parameters, *values);
  if (!encoded || !equal(*encoded, bytes)) std::abort();
  return 0;
}
