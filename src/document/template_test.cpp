#include "document/template.h"

#include "document/rig_for_tests.h"

namespace chengxin::document {
namespace {

FillText known(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view place) -> Result<std::string> {
    const auto found = values.find(place);
    if (found == values.end()) return fail(Code::not_found, "test.unknown_place", "{}", place);
    return found->second;
  };
}

const Data kData{
    .text = known({{"number", "2026-1"}, {"name", "甲 {page} {{x}}"}, {"link", "https://verify.example/1"}}),
    .rows = [](std::string_view list) -> Result<std::vector<FillText>> {
      if (list != "lines") return fail(Code::not_found, "test.unknown_list");
      return std::vector{known({{"waste", "废酸"}, {"quantity", "1.5"}}),
                         known({{"waste", "{废渣}"}, {"quantity", "2"}})};
    },
    .image = [](std::string_view) -> Result<Bytes> {
      return Bytes{1, 2, 3};
    }};

constexpr std::string_view kTemplate = R"json({
  "title": "联单 {number}",
  "paper": {"left": 30},
  "header": {"right": "{name}{{}}"},
  "footer": {"centre": "第 {page} 页，共 {pages} 页"},
  "blocks": [
    {"heading": "转移联单 {number}", "level": 0},
    {"paragraph": "{{{name}}}", "align": "centre", "size": 9, "strong": true, "indent": 2},
    {"fields": [{"label": "编号", "text": "{number}"}], "pairs": 3},
    {"table": "lines", "columns": [{"title": "名称", "text": "{waste}", "share": 3}, {"title": "数量 {number}", "text": "{quantity} t", "align": "right"}]},
    {"image": "logo", "width": 20},
    {"qr": "{link}", "caption": "核验", "at": {"x": 150, "y": 20, "width": 30}},
    {"seal": "issuer", "width": 40},
    {"space": 3},
    {"page_break": true}
  ]
})json";

TEST(Template, becomes_the_document_with_its_places_filled) {
  const Document made = fill(parse_json(kTemplate).value(), kData, 7).value();
  EXPECT_EQ(made.title, "联单 2026-1");
  EXPECT_EQ(made.created_ms, 7);
  EXPECT_EQ(made.paper.left, 30);
  EXPECT_EQ(made.paper.right, 22);
  EXPECT_EQ(made.header[2], "甲 {{page}} {{{{x}}}}{{}}");  // a value is no place
  EXPECT_EQ(made.footer[1], "第 {page} 页，共 {pages} 页");
  ASSERT_EQ(made.blocks.size(), 9u);
  EXPECT_EQ(std::get<Heading>(made.blocks[0].what).text, "转移联单 2026-1");
  EXPECT_EQ(std::get<Heading>(made.blocks[0].what).level, 0);
  const auto& paragraph = std::get<Paragraph>(made.blocks[1].what);
  EXPECT_EQ(paragraph.text, "{甲 {page} {{x}}}");
  EXPECT_TRUE(paragraph.align == Align::centre && paragraph.size == 9 && paragraph.strong &&
              paragraph.indent == 2);
  EXPECT_EQ(std::get<Fields>(made.blocks[2].what).pairs, 3);
  const auto& table = std::get<Table>(made.blocks[3].what);
  EXPECT_EQ(table.columns[1].title, "数量 2026-1");
  EXPECT_EQ(table.rows, (std::vector<std::vector<std::string>>{{"废酸", "1.5 t"}, {"{废渣}", "2 t"}}));
  EXPECT_EQ(std::get<Image>(made.blocks[4].what).png, (Bytes{1, 2, 3}));
  EXPECT_EQ(std::get<QrCode>(made.blocks[5].what).text, "https://verify.example/1");
  EXPECT_EQ(made.blocks[5].at->x, 150);
  EXPECT_EQ(std::get<Seal>(made.blocks[6].what).width, 40);

  Document on_paper = made;
  on_paper.blocks.erase(on_paper.blocks.begin() + 4);  // the picture is none
  const Layout layout = lay_out(on_paper, fonts()).value();
  EXPECT_EQ(layout.pages.size(), 2u);
}

