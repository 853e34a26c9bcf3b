#include "document/layout.h"

#include <algorithm>

#include "document/impl/lines.h"
#include "document/impl/picture.h"
#include "document/impl/places.h"

namespace chengxin::document {
namespace {

constexpr double kPoint = 25.4 / 72;
constexpr double kLineHeight = 1.5, kTableLineHeight = 1.3;  // of the size
constexpr double kBaseline = 0.38;                           // below the middle of a line, of the size
constexpr double kPadding = 1.2, kShade = 0.93;              // of cells
constexpr double kHeadingSizes[] = {18, 15, 13, 11};
constexpr double kBandSize = 9, kCaptionSize = 8;
constexpr double kLeast = 10;  // of room between margins

double aligned(Align align, double room, double used) {
  return align == Align::left ? 0 : align == Align::centre ? (room - used) / 2 : room - used;
}

// A text that has been broken into lines for its place. All lengths in mm.
struct Text {
  std::vector<Line> lines;
  Face face = Face::body;
  Align align = Align::left;
  double size = 0, line_height = 0;
  double indent = 0;  // of the first line

  double height() const { return line_height * double(lines.size()); }
};

struct Cell {
  Text text;
  double x = 0, width = 0;
  bool shaded = false;
};
using Row = std::vector<Cell>;

// Invariant: everything above y_ of the last page is done; blocks in the flow stand between left_ and left_ +
// width_.
class Composer {
 public:
  Composer(const Document& document, const Fonts& fonts) : document_(document), fonts_(fonts) {}

  Result<Layout> compose() {
    const Paper& paper = document_.paper;
    left_ = paper.left;
    width_ = paper.width - paper.left - paper.right;
    bottom_ = paper.height - paper.bottom;
    const double least = std::min({paper.left, paper.right, paper.top, paper.bottom});
    if (!(least >= 0 && width_ >= kLeast && bottom_ - paper.top >= kLeast && paper.width < 2000 &&
          paper.height < 2000))
      return fail(Code::invalid_argument, "document.paper", "no room between the margins of {} × {} mm",
                  paper.width, paper.height);
    out_ = {document_.title, document_.created_ms, paper.width, paper.height, {}, {}, {}};
    TRY(turn_page());
    for (const Block& block : document_.blocks) TRY(block.at ? place_at(block) : place(block));
    TRY(add_bands());
    return std::move(out_);
  }

 private:
  Page& page() { return out_.pages[current_]; }

  Status turn_page() {
    if (fixed_) return does_not_fit("a block at a place of its own");
    if (out_.pages.size() == kMaxPages)
      return fail(Code::too_large, "document.too_many_pages", "more than {}", kMaxPages);
    current_ = out_.pages.size();
    out_.pages.emplace_back();
    y_ = document_.paper.top;
    return {};
  }
  static tl::unexpected<Error> does_not_fit(std::string_view what) {
    return fail(Code::invalid_argument, "document.does_not_fit", "{} is larger than its page", what);
  }
  // Room for `height` on this page or the next.
  Status need(double height, std::string_view what) {
    if (y_ + height <= bottom_ + 1e-6) return {};
    if (height > bottom_ - document_.paper.top + 1e-6) return does_not_fit(what);
    return turn_page();
  }

  Status place(const Block& block) {
    return std::visit([this](const auto& each) { return add(each); }, block.what);
  }
  Status place_at(const Block& block) {
    const Spot& spot = *block.at;
    if (!(spot.x >= 0 && spot.y >= 0 && spot.width > 0 && spot.x + spot.width <= out_.width + 1e-6))
      return does_not_fit("a block at a place of its own");
    const auto flow = std::tuple(left_, width_, y_, bottom_);
    std::tie(left_, width_, y_, bottom_) = std::tuple(spot.x, spot.width, spot.y, out_.height);
    fixed_ = true;
    Status placed = place(block);
    fixed_ = false;
    std::tie(left_, width_, y_, bottom_) = flow;
    return placed;
  }

