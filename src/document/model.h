#pragma once
#include <array>
#include <optional>
#include <variant>

#include "base/bytes.h"

// Documents made of data: what is on paper, before it has pages. `lay_out` (layout.h) makes pages of it, from
// which come PDF and OFD; `fill` (template.h) makes it from a template. Texts are UTF-8 where a line feed
// begins a new line; lengths are millimetres, sizes of type are points.
namespace chengxin::document {

enum class Align { left, centre, right };

struct Heading {
  std::string text;
  int level = 1;  // 0: the title of the document, centred; 1 to 3
};
struct Paragraph {
  std::string text;
  Align align = Align::left;
  double size = 10.5;   // of type: 10.5 is 五号
  bool strong = false;  // in the face of headings
  double indent = 0;    // of the first line, in characters
};
// Labels with their values, `pairs` of them side by side.
struct Fields {
  std::vector<std::pair<std::string, std::string>> items;
  int pairs = 2;
  double label_share = 0.3;  // of the width of a pair
  double size = 9;
};
struct Column {
  std::string title;
  double share = 1;  // of the width, beside the other columns' shares
  Align align = Align::left;
};
// Goes on over pages with its head on each of them; a row is broken only when no page could hold it.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // a text for each column
  double size = 9;
};
struct Image {
  Bytes png;
  double width = 40;  // the height follows
  Align align = Align::left;
};
// ISO/IEC 18004, error correction M, with the quiet zone inside `side`.
struct QrCode {
  std::string text;
  double side = 25;
  std::string caption;
  Align align = Align::left;
};
// A place kept for a seal. In PDF it is an empty signature field of that name; in OFD a place that `Layout`
// tells.
struct Seal {
  std::string name;  // [A-Za-z0-9_]{1,64}, once in a document
  double width = 42, height = 42;
  Align align = Align::right;
};
struct Space {
  double height = 5;
};
struct PageBreak {};

// Where a block stands when it is not in the flow: from the top left corner of the page that the flow has
// reached.
struct Spot {
  double x = 0, y = 0, width = 50;
};
struct Block {
  std::variant<Heading, Paragraph, Fields, Table, Image, QrCode, Seal, Space, PageBreak> what;
  std::optional<Spot> at;
};

struct Paper {
  double width = 210, height = 297;  // A4
  double top = 25, bottom = 25, left = 22, right = 22;
};

// At the left, in the centre and at the right, in the margin above or below. Each may hold {page} and
// {pages}; braces that are meant are doubled.
using Band = std::array<std::string, 3>;

struct Document {
  std::string title;       // for readers' windows and archives; not shown on paper
  int64_t created_ms = 0;  // the only time that stands in the files
  Paper paper;
  Band header, footer;
  std::vector<Block> blocks;
};

}  // namespace chengxin::document
