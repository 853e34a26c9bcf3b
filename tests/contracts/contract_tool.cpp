// The module's functions for scripts: contract_tool json|generate TARGET NAME <interface on standard input,
// or
//   contract_tool values: one JSON line in {"encode": [values]} or {"decode": "hex"} with "inputs", one line
//   out; or
//   contract_tool chain: the platform's frames and engines over a state in memory. JSON lines in, {"deploy":
//   {name, engine, code: a file, …}} or {"call": {name, …}}, each with caller, input (hex), height, time_ms
//   and attributes; one line out. {"sweep": {name, …, gas}} makes the call with every gas from 0 to that and
//   fails when one that did not return has changed something.
//   contract_tool ledger: a chain on disk. {"deploy": {name, version, engine, code: a file, interface,
//   input}} goes through the life cycle, {"call": {contract, method, arguments}} is a transaction, {"verify":
//   {}} reads the chain again; one line out.
#include <iostream>
#include <iterator>

#include "chain.h"
#include "contract/generate.h"
#include "contract/testing.h"

using namespace chengxin;
using namespace chengxin::contract;
using format::ContractEngine;

namespace {

std::string rest_of_input() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

int refused(const Error& error) {
  std::cerr << error.to_string() << "\n";
  return 1;
}

Result<Json> value_line(const Json& line) {
  ASSIGN(Interface interface,
         parse_interface(
             Json::array({{{"type", "function"}, {"name", "f"}, {"inputs", line["inputs"]}}}).dump()));
  const auto& parameters = interface.entries[0].inputs;
  if (line.contains("encode")) {
    ASSIGN(Bytes bytes, encode(parameters, line["encode"]));
    return Json(hex(bytes));
  }
  ASSIGN(Bytes bytes, unhex(line["decode"].get<std::string>()));
  auto values = decode(parameters, bytes);
  const Status taken = check(list_of(parameters), bytes);
  if (taken.has_value() != values.has_value() || (!taken && taken.error() != values.error()))
    return fail(Code::internal, "test.check_differs");
  return values;
}

template <size_t N>
std::array<uint8_t, N> array_of(const Json& hex_text) {
  std::array<uint8_t, N> out{};
  const Bytes bytes = unhex(hex_text.get<std::string>()).value();
  std::copy_n(bytes.begin(), std::min(N, bytes.size()), out.begin());
  return out;
}

Json events_json(const std::vector<format::Event>& events) {
  Json out = Json::array();
  for (const format::Event& event : events) {
    if (event.type != "log") continue;
    Json topics = Json::array();
    const size_t count = event.data[0];
    for (size_t i = 0; i < count; ++i) topics.push_back(hex(ByteView(event.data).subspan(1 + 32 * i, 32)));
    out.push_back({{"address", event.contract},
                   {"topics", std::move(topics)},
                   {"data", hex(ByteView(event.data).subspan(1 + 32 * count))}});
  }
  return out;
}

// A line of contract_tool ledger.
Result<Json> ledger_line(Chain& chain, const Json& line) {
  if (line.contains("verify")) {
    TRY(chain.ledger->verify({}));
    return Json::object();
  }
  if (line.contains("deploy")) {
    const Json& what = line.at("deploy");
    ASSIGN(const Bytes code, read_file(what.at("code").get<std::string>(), 16 << 20));
    ASSIGN(const Interface interface, parse_interface(what.at("interface").get<std::string>()));
    ASSIGN(const Bytes input, unhex(what.at("input").get<std::string>()));
    const auto engine = what.at("engine") == "evm" ? ContractEngine::evm : ContractEngine::wasm;
    return Json(
        {{"why", chain.deploy(engine, what.at("name"), what.at("version"), code, interface.json(), input)}});
  }
  const Json& what = line.at("call");
  ASSIGN(const Bytes arguments, unhex(what.at("arguments").get<std::string>()));
  const auto record = chain.call(chain.setup.governor, {what.at("contract"), what.at("method"), arguments});
  const uint32_t status = record.receipt.status;
  const bool returned = status == 0 || status == uint32_t(format::ReceiptStatus::reverted);
  return Json({{"status", status},
               {"gas", record.receipt.gas},
               {"data", returned ? hex(record.output) : to_string(record.output)},
               {"events", events_json(record.events)}});
}

// Contracts by name, accounts that have what a line says they have.
class MemoryChain : public Directory {
 public:
  Result<Callee> at(const Address& address, const FrameContext&, Journal& journal) const override {
    auto found = contracts_.find(address);
    if (found != contracts_.end() && found->second.module->engine() == ContractEngine::wasm)
      return Callee{found->second.module, {}};
    return evm_callee([&](std::string_view key) { return journal.get(to_bytes(view(key))); }, address);
  }
  Result<std::optional<Bytes>> name(const Address& address, Journal&) const override {
    auto found = contracts_.find(address);
    return found == contracts_.end() ? std::optional<Bytes>() : to_bytes(view(found->second.name));
  }
  Result<std::optional<Bytes>> attribute(const Address& address, std::string_view attribute,
                                         Journal&) const override {
    const Json found = attributes_.value(hex(address), Json::object());
    if (!found.contains(attribute)) return std::optional<Bytes>();
    return std::optional(unhex(found.at(attribute).get<std::string>()).value());
  }
  Result<Json> take(const Json& line) {
    if (line.contains("sweep")) return sweep(line.at("sweep"));
    const bool deploys = line.contains("deploy");
    const Json& what = line.at(deploys ? "deploy" : "call");
    const std::string name = what.at("name");
    const Address address = format::contract_address(name);
    const Bytes input = unhex(what.at("input").get<std::string>()).value();
    const FrameContext transaction = frame_of(what);
    Frames frames(state_, transaction, *this);
    Result<Outcome> outcome = Outcome();
    if (deploys) {
      ASSIGN(const Bytes code, read_file(what.at("code").get<std::string>(), 16 << 20));
      const Engine& engine = *(what.value("engine", "wasm") == "evm" ? evm_ : wasm_);
      ASSIGN(const Scan scanned, engine.scan(code));
      if (!scanned.findings.empty())
        return fail(Code::invalid_argument, scanned.findings[0].reason, "{}", scanned.findings[0].detail);
      ASSIGN(auto module, engine.load(code));
      contracts_[address] = {name, module};
      outcome = frames.deploy(*module, address, input, ledger::kTransactionGas);
    } else {
      outcome = frames.call({CallKind::call, address, input, ledger::kTransactionGas});
    }
    if (!outcome) return tl::unexpected(outcome.error());
    static constexpr const char* kEndings[] = {"returned", "reverted", "out of gas", "trapped"};
    Json out = {
        {"ending", kEndings[size_t(outcome->ending)]},
        {"gas", outcome->gas_used},
        {"data", outcome->ending == Ending::trapped ? to_string(outcome->output) : hex(outcome->output)}};
    out["events"] = events_json(frames.commit(*outcome).events);
    return out;
  }

