#include "base/check.h"
#include "crypto/certificate.h"

using namespace chengxin;
using namespace chengxin::crypto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto one = Certificate::from_der({data, size});
  if (!one) return 0;
  CHECK(equal(one->der, {data, size}));
  one->subject_text();
  auto again = Certificate::from_pem(one->to_pem());
  CHECK(again && again->der == one->der);
  ChainPolicy policy;
  policy.at_ms = one->not_before_ms;
  (void)verify_chain(*one, {}, std::span(&*again, 1), policy);
  return 0;
}
