#include <random>

#include "record/rig_for_tests.h"

// What is found by its words, on both databases, against a plain look into the texts.
namespace chengxin::record {
namespace {

using Ids = std::vector<std::string>;
const Person kClerk{"u1", "", "", "", {}, {"clerk"}};
const Person kGuest{"u2", "", "", "", {}, {"guest"}};
const Person kBoth{"u3", "", "", "", {}, {"clerk", "guest"}};

constexpr std::string_view kView = "view: rooms\ntitle: 房\nlist: room\ncolumns: [name]\nsearch: [{}]\n";
constexpr std::string_view kRoom =
    "fields:\n  name: text\n  note: {text: long, longest: 20000}\n  floor: whole\n"
    "access:\n  clerk: {read: all, create: true, change: all, delete: all}\n"
    "  guest: {read: all, hide: [note]}\n";

class WordsTest : public RecordsOnEachDatabase {
 protected:
  Report rooms(const std::string& version, const std::string& searched, std::string_view room = kRoom) {
    Content others;
    if (!searched.empty()) others["views/rooms.yaml"] = fmt::format(fmt::runtime(kView), searched);
    return apply(house(version, {{"room", std::string(room)}}, others));
  }
  void add(const std::string& id, const std::string& name, const std::string& note) {
    ASSERT_EQ(reason(create(kClerk, "room", {{"name", name}, {"note", note}}, id)), "");
  }
  Ids found(const std::string& words, const Person& person = kClerk) {
    ListQuery query;
    query.view = "rooms";
    query.search = words;
    query.limit = 7;
    Ids out = list(person, "room", query);
    std::sort(out.begin(), out.end());
    return out;
  }
};
INSTANTIATE_ON_EACH_DATABASE(WordsTest);

TEST_P(WordsTest, WordsAndCharactersAreFound) {
  rooms("1.0.0", "name, note");
  add("a", "危险废物 A-12", "存放于 Building7，地下二层");
  add("b", "废物", "无危，险情");
  add("c", "building ７", "𠮷野");
  EXPECT_EQ(found("危险"), (Ids{"a"})) << "a comma stands between them in b";
  EXPECT_EQ(found("废物"), (Ids{"a", "b"}));
  EXPECT_EQ(found("危险废物"), (Ids{"a"}));
  EXPECT_EQ(found("危废"), (Ids{}));
  EXPECT_EQ(found("危"), (Ids{"a", "b"}));
  EXPECT_EQ(found("物"), (Ids{"a", "b"})) << "the last of a run";
  EXPECT_EQ(found("𠮷"), (Ids{"c"}));
  EXPECT_EQ(found("野"), (Ids{"c"}));
  EXPECT_EQ(found("BUILDING7"), (Ids{"a"}));
  EXPECT_EQ(found("ｂuilding"), (Ids{"c"})) << "words are whole; full width is the same";
  EXPECT_EQ(found("7"), (Ids{"c"}));
  EXPECT_EQ(found("12 地下"), (Ids{"a"})) << "each word somewhere";
  EXPECT_EQ(found("12 无危"), (Ids{}));
  EXPECT_EQ(found("地下二层building7"), (Ids{"a"}));
  EXPECT_EQ(found("\" OR * ' & | :* --"), (Ids{})) << "an operator is a word";
  EXPECT_EQ(found("，。!"), (Ids{"record.search_words: ，。!"}));
}

TEST_P(WordsTest, TheIndexFollowsTheRecords) {
  rooms("1.0.0", "note");
  add("a", "甲", "旧的说明");
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"note", "新的说明"}}, 1)), "");
  EXPECT_EQ(found("旧的"), (Ids{}));
  EXPECT_EQ(found("新的"), (Ids{"a"}));
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"name", "乙"}}, 2)), "");
  EXPECT_EQ(found("新的"), (Ids{"a"}));
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"note", nullptr}}, 3)), "");
  EXPECT_EQ(found("新的"), (Ids{}));
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"note", "又是新的"}}, 4)), "");
  EXPECT_EQ(found("新的"), (Ids{"a"}));
  EXPECT_EQ(remove(kClerk, "room", "a", 5), "");
  EXPECT_EQ(found("新的"), (Ids{}));
}

TEST_P(WordsTest, AVersionThatSearchesOtherFieldsIndexesThem) {
  rooms("1.0.0", "");
  add("a", "甲楼", "说明");
  EXPECT_EQ(found("甲楼"), (Ids{"record.view_unknown: rooms"}));
  Report report = rooms("1.1.0", "name");
  ASSERT_EQ(report.steps.size(), 1u);
  EXPECT_EQ(report.steps[0].kind, "search");
  EXPECT_EQ(report.steps[0].rows, 1);
  EXPECT_EQ(found("甲楼"), (Ids{"a"}));
  EXPECT_EQ(found("说明"), (Ids{}));
  EXPECT_EQ(rooms("1.2.0", "note, name").steps.size(), 1u);
  EXPECT_EQ(found("说明"), (Ids{"a"}));
  EXPECT_TRUE(rooms("1.3.0", "name, note").steps.empty()) << "the same fields";
  const auto computed =
      rooms("1.4.0", "name, note",
            "fields:\n  name: {text: line, value: \"'新楼'\"}\n  note: {text: long, longest: "
            "20000}\n  floor: whole\naccess:\n  clerk: {read: all, create: true}\n");
  EXPECT_EQ(computed.steps.back().kind, "search");
  EXPECT_EQ(found("新楼"), (Ids{"a"}));
  rooms("1.5.0", "");
  rooms("1.6.0", "name");
  EXPECT_EQ(found("甲楼"), (Ids{}));
  EXPECT_EQ(found("新楼"), (Ids{"a"})) << "computed once, it stays";
}

