#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "pack/create.h"
#include "pack/diff.h"
#include "pack/rig_for_tests.h"
#include "texts/texts.h"

namespace chengxin::pack {
namespace {

Content small() {
  return {{"pack.yaml",
           "pack: town\nversion: 1.0.0\ntitle: 镇\nengine: '>=1.0'\n"
           "roles: {clerk: 职员, head: 主任}\nchains: {main: 主链}\n"},
          {"dictionaries/colour.yaml", "dictionary: colour\ntitle: 颜色\ncodes: {red: 红, green: 绿}\n"},
          {"entities/house.yaml",
           "entity: house\ntitle: 房屋\nowner: creator\nfields:\n"
           "  street: {text: line, required: true}\n"
           "  colour: {dictionary: colour}\n"
           "  floors: {whole: true, min: 1, max: 90}\n"
           "access:\n  clerk: {read: all}\n"}};
}

Told after(const std::string& path, std::string_view what, std::string_view with) {
  Content content = small();
  std::string& text = content[path];
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), with);
  const std::vector<Files> packs{files_of(content)};
  return told(check(packs).findings);
}
Told house(std::string_view what, std::string_view with) { return after("entities/house.yaml", what, with); }
Told alone(const std::string& text) {
  Source source{.file = "f", .text = text, .root = {}};
  Findings findings;
  parse_yaml(source, findings);
  return told(findings);
}

TEST(Reader, KeepsThePlaceOfEachPart) {
  Source source{.file = "f", .text = "甲: 1\nlist:\n  - 乙: 'x'\n    c: {d: e}\n", .root = {}};
  Findings findings;
  ASSERT_TRUE(parse_yaml(source, findings));
  const Node& item = source.root.find("list")->items.at(0);
  EXPECT_EQ(source.root.find("甲")->at, (Place{1, 4}));
  EXPECT_EQ(item.members.at(0).at, (Place{3, 5}));
  EXPECT_EQ(item.find("乙")->at, (Place{3, 8}));
  EXPECT_TRUE(item.find("乙")->quoted);
  EXPECT_EQ(item.find("c")->find("d")->at, (Place{4, 12}));
}

