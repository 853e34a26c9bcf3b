// The module's functions for scripts: contract_tool json|generate TARGET NAME <interface on standard input,
// or
//   contract_tool values: one JSON line in {"encode": [values]} or {"decode": "hex"} with "inputs", one line
//   out; or
//   contract_tool chain: the platform's frames and engines over a state in memory. JSON lines in, {"deploy":
//   {name, code: a file, …}} or {"call": {name, …}}, each with caller, input (hex), height, time_ms and
//   attributes; one line out.
#include <iostream>
#include <iterator>

#include "contract/evm.h"
#include "contract/generate.h"
#include "contract/registry.h"
#include "contract/testing.h"
#include "contract/wasm.h"

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
  return decode(parameters, bytes);
}

template <size_t N>
std::array<uint8_t, N> array_of(const Json& hex_text) {
  std::array<uint8_t, N> out{};
  const Bytes bytes = unhex(hex_text.get<std::string>()).value();
  std::copy_n(bytes.begin(), std::min(N, bytes.size()), out.begin());
  return out;
}

// Contracts by name, accounts that have what a line says they have.
class Chain : public Directory {
 public:
  Result<Callee> at(const Address& address, Journal& journal) const override {
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
  Result<bool> proves(const Digest&, ByteView) const override { return false; }

  Result<Json> take(const Json& line) {
    const bool deploys = line.contains("deploy");
    const Json& what = line.at(deploys ? "deploy" : "call");
    const std::string name = what.at("name");
    const Address address = format::contract_address(name);
    const Bytes input = unhex(what.at("input").get<std::string>()).value();
    attributes_ = what.value("attributes", Json::object());

    FrameContext transaction;
    transaction.caller = transaction.origin = array_of<20>(what.at("caller"));
    transaction.transaction = array_of<32>(what.at("transaction"));
    transaction.chain = array_of<32>(what.at("chain"));
    transaction.height = what.at("height");
    transaction.time_ms = what.at("time_ms");
    transaction.protocol = kContractsProtocol;
    Frames frames(state_, transaction, *this);
    Result<Outcome> outcome = Outcome();
    if (deploys) {
      ASSIGN(const Bytes code, read_file(what.at("code").get<std::string>(), 16 << 20));
      const Engine& engine = *(what.value("engine", "wasm") == "evm" ? evm_ : wasm_);
      ASSIGN(const auto findings, engine.scan(code));
      if (!findings.empty())
        return fail(Code::invalid_argument, findings[0].reason, "{}", findings[0].detail);
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
        {"data", outcome->ending == Ending::trapped ? to_string(outcome->output) : hex(outcome->output)},
        {"events", Json::array()}};
    for (const format::Event& event : frames.commit(*outcome).events) {
      Json topics = Json::array();
      const size_t count = event.data[0];
      for (size_t i = 0; i < count; ++i) topics.push_back(hex(ByteView(event.data).subspan(1 + 32 * i, 32)));
      out["events"].push_back({{"address", event.contract},
                               {"topics", std::move(topics)},
                               {"data", hex(ByteView(event.data).subspan(1 + 32 * count))}});
    }
    return out;
  }

 private:
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
    Chain chain;
    for (std::string text; std::getline(std::cin, text);) {
      auto out = chain.take(Json::parse(text));
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