 private:
  FrameContext frame_of(const Json& what) {
    attributes_ = what.value("attributes", Json::object());
    FrameContext out;
    out.caller = out.origin = array_of<20>(what.at("caller"));
    out.transaction = array_of<32>(what.at("transaction"));
    out.chain = array_of<32>(what.at("chain"));
    out.height = what.at("height");
    out.time_ms = what.at("time_ms");
    out.protocol = kContractsProtocol;
    return out;
  }
  Result<Json> sweep(const Json& what) {
    const auto before = state_.values;
    size_t failed = 0;
    for (uint64_t gas = 0, most = what.at("gas"); gas <= most; ++gas) {
      Frames frames(state_, frame_of(what), *this);
      ASSIGN(Outcome outcome,
             frames.call({CallKind::call, format::contract_address(what.at("name").get<std::string>()),
                          unhex(what.at("input").get<std::string>()).value(), gas}));
      const bool returned = outcome.returned();
      const auto result = frames.commit(std::move(outcome));
      if (!returned && (state_.values != before || !result.events.empty() || result.gas > gas))
        return fail(Code::internal, "test.changed", "with {} gas", gas);
      failed += !returned;
      state_.values = before;
    }
    return Json({{"failed", failed}});
  }

  struct Contract {
    std::string name;
    std::shared_ptr<const Module> module;
  };
  contract::testing::MapState state_;
  std::map<Address, Contract> contracts_;
  Json attributes_ = Json::object();
  const std::shared_ptr<const Engine> wasm_ = wasm_engine({}).value(), evm_ = evm_engine();
};

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  if (what == "values") {
    for (std::string text; std::getline(std::cin, text);) {
      auto line = parse_json(text);
      auto out = line ? value_line(*line) : Result<Json>(tl::unexpected(line.error()));
      std::cout << (out ? Json({{"value", *out}}) : Json({{"reason", out.error().reason}})).dump()
                << std::endl;
    }
    return 0;
  }
  if (what == "chain") {
    MemoryChain chain;
    for (std::string text; std::getline(std::cin, text);) {
      auto out = chain.take(Json::parse(text));
      std::cout << (out ? *out : Json({{"reason", out.error().to_string()}})).dump() << std::endl;
    }
    return 0;
  }
  if (what == "ledger") {
    Chain chain;
    for (std::string text; std::getline(std::cin, text);) {
      auto out = ledger_line(chain, Json::parse(text));
      std::cout << (out ? *out : Json({{"reason", out.error().to_string()}})).dump() << std::endl;
    }
    return 0;
  }
  auto interface = parse_interface(rest_of_input());
  if (!interface) return refused(interface.error());
  if (what == "json") {
    std::cout << interface->json() << "\n";
    return 0;
  }
  if (what != "generate" || count != 4) return 2;
  auto text = generate(*interface, words[2], words[3]);
  if (!text) return refused(text.error());
  std::cout << *text;
  return 0;
}
