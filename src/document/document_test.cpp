#include <algorithm>
#include <numeric>
#include <random>

#include "document/impl/cff.h"
#include "document/impl/lines.h"
#include "document/impl/utf8.h"
#include "document/impl/writing.h"
#include "document/ofd.h"
#include "document/pdf.h"
#include "document/rig_for_tests.h"

namespace chengxin::document {
namespace {

constexpr std::string_view kLink = "https://verify.example/v/2026-000123?place=城市";

Bytes png(uint32_t width, uint32_t height) {
  Document document;  // through OFD, which stores its pictures as PNG again, there is a writer of PNG at hand
                      // only for tests
  Folder folder;
  const std::string path = folder.path / "picture.png";
  output_of(
      fmt::format("python3 -c \"import zlib,struct\n"
                  "def part(n,d): return struct.pack('>I',len(d))+n+d+struct.pack('>I',zlib.crc32(n+d))\n"
                  "rows=b''.join(b'\\0'+bytes([200,30,30,255])*({0}//2)+bytes([0,0,0,0])*({0}-{0}//2) for _ "
                  "in range({1}))\n"
                  "open('{2}','wb').write(b'\\x89PNG\\r\\n\\x1a\\n'+part(b'IHDR',struct.pack('>IIBBBBB',{0},{"
                  "1},8,6,0,0,0))"
                  "+part(b'IDAT',zlib.compress(rows))+part(b'IEND',b''))\"",
                  width, height, path));
  return read_file(path, 1 << 22).value();
}

// A bit of everything, on as many pages as `rows` take.
Document manifest(int rows) {
  Table table{.columns = {{"序号", 1, Align::centre},
                          {"废物名称 Waste", 4},
                          {"代码", 2},
                          {"数量 t", 1.5, Align::right}},
              .rows = {}};
  for (int i = 1; i <= rows; ++i)
    table.rows.push_back({std::to_string(i), "废酸液（含重金属）acid", "900-041-49", fmt::format("{}.5", i)});
  return {
      .title = "转移联单 <A&B>",
      .created_ms = 1'795'000'000'000,
      .paper = {},
      .header = {"诚信 Chengxin", "", "No. 2026-000123"},
      .footer = {"", "第 {page} 页，共 {pages} 页", "{{}}"},
      .blocks = blocks(
          Heading{"危险废物转移联单", 0}, Heading{"一、产生单位 Producer", 1},
          Fields{{{"单位名称", "甲化工有限公司"}, {"联系人", "张三"}, {"备注", "本单一式五联，各执一联。"}}},
          Paragraph{"转移危险废物的，应当按照国家有关规定填写、运行危险废物电子或者纸质转移联单。The holder "
                    "of a printed "
                    "copy scans the code below.",
                    Align::left, 10.5, false, 2},
          table, Image{png(40, 20), 20}, QrCode{std::string(kLink), 30, "扫码核验 Verify", Align::left},
          Seal{"issuer", 42, 42, Align::right})};
}

std::string text_of(const Layout& layout) {
  std::string out;
  for (const Page& page : layout.pages)
    for (const Run& run : page.runs) out += utf8(run.glyphs) + "\n";
  return out;
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

// A page drawn in grey: its pixels.
std::vector<uint8_t> drawn(const Folder& folder, const std::string& pdf, int page) {
  const std::string stem = folder.path / "drawn";
  output_of(fmt::format("pdftoppm -r 60 -gray -singlefile -f {0} -l {0} {1} {2}", page, pdf, stem));
  const Bytes pgm = read_file(stem + ".pgm", 1 << 24).value();
  constexpr size_t kPixels = 496 * 702;  // of A4
  EXPECT_GT(pgm.size(), kPixels);
  return {pgm.end() - kPixels, pgm.end()};
}

// Version as in tools/setup.
std::string readers(const std::string& arguments) {
  const char* cache = ::getenv("CHENGXIN_CACHE");
  const char* xdg = ::getenv("XDG_CACHE_HOME");
  const fs::path folder =
      cache ? fs::path(cache) : (xdg ? fs::path(xdg) : fs::path(::getenv("HOME")) / ".cache") / "chengxin";
  return output_of(
      fmt::format("java -XX:TieredStopAtLevel=1 -Xmx400m -cp '{}/document-readers-1/*' "
                  "{}/src/document/readers/Readers.java {}",
                  folder.string(), CHENGXIN_SOURCE_DIR, arguments));
}

TEST(Pdf, poppler_reads_every_text_with_embedded_subsets_of_the_fonts) {
  const Layout layout = lay_out(manifest(60), fonts()).value();
  const Bytes pdf = to_pdf(layout, fonts()).value();
  Folder folder;
  const std::string path = folder.keep("a.pdf", pdf);

  const std::string listed = output_of("pdffonts " + path);
  EXPECT_EQ(count(listed, "CID Type 0C"), 2u) << listed;
  EXPECT_EQ(count(listed, "yes yes yes"), 2u) << listed;  // embedded, subset, with Unicode
  EXPECT_LT(pdf.size(), 100'000u);                        // of 46 MB of fonts

  const std::string read = output_of("pdftotext -raw " + path + " -");
  for (std::string_view part : {"危险废物转移联单", "甲化工有限公司", "填写、运行", "copy scans", "{}",
                                "第 1 页，共 3 页", "第 3 页，共 3 页", "扫码核验 Verify"})
    EXPECT_NE(read.find(part), read.npos) << part;
  EXPECT_EQ(count(read, "废酸液（含重金属）acid"), 60u);
  EXPECT_EQ(count(read, "废物名称 Waste"),
            layout.pages.size() - 1);  // the head again on each page of the table
  const std::string about = output_of("pdfinfo -isodates " + path);
  EXPECT_NE(about.find("转移联单 <A&B>"), about.npos) << about;
  EXPECT_NE(about.find("2026-11-18T"), about.npos) << about;
}

TEST(Pdf, verapdf_finds_it_to_be_pdf_a_2b) {
  Folder folder;
  const Layout layout = lay_out(manifest(40), fonts()).value();
  const std::string told = readers(folder.keep("a.pdf", to_pdf(layout, fonts()).value()));
  EXPECT_EQ(told, "declares 2b, complies true\n");
}

TEST(Pdf, equal_documents_give_equal_bytes_and_the_time_is_the_one_given) {
  Document document = manifest(3);
  const auto both = [&] {
    const Layout layout = lay_out(document, fonts()).value();
    return std::pair(to_pdf(layout, fonts()).value(), to_ofd(layout, fonts()).value());
  };
  const auto first = both();
  EXPECT_EQ(first, both());
  document.created_ms += 86'400'000;
  EXPECT_NE(first.first, both().first);
  EXPECT_NE(first.second, both().second);
}

// ISO 32000-1, 7.5.6: what a signature does. The bytes before it stay as they are.
TEST(Pdf, takes_an_incremental_update_and_has_a_field_for_the_seal) {
  const Layout layout = lay_out(manifest(3), fonts()).value();
  std::string pdf = to_string(to_pdf(layout, fonts()).value());
  EXPECT_NE(pdf.find("/FT /Sig /T (issuer)"), pdf.npos);
  ASSERT_EQ(layout.seals.size(), 1u);
  EXPECT_EQ(layout.seals[0].name, "issuer");
  EXPECT_NEAR(layout.seals[0].area.x + layout.seals[0].area.width, 210 - 22, 1e-6);

  const auto number_after = [&](std::string_view what) {
    return std::stol(pdf.substr(pdf.rfind(what) + what.size()));
  };
  const long previous = number_after("startxref\n"), size = number_after("/Size "),
             root = number_after("/Root "), info = number_after("/Info ");
  const size_t object = pdf.size();
  pdf += fmt::format("{} 0 obj\n<< /Title (Updated) >>\nendobj\n", info);
  const size_t table = pdf.size();
  pdf += fmt::format(
      "xref\n{} 1\n{:010} 00000 n \ntrailer\n<< /Size {} /Root {} 0 R /Info {} 0 R /Prev {} >>\n"
      "startxref\n{}\n%%EOF\n",
      info, object, size, root, info, previous, table);
  Folder folder;
  const std::string path = folder.keep("a.pdf", view(pdf));
  EXPECT_NE(output_of("pdfinfo " + path).find("Title:           Updated"), std::string::npos);
  EXPECT_NE(output_of("pdftotext " + path + " -").find("危险废物转移联单"), std::string::npos);
}

TEST(Pdf, a_scanner_reads_the_qr_code) {
  Folder folder;
  Document label;
  label.paper = {60, 40, 3, 3, 3, 3};  // as a printer of labels takes it
  label.blocks = {{QrCode{std::string(kLink), 34, "", Align::left}, {}},
                  {Paragraph{"900-041-49\n废酸液", Align::left, 9}, Spot{38, 6, 20}}};
  const Layout layout = lay_out(label, fonts()).value();
  EXPECT_EQ(layout.pages.size(), 1u);
  const std::string path = folder.keep("a.pdf", to_pdf(layout, fonts()).value()),
                    stem = folder.path / "label";
  output_of(fmt::format("pdftoppm -r 200 -png -singlefile {} {}", path, stem));
  EXPECT_EQ(output_of("zbarimg --raw -q " + stem + ".png"), std::string(kLink) + "\n");
}

TEST(Ofd, ofdrw_reads_the_same_text_and_draws_the_same_pages) {
  const Layout layout = lay_out(manifest(40), fonts()).value();
  Folder folder;
  const std::string ofd = folder.keep("a.ofd", to_ofd(layout, fonts()).value()),
                    pdf = folder.keep("a.pdf", to_pdf(layout, fonts()).value()),
                    theirs = folder.path / "theirs.pdf";
  const std::string read = readers(ofd + " " + theirs);
  EXPECT_EQ(read, fmt::format("{} pages\n{}", layout.pages.size(), text_of(layout)));

  EXPECT_EQ(count(output_of("pdffonts " + theirs), "CID Type 0C"), 2u);  // they took the fonts inside
  ASSERT_EQ(layout.pages.size(), 2u);
  for (int page = 1; page <= 2; ++page) {
    const auto ours = drawn(folder, pdf, page), other = drawn(folder, theirs, page);
    double ink = 0, difference = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      ink += 255 - ours[i];
      difference += std::abs(int(ours[i]) - int(other[i]));
    }
    EXPECT_GT(ink, 1e6) << page;
    EXPECT_LT(difference, ink * 0.1) << page;  // the edges of glyphs
  }
}

// ---- layout ----

std::vector<std::string> lines_of(std::string_view text, double width, double indent = 0) {
  std::vector<std::string> out;
  for (const Line& each : break_lines(fonts().shape(Face::body, text).value(), width, indent))
    out.push_back(utf8(each.glyphs));
  return out;
}

TEST(Lines, break_between_chinese_characters_and_latin_words) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of("", 5), Lines{""});
  EXPECT_EQ(lines_of("危险废物转移联单", 5), (Lines{"危险废物转", "移联单"}));
  EXPECT_EQ(lines_of("危险废物转移联单", 5, 2), (Lines{"危险废", "物转移联单"}));
  EXPECT_EQ(lines_of("危险废物转，移", 5),
            (Lines{"危险废物", "转，移"}));  // no line begins with a closing mark
  EXPECT_EQ(lines_of("危险废物（移）", 5),
            (Lines{"危险废物", "（移）"}));  // and none ends with an opening one
  EXPECT_EQ(lines_of("one two three", 4.5), (Lines{"one two", "three"}));
  EXPECT_EQ(lines_of("危险waste废物", 4.4), (Lines{"危险", "waste废", "物"}));
  EXPECT_EQ(lines_of("a\n\nb\n", 5), (Lines{"a", "", "b", ""}));
  EXPECT_EQ(lines_of("超", 0.1), Lines{"超"});
  for (const std::string& each : lines_of(std::string(300, 'x'), 5))
    EXPECT_LE(each.size(), 12u);  // a word too wide
}

TEST(Layout, random_documents_lose_no_text_and_stay_inside_their_margins) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto draw = [&](int most) { return int(random() % unsigned(most)); };
  const auto words = [&](int most) {
    static constexpr std::string_view kParts[] = {"危险",    "废物", "，", "（", "）",
                                                  " waste ", "A-1",  "。", "\n", "extraordinarily"};
    std::string out;
    for (int i = draw(most); i >= 0; --i) out += kParts[draw(std::size(kParts))];
    return out;
  };
  const auto bare = [](std::string_view text) {
    std::string out;
    for (char each : text)
      if (each != ' ' && each != '\n') out += each;
    std::sort(out.begin(), out.end());
    return out;
  };
  for (int round = 0; round < 60; ++round) {
    Document document;
    std::string all;
    for (int i = 0; i < 12; ++i) {
      if (draw(3) == 0) {
        document.blocks.push_back({Paragraph{words(200)}, {}});
        all += std::get<Paragraph>(document.blocks.back().what).text;
      } else if (draw(2) == 0) {
        document.blocks.push_back({Heading{words(6), draw(4)}, {}});
        all += std::get<Heading>(document.blocks.back().what).text;
      } else {
        Table table{.columns = {{"", 1}, {"", 2}, {"", 3}}, .rows = {}};
        for (int row = draw(30); row >= 0; --row) {
          table.rows.push_back(
              {words(5), words(draw(20) ? 20 : 2000), words(30)});  // some rows are longer than a page
          for (const std::string& each : table.rows.back()) all += each;
        }
        document.blocks.push_back({std::move(table), {}});
      }
    }
    const Layout layout = lay_out(document, fonts()).value();
    ASSERT_EQ(bare(text_of(layout)), bare(all));
    const Paper& paper = document.paper;
    for (const Page& page : layout.pages) {
      for (const auto& run : page.runs) {
        const double width =
            std::accumulate(run.glyphs.begin(), run.glyphs.end(), 0.0,
                            [&](double sum, const Glyph& each) { return sum + each.advance * run.size; });
        ASSERT_GE(run.x, paper.left - 1e-6);
        ASSERT_LE(run.x + width, 210 - paper.right + 1e-6);
        ASSERT_GE(run.baseline - run.size, paper.top - 1e-6);
        ASSERT_LE(run.baseline + run.size * 0.2, 297 - paper.bottom + 1e-6);
      }
      for (const Stroke& stroke : page.strokes)
        for (const auto& line : stroke.lines)
          ASSERT_LE(std::max(line.y1, line.y2), 297 - paper.bottom + 1e-6);
    }
  }
}

