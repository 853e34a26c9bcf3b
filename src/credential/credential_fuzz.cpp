#include "base/check.h"
#include "credential/did.h"
#include "credential/sd_jwt.h"
#include "credential/status_list.h"

// What strangers send: tokens of every form, documents, lists. What parses is written again as it
// was.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::credential;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 3 == 0) {
    if (auto sd_jwt = SdJwt::parse(text)) {
      (void)unfold(*sd_jwt);
      const auto again = SdJwt::parse(sd_jwt->encode());
      CHECK(again && again->bound_text() == sd_jwt->bound_text());
    }
    (void)Jws::parse(text);
    return 0;
  }
  if (data[0] % 3 == 1) {
    const std::string did(text);
    (void)key_resolver()->resolve(did);
    (void)web_address(did);
    (void)StatusBits::decode(text);
    return 0;
  }
  const auto json = parse_json(text);
  if (!json) return 0;
  (void)Document::parse(*json, "did:web:a.example");
  (void)parse_status_entry(*json);
  (void)PublicKey::from_jwk(*json);
  return 0;
}
