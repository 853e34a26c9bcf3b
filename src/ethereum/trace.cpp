#include "contract/watch.h"
#include "ethereum/impl/calls.h"

// debug_traceCall and debug_traceTransaction in the form of geth's callTracer.
namespace chengxin::ethereum {
namespace {

using contract::CallKind;
using contract::Ending;
using contract::Outcome;

constexpr size_t kMaxFrames = 10'000, kMaxTraceBytes = 16 << 20;

struct TraceConfig {
  bool only_top = false, with_log = false;
};

// Builds the tree as the frames come and go. Beyond its bounds it only counts.
class Tracer : public contract::Watch {
 public:
  explicit Tracer(TraceConfig config) : config_(config) {}

  void entered(const Entrant& who) override {
    ++depth_;
    if (skips(who.input.size())) return;
    Json frame = {{"type", type_of(who.kind)}, {"from", hex_data(who.from)},   {"to", hex_data(who.to)},
                  {"gas", quantity(who.gas)},  {"input", hex_data(who.input)}, {"value", "0x0"}};
    open_.push_back(std::move(frame));
  }

  void left(const Outcome& outcome) override {
    if (--depth_ >= open_.size()) return;
    Json frame = std::move(open_.back());
    open_.pop_back();
    finish(frame, outcome);
    if (open_.empty())
      roots.push_back(std::move(frame));
    else
      open_.back()["calls"].push_back(std::move(frame));
  }

  void logged(const Address& contract, std::span<const Digest> topics, ByteView bytes) override {
    if (!config_.with_log || depth_ > open_.size() || skips_bytes(bytes.size())) return;
    Json told = Json::array();
    for (const Digest& each : topics) told.push_back(hex_data(each));
    open_.back()["logs"].push_back(
        {{"address", hex_data(contract)}, {"topics", std::move(told)}, {"data", hex_data(bytes)}});
  }

  std::vector<Json> roots;  // of each call of the transaction
  bool cut_off() const { return cut_off_; }

 private:
  static std::string_view type_of(CallKind kind) {
    switch (kind) {
      case CallKind::call:
        return "CALL";
      case CallKind::read_only:
        return "STATICCALL";
      case CallKind::delegate:
        return "DELEGATECALL";
      case CallKind::create:
        return "CREATE";
      case CallKind::create2:
        return "CREATE2";
    }
    return "CALL";
  }
  // A frame is left out together with all inside it.
  bool skips(size_t bytes) {
    if (depth_ > open_.size() + 1 || (config_.only_top && depth_ > 1)) return true;
    if (++frames_ <= kMaxFrames && !skips_bytes(bytes)) return false;
    cut_off_ = true;
    return true;
  }
  bool skips_bytes(size_t bytes) {
    if (kMaxTraceBytes - bytes_ < bytes) return cut_off_ = true;
    bytes_ += bytes;
    return false;
  }
  void finish(Json& frame, const Outcome& outcome) {
    frame["gasUsed"] = quantity(outcome.gas_used);
    const bool creates = frame["type"].get_ref<const std::string&>().starts_with("CREATE");
    if (outcome.returned()) {
      if (creates && outcome.output.size() == 20 && depth_ > 0) frame["to"] = hex_data(outcome.output);
      if (!creates && !skips_bytes(outcome.output.size())) frame["output"] = hex_data(outcome.output);
      return;
    }
    frame.erase("logs");
    if (creates) frame.erase("to");
    if (outcome.ending == Ending::out_of_gas) {
      frame["error"] = "out of gas";
    } else if (outcome.ending == Ending::trapped) {
      frame["error"] = to_string(outcome.output);
    } else {
      frame["error"] = "execution reverted";
      if (!skips_bytes(outcome.output.size())) frame["output"] = hex_data(outcome.output);
      const auto told = returned(outcome);
      constexpr size_t kPrefix = std::string_view("execution reverted: ").size();
      if (told.error().message.size() > kPrefix) frame["revertReason"] = told.error().message.substr(kPrefix);
    }
  }

