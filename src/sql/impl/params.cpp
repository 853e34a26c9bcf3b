#include "sql/impl/connection.h"

namespace chengxin::sql {
namespace {

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF; and no U+0000, which PostgreSQL cannot
// hold.
bool storable_text(std::string_view text) {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  const auto* end = at + text.size();
  while (at < end) {
    uint8_t lead = *at++;
    if (lead == 0) return false;
    if (lead < 0x80) continue;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - at < more) return false;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (*at < low || *at > high) return false;
    for (++at; --more > 0; ++at)
      if ((*at & 0xc0) != 0x80) return false;
  }
  return true;
}

}  // namespace

Status check_params(Params params) {
  for (const Param& param : params) {
    if (param.out_of_range)
      return fail(Code::invalid_argument, "sql.out_of_range", "an integer above 2^63-1");
    if (param.type == Type::text && !storable_text(param.bytes))
      return fail(Code::invalid_argument, "sql.text_not_utf8", "text must be UTF-8 without zero bytes");
  }
  return {};
}

}  // namespace chengxin::sql
