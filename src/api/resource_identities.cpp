#include "api/resource_identities.h"

#include "api/authorise.h"
#include "api/contract_submission.h"
#include "api/describe.h"
#include "api/problem.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "format/consortium.h"
#include "identity/calls.h"
#include "identity/contract.h"
#include "identity/reads.h"

namespace chengxin::api {
namespace {

using namespace identity;
using ledger::Ledger;

// What a caller may name instead of an id.
Result<SubjectId> subject_in(const Call& call) { return parse_subject(call.path.text("identity")); }

Handler on_ledger(std::function<Result<Response>(Call&, const Ledger&)> work) {
  return [work = std::move(work)](Call& call) -> Task<Result<Response>> {
    CO_ASSIGN(const auto chain, chain_of(call));
    co_return co_await blocking(call.app, [&] { return work(call, *chain->ledger); });
  };
}

// ── Transactions that the platform signs ───────────────────────────────────────────────────────────────────

Response settled_answer(const Call& call, const ledger::TransactionRecord& record, Json more) {
  more.update({{"transaction", hex(record.transaction.hash)},
               {"height", record.height},
               {"time_ms", record.receipt.time_ms},
               {"gas", record.receipt.gas}});
  const auto status = format::ReceiptStatus(record.receipt.status);
  if (status != format::ReceiptStatus::accepted) {
    Response out = problem(refusal_of(status, record.output), call.request_id);
    Json body = Json::parse(out.body);
    body.update(more);
    out.body = json_response(body).body;
    return out;
  }
  if (record.output.size() == 8) more["number"] = get_be<uint64_t>(record.output.data());
  return json_response(more, 201);
}

constexpr std::string_view kSetRegistrar = "set_registrar";

Task<Result<Response>> perform(Call& call, host::ChainPtr chain, Hand hand, format::Call made, Json more) {
  auto settled = co_await settle(call, chain, hand, std::move(made), {});
  if (!settled) co_return tl::unexpected(settled.error());
  if (!settled->record) co_return still_pending(*chain, settled->transaction);
  co_return settled_answer(call, *settled->record, std::move(more));
}

Task<Result<Response>> act(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  const std::string method = call.path.text("act");
  if (method == kSetRegistrar)
    co_return fail(Code::forbidden, "api.own_route", "POST …/identity/registrars names registrars");
  CO_ASSIGN(auto made, call_of(method, call.json));
  co_return co_await perform(call, chain, Hand::service, std::move(made), Json::object());
}

// Under the governor's key: who enrols must not name who enrols. Without a key: the account that enrols here.
Task<Result<Response>> name_registrar(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  Json named = call.json;
  if (!named.contains("key"))
    named["key"] = hex(format::key_id(call.app.services.service_key->public_key().point()));
  CO_ASSIGN(auto made, call_of(kSetRegistrar, named));
  co_return co_await perform(call, chain, Hand::governor, std::move(made), Json::object());
}

// Seeds that are left out are drawn here.
Task<Result<Response>> enrol(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  CO_ASSIGN(auto batch, from_json<Register>(call.json));
  const KeyId registrar = format::key_id(call.app.services.service_key->public_key().point());
  Json ids = Json::array();
  for (NewSubject& each : batch.subjects) {
    if (each.seed.empty()) each.seed = crypto::random_bytes(16);
    ids.push_back(hex(subject_id(chain->ledger->id(), registrar, each.seed)));
  }
  const format::Call made{"identity", "register", encode(batch)};
  if (made.arguments.size() > format::kMaxBodyBytes - 1024)
    co_return tl::unexpected(
        Error{Code::too_large, "identity.batch", "the call is larger than a transaction may be"});
  Json more = {{"identities", std::move(ids)}};
  co_return co_await perform(call, chain, Hand::service, made, std::move(more));
}

// For who signs for itself.
Task<Result<Response>> encode_act(Call& call) {
  CO_ASSIGN(const auto made, call_of(call.path.text("act"), call.json));
  co_return json_response(
      {{"contract", made.contract}, {"method", made.method}, {"arguments", base64(made.arguments)}});
}

// ── What the chain holds ───────────────────────────────────────────────────────────────────────────────────

Result<Response> one(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  ASSIGN(const Subject subject, subject_of(reader(ledger), id));
  return json_response(describe(id, subject));
}

Result<std::optional<SubjectId>> id_of(const Call& call, const Read& read) {
  if (const std::string key = call.query.text("key"); !key.empty()) {
    ASSIGN(const Bytes bytes, unhex(key));
    KeyId id;
    if (bytes.size() != id.size())
      return fail(Code::invalid_argument, "format.identity", "key: 32 hexadecimal digits");
    std::copy(bytes.begin(), bytes.end(), id.begin());
    return subject_of_key(read, id);
  }
  ASSIGN(const Digest unique, unhex_digest(call.query.text("unique")));
  ASSIGN(auto found, read(unique_key(unique)));
  if (!found) return std::optional<SubjectId>();
  SubjectId id;
  std::copy_n(found->begin(), id.size(), id.begin());
  return std::optional(id);
}

// Rows under a prefix, the rest of whose key is a cursor.
Result<std::vector<std::pair<Bytes, Bytes>>> rows_under(const Call& call, const Ledger& ledger,
                                                        const std::string& prefix) {
  Bytes from = to_bytes(view(prefix)), to = from;
  if (const std::string after = call.query.text("cursor"); !after.empty()) {
    ASSIGN(const Bytes rest, unhex(after));
    append(from, rest);
    from.push_back(0);
  }
  for (; to.back() == 0xff; to.pop_back()) {
  }
  ++to.back();
  return ledger.state_range(from, to, size_t(page_limit(call)));
}

template <typename Describe>
Result<Response> list(Call& call, const Ledger& ledger, const std::string& prefix, const Describe& describe) {
  ASSIGN(const auto rows, rows_under(call, ledger, prefix));
  Json items = Json::array();
  for (const auto& [key, value] : rows) {
    ASSIGN(Json item, describe(ByteView(key).subspan(prefix.size()), ByteView(value)));
    items.push_back(std::move(item));
  }
  const bool more = rows.size() == size_t(page_limit(call));
  return page(call, std::move(items), more ? hex(ByteView(rows.back().first).subspan(prefix.size())) : "");
}

SubjectId id_at(ByteView rest) {
  SubjectId out{};
  std::copy_n(rest.begin(), std::min(rest.size(), out.size()), out.begin());
  return out;
}
Result<Json> numbered(ByteView rest, Json record) {
  record["number"] = rest.size() == 8 ? get_be<uint64_t>(rest.data()) : 0;
  return record;
}

// By key or mark; the children of an organisation; or all, in the order of their ids.
Result<Response> find(Call& call, const Ledger& ledger) {
  const Read read = reader(ledger);
  const auto described = [&](const SubjectId& id) -> Result<Json> {
    ASSIGN(const Subject subject, subject_of(read, id));
    return describe(id, subject);
  };
  if (call.query.find("key") || call.query.find("unique")) {
    ASSIGN(const auto id, id_of(call, read));
    Json items = Json::array();
    if (id) {
      ASSIGN(Json item, described(*id));
      items.push_back(std::move(item));
    }
    return page(call, std::move(items), "");
  }
  if (const std::string parent = call.query.text("parent"); !parent.empty()) {
    ASSIGN(const SubjectId above, parse_subject(parent));
    return list(call, ledger, child_key(above, {}).substr(0, child_key(above, {}).size() - above.size()),
                [&](ByteView rest, ByteView) { return described(id_at(rest)); });
  }
  return list(call, ledger, std::string(kStatePrefix) + "s/",
              [&](ByteView rest, ByteView value) -> Result<Json> {
                ASSIGN(const Subject subject, decode<Subject>(value));
                return describe(id_at(rest), subject);
              });
}

Result<Response> history(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  ASSIGN(const auto changes, history_of(reader(ledger), id));
  Json items = Json::array();
  for (size_t i = 0; i < changes.size(); ++i) {
    items.push_back(to_json(changes[i]));
    items.back()["version"] = i + 1;
  }
  return page(call, std::move(items), "");
}

std::string prefix_of(std::string key) { return key.substr(0, key.size() - 8); }

Result<Response> relations(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  return list(call, ledger, prefix_of(relation_key(id, 0)),
              [](ByteView rest, ByteView value) -> Result<Json> {
                ASSIGN(const Relation relation, decode<Relation>(value));
                return numbered(rest, to_json(relation));
              });
}

// For whom it may act.
Result<Response> acting(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  const std::string prefix = between_key({}, id).substr(0, between_key({}, id).size() - id.size());
  return list(call, ledger, prefix, [&](ByteView rest, ByteView value) -> Result<Json> {
    Json numbers = Json::array();
    for (Reader in(value); in.remaining() > 0;) numbers.push_back(in.be<uint64_t>());
    return Json{{"principal", hex(id_at(rest))}, {"relations", numbers}};
  });
}

Result<Response> consents(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  return list(call, ledger, prefix_of(consent_key(id, 0)), [](ByteView rest, ByteView value) -> Result<Json> {
    ASSIGN(const Consent consent, decode<Consent>(value));
    return numbered(rest, to_json(consent));
  });
}

Result<Response> templates(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  std::string prefix = template_last_key(id, "");
  prefix.pop_back();
  return list(call, ledger, prefix, [](ByteView rest, ByteView value) -> Result<Json> {
    Reader in(rest);
    const std::string name = to_string(in.take(in.be<uint8_t>()));
    if (in.remaining() == 0)
      return Json{{"name", name}, {"latest", value.size() == 8 ? get_be<uint64_t>(value.data()) : 0}};
    ASSIGN(const Template found, decode<Template>(value));
    Json out = to_json(found);
    out["name"] = name;
    out["version"] = in.be<uint64_t>();
    return out;
  });
}

Result<Response> status_list(Call& call, const Ledger& ledger) {
  ASSIGN(const SubjectId id, subject_in(call));
  const std::string key = anchor_key(id, call.path.text("list"));
  ASSIGN(const auto found, read_record<StatusAnchor>(reader(ledger), key));
  if (!found) return fail(Code::not_found, "identity.no_status_list", "{}", call.path.text("list"));
  Json out = to_json(*found);
  out["state_key"] = hex(view(key));
  return json_response(out);
}

Result<Response> authority(Call& call, const Ledger& ledger) {
  Question question;
  ASSIGN(question.actor, subject_in(call));
  ASSIGN(question.principal, parse_subject(call.query.text("principal")));
  question.scope = call.query.text("scope");
  question.amount = uint64_t(call.query.number("amount"));
  question.time_ms = uint64_t(call.query.number("time_ms", now_ms()));
  ASSIGN(const identity::Answer answer, may_act(reader(ledger), question));
  Json out = {{"may", answer.may}, {"height", ledger.head().header.height}};
  if (!answer.may) out["reason"] = answer.reason;
  if (answer.relation > 0) out["relation"] = answer.relation;
  return json_response(out);
}

Result<Response> registrars(Call& call, const Ledger& ledger) {
  return list(call, ledger, std::string(kStatePrefix) + "r/",
              [](ByteView rest, ByteView value) -> Result<Json> {
                ASSIGN(const Registrar found, decode<Registrar>(value));
                Json out = to_json(found);
                out["key"] = hex(rest);
                return out;
              });
}

Result<Response> pseudonym(Call& call, const Ledger& ledger) {
  ASSIGN(const Digest digest, unhex_digest(call.path.text("digest")));
  ASSIGN(const auto found,
         read_record<Pseudonym>(reader(ledger), pseudonym_key(call.path.text("scene"), digest)));
  if (!found) return fail(Code::not_found, "identity.no_pseudonym");
  return json_response(to_json(*found));
}

Result<Response> orders(Call& call, const Ledger& ledger) {
  return list(call, ledger, prefix_of(order_key(0)), [](ByteView rest, ByteView value) -> Result<Json> {
    ASSIGN(const Order order, decode<Order>(value));
    return numbered(rest, to_json(order));
  });
}

// ── Figures for who watches over the chain (identity-04) ───────────────────────────────────────────────────

Result<size_t> node_count(const Ledger& ledger) {
  ASSIGN(const auto document, ledger.state(format::kConsortiumKey));
  if (!document) return size_t(1);
  ASSIGN(const auto consortium, format::Consortium::decode(text(*document)));
  return consortium.nodes.size();
}

constexpr size_t kMostCounted = 10'000;

Result<size_t> contract_count(const Ledger& ledger) {
  ASSIGN(const auto rows,
         ledger.state_range(to_bytes(view("contract/n/")), to_bytes(view("contract/n0")), kMostCounted));
  return rows.size();
}

Result<Json> chain_figures(const host::Chain& chain) {
  const ledger::Head head = chain.ledger->head();
  ASSIGN(const size_t nodes, node_count(*chain.ledger));
  ASSIGN(const size_t contracts, contract_count(*chain.ledger));
  return Json{{"name", chain.name},
              {"height", head.header.height},
              {"transactions", head.header.log_size},
              {"nodes", nodes},
              {"contracts", contracts}};
}

Json counts(Totals totals) {
  Json kinds = Json::object();
  Count all;
  for (size_t i = 1; i <= std::size(format::EnumNames<Kind>::names); ++i) {
    const Count& count = totals.of(Kind(i));
    kinds[std::string(format::name_of(Kind(i)))] = to_json(count);
    all.active += count.active;
    all.suspended += count.suspended;
    all.revoked += count.revoked;
    all.deactivated += count.deactivated;
  }
  return {{"kinds", kinds}, {"all", to_json(all)}, {"total", all.total()}};
}

Task<Result<Response>> statistics(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(const Totals totals, totals_of(reader(*chain->ledger)));
    Json chains = Json::array();
    uint64_t nodes = 0, contracts = 0, transactions = 0;
    for (const auto& each : call.app.services.host->list()) {
      if (!grant_on(call, each->name)) continue;
      ASSIGN(Json figures, chain_figures(*each));
      nodes += figures["nodes"].get<uint64_t>();
      contracts += figures["contracts"].get<uint64_t>();
      transactions += figures["transactions"].get<uint64_t>();
      chains.push_back(std::move(figures));
    }
    return json_response({{"identities", counts(totals)},
                          {"chains", {{"count", chains.size()}, {"items", chains}}},
                          {"nodes", nodes},
                          {"contracts", contracts},
                          {"transactions", transactions}});
  });
}