  const TraceConfig config_;
  std::vector<Json> open_;
  size_t depth_ = 0, frames_ = 0, bytes_ = 0;
  bool cut_off_ = false;
};

Answer<TraceConfig> read_config(const Json& given) {
  if (!given.is_object() || given.value("tracer", Json()) != "callTracer")
    return invalid("{{\"tracer\": \"callTracer\"}} is wanted: steps of the machine are not traced");
  const Json more = given.value("tracerConfig", Json::object());
  if (!more.is_null() && !more.is_object()) return invalid("tracerConfig is an object");
  const auto flag = [&](const char* name) { return more.is_object() && more.value(name, Json()) == true; };
  for (const char* name : {"stateOverrides", "blockOverrides"})
    if (!given.value(name, Json::object()).empty()) return invalid("{} are not offered", name);
  return TraceConfig{flag("onlyTopCall"), flag("withLog")};
}

Answer<Json> whole(const Tracer& tracer, Json tree) {
  if (tracer.cut_off()) tree["chengxin"] = {{"cut_off", true}};
  return tree;
}

Answer<Json> trace_call(Session& session, const Params& params) {
  ASSIGN(const CallRequest request, read_call(params[0]));
  ASSIGN(const uint64_t height, session.height_of(params[1]));
  ASSIGN(const TraceConfig config, read_config(params[2]));
  Tracer tracer(config);
  const auto watched = session.chain.contracts ? session.chain.contracts->watched(tracer) : nullptr;
  ASSIGN(const Outcome outcome, run_call(session, request, height, request.gas, watched));
  if (tracer.roots.size() == 1 && !tracer.roots[0].contains("error")) return whole(tracer, tracer.roots[0]);
  if (tracer.roots.size() == 1 && !outcome.returned()) return whole(tracer, tracer.roots[0]);
  return Json{{"type", "CALL"},
              {"from", hex_data(request.from)},
              {"to", hex_data(request.to.value_or(Address{}))},
              {"gas", quantity(request.gas)},
              {"gasUsed", "0x0"},
              {"input", hex_data(request.input)},
              {"value", "0x0"},
              {"output", "0x"}};
}

// The transaction as one frame: what is not the call of one contract has those of all inside it.
Json around(const Mapped& transaction, std::vector<Json> calls) {
  Json out = {{"type", transaction.to ? "CALL" : "CREATE"},
              {"from", hex_data(transaction.from)},
              {"to", hex_data(transaction.to ? *transaction.to : transaction.created.value_or(Address{}))},
              {"gas", quantity(ledger::kTransactionGas)},
              {"gasUsed", quantity(transaction.gas_used)},
              {"input", hex_data(transaction.input)},
              {"value", "0x0"}};
  if (!transaction.accepted) out["error"] = transaction.own.value("reason", "execution reverted");
  if (!calls.empty()) out["calls"] = std::move(calls);
  return out;
}

Answer<Json> trace_transaction(Session& session, const Params& params) {
  ASSIGN(const TraceConfig config, read_config(params[1]));
  ASSIGN(const auto found, find_transaction(session, params[0]));
  if (!found) return refuse(RpcCode::server_error, "transaction not found");
  const Mapped& transaction = *found->transaction;
  Tracer tracer(config);
  if (session.chain.contracts) {
    // The block runs again up to it: what its transactions used then is used once more.
    const uint64_t gas = transaction.gas_before + transaction.gas_used;
    if (gas > ledger::kBlockGas / 4 || gas > session.left.gas)
      return refuse(RpcCode::limit_exceeded, "its block used {} gas up to it, too much to run again", gas);
    session.left.gas -= gas;
    const auto watched = session.chain.contracts->watched(tracer);
    ledger::Ledger::Substitutes substitutes{contract::lifecycle(watched), contract::deployed(watched)};
    for (auto& row : contract_methods(watched)) substitutes.methods.push_back(std::move(row));
    ASSIGN(const auto again,
           session.ledger().rerun(transaction.envelope.value_or(transaction.hash), substitutes));
    if (again.gas != transaction.gas_used)
      return refuse(RpcCode::server_error, "run again it used {} gas, not {}", again.gas,
                    transaction.gas_used);
  }
  if (tracer.roots.size() == 1) return whole(tracer, std::move(tracer.roots[0]));
  return whole(tracer, around(transaction, std::move(tracer.roots)));
}

constexpr Row kRows[] = {
    {"debug_traceCall", 2, 3, trace_call},
    {"debug_traceTransaction", 1, 2, trace_transaction},
};

}  // namespace

std::span<const Row> trace_methods() { return kRows; }

}  // namespace chengxin::ethereum