  Result<Text> text_of(std::string_view text, Face face, double points, double width, Align align,
                       double line_height = kLineHeight, double indent = 0) const {
    if (!(points >= 1 && points <= 200))
      return fail(Code::invalid_argument, "document.paper", "type of {} points", points);
    ASSIGN(const std::vector<Glyph> glyphs, fonts_.shape(face, text));
    const double size = points * kPoint;
    return Text{
        break_lines(glyphs, width / size, indent), face, align, size, size * line_height, indent * size};
  }

  // Lines [from, to) of a text, the first at the height `top`.
  void draw(const Text& text, double x, double width, double top, size_t from, size_t to) {
    for (size_t i = from; i < to; ++i, top += text.line_height) {
      const Line& line = text.lines[i];
      if (line.glyphs.empty()) continue;
      const double indent = i == 0 ? text.indent : 0;
      page().runs.push_back({x + indent + aligned(text.align, width - indent, line.width * text.size),
                             top + text.line_height / 2 + kBaseline * text.size, text.size, text.face,
                             line.glyphs});
    }
  }
  Status flow(const Text& text) {
    for (size_t i = 0; i < text.lines.size(); ++i, y_ += text.line_height) {
      TRY(need(text.line_height, "a line"));
      draw(text, left_, width_, y_, i, i + 1);
    }
    return {};
  }

  Status add(const Heading& heading) {
    if (heading.level < 0 || heading.level > 3)
      return fail(Code::invalid_argument, "document.paper", "a heading of level {}", heading.level);
    const double points = kHeadingSizes[heading.level];
    ASSIGN(const Text text, text_of(heading.text, Face::strong, points, width_,
                                    heading.level == 0 ? Align::centre : Align::left));
    const double gap = points * kPoint * 0.4, following = 2 * 10.5 * kPoint * kLineHeight;
    // With two lines of what follows, where a page can hold that.
    if (!fixed_ && y_ + text.height() + 2 * gap + following > bottom_ && y_ > document_.paper.top)
      TRY(turn_page());
    if (y_ > document_.paper.top) y_ += gap;
    TRY(flow(text));
    y_ += gap;
    return {};
  }

  Status add(const Paragraph& paragraph) {
    const Face face = paragraph.strong ? Face::strong : Face::body;
    if (!(paragraph.indent >= 0 && paragraph.indent * paragraph.size * kPoint < width_))
      return fail(Code::invalid_argument, "document.paper", "an indent of {} characters", paragraph.indent);
    ASSIGN(const Text text, text_of(paragraph.text, face, paragraph.size, width_, paragraph.align,
                                    kLineHeight, paragraph.indent));
    return flow(text);
  }

  Result<Cell> cell(std::string_view text, Face face, double points, double x, double width, Align align,
                    bool shaded) const {
    if (!(width >= 3 * kPadding))
      return fail(Code::invalid_argument, "document.table", "a column is narrower than {} mm", 3 * kPadding);
    ASSIGN(Text broken, text_of(text, face, points, width - 2 * kPadding, align, kTableLineHeight));
    return Cell{std::move(broken), x, width, shaded};
  }
  static size_t lines_of(const Row& row) {
    size_t most = 1;
    for (const Cell& each : row) most = std::max(most, each.text.lines.size());
    return most;
  }
  static double height_of(const Row& row, size_t lines) {
    return row.front().text.line_height * double(lines) + 2 * kPadding;
  }

  // Lines [from, from + count) of a row's cells, with the frame around them.
  void draw(const Row& row, size_t from, size_t count) {
    const double height = height_of(row, count), right = row.back().x + row.back().width, end = y_ + height;
    Stroke frame;
    frame.lines = {{row.front().x, y_, right, y_}, {row.front().x, end, right, end}, {right, y_, right, end}};
    Fill shade{{}, kShade};
    for (const Cell& each : row) {
      frame.lines.push_back({each.x, y_, each.x, end});
      if (each.shaded) shade.areas.push_back({each.x, y_, each.width, height});
      const size_t lines = each.text.lines.size();
      draw(each.text, each.x + kPadding, each.width - 2 * kPadding, y_ + kPadding, std::min(from, lines),
           std::min(from + count, lines));
    }
    page().strokes.push_back(std::move(frame));
    if (!shade.areas.empty()) page().fills.push_back(std::move(shade));
    y_ = end;
  }

