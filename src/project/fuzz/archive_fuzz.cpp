#include "base/check.h"
#include "project/archive.h"

// What is taken is what pack() writes of these files, and none of them leads out of a folder.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  const ByteView bytes(data, size);
  const auto files = project::unpack(bytes);
  if (!files) return 0;
  const auto again = project::pack(*files);
  CHECK(again.has_value() && equal(*again, bytes));
  for (const auto& [path, content] : *files)
    CHECK(!path.empty() && path.front() != '/' && path != ".." && !path.starts_with("../") &&
          path.find("/../") == std::string::npos && !path.ends_with("/.."));
  return 0;
}
