#include "document/template.h"

#include <algorithm>

#include "document/impl/places.h"

namespace chengxin::document {
namespace {

constexpr std::string_view kReason = "document.template";

// One object of the template: its members are read by name, and what was not read is a mistake.
class Members {
 public:
  static Result<Members> of(const Json& json, std::string where) {
    if (!json.is_object()) return fail(Code::invalid_argument, kReason, "{}: not an object", where);
    return Members(json, std::move(where));
  }

  bool has(std::string_view name) const { return json_->contains(name); }
  const std::string& where() const { return where_; }
  std::string path(std::string_view name) const { return fmt::format("{}.{}", where_, name); }
  tl::unexpected<Error> bad(std::string_view name, std::string_view what) const {
    return fail(Code::invalid_argument, kReason, "{}: {}", path(name), what);
  }
  const Json* take(std::string_view name) {
    const auto found = json_->find(name);
    if (found == json_->end()) return nullptr;
    read_.push_back(name);
    return &*found;
  }

  Result<std::string> text(std::string_view name, std::string otherwise = {}) {
    const Json* value = take(name);
    if (!value) return otherwise;
    if (!value->is_string()) return bad(name, "not a text");
    return value->get<std::string>();
  }
  Status number(std::string_view name, double& out) {
    const Json* value = take(name);
    if (value && !value->is_number()) return bad(name, "not a number");
    if (value) out = value->get<double>();
    return {};
  }
  Status whole(std::string_view name, int& out) {
    const Json* value = take(name);
    if (value && !(value->is_number_integer() && value->get<int64_t>() >= 0 && value->get<int64_t>() < 1000))
      return bad(name, "not a whole number below 1000");
    if (value) out = value->get<int>();
    return {};
  }
  Status flag(std::string_view name, bool& out) {
    const Json* value = take(name);
    if (value && !value->is_boolean()) return bad(name, "neither true nor false");
    if (value) out = value->get<bool>();
    return {};
  }
  Status align(std::string_view name, Align& out) {
    constexpr std::string_view kNames[] = {"left", "centre", "right"};
    if (!has(name)) return {};
    ASSIGN(const std::string value, text(name));
    const auto* found = std::ranges::find(kNames, value);
    if (found == std::end(kNames)) return bad(name, "neither left, centre nor right");
    out = Align(found - kNames);
    return {};
  }
  Result<const Json::array_t*> list(std::string_view name) {
    const Json* value = take(name);
    if (!value || !value->is_array()) return bad(name, "a list is wanted");
    return value->get_ptr<const Json::array_t*>();
  }
  Status all_read() const {
    for (const auto& [name, value] : json_->items())
      if (std::ranges::find(read_, name) == read_.end()) return bad(name, "there is no such member here");
    return {};
  }

 private:
  Members(const Json& json, std::string where) : json_(&json), where_(std::move(where)) {}
  const Json* json_;
  std::string where_;
  std::vector<std::string_view> read_;
};

class Filler {
 public:
  explicit Filler(const Data& data) : data_(data) {}

  Result<Document> document(const Json& json, int64_t created_ms) {
    ASSIGN(Members in, Members::of(json, "template"));
    Document out;
    out.created_ms = created_ms;
    ASSIGN(out.title, filled(in, "title"));
    if (const Json* paper = in.take("paper")) TRY(read(*paper, out.paper));
    if (const Json* band = in.take("header")) TRY(read(*band, "template.header", out.header));
    if (const Json* band = in.take("footer")) TRY(read(*band, "template.footer", out.footer));
    ASSIGN(const Json::array_t* blocks, in.list("blocks"));
    for (size_t i = 0; i < blocks->size(); ++i) {
      ASSIGN(Members block, Members::of((*blocks)[i], fmt::format("template.blocks[{}]", i)));
      ASSIGN(Block made, read_block(block));
      TRY(block.all_read());
      out.blocks.push_back(std::move(made));
    }
    TRY(in.all_read());
    return out;
  }

 private:
  Result<std::string> filled(Members& in, std::string_view name) { return filled(in, name, data_.text); }
  static Result<std::string> filled(Members& in, std::string_view name, const FillText& fill) {
    ASSIGN(const std::string text, in.text(name));
    return expanded(text, in.path(name), fill);
  }
  static Result<std::string> expanded(std::string_view text, std::string_view where, const FillText& fill) {
    auto out = expand(text, kReason, fill);
    if (!out && out.error().reason == kReason)
      out.error().detail = fmt::format("{}: {}", where, out.error().detail);
    return out;
  }

  static Status read(const Json& json, Paper& paper) {
    ASSIGN(Members in, Members::of(json, "template.paper"));
    TRY(in.number("width", paper.width));
    TRY(in.number("height", paper.height));
    TRY(in.number("top", paper.top));
    TRY(in.number("bottom", paper.bottom));
    TRY(in.number("left", paper.left));
    TRY(in.number("right", paper.right));
    return in.all_read();
  }

  // {page} and {pages} stay, and so do braces of what is filled in: they are for `lay_out`.
  Status read(const Json& json, std::string_view where, Band& band) {
    ASSIGN(Members in, Members::of(json, std::string(where)));
    const FillText kept = [this](std::string_view place) -> Result<std::string> {
      if (place == "page" || place == "pages") return fmt::format("{{{}}}", place);
      ASSIGN(const std::string value, data_.text(place));
      return doubled_braces(value);
    };
    constexpr std::string_view kNames[] = {"left", "centre", "right"};
    for (size_t i = 0; i < band.size(); ++i) {
      ASSIGN(std::string text, in.text(kNames[i]));
      for (std::string_view twice : {"{{", "}}"})  // stay doubled
        for (size_t at = 0; (at = text.find(twice, at)) != text.npos; at += 4) text.insert(at, twice);
      ASSIGN(band[i], expanded(text, in.path(kNames[i]), kept));
    }
    return in.all_read();
  }