  // Pages are turned before a row that does not fit, and within one that fits on no page. `head` stands again
  // on each.
  Status flow(const Row& row, const Row& head) {
    const double head_height = head.empty() ? 0 : height_of(head, lines_of(head));
    const double whole = bottom_ - document_.paper.top - head_height;
    if (height_of(row, 1) > whole) return does_not_fit("a row of a table with its head");
    const size_t lines = lines_of(row);
    for (size_t from = 0; from < lines;) {
      const size_t left = lines - from;
      const double room = bottom_ - y_ + 1e-6;
      const bool fits = height_of(row, left) <= room;
      if (!fits && (height_of(row, left) <= whole || height_of(row, 1) > room)) {
        TRY(turn_page());
        if (!head.empty()) draw(head, 0, lines_of(head));
        continue;
      }
      const size_t count = fits ? left : size_t((room - 2 * kPadding) / row.front().text.line_height);
      draw(row, from, count);
      from += count;
    }
    return {};
  }

  // A row of texts, or of titles.
  Result<Row> row_of(const Table& table, const std::vector<std::string>* texts) const {
    double shares = 0, x = left_;
    for (const Column& each : table.columns) shares += each.share > 0 ? each.share : -1e9;
    if (!(shares > 0)) return fail(Code::invalid_argument, "document.table", "a column without width");
    if (texts && texts->size() != table.columns.size())
      return fail(Code::invalid_argument, "document.table", "{} texts for {} columns", texts->size(),
                  table.columns.size());
    Row out;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      const double width = width_ * column.share / shares;
      ASSIGN(Cell made, texts ? cell((*texts)[i], Face::body, table.size, x, width, column.align, false)
                              : cell(column.title, Face::strong, table.size, x, width, Align::centre, true));
      out.push_back(std::move(made));
      x += width;
    }
    return out;
  }
  Status add(const Table& table) {
    if (table.columns.empty()) return fail(Code::invalid_argument, "document.table", "no columns");
    ASSIGN(const Row head, row_of(table, nullptr));
    const double head_height = height_of(head, lines_of(head));
    TRY(need(head_height, "the head of a table"));
    if (!table.rows.empty()) {  // not alone at the end of a page
      ASSIGN(const Row first, row_of(table, &table.rows.front()));
      if (!fixed_ && y_ + head_height + height_of(first, 1) > bottom_ && y_ > document_.paper.top)
        TRY(turn_page());
    }
    draw(head, 0, lines_of(head));
    for (const auto& texts : table.rows) {
      ASSIGN(const Row row, row_of(table, &texts));
      TRY(flow(row, head));
    }
    return space(2);
  }

  Status add(const Fields& fields) {
    if (fields.pairs < 1 || fields.pairs > 6 || !(fields.label_share > 0 && fields.label_share < 1))
      return fail(Code::invalid_argument, "document.table", "fields in {} pairs", fields.pairs);
    const size_t pairs = size_t(fields.pairs);
    const double width = width_ / fields.pairs, label_width = width * fields.label_share;
    for (size_t first = 0; first < fields.items.size(); first += pairs) {
      Row row;
      for (size_t i = 0; i < std::min(pairs, fields.items.size() - first); ++i) {
        const auto& [label, value] = fields.items[first + i];
        const double x = left_ + width * double(i);
        const bool last = first + i + 1 == fields.items.size();  // it takes the rest of its row
        const double value_width = last ? left_ + width_ - x - label_width : width - label_width;
        ASSIGN(Cell name, cell(label, Face::strong, fields.size, x, label_width, Align::left, true));
        ASSIGN(Cell text,
               cell(value, Face::body, fields.size, x + label_width, value_width, Align::left, false));
        row.push_back(std::move(name));
        row.push_back(std::move(text));
      }
      TRY(flow(row, {}));
    }
    return space(2);
  }

  // Its place in out_.images.
  Result<size_t> picture(const Bytes& png) {
    const auto known = images_.find(png);
    if (known != images_.end()) return known->second;
    if (out_.images.size() == kMaxImages)
      return fail(Code::too_large, "document.image", "more than {} pictures", kMaxImages);
    ASSIGN(Pixels pixels, read_png(png, pixels_left_));
    pixels_left_ -= size_t(pixels.width) * pixels.height;
    out_.images.push_back(std::move(pixels));
    return images_[png] = out_.images.size() - 1;
  }
  Status add(const Image& image) {
    ASSIGN(const size_t index, picture(image.png));
    const Pixels& pixels = out_.images[index];
    const double height = image.width * pixels.height / pixels.width;
    TRY(fit_box(image.width, height, "an image"));
    page().pictures.push_back(
        {{left_ + aligned(image.align, width_, image.width), y_, image.width, height}, index});
    y_ += height;
    return {};
  }

