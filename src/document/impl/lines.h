#pragma once
#include <span>

#include "document/font.h"

namespace chengxin::document {

struct Line {
  std::vector<Glyph> glyphs;
  double width = 0;  // in em
};

// Breaks into lines at most `width` em wide, the first `indent` less; at least one line. A single glyph wider
// than its line stands there all the same.
std::vector<Line> break_lines(std::span<const Glyph> glyphs, double width, double indent = 0);

}  // namespace chengxin::document
