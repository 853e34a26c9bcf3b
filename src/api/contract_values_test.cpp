#include "api/contract_values.h"

#include <gtest/gtest.h>

namespace chengxin::api {
namespace {

// What a contract with that error says of itself when it reverts with it.
std::string told(std::string_view error, const Json& arguments) {
  const auto interface = contract::parse_interface(error).value();
  const contract::Entry& entry = interface.entries.at(0);
  Bytes data = to_bytes(entry.selector());
  append(data, contract::encode(entry.inputs, arguments).value());
  return revert_text(describe_revert(interface, data));
}

TEST(ContractValues, RevertsInWords) {
  EXPECT_EQ(told("error Short(uint256 have, address who)", {5, "0x" + std::string(40, '1')}),
            "Short(have: 5, who: 0x" + std::string(40, '1') + ")");
  EXPECT_EQ(told("error Error(string message)", {"no"}), "no");
  EXPECT_EQ(told("error None()", Json::array()), "None()");
  EXPECT_EQ(revert_text(describe_revert({}, {})), "");
  EXPECT_EQ(revert_text(describe_revert({}, Bytes{1, 2})), "0x0102");
}

// An interface says what it likes.
TEST(ContractValues, AnotherErrorOfSoliditysName) {
  EXPECT_EQ(told("error Error(bool message)", {true}), "Error(message: true)");
  EXPECT_EQ(told("error Error(string text)", {"no"}), "Error(text: no)");
  EXPECT_EQ(told("error Error(string)", {"no"}), "Error(no)");
  EXPECT_EQ(told("error Error()", Json::array()), "Error()");
  EXPECT_EQ(told("struct S { bool a; } error Error(S message)", Json::array({Json::array({true})})),
            "Error(message: {\"a\":true})");
}

}  // namespace
}  // namespace chengxin::api
