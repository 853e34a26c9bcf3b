#include "document/impl/writing.h"

#include <zlib.h>

#include "base/check.h"
#include "sm3/sm3.h"

namespace chengxin::document {

Bytes flate(ByteView bytes) {
  uLongf size = compressBound(uLong(bytes.size()));
  Bytes out(size);
  CHECK(compress2(out.data(), &size, bytes.data(), uLong(bytes.size()), 6) == Z_OK);
  out.resize(size);
  return out;
}

std::string xml(std::string_view text) {
  std::string out;
  for (char each : text) {
    if (each == '&')
      out += "&amp;";
    else if (each == '<')
      out += "&lt;";
    else if (each == '>')
      out += "&gt;";
    else if (each == '"')
      out += "&quot;";
    else
      out += each;
  }
  return out;
}

std::string number(double value) {
  std::string out = fmt::format("{:.3f}", value);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

Digest sm3_of(ByteView bytes) {
  const sm3::Message message{bytes, {}, {}};
  Digest out;
  sm3::hash_many({&message, 1}, {&out, 1});
  return out;
}

std::string utf8(std::span<const Glyph> glyphs) {
  std::string out;
  for (const Glyph& each : glyphs) {
    const uint32_t c = each.character;
    if (c < 0x80) {
      out += char(c);
      continue;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    out += char((0xff00 >> (more + 1) & 0xff) | c >> (6 * more));
    for (int i = more - 1; i >= 0; --i) out += char(0x80 | (c >> (6 * i) & 0x3f));
  }
  return out;
}

Used used_characters(const Layout& layout) {
  Used out;
  for (const Page& page : layout.pages)
    for (const Run& run : page.runs)
      for (const Glyph& each : run.glyphs) out[size_t(run.face)].emplace(each.character, each);
  return out;
}

Result<FontSubset> subset_of(const Fonts& fonts, Face face, const Used& used) {
  std::set<char32_t> characters;
  for (const auto& [character, glyph] : used[size_t(face)]) characters.insert(character);
  return fonts.subset(face, characters);
}

}  // namespace chengxin::document
