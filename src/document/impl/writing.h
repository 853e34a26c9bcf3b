#pragma once
#include <array>

#include "document/layout.h"

// What the writers of PDF and OFD share.
namespace chengxin::document {

// A stream of zlib (RFC 1950), which PDF calls FlateDecode.
Bytes flate(ByteView bytes);

// Text for an element or a quoted attribute of XML 1.0. The text must be one that `characters_of` takes.
std::string xml(std::string_view text);

// At most three decimals, none that say nothing.
std::string number(double value);

Digest sm3_of(ByteView bytes);

std::string utf8(std::span<const Glyph> glyphs);

// The characters of each face, by Face, with their glyphs.
using Used = std::array<std::map<char32_t, Glyph>, 2>;
Used used_characters(const Layout& layout);
Result<FontSubset> subset_of(const Fonts& fonts, Face face, const Used& used);

}  // namespace chengxin::document
