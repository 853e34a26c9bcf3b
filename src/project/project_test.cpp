#include "project/project.h"

#include <gtest/gtest.h>

#include <random>

#include "project/coverage.h"
#include "project/impl/values.h"
#include "project/lint.h"

namespace chengxin::project {
namespace {

Bytes bytes(std::string_view text) { return to_bytes(view(text)); }

TEST(Archive, ComesBackAndHasOneForm) {
  const Files files{{"a", {}},
                    {"b/c", bytes("text")},
                    {std::string(120, 'd') + "/" + std::string(90, 'e'), Bytes(5000, 7)}};
  const auto packed = pack(files);
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->size() % 512, 0u);
  EXPECT_EQ(unpack(*packed).value(), files);
  EXPECT_EQ(unpack(pack({}).value()).value(), Files{});
}

TEST(Archive, RefusesEveryChange) {
  const Bytes packed =
      pack({{"contract.rs", bytes("pub struct Contract;")}, {"interface.abi", bytes("function f()")}})
          .value();
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 3000; ++i) {
    Bytes changed = packed;
    changed[random() % changed.size()] ^= uint8_t(1 + random() % 255);
    const auto files = unpack(changed);
    if (files) EXPECT_EQ(pack(*files).value(), changed);  // other files, in their one form
  }
  for (size_t size = 0; size < packed.size(); size += 100) EXPECT_FALSE(unpack(ByteView(packed).first(size)));
}

TEST(Archive, NoPathLeadsOut) {
  for (const char* path : {"", "/a", "../a", "a/../b", "a//b", "a/", "./a"})
    EXPECT_FALSE(pack({{path, {}}})) << path;
  EXPECT_FALSE(pack({{std::string(101, 'a'), {}}}));
}

TEST(Yaml, SaysWhereItIsWrong) {
  EXPECT_EQ(parse_yaml("a: 1\nb: [", "file").error().reason, "project.yaml");
  EXPECT_EQ(parse_yaml("a: 1\na: 2", "file").error().detail,
            "file:2: a key that stands twice, or is no text");
  EXPECT_FALSE(parse_yaml(std::string(100, '[') + std::string(100, ']'), "file"));
  EXPECT_EQ(parse_yaml("a:\n  - x\n  - y: ~\n", "file").value().find("a")->items[1].line, 3);
}

contract::Type type_of(std::string_view text) {
  return contract::parse_interface(
             fmt::format("struct S {{ address who; uint8 n; }}\nfunction f({} x)", text))
      .value()
      .entries[0]
      .inputs[0]
      .type;
}

struct ValueTest : testing::Test {
  Names names;
  format::Address alice{1};
  void SetUp() override { names.add("alice", alice); }
  std::string of(std::string_view type, std::string_view written) {
    const auto value = value_of(type_of(type), parse_yaml(written, "").value(), names);
    return value ? value->dump() : value.error().reason;
  }
  size_t differences(std::string_view type, std::string_view expected, std::string_view actual) {
    Differences out;
    compare(type_of(type), parse_yaml(expected, "").value(), Json::parse(actual), names, "x", out);
    return out.size();
  }
};

TEST_F(ValueTest, ByTheirTypes) {
  EXPECT_EQ(of("address", "alice"), "\"0x0100000000000000000000000000000000000000\"");
  EXPECT_EQ(of("address", "bob"), "project.value");
  EXPECT_EQ(of("bool", "true"), "true");
  EXPECT_EQ(of("bool", "1"), "project.value");
  EXPECT_EQ(of("string", "true"), "\"true\"");
  EXPECT_EQ(of("bytes", "text:hi"), "\"0x6869\"");
  // GB/T 32905 appendix A.1
  EXPECT_EQ(of("bytes32", "sm3:abc"),
            "\"0x66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0\"");
  EXPECT_EQ(of("uint8[]", "[1, 2]"), "[\"1\",\"2\"]");
  EXPECT_EQ(of("S", "{n: 1, who: alice}"), of("S", "[alice, 1]"));
  EXPECT_EQ(of("S", "{n: 1}"), "project.value");
}

TEST_F(ValueTest, Compared) {
  const char* s = R"({"who":"0x0100000000000000000000000000000000000000","n":"7"})";
  EXPECT_EQ(differences("S", "{n: 7}", s), 0u);
  EXPECT_EQ(differences("S", "{n: 7, who: alice}", s), 0u);
  EXPECT_EQ(differences("S", "{n: 8, who: alice}", s), 1u);
  EXPECT_EQ(differences("S", "{m: 8}", s), 1u);
  EXPECT_EQ(differences("S", "[alice, ~]", s), 0u);
  EXPECT_EQ(differences("uint8[]", "[1, 2]", R"(["1","2"])"), 0u);
  EXPECT_EQ(differences("uint8[]", "[1]", R"(["1","2"])"), 1u);
  EXPECT_EQ(differences("uint8", "300", R"("1")"), 1u);
  EXPECT_EQ(differences("bytes", "'0xAB'", R"("0xab")"), 0u);
}

TEST(Patterns, NotInCommentsAndTexts) {
  EXPECT_TRUE(known_patterns(Language::solidity, "a.sol",
                             "// tx.origin\n/* tx.origin\n */ string s = \"tx.origin \\\" tx.origin\";")
                  .empty());
  const auto found =
      known_patterns(Language::solidity, "a.sol", "/* a\n b */\n require(tx.origin == a); // x");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].line, 3);
  EXPECT_EQ(found[0].reason, "lint.solidity.tx_origin");
  EXPECT_TRUE(known_patterns(Language::go, "a.go", "s := `go func() {`\nfor i := range list {\n}").empty());
}

TEST(Patterns, InFilesThatNobodyWroteByHand) {
  const std::string much(1 << 20, '1'), space(1 << 20, ' ');
  EXPECT_TRUE(known_patterns(Language::rust, "a.rs", "let x = " + much + ";").empty());
  EXPECT_TRUE(known_patterns(Language::go, "a.go", "go" + space + "x." + much).empty());
  const auto found =
      known_patterns(Language::go, "a.go",
                     "page := `" + space + "`\nm := " + space + "map[string]int{}\nfor k := range m {\n}");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "lint.go.map_order");
  EXPECT_EQ(found[0].line, 3);
}

TEST(Coverage, NamesOfTheAuthorsFunctions) {
  EXPECT_EQ(rust_function("_ZN8contract4take17h0123456789abcdefE"), "take");
  EXPECT_EQ(rust_function("_ZN69_$LT$contract..Contract$u20$as$u20$contract..interface..Interface$GT$"
                          "3add17h0123456789abcdefE"),
            "Contract::add");
  for (const char* other : {"_ZN8contract9interface14chengxin_call217h0123456789abcdefE",
                            "_ZN8chengxin4host3get17h0123456789abcdefE", "_ZN4core3fmt17h0123456789abcdefE",
                            "chengxin_call", "", "_ZN", "_ZN99x"})
    EXPECT_EQ(rust_function(other), "") << other;
  EXPECT_EQ(go_function("main.Contract.Add"), "Contract.Add");
  EXPECT_EQ(go_function("main.balanceKey"), "balanceKey");
  for (const char* other :
       {"main.EmitAdded", "main.(*Contract).Add", "runtime.main", "main.main", "chengxin.Get"})
    EXPECT_EQ(go_function(other), "") << other;
}

}  // namespace
}  // namespace chengxin::project