// ── Routes ─────────────────────────────────────────────────────────────────────────────────────────────────

const std::string kBase = "/api/v1/chains/{chain}/identities", kOne = kBase + "/{identity}",
                  kOther = "/api/v1/chains/{chain}/identity";
const std::vector<std::string> kActReasons = {
    "chain.not_found",     "contract.unknown",    "contract.unknown_method", "format.identity",
    "identity.no_right",   "identity.kind",       "identity.version",        "identity.no_subject",
    "identity.status",     "identity.batch",      "order.queue_full",        "identity.same_eyes",
    "identity.last_admin", "identity.no_account", "identity.exists",         "identity.dates",
    "identity.key_used",   "identity.not_unique", "identity.one_pseudonym"};

Schemas schemas() {
  Schemas out;
  const Json any = {
      {"type", "object"},
      {"description", "Arguments of a method of the contract, as docs/formats/identity.md names them"}};
  out["IdentityArguments"] = any;
  out["NewIdentities"] = object_schema(
      {{"subjects", {{"type", "array"}, {"items", {{"type", "object"}}}, {"maxItems", kMaxBatch}}}},
      {"subjects"});
  out["IdentityAct"] = object_schema({{"transaction", sm3_schema()},
                                      {"height", integer_schema()},
                                      {"time_ms", integer_schema()},
                                      {"gas", integer_schema()},
                                      {"number", integer_schema()},
                                      {"identities", list_schema(text_schema())}},
                                     {"transaction", "height"});
  out["IdentityCall"] = object_schema({{"contract", text_schema()},
                                       {"method", text_schema()},
                                       {"arguments", {{"type", "string"}, {"format", "base64"}}}},
                                      {"contract", "method", "arguments"});
  out["IdentityRecord"] = {{"type", "object"},
                           {"description", "A record of docs/formats/identity.md in JSON"}};
  out["IdentityRecordPage"] = page_schema("IdentityRecord");
  out["IdentityAuthority"] = object_schema({{"may", {{"type", "boolean"}}},
                                            {"reason", text_schema()},
                                            {"relation", integer_schema()},
                                            {"height", integer_schema()}},
                                           {"may", "height"});
  return out;
}

