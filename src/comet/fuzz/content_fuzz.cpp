#include "base/check.h"
#include "comet/messages.h"

// What decodes is spelled in one way only.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  auto message = comet::decode({data, size});
  if (message) CHECK(equal(comet::encode(*message), ByteView(data, size)));
  return 0;
}