  // The member that is named after a kind of block says what it is.
  Result<Block> read_block(Members& in) {
    using Reader = Status (Filler::*)(Members&, Block&);
    constexpr std::pair<std::string_view, Reader> kKinds[] = {{"heading", &Filler::heading},
                                                              {"paragraph", &Filler::paragraph},
                                                              {"fields", &Filler::fields},
                                                              {"table", &Filler::table},
                                                              {"image", &Filler::image},
                                                              {"qr", &Filler::qr},
                                                              {"seal", &Filler::seal},
                                                              {"space", &Filler::space},
                                                              {"page_break", &Filler::page_break}};
    const auto kind = std::ranges::find_if(kKinds, [&](const auto& each) { return in.has(each.first); });
    if (kind == std::end(kKinds))
      return fail(Code::invalid_argument, kReason,
                  "{}: no heading, paragraph, fields, table, image, qr, seal, space or page_break",
                  in.where());
    Block out;
    TRY((this->*kind->second)(in, out));
    if (const Json* at = in.take("at")) {
      ASSIGN(Members place, Members::of(*at, in.path("at")));
      Spot& spot = out.at.emplace();
      TRY(place.number("x", spot.x));
      TRY(place.number("y", spot.y));
      TRY(place.number("width", spot.width));
      TRY(place.all_read());
    }
    return out;
  }

  Status heading(Members& in, Block& block) {
    Heading& out = block.what.emplace<Heading>();
    ASSIGN(out.text, filled(in, "heading"));
    return in.whole("level", out.level);
  }
  Status paragraph(Members& in, Block& block) {
    Paragraph& out = block.what.emplace<Paragraph>();
    ASSIGN(out.text, filled(in, "paragraph"));
    TRY(in.align("align", out.align));
    TRY(in.number("size", out.size));
    TRY(in.flag("strong", out.strong));
    return in.number("indent", out.indent);
  }
  // "fields": [{"label": …, "text": …}]
  Status fields(Members& in, Block& block) {
    Fields& out = block.what.emplace<Fields>();
    ASSIGN(const Json::array_t* items, in.list("fields"));
    for (size_t i = 0; i < items->size(); ++i) {
      ASSIGN(Members item, Members::of((*items)[i], fmt::format("{}[{}]", in.path("fields"), i)));
      ASSIGN(std::string label, filled(item, "label"));
      ASSIGN(std::string text, filled(item, "text"));
      TRY(item.all_read());
      out.items.emplace_back(std::move(label), std::move(text));
    }
    TRY(in.whole("pairs", out.pairs));
    TRY(in.number("label_share", out.label_share));
    return in.number("size", out.size);
  }
  // "table": the list whose rows it shows; "columns": [{"title": …, "text": …}]
  Status table(Members& in, Block& block) {
    Table& out = block.what.emplace<Table>();
    ASSIGN(const std::string list, in.text("table"));
    ASSIGN(const Json::array_t* columns, in.list("columns"));
    std::vector<std::string> texts, places;
    for (size_t i = 0; i < columns->size(); ++i) {
      places.push_back(fmt::format("{}[{}]", in.path("columns"), i));
      ASSIGN(Members column, Members::of((*columns)[i], places.back()));
      Column& made = out.columns.emplace_back();
      ASSIGN(made.title, filled(column, "title"));
      ASSIGN(std::string text, column.text("text"));
      texts.push_back(std::move(text));
      TRY(column.number("share", made.share));
      TRY(column.align("align", made.align));
      TRY(column.all_read());
    }
    ASSIGN(const std::vector<FillText> rows, data_.rows(list));
    for (const FillText& row : rows) {
      std::vector<std::string>& made = out.rows.emplace_back();
      for (size_t i = 0; i < texts.size(); ++i) {
        ASSIGN(std::string text, expanded(texts[i], places[i], row));
        made.push_back(std::move(text));
      }
    }
    return in.number("size", out.size);
  }
  Status image(Members& in, Block& block) {
    Image& out = block.what.emplace<Image>();
    ASSIGN(const std::string name, in.text("image"));
    ASSIGN(out.png, data_.image(name));
    TRY(in.number("width", out.width));
    return in.align("align", out.align);
  }
  Status qr(Members& in, Block& block) {
    QrCode& out = block.what.emplace<QrCode>();
    ASSIGN(out.text, filled(in, "qr"));
    ASSIGN(out.caption, filled(in, "caption"));
    TRY(in.number("side", out.side));
    return in.align("align", out.align);
  }
  Status seal(Members& in, Block& block) {
    Seal& out = block.what.emplace<Seal>();
    ASSIGN(out.name, in.text("seal"));
    TRY(in.number("width", out.width));
    TRY(in.number("height", out.height));
    return in.align("align", out.align);
  }
  Status space(Members& in, Block& block) { return in.number("space", block.what.emplace<Space>().height); }
  Status page_break(Members& in, Block& block) {
    block.what.emplace<PageBreak>();
    bool wanted = true;
    TRY(in.flag("page_break", wanted));
    if (!wanted) return in.bad("page_break", "true is wanted");
    return {};
  }

  const Data& data_;
};

}  // namespace

Result<Document> fill(const Json& layout_template, const Data& data, int64_t created_ms) {
  return Filler(data).document(layout_template, created_ms);
}

}  // namespace chengxin::document