std::vector<Answer> act_answers() {
  return {{201, "application/json", reference("IdentityAct"), {"已入块并落盘", "In a block, durably"}},
          {202, "application/json", reference("Pending"), {"已接受，尚无回执", "Accepted, no receipt yet"}}};
}

Route reading(std::string path, std::string id, Words summary,
              std::function<Result<Response>(Call&, const Ledger&)> work,
              std::string_view schema = "IdentityRecord") {
  const bool listed = schema == "IdentityRecordPage";
  return {.path = std::move(path),
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "identities",
          .query = listed ? page_parameters() : std::vector<Parameter>(),
          .answers = {{200, "application/json", reference(schema), {}}},
          .reasons = {"chain.not_found", "format.identity", "identity.no_subject"},
          .handler = on_ledger(std::move(work))};
}

Parameter text_parameter(std::string name, Words words, bool required = false) {
  return {std::move(name),
          {{"type", "string"}, {"minLength", 1}, {"maxLength", 128}},
          std::move(words),
          required};
}
// Of a record, whose members its schema does not name.
Parameter condition(std::string name, Words words) {
  Parameter out = text_parameter(std::move(name), std::move(words));
  out.about = out.name;
  return out;
}
Parameter number_parameter(std::string name, Words words) {
  return {std::move(name),
          {{"type", "integer"}, {"minimum", 0}, {"maximum", uint64_t(1) << 53}},
          std::move(words)};
}

