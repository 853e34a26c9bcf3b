#include <algorithm>

#include "base/log.h"
#include "consortium/impl/service.h"
#include "crypto/random.h"
#include "format/protocol.h"

// Founding a chain together: the founder offers a draft to the nodes of those organisations; each accepts
// with its keys for this chain; when all have, the genesis is made and every node begins it. Nothing of it
// stands on another chain.
namespace chengxin::consortium {
namespace {

constexpr size_t kMaxOffers = 64;

// A draft is a genesis' consortium whose nodes have no engine keys yet, and what else a genesis needs.
Json draft_of(const NewChain& what, const std::vector<format::Organisation>& organisations,
              const std::vector<format::Node>& nodes, int64_t now_ms) {
  Json out = {{"name", what.name},
              {"approval", format::approval_name(what.approval)},
              {"created_ms", now_ms},
              {"salt", hex(crypto::random_bytes(16))},
              {"protocol", format::kNewestProtocol},
              {"organisations", Json::array()},
              {"nodes", Json::array()}};
  for (const auto& each : organisations) out["organisations"].push_back(format::to_json(each));
  for (format::Node each : nodes) {
    each.engine_key = {};
    each.engine_id = {};
    out["nodes"].push_back(format::to_json(each));
  }
  return out;
}

struct Draft {
  format::Genesis genesis;  // its consortium's nodes without engine keys
  const format::Node* find(const crypto::Sm2Point& key) const { return genesis.consortium->find_node(key); }
};

Result<Draft> read_draft(const Json& json) {
  Draft out;
  out.genesis.name = json.at("name").get<std::string>();
  if (!format::valid_name(out.genesis.name))
    return fail(Code::invalid_argument, "chain.name", "{}", out.genesis.name);
  out.genesis.created_ms = json.at("created_ms").get<int64_t>();
  out.genesis.protocol = json.value("protocol", format::kFirstProtocol);
  ASSIGN(Bytes salt, unhex(json.at("salt").get<std::string>()));
  if (salt.size() != out.genesis.salt.size())
    return fail(Code::invalid_argument, "consortium.message", "the salt is not 16 bytes");
  std::copy(salt.begin(), salt.end(), out.genesis.salt.begin());
  out.genesis.consortium.emplace();
  auto approval = format::approval_of(json.at("approval").get<std::string>());
  if (!approval) return fail(Code::invalid_argument, "consortium.message", "an unknown approval");
  out.genesis.consortium->approval = *approval;
  for (const Json& each : json.at("organisations")) {
    ASSIGN(auto organisation, format::read_organisation(each));
    out.genesis.consortium->organisations.push_back(std::move(organisation));
  }
  for (const Json& each : json.at("nodes")) {
    ASSIGN(auto node, format::read_node(each));
    out.genesis.consortium->nodes.push_back(std::move(node));
  }
  out.genesis.consortium->sort();
  return out;
}

// The genesis of the draft with what its nodes accepted with: the same on every node.
Result<std::string> genesis_of(const Json& draft, const std::map<std::string, format::Node>& accepted) {
  ASSIGN(Draft read, read_draft(draft));
  for (format::Node& node : read.genesis.consortium->nodes) {
    auto found = accepted.find(node.name);
    if (found == accepted.end())
      return fail(Code::conflict, "consortium.other_genesis", "{} has not accepted", node.name);
    node.engine_key = found->second.engine_key;
    node.engine_id = found->second.engine_id;
  }
  TRY(read.genesis.consortium->check());
  complete(read.genesis);
  std::string document = read.genesis.encode();
  ASSIGN([[maybe_unused]] auto again, format::Genesis::decode(document));
  return document;
}

Place place_of(const format::Node& node) { return {node.address, node.key}; }

}  // namespace

void complete(format::Genesis& genesis) {
  genesis.validators = genesis.consortium->validators();
  std::map<crypto::Sm2Point, std::vector<std::string>> roles;  // a key may have both
  for (const auto& each : genesis.consortium->organisations) roles[each.governor_key].push_back("governor");
  for (const auto& each : genesis.consortium->nodes)
    if (each.service_key != crypto::Sm2Point{}) roles[each.service_key].push_back("writer");
  genesis.accounts.clear();
  for (auto& [key, names] : roles) genesis.accounts.push_back({key, std::move(names)});
}

std::optional<Json> ServiceImpl::offer_named(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = offers_.find(name);
  return found == offers_.end() ? std::nullopt : std::optional(found->second);
}

Result<Json> ServiceImpl::create_chain(const NewChain& what) {
  {
    std::lock_guard turn(offers_turn_);
    ASSIGN(Identity identity, own());
    if (!format::valid_name(what.name)) return fail(Code::invalid_argument, "chain.name", "{}", what.name);
    if (ledger_of(what.name)) return fail(Code::conflict, "chain.exists", "{}", what.name);
    if (auto known = offer_named(what.name);
        known && known->at("state") != "refused" && known->at("state") != "cancelled")
      return fail(Code::conflict, "consortium.offer_exists", "{}", what.name);
    ASSIGN(auto ledger, ledger_of(what.from));
    ASSIGN(Record record, record_of(*ledger));
    auto chosen = [&](const std::string& name) {
      return what.organisations.empty() || name == identity.names().organisation ||
             std::find(what.organisations.begin(), what.organisations.end(), name) !=
                 what.organisations.end();
    };
    for (const std::string& name : what.organisations)
      if (!record.consortium.find_organisation(name))
        return fail(Code::not_found, "consortium.no_organisation", "{}", name);
    std::vector<format::Organisation> organisations;
    std::vector<format::Node> nodes;
    for (const auto& each : record.consortium.nodes)
      if (chosen(each.organisation)) nodes.push_back(each);
    for (const auto& each : record.consortium.organisations)
      if (chosen(each.name)) organisations.push_back(each);
    ASSIGN(EngineKeys engine, chains_.engine_keys(what.name));
    const format::Node* self = record.consortium.find_node(identity.names().node);
    if (!self) return fail(Code::conflict, "consortium.no_node", "this node is not on {}", what.from);
    format::Node mine = *self;
    mine.engine_key = engine.key;
    mine.engine_id = engine.id;
    Json offer = {{"founder", true},
                  {"from", what.from},
                  {"draft", draft_of(what, organisations, nodes, now())},
                  {"state", "offered"},
                  {"accepted", {{mine.name, format::to_json(mine)}}},
                  {"refused", Json::array()},
                  {"told", Json::array()},
                  {"genesis", ""},
                  {"begun", Json::array()},
                  {"trouble", Json::object()}};
    TRY(keep(offer_files_, offers_, what.name, std::move(offer)));
  }
  on_changed({});
  return describe_offer(what.name);
}

Result<Json> ServiceImpl::describe_offer(const std::string& name) const {
  auto offer = offer_named(name);
  if (!offer) return fail(Code::not_found, "consortium.no_offer", "{}", name);
  const bool founder = offer->at("founder").get<bool>();
  Json members = Json::array();
  for (const Json& node : offer->at("draft").at("nodes")) {
    const std::string node_name = node.at("name").get<std::string>();
    Json row = {{"node", node_name}, {"organisation", node.at("organisation")}};
    if (founder) {
      const auto& refused = offer->at("refused");
      const auto& told = offer->at("told");
      row["state"] = offer->at("accepted").contains(node_name)                               ? "accepted"
                     : std::find(refused.begin(), refused.end(), node_name) != refused.end() ? "refused"
                     : std::find(told.begin(), told.end(), node_name) != told.end()          ? "offered"
                                                                                             : "not_reached";
      row["trouble"] = offer->at("trouble").value(node_name, "");
    }
    members.push_back(std::move(row));
  }
  return Json{{"name", name},
              {"founder", founder},
              {"from", founder ? offer->at("from") : offer->at("founder_node")},
              {"state", offer->at("state")},
              {"approval", offer->at("draft").at("approval")},
              {"members", std::move(members)}};
}

Result<Json> ServiceImpl::offers() {
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, offer] : offers_) names.push_back(name);
  }
  Json items = Json::array();
  for (const std::string& name : names)
    if (auto offer = describe_offer(name)) items.push_back(std::move(*offer));
  return Json{{"items", std::move(items)}};
}