TEST(Layout, what_cannot_be_set_is_refused_with_its_reason) {
  const auto reason = [](std::vector<Block> content, Paper paper = {}) {
    Document document;
    document.paper = paper;
    document.blocks = std::move(content);
    return reason_of(lay_out(document, fonts()));
  };
  const auto footed = [](std::string text) {
    Document document;
    document.footer[0] = std::move(text);
    return reason_of(lay_out(document, fonts()));
  };
  const auto titled = [](std::string title) {
    Layout layout;
    layout.title = std::move(title);
    layout.pages.emplace_back();
    EXPECT_EQ(reason_of(to_pdf(layout, fonts())), reason_of(to_ofd(layout, fonts())));
    return reason_of(to_pdf(layout, fonts()));
  };
  const Column column{"a", 1, Align::left};
  EXPECT_EQ(reason({}), "fine");
  EXPECT_EQ(reason({}, {.width = 40}), "document.paper");
  EXPECT_EQ(reason({}, {.top = -1}), "document.paper");
  EXPECT_EQ(reason({}, {.height = std::numeric_limits<double>::quiet_NaN()}), "document.paper");
  EXPECT_EQ(reason(blocks(Paragraph{.text = "a", .size = 0})), "document.paper");
  EXPECT_EQ(reason(blocks(Heading{"a", 4})), "document.paper");
  EXPECT_EQ(reason(blocks(Paragraph{.text = "a", .indent = 50})), "document.paper");
  EXPECT_EQ(reason(blocks(Paragraph{"\xff"})), "document.text");
  EXPECT_EQ(reason(blocks(Paragraph{"\xed\xa0\x80"})), "document.text");  // a surrogate
  EXPECT_EQ(reason(blocks(Paragraph{std::string("a\0b", 3)})), "document.text");
  EXPECT_EQ(reason(blocks(Paragraph{"\U0001F600"})), "document.glyph_missing");
  EXPECT_EQ(reason(blocks(Table{})), "document.table");
  EXPECT_EQ(reason(blocks(Table{{column}, {{"a", "b"}}})), "document.table");
  EXPECT_EQ(reason(blocks(Table{{column, {"b", 0, Align::left}}, {}})), "document.table");
  EXPECT_EQ(reason(blocks(Table{std::vector<Column>(80, column), {}})), "document.table");
  EXPECT_EQ(reason(blocks(Fields{{{"a", "b"}}, 0})), "document.table");
  EXPECT_EQ(reason(blocks(QrCode{})), "document.qr");
  EXPECT_EQ(reason(blocks(QrCode{.text = std::string(2331, 'a'), .caption = ""})), "fine");
  EXPECT_EQ(reason(blocks(QrCode{.text = std::string(2332, 'a'), .caption = ""})), "document.qr");
  EXPECT_EQ(reason(blocks(QrCode{.text = "a", .side = 300, .caption = ""})), "document.does_not_fit");
  EXPECT_EQ(reason(blocks(Seal{"issuer", 42, 400})), "document.does_not_fit");
  EXPECT_EQ(reason({{Paragraph{"a"}, Spot{0, 296, 50}}}), "document.does_not_fit");
  EXPECT_EQ(reason(blocks(Seal{"the issuer"})), "document.seal");
  EXPECT_EQ(reason(blocks(Seal{"issuer"}, Seal{"issuer"})), "document.seal");
  EXPECT_EQ(reason(blocks(Seal{"issuer) /JS (x"})), "document.seal");
  EXPECT_EQ(reason(blocks(Image{to_bytes(view("GIF89a"))})), "document.image");
  EXPECT_EQ(reason(blocks(Image{png(8000, 5001), 10})), "document.image");
  EXPECT_EQ(reason(blocks(Image{png(8000, 4000), 10}, Image{png(8000, 1001), 10})),
            "document.image");  // together
  Bytes cut = png(40, 20);
  cut.resize(cut.size() / 2);
  EXPECT_EQ(reason(blocks(Image{cut})), "document.image");
  EXPECT_EQ(reason(std::vector<Block>(kMaxPages, {PageBreak{}, {}})), "document.too_many_pages");
  EXPECT_EQ(footed("{date}"), "document.band");
  EXPECT_EQ(footed("}"), "document.band");
  EXPECT_EQ(footed(std::string(500, 'a')), "document.band");
  EXPECT_EQ(titled("\xff"), "document.text");
  EXPECT_EQ(titled("\x01"), "document.text");
  EXPECT_EQ(titled(""), "fine");
}

TEST(Fonts, that_documents_cannot_be_set_in_are_refused) {
  auto files = Fonts::of_system();
  files[0].index = 99;
  EXPECT_EQ(reason_of(Fonts::load(files)), "document.font");
  files[0] = {"/nowhere.otf"};
  EXPECT_EQ(reason_of(Fonts::load(files)), "document.font");
  files[0] = {fs::path(CHENGXIN_SOURCE_DIR) / "README.md"};
  EXPECT_EQ(reason_of(Fonts::load(files)), "document.font");
  files[0] = {"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"};  // outlines of another kind
  EXPECT_EQ(reason_of(Fonts::load(files)), "document.font");
}

TEST(Fonts, bent_outlines_are_read_within_their_bytes) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Bytes good = fonts().subset(Face::body, {U'危', U'险', U'a'}).value().cff;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bent = good;
    for (int i = 0; i < 3; ++i) bent[random() % std::min<size_t>(bent.size(), 200)] = uint8_t(random());
    bent.resize(round % 2 ? bent.size() : random() % bent.size());
    has_identity_cids(bent, 65535);
  }
  EXPECT_FALSE(has_identity_cids(good, 4));  // its own glyphs are numbered anew, its CIDs are not
}

}  // namespace
}  // namespace chengxin::document
