#include "base/check.h"
#include "crypto/certificate.h"

using namespace chengxin;
using namespace chengxin::crypto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto one = Crl::from_der({data, size});
  if (one) CHECK(Crl::from_pem(one->to_pem()).value().revoked.size() == one->revoked.size());
  return 0;
}
