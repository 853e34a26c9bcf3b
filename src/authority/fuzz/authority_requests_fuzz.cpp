#include "base/check.h"
#include "crypto/enveloped_key.h"
#include "crypto/ocsp.h"
#include "crypto/signing_request.h"

// What strangers hand an authority: requests for certificates and for their status. The first byte chooses.
using namespace chengxin;
using namespace chengxin::crypto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Sm2PrivateKey key = Sm2PrivateKey::from_scalar(Bytes(32, 7)).value();
  if (size == 0) return 0;
  const ByteView bytes{data + 1, size - 1};
  if (data[0] % 3 == 0) {
    if (const auto request = SigningRequest::from_der(bytes)) {
      CHECK(equal(request->der, bytes));
      (void)request->check();
      CHECK(SigningRequest::from_pem(request->to_pem())->der == request->der);
    }
  } else if (data[0] % 3 == 1) {
    if (const auto request = OcspRequest::from_der(bytes)) {
      CHECK(!request->ids.empty() && request->ids.size() <= kMaxOcspIds && request->nonce.size() <= 32);
      const auto again = OcspRequest::from_der(request->to_der());
      CHECK(again && again->ids.size() == request->ids.size() && again->nonce == request->nonce);
    }
  } else {
    (void)open_enveloped_key(bytes, key);
  }
  return 0;
}
