#include "document/ofd.h"

#include <png.h>

#include "base/check.h"
#include "base/clock.h"
#include "document/impl/utf8.h"
#include "document/impl/writing.h"
#include "document/impl/zip.h"

namespace chengxin::document {
namespace {

constexpr std::string_view kStart = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view kSpace = "xmlns:ofd=\"http://www.ofdspec.org/2016\"";

std::string box(const Rectangle& each) {  // ST_Box, 7.3
  return fmt::format("{} {} {} {}", number(each.x), number(each.y), number(each.width), number(each.height));
}

// Identifiers (ST_ID) are unique in a document: first those of resources, then those of pages and what is on
// them.
struct Ids {
  std::array<int, 2> fonts{};
  int first_image = 0;
  int last = 0;
  int next() { return ++last; }
};

// 11.2, 11.3: the place of a text's first baseline is relative to its boundary, in which the glyphs must be.
std::string text_object(const Run& run, Ids& ids) {
  double width = 0;
  std::string deltas;
  for (size_t i = 0; i < run.glyphs.size(); ++i) {
    width += run.glyphs[i].advance * run.size;
    if (i + 1 == run.glyphs.size()) break;
    size_t same = 1;  // equal steps are told once (7.3, "g")
    while (i + same + 1 < run.glyphs.size() && run.glyphs[i + same].advance == run.glyphs[i].advance) ++same;
    const std::string step = number(run.glyphs[i].advance * run.size);
    if (same > 1) {
      deltas += fmt::format("g {} {} ", same, step);
      for (size_t j = 1; j < same; ++j) width += run.glyphs[i + j].advance * run.size;
      i += same - 1;
    } else {
      deltas += step + " ";
    }
  }
  if (!deltas.empty()) deltas.pop_back();
  const double ascent = run.size * 0.9, height = run.size * 1.2;
  return fmt::format(
      "<ofd:TextObject ID=\"{}\" Boundary=\"{}\" Font=\"{}\" Size=\"{}\"><ofd:TextCode X=\"0\" Y=\"{}\"{}>{}"
      "</ofd:TextCode></ofd:TextObject>\n",
      ids.next(), box({run.x, run.baseline - ascent, width, height}), ids.fonts[size_t(run.face)],
      number(run.size), number(ascent), deltas.empty() ? "" : fmt::format(" DeltaX=\"{}\"", deltas),
      xml(utf8(run.glyphs)));
}

// 9.1. A path covers its page, so that its points are those of the page.
std::string path_object(const Layout& layout, Ids& ids, std::string_view kind, std::string_view colour,
                        std::string_view data) {
  return fmt::format(
      "<ofd:PathObject ID=\"{}\" Boundary=\"0 0 {} {}\" {}>{}<ofd:AbbreviatedData>{}</ofd:AbbreviatedData>"
      "</ofd:PathObject>\n",
      ids.next(), number(layout.width), number(layout.height), kind, colour, data);
}
std::string fill_object(const Layout& layout, const Fill& fill, Ids& ids) {
  std::string data;
  for (const Rectangle& each : fill.areas)
    data += fmt::format("M {0} {1} L {2} {1} L {2} {3} L {0} {3} C ", number(each.x), number(each.y),
                        number(each.x + each.width), number(each.y + each.height));
  const int grey = int(fill.grey * 255 + 0.5);
  return path_object(layout, ids, "Stroke=\"false\" Fill=\"true\"",
                     fmt::format("<ofd:FillColor Value=\"{0} {0} {0}\"/>", grey), data);
}
std::string stroke_object(const Layout& layout, const Stroke& stroke, Ids& ids) {
  std::string data;
  for (const auto& each : stroke.lines)
    data +=
        fmt::format("M {} {} L {} {} ", number(each.x1), number(each.y1), number(each.x2), number(each.y2));
  return path_object(layout, ids, fmt::format("LineWidth=\"{}\"", number(stroke.width)),
                     "<ofd:StrokeColor Value=\"0 0 0\"/>", data);
}

std::string page_content(const Layout& layout, const Page& page, Ids& ids) {
  std::string out = fmt::format(
      "{}<ofd:Page {}>\n<ofd:Area><ofd:PhysicalBox>0 0 {} {}</ofd:PhysicalBox></ofd:Area>\n<ofd:Content>"
      "<ofd:Layer ID=\"{}\" Type=\"Body\">\n",
      kStart, kSpace, number(layout.width), number(layout.height), ids.next());
  for (const Fill& each : page.fills) out += fill_object(layout, each, ids);
  for (const Stroke& each : page.strokes) out += stroke_object(layout, each, ids);
  for (const Picture& each : page.pictures)  // 10.1: the picture is a unit square before CTM
    out += fmt::format(
        "<ofd:ImageObject ID=\"{}\" Boundary=\"{}\" CTM=\"{} 0 0 {} 0 0\" ResourceID=\"{}\"/>\n", ids.next(),
        box(each.area), number(each.area.width), number(each.area.height), ids.first_image + int(each.image));
  for (const Run& each : page.runs) out += text_object(each, ids);
  return out + "</ofd:Layer></ofd:Content>\n</ofd:Page>\n";
}

Bytes png_of(const Pixels& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = pixels.width;
  image.height = pixels.height;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes out(size);
  CHECK(png_image_write_to_memory(&image, out.data(), &size, 0, pixels.rgb.data(), 0, nullptr));
  out.resize(size);
  return out;
}

void add_text(Zip& zip, std::string_view name, std::string_view content) { zip.add(name, view(content)); }

Status add_fonts(Zip& zip, const Layout& layout, const Fonts& fonts, Ids& ids) {
  const Used used = used_characters(layout);
  std::string out = fmt::format("{}<ofd:Res {} BaseLoc=\"Res\">\n<ofd:Fonts>\n", kStart, kSpace);
  for (Face face : kFaces) {
    if (used[size_t(face)].empty()) continue;
    const int id = ids.fonts[size_t(face)] = ids.next();
    ASSIGN(const FontSubset subset, subset_of(fonts, face, used));
    zip.add(fmt::format("Doc_0/Res/font_{}.otf", id), subset.opentype);
    out += fmt::format(
        "<ofd:Font ID=\"{}\" FontName=\"{}\"><ofd:FontFile>font_{}.otf</ofd:FontFile></ofd:Font>\n", id,
        xml(fonts.metrics(face).name), id);
  }
  add_text(zip, "Doc_0/PublicRes.xml", out + "</ofd:Fonts>\n</ofd:Res>\n");
  return {};
}

void add_images(Zip& zip, const Layout& layout, Ids& ids) {
  ids.first_image = ids.last + 1;
  std::string out = fmt::format("{}<ofd:Res {} BaseLoc=\"Res\">\n<ofd:MultiMedias>\n", kStart, kSpace);
  for (const Pixels& each : layout.images) {
    const int id = ids.next();
    zip.add(fmt::format("Doc_0/Res/image_{}.png", id), png_of(each));
    out += fmt::format(
        "<ofd:MultiMedia ID=\"{0}\" Type=\"Image\" "
        "Format=\"PNG\"><ofd:MediaFile>image_{0}.png</ofd:MediaFile>"
        "</ofd:MultiMedia>\n",
        id);
  }
  add_text(zip, "Doc_0/DocumentRes.xml", out + "</ofd:MultiMedias>\n</ofd:Res>\n");
}

// 7.4. The identifier of the document is the digest of its pages.
std::string entry(const Layout& layout, const Digest& digest) {
  return fmt::format(
      "{}<ofd:OFD {} Version=\"1.0\" DocType=\"OFD\">\n<ofd:DocBody><ofd:DocInfo><ofd:DocID>{}</ofd:DocID>"
      "<ofd:Title>{}</ofd:Title><ofd:CreationDate>{}</ofd:CreationDate><ofd:Creator>Chengxin</ofd:Creator></"
      "ofd:DocInfo>"
      "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>\n</ofd:OFD>\n",
      kStart, kSpace, hex(ByteView(digest).first(16)), xml(layout.title),
      format_time(layout.created_ms).substr(0, 10));
}

}  // namespace

Result<Bytes> to_ofd(const Layout& layout, const Fonts& fonts) {
  TRY(characters_of(layout.title));
  Zip zip;
  Ids ids;
  TRY(add_fonts(zip, layout, fonts, ids));
  if (!layout.images.empty()) add_images(zip, layout, ids);
  std::string pages, all;
  for (size_t i = 0; i < layout.pages.size(); ++i) {
    const std::string place = fmt::format("Pages/Page_{}/Content.xml", i);
    pages += fmt::format("<ofd:Page ID=\"{}\" BaseLoc=\"{}\"/>\n", ids.next(), place);
    const std::string content = page_content(layout, layout.pages[i], ids);
    add_text(zip, "Doc_0/" + place, content);
    all += content;
  }
  add_text(
      zip, "Doc_0/Document.xml",
      fmt::format(
          "{}<ofd:Document {}>\n<ofd:CommonData><ofd:MaxUnitID>{}</ofd:MaxUnitID><ofd:PageArea>"
          "<ofd:PhysicalBox>0 0 {} {}</ofd:PhysicalBox></ofd:PageArea>"
          "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes>{}</ofd:CommonData>\n<ofd:Pages>\n{}</ofd:Pages>\n"
          "</ofd:Document>\n",
          kStart, kSpace, ids.last, number(layout.width), number(layout.height),
          layout.images.empty() ? "" : "<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>", pages));
  add_text(zip, "OFD.xml", entry(layout, sm3_of(view(all))));
  zip.finish();
  return zip.take();
}

}  // namespace chengxin::document
