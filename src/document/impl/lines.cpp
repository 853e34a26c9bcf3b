#include "document/impl/lines.h"

#include <string_view>

namespace chengxin::document {
namespace {

// GB/T 15834-2011 5.1: what may not begin a line, and what may not end one.
constexpr std::u32string_view kClosing = U"，。、；：？！）】》〉」』〕”’…—·％℃,.;:?!)]}%";
constexpr std::u32string_view kOpening = U"（【《〈「『〔“‘([{￥";

bool is_chinese(char32_t each) { return each >= 0x2e80; }
bool has(std::u32string_view set, char32_t each) { return set.find(each) != set.npos; }

bool may_break_between(char32_t before, char32_t after) {
  if (after == ' ' || has(kClosing, after) || has(kOpening, before)) return false;
  if (before == ' ' || before == '-' || before == '/') return true;
  return is_chinese(before) || is_chinese(after) || has(kClosing, before) > has(U",.:", before);
}

Line line_of(std::span<const Glyph> glyphs) {
  while (!glyphs.empty() && glyphs.back().character == ' ') glyphs = glyphs.first(glyphs.size() - 1);
  Line out{{glyphs.begin(), glyphs.end()}, 0};
  for (const Glyph& each : glyphs) out.width += each.advance;
  return out;
}

// How many glyphs the next line takes; a line feed is not among them.
size_t fitting(std::span<const Glyph> glyphs, double width) {
  double used = 0;
  size_t last_break = 0;
  for (size_t i = 0; i < glyphs.size(); ++i) {
    if (glyphs[i].character == '\n') return i;
    if (i > 0 && may_break_between(glyphs[i - 1].character, glyphs[i].character)) last_break = i;
    used += glyphs[i].advance;
    if (used > width + 1e-9 && glyphs[i].character != ' ')
      return last_break > 0 ? last_break : std::max<size_t>(i, 1);
  }
  return glyphs.size();
}

}  // namespace

std::vector<Line> break_lines(std::span<const Glyph> glyphs, double width, double indent) {
  std::vector<Line> out;
  bool ended = false;  // by a line feed, so that a line follows
  while (!glyphs.empty() || ended || out.empty()) {
    const size_t count = fitting(glyphs, out.empty() ? width - indent : width);
    out.push_back(line_of(glyphs.first(count)));
    glyphs = glyphs.subspan(count);
    ended = !glyphs.empty() && glyphs.front().character == '\n';
    if (ended) glyphs = glyphs.subspan(1);
  }
  return out;
}

}  // namespace chengxin::document