Result<Json> ServiceImpl::accept(const std::string& name) {
  {
    std::lock_guard turn(offers_turn_);
    ASSIGN(Identity identity, own());
    auto offer = offer_named(name);
    if (!offer || offer->at("founder").get<bool>() || offer->at("state") != "offered")
      return fail(Code::not_found, "consortium.no_offer", "{}", name);
    if (ledger_of(name)) return fail(Code::conflict, "chain.exists", "{}", name);
    ASSIGN(Draft draft, read_draft(offer->at("draft")));
    const format::Node* drafted = draft.find(identity.key().public_key().point());
    if (!drafted) return fail(Code::conflict, "consortium.no_node", "the draft has another key of this node");
    ASSIGN(EngineKeys engine, chains_.engine_keys(name));
    format::Node mine = *drafted;
    mine.engine_key = engine.key;
    mine.engine_id = engine.id;
    (*offer)["state"] = "accepted";
    (*offer)["node"] = format::to_json(mine);
    (*offer)["told"] = false;
    TRY(keep(offer_files_, offers_, name, std::move(*offer)));
  }
  on_changed({});
  return describe_offer(name);
}

Result<Json> ServiceImpl::refuse(const std::string& name) {
  {
    std::lock_guard turn(offers_turn_);
    auto offer = offer_named(name);
    if (!offer || offer->at("state") == "founded")
      return fail(Code::not_found, "consortium.no_offer", "{}", name);
    const bool founder = offer->at("founder").get<bool>();
    (*offer)["state"] = founder ? "cancelled" : "refused";
    if (!founder) (*offer)["told"] = false;
    TRY(keep(offer_files_, offers_, name, std::move(*offer)));
  }
  on_changed({});
  return describe_offer(name);
}