std::vector<Route> readings() {
  Route found =
      reading(kBase, "listIdentities",
              {"身份列表；按密钥、唯一标记或上级组织查找", "Identities; found by key, mark or parent"}, find,
              "IdentityRecordPage");
  found.query = page_parameters({condition("key", {"密钥标识（十六进制）", "Key id (hexadecimal)"}),
                                 condition("unique", {"唯一标记（十六进制）", "Mark (hexadecimal)"}),
                                 condition("parent", {"上级组织的身份", "The parent's id"})});
  Route may = reading(kOne + "/authority", "getIdentityAuthority",
                      {"此身份能否代表另一身份办理某事项", "Whether it may act for another in a matter"},
                      authority, "IdentityAuthority");
  may.query = {text_parameter("principal", {"被代表的身份", "For whom"}, true),
               text_parameter("scope", {"事项，例如 tax.file", "The matter, such as tax.file"}, true),
               number_parameter("amount", {"金额（最小单位），默认 0", "Units; default 0"}),
               number_parameter("time_ms", {"时间，默认现在", "When; default now"})};
  const std::string_view pages = "IdentityRecordPage";
  Route list = reading(kOne + "/status-lists/{list}", "getIdentityStatusList",
                       {"状态列表的锚定", "The anchor of a status list"}, status_list);
  list.reasons.emplace_back("identity.no_status_list");
  Route cid = reading(kOther + "/pseudonyms/{scene}/{digest}", "getPseudonym",
                      {"场景中的匿名标识", "A pseudonym in a scene"}, pseudonym);
  cid.reasons.emplace_back("identity.no_pseudonym");
  return {
      std::move(found),
      reading(kOne, "getIdentity", {"一个身份", "One identity"}, one),
      reading(kOne + "/history", "getIdentityHistory", {"身份的全部变更", "All changes of an identity"},
              history, pages),
      reading(kOne + "/relations", "listIdentityRelations", {"它给出的授权关系", "Relations that it granted"},
              relations, pages),
      reading(kOne + "/acting", "listIdentityActing", {"它可以代表谁", "For whom it may act"}, acting, pages),
      std::move(may),
      reading(kOne + "/consents", "listIdentityConsents", {"它给出的数据授权", "Consents that it gave"},
              consents, pages),
      reading(kOne + "/templates", "listIdentityTemplates", {"它的凭证模版", "Its credential templates"},
              templates, pages),
      std::move(list),
      reading(kOther + "/registrars", "listRegistrars", {"登记员", "Registrars"}, registrars, pages),
      std::move(cid),
      reading(kOther + "/orders", "listIdentityOrders", {"匿名还原令", "Orders to tell who a pseudonym is"},
              orders, pages)};
}

}  // namespace

