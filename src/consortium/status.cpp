#include <algorithm>

#include "base/log.h"
#include "consortium/findings.h"
#include "consortium/impl/service.h"
#include "ledger/consortium.h"

// The table of a chain's nodes: each is asked for its own row.
namespace chengxin::consortium {
namespace {

// What another node gave as its row: what is there must be of these types.
Result<Json> checked_row(Json row) {
  static const Json kTypes = {{"chain", ""},
                              {"height", 0},
                              {"certified_height", 0},
                              {"engine_height", 0},
                              {"round", 0},
                              {"peers", 0},
                              {"running", true},
                              {"trouble", ""},
                              {"version", ""},
                              {"instance", ""},
                              {"time_ms", 0},
                              {"key", ""},
                              {"node", ""},
                              {"certificate_until_ms", 0},
                              {"disk_free_bytes", 0},
                              {"asker_twin", true}};
  if (!row.is_object()) return fail(Code::invalid_argument, "consortium.message", "a row is an object");
  for (const auto& [name, type] : kTypes.items())
    if (const auto value = row.find(name);
        value != row.end() && (type.is_number() ? !value->is_number_integer() : value->type() != type.type()))
      return fail(Code::invalid_argument, "consortium.message", "{} in a row", name);
  return row;
}

}  // namespace

Json ServiceImpl::row_of(const ledger::Ledger& ledger) const {
  const auto head = ledger.head();
  const auto state = chains_.state(ledger.id());
  Json row = {{"chain", hex(ledger.id())},
              {"height", head.header.height},
              {"certified_height", head.certified_height},
              {"engine_height", state.engine_height},
              {"round", state.round},
              {"peers", state.peers},
              {"running", state.running},
              {"trouble", state.trouble},
              {"version", options_.version},
              {"instance", instance_},
              {"time_ms", now()}};
  if (auto identity = own()) {
    row["key"] = hex(identity->key().public_key().point());
    row["node"] = identity->names().node;
    row["certificate_until_ms"] = identity->sign_certificate().not_after_ms;
  }
  std::error_code ignored;
  const auto space = fs::space(options_.folder, ignored);
  if (!ignored) row["disk_free_bytes"] = uint64_t(space.available);
  return row;
}

// Which process it was that asked or answered with this key.
void ServiceImpl::hear(const crypto::Sm2Point& key, const Json& said) {
  if (!said.is_object() || !said.contains("instance") || !said["instance"].is_string()) return;
  std::lock_guard lock(mutex_);
  instances_.hear(key, said["instance"].get<std::string>(), now());
}

// Whether two of them take turns.
bool ServiceImpl::twin(const crypto::Sm2Point& key) const {
  std::lock_guard lock(mutex_);
  return instances_.twin(key, now());
}

Result<Json> ServiceImpl::answer_status(const link::Peer& peer, const Json& with) {
  ASSIGN(Digest chain, unhex_digest(with.at("chain").get<std::string>()));
  const std::string name = with.at("name").get<std::string>();
  for (const auto& ledger : chains_.list()) {
    if (ledger->id() != chain && ledger->genesis().name != name) continue;
    auto record = membership_->find(ledger->id());
    if (!record || !admitted(*record, peer)) continue;
    if (ledger->id() != chain)
      return fail(Code::conflict, "consortium.other_genesis", "here {} is {}", name, hex(ledger->id()));
    Json row = row_of(*ledger);
    hear(peer.key, with);
    row["asker_twin"] = twin(peer.key);
    return row;
  }
  return fail(Code::not_found, "chain.not_found", "{}", name);
}

Result<Json> ServiceImpl::rows(const ledger::Ledger& ledger) {
  ASSIGN(Record record, record_of(ledger));
  auto open = links();
  auto identity = own();
  std::vector<std::pair<const format::Node*, std::unique_ptr<Asked>>> asked;
  for (const format::Node& node : record.consortium.nodes) {
    const bool self = identity && node.name == identity->names().node;
    asked.emplace_back(
        &node, !self && open
                   ? std::make_unique<Asked>(
                         *open, Place{node.address, node.key}, "status",
                         Json{{"chain", hex(record.chain)}, {"name", record.name}, {"instance", instance_}},
                         [this](const link::Peer& peer, const Json& row) { hear(peer.key, row); })
                   : nullptr);
  }
  Json items = Json::array();
  for (auto& [node, question] : asked) {
    const bool self = identity && node->name == identity->names().node;
    Result<Json> answer = self       ? Result<Json>(row_of(ledger))
                          : question ? question->wait().and_then(checked_row)
                                     : fail(Code::unavailable, "consortium.no_answer", "no links");
    Json row = answer ? *answer : Json::object();
    row["reported_key"] = row.value("key", "");
    if (!self && answer) row["twin"] = twin(question->peer().key);
    row["node"] = node->name;
    row["organisation"] = node->organisation;
    row["role"] = format::role_name(node->role);
    row["weight"] = node->weight;
    row["address"] = node->address;
    row["key"] = hex(node->key);
    row["self"] = self;
    row["reached"] = answer.has_value();
    row["reason"] = answer ? "" : answer.error().reason;
    row["detail"] = answer ? "" : answer.error().detail;
    row["clock_ahead_ms"] = question && answer ? question->peer().clock_ahead_ms : 0;
    items.push_back(std::move(row));
  }
  uint64_t top = 0;
  for (const Json& row : items) top = std::max(top, row.value("height", uint64_t(0)));
  for (Json& row : items)
    if (row["reached"] == true) row["lag"] = top - row.value("height", uint64_t(0));
  {
    std::lock_guard lock(mutex_);
    seen_rows_[record.chain] = items;
  }
  return items;
}

Result<Json> ServiceImpl::status(std::string_view chain) {
  ASSIGN(auto ledger, ledger_of(chain));
  ASSIGN(Json items, rows(*ledger));
  log_findings();
  return Json{
      {"chain", ledger->genesis().name}, {"id", hex(ledger->id())}, {"time_ms", now()}, {"items", items}};
}

// Each once, as long as it stands.
void ServiceImpl::log_findings() {
  const auto all = findings();
  std::set<std::string> standing;
  std::lock_guard lock(mutex_);
  for (const install::Finding& each : all) {
    const std::string about = each.reason + " " + each.detail.substr(0, each.detail.find(':'));
    if (standing.insert(about).second && !told_findings_.contains(about))
      log::warn("doctor.finding",
                {{"reason", each.reason}, {"detail", each.detail}, {"advice", each.advice}});
  }
  told_findings_ = std::move(standing);
}

std::vector<install::Finding> ServiceImpl::findings() {
  std::vector<install::Finding> out;
  auto identity = own();
  if (!identity) return out;
  out = certificate_findings(*identity, now());
  std::map<Digest, Json> seen;
  {
    std::lock_guard lock(mutex_);
    if (links_trouble_) out.push_back(links_finding(identity->names().address, *links_trouble_));
    seen = seen_rows_;
  }
  for (const auto& ledger : chains_.list()) {
    auto record = membership_->find(ledger->id());
    if (!record) continue;
    for (auto& each : record_findings(*record, *identity)) out.push_back(std::move(each));
    auto rows_of = seen.find(ledger->id());
    if (rows_of == seen.end()) continue;
    for (Json& row : rows_of->second) {
      if (row["self"] != true) continue;  // others may have been asked a while ago
      const auto state = chains_.state(ledger->id());
      row["running"] = state.running;
      row["trouble"] = state.trouble;
    }
    for (auto& each : row_findings(record->name, rows_of->second)) out.push_back(std::move(each));
  }
  return out;
}

}  // namespace chengxin::consortium
