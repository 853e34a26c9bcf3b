#include "crypto/authority.h"
#include "crypto/cms.h"

using namespace chengxin;
using namespace chengxin::crypto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Authority authority = Authority::create_root({"", "", "", "fuzz"}, {0, 4000000000000}).value();
  (void)cms_verify({data, size});
  (void)cms_verify({data, size}, ByteView());
  (void)cms_decrypt({data, size}, authority.certificate(), authority.key());
  return 0;
}