TEST_P(WordsTest, NobodyFindsByWhatHeDoesNotSee) {
  rooms("1.0.0", "name, note");
  add("a", "甲楼", "秘密通道");
  EXPECT_EQ(found("通道"), (Ids{"a"}));
  EXPECT_EQ(found("通道", kGuest), (Ids{}));
  EXPECT_EQ(found("甲楼", kGuest), (Ids{"a"}));
  EXPECT_EQ(found("通道", kBoth), (Ids{})) << "a role through which he sees the record hides it";
  rooms("1.1.0", "note");
  EXPECT_EQ(found("甲楼", kGuest), (Ids{"record.field_hidden: rooms"}));
  ListQuery no_view;
  no_view.search = "甲楼";
  EXPECT_EQ(list(kClerk, "room", no_view), (Ids{"record.search_unknown: "}));
}

// Each run of characters that are looked for stands in the text as it is; words of letters stand apart.
bool has(const std::string& text, const std::string& asked) {
  const bool letters = uint8_t(asked[0]) < 0x80;
  for (size_t at = text.find(asked); at != text.npos; at = text.find(asked, at + 1)) {
    const auto is_letter = [&](size_t i) { return i < text.size() && std::isalnum(uint8_t(text[i])); };
    if (!letters || (!(at > 0 && is_letter(at - 1)) && !is_letter(at + asked.size()))) return true;
  }
  return false;
}

TEST_P(WordsTest, RandomTextsAreFoundAsAPlainLookFindsThem) {
  rooms("1.0.0", "name, note");
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  const Ids alphabet{"危", "险", "废", "物", "a", "b", "7", " ", "，", "-"};
  const auto text = [&](size_t most) {
    std::string out;
    for (size_t i = 0, end = random() % most; i < end; ++i) out += alphabet[random() % alphabet.size()];
    return out;
  };
  std::map<std::string, std::pair<std::string, std::string>> texts;
  // More than are sorted at once, so that both ways of SQLite are taken.
  const size_t count = 10'300;
  const Status made = installation->work([&](sql::Session& session, const Work::Means& means) -> Status {
    texts.clear();
    const Rows rows((*means.catalogue.model("room"))->layout, means.vault, session);
    std::vector<Stored> all(count);
    for (size_t i = 0; i < count; ++i) {
      all[i].id = fmt::format("r{:05}", i);
      all[i].created_ms = int64_t(random() % 1000);
      const auto& [name, note] = texts[all[i].id] = {text(8), text(20) + (i % 100 ? "，废" : "")};
      all[i].fields = {{"name", name}, {"note", note}};
    }
    return rows.insert(all);
  });
  ASSERT_OK(made);
  Ids questions{"废", "废 危险"};
  for (int i = 0; i < 40; ++i) {
    std::string asked;
    for (size_t k = 0, end = 1 + random() % 4; k < end; ++k) asked += alphabet[random() % 4];
    if (i % 3 == 0) asked += fmt::format(" {}", i % 2 ? "a" : "b7");
    questions.push_back(asked);
  }
  for (const std::string& asked : questions) {
    Ids expected, parts;
    for (std::string_view rest = asked; !rest.empty();) {
      const size_t space = std::min(rest.find(' '), rest.size());
      parts.emplace_back(rest.substr(0, space));
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
    for (const auto& [id, both] : texts)
      if (std::all_of(parts.begin(), parts.end(), [&, &both = both](const std::string& part) {
            return has(both.first, part) || has(both.second, part);
          }))
        expected.push_back(id);
    ListQuery query;
    query.view = "rooms";
    query.search = asked;
    query.limit = 500;
    Ids got = list(kClerk, "room", query);
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, expected) << asked;
  }
}

TEST_P(WordsTest, WhatIsEncryptedIsNeverSearched) {
  const Bytes sealed = house("1.0.0",
                             {{"room",
                               "fields:\n  name: {text: line, sensitivity: personal}\n  floor: whole\n"
                               "access: {clerk: {read: all}}\n"}},
                             {{"views/rooms.yaml", fmt::format(fmt::runtime(kView), "name")}});
  EXPECT_NE(refused(sealed).find("pack.search_sensitive"), std::string::npos) << refused(sealed);
  const Bytes whole = house(
      "1.0.0", {{"room", "fields:\n  floor: whole\naccess: {clerk: {read: all}}\n"}},
      {{"views/rooms.yaml", "view: rooms\ntitle: 房\nlist: room\ncolumns: [floor]\nsearch: [floor]\n"}});
  EXPECT_NE(refused(whole).find("pack.search_kind"), std::string::npos) << refused(whole);
}

}  // namespace
}  // namespace chengxin::record
