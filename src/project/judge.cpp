#include <algorithm>

#include "contract/keccak.h"
#include "project/impl/stage.h"

// What a step brought against what was expected of it.
namespace chengxin::project {
namespace {

using contract::Entry;
using contract::Parameter;
using contract::Type;
using format::ReceiptStatus;

Type type_of(Type::Kind kind, uint32_t size) {
  Type out;
  out.kind = kind;
  out.size = size;
  return out;
}

// Those of the language.
std::vector<Entry> builtin_errors() {
  Entry error, panic;
  error.kind = panic.kind = Entry::Kind::error;
  error.name = "Error";
  error.inputs = {{"message", type_of(Type::Kind::string, 0)}};
  panic.name = "Panic";
  panic.inputs = {{"code", type_of(Type::Kind::uint, 256)}};
  return {error, panic};
}

bool is_hashed(const Parameter& parameter) {
  using Kind = Type::Kind;
  const Kind kind = parameter.type.kind;
  return parameter.indexed &&
         (kind == Kind::string || kind == Kind::bytes || kind == Kind::array || kind == Kind::tuple);
}

// As its topics and data tell it: of what is indexed and has no fixed size, the hash.
Entry seen(Entry event) {
  for (Parameter& parameter : event.inputs)
    if (is_hashed(parameter)) parameter.type = type_of(Type::Kind::fixed_bytes, 32);
  return event;
}

std::optional<Json> values_in(const Entry& event, ByteView topics, ByteView data) {
  std::vector<Parameter> beside;
  for (const Parameter& each : event.inputs)
    if (!each.indexed) beside.push_back({"", each.type});
  const auto others = contract::decode(beside, data);
  if (!others) return std::nullopt;
  Json out = Json::array();
  size_t other = 0;
  for (const Parameter& each : event.inputs) {
    if (!each.indexed) {
      out.push_back(others->at(other++));
      continue;
    }
    if (topics.size() < 32) return std::nullopt;
    auto value = contract::decode({{"", each.type}}, topics.first(32));
    if (!value) return std::nullopt;
    out.push_back(value->at(0));
    topics = topics.subspan(32);
  }
  return out;
}

// A text that is expected of what is hashed, as its hash.
Yaml hashed(const Entry& declared, Yaml expected) {
  for (size_t i = 0; i < declared.inputs.size(); ++i) {
    const Parameter& parameter = declared.inputs[i];
    if (!is_hashed(parameter) || parameter.type.kind != Type::Kind::string) continue;
    Yaml* value = i < expected.items.size() ? &expected.items[i] : nullptr;
    for (auto& [name, member] : expected.members)
      if (name == parameter.name) value = &member;
    if (value && value->is(Yaml::Kind::scalar))
      value->text = "0x" + hex(contract::keccak256(view(value->text)));
  }
  return expected;
}

std::pair<std::string, const Yaml*> named(const Yaml& expected) {
  if (expected.is(Yaml::Kind::map) && expected.members.size() == 1)
    return {expected.members[0].first, &expected.members[0].second};
  return {expected.text, nullptr};
}

}  // namespace

std::optional<Stage::Told> Stage::error_in(ByteView data) const {
  if (data.size() < 4) return std::nullopt;
  const auto match = [&](const std::string& contract,
                         const std::vector<Entry>& entries) -> std::optional<Told> {
    for (const Entry& entry : entries) {
      if (entry.kind != Entry::Kind::error || !equal(entry.selector(), data.first(4))) continue;
      if (auto values = contract::decode(entry.inputs, data.subspan(4)))
        return Told{contract, entry, std::move(*values)};
    }
    return std::nullopt;
  };
  if (auto found = match("", builtin_errors())) return found;
  if (auto own = interfaces_.find(own_); own != interfaces_.end())
    if (auto found = match(own_, own->second.entries)) return found;
  for (const auto& [name, interface] : interfaces_)
    if (auto found = match(name, interface.entries)) return found;
  return std::nullopt;
}

std::optional<Stage::Told> Stage::event_in(const format::Event& event) const {
  if (event.type != "log" || event.data.empty()) return std::nullopt;
  for (const auto& [name, interface] : interfaces_) {
    if (hex(format::contract_address(name)) != event.contract) continue;
    const ByteView all(event.data);
    const size_t topics = 32 * size_t(all[0]);
    if (all.size() < 1 + topics || topics < 32) return std::nullopt;
    for (const Entry& entry : interface.entries) {
      if (entry.kind != Entry::Kind::event || entry.anonymous || !equal(entry.topic(), all.subspan(1, 32)))
        continue;
      const Entry visible = seen(entry);
      if (auto values = values_in(visible, all.subspan(33, topics - 32), all.subspan(1 + topics)))
        return Told{name, entry, std::move(*values)};
    }
  }
  return std::nullopt;
}

std::string Stage::ending_of(const Ended& ended) const {
  if (ended.status == ReceiptStatus::accepted) return "返回 returned";
  if (ended.status == ReceiptStatus::reverted) {
    const auto told = error_in(ended.output);
    if (!told) return ended.output.empty() ? "回退 reverted" : "回退 reverted 0x" + hex(ended.output);
    return fmt::format("回退 reverted {} {}", told->entry.name, names_.shown(told->values));
  }
  return "拒绝 refused " + to_string(ended.output);
}

void Stage::count(const Ended& ended) {
  if (ended.status == ReceiptStatus::reverted)
    if (const auto told = error_in(ended.output); told && !told->contract.empty())
      report_.contracts[told->contract].reached.errors[told->entry.signature()] = true;
  for (const format::Event& event : ended.events)
    if (const auto told = event_in(event))
      report_.contracts[told->contract].reached.events[told->entry.signature()] = true;
}

Status Stage::judge(const Yaml& step, const Target& target, const Ended& ended, Differences& out) {
  count(ended);
  const Yaml *reverts = step.find("reverts"), *refused = step.find("refused"), *events = step.find("events");
  if (int(reverts != nullptr) + int(refused != nullptr) + int(step.find("returns") != nullptr) > 1)
    return bad(step, "one of returns, reverts, refused");
  const std::string what = target.function ? target.contract + "." + target.function->name : target.contract;
  const std::string place = where(step, what);
  if (reverts) {
    judge_revert(*reverts, ended, place, out);
  } else if (refused) {
    const bool closed = ended.status != ReceiptStatus::accepted && ended.status != ReceiptStatus::reverted;
    if (!closed || text(ended.output) != refused->text)
      out.push_back(
          fmt::format("{}: 应为 expected refused {}, 实为 was {}", place, refused->text, ending_of(ended)));
  } else if (ended.status != ReceiptStatus::accepted) {
    out.push_back(fmt::format("{}: {}", place, ending_of(ended)));
  } else {
    judge_returns(step, target, ended, out);
    if (events) judge_events(*events, target, ended, place, out);
  }
  return {};
}

void Stage::judge_returns(const Yaml& step, const Target& target, const Ended& ended, Differences& out) {
  const Yaml* expected = step.find("returns");
  if (!target.function) return;
  const std::string place = where(step, target.contract + "." + target.function->name + " returns");
  const auto values = contract::decode(target.function->outputs, ended.output);
  if (!values)
    out.push_back(fmt::format("{}: {}", place, values.error().to_string()));
  else if (expected)
    compare(target.function->outputs, *expected, *values, names_, place, out);
}

void Stage::judge_revert(const Yaml& expected, const Ended& ended, const std::string& place,
                         Differences& out) {
  const auto [name, values] = named(expected);
  const auto told = ended.status == ReceiptStatus::reverted ? error_in(ended.output) : std::nullopt;
  const bool empty = name.empty() && ended.status == ReceiptStatus::reverted && ended.output.empty();
  if (empty) return;
  if (!told || told->entry.name != name) {
    out.push_back(fmt::format("{}: 应为 expected reverted {}, 实为 was {}", place, name, ending_of(ended)));
    return;
  }
  if (values) compare(told->entry.inputs, *values, told->values, names_, place + " " + name, out);
}

void Stage::judge_events(const Yaml& expected, const Target& target, const Ended& ended,
                         const std::string& place, Differences& out) {
  std::vector<Told> all;
  std::string shown;
  for (const format::Event& event : ended.events) {
    if (event.type != "log") continue;  // of the life cycle
    auto told = event_in(event);
    if (!told) told = Told{event.contract, {}, hex(event.data)};
    shown += fmt::format("{}.{} {}; ", told->contract, told->entry.name, names_.shown(told->values));
    all.push_back(std::move(*told));
  }
  if (all.size() != expected.items.size()) {
    out.push_back(fmt::format("{}: 应有 expected {} events, 实有 had {}: {}", place, expected.items.size(),
                              all.size(), shown));
    return;
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const auto [name, values] = named(expected.items[i]);
    const std::string full = all[i].contract + "." + all[i].entry.name;
    if (name != full && !(name == all[i].entry.name && all[i].contract == target.contract))
      out.push_back(fmt::format("{} events[{}]: 应为 expected {}, 实为 was {}", place, i, name, full));
    else if (values)
      compare(seen(all[i].entry).inputs, hashed(all[i].entry, *values), all[i].values, names_,
              fmt::format("{} {}", place, name), out);
  }
}

}  // namespace chengxin::project
