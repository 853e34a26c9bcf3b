#pragma once
#include "document/font.h"
#include "document/model.h"

// Pages with everything in its place, in millimetres from the top left corner: what PDF and OFD are written
// from.
namespace chengxin::document {

struct Run {                             // of glyphs side by side
  double x = 0, baseline = 0, size = 0;  // size: of an em
  Face face = Face::body;
  std::vector<Glyph> glyphs;
};
struct Rectangle {
  double x = 0, y = 0, width = 0, height = 0;
};
struct Fill {  // drawn first
  std::vector<Rectangle> areas;
  double grey = 0;  // 0 black, 1 white
};
struct Stroke {
  struct Line {
    double x1, y1, x2, y2;
  };
  std::vector<Line> lines;
  double width = 0.2;
};
struct Picture {
  Rectangle area;
  size_t image = 0;  // of Layout::images
};
struct Page {
  std::vector<Fill> fills;
  std::vector<Stroke> strokes;
  std::vector<Run> runs;
  std::vector<Picture> pictures;
};
struct Pixels {
  uint32_t width = 0, height = 0;
  Bytes rgb;  // 3 bytes a pixel, rows from the top; what was transparent is on white
};
struct SealPlace {
  std::string name;
  size_t page = 0;  // of Layout::pages
  Rectangle area;
};

struct Layout {
  std::string title;
  int64_t created_ms = 0;
  double width = 0, height = 0;
  std::vector<Page> pages;  // at least one
  std::vector<Pixels> images;
  std::vector<SealPlace> seals;
};

inline constexpr size_t kMaxPages = 5000;
inline constexpr size_t kMaxImages = 1000, kMaxImagePixels = 40'000'000;  // of a document, each picture once

// Lines break between Chinese characters (not before closing nor after opening marks, GB/T 15834 5.1) and
// between Latin words; a word wider than its line breaks anywhere. Equal documents give equal layouts.
// Errors: document.text, document.glyph_missing (font.h), document.paper (margins leave no room),
// document.table (a row with another number of texts than columns, or no width), document.does_not_fit (a
// block larger than its page), document.too_many_pages, document.image (no PNG, damaged, or above
// kMaxImagePixels), document.qr (above 2,331 bytes), document.seal (the name), document.band.
Result<Layout> lay_out(const Document& document, const Fonts& fonts);

}  // namespace chengxin::document
