#include "project/impl/stage.h"

#include <algorithm>

namespace chengxin::project {
namespace {

using contract::Entry;
using format::ReceiptStatus;

constexpr std::string_view kVerbs[] = {"deploy", "call", "query", "freeze", "unfreeze", "retire", "advance"};
constexpr std::string_view kOthers[] = {"by",      "with",    "from",    "why",
                                        "returns", "reverts", "refused", "events"};

bool knows(std::span<const std::string_view> words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Digits alone, at most 12.
std::optional<int64_t> number(const Yaml* written) {
  if (!written) return 0;
  const bool digits = !written->text.empty() && written->text.size() <= 12 &&
                      written->text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? std::optional(std::stoll(written->text)) : std::nullopt;
}

}  // namespace

Stage::Stage(const std::string& file, const std::string& own, const BuiltOf& built,
             const contract::Engines& engines, const TestOptions& options, TestReport& report)
    : file_(file),
      own_(own),
      built_(built),
      report_(report),
      chain_(engines, options.gas ? options.gas : ledger::kTransactionGas) {}

tl::unexpected<Error> Stage::bad(const Yaml& step, std::string_view what) const {
  return fail(Code::invalid_argument, "project.scenario", "{}:{}: {}", file_, step.line, what);
}

std::string Stage::where(const Yaml& step, std::string_view what) const {
  return fmt::format("{}:{} {}", file_, step.line, what);
}

Status Stage::accounts(const Yaml& accounts) {
  for (const auto& [name, roles] : accounts.members) {
    std::vector<std::string> all;
    for (const Yaml& role : roles.items) all.push_back(role.text);
    chain_.account(name, std::move(all));
    names_.add(name, chain_.address(name));
    accounts_.push_back(name);
  }
  if (accounts_.empty()) return bad(accounts, "accounts: at least one");
  return {};
}

Status Stage::step(const Yaml& step, Differences& out) {
  const std::string* verb = nullptr;
  const Yaml* subject = nullptr;
  for (const auto& [key, value] : step.members) {
    if (knows(kVerbs, key)) {
      if (verb) return bad(step, "one of deploy, call, query, freeze, unfreeze, retire, advance");
      verb = &key, subject = &value;
    } else if (!knows(kOthers, key)) {
      return bad(value, "unknown: " + key);
    }
  }
  if (!verb) return bad(step, "a step is one of deploy, call, query, freeze, unfreeze, retire, advance");
  if (*verb == "advance") return advance(step, *subject);
  if (!subject->is(Yaml::Kind::scalar)) return bad(*subject, *verb + ": a name");
  if (*verb == "deploy") return deploy(step, subject->text, out);
  if (*verb == "call" || *verb == "query") return call(step, subject->text, *verb == "query", out);
  return move(step, *verb, subject->text, out);
}

Status Stage::advance(const Yaml& step, const Yaml& by) {
  const auto blocks = number(by.find("blocks")), seconds = number(by.find("seconds"));
  if (!by.is(Yaml::Kind::map) || !blocks || !seconds) return bad(step, "advance: {blocks: 1, seconds: 60}");
  chain_.advance(uint64_t(*blocks), *seconds * 1000);
  return {};
}

Result<std::string> Stage::account_of(const Yaml& step) const {
  const Yaml* by = step.find("by");
  if (!by) return accounts_.front();
  if (!chain_.has_account(by->text)) return bad(*by, "no account " + by->text);
  return by->text;
}

Status Stage::deploy(const Yaml& step, const std::string& name, Differences& out) {
  ASSIGN(const std::string account, account_of(step));
  const Yaml* from = step.find("from");
  ASSIGN(const auto built, built_(name, from ? from->text : ""));
  ASSIGN(auto interface, contract::parse_interface(built->package.interface));
  names_.add(name, format::contract_address(name));
  static const Entry kNone;
  const Entry* constructor = &kNone;
  for (const Entry& entry : interface.entries)
    if (entry.kind == Entry::Kind::constructor) constructor = &entry;
  ASSIGN(const Json values, values_of(constructor->inputs, step.find("with"), names_));
  ASSIGN(const Bytes input, contract::encode(constructor->inputs, values));
  TestedContract& tested = report_.contracts[name];
  tested.code_bytes = built->package.code.size();
  for (const Entry& entry : interface.entries) {
    if (entry.kind == Entry::Kind::function) tested.reached.functions.try_emplace(entry.signature());
    if (entry.kind == Entry::Kind::error) tested.reached.errors.try_emplace(entry.signature());
    if (entry.kind == Entry::Kind::event) tested.reached.events.try_emplace(entry.signature());
  }
  const auto before =
      interfaces_.find(name) == interfaces_.end() ? std::nullopt : std::optional(interfaces_[name]);
  interfaces_[name] = std::move(interface);
  ASSIGN(auto result, chain_.deploy(account, name, built->encoded, input));
  Ended ended{result.status, std::move(result.output), std::move(result.events), result.gas};
  if (ended.status == ReceiptStatus::accepted) {
    tested.deployments.push_back(ended.gas);
    ended.output.clear();
  }
  const Status judged = judge(step, {name, nullptr}, ended, out);
  if (ended.status != ReceiptStatus::accepted && before) interfaces_[name] = *before;
  return judged;
}

Result<Stage::Target> Stage::target_of(const Yaml& step, const std::string& target) const {
  const size_t dot = std::min(target.find('('), target.size());
  const size_t at = target.substr(0, dot).rfind('.');
  const std::string contract = at == std::string::npos ? own_ : target.substr(0, at);
  const std::string method = at == std::string::npos ? target : target.substr(at + 1);
  auto known = interfaces_.find(contract);
  if (known == interfaces_.end()) return bad(step, "not deployed before: " + contract);
  const Entry* function = known->second.function(method);
  if (!function)
    return bad(
        step, fmt::format("{} has no function {} (or more than one: write its signature)", contract, method));
  return Target{contract, function};
}

Status Stage::call(const Yaml& step, const std::string& wanted, bool read_only, Differences& out) {
  ASSIGN(const std::string account, account_of(step));
  ASSIGN(const Target target, target_of(step, wanted));
  ASSIGN(const Json values, values_of(target.function->inputs, step.find("with"), names_));
  ASSIGN(const Bytes arguments, contract::encode(target.function->inputs, values));
  TestedContract& tested = report_.contracts[target.contract];
  tested.reached.functions[target.function->signature()] = true;
  Ended ended;
  if (read_only) {
    Bytes input;
    append(input, target.function->selector());
    append(input, arguments);
    ASSIGN(auto outcome, chain_.query(account, target.contract, input));
    static constexpr ReceiptStatus kEndings[] = {ReceiptStatus::accepted, ReceiptStatus::reverted,
                                                 ReceiptStatus::out_of_gas, ReceiptStatus::trapped};
    ended = {kEndings[size_t(outcome.ending)], std::move(outcome.output), {}, outcome.gas_used};
  } else {
    ASSIGN(auto result, chain_.transact(account, {target.contract, target.function->signature(), arguments}));
    ended = {result.status, std::move(result.output), std::move(result.events), result.gas};
  }
  if (ended.status == ReceiptStatus::accepted) tested.gas[target.function->signature()].push_back(ended.gas);
  return judge(step, target, ended, out);
}

Status Stage::move(const Yaml& step, const std::string& verb, const std::string& name, Differences& out) {
  ASSIGN(const std::string account, account_of(step));
  const Yaml* why = step.find("why");
  const format::ContractReason reason{name, why ? why->text : "-"};
  ASSIGN(auto result, chain_.transact(account, {"contract", verb, reason.encode()}));
  return judge(step, {name, nullptr}, {result.status, std::move(result.output), {}, result.gas}, out);
}

}  // namespace chengxin::project
