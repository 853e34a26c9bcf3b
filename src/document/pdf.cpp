#include "document/pdf.h"

#include "base/clock.h"
#include "document/impl/srgb.h"
#include "document/impl/utf8.h"
#include "document/impl/writing.h"

namespace chengxin::document {
namespace {

constexpr double kPoints = 72 / 25.4;  // in a millimetre

// UTF-16BE in hexadecimal digits.
std::string utf16(char32_t each) {
  if (each < 0x10000) return fmt::format("{:04X}", uint32_t(each));
  return fmt::format("{:04X}{:04X}", 0xd7c0 + uint32_t(each >> 10), 0xdc00 + uint32_t(each & 0x3ff));
}

// A text string (ISO 32000-1, 7.9.2.2).
std::string text_string(const std::u32string& text) {
  std::string out = "<FEFF";
  for (char32_t each : text) out += utf16(each);
  return out + ">";
}

// "2026-11-22T04:00:00.123Z" as a date (7.9.4).
std::string date(int64_t time_ms) {
  std::string out = "D:";
  for (char each : format_time(time_ms).substr(0, 19))
    if (std::isdigit(uint8_t(each))) out += each;
  return "(" + out + "Z)";
}

// A file of numbered objects. Numbers are given out before the objects are written, so that they can refer to
// each other.
class File {
 public:
  File() { append_text("%PDF-1.7\n%\xE4\xBF\xA1\xE6\x9E\x81\n"); }

  int reserve() {
    offsets_.push_back(0);
    return int(offsets_.size());
  }
  void write(int id, std::string_view object) {
    offsets_[size_t(id - 1)] = bytes_.size();
    append_text(fmt::format("{} 0 obj\n{}\nendobj\n", id, object));
  }
  int add(std::string_view object) {
    const int id = reserve();
    write(id, object);
    return id;
  }
  int add_stream(std::string_view entries, ByteView bytes) {
    const Bytes packed = flate(bytes);
    return add_plain_stream(fmt::format("{} /Filter /FlateDecode", entries), packed);
  }
  int add_plain_stream(std::string_view entries, ByteView bytes) {
    return add(fmt::format("<< {} /Length {} >>\nstream\n{}\nendstream", entries, bytes.size(), text(bytes)));
  }

  Bytes finish(int catalog, int info) {
    const std::string id = hex(ByteView(sm3_of(bytes_)).first(16));
    const size_t table = bytes_.size();
    append_text(fmt::format("xref\n0 {}\n0000000000 65535 f \n", offsets_.size() + 1));
    for (size_t each : offsets_) append_text(fmt::format("{:010} 00000 n \n", each));
    append_text(fmt::format(
        "trailer\n<< /Size {} /Root {} 0 R /Info {} 0 R /ID [<{}> <{}>] >>\nstartxref\n{}\n%%EOF\n",
        offsets_.size() + 1, catalog, info, id, id, table));
    return std::move(bytes_);
  }

