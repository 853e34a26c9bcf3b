#include "ethereum/endpoint.h"

#include <gtest/gtest.h>

#include "contract/evm.h"
#include "contract/testing.h"
#include "ethereum/contract.h"
#include "ethereum/impl/filters.h"
#include "ledger/testing.h"

// Methods over a chain whose contracts are the script engine's (WASM's place) and the EVM's.
namespace chengxin::ethereum {
namespace {

using namespace format;
using ledger::testing::LiveChain;
using ledger::testing::Signer;
using ledger::testing::TestChain;

constexpr std::string_view kInterface = "function run(bytes steps) returns (bytes)\nevent Said(bytes what)";

// Init code of a contract that puts its first argument word into slot 0, logs it under topic 42 and returns
// it.
constexpr std::string_view kInitCode =
    "6018600c60003960186000f3"
    "600035600055600054600052602a60206000a160206000f3";

struct ContractChain : TestChain {
  Signer developer;
  ContractChain() {
    genesis.protocol = contract::kContractsProtocol;
    genesis.accounts.push_back({developer.key.public_key().point(), {"developer"}});
  }
};

struct EndpointTest : ::testing::Test {
  ContractChain setup;
  LiveChain chain{setup};
  std::shared_ptr<const contract::Registry> registry = std::make_shared<contract::Registry>(
      contract::Engines{{ContractEngine::wasm, std::make_shared<contract::testing::ScriptEngine>()},
                        {ContractEngine::evm, contract::evm_engine()}});
  std::unique_ptr<Endpoint> endpoint;

  void SetUp() override {
    chain.ledger.reset();
    ledger::Options options = contract::with_contracts(registry, setup.options());
    for (auto& row : contract_methods(registry)) options.contracts.push_back(std::move(row));
    options.highest_protocol = contract::kContractsProtocol;
    chain.ledger = ledger::Ledger::open(chain.path(), options).value();
    endpoint = std::make_unique<Endpoint>(
        Chain{std::shared_ptr<const ledger::Ledger>(chain.ledger.get(), [](auto*) {}), registry, "0"});
  }

  ledger::TransactionRecord add(const Signer& signer, std::vector<Call> calls,
                                std::vector<Bytes> files = {}) {
    auto block = chain.add(signer, std::move(calls), std::move(files));
    return chain.ledger->transaction(block.value().included.at(0)->hash).value();
  }
  void deploy(std::string name, ContractEngine engine, Bytes code) {
    const ContractPackage package{engine, std::move(code),
                                  contract::parse_interface(kInterface).value().json(), Digest{1}, "test"};
    const Bytes bytes = package.encode();
    const auto accepted = [&](const Signer& signer, Call call, std::vector<Bytes> files = {}) {
      const auto record = add(signer, {std::move(call)}, std::move(files));
      ASSERT_EQ(record.receipt.status, 0u) << text(record.output);
    };
    accepted(setup.developer, {"contract", "propose", ContractPropose{name, crypto::sm3(bytes)}.encode()},
             {bytes});
    accepted(setup.governor, {"contract", "approve", ContractVersionRef{name, 1, {}}.encode()});
    accepted(setup.developer, {"contract", "deploy", ContractVersionRef{name, 1, {}}.encode()});
  }
  static Bytes call_data(const std::vector<Json>& steps) {
    static const auto interface = contract::parse_interface(kInterface).value();
    const auto* function = interface.function("run");
    Bytes out = to_bytes(function->selector());
    append(out,
           contract::encode(function->inputs, Json::array({"0x" + hex(view(Json(steps).dump()))})).value());
    return out;
  }
  static Call run(const std::vector<Json>& steps, std::string name = "c") {
    const Bytes data = call_data(steps);
    return {std::move(name), "run", Bytes(data.begin() + 4, data.end())};
  }