Result<Json> ServiceImpl::answer_offer(const link::Peer& peer, const Json& with) {
  ASSIGN(Identity identity, own());
  ASSIGN(Draft draft, read_draft(with.at("draft")));
  const std::string& name = draft.genesis.name;
  const format::Node* founder = draft.find(peer.key);
  if (!founder || !draft.find(identity.key().public_key().point()))
    return fail(Code::forbidden, "consortium.message", "the draft does not name both nodes");
  if (ledger_of(name)) return fail(Code::conflict, "chain.exists", "{}", name);
  std::lock_guard turn(offers_turn_);
  if (auto known = offer_named(name)) {
    const bool same = !known->at("founder").get<bool>() && known->at("founder_key") == hex(peer.key);
    if (same && known->at("draft") == with.at("draft")) return Json::object();
    const bool over = known->at("state") == "refused" || known->at("state") == "cancelled";
    if (!over && !(same && known->at("state") == "offered"))
      return fail(Code::conflict, "consortium.offer_exists", "{}", name);
  }
  {
    std::lock_guard lock(mutex_);
    if (offers_.size() >= kMaxOffers)
      return fail(Code::busy, "consortium.too_many_offers", "{}", offers_.size());
  }
  TRY(keep(offer_files_, offers_, name,
           {{"founder", false},
            {"founder_node", founder->name},
            {"founder_key", hex(peer.key)},
            {"founder_address", founder->address},
            {"draft", with.at("draft")},
            {"state", "offered"},
            {"told", true}}));
  log::info("consortium.offer", {{"chain", name}, {"from", founder->name}});
  return Json::object();
}