 private:
  void append_text(std::string_view text) { append(bytes_, view(text)); }
  Bytes bytes_;
  std::vector<size_t> offsets_;  // of object i + 1
};

// What each code means, for who copies or searches text (9.10.3).
std::string to_unicode(const std::map<char32_t, Glyph>& used) {
  std::string out =
      "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
      "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
      "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
      "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n";
  std::map<uint16_t, char32_t> by_glyph;
  for (const auto& [character, glyph] : used) by_glyph.emplace(glyph.id, character);
  constexpr size_t kMost = 100;  // in one block
  size_t left = by_glyph.size(), in_block = 0;
  for (const auto& [glyph, character] : by_glyph) {
    if (in_block == 0) out += fmt::format("{} beginbfchar\n", in_block = std::min(left, kMost));
    out += fmt::format("<{:04X}> <{}>\n", glyph, utf16(character));
    --left;
    if (--in_block == 0) out += "endbfchar\n";
  }
  return out + "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";
}

// Six letters that say which subset it is (9.6.4).
std::string subset_tag(ByteView cff) {
  std::string out;
  const Digest digest = sm3_of(cff);
  for (size_t i = 0; i < 6; ++i) out += char('A' + digest[i] % 26);
  return out;
}

// Widths by glyph, in thousandths of an em (9.7.4.3).
std::string widths(const std::map<char32_t, Glyph>& used) {
  std::map<uint16_t, double> by_glyph;
  for (const auto& [character, glyph] : used) by_glyph.emplace(glyph.id, glyph.advance * 1000);
  std::string out;
  int last = -2;
  for (const auto& [glyph, width] : by_glyph) {
    if (glyph != last + 1)
      out += fmt::format("{}{} [", last < 0 ? "" : "] ", glyph);
    else
      out += ' ';
    out += number(width);
    last = glyph;
  }
  return out + "]";
}

Result<int> add_font(File& file, const Fonts& fonts, Face face, const Used& used) {
  ASSIGN(const FontSubset subset, subset_of(fonts, face, used));
  const FontMetrics& metrics = fonts.metrics(face);
  const auto& characters = used[size_t(face)];
  const std::string name = subset_tag(subset.cff) + "+" + metrics.name;
  const auto& [left, bottom, right, top] = metrics.box;
  const int outlines = file.add_stream("/Subtype /CIDFontType0C", subset.cff);
  constexpr int kSymbolic = 4;
  const int descriptor =
      file.add(fmt::format("<< /Type /FontDescriptor /FontName /{} /Flags {} /FontBBox [{} {} {} {}] "
                           "/ItalicAngle 0 /Ascent {} /Descent {} "
                           "/CapHeight 730 /StemV {} /FontFile3 {} 0 R >>",
                           name, kSymbolic, left, bottom, right, top, metrics.ascent, metrics.descent,
                           face == Face::strong ? 140 : 80, outlines));
  const int cid_font =
      file.add(fmt::format("<< /Type /Font /Subtype /CIDFontType0 /BaseFont /{} /CIDSystemInfo << /Registry "
                           "(Adobe) /Ordering (Identity) "
                           "/Supplement 0 >> /FontDescriptor {} 0 R /DW 1000 /W [{}] >>",
                           name, descriptor, widths(characters)));
  const std::string map = to_unicode(characters);
  const int unicode = file.add_stream("", view(map));
  return file.add(
      fmt::format("<< /Type /Font /Subtype /Type0 /BaseFont /{}-Identity-H /Encoding /Identity-H "
                  "/DescendantFonts [{} 0 R] "
                  "/ToUnicode {} 0 R >>",
                  name, cid_font, unicode));
}

// The operators of a page (8.5, 9.4); PDF counts upwards from the bottom.
std::string content_of(const Page& page, double page_height) {
  std::string out;
  const auto x = [](double mm) { return number(mm * kPoints); };
  const auto y = [&](double mm) { return number((page_height - mm) * kPoints); };
  for (const Fill& fill : page.fills) {
    out += number(fill.grey) + " g\n";
    for (const Rectangle& each : fill.areas)
      out +=
          fmt::format("{} {} {} {} re\n", x(each.x), y(each.y + each.height), x(each.width), x(each.height));
    out += "f\n";
  }
  if (!page.fills.empty()) out += "0 g\n";
  for (const Stroke& stroke : page.strokes) {
    out += x(stroke.width) + " w\n";
    for (const auto& each : stroke.lines)
      out += fmt::format("{} {} m {} {} l\n", x(each.x1), y(each.y1), x(each.x2), y(each.y2));
    out += "S\n";
  }
  for (const Picture& each : page.pictures)
    out += fmt::format("q {} 0 0 {} {} {} cm /I{} Do Q\n", x(each.area.width), x(each.area.height),
                       x(each.area.x), y(each.area.y + each.area.height), each.image);
  for (const Run& run : page.runs) {
    out += fmt::format("BT /F{} {} Tf {} {} Td <", int(run.face), x(run.size), x(run.x), y(run.baseline));
    for (const Glyph& each : run.glyphs) out += fmt::format("{:04X}", each.id);
    out += "> Tj ET\n";
  }
  return out;
}

// 12.7.4.5 and 12.5.6.19. PDF/A-2 (6.3.3) wants an appearance, which is empty until there is a seal.
int add_seal_field(File& file, const SealPlace& seal, int page, double page_height) {
  const Rectangle& area = seal.area;
  const double width = area.width * kPoints, height = area.height * kPoints;
  const double left = area.x * kPoints, bottom = (page_height - area.y - area.height) * kPoints;
  const int look =
      file.add_plain_stream(fmt::format("/Type /XObject /Subtype /Form /BBox [0 0 {} {}] /Resources << >>",
                                        number(width), number(height)),
                            {});
  constexpr int kPrinted = 4;
  return file.add(
      fmt::format("<< /Type /Annot /Subtype /Widget /FT /Sig /T ({}) /F {} /P {} 0 R /Rect [{} {} {} {}] /AP "
                  "<< /N {} 0 R >> >>",
                  seal.name, kPrinted, page, number(left), number(bottom), number(left + width),
                  number(bottom + height), look));
}

std::string xmp(const Layout& layout) {
  const std::string time = format_time(layout.created_ms).substr(0, 19) + "Z";
  return fmt::format(
      "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
      "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
      "<rdf:Description rdf:about=\"\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\" "
      "xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" "
      "xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\">\n"
      "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>\n"
      "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:title>\n"
      "<xmp:CreateDate>{}</xmp:CreateDate><xmp:ModifyDate>{}</xmp:ModifyDate><pdf:Producer>Chengxin</"
      "pdf:Producer>\n"
      "</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>",
      xml(layout.title), time, time);
}

std::string references(const std::vector<int>& objects) {
  std::string out;
  for (int each : objects) out += fmt::format("{} 0 R ", each);
  return out;
}

// Fonts and images, as all pages name them.
Result<int> add_resources(File& file, const Layout& layout, const Fonts& fonts) {
  std::string named, images;
  const Used used = used_characters(layout);
  for (Face face : kFaces) {
    if (used[size_t(face)].empty()) continue;
    ASSIGN(const int font, add_font(file, fonts, face, used));
    named += fmt::format("/F{} {} 0 R ", int(face), font);
  }
  for (size_t i = 0; i < layout.images.size(); ++i) {
    const Pixels& pixels = layout.images[i];
    const int image = file.add_stream(fmt::format("/Type /XObject /Subtype /Image /Width {} /Height {} "
                                                  "/ColorSpace /DeviceRGB /BitsPerComponent 8",
                                                  pixels.width, pixels.height),
                                      pixels.rgb);
    images += fmt::format("/I{} {} 0 R ", i, image);
  }
  return file.add(fmt::format("<< /Font << {}>> /XObject << {}>> >>", named, images));
}

}  // namespace

Result<Bytes> to_pdf(const Layout& layout, const Fonts& fonts) {
  ASSIGN(const std::u32string title, characters_of(layout.title));
  File file;
  ASSIGN(const int resources, add_resources(file, layout, fonts));
  const int tree = file.reserve();
  std::vector<int> pages, fields;
  for (size_t i = 0; i < layout.pages.size(); ++i) {
    const std::string operators = content_of(layout.pages[i], layout.height);
    const int content = file.add_stream("", view(operators)), page = file.reserve();
    const size_t before = fields.size();
    for (const SealPlace& seal : layout.seals)
      if (seal.page == i) fields.push_back(add_seal_field(file, seal, page, layout.height));
    const std::vector<int> own(fields.begin() + std::ptrdiff_t(before), fields.end());
    file.write(
        page,
        fmt::format(
            "<< /Type /Page /Parent {} 0 R /MediaBox [0 0 {} {}] /Resources {} 0 R /Contents {} 0 R{} >>",
            tree, number(layout.width * kPoints), number(layout.height * kPoints), resources, content,
            own.empty() ? "" : fmt::format(" /Annots [{}]", references(own))));
    pages.push_back(page);
  }
  file.write(tree, fmt::format("<< /Type /Pages /Count {} /Kids [{}] >>", pages.size(), references(pages)));

  const Bytes colours = srgb_profile();
  const int profile = file.add_stream("/N 3", colours);
  const std::string about = xmp(layout);
  const int metadata = file.add_plain_stream("/Type /Metadata /Subtype /XML", view(about));
  const int info =
      file.add(fmt::format("<< /Title {} /Producer (Chengxin) /CreationDate {} /ModDate {} >>",
                           text_string(title), date(layout.created_ms), date(layout.created_ms)));
  const int catalog = file.add(fmt::format(
      "<< /Type /Catalog /Pages {} 0 R /Metadata {} 0 R /OutputIntents [<< /Type /OutputIntent /S /GTS_PDFA1 "
      "/OutputConditionIdentifier (sRGB) /DestOutputProfile {} 0 R >>]{} >>",
      tree, metadata, profile,
      fields.empty() ? "" : fmt::format(" /AcroForm << /Fields [{}] >>", references(fields))));
  return file.finish(catalog, info);
}

}  // namespace chengxin::document
