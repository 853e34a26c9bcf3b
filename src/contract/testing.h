#pragma once
#include "base/json.h"
#include "contract/engine.h"
#include "contract/keccak.h"
#include "contract/local_chain.h"

// For tests of frames and of the life cycle: an engine whose contracts do what their input says.
namespace chengxin::contract::testing {

using contract::MapState;
using Values = decltype(MapState::values);

// The input, behind a selector, is a list of steps, as it is or in ABI encoding as `bytes`: ["put",k,v]
// ["erase",k] ["get",k] (appends to the output: the value, "-" when there is none) ["range",from,to,limit]
// (appends the keys) ["event",data]
// ["call",address in hex,[steps],"call"|"read_only"|"delegate"] (appends its output, or "!" and that)
// ["revert",data] ["trap"] ["burn",gas]
// ["fault"] ["fault_unless",k]. Each step takes one gas.
class ScriptModule : public Module {
 public:
  format::ContractEngine engine() const override { return format::ContractEngine::wasm; }
  Result<Outcome> run(Entrance, const FrameContext&, Host& host, ByteView input,
                      uint64_t gas) const override {
    Outcome out;
    if (input.size() <= 4) return out;
    input = input.subspan(4);
    if (input[0] == 0) input = input.subspan(64, get_be<uint32_t>(&input[60]));
    const Json steps = Json::parse(text(input));
    for (const Json& step : steps) {
      if (++out.gas_used > gas) return Outcome{Ending::out_of_gas, gas, {}};
      ASSIGN(const bool goes_on, take(step, host, gas, out));
      if (!goes_on) break;
    }
    return out;
  }

 private:
  static Result<bool> take(const Json& step, Host& host, uint64_t gas, Outcome& out) {
    const std::string what = step.at(0);
    auto word = [&](size_t i) { return to_bytes(view(step.at(i).get<std::string>())); };
    auto ends = [&](Ending ending, std::string_view output) {
      out.ending = ending;
      out.output = to_bytes(view(output));
      return false;
    };
    auto done = [&](const Status& status) -> Result<bool> {
      if (status) return true;
      if (!status.error().reason.starts_with("contract.")) return tl::unexpected(status.error());
      return ends(Ending::trapped, status.error().reason);
    };
    if (what == "put") return done(host.put(word(1), word(2)));
    if (what == "erase") return done(host.erase(word(1)));
    if (what == "event") return done(host.event(std::vector<Digest>{keccak256(word(1))}, word(1)));
    if (what == "get") {
      ASSIGN(auto value, host.get(word(1)));
      append(out.output, value ? *value : to_bytes(view("-")));
    } else if (what == "range") {
      ASSIGN(auto rows, host.range(word(1), word(2), step.at(3).get<size_t>()));
      for (const auto& [key, value] : rows)
        if (value) append(out.output, key);
    } else if (what == "call") {
      Message message;
      const std::string kind = step.at(3);
      message.kind = kind == "read_only"  ? CallKind::read_only
                     : kind == "delegate" ? CallKind::delegate
                                          : CallKind::call;
      const Bytes to = unhex(step.at(1).get<std::string>()).value();
      std::copy(to.begin(), to.end(), message.to.begin());
      message.input = to_bytes(view("call" + step.at(2).dump()));
      message.gas = gas - out.gas_used;
      ASSIGN(Outcome inner, host.call(message));
      out.gas_used += inner.gas_used;
      if (!inner.returned()) out.output.push_back('!');
      append(out.output, inner.output);
    } else if (what == "burn") {
      out.gas_used += step.at(1).get<uint64_t>();
      if (out.gas_used <= gas) return true;
      out.gas_used = gas;
      return ends(Ending::out_of_gas, "");
    } else if (what == "fault_unless") {
      ASSIGN(auto value, host.get(word(1)));
      if (!value) return fail(Code::internal, "test.fault");
    } else if (what == "fault") {
      return fail(Code::internal, "test.fault");
    } else {
      return ends(what == "trap" ? Ending::trapped : Ending::reverted,
                  what == "trap" ? "contract.trap" : step.at(1).get<std::string>());
    }
    return true;
  }
};

// Code is any text; what begins with "bad" is found out by the scan, which takes the gas that "costs " says.
class ScriptEngine : public Engine {
 public:
  Result<Scan> scan(ByteView code) const override {
    Scan out;
    if (text(code).starts_with("bad")) out.findings.push_back({"contract.scan.bad", "it says so"});
    if (const size_t at = text(code).find("costs "); at != std::string_view::npos)
      out.gas = std::stoull(std::string(text(code).substr(at + 6)));
    return out;
  }
  Result<std::shared_ptr<const Module>> load(ByteView) const override {
    return std::shared_ptr<const Module>(std::make_shared<ScriptModule>());
  }
};

}  // namespace chengxin::contract::testing