  std::string caller = "one";
  Json ask(const std::string& method, const std::vector<Json>& params = {}) {
    const Json request = {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
    return Json::parse(endpoint->answer(request.dump(), nullptr, caller));
  }
  Json result(const std::string& method, const std::vector<Json>& params = {}) {
    const Json answer = ask(method, params);
    EXPECT_TRUE(answer.contains("result")) << method << " " << Json(params) << " " << answer;
    return answer.value("result", Json());
  }
  int code(const std::string& method, const std::vector<Json>& params = {}) {
    const Json answer = ask(method, params);
    EXPECT_TRUE(answer.contains("error")) << method << " " << Json(params) << " " << answer;
    return answer.contains("error") ? int(answer["error"]["code"]) : 0;
  }
  static std::string address(std::string_view name) { return hex_data(contract_address(name)); }
};

TEST_F(EndpointTest, BlocksAreTheLedgersOwn) {
  const auto record = add(setup.writer, {ledger::testing::put_call("k", Bytes{1})});
  const auto header = chain.ledger->head();
  EXPECT_EQ(result("eth_blockNumber"), "0x1");
  const Json block = result("eth_getBlockByNumber", {"latest", false});
  EXPECT_EQ(block["hash"], hex_data(header.header_hash));
  EXPECT_EQ(block["parentHash"], hex_data(chain.ledger->id()));
  EXPECT_EQ(block["stateRoot"], hex_data(header.header.state_root));
  EXPECT_EQ(block["timestamp"], quantity(uint64_t(header.header.time_ms / 1000)));
  EXPECT_EQ(block["transactions"], Json::array({hex_data(record.transaction.hash)}));
  EXPECT_EQ(block["gasUsed"], quantity(record.receipt.gas));
  EXPECT_EQ(result("eth_getBlockByHash", {block["hash"], false}), block);
  EXPECT_EQ(result("eth_getBlockByNumber", {"0x1", true})["transactions"][0]["hash"],
            hex_data(record.transaction.hash));
  const Json genesis = result("eth_getBlockByNumber", {"earliest", false});
  EXPECT_EQ(genesis["hash"], hex_data(chain.ledger->id()));
  EXPECT_EQ(result("eth_getBlockByHash", {genesis["hash"], false}), genesis);
  EXPECT_EQ(result("eth_getBlockByNumber", {"0x2", false}), Json());
  EXPECT_EQ(result("eth_getBlockByHash", {hex_data(Digest{9}), false}), Json());
  EXPECT_EQ(result("eth_getBlockTransactionCountByNumber", {"latest"}), "0x1");
  EXPECT_EQ(result("eth_chainId"), quantity(chain_number(chain.ledger->id())));
  EXPECT_EQ(result("net_version"), std::to_string(chain_number(chain.ledger->id())));
  EXPECT_EQ(result("eth_gasPrice"), "0x0");
  const Json fees = result("eth_feeHistory", {"0x5", "latest", {25, 75}});
  EXPECT_EQ(fees["oldestBlock"], "0x0");
  EXPECT_EQ(fees["gasUsedRatio"].size(), 2u);
  EXPECT_EQ(fees["baseFeePerGas"].size(), 3u);
  EXPECT_EQ(result("web3_sha3", {"0x68656c6c6f20776f726c64"}),
            "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad");
}

TEST_F(EndpointTest, BlocksAreFoundByHashInAnyOrder) {
  for (int i = 0; i < 20; ++i) add(setup.writer, {ledger::testing::put_call("k", Bytes{1})});
  for (const int height : {17, 3, 20, 1, 11}) {
    const Json block = result("eth_getBlockByNumber", {quantity(uint64_t(height)), false});
    EXPECT_EQ(result("eth_getBlockByHash", {block["hash"], false}), block);
    add(setup.writer, {ledger::testing::put_call("k", Bytes{2})});
  }
}

TEST_F(EndpointTest, TransactionsAndReceipts) {
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  const auto good = add(setup.writer, {run({{"put", "a", "1"}, {"event", "e"}, {"event", "f"}})});
  const auto bad = add(setup.writer, {run({{"event", "e"}, {"revert", "why"}})});

  const Json sent = result("eth_getTransactionByHash", {hex_data(good.transaction.hash)});
  EXPECT_EQ(sent["from"], hex_data(account_address(setup.writer.key.public_key().point())));
  EXPECT_EQ(sent["to"], address("c"));
  EXPECT_EQ(sent["input"], hex_data(call_data({{"put", "a", "1"}, {"event", "e"}, {"event", "f"}})));
  EXPECT_EQ(sent["chengxin"]["calls"][0]["contract"], "c");
  EXPECT_EQ(result("eth_getTransactionByBlockNumberAndIndex", {"0x4", "0x0"}), sent);

  const Json receipt = result("eth_getTransactionReceipt", {hex_data(good.transaction.hash)});
  EXPECT_EQ(receipt["status"], "0x1");
  EXPECT_EQ(receipt["gasUsed"], quantity(good.receipt.gas));
  ASSERT_EQ(receipt["logs"].size(), 2u);
  EXPECT_EQ(receipt["logs"][1]["address"], address("c"));
  EXPECT_EQ(receipt["logs"][1]["logIndex"], "0x1");
  EXPECT_EQ(receipt["logs"][1]["data"], hex_data(view("f")));
  EXPECT_EQ(receipt["logs"][1]["topics"], Json::array({hex_data(contract::keccak256(view("f")))}));
  EXPECT_EQ(result("eth_getBlockReceipts", {"0x4"}), Json::array({receipt}));

  const Json failed = result("eth_getTransactionReceipt", {hex_data(bad.transaction.hash)});
  EXPECT_EQ(failed["status"], "0x0");
  EXPECT_EQ(failed["revertReason"], hex_data(view("why")));
  EXPECT_EQ(failed["logs"].size(), 0u);

  const Json deployment = result("eth_getTransactionByBlockNumberAndIndex", {"0x3", "0x0"});
  EXPECT_EQ(deployment["to"], Json());
  EXPECT_EQ(result("eth_getTransactionReceipt", {deployment["hash"]})["contractAddress"], address("c"));
  EXPECT_EQ(result("eth_getTransactionByHash", {hex_data(Digest{7})}), Json());
}

// The filter against reading every log and asking by hand.
TEST_F(EndpointTest, LogsAreThoseThatAFilterMeans) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  deploy("d", ContractEngine::wasm, to_bytes(view("two")));
  for (int i = 0; i < 15; ++i) {
    std::vector<Json> steps;
    for (unsigned left = random() % 4; left > 0; --left)
      steps.push_back({"event", std::string(1, char('a' + random() % 3))});
    add(setup.writer, {run(steps, random() % 2 ? "c" : "d")});
  }
  const Json all = result("eth_getLogs", {{{"fromBlock", "earliest"}}});
  ASSERT_GT(all.size(), 0u);
  for (int round = 0; round < 60; ++round) {
    Json filter = {{"fromBlock", quantity(random() % 12)}, {"toBlock", quantity(12 + random() % 12)}};
    std::vector<std::string> addresses, topics;
    for (const char* name : {"c", "d", "e"})
      if (random() % 3 == 0) addresses.push_back(address(name));
    for (const char* word : {"a", "b", "z"})
      if (random() % 3 == 0) topics.push_back(hex_data(contract::keccak256(view(std::string_view(word)))));
    if (!addresses.empty()) filter["address"] = addresses.size() == 1 ? Json(addresses[0]) : Json(addresses);
    if (!topics.empty())
      filter["topics"] = Json::array({topics.size() == 1 ? Json(topics[0]) : Json(topics)});
    Json wanted = Json::array();
    for (const Json& log : all) {
      const uint64_t height = read_quantity(log["blockNumber"]).value();
      const auto has = [](const auto& list, const Json& one) {
        return list.empty() || std::count(list.begin(), list.end(), one.get<std::string>());
      };
      if (height >= read_quantity(filter["fromBlock"]).value() &&
          height <= read_quantity(filter["toBlock"]).value() && has(addresses, log["address"]) &&
          has(topics, log["topics"][0]))
        wanted.push_back(log);
    }
    EXPECT_EQ(result("eth_getLogs", {filter}), wanted) << filter;
  }
}

TEST_F(EndpointTest, FiltersTellEachThingOnce) {
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  const Json logs = result("eth_newFilter", {{{"address", address("c")}}}),
             blocks = result("eth_newBlockFilter");
  EXPECT_EQ(result("eth_getFilterChanges", {logs}), Json::array());
  add(setup.writer, {run({{"event", "e"}})});
  add(setup.writer, {ledger::testing::put_call("k", Bytes{1})});
  EXPECT_EQ(result("eth_getFilterChanges", {logs}).size(), 1u);
  EXPECT_EQ(result("eth_getFilterChanges", {logs}).size(), 0u);
  EXPECT_EQ(result("eth_getFilterChanges", {blocks}).size(), 2u);
  EXPECT_EQ(result("eth_getFilterChanges", {blocks}).size(), 0u);
  EXPECT_EQ(result("eth_uninstallFilter", {logs}), true);
  EXPECT_EQ(code("eth_getFilterChanges", {logs}), -32000);
  EXPECT_EQ(result("eth_uninstallFilter", {logs}), false);
}

TEST_F(EndpointTest, NobodyDropsTheFiltersOfOthers) {
  const Json kept = result("eth_newBlockFilter");
  caller = "another";
  const Json first = result("eth_newBlockFilter");
  for (int i = 0; i < 300; ++i) result("eth_newBlockFilter");
  EXPECT_EQ(code("eth_getFilterChanges", {first}), -32000);
  caller = "one";
  EXPECT_EQ(result("eth_getFilterChanges", {kept}), Json::array());
}

TEST(Filters, WhoHasMostMakesRoom) {
  Filters filters;
  const auto made = [&](const std::string& owner, int64_t now_ms) {
    Filters::Filter filter;
    filter.owner = owner;
    return filters.add(filter, now_ms);
  };
  const uint64_t oldest = made("few", 1), second = made("many", 2);
  for (size_t i = 1; i < Filters::kMostOfOne; ++i) made("many", 3);
  for (size_t i = 0; i < Filters::kMost - 1 - Filters::kMostOfOne; ++i) made(std::to_string(i / 8), 3);
  EXPECT_TRUE(filters.find(second, 2));
  made("few", 4);
  EXPECT_TRUE(filters.find(oldest, 4));
  EXPECT_FALSE(filters.find(second, 4));
}

// More than one answer holds comes in several.
TEST_F(EndpointTest, AFilterGoesOnAfterManyLogs) {
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  const Json filter = result("eth_newFilter", {{{"address", address("c")}}});
  const std::vector<Json> steps(1000, Json({"event", "e"}));
  for (int i = 0; i < 11; ++i) add(setup.writer, {run(steps)});
  EXPECT_EQ(result("eth_getFilterChanges", {filter}).size(), 10'000u);
  EXPECT_EQ(result("eth_getFilterChanges", {filter}).size(), 1'000u);
  EXPECT_EQ(result("eth_getFilterChanges", {filter}).size(), 0u);
}

TEST_F(EndpointTest, CallsLeaveNothing) {
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  add(setup.writer, {run({{"put", "a", "1"}})});
  const auto call = [&](const std::vector<Json>& steps, const Json& block = "latest") {
    return ask("eth_call", {{{"to", address("c")}, {"data", hex_data(call_data(steps))}}, block});
  };
  EXPECT_EQ(call({{"get", "a"}})["result"], hex_data(view("1")));
  EXPECT_EQ(call({{"get", "a"}}, "0x3")["result"], hex_data(view("-"))) << "the block before";
  EXPECT_EQ(call({{"put", "a", "2"}, {"get", "a"}})["result"], hex_data(view("2")));
  EXPECT_EQ(call({{"get", "a"}})["result"], hex_data(view("1")));
  const Json reverted = call({{"revert", "why"}})["error"];
  EXPECT_EQ(reverted["code"], 3);
  EXPECT_EQ(reverted["data"], hex_data(view("why")));
  EXPECT_EQ(call({Json::array({"trap"})})["error"]["data"]["reason"], "contract.trap");
  EXPECT_EQ(call({{"get", "a"}}, "0x99")["error"]["code"], -32000);
  EXPECT_EQ(result("eth_call", {{{"to", hex_data(Address{1})}}}), "0x") << "an account";
  EXPECT_EQ(code("eth_call", {{{"to", address("c")}, {"value", "0x1"}}}), -32000);
  EXPECT_EQ(code("eth_call", {{{"to", "c"}}}), -32602);
  EXPECT_EQ(code("eth_call", {{{"to", address("c")}}, "latest", {{address("c"), {{"balance", "0x1"}}}}}),
            -32602);
  EXPECT_EQ(result("eth_estimateGas",
                   {{{"to", address("c")}, {"data", hex_data(call_data({{"get", "a"}, {"get", "b"}}))}}}),
            "0x2");
  EXPECT_EQ(result("eth_getCode", {address("c"), "latest"}), "0xfe");
  EXPECT_EQ(result("eth_getCode", {address("c"), "0x1"}), "0x");
  EXPECT_EQ(result("eth_getCode", {address("none")}), "0x");
  EXPECT_EQ(result("eth_getBalance", {address("c"), "latest"}), "0x0");
  ASSERT_EQ(
      add(setup.developer, {{"contract", "freeze", ContractReason{"c", "because"}.encode()}}).receipt.status,
      0u);
  EXPECT_EQ(call({{"get", "a"}})["result"], hex_data(view("1"))) << "a frozen contract may be read";
  EXPECT_EQ(call({{"put", "a", "2"}})["error"]["data"]["reason"], "contract.trap.read_only");
}

TEST_F(EndpointTest, TheEvmsContractsToo) {
  deploy("e", ContractEngine::evm, unhex(kInitCode).value());
  const std::string word = std::string(62, '0') + "2a";
  EXPECT_EQ(result("eth_call", {{{"to", address("e")}, {"data", "0x" + word}}}), "0x" + word);
  EXPECT_EQ(result("eth_getCode", {address("e")}), "0x" + std::string(kInitCode.substr(24)));
  EXPECT_EQ(result("eth_call", {{{"data", "0x" + std::string(kInitCode)}}}),
            "0x" + std::string(kInitCode.substr(24)));
  const uint64_t gas =
      read_quantity(result("eth_estimateGas", {{{"to", address("e")}, {"data", "0x" + word}}})).value();
  EXPECT_EQ(code("eth_call", {{{"to", address("e")}, {"data", "0x" + word}, {"gas", quantity(gas / 2)}}}),
            -32000);
  EXPECT_EQ(result("eth_call", {{{"to", address("e")}, {"data", "0x" + word}, {"gas", quantity(gas)}}}),
            "0x" + word);
  const auto record = add(setup.writer, {{hex_data(contract_address("e")), "call", unhex(word).value()}});
  ASSERT_EQ(record.receipt.status, 0u) << text(record.output);
  EXPECT_EQ(result("eth_getStorageAt", {address("e"), "0x0", "latest"}), "0x" + word);
  const Json sent = result("eth_getTransactionByHash", {hex_data(record.transaction.hash)});
  EXPECT_EQ(sent["to"], address("e"));
  EXPECT_EQ(sent["input"], "0x" + word);
  EXPECT_EQ(result("eth_getLogs", {{{"address", address("e")}, {"fromBlock", "earliest"}}})[0]["topics"][0],
            "0x" + word);
}

TEST_F(EndpointTest, TracesAreTheFramesAsTheyRan) {
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  deploy("d", ContractEngine::wasm, to_bytes(view("two")));
  const std::string d = hex(contract_address("d"));
  const Json inner = Json::array({{"put", "x", "1"}, {"event", "e"}, {"revert", "no"}});
  const std::vector<Json> steps = {{"get", "x"},
                                   {"call", d, inner, "call"},
                                   {"call", d, Json::array({{"get", "x"}}), "read_only"},
                                   {"put", "x", "2"}};
  // Two blocks: what the second saw is what the first wrote.
  add(setup.writer, {run({{"put", "x", "1"}})});
  const auto record = add(setup.writer, {run(steps)});
  add(setup.writer, {run({{"put", "x", "9"}})});
  ASSERT_EQ(record.receipt.status, 0u);
  const Json config = {{"tracer", "callTracer"}, {"tracerConfig", {{"withLog", true}}}};
  const Json tree = result("debug_traceTransaction", {hex_data(record.transaction.hash), config});
  EXPECT_EQ(tree["type"], "CALL");
  EXPECT_EQ(tree["from"], hex_data(account_address(setup.writer.key.public_key().point())));
  EXPECT_EQ(tree["to"], address("c"));
  EXPECT_EQ(tree["output"], hex_data(record.output));
  EXPECT_EQ(to_string(record.output).substr(0, 1), "1");
  ASSERT_EQ(tree["calls"].size(), 2u);
  EXPECT_EQ(tree["calls"][0]["error"], "execution reverted");
  EXPECT_EQ(tree["calls"][0]["output"], hex_data(view("no")));
  EXPECT_FALSE(tree["calls"][0].contains("logs"));
  EXPECT_EQ(tree["calls"][1]["type"], "STATICCALL");
  EXPECT_EQ(tree["calls"][1]["from"], address("c"));
  EXPECT_EQ(tree["calls"][1]["to"], address("d"));

  const Json call = {{"to", address("c")}, {"data", hex_data(call_data(steps))}};
  EXPECT_EQ(result("debug_traceCall", {call, "latest", config})["calls"].size(), 2u);
  const Json top = {{"tracer", "callTracer"}, {"tracerConfig", {{"onlyTopCall", true}}}};
  EXPECT_FALSE(result("debug_traceCall", {call, "latest", top}).contains("calls"));
  EXPECT_EQ(code("debug_traceCall", {call, "latest"}), -32602) << "steps are not traced";
  const auto native = add(setup.writer, {ledger::testing::put_call("k", Bytes{1})});
  EXPECT_EQ(result("debug_traceTransaction", {hex_data(native.transaction.hash), config})["gasUsed"],
            quantity(native.receipt.gas));
  EXPECT_EQ(code("debug_traceTransaction", {hex_data(Digest{4}), config}), -32000);
}

TEST_F(EndpointTest, WhatIsOurs) {
  deploy("c", ContractEngine::wasm, to_bytes(view("one")));
  EXPECT_EQ(result("chengxin_contractName", {address("c")}), "c");
  EXPECT_EQ(result("chengxin_contractName", {address("x")}), Json());
  EXPECT_EQ(result("chengxin_contractAddress", {"c"}), address("c"));
  EXPECT_EQ(result("chengxin_chain")["id"], hex_data(chain.ledger->id()));
  const Json described = result("chengxin_describeCall", {address("c"), hex_data(call_data({{"get", "a"}}))});
  EXPECT_EQ(described["contract"], "c");
  EXPECT_EQ(described["method"], "run(bytes)");
  EXPECT_EQ(result("chengxin_describeCall", {address("c"), "0x01020304"}), Json());
}

TEST_F(EndpointTest, KeysOfEthereumAreNotAdmittedUnlessAGovernorSaysSo) {
  const Bytes raw = unhex(
                        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a7640000"
                        "8025a028ef61340bd939bc2195"
                        "fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9"
                        "f3dc64214b297fb1966a3b6d83")
                        .value();
  EXPECT_EQ(ask("eth_sendRawTransaction", {hex_data(raw)})["error"]["data"]["reason"],
            "ethereum.secp256k1_off");
  const auto told = [&](const Signer& signer, Call call) {
    return to_string(add(signer, {std::move(call)}).output);
  };
  EXPECT_EQ(told(setup.writer, {"ethereum", "send", raw}), "ethereum.secp256k1_off");
  EXPECT_EQ(told(setup.writer, {"ethereum", "admit", Bytes{1}}), "contract.forbidden");
  EXPECT_EQ(told(setup.governor, {"ethereum", "admit", Bytes{3}}), "ethereum.admit_arguments");
  EXPECT_EQ(told(setup.governor, {"ethereum", "admit", Bytes{2}}), "");
  EXPECT_EQ(told(setup.writer, {"ethereum", "send", raw}), "ethereum.chain");
  EXPECT_EQ(told(setup.writer, {"ethereum", "send", Bytes{1, 2}}), "ethereum.rlp");
  EXPECT_EQ(told(setup.developer, {"ethereum", "send", raw}), "contract.forbidden");
  EXPECT_EQ(told(setup.governor, {"ethereum", "admit", Bytes{0}}), "");
  EXPECT_EQ(told(setup.writer, {"ethereum", "send", raw}), "ethereum.secp256k1_off");
}

TEST_F(EndpointTest, WhatCannotBeReadIsRefusedWithoutMuchWork) {
  const Json bad_hashes = {
      "0x12", "12", 5, nullptr, Json::object(), "0x" + std::string(63, 'a'), "0x" + std::string(64, 'g')};
  for (const char* method : {"eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getBlockByHash",
                             "eth_getBlockTransactionCountByHash"})
    for (const Json& bad : bad_hashes) EXPECT_EQ(code(method, {bad}), -32602) << method << bad;
  for (const Json& bad : Json::array({"0x00", "latestt", "", 1, true, Json::array(), {{"blockHash", "0x1"}}}))
    EXPECT_EQ(code("eth_call", {{{"to", address("c")}}, bad}), -32602) << bad;
  EXPECT_EQ(code("eth_nothing"), -32601);
  EXPECT_EQ(code("eth_chainId", {1}), -32602);
  EXPECT_EQ(code("eth_getStorageAt", {address("c")}), -32602);
  EXPECT_EQ(code("eth_getLogs", {{{"topics", {1}}}}), -32602);
  EXPECT_EQ(code("eth_getLogs", {{{"topics", {nullptr, nullptr, nullptr, nullptr, nullptr}}}}), -32602);
  EXPECT_EQ(code("eth_getLogs", {{{"address", std::vector<std::string>(101, address("c"))}}}), -32602);
  EXPECT_EQ(code("eth_getLogs", {{{"fromBlock", "0x2"}, {"toBlock", "0x1"}}}), -32602);
  EXPECT_EQ(result("eth_getLogs", {{{"fromBlock", "0x0"}, {"toBlock", "0xffffffffffffffff"}}}),
            Json::array());
  EXPECT_EQ(code("eth_getLogs", {{{"blockHash", hex_data(Digest{3})}}}), -32000);
  EXPECT_EQ(code("eth_getLogs", {{{"blockHash", hex_data(Digest{3})}, {"fromBlock", "0x1"}}}), -32602);
  EXPECT_EQ(result("eth_feeHistory", {"0xffffffffffffffff", "latest"})["gasUsedRatio"].size(), 1u);
}

// A batch has the gas of one request, however many calls it holds.
TEST_F(EndpointTest, TheWorkOfABatchIsBounded) {
  // jumpdest; push 0; jump: for ever.
  deploy("loop", ContractEngine::evm,
         unhex("6004600c60003960046000f3"
               "5b600056")
             .value());
  Json batch = Json::array();
  for (int i = 0; i < 20; ++i)
    batch.push_back(
        {{"jsonrpc", "2.0"}, {"id", i}, {"method", "eth_call"}, {"params", {{{"to", address("loop")}}}}});
  const Json told = Json::parse(endpoint->answer(batch.dump(), nullptr, caller));
  ASSERT_EQ(told.size(), 20u);
  EXPECT_EQ(told[0]["error"]["code"], -32000);
  EXPECT_EQ(told[0]["error"]["message"], "out of gas");
  EXPECT_EQ(told[19]["error"]["code"], -32005);
}

}  // namespace
}  // namespace chengxin::ethereum
