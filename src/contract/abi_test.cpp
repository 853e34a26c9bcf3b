#include "contract/abi.h"

#include <gtest/gtest.h>

#include <random>

#include "contract/generate.h"
#include "contract/keccak.h"

namespace chengxin::contract {
namespace {

std::string keccak(std::string_view message) { return hex(keccak256(view(message))); }

std::string reason(const auto& result) { return result ? "" : result.error().reason; }

// The first function's inputs of an interface.
std::vector<Parameter> inputs(const std::string& list) {
  auto interface = parse_interface("struct S { uint8 a; string b; } function f(" + list + ")");
  EXPECT_TRUE(interface) << interface.error().to_string();
  return interface->entries.at(0).inputs;
}

std::string word(const std::string& end) { return std::string(64 - end.size(), '0') + end; }

TEST(Keccak, Vectors) {
  EXPECT_EQ(keccak(""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(keccak("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
  // The lengths around the rate, from ethers.
  EXPECT_EQ(keccak(std::string(135, 'a')),
            "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
  EXPECT_EQ(keccak(std::string(136, 'a')),
            "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
  EXPECT_EQ(keccak(std::string(137, 'a')),
            "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39");
}

TEST(Interface, SelectorsAndTopics) {
  auto token = parse_interface(
      "function transfer(address to, uint amount) returns (bool)\n"
      "event Transfer(address indexed from, address indexed to, uint256 value)");
  ASSERT_TRUE(token);
  EXPECT_EQ(hex(token->function("transfer")->selector()), "a9059cbb");
  EXPECT_EQ(hex(token->entries[0].topic()),
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
  EXPECT_EQ(token->function("transfer"), token->function("transfer(address,uint256)"));
  EXPECT_EQ(token->function("transfer(address)"), nullptr);
}

TEST(Interface, OverloadsAreNamedBySignature) {
  auto two = parse_interface("function f(uint8 a) function f(string a)");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->function("f"), nullptr);
  EXPECT_EQ(two->function("f(string)")->inputs[0].type.kind, Type::Kind::string);
}

TEST(Interface, BothNotationsHaveOneCanonicalForm) {
  auto text = parse_interface(R"(
    /// Says what is there.
    /// In two lines.
    function get(Pair[2][] memory pairs, bytes calldata) external view returns (Pair memory, bool ok);
    struct Pair { uint256 key; Inner[] inner; }  // order does not matter
    struct Inner { bytes32 a; }
    error Empty()
    event Done(string indexed what) anonymous
    constructor(address owner) payable)");
  ASSERT_TRUE(text) << text.error().to_string();
  auto again = parse_interface(text->json());
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->json(), text->json());
  EXPECT_EQ(text->entries.back().signature(), "get((uint256,(bytes32)[])[2][],bytes)");
  EXPECT_EQ(text->entries.back().notice, "Says what is there.\nIn two lines.");
  EXPECT_NE(text->json().find(R"("internalType":"struct Pair[2][]")"), std::string::npos);
  auto solc = parse_interface(
      R"([{"type":"receive","stateMutability":"payable"},{"type":"function","name":"f","inputs":[
    {"name":"p","type":"tuple[2]","internalType":"struct Lib.P[2]","components":[{"name":"a","type":"uint8","internalType":"enum E"}]}]}])");
  ASSERT_TRUE(solc) << solc.error().to_string();
  EXPECT_EQ(solc->entries.at(0).inputs[0].type.element[0].name, "P");
}

TEST(Interface, Refusals) {
  auto why = [](std::string_view text) { return reason(parse_interface(text)); };
  EXPECT_EQ(why("function f(uint7 a)"), "contract.abi.type");
  EXPECT_EQ(why("function f(Unknown a)"), "contract.abi.type");
  EXPECT_EQ(why("function f(bytes33 a)"), "contract.abi.type");
  EXPECT_EQ(why("function f(uint8[0] a)"), "contract.abi.syntax");
  EXPECT_EQ(why("function f(uint8 a"), "contract.abi.syntax");
  EXPECT_EQ(why("function f(uint8 indexed a)"), "contract.abi.syntax");
  EXPECT_EQ(why("function f() returns ()"), "contract.abi.syntax");
  EXPECT_EQ(why("struct"), "contract.abi.syntax");
  EXPECT_EQ(why("struct S { uint8 a"), "contract.abi.syntax");
  EXPECT_EQ(why("struct S { }"), "contract.abi.type");
  EXPECT_EQ(why("struct S { S a; }"), "contract.abi.limit");
  EXPECT_EQ(why("struct A { B a; B b; } struct B { C a; C b; } struct C { A a; }"), "contract.abi.limit");
  EXPECT_EQ(why("function f(uint8[][][][][][][][][][] a)"), "contract.abi.limit");
  EXPECT_EQ(why("function f(uint8[65536][65536] a)"), "contract.abi.limit");
  EXPECT_EQ(why("function f(uint a) function f(uint256 b)"), "contract.abi.duplicate");
  EXPECT_EQ(why("function collate_propagate_storage(bytes16 a) function burn(uint256 a)"),
            "contract.abi.duplicate");
  EXPECT_EQ(why("event E(uint8 indexed a, uint8 indexed b, uint8 indexed c, uint8 indexed d)"),
            "contract.abi.limit");
  EXPECT_EQ(why("function f() #"), "contract.abi.syntax");
  EXPECT_EQ(why("// \xff"), "contract.abi.utf8");
  EXPECT_EQ(why("[1]"), "contract.abi.json");
  EXPECT_EQ(why(R"([{"type":"function","name":"f","inputs":[{"type":"uint8[x]"}]}])"), "contract.abi.type");
  EXPECT_EQ(why(R"([{"type":"function"}])"), "contract.abi.json");
}

TEST(Values, EncodesAsTheSpecificationsExample) {  // "Examples" of the Contract ABI Specification
  auto bytes = encode(
      inputs("uint256 a, uint32[] b, bytes10 c, bytes d"),
      Json::array({"291", {"1110", "1929"}, "0x31323334353637383930", "0x48656c6c6f2c20776f726c6421"}));
  ASSERT_TRUE(bytes) << bytes.error().to_string();
  EXPECT_EQ(hex(*bytes), word("123") + word("80") + "31323334353637383930" + std::string(44, '0') +
                             word("e0") + word("2") + word("456") + word("789") + word("d") +
                             "48656c6c6f2c20776f726c6421" + std::string(38, '0'));
}

TEST(Values, IntegersHaveTheirBounds) {
  for (uint32_t bits = 8; bits <= 256; bits += 8) {
    auto list = inputs(fmt::format("uint{0} a, int{0} b", bits));
    Bytes words(64, 0);
    std::fill(words.begin() + 32 - bits / 8, words.begin() + 32, 0xff);
    std::fill(words.begin() + 32, words.begin() + 64 - bits / 8, 0xff);
    words[64 - bits / 8] = 0x80;
    auto values = decode(list, words);  // the largest and the smallest
    ASSERT_TRUE(values) << bits;
    EXPECT_EQ(encode(list, *values), words);
    if (bits == 256) continue;
    words[32 - bits / 8 - 1] = 1;
    EXPECT_EQ(reason(decode(list, words)), "contract.abi.padding");
    words[32 - bits / 8 - 1] = 0, words[64 - bits / 8] = 0x7f;
    EXPECT_EQ(reason(decode(list, words)), "contract.abi.padding");
  }
  auto refused = [](const char* type, const Json& value) {
    return reason(encode(inputs(fmt::format("{} a", type)), Json::array({value}))) == "contract.abi.value";
  };
  EXPECT_FALSE(refused("int8", "-128"));
  for (const char* value : {"-129", "128", "-0", "+1", "01", "", "-", "1e2", "0x1"})
    EXPECT_TRUE(refused("int8", value)) << value;
  EXPECT_FALSE(
      refused("uint256", "115792089237316195423570985008687907853269984665640564039457584007913129639935"));
  EXPECT_TRUE(
      refused("uint256", "115792089237316195423570985008687907853269984665640564039457584007913129639936"));
  EXPECT_EQ(encode(inputs("uint8 a"), Json::array({7})), encode(inputs("uint8 a"), Json::array({"7"})));
  for (const Json& value : {Json(256), Json(-1), Json(1.0), Json(1.5), Json(nullptr), Json(true)})
    EXPECT_TRUE(refused("uint8", value)) << value;
  EXPECT_TRUE(refused("bool", "true"));
  EXPECT_TRUE(refused("address", "0x00"));
  EXPECT_TRUE(refused("bytes4", "0x0000000000"));
  EXPECT_TRUE(refused("bytes", "00"));
  EXPECT_TRUE(refused("uint8[2]", Json::array({"1"})));
  EXPECT_TRUE(refused("S", Json({{"a", "1"}, {"c", ""}})));
  EXPECT_FALSE(refused("S", Json::array({"1", ""})));
}

TEST(Values, OnlyOneEncodingIsTaken) {
  auto why = [](const std::string& list, const std::string& words) {
    return reason(decode(inputs(list), *unhex(words)));
  };
  const std::string text = word("20") + word("1") + "61" + std::string(62, '0');
  EXPECT_EQ(why("string a", text), "");
  EXPECT_EQ(why("string a", word("40") + word("0") + word("1") + "61" + std::string(62, '0')),
            "contract.abi.offset");
  EXPECT_EQ(why("string a", word("20") + word("1") + "6100" + std::string(58, '0') + "01"),
            "contract.abi.padding");
  EXPECT_EQ(why("string a", word("20") + word("1") + "ff" + std::string(62, '0')), "contract.abi.utf8");
  EXPECT_EQ(why("string a", text + word("0")), "contract.abi.trailing");
  EXPECT_EQ(why("string a", word("20") + word("ffffffffffffffff")), "contract.abi.length");
  EXPECT_EQ(why("string a", word("20") + std::string(64, 'f')), "contract.abi.length");
  EXPECT_EQ(why("string a", word("20") + word("21") + word("0")), "contract.abi.length");
  EXPECT_EQ(why("uint256[] a", word("20") + word("3") + word("0") + word("0")), "contract.abi.length");
  EXPECT_EQ(why("bool a", word("2")), "contract.abi.padding");
  EXPECT_EQ(why("address a", "01" + std::string(62, '0')), "contract.abi.padding");
  EXPECT_EQ(why("bytes4 a", "0102030401" + std::string(54, '0')), "contract.abi.padding");
  EXPECT_EQ(why("string a, string b", word("40") + word("40") + word("0") + word("0")),
            "contract.abi.offset");
}

// What decodes is canonical, whatever the bytes: encoding it again gives them.
TEST(Values, WhatIsTakenIsCanonical) {
  auto list = inputs("uint16 a, string b, S[] c, (int64 x, bytes y)[2] d, bool[2] e, bytes5 f");
  Json values = Json::array({"7", "城信", Json::array({{{"a", "1"}, {"b", "x"}}}),
                             Json::array({{{"x", "-1"}, {"y", "0x00"}}, {{"x", "5"}, {"y", "0x"}}}),
                             Json::array({true, false}), "0x0102030405"});
  auto bytes = encode(list, values);
  ASSERT_TRUE(bytes) << bytes.error().to_string();
  EXPECT_EQ(*decode(list, *bytes), values);
  unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes bent = *bytes;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips)
      bent[random() % bent.size()] = uint8_t(random() % 4);
    auto found = decode(list, bent);
    if (!found) continue;
    ++taken;
    ASSERT_EQ(*encode(list, *found), bent);
  }
  EXPECT_GT(taken, 0);
}

// Documentation of a stranger's package is no code of who generates a client from it.
TEST(Generate, DocumentationStaysDocumentation) {
  const Json notice = "a */ b\\u002a\\u002f c\r d *\\/ e**/\u0001\\\nlast \\";
  const Json entry = {{"type", "function"}, {"name", "f"}, {"inputs", Json::array()}, {"notice", notice}};
  const auto interface = parse_interface(Json::array({entry}).dump()).value();
  for (const char* target : {"rust", "rust-caller", "go", "go-caller", "typescript-client", "go-client",
                             "java-client", "cpp-client"}) {
    const std::string made = generate(interface, target, "name").value();
    const size_t at = made.find("a * / b");
    if (at == made.npos) continue;  // a target without documentation
    const std::string_view told = std::string_view(made).substr(at, made.find("last", at) + 8 - at);
    EXPECT_EQ(told.find("*/"), told.npos) << target << ": " << told;
    EXPECT_EQ(told.find_first_of("\\\r\x01"), told.npos) << target << ": " << told;
  }
  EXPECT_NE(generate(interface, "java-client", "name").value().find("a * / b"), std::string::npos);
  EXPECT_NE(generate(interface, "cpp-client", "name").value().find("a * / b"), std::string::npos);
}

TEST(Generate, RefusesWhatItsTargetCannotSay) {
  auto why = [](std::string_view text, std::string_view target) {
    auto interface = parse_interface(text);
    return interface ? reason(generate(*interface, target, "name")) : interface.error().to_string();
  };
  EXPECT_EQ(why("function f(uint24 a)", "rust"), "contract.generate.type");
  EXPECT_EQ(why("function f(uint24 a)", "typescript-client"), "");
  EXPECT_EQ(why("function f((uint8 a) b)", "go"), "contract.generate.type");
  EXPECT_EQ(why("event E(uint8[] indexed a)", "go"), "contract.generate.type");
  EXPECT_EQ(why("function f()", "cobol"), "contract.generate.target");
}

}  // namespace
}  // namespace chengxin::contract