Result<Json> ServiceImpl::answer_accepted(const link::Peer& peer, const Json& with) {
  const std::string name = with.at("name").get<std::string>();
  std::lock_guard turn(offers_turn_);
  auto offer = offer_named(name);
  if (!offer || !offer->at("founder").get<bool>())
    return fail(Code::not_found, "consortium.no_offer", "{}", name);
  ASSIGN(Draft draft, read_draft(offer->at("draft")));
  const format::Node* drafted = draft.find(peer.key);
  if (!drafted) return fail(Code::forbidden, "consortium.message", "the draft does not name that node");
  if (offer->at("state") != "offered") return Json{{"state", offer->at("state")}};
  if (with.at("yes").get<bool>()) {
    ASSIGN(auto node, format::read_node(with.at("node")));
    format::Node without = node;
    without.engine_key = {};
    without.engine_id = {};
    if (without != *drafted)
      return fail(Code::conflict, "consortium.other_genesis", "another record of {}", node.name);
    (*offer)["accepted"][node.name] = format::to_json(node);
  } else {
    (*offer)["refused"].push_back(drafted->name);
  }
  TRY(keep(offer_files_, offers_, name, *offer));
  on_changed({});
  return Json{{"state", "offered"}};
}

// The founder has the genesis: it must be the draft with what the nodes accepted with, this one's own above
// all.
Result<Json> ServiceImpl::answer_found(const link::Peer& peer, const Json& with) {
  const std::string name = with.at("name").get<std::string>();
  const std::string document = with.at("genesis").get<std::string>();
  std::lock_guard turn(offers_turn_);
  auto offer = offer_named(name);
  if (!offer || offer->at("founder").get<bool>() || offer->at("founder_key") != hex(peer.key))
    return fail(Code::not_found, "consortium.no_offer", "{}", name);
  if (offer->at("state") == "founded" && offer->at("genesis") == document) return Json::object();
  if (offer->at("state") != "accepted")
    return fail(Code::conflict, "consortium.no_offer", "{} was not accepted", name);
  ASSIGN(auto genesis, format::Genesis::decode(document));
  std::map<std::string, format::Node> nodes;
  if (genesis.consortium)
    for (const auto& each : genesis.consortium->nodes) nodes[each.name] = each;
  ASSIGN(auto mine, format::read_node(offer->at("node")));
  ASSIGN(std::string expected, genesis_of(offer->at("draft"), nodes));
  if (expected != document || nodes[mine.name] != mine)
    return fail(Code::conflict, "consortium.other_genesis", "it is not what this node accepted");
  (*offer)["state"] = "founded";
  (*offer)["genesis"] = document;
  TRY(keep(offer_files_, offers_, name, *offer));
  on_changed({});
  return Json::object();
}

Result<Json> ServiceImpl::answer_cancel(const link::Peer& peer, const Json& with) {
  const std::string name = with.at("name").get<std::string>();
  std::lock_guard turn(offers_turn_);
  auto offer = offer_named(name);
  if (!offer || offer->at("founder").get<bool>() || offer->at("founder_key") != hex(peer.key) ||
      offer->at("state") == "founded")
    return Json::object();
  (*offer)["state"] = "cancelled";
  TRY(keep(offer_files_, offers_, name, *offer));
  return Json::object();
}

// Tells those who were not told; `done` lists who was. Whoever cannot be reached is tried again. No lock is
// held while others are asked: they may be asking this node.
void ServiceImpl::tell_members(const std::string& name, const Json& offer, const char* done,
                               std::string_view call, const Json& with) {
  auto open = links();
  auto identity = own();
  auto draft = read_draft(offer.at("draft"));
  if (!open || !identity || !draft) return;
  std::vector<std::pair<std::string, Asked>> asked;
  for (const format::Node& node : draft->genesis.consortium->nodes) {
    const Json& list = offer.at(done);
    if (node.name != identity->names().node && std::find(list.begin(), list.end(), node.name) == list.end())
      asked.emplace_back(node.name, Asked(*open, place_of(node), call, with));
  }
  if (asked.empty()) return;
  std::vector<Result<Json>> answers;
  for (auto& [node, question] : asked) answers.push_back(question.wait());

  std::lock_guard turn(offers_turn_);
  auto current = offer_named(name);
  if (!current || current->at("state") != offer.at("state")) return;
  for (size_t i = 0; i < asked.size(); ++i) {
    const std::string& node = asked[i].first;
    const bool final = !answers[i] && is_final(answers[i].error());
    (*current)["trouble"].erase(node);
    if (answers[i] || final) (*current)[done].push_back(node);
    if (!answers[i]) (*current)["trouble"][node] = answers[i].error().reason;
    if (final && call == "offer") (*current)["refused"].push_back(node);
  }
  if (*current == offer) return;
  if (auto kept = keep(offer_files_, offers_, name, std::move(*current)); !kept)
    log::error("consortium.offer", {{"chain", name}, {"error", kept.error().to_string()}});
}

