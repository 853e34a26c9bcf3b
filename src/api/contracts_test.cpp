#include "api/contract_openapi.h"
#include "api/contract_values.h"
#include "api/platform_for_tests.h"
#include "format/contract.h"

// Contracts over REST, on a chain whose engine does what the call says (contract/testing.h).
namespace chengxin::api {
namespace {

const std::string kContracts = "/api/v1/chains/default/contracts";
constexpr std::string_view kInterface =
    "/// Takes steps.\n"
    "function run(bytes steps) returns (bytes)\n"
    "function look(bytes steps) view returns (bytes)\n"
    "function over(uint8 a)\nfunction over(string a)\n"
    "event Noted(address indexed who, uint256 amount)\n"
    "error Short(uint256 have, uint256 need)";

struct ContractsTest : PlatformTest {
  const contract::Interface interface = *contract::parse_interface(kInterface);

  Reply propose(const std::string& name, std::string_view code) {
    const format::ContractPackage package{format::ContractEngine::wasm, to_bytes(view(code)),
                                          interface.json(), Digest{7}, "test 1.0"};
    return post(kContracts, {{"name", name}, {"package", base64(package.encode())}});
  }
  Reply act(const std::string& verb, const Json& body = Json::object(), const std::string& name = "c") {
    return post(kContracts + "/" + name + "/" + verb, body);
  }
  void deploy_c() {
    ASSERT_EQ(propose("c", "code").status, 201);
    ASSERT_EQ(act("approve").status, 201);
    ASSERT_EQ(act("deploy").status, 201);
  }
  // Steps of the script engine as the one argument.
  static Json steps(std::string_view text) { return {{"steps", "0x" + hex(view(text))}}; }
  Reply call(std::string_view text) { return post(kContracts + "/c/call/run", steps(text)); }
  Reply look(std::string_view text) { return post(kContracts + "/c/query/look", steps(text)); }
  void wait_for_mirror() { ASSERT_TRUE(mirror->wait((*host->find("default"))->ledger->id(), 5000)); }
};

TEST_F(ContractsTest, FromProposalToRetirement) {
  Reply proposed = propose("c", "code");
  ASSERT_EQ(proposed.status, 201) << proposed.body;
  EXPECT_EQ(proposed.json()["version"], 1);
  EXPECT_EQ(proposed.json()["version_state"], "proposed");
  EXPECT_EQ(act("deploy").reason(), "contract.not_approved");
  EXPECT_EQ(call("[]").reason(), "contract.not_deployed");
  EXPECT_EQ(act("approve").json()["version_state"], "approved");
  EXPECT_EQ(act("approve").reason(), "contract.version_decided");
  EXPECT_EQ(act("deploy").json()["state"], "active");

  Reply written = call(R"([["put","a","1"]])");
  ASSERT_EQ(written.status, 201) << written.body;
  EXPECT_EQ(written.json()["gas"].get<uint64_t>() > 0, true);
  EXPECT_EQ(look(R"([["get","a"]])").status, 200);
  EXPECT_EQ(act("freeze", {{"why", "audit"}}).json()["state"], "frozen");
  EXPECT_EQ(call("[]").reason(), "contract.frozen");
  EXPECT_EQ(look(R"([["get","a"]])").status, 200) << "a frozen contract is read";
  Json one = get(kContracts + "/c").json();
  EXPECT_EQ(one["state"], "frozen");
  EXPECT_EQ(one["why"], "audit");
  EXPECT_EQ(one["versions"][0]["toolchain"], "test 1.0");
  EXPECT_EQ(one["versions"][0]["source"], hex(Digest{7}));
  EXPECT_EQ(one["versions"][0]["approvals"].size(), 1u);
  EXPECT_EQ(act("unfreeze").status, 201);
  EXPECT_EQ(act("retire", {{"why", "done"}}).status, 201);
  EXPECT_EQ(call("[]").reason(), "contract.retired");
  EXPECT_EQ(propose("c", "more").reason(), "contract.retired");

  wait_for_mirror();
  Json history = get(kContracts + "/c/history").json()["items"];
  std::vector<std::string> events;
  for (const Json& each : history) events.push_back(each["event"]);
  EXPECT_EQ(events,
            (std::vector<std::string>{"retired", "unfrozen", "frozen", "deployed", "approved", "proposed"}));
  EXPECT_EQ(history[2]["why"], "audit");
  EXPECT_EQ(get(kContracts).json()["items"].size(), 1u);
  EXPECT_EQ(get(kContracts + "/nobody").reason(), "contract.unknown");
}

TEST_F(ContractsTest, WhatFailsSaysWhy) {
  EXPECT_EQ(propose("c", "bad code").reason(), "contract.scan.bad");
  EXPECT_EQ(post(kContracts, {{"name", "c"}, {"package", "AAAA"}}).reason(), "format.contract_package");
  EXPECT_EQ(propose("Not a name", "code").reason(), "contract.name");
  deploy_c();
  Reply trapped = call(R"([["trap"]])");
  EXPECT_EQ(trapped.status, 409) << trapped.body;
  EXPECT_EQ(trapped.reason(), "contract.trap");
  const auto text = contract::encode({{"", {.kind = contract::Type::Kind::string}, false}}, {"no money"});
  const Json error = describe_revert(interface, [&] {
    Bytes data = *unhex("08c379a0");
    append(data, *text);
    return data;
  }());
  EXPECT_EQ(error, (Json{{"name", "Error"}, {"arguments", {{"message", "no money"}}}}));
  EXPECT_EQ(revert_text(error), "no money");
  Reply reverted = call(R"([["put","a","1"],["revert","xyz"]])");
  EXPECT_EQ(reverted.status, 409);
  EXPECT_EQ(reverted.reason(), "contract.reverted");
  EXPECT_EQ(reverted.json()["error"], (Json{{"data", "0x" + hex(view("xyz"))}}));
  EXPECT_TRUE(reverted.json()["transaction"].is_string());
  EXPECT_EQ(look(R"([["put","a","1"]])").reason(), "contract.trap.read_only");
  EXPECT_EQ(post(kContracts + "/c/call/nothing", Json::array()).reason(), "contract.unknown_method");
  EXPECT_EQ(post(kContracts + "/c/call/over", Json::array({"1"})).reason(), "contract.unknown_method")
      << "which?";
  EXPECT_EQ(post(kContracts + "/c/call/run", {{"other", "0x"}}).reason(), "contract.abi.value");
  EXPECT_EQ(post(kContracts + "/c/call/run", Json::array({1})).reason(), "contract.abi.value");
  EXPECT_EQ(post(kContracts + "/c/query/look?gas=1", steps(R"([["get","a"],["get","a"]])")).reason(),
            "contract.out_of_gas");
  EXPECT_EQ(
      ask(port(),
          {.method = "POST", .target = kContracts + "/c/freeze", .type = "application/json", .body = "{}"})
          .status,
      401);
}

TEST_F(ContractsTest, ADryRunLeavesNothing) {
  deploy_c();
  const auto height = (*host->find("default"))->ledger->head().header.height;
  Reply dry = post(kContracts + "/c/call/run?dry_run=true", steps(R"([["put","a","1"]])"));
  ASSERT_EQ(dry.status, 200) << dry.body;
  EXPECT_EQ(dry.json()["height"], height);
  EXPECT_FALSE(dry.json().contains("transaction"));
  EXPECT_EQ((*host->find("default"))->ledger->head().header.height, height);
}

TEST_F(ContractsTest, FiguresCountCallsFailuresAndCallers) {
  deploy_c();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(call("[]").status, 201);
  EXPECT_EQ(call(R"([["trap"]])").status, 409);
  wait_for_mirror();
  Json figures = get(kContracts + "/c/figures").json();
  EXPECT_EQ(figures["calls"], 4) << figures;
  EXPECT_EQ(figures["failed"], 1);
  EXPECT_EQ(figures["callers"], 1);
  EXPECT_GT(figures["gas"].get<uint64_t>(), 0u);
  EXPECT_EQ(figures["functions"][0]["function"], "run");
  EXPECT_EQ(figures["top_callers"].size(), 1u);
}

TEST_F(ContractsTest, ListsInPages) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(propose("c" + std::to_string(i), "code").status, 201);
  std::vector<std::string> names;
  std::string target = kContracts + "?limit=2";
  while (!target.empty()) {
    Reply page = get(target);
    ASSERT_EQ(page.status, 200) << page.body;
    const Json body = page.json();
    for (const Json& each : body["items"]) names.push_back(each["name"]);
    std::string link = page.header("link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"c0", "c1", "c2", "c3", "c4"}));
}

TEST_F(ContractsTest, InterfaceAndPackageComeOut) {
  deploy_c();
  EXPECT_EQ(get(kContracts + "/c/interface").body, interface.json());
  auto package = format::ContractPackage::decode(view(get(kContracts + "/c/versions/1/package").body));
  ASSERT_TRUE(package);
  EXPECT_EQ(package->interface, interface.json());
  EXPECT_EQ(get(kContracts + "/c/versions/9").reason(), "contract.no_version");
  Json document = get(kContracts + "/c/openapi.json").json();
  EXPECT_EQ(document["openapi"], "3.1.0");
  const Json& run = document["paths"][kContracts + "/c/call/run"]["post"];
  EXPECT_EQ(run["summary"], "Takes steps.");
  EXPECT_EQ(run["requestBody"]["content"]["application/json"]["schema"]["required"], Json::array({"steps"}));
  EXPECT_TRUE(document["paths"].contains(kContracts + "/c/query/look"));
  EXPECT_TRUE(document["paths"].contains(kContracts + "/c/call/over(uint8)")) << document["paths"];
}

TEST(ContractValues, EventsByTheInterface) {
  const auto interface = *contract::parse_interface(kInterface);
  const contract::Entry* noted = nullptr;
  for (const auto& each : interface.entries)
    if (each.kind == contract::Entry::Kind::event) noted = &each;
  ASSERT_TRUE(noted);
  Bytes data{2};
  append(data, noted->topic());
  Bytes address(32);
  address[31] = 5;
  append(data, address);
  append(data, Bytes(31));
  data.push_back(9);
  const std::string self(40, 'a');
  Json described = describe_event(&interface, {self, "log", data});
  EXPECT_EQ(described["name"], "Noted");
  EXPECT_EQ(described["arguments"],
            (Json{{"who", "0x0000000000000000000000000000000000000005"}, {"amount", "9"}}));
  EXPECT_EQ(describe_event(nullptr, {self, "log", data})["topics"].size(), 2u);
  data.resize(data.size() - 1);
  EXPECT_EQ(describe_event(&interface, {self, "log", data})["topics"].size(), 2u) << "no encoding: as it is";
}

}  // namespace
}  // namespace chengxin::api