TEST(Template, the_one_in_the_documentation_can_be_filled) {
  const std::string text =
      to_string(read_file(fs::path(CHENGXIN_SOURCE_DIR) / "docs/document-templates.md", 1 << 20).value());
  const size_t from = text.find("```json") + 7;
  const FillText any = [](std::string_view place) -> Result<std::string> { return std::string(place); };
  Data data{.text = any,
            .rows = [&](std::string_view) -> Result<std::vector<FillText>> { return std::vector{any}; },
            .image = nullptr};
  const auto made = fill(parse_json(text.substr(from, text.find("```", from) - from)).value(), data, 0);
  EXPECT_EQ(reason_of(made), "fine");
  EXPECT_EQ(reason_of(lay_out(*made, fonts())), "fine");
}

TEST(Template, mistakes_are_named_with_their_place) {
  struct Case {
    std::string_view path, value, where;
  };
  for (const Case& each : std::initializer_list<Case>{
           {"/titel", "1", "template.titel: there is no such member here"},
           {"/title", "1", "template.title: not a text"},
           {"/title", "\"{\"", "template.title: byte 0"},
           {"/title", "\"{}\"", "template.title: byte 0"},
           {"/title", "\"a}\"", "template.title: byte 1"},
           {"/paper/left", "\"a\"", "template.paper.left: not a number"},
           {"/paper/depth", "1", "template.paper.depth: there is no such member here"},
           {"/header/middle", "\"\"", "template.header.middle: there is no such member here"},
           {"/blocks", "{}", "template.blocks: a list is wanted"},
           {"/blocks/0", "[]", "template.blocks[0]: not an object"},
           {"/blocks/0", "{}", "template.blocks[0]: no heading, paragraph"},
           {"/blocks/0/level", "1.5", "template.blocks[0].level: not a whole number"},
           {"/blocks/0/level", "-1", "template.blocks[0].level: not a whole number"},
           {"/blocks/0/paragraph", "\"\"", "template.blocks[0].paragraph: there is no such member here"},
           {"/blocks/1/align", "\"middle\"", "template.blocks[1].align: neither left, centre nor right"},
           {"/blocks/1/strong", "1", "template.blocks[1].strong: neither true nor false"},
           {"/blocks/2/fields/0/value", "1",
            "template.blocks[2].fields[0].value: there is no such member here"},
           {"/blocks/3/columns/1/text", "\"{\"", "template.blocks[3].columns[1]: byte 0"},
           {"/blocks/5/at/z", "1", "template.blocks[5].at.z: there is no such member here"},
           {"/blocks/8/page_break", "false", "template.blocks[8].page_break: true is wanted"}}) {
    Json bent = parse_json(kTemplate).value();
    bent[Json::json_pointer(std::string(each.path))] = Json::parse(each.value);
    const auto made = fill(bent, kData, 0);
    ASSERT_EQ(reason_of(made), "document.template") << each.path;
    EXPECT_TRUE(made.error().detail.starts_with(each.where)) << made.error().detail;
  }
  EXPECT_EQ(reason_of(fill(Json::array(), kData, 0)), "document.template");
  EXPECT_EQ(reason_of(fill(Json::object(), kData, 0)), "document.template");
}

TEST(Template, what_the_caller_does_not_know_is_its_own_error) {
  const auto reason = [](std::string_view path, std::string_view value) {
    Json bent = parse_json(kTemplate).value();
    bent[Json::json_pointer(std::string(path))] = value;
    return reason_of(fill(bent, kData, 0));
  };
  EXPECT_EQ(reason("/title", "{nobody}"), "test.unknown_place");
  EXPECT_EQ(reason("/title", "{page}"), "test.unknown_place");
  EXPECT_EQ(reason("/blocks/3/table", "others"), "test.unknown_list");
  EXPECT_EQ(reason("/blocks/3/columns/0/text", "{number}"),
            "test.unknown_place");  // of the row, not of the document
}

}  // namespace
}  // namespace chengxin::document