// All have accepted: the genesis.
Status ServiceImpl::found(const std::string& name) {
  std::lock_guard turn(offers_turn_);
  auto offer = offer_named(name);
  if (!offer || offer->at("state") != "offered" ||
      offer->at("accepted").size() != offer->at("draft").at("nodes").size())
    return {};
  std::map<std::string, format::Node> nodes;
  for (const Json& each : offer->at("accepted")) {
    ASSIGN(auto node, format::read_node(each));
    nodes[node.name] = std::move(node);
  }
  ASSIGN((*offer)["genesis"], genesis_of(offer->at("draft"), nodes));
  (*offer)["state"] = "founded";
  return keep(offer_files_, offers_, name, std::move(*offer));
}

void ServiceImpl::advance_founding(const std::string& name, const Json& offer) {
  const std::string state = offer.at("state").get<std::string>();
  if (state == "offered") {
    tell_members(name, offer, "told", "offer", {{"draft", offer.at("draft")}});
    if (auto founded = found(name); !founded)
      log::error("consortium.found", {{"chain", name}, {"error", founded.error().to_string()}});
  } else if (state == "founded") {
    tell_members(name, offer, "begun", "found", {{"name", name}, {"genesis", offer.at("genesis")}});
  } else if (state == "cancelled") {
    tell_members(name, offer, "begun", "cancel", {{"name", name}});
  }
}

void ServiceImpl::advance_offered(const std::string& name, const Json& offer) {
  if (offer.at("told") == true || (offer.at("state") != "accepted" && offer.at("state") != "refused")) return;
  auto open = links();
  auto key = point_in(offer, "founder_key");
  if (!open || !key) return;
  Json with = {{"name", name}, {"yes", offer.at("state") == "accepted"}};
  if (offer.contains("node")) with["node"] = offer.at("node");
  auto answer = ask(*open, {offer.at("founder_address").get<std::string>(), *key}, "accepted", with);
  if (!answer && !is_final(answer.error())) return;
  std::lock_guard turn(offers_turn_);
  auto current = offer_named(name);
  if (!current || current->at("state") != offer.at("state")) return;
  (*current)["told"] = true;
  if (!answer) {
    (*current)["state"] = "cancelled";
    log::warn("consortium.offer", {{"chain", name}, {"error", answer.error().to_string()}});
  }
  if (auto kept = keep(offer_files_, offers_, name, std::move(*current)); !kept)
    log::error("consortium.offer", {{"chain", name}, {"error", kept.error().to_string()}});
}

void ServiceImpl::advance_offers() {
  Documents all;
  {
    std::lock_guard lock(mutex_);
    all = offers_;
  }
  for (const auto& [name, offer] : all) {
    offer.at("founder").get<bool>() ? advance_founding(name, offer) : advance_offered(name, offer);
    const auto now_is = offer_named(name);
    if (!now_is || now_is->at("state") != "founded" || ledger_of(name)) continue;
    auto started = chains_.start(now_is->at("genesis").get<std::string>());
    if (started || started.error().reason == "chain.exists")
      refresh();
    else
      log::warn("consortium.found", {{"chain", name}, {"error", started.error().to_string()}});
  }
}

}  // namespace chengxin::consortium