TEST(Reader, RefusesWhatAPackMayNotHold) {
  EXPECT_EQ(alone("a: 1\nb: \xff\n"), Told{"pack.not_utf8 f:2:4"});
  EXPECT_EQ(alone("a: \xc0\xaf\n"), Told{"pack.not_utf8 f:1:4"});
  EXPECT_EQ(alone("a: x\x01y\n"), Told{"pack.control_character f:1:5"});
  EXPECT_EQ(alone("\xef\xbb\xbf"
                  "a: 1\n"),
            Told{"pack.control_character f:1:1"});
  EXPECT_EQ(alone("a: 中\u202e文\n"), Told{"pack.control_character f:1:5"});
  EXPECT_EQ(alone("a: \"x\\u202ey\"\n"), Told{"pack.control_character f:1:4"});
  EXPECT_EQ(alone("a: 1\rb: 2\n"), Told{"pack.control_character f:1:5"});
  EXPECT_EQ(alone("a: 1\r\nb: 2\r\n"), Told{});
  EXPECT_EQ(alone("a: caf\u00e9\n"), Told{});
  EXPECT_EQ(alone("a: cafe\u0301\n"), Told{"pack.not_nfc f:1:8"});
  EXPECT_EQ(alone("a: \uf900\n"), Told{"pack.not_nfc f:1:4"}) << "an ideograph that is another one in NFC";
  EXPECT_EQ(alone("a: &x 1\nb: *x\n"), (Told{"pack.yaml_alias f:1:4", "pack.yaml_alias f:2:4"}));
  EXPECT_EQ(alone("a: {<<: {b: 1}}\n"), Told{"pack.yaml_key f:1:5"});
  EXPECT_EQ(alone("{a: 1}: 2\n"), Told{"pack.yaml_key f:1:1"});
  EXPECT_EQ(alone("a: !!str 1\nb: !x {}\n"), (Told{"pack.yaml_tag f:1:4", "pack.yaml_tag f:2:4"}));
  EXPECT_EQ(alone("a: 1\nb: 2\na: 3\n"), Told{"pack.yaml_duplicate f:3:1"});
  EXPECT_EQ(alone("a: 1\n---\nb: 2\n"), Told{"pack.yaml_documents f:2:1"});
  EXPECT_EQ(alone("a: [1\nb: 2\n").size(), 1u);
  EXPECT_FALSE(alone("a: 1\n]\n").empty());
  EXPECT_EQ(alone("# nothing\n"), Told{"pack.empty f:1:1"});
  EXPECT_EQ(alone("a: " + std::string(31, '[') + std::string(31, ']') + "\n"), Told{});
  EXPECT_EQ(alone("a: " + std::string(32, '[') + std::string(32, ']') + "\n"),
            Told{"pack.yaml_depth f:1:35"});
  EXPECT_EQ(alone(std::string(200'000, '[')).size(), 2u) << "too deep, and not closed";
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) bomb += fmt::format("a{}: &a{} [*a{}, *a{}]\n", i, i, i - 1, i - 1);
  EXPECT_FALSE(alone(bomb).empty()) << "what would be 2^40 texts";
}

TEST(Reader, FindsPlacesWithinTexts) {
  Source source{
      .file = "f",
      .text = "a: it.x + y\nb: 'it''s y'\nc: \"甲\\u4e2d y\"\nd: |\n  one\n    y\ne: >-\n  one\n  y\n",
      .root = {}};
  Findings findings;
  ASSERT_TRUE(parse_yaml(source, findings));
  const auto place = [&](std::string_view name) {
    const Node& node = *source.root.find(name);
    return place_within(source, node, node.text.find('y'));
  };
  EXPECT_EQ(place("a"), (Place{1, 11}));
  EXPECT_EQ(place("b"), (Place{2, 11}));
  EXPECT_EQ(place("c"), (Place{3, 13}));
  EXPECT_EQ(place("d"), (Place{6, 5}));
  EXPECT_EQ(place("e"), (Place{9, 3}));
}

TEST(Values, AreExact) {
  EXPECT_EQ(parse_decimal("-12.340")->scaled, -12340);
  for (const char* bad : {"", "1e3", "01", "+1", ".5", "1.", "0x1", "1_000", "1234567890123456789"})
    EXPECT_FALSE(parse_decimal(bad)) << bad;
  EXPECT_TRUE(less(*parse_decimal("0.1"), *parse_decimal("0.10000000000000001")));
  EXPECT_FALSE(less(*parse_decimal("1"), *parse_decimal("1.0")));
  EXPECT_TRUE(is_date("2024-02-29"));
  EXPECT_FALSE(is_date("2025-02-29"));
  EXPECT_FALSE(is_date("1900-02-29"));
  EXPECT_TRUE(*within_range({1, 4, 0}, "1.2"));
  EXPECT_FALSE(*within_range({2, 0, 0}, "1.2"));
  EXPECT_FALSE(*within_range({2, 0, 0}, ">=1 <2"));
  EXPECT_FALSE(within_range({1, 0, 0}, ">= 1"));
}

TEST(Grammar, NamesEachMistakeAndItsMend) {
  const std::vector<Files> good{files_of(small())};
  EXPECT_EQ(told(check(good).findings), Told{});
  EXPECT_EQ(after("pack.yaml", "title: 镇", "titel: 镇"),
            (Told{"pack.member_missing p/pack.yaml:1:1", "pack.member_unknown p/pack.yaml:3:1 > title"}));
  EXPECT_EQ(after("pack.yaml", "1.0.0", "1.0"), Told{"pack.version p/pack.yaml:2:10 > 1.0.0"});
  EXPECT_EQ(after("pack.yaml", ">=1.0", ">= 1.0"), Told{"pack.version p/pack.yaml:4:9 > >=1.0 <2"});
  EXPECT_EQ(after("pack.yaml", ">=1.0", ">=7"), Told{"pack.engine p/pack.yaml:4:9"});
  EXPECT_EQ(after("pack.yaml", "pack: town", "pack: Town"), Told{"pack.name p/pack.yaml:1:7 > a_name"});
  EXPECT_EQ(house("text: line", "text: lin"), Told{"pack.choice p/entities/house.yaml:5:18 > line"});
  EXPECT_EQ(house("required: true", "required: yes"),
            Told{"pack.choice p/entities/house.yaml:5:34 > true | false"});
  EXPECT_EQ(house("required: true", "required: 'true'"),
            Told{"pack.choice p/entities/house.yaml:5:34 > true | false"});
  EXPECT_EQ(house("{whole: true, min: 1, max: 90}", "hole"),
            Told{"pack.choice p/entities/house.yaml:7:11 > whole"});
  EXPECT_EQ(house("whole: true, ", "whole: true, flag: true, "),
            Told{"pack.member_twice p/entities/house.yaml:7:25"});
  EXPECT_EQ(house("text: line, ", "text: line, unit: m, "),
            Told{"pack.member_alone p/entities/house.yaml:5:24"});
  EXPECT_EQ(house("  street:", "  in:"), Told{"pack.name_reserved p/entities/house.yaml:5:3 > in_"});
  EXPECT_EQ(house("{dictionary: colour}", "[colour]").at(0).substr(0, 46),
            "pack.kind_wrong p/entities/house.yaml:6:11 > t");
  EXPECT_EQ(house("  colour: {dictionary: colour}", "  colour:").at(0).substr(0, 15), "pack.kind_wrong");
  EXPECT_EQ(after("dictionaries/colour.yaml", "{red: 红, green: 绿}", "{}"),
            Told{"pack.empty_list p/dictionaries/colour.yaml:3:8"});
  EXPECT_EQ(after("dictionaries/colour.yaml", "title: 颜色", "title: 颜色\nuntil: 2025-02-29"),
            Told{"pack.date p/dictionaries/colour.yaml:3:8 > 2025-01-31"});
}

TEST(Links, AreFollowed) {
  EXPECT_EQ(house("dictionary: colour", "dictionary: color"),
            Told{"pack.dictionary_unknown p/entities/house.yaml:6:24 > colour"});
  EXPECT_EQ(house("dictionary: colour", "tree: colour"),
            Told{"pack.not_a_tree p/entities/house.yaml:6:18 > dictionary: colour"});
  EXPECT_EQ(house("dictionary: colour", "ref: hous"),
            Told{"pack.entity_unknown p/entities/house.yaml:6:17 > house"});
  EXPECT_EQ(house("dictionary: colour", "dictionary: colour, default: gren"),
            Told{"pack.code_unknown p/entities/house.yaml:6:41 > green"});
  EXPECT_EQ(house("clerk", "clark"), Told{"pack.role_unknown p/entities/house.yaml:9:3 > clerk"});
  EXPECT_EQ(house("read: all", "read: all, hide: [stret]"),
            Told{"pack.field_unknown p/entities/house.yaml:9:29 > street"});
  EXPECT_EQ(house("read: all", "change: all"),
            Told{"pack.access_blind p/entities/house.yaml:9:19 > read: …"});
  EXPECT_EQ(house("owner: creator", "owner: street"), Told{"pack.owner p/entities/house.yaml:3:8"});
  EXPECT_EQ(house("owner: creator", "label: street").size(), 0u);
  EXPECT_EQ(house("owner: creator\n", "label: street\nchain: {on: mian, record: digest}\n"),
            Told{"pack.chain_unknown p/entities/house.yaml:4:13 > main"});
  EXPECT_EQ(house("min: 1", "min: 91"), Told{"pack.limits p/entities/house.yaml:7:39"});
  EXPECT_EQ(house("min: 1", "default: 1.5"), Told{"pack.number p/entities/house.yaml:7:34"});
  EXPECT_EQ(house("required: true", "chain: digest"),
            Told{"pack.chain_missing p/entities/house.yaml:5:31 > chain: {on: …, record: …}"});
  EXPECT_EQ(house("required: true", "search: equal"),
            Told{"pack.search_plain p/entities/house.yaml:5:32 > sensitivity: personal"});
  EXPECT_EQ(
      house("required: true}", "sensitivity: secret, chain: full}\nchain: {on: main, record: none}").size(),
      1u);
  EXPECT_EQ(house("owner: creator", "number: '{year}{seral:3}'"),
            Told{"pack.number_rule p/entities/house.yaml:3:9 > serial"});
  EXPECT_EQ(house("owner: creator", "number: 'A{year}'"),
            Told{"pack.number_rule p/entities/house.yaml:3:9 > {year}{serial:6}"});
  EXPECT_EQ(house("owner: creator", "states: {a: {zh: A, to: [bb]}, b: B}"),
            (Told{"pack.state_unknown p/entities/house.yaml:3:26 > b",
                  "pack.state_unreached p/entities/house.yaml:3:32"}));
  EXPECT_EQ(house("whole: true, min: 1, max: 90", "whole: true, required: true, value: '1'"),
            Told{"pack.computed p/entities/house.yaml:7:35"});
}

TEST(Links, RulesAreCompiledWhereTheyStand) {
  EXPECT_EQ(house("read: all", "read: \"it.colour == 'red' && it.flors > 2\""),
            Told{"rules.type_field p/entities/house.yaml:9:42 > floors"});
  EXPECT_EQ(house("read: all", "read: \"itt.floors > 2\""),
            Told{"rules.type_variable p/entities/house.yaml:9:18 > it"});
  EXPECT_EQ(house("read: all", "read: \"it.floors >\"").at(0).substr(0, 11), "rule.syntax");
  EXPECT_EQ(house("read: all", "read: \"floor(it.floors) > 1\""),
            Told{"rule.unknown_function p/entities/house.yaml:9:23"});
  EXPECT_EQ(
      house("whole: true, min: 1, max: 90",
            "whole: true, value: it.rooms}\n  rooms: {whole: true, value: it.floors"),
      (Told{"pack.value_cycle p/entities/house.yaml:7:32", "pack.value_cycle p/entities/house.yaml:8:31"}));
  EXPECT_EQ(house("owner: creator", "checks: [{rule: 'has(it.floors)', reason: town.low, zh: 低}]"), Told{});
  EXPECT_EQ(house("owner: creator", "checks: [{rule: 'has(it.floors)', reason: low}]"),
            (Told{"pack.reason_prefix p/entities/house.yaml:3:43 > town.low",
                  "pack.text_missing p/entities/house.yaml:3:43 > zh: …"}));
  EXPECT_EQ(
      house("owner: creator", "checks: [{rule: 'it.floors > 1', reason: town.low, zh: 低}]"),
      Told{"rules.type_null p/entities/house.yaml:3:20 > has(it.floors) && …, or it.floors.orValue(…)"});
  EXPECT_EQ(house("owner: creator", "checks: [{rule: size(it.street), reason: town.low, zh: 低}]"),
            Told{"rules.type_result p/entities/house.yaml:3:21"});
  EXPECT_EQ(house("owner: creator", "checks: [{rule: it.colour == 'rad', reason: town.low, zh: 低}]"),
            Told{"rules.type_code p/entities/house.yaml:3:27 > red"});
  EXPECT_EQ(house("floors: {whole: true, min: 1, max: 90}", "floors: {whole: true, value: it.street}"),
            Told{"rules.type_result p/entities/house.yaml:7:34"});
}

// What chooses rows becomes SQL, and is refused here if it cannot.
TEST(Links, FiltersHaveAFormInSql) {
  EXPECT_EQ(house("read: all", "read: \"it.street.startsWith(me.region) && has(it.colour)\""), Told{});
  EXPECT_EQ(house("read: all", "read: \"it.street.matches('^[a-z]')\""),
            Told{"rules.sql_function p/entities/house.yaml:9:35"});
  EXPECT_EQ(
      house("owner: creator", "checks: [{rule: \"it.street.matches('^[a-z]')\", reason: town.low, zh: 低}]"),
      Told{})
      << "of one record";
  EXPECT_EQ(house("owner: creator", "sensitivity: personal").size(), 0u);
  const auto encrypted = [](const std::string& rule) {
    Content content = small();
    std::string& text = content["entities/house.yaml"];
    text.replace(text.find("required: true"), 14, "required: true, sensitivity: personal");
    text.replace(text.find("read: all"), 9, "read: \"" + rule + "\"");
    content["views/v.yaml"] = "view: v\ntitle: V\nlist: house\ncolumns: [colour]\nwhere: \"" + rule + "\"\n";
    const std::vector<Files> packs{files_of(content)};
    return told(check(packs).findings);
  };
  EXPECT_EQ(encrypted("it.street == me.region"),
            (Told{"pack.rule_column p/entities/house.yaml:9:20", "pack.rule_column p/views/v.yaml:5:11"}));
  EXPECT_EQ(encrypted("it.id == me.organisation"), Told{});
}

TEST(Links, DecisionsAndViews) {
  const auto found = [](const std::string& path, const std::string& text) {
    Content content = small();
    content[path] = text;
    const std::vector<Files> packs{files_of(content)};
    return told(check(packs).findings);
  };
  const std::string table = "decision: d\ntitle: D\nfor: house\ngives: [yes, no]\nrows:\n";
  EXPECT_EQ(found("rules/d.yaml", table + "  - {when: has(it.floors), then: yes}\n  - {then: no}\n"), Told{});
  EXPECT_EQ(found("rules/d.yaml", table + "  - {then: no}\n  - {when: has(it.floors), then: yes}\n"),
            Told{"pack.row_unreached p/rules/d.yaml:7:5"});
  EXPECT_EQ(found("rules/d.yaml", table + "  - {when: it.flors > 2, then: yess}\n"),
            (Told{"rules.type_field p/rules/d.yaml:6:14 > floors",
                  "pack.outcome_unknown p/rules/d.yaml:6:32 > yes"}));
  EXPECT_EQ(found("rules/d.yaml", table + "  - {then: no, from: 2025-02-01, until: 2025-01-31}\n"),
            Told{"pack.dates p/rules/d.yaml:6:41"});
  EXPECT_EQ(found("views/v.yaml", "view: v\ntitle: V\nlist: house\ncolumns: [street, state]\nsections: []\n"),
            (Told{"pack.field_unknown p/views/v.yaml:4:19", "pack.member_alone p/views/v.yaml:5:1",
                  "pack.empty_list p/views/v.yaml:5:11"}));
}

TEST(Links, Processes) {
  const auto found = [](const std::string& steps) {
    Content content = small();
    std::string& house = content["entities/house.yaml"];
    house += "states: {open: {zh: 开, to: [shut]}, shut: 关}\n";
    content["rules/d.yaml"] = "decision: d\ntitle: D\nfor: house\ngives: [good, bad]\nrows: [{then: good}]\n";
    content["processes/p.yaml"] = "process: p\ntitle: P\nfor: house\nstart: [clerk]\nsteps:\n" + steps;
    const std::vector<Files> packs{files_of(content)};
    Told out;
    for (const std::string& each : told(check(packs).findings))
      out.push_back(std::string(each).replace(each.find(" p/processes/p.yaml"), 19, ""));
    return out;
  };
  const std::string good =
      "  look: {zh: 看, by: clerk, within: 3 workdays, on_late: escalate, escalate_to: head}\n"
      "  judge: {zh: 判, decide: d, to: {good: close, bad: look}}\n"
      "  close: {zh: 结, all_of: [head, starter], state: shut, back: [look]}\n";
  const auto with = [&](std::string_view what, std::string_view by) {
    std::string steps = good;
    return found(steps.replace(steps.find(what), what.size(), by));
  };
  EXPECT_EQ(found(good), Told{});
  EXPECT_EQ(with("by: clerk", "by: clark"), Told{"pack.person_unknown:6:21 > clerk"});
  EXPECT_EQ(with("3 workdays", "3 fortnights"), Told{"pack.duration:6:36 > 3 workdays"});
  EXPECT_EQ(with("within: 3 workdays, ", ""), Told{"pack.member_alone:6:28"});
  EXPECT_EQ(with("good: close, ", "").at(1), "pack.outcomes:7:33 > good: …");
  EXPECT_EQ(with("bad: look", "bad: lok"), Told{"pack.step_unknown:7:52 > look"});
  EXPECT_EQ(with("bad: look", "poor: look, bad: look"), Told{"pack.outcome_unknown:7:47"});
  EXPECT_EQ(with("decide: d", "decide: e").at(1), "pack.decision_unknown:7:26 > d");
  EXPECT_EQ(with("state: shut", "state: shutt"), Told{"pack.state_unknown:8:50 > shut"});
  EXPECT_EQ(with("back: [look]", "to: look"), Told{"pack.no_end:6:3 > to: end"});
  EXPECT_EQ(with("good: close", "good: look"),
            (Told{"pack.no_end:6:3 > to: end", "pack.step_unreached:8:3"}));
  EXPECT_EQ(with("by: clerk", "fork: [judge]").at(0), "pack.member_missing:6:23");
  EXPECT_EQ(found("  a: {zh: A, fork: [b, c], join: d}\n  b: {zh: B, by: clerk, to: d}\n"
                  "  c: {zh: C, wait: 2 days}\n  d: {zh: D, by: head}\n"),
            Told{});
  const std::string nested =
      "  a: {zh: A, fork: [b, c], join: f}\n  b: {zh: B, fork: [d, e], join: c}\n"
      "  d: {zh: D, by: head, to: c}\n  e: {zh: E, by: head, to: c, back: [a]}\n"
      "  c: {zh: C, by: clerk, to: f}\n  f: {zh: F, by: clerk}\n";
  EXPECT_EQ(found(nested), Told{});
  const auto bent = [&](std::string_view what, std::string_view by) {
    std::string steps = nested;
    return found(steps.replace(steps.find(what), what.size(), by));
  };
  EXPECT_EQ(bent("c: {zh: C, by: clerk, to: f}", "c: {zh: C, by: clerk, to: end}"),
            (Told{"pack.branch_ends:6:21 > to: f", "pack.branch_ends:6:24 > to: f"}));
  EXPECT_EQ(bent("e: {zh: E, by: head, to: c", "e: {zh: E, by: head, to: f"),
            Told{"pack.branch_ends:7:24 > to: c"})
      << "past the join of the fork that it is of";
}

TEST(Links, Calendars) {
  const auto found = [](const std::string& days) {
    Content content = small();
    content["calendars/c.yaml"] = "calendar: c\ntitle: C\ndays:\n" + days;
    content["processes/p.yaml"] =
        "process: p\ntitle: P\nfor: house\nstart: [clerk]\nsteps: {a: {zh: A, by: clerk}}\ncalendar: c\n";
    const std::vector<Files> packs{files_of(content)};
    return told(check(packs).findings);
  };
  EXPECT_EQ(found("  - {off: 2025-10-01, until: 2025-10-08, zh: 国庆}\n  - {work: 2025-10-11, zh: 调休}\n"),
            Told{});
  EXPECT_EQ(found("  - {off: 2025-10-08, until: 2025-10-01, zh: 国庆}\n"),
            Told{"pack.dates p/calendars/c.yaml:4:30"});
  EXPECT_EQ(found("  - {off: 2025-10-01, until: 2025-10-08, zh: 国庆}\n  - {work: 2025-10-08, zh: 调休}\n"),
            Told{"pack.day_twice p/calendars/c.yaml:5:12"});
  EXPECT_EQ(found("  - {work: 2025-10-11, until: 2025-10-12, zh: 调休}\n"),
            Told{"pack.member_alone p/calendars/c.yaml:4:24"});
  EXPECT_EQ(found("  - {off: 2025-10-32, zh: 国庆}\n"),
            Told{"pack.date p/calendars/c.yaml:4:11 > 2025-01-31"});
  EXPECT_EQ(found("  - {off: 2025-10-01, work: 2025-10-02, zh: 国庆}\n"),
            Told{"pack.member_twice p/calendars/c.yaml:4:23"});
  Content content = small();
  content["processes/p.yaml"] =
      "process: p\ntitle: P\nfor: house\nstart: [clerk]\nsteps: {a: {zh: A, by: clerk}}\ncalendar: c\n";
  const std::vector<Files> packs{files_of(content)};
  EXPECT_EQ(told(check(packs).findings), Told{"pack.calendar_unknown p/processes/p.yaml:6:11"});
}

// A pack that is written to keep whoever reads it busy ends soon.
TEST(Links, LongChainsAreRefused) {
  std::string chain = "entity: house\ntitle: H\nfields:\n";
  for (int i = 0; i < 30'000; ++i)
    chain += fmt::format("  f{0}: {{whole: true, value: it.f{1}}}\n", i, i + 1);
  Content content = small();
  content["entities/house.yaml"] = chain;
  const std::vector<Files> packs{files_of(content)};
  EXPECT_EQ(told(check(packs).findings), (Told{"pack.too_many p/entities/house.yaml:4:3"}));
}

// Each field reads the next, with as much text as a file may have; the last reads the first.
TEST(Links, TheLongestCycleIsFound) {
  const std::string more(2000, ' ');
  std::string ring = "entity: house\ntitle: H\nfields:\n";
  for (size_t i = 0; i < kMostFields; ++i)
    ring += fmt::format("  f{0}: {{whole: true, value: 'it.f{1}{2}'}}\n", i, (i + 1) % kMostFields, more);
  Content content = small();
  content["entities/house.yaml"] = ring;
  const std::vector<Files> packs{files_of(content)};
  const Packs checked = check(packs);
  EXPECT_EQ(checked.findings.total(), kMostFields);
  EXPECT_EQ(checked.findings.shown().at(0).reason, "pack.value_cycle");
}

Files named(const std::string& name, const std::string& more, Content others = {}) {
  others["pack.yaml"] = fmt::format("pack: {}\nversion: 1.2.0\ntitle: T\nengine: '1.0'\n{}", name, more);
  return files_of(others, name);
}

TEST(Links, SeveralPacks) {
  const std::string entity = "entity: house\ntitle: H\nfields: {a: text}\n";
  const auto reasons = [](std::vector<Files> packs) { return told(check(packs).findings); };
  EXPECT_EQ(reasons({named("a", "uses: {b: '>=1.0'}\n"), named("b", "")}), Told{});
  EXPECT_EQ(reasons({named("a", "uses: {bb: '1.0'}\n"), named("b", "")}),
            Told{"pack.uses_unknown a/pack.yaml:5:8 > b"});
  EXPECT_EQ(reasons({named("a", "uses: {b: '>=1.3'}\n"), named("b", "")}),
            Told{"pack.uses_version a/pack.yaml:5:11"});
  EXPECT_EQ(reasons({named("a", "uses: {b: '1.0'}\n"), named("b", "uses: {c: '1.0'}\n"),
                     named("c", "uses: {a: '1.0'}\n")})
                .size(),
            3u);
  EXPECT_EQ(
      reasons({named("a", "", {{"entities/x.yaml", entity}}), named("b", "", {{"entities/y.yaml", entity}})}),
      Told{"pack.name_taken b/entities/y.yaml:1:9"});
  const Content other{{"entities/k.yaml", "entity: key\ntitle: K\nfields: {h: {ref: house}}\n"}};
  EXPECT_EQ(reasons({named("a", "", {{"entities/x.yaml", entity}}), named("b", "uses: {a: '1.0'}\n", other)}),
            Told{});
  EXPECT_EQ(reasons({named("a", "", {{"entities/x.yaml", entity}}), named("b", "", other)}),
            Told{"pack.entity_unknown b/entities/k.yaml:3:19"})
      << "what is not named under uses is not there";
}

TEST(Findings, AreSortedCountedAndInBothLanguages) {
  Content content = small();
  for (int file = 0; file < 3; ++file) {
    std::string many = fmt::format("entity: many{}\ntitle: M\nfields:\n", file);
    for (int i = 0; i < 450; ++i) many += fmt::format("  f{}: txt\n", i);
    content[fmt::format("entities/many{}.yaml", file)] = many;
  }
  content.erase("entities/house.yaml");
  content["dictionaries/colour.yaml"] = "dictionary: 1\n";
  const std::vector<Files> packs{files_of(content)};
  const Packs checked = check(packs);
  const auto shown = checked.findings.shown();
  EXPECT_EQ(shown.size(), Findings::kShown);
  EXPECT_EQ(checked.findings.total(), 1353u);
  EXPECT_EQ(shown.front().file, "p/dictionaries/colour.yaml");
  EXPECT_TRUE(std::is_sorted(shown.begin(), shown.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.file, a.at) < std::tie(b.file, b.at);
  }));
  EXPECT_NE(shown.front().zh, shown.front().en);
  EXPECT_EQ(to_json(checked.findings)["findings"][0]["line"], 1);
  EXPECT_EQ(nearest("titel", std::vector<std::string>{"title", "note"}), "title");
  EXPECT_EQ(nearest("x", std::vector<std::string>{"title", "note"}), "");
}

class Folders : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-pack.XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path write(const Content& content, const std::string& name = "town") {
    for (const auto& [path, text] : content) {
      fs::create_directories((root_ / name / path).parent_path());
      EXPECT_TRUE(write_durable(root_ / name / path, view(text)));
    }
    return root_ / name;
  }
  Told reading(const fs::path& folder) {
    Findings findings;
    read_folder(folder, findings);
    Told out;
    for (const Finding& each : findings.shown()) {
      const std::string below = each.file.substr(std::min(each.file.size(), folder.string().size()));
      out.push_back(fmt::format("{} {}{}{}", each.reason, below, each.mend.empty() ? "" : " > ", each.mend));
    }
    return out;
  }

  fs::path root_;
};

TEST_F(Folders, HoldNothingButAPack) {
  const fs::path folder = write(small());
  EXPECT_EQ(reading(folder), Told{});
  fs::create_symlink("/etc/passwd", folder / "entities/stolen.yaml");
  fs::create_directory_symlink("/etc", folder / "etc");
  ASSERT_EQ(::mkfifo((folder / "texts.yaml").c_str(), 0600), 0);
  write({{"entites/x.yaml", "a"},
         {"entities/deep/x.yaml", "a"},
         {"entities/House.yaml", "a"},
         {"entities/a b.yaml", "a"},
         {".git/x", "a"},
         {"run.sh", "a"},
         {"README.md", "a"}});
  EXPECT_EQ(reading(folder),
            (Told{"pack.file_unknown /entites/x.yaml > entities/*.yaml", "pack.path /entities/a b.yaml",
                  "pack.file_unknown /entities/deep", "pack.file_case /entities/house.yaml",
                  "pack.link /entities/stolen.yaml", "pack.link /etc",
                  "pack.file_unknown /run.sh > pack.yaml, *.md, "
                  "{dictionaries,entities,rules,processes,calendars,views,texts}/*.yaml",
                  "pack.not_a_file /texts.yaml"}));
  EXPECT_EQ(reading(root_ / "none").at(0), "file.not_found ");
  EXPECT_EQ(reading(write({{"texts/en.yaml", "a"}}, "empty")), Told{"pack.missing "});
  EXPECT_EQ(reading(write({{"pack.yaml", std::string(kMostFileBytes + 1, 'x')}}, "large")),
            (Told{"pack.missing ", "pack.file_too_large /pack.yaml"}));
}

TEST_F(Folders, PackedAndSigned) {
  const Files files = files_of(small());
  const auto key = *crypto::Sm2PrivateKey::generate(), other = *crypto::Sm2PrivateKey::generate();
  const Bytes plain = *write_packed(files.content, nullptr), made = *write_packed(files.content, &key);
  const std::vector<crypto::Sm2PublicKey> mine{key.public_key()}, others{other.public_key()};
  EXPECT_TRUE(equal(plain, *write_packed(files.content, nullptr)));
  const Packed opened = *open_packed(made);
  EXPECT_EQ(opened.content, files.content);
  EXPECT_TRUE(demand_signer(opened, mine));
  EXPECT_EQ(demand_signer(opened, others).error().reason, "pack.signer");
  EXPECT_EQ(demand_signer(*open_packed(plain), mine).error().reason, "pack.unsigned");
  EXPECT_EQ(demand_version({1, 9, 0}, {1, 10, 0}).error().reason, "pack.downgrade");
  EXPECT_TRUE(demand_version({1, 10, 0}, {1, 10, 0}));
  Findings findings;
  EXPECT_EQ(read_packed(opened, "p", findings).content, files.content);
  EXPECT_TRUE(findings.empty());
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {  // no byte of a signed pack can be another
    Bytes bent = made;
    const size_t at = random() % bent.size();
    bent[at] ^= uint8_t(1u << (random() % 8));
    const auto read = open_packed(bent);
    EXPECT_FALSE(read && demand_signer(*read, mine)) << at;
  }
  for (size_t length = 0; length < made.size(); length += 97)
    EXPECT_FALSE(open_packed(ByteView(made).first(length)));
}

TEST_F(Folders, ANewOneChecks) {
  const fs::path folder = root_ / "my_pack";
  ASSERT_TRUE(create_pack(folder));
  const std::vector<fs::path> folders{folder};
  EXPECT_EQ(told(check_folders(folders).findings), Told{});
  EXPECT_EQ(create_pack(folder).error().reason, "pack.exists");
  EXPECT_EQ(create_pack(root_ / "My-Pack").error().reason, "pack.folder_name");
}

Told changes(const std::string& path, std::string_view what, std::string_view with) {
  Content content = small();
  Findings findings;
  const Pack before = read_pack(files_of(content), findings);
  std::string& text = content[path];
  text.replace(text.find(what), what.size(), with);
  const Pack after = read_pack(files_of(content), findings);
  EXPECT_TRUE(findings.empty());
  Told out;
  for (const Change& each : diff(before, after))
    out.push_back(
        fmt::format("{} {} {} {}", name_of(each.kind), each.object, each.member, name_of(each.effect)));
  return out;
}

TEST(Diff, SaysWhatLosesData) {
  const std::string house = "entities/house.yaml";
  EXPECT_EQ(changes(house, "title: 房屋", "title: {zh: 房屋}"), Told{}) << "the same, written out";
  EXPECT_EQ(changes(house, "  colour: {dictionary: colour}\n", ""),
            Told{"removed entity house fields.colour loss"});
  EXPECT_EQ(changes(house, "  colour:", "  color:"),
            (Told{"removed entity house fields.colour loss", "added entity house fields.color none"}));
  EXPECT_EQ(changes(house, "access:", "  gate: {flag: true, required: true}\naccess:"),
            Told{"added entity house fields.gate migration"});
  EXPECT_EQ(changes(house, "max: 90", "max: 100"), Told{"changed entity house fields.floors.max none"});
  EXPECT_EQ(changes(house, "max: 90", "max: 80"), Told{"changed entity house fields.floors.max migration"});
  EXPECT_EQ(changes(house, "dictionary: colour", "text: line"),
            (Told{"removed entity house fields.colour.dictionary loss",
                  "added entity house fields.colour.text migration"}));
  EXPECT_EQ(changes(house, "read: all", "read: own"), Told{"changed entity house access.clerk.read none"});
  EXPECT_EQ(changes("dictionaries/colour.yaml", "red: 红, ", ""),
            Told{"removed dictionary colour codes.red migration"});
  EXPECT_EQ(changes("pack.yaml", ", head: 主任", ""), Told{"removed pack town roles.head migration"});
  EXPECT_EQ(changes("pack.yaml", "1.0.0", "1.0.1"), Told{"changed pack town version none"});
}

TEST(Diff, KnowsWhatAStepLeadsTo) {
  Content before = small();
  before["processes/build.yaml"] =
      "process: build\ntitle: 建房\nfor: house\nstart: [clerk]\nsteps:\n"
      "  plan: {zh: 设计, by: clerk}\n  look: {zh: 看, by: head, within: 1 days}\n  sign: {zh: 签, by: "
      "head}\n";
  const auto changed = [&](std::string_view what, std::string_view with) {
    Content after = before;
    std::string& text = after["processes/build.yaml"];
    text.replace(text.find(what), what.size(), with);
    Findings findings;
    Told out;
    for (const Change& each :
         diff(read_pack(files_of(before), findings), read_pack(files_of(after), findings)))
      out.push_back(each.member);
    return out;
  };
  EXPECT_EQ(changed("by: clerk}", "by: clerk, to: look}"), Told{});
  EXPECT_EQ(changed("1 days", "1 day"), Told{});
  EXPECT_EQ(changed("  look: {zh: 看, by: head, within: 1 days}\n  sign: {zh: 签, by: head}\n",
                    "  sign: {zh: 签, by: head}\n  look: {zh: 看, by: head, within: 1 days}\n"),
            (Told{"steps.look.to", "steps.plan.to", "steps.sign.to"}))
      << "another order is another process";
}

TEST(Size, SixtyEntities) {
  Content content{{"pack.yaml", "pack: big\nversion: 1.0.0\ntitle: B\nengine: '1.0'\nroles: {clerk: C}\n"}};
  for (int i = 0; i < 60; ++i) {
    std::string text = fmt::format("entity: e{}\ntitle: E\nfields:\n", i);
    for (int f = 0; f < 30; ++f)
      text += fmt::format("  f{}: {{text: line, required: true, zh: 字段, en: Field}}\n", f);
    text +=
        fmt::format("  other: {{ref: e{}}}\n  n: {{whole: true, value: \"size(it.f1)\"}}\n", (i + 1) % 60);
    text += "checks:\n";
    for (int c = 0; c < 5; ++c)
      text += fmt::format("  - {{rule: \"it.f{} != it.f{}\", reason: big.c{}, zh: 不同}}\n", c, c + 1, c);
    text += "access: {clerk: {read: \"it.f1 == me.region\"}}\n";
    content[fmt::format("entities/e{}.yaml", i)] = text;
  }
  const std::vector<Files> packs{files_of(content)};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(told(check(packs).findings), Told{});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("60 entities of 32 fields, 420 rules: %.3f s\n", took.count());
}

}  // namespace
}  // namespace chengxin::pack