Resource identities_resource() {
  Resource resource;
  resource.schemas = schemas();
  resource.routes = readings();
  resource.routes.push_back({.method = Method::post,
                             .path = kBase,
                             .id = "enrolIdentities",
                             .summary = {"以平台账户登记身份，每批最多 500 个",
                                         "Enrol identities with the platform's account, up to 500 at a time"},
                             .tag = "identities",
                             .access = Access::owner,
                             .body = {{"application/json", reference("NewIdentities")}},
                             .answers = act_answers(),
                             .reasons = kActReasons,
                             .handler = enrol,
                             .idempotent = true});
  resource.routes.push_back({.method = Method::post,
                             .path = kOther + "/acts/{act}",
                             .id = "actOnIdentities",
                             .summary = {"以平台账户调用身份合约的一个方法",
                                         "Call a method of the contract with the platform's account"},
                             .tag = "identities",
                             .access = Access::owner,
                             .body = {{"application/json", reference("IdentityArguments")}},
                             .answers = act_answers(),
                             .reasons = kActReasons,
                             .handler = act,
                             .idempotent = true});
  resource.routes.back().reasons.emplace_back("api.own_route");
  resource.routes.push_back({.method = Method::post,
                             .path = kOther + "/registrars",
                             .id = "setRegistrar",
                             .summary = {"以平台的治理账户任命或免去登记员",
                                         "Name or dismiss a registrar, with the platform's governor"},
                             .tag = "consortium",
                             .access = Access::owner,
                             .body = {{"application/json", reference("IdentityArguments")}},
                             .answers = act_answers(),
                             .reasons = kActReasons,
                             .handler = name_registrar,
                             .idempotent = true});
  resource.routes.push_back(
      {.method = Method::post,
       .path = kOther + "/encode/{act}",
       .id = "encodeIdentityAct",
       .summary = {"把参数编码为可自行签名的调用", "The bytes of a call, for who signs for itself"},
       .tag = "identities",
       .body = {{"application/json", reference("IdentityArguments")}},
       .answers = {{200, "application/json", reference("IdentityCall"), {}}},
       .reasons = {"format.identity", "contract.unknown_method"},
       .handler = encode_act});
  resource.routes.push_back({.path = kOther + "/statistics",
                             .id = "getIdentityStatistics",
                             .summary = {"身份、链、节点、合约与交易的数量",
                                         "Counts of identities, chains, nodes, contracts and transactions"},
                             .tag = "identities",
                             .answers = {{200, "application/json", reference("IdentityRecord"), {}}},
                             .reasons = {"chain.not_found"},
                             .handler = statistics});
  return resource;
}

}  // namespace chengxin::api