  Status add(const QrCode& qr) {
    ASSIGN(const Text caption,
           text_of(qr.caption, Face::body, kCaptionSize, qr.side, Align::centre, kTableLineHeight));
    const double below = qr.caption.empty() ? 0 : caption.height();
    TRY(fit_box(qr.side, qr.side + below, "a QR code"));
    const double x = left_ + aligned(qr.align, width_, qr.side);
    ASSIGN(std::vector<Rectangle> modules, qr_modules(qr.text, x, y_, qr.side));
    page().fills.push_back({std::move(modules), 0});
    if (below > 0) draw(caption, x, qr.side, y_ + qr.side, 0, caption.lines.size());
    y_ += qr.side + below;
    return {};
  }

  Status add(const Seal& seal) {
    const auto plain = [](char each) { return std::isalnum(uint8_t(each)) || each == '_'; };
    const bool twice =
        std::ranges::any_of(out_.seals, [&](const SealPlace& each) { return each.name == seal.name; });
    if (seal.name.empty() || seal.name.size() > 64 || !std::ranges::all_of(seal.name, plain) || twice)
      return fail(Code::invalid_argument, "document.seal", "\"{}\"", seal.name);
    TRY(fit_box(seal.width, seal.height, "a seal"));
    out_.seals.push_back({seal.name,
                          current_,
                          {left_ + aligned(seal.align, width_, seal.width), y_, seal.width, seal.height}});
    y_ += seal.height;
    return {};
  }
  Status fit_box(double width, double height, std::string_view what) {
    if (!(width > 0 && height > 0 && width <= width_ + 1e-6)) return does_not_fit(what);
    return need(height, what);
  }

  Status add(const Space& each) { return space(each.height); }
  Status space(double height) {  // what is left of a page at most
    y_ = std::min(y_ + std::max(height, 0.0), bottom_);
    return {};
  }
  Status add(const PageBreak&) { return turn_page(); }

  Status add_bands() {
    const Paper& paper = document_.paper;
    for (current_ = 0; current_ < out_.pages.size(); ++current_) {
      TRY(add_band(document_.header, paper.top / 2));
      TRY(add_band(document_.footer, paper.height - paper.bottom / 2));
    }
    return {};
  }
  Status add_band(const Band& band, double middle) {
    constexpr Align kAligns[] = {Align::left, Align::centre, Align::right};
    const auto number = [&](std::string_view place) -> Result<std::string> {
      if (place == "page") return std::to_string(current_ + 1);
      if (place == "pages") return std::to_string(out_.pages.size());
      return fail(Code::invalid_argument, "document.band", "{{{}}} is neither page nor pages", place);
    };
    for (size_t i = 0; i < band.size(); ++i) {
      ASSIGN(const std::string text, expand(band[i], "document.band", number));
      ASSIGN(const Text line, text_of(text, Face::body, kBandSize, 1e6, kAligns[i]));
      if (line.lines.size() > 1 || line.lines[0].width * line.size > width_ + 1e-6)
        return fail(Code::invalid_argument, "document.band", "\"{}\" is longer than a line", text);
      draw(line, left_, width_, middle - line.line_height / 2, 0, 1);
    }
    return {};
  }

  const Document& document_;
  const Fonts& fonts_;
  Layout out_;
  std::map<Bytes, size_t> images_;  // each picture once, however often it is shown
  size_t pixels_left_ = kMaxImagePixels;
  double left_ = 0, width_ = 0, y_ = 0, bottom_ = 0;
  size_t current_ = 0;  // page
  bool fixed_ = false;  // at a place of its own: no pages are turned
};

}  // namespace

Result<Layout> lay_out(const Document& document, const Fonts& fonts) {
  return Composer(document, fonts).compose();
}

}  // namespace chengxin::document
