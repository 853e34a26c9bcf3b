#include "crypto/timestamp.h"

using namespace chengxin;
using namespace chengxin::crypto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TimestampRequest request;
  (void)verify_timestamp({data, size}, request.imprint);
  (void)parse_timestamp_response({data, size}, request);
  (void)TimestampRequest::from_der({data, size});
  return 0;
}
