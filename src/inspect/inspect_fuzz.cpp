#include <algorithm>

#include "base/check.h"
#include "inspect/inspect.h"

// Input: a piece's length, then a file. In pieces it is what it is as a whole, and what is allowed has a type
// that its name fits.
using namespace chengxin;
using namespace chengxin::inspect;

namespace {

Result<Type> in_pieces(ByteView file, size_t piece) {
  Inspector inspector("a.zip", {});
  for (size_t at = 0; at < file.size(); at += piece)
    TRY(inspector.update(file.subspan(at, std::min(piece, file.size() - at))));
  return inspector.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView file(data + 1, size - 1);
  const auto whole = inspect::inspect(file, "a.zip");
  const auto pieces = in_pieces(file, size_t(data[0]) + 1);
  CHECK(whole.has_value() == pieces.has_value());
  CHECK(whole || whole.error().reason == pieces.error().reason);
  CHECK(!whole || *whole == Type::zip);
  return 0;
}
