#pragma once
#include "base/bytes.h"
#include "base/json.h"

// The forms that all signed JSON (RFC 7515) and all JSON keys (RFC 7517) here share, whoever signs:
// credentials, and tokens of identity providers. Which algorithms and keys count is their readers' business.
namespace chengxin::jose {

inline constexpr size_t kMaxTokenBytes = 512 << 10;
inline constexpr JsonLimits kJsonLimits{.max_bytes = kMaxTokenBytes, .max_depth = 24};

tl::unexpected<Error> malformed(std::string_view why);  // jose.malformed

// The three parts of the compact form, still encoded. jose.malformed.
struct Parts {
  std::string_view header, payload, signature;
};
Result<Parts> split(std::string_view token);

// base64url of a JSON object; `what` is for the detail of jose.malformed.
Result<Json> decode_object(std::string_view encoded, std::string_view what);

// A protected header. jose.malformed, jose.critical (a "crit" header: none is understood here).
Result<Json> decode_header(std::string_view encoded);

// Null when it is not there or no string.
const std::string* text_member(const Json& object, const char* name);
inline std::string text_of(const Json& object, const char* name) {
  const std::string* text = text_member(object, name);
  return text ? *text : std::string();
}

// 04 || X || Y of a public key with "kty" EC; whether it lies on its curve is not checked. jose.jwk: another
// kind, a private key, coordinates that are not 32 bytes.
Result<Bytes> ec_point(const Json& jwk);

}  // namespace chengxin::jose
