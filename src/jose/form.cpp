#include "jose/form.h"

#include "base/base64url.h"

namespace chengxin::jose {

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "jose.malformed", "{}", why);
}

Result<Parts> split(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return malformed("above 512 KiB");
  const size_t first = token.find('.'), second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return malformed("not three parts");
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

Result<Json> decode_object(std::string_view encoded, std::string_view what) {
  auto bytes = unbase64url(encoded);
  if (!bytes) return malformed(fmt::format("{}: not base64url", what));
  auto json = parse_json(text(*bytes), kJsonLimits);
  if (!json) return malformed(fmt::format("{}: {}", what, json.error().to_string()));
  if (!json->is_object()) return malformed(fmt::format("{}: not an object", what));
  return json;
}

Result<Json> decode_header(std::string_view encoded) {
  ASSIGN(Json header, decode_object(encoded, "header"));
  if (header.contains("crit"))
    return fail(Code::unsupported, "jose.critical", "no critical header is understood here");
  if (header.contains("b64")) return malformed("b64 without crit");
  return header;
}

const std::string* text_member(const Json& object, const char* name) {
  auto at = object.find(name);
  return at != object.end() && at->is_string() ? &at->get_ref<const std::string&>() : nullptr;
}

Result<Bytes> ec_point(const Json& jwk) {
  const auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "jose.jwk", "{}", why); };
  if (!jwk.is_object() || text_of(jwk, "kty") != "EC") return wrong("not a key of an elliptic curve");
  if (jwk.contains("d")) return wrong("a private key");
  auto x = unbase64url(text_of(jwk, "x")), y = unbase64url(text_of(jwk, "y"));
  if (!x || !y || x->size() != 32 || y->size() != 32) return wrong("x and y must be 32 bytes");
  Bytes out{4};
  append(out, *x);
  append(out, *y);
  return out;
}

}  // namespace chengxin::jose
