#include "base/check.h"
#include "proof/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  ByteView bytes(data, size);
  auto bundle = proof::decode(bytes);
  if (bundle) CHECK(equal(proof::encode(*bundle), bytes));  // one spelling for each bundle
  CHECK(!proof::verify(bytes));                             // no signature is found by chance
  (void)proof::Anchor::decode(text(bytes));
  return 0;
}
