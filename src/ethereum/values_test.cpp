#include "ethereum/values.h"

#include <gtest/gtest.h>

#include "ethereum/json_rpc.h"

namespace chengxin::ethereum {
namespace {

TEST(Values, QuantitiesHaveOneSpelling) {
  EXPECT_EQ(quantity(0), "0x0");
  EXPECT_EQ(quantity(0x400), "0x400");
  EXPECT_EQ(quantity_of_word(Digest{}), "0x0");
  EXPECT_EQ(read_quantity("0x0").value(), 0u);
  EXPECT_EQ(read_quantity("0x41").value(), 65u);
  EXPECT_EQ(read_quantity("0xffffffffffffffff").value(), UINT64_MAX);
  for (const Json& bad : {Json("0x"), Json("0x0400"), Json("ff"), Json("0x00"), Json("0xg"), Json(65), Json(),
                          Json("0x10000000000000000"), Json("-0x1"), Json("0x 1"), Json::array()}) {
    ASSERT_FALSE(read_quantity(bad)) << bad;
    EXPECT_EQ(read_quantity(bad).error().code, RpcCode::invalid_params) << bad;
  }
  EXPECT_EQ(read_word("0x1" + std::string(63, '0')).value()[0], 0x10);
  EXPECT_FALSE(read_word("0x1" + std::string(64, '0')));
}

TEST(Values, DataHasTwoDigitsAByte) {
  EXPECT_EQ(read_data("0x").value(), Bytes());
  EXPECT_EQ(read_data("0x41ab").value(), (Bytes{0x41, 0xab}));
  EXPECT_EQ(hex_data(Bytes{0, 0xff}), "0x00ff");
  EXPECT_FALSE(read_data("0xf0f0f"));
  EXPECT_FALSE(read_data("004200"));
  EXPECT_FALSE(read_data("0x4142", 1));
  EXPECT_FALSE(read_address("0x" + std::string(38, 'a')));
  EXPECT_FALSE(read_hash("0x" + std::string(66, 'a')));
}

TEST(Values, AChainsNumberFitsADouble) {
  Digest id;
  id.fill(0xff);
  EXPECT_EQ(chain_number(id), (uint64_t(1) << 48) - 1);
  EXPECT_EQ(chain_number(unhex_digest("010203040506" + std::string(52, '7')).value()), 0x010203040506u);
}

Answer<Json> echo(const std::string& method, const Json& params) {
  if (method == "echo") return params;
  return refuse(RpcCode::method_not_found, "none");
}
Json ask(std::string_view text) { return Json::parse(answer(text, echo)); }
int code(std::string_view text) { return ask(text).at("error").at("code"); }

TEST(JsonRpc, AnswersAndErrorsAreOfTheSpecification) {
  EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":1,"method":"echo","params":["a"]})"),
            Json::parse(R"({"jsonrpc":"2.0","id":1,"result":["a"]})"));
  EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":"x","method":"echo"})").at("result"), Json::array());
  EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":7,"method":"none"})").at("id"), 7);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"none"})"), -32601);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":1}})"), -32602);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"echo","params":1})"), -32602);
  for (const char* invalid :
       {"1", "null", "\"x\"", "{}", "[]", R"({"id":1,"method":"echo"})",
        R"({"jsonrpc":"1.0","id":1,"method":"echo"})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":1,"method":1})", R"({"jsonrpc":"2.0","id":[],"method":"echo"})"})
    EXPECT_EQ(code(invalid), -32600) << invalid;
  for (const char* broken : {"", "{", "[1,", "\xff", R"({"jsonrpc":"2.0","jsonrpc":"2.0"})"})
    EXPECT_EQ(code(broken), -32700) << broken;
  EXPECT_EQ(code(std::string(40, '[') + std::string(40, ']')), -32700) << "too deep";
}

TEST(JsonRpc, Batches) {
  const std::string one = R"({"jsonrpc":"2.0","id":1,"method":"echo"})",
                    silent = R"({"jsonrpc":"2.0","method":"echo"})";
  EXPECT_EQ(ask("[" + one + ",1," + silent + "]").size(), 2u);
  EXPECT_EQ(ask("[" + one + ",1]")[1].at("error").at("code"), -32600);
  EXPECT_EQ(answer(silent, echo), "");
  EXPECT_EQ(answer("[" + silent + "]", echo), "");
  std::string all = "[" + one;
  for (size_t i = 1; i < kMaxBatch; ++i) all += "," + one;
  EXPECT_EQ(ask(all + "]").size(), kMaxBatch);
  EXPECT_EQ(code(all + "," + one + "]"), -32600);
}

TEST(JsonRpc, AnswersBeyondTheBoundEndABatch) {
  const Dispatch large = [](const std::string&, const Json&) -> Answer<Json> {
    return Json(std::string(kMaxAnswerBytes / 2, 'x'));
  };
  const std::string one = R"({"jsonrpc":"2.0","id":1,"method":"m"})";
  const Json told = Json::parse(answer("[" + one + "," + one + "," + one + "]", large));
  ASSERT_EQ(told.size(), 3u);
  EXPECT_TRUE(told[1].contains("result"));
  EXPECT_EQ(told[2].at("error").at("code"), -32005);
}

}  // namespace
}  // namespace chengxin::ethereum
