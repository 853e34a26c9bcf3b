#include "api/resource_contract_calls.h"

#include "api/contract_reads.h"
#include "api/contract_submission.h"
#include "api/contract_values.h"
#include "api/describe.h"
#include "api/problem.h"
#include "base/clock.h"
#include "crypto/sm3.h"

namespace chengxin::api {
namespace {

using contract::Entry;
using format::ReceiptStatus;

// A problem document with more in it than an Error holds. It is an answer: what was asked for was done, and
// this came of it.
Response problem_with(const Call& call, const Error& error, const Json& more) {
  Response out = problem(error, call.request_id);
  Json body = Json::parse(out.body);
  body.update(more);
  out.body = json_response(body).body;
  return out;
}

Response reverted(const Call& call, const contract::Interface& interface, ByteView data, Json more) {
  Error error = refusal_of(ReceiptStatus::reverted, data);
  more["error"] = describe_revert(interface, data);
  error.detail = revert_text(more["error"]);
  return problem_with(call, error, more);
}

// A function with call data for it.
struct Asked {
  contract::LoadedPtr loaded;
  const Entry* function = nullptr;
  Bytes arguments;  // encoded, without selector
};

Result<Asked> asked_for(const Call& call, const ledger::Ledger& ledger, const Json& given) {
  const std::string name = call.path.text("contract"), method = call.path.text("function");
  ASSIGN(const auto record, contract_record(ledger, name));
  if (record.current == 0) return fail(Code::conflict, "contract.not_deployed", "{}", name);
  ASSIGN(const auto version, contract_version(ledger, name, record.current));
  Asked out;
  ASSIGN(out.loaded, contract::load_version(
                         *call.app.services.contracts,
                         [&](std::string_view key) { return ledger.state(key); }, version.package));
  out.function = out.loaded->interface.function(method);
  if (!out.function) return fail(Code::not_found, "contract.unknown_method", "{} {}", name, method);
  ASSIGN(const Json values, positional(out.function->inputs, given));
  ASSIGN(out.arguments, contract::encode(out.function->inputs, values));
  return out;
}

Json describe_events(const ledger::Ledger& ledger, const std::vector<format::Event>& events) {
  Interfaces interfaces(ledger);
  Json out = Json::array();
  for (const format::Event& each : events)
    if (each.type == "log") out.push_back(describe_event(interfaces.at(each.contract), each));
  return out;
}

Result<Response> run_query(const Call& call, const ledger::Ledger& ledger, const Json& given,
                           contract::Query query) {
  ASSIGN(const Asked asked, asked_for(call, ledger, given));
  query.to = format::contract_address(call.path.text("contract"));
  append(query.input, asked.function->selector());
  append(query.input, asked.arguments);
  if (call.query.find("gas")) query.gas = uint64_t(call.query.number("gas"));
  query.time_ms = now_ms();
  ASSIGN(const auto answer, contract::run(call.app.services.contracts, ledger, query));
  Json out = {{"gas", answer.outcome.gas_used}, {"height", answer.height}};
  switch (answer.outcome.ending) {
    case contract::Ending::reverted:
      return reverted(call, asked.loaded->interface, answer.outcome.output, out);
    case contract::Ending::out_of_gas:
      return problem_with(call, refusal_of(ReceiptStatus::out_of_gas, {}), out);
    case contract::Ending::trapped:
      return problem_with(call, refusal_of(ReceiptStatus::trapped, answer.outcome.output), out);
    case contract::Ending::returned:
      break;
  }
  describe_output(asked.function->outputs, answer.outcome.output, out);
  if (!query.read_only) out["events"] = describe_events(ledger, answer.events);
  return json_response(out);
}

Task<Result<Response>> on_contract_stack(Call& call, std::function<Result<Response>()> work) {
  const auto place = call.app.contract_places.take(call.principal.id);
  if (!place) co_return tl::unexpected(Error{Code::busy, "api.busy", "too many queries at a time", 1000});
  co_return co_await call.app.contract_work.run(std::move(work));
}

Result<format::Address> caller_of(const Call& call) {
  format::Address out{};
  const std::string text = call.query.text("caller");
  if (text.empty()) return out;
  auto bytes = unhex(text.starts_with("0x") ? text.substr(2) : "");
  if (!bytes || bytes->size() != out.size())
    return fail(Code::invalid_argument, "api.bad_format", "query parameter caller: 0x and 40 digits");
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

Task<Result<Response>> query(Call& call, const Json& given) {
  CO_ASSIGN(const auto chain, chain_of(call));
  contract::Query query;
  CO_ASSIGN(query.caller, caller_of(call));
  co_return co_await on_contract_stack(
      call, [&] { return run_query(call, *chain->ledger, given, std::move(query)); });
}

Task<Result<Response>> post_query(Call& call) { return query(call, call.json); }

Task<Result<Response>> get_query(Call& call) {
  CO_ASSIGN(const Json given, parse_json(call.query.text("arguments", "[]")));
  co_return co_await query(call, given);
}

Task<Result<Response>> dry_run(Call& call, const host::ChainPtr& chain) {
  contract::Query query;
  query.read_only = false;
  query.caller = format::account_address(call.app.services.service_key->public_key().point());
  co_return co_await on_contract_stack(
      call, [&] { return run_query(call, *chain->ledger, call.json, std::move(query)); });
}

Json describe_settled(const ledger::TransactionRecord& record) {
  return {{"transaction", hex(record.transaction.hash)},
          {"height", record.height},
          {"time_ms", record.receipt.time_ms},
          {"gas", record.receipt.gas}};
}

Response describe_called(const Call& call, const ledger::Ledger& ledger, const Asked& asked,
                         const ledger::TransactionRecord& record) {
  Json out = describe_settled(record);
  const auto status = ReceiptStatus(record.receipt.status);
  if (status == ReceiptStatus::reverted) return reverted(call, asked.loaded->interface, record.output, out);
  if (status != ReceiptStatus::accepted) return problem_with(call, refusal_of(status, record.output), out);
  describe_output(asked.function->outputs, record.output, out);
  out["events"] = describe_events(ledger, record.events);
  return json_response(out, 201);
}

Task<Result<Response>> call_function(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  if (call.query.flag("dry_run")) co_return co_await dry_run(call, chain);
  auto asked =
      co_await call.app.contract_work.run([&] { return asked_for(call, *chain->ledger, call.json); });
  if (!asked) co_return tl::unexpected(asked.error());
  const format::Call made{call.path.text("contract"), call.path.text("function"), asked->arguments};
  auto settled = co_await settle(call, chain, Hand::service, made, {});
  if (!settled) co_return tl::unexpected(settled.error());
  if (!settled->record) co_return still_pending(*chain, settled->transaction);
  co_return co_await blocking(
      call.app,
      [&]() -> Result<Response> { return describe_called(call, *chain->ledger, *asked, *settled->record); },
      Workers::When::always);
}

// A call of the native contract `contract`.
struct Act {
  std::string name, method;
  Bytes arguments;
  std::vector<Bytes> attachments = {};
};

Result<Response> describe_act(const Call& call, const host::Chain& chain, const Act& act,
                              const ledger::TransactionRecord& record) {
  Json out = describe_settled(record);
  const auto status = ReceiptStatus(record.receipt.status);
  if (status == ReceiptStatus::reverted) {  // a constructor
    auto described = contract_interface(*chain.ledger, act.name);
    return reverted(call, described ? described->interface : contract::Interface(), record.output, out);
  }
  if (status != ReceiptStatus::accepted) return problem_with(call, refusal_of(status, record.output), out);
  Reader output(record.output);
  const auto number = output.be<uint32_t>();
  out["contract"] = act.name;
  out["address"] = hex_0x(format::contract_address(act.name));
  ASSIGN(const auto stands, contract_record(*chain.ledger, act.name));
  out["state"] = format::name_of(stands.state);
  if (number > 0) {
    ASSIGN(const auto version, contract_version(*chain.ledger, act.name, number));
    out["version"] = number;
    out["version_state"] = format::name_of(version.state);
    out["approvals"] = version.approvals.size();
    ASSIGN(out["approvals_needed"], approvals_needed(*chain.ledger));
  }
  out["events"] = describe_events(*chain.ledger, record.events);
  return json_response(out, 201);
}

Task<Result<Response>> perform(Call& call, const host::ChainPtr& chain, Act act) {
  format::Call made{"contract", act.method, act.arguments};
  auto settled = co_await settle(call, chain, Hand::governor, std::move(made), std::move(act.attachments));
  if (!settled) co_return tl::unexpected(settled.error());
  if (!settled->record) co_return still_pending(*chain, settled->transaction);
  co_return co_await blocking(
      call.app, [&] { return describe_act(call, *chain, act, *settled->record); }, Workers::When::always);
}

Task<Result<Response>> propose(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  CO_ASSIGN(Bytes package, unbase64(call.json["package"].get_ref<const std::string&>()));
  // Looked at before it is sent, so that nothing is written of what cannot pass, and the finding has its
  // detail.
  auto looked = co_await call.app.contract_work.run([&]() -> Result<bool> {
    ASSIGN(auto checked, call.app.services.contracts->check(package));
    if (checked.refusal) return tl::unexpected(std::move(*checked.refusal));
    return true;
  });
  if (!looked) co_return tl::unexpected(looked.error());
  Act act{call.json["name"], "propose", {}};
  act.arguments = format::ContractPropose{act.name, crypto::sm3(package)}.encode();
  act.attachments.push_back(std::move(package));
  co_return co_await perform(call, chain, std::move(act));
}

// The version that the body names, or the newest.
Result<uint32_t> version_of(const Call& call, const ledger::Ledger& ledger, const std::string& name) {
  if (call.json.contains("version")) return call.json["version"].get<uint32_t>();
  ASSIGN(const auto record, contract_record(ledger, name));
  return record.latest;
}

Result<Bytes> constructor_input(const Call& call, const ledger::Ledger& ledger, const std::string& name,
                                uint32_t number) {
  const Json given = call.json.value("arguments", Json::array());
  ASSIGN(const auto version, contract_version(ledger, name, number));
  ASSIGN(const auto package, contract_package(ledger, version.package));
  ASSIGN(const auto interface, contract::parse_interface(package.interface));
  for (const Entry& entry : interface.entries)
    if (entry.kind == Entry::Kind::constructor) {
      ASSIGN(const Json values, positional(entry.inputs, given));
      return contract::encode(entry.inputs, values);
    }
  if (!given.empty())
    return fail(Code::invalid_argument, "contract.abi.value", "the contract has no constructor");
  return Bytes();
}

Handler on_version(std::string method) {
  return [method](Call& call) -> Task<Result<Response>> {
    CO_ASSIGN(const auto chain, chain_of(call));
    Act act{call.path.text("contract"), method, {}};
    auto arguments = co_await blocking(call.app, [&]() -> Result<Bytes> {
      ASSIGN(const uint32_t version, version_of(call, *chain->ledger, act.name));
      format::ContractVersionRef out{act.name, version, {}};
      if (method == "deploy") {
        ASSIGN(out.input, constructor_input(call, *chain->ledger, act.name, version));
      }
      return out.encode();
    });
    if (!arguments) co_return tl::unexpected(arguments.error());
    act.arguments = std::move(*arguments);
    co_return co_await perform(call, chain, std::move(act));
  };
}

Handler with_reason(std::string method) {
  return [method](Call& call) -> Task<Result<Response>> {
    CO_ASSIGN(const auto chain, chain_of(call));
    Act act{call.path.text("contract"), method, {}};
    act.arguments = format::ContractReason{act.name, call.json.value("why", "")}.encode();
    co_return co_await perform(call, chain, std::move(act));
  };
}

Result<Json> policy_now(const ledger::Ledger& ledger) {
  const auto set = ledger.head().contract_policy;
  return parse_json((set ? *set : format::ContractPolicy()).encode());
}

Task<Result<Response>> get_policy(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  CO_ASSIGN(const Json policy, policy_now(*chain->ledger));
  co_return json_response(policy);
}

Task<Result<Response>> put_policy(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  CO_ASSIGN(const std::string document, canonical_json(call.json));
  CO_TRY(format::ContractPolicy::decode(document));
  const format::Call made{"governance", "set_contract_policy", to_bytes(view(document))};
  auto settled = co_await settle(call, chain, Hand::governor, made, {});
  if (!settled) co_return tl::unexpected(settled.error());
  if (!settled->record) co_return still_pending(*chain, settled->transaction);
  const auto& record = *settled->record;
  const auto status = ReceiptStatus(record.receipt.status);
  if (status != ReceiptStatus::accepted)
    co_return problem_with(call, refusal_of(status, record.output), describe_settled(record));
  co_return json_response(call.json);
}

Schemas schemas() {
  Schemas out;
  const Json roles = {{"type", "array"},
                      {"items", {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}}},
                      {"minItems", 1},
                      {"maxItems", 16}};
  Json policy = {{"calls", {{"type", "object"}, {"additionalProperties", roles}, {"maxProperties", 256}}},
                 {"approvals", {{"type", "integer"}, {"minimum", 0}, {"maximum", 64}}},
                 {"quota_gas", {{"type", "integer"}, {"minimum", 0}, {"maximum", uint64_t(1) << 53}}}};
  for (const char* act : {"approve", "call", "deploy", "freeze", "propose", "retire", "unfreeze", "upgrade"})
    policy[act] = roles;
  std::vector<std::string> all;
  for (const auto& [name, schema] : policy.items()) all.push_back(name);
  out["ContractPolicy"] = object_schema(policy, all);
  const Json any_arguments = {
      {"description",
       "An array, or an object by name: the JSON of values of docs/formats/contract.md; "
       "typed in the contract's own openapi.json"}};
  out["ContractArguments"] = any_arguments;
  const Json number = {{"type", "integer"}, {"minimum", 1}, {"maximum", UINT32_MAX}};
  const Json why = {{"type", "string"}, {"maxLength", 1000}};
  out["NewContract"] = object_schema({{"name", {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}}},
                                      {"package", {{"type", "string"}, {"format", "base64"}}}},
                                     {"name", "package"});
  out["ContractVersionChoice"] = object_schema({{"version", number}});
  out["ContractDeployment"] = object_schema({{"version", number}, {"arguments", any_arguments}});
  out["ContractReason"] = object_schema({{"why", why}});
  const Json events = list_schema({{"type", "object"}});
  out["ContractAnswer"] = object_schema({{"result", Json::object()},
                                         {"values", list_schema(Json::object())},
                                         {"data", text_schema()},
                                         {"gas", integer_schema()},
                                         {"height", integer_schema()},
                                         {"time_ms", integer_schema()},
                                         {"transaction", sm3_schema()},
                                         {"events", events}},
                                        {"gas", "height"});
  out["ContractAct"] = object_schema({{"contract", text_schema()},
                                      {"address", text_schema()},
                                      {"state", text_schema()},
                                      {"version", integer_schema()},
                                      {"version_state", text_schema()},
                                      {"approvals", integer_schema()},
                                      {"approvals_needed", integer_schema()},
                                      {"transaction", sm3_schema()},
                                      {"height", integer_schema()},
                                      {"time_ms", integer_schema()},
                                      {"gas", integer_schema()},
                                      {"events", events}},
                                     {"contract", "state", "transaction", "height"});
  return out;
}

const std::string kBase = "/api/v1/chains/{chain}/contracts", kOne = kBase + "/{contract}";
const std::vector<std::string> kCallReasons = {
    "chain.not_found",       "contract.unknown",    "contract.unknown_method", "contract.abi.value",
    "contract.not_deployed", "contract.frozen",     "contract.retired",        "contract.reverted",
    "contract.out_of_gas",   "contract.trap.depth", "order.queue_full",        "transaction.unknown_signer"};
const std::vector<std::string> kActReasons = {
    "chain.not_found",           "contract.unknown",      "contract.no_version", "contract.forbidden",
    "contract.not_approved",     "contract.state_frozen", "contract.retired",    "contract.approved_already",
    "contract.version_decided",  "contract.reverted",     "contract.abi.value",  "order.queue_full",
    "transaction.unknown_signer"};

std::vector<Answer> answers(std::string_view schema) {
  return {{201, "application/json", reference(schema), {"已入块并落盘", "In a block, durably"}},
          {202, "application/json", reference("Pending"), {"已接受，尚无回执", "Accepted, no receipt yet"}}};
}

Route act(std::string name, std::string id, Words summary, std::string_view body, Handler handler) {
  return {.method = Method::post,
          .path = kOne + "/" + name,
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "contract-governance",
          .access = Access::owner,
          .body = {{"application/json", reference(body)}},
          .answers = answers("ContractAct"),
          .reasons = kActReasons,
          .handler = std::move(handler),
          .idempotent = true};
}

std::vector<Route> acts() {
  std::vector<Route> out = {
      act("approve", "approveContract", {"批准一个版本", "Approve a version"}, "ContractVersionChoice",
          on_version("approve")),
      act("reject", "rejectContract", {"驳回一个版本", "Reject a version"}, "ContractVersionChoice",
          on_version("reject")),
      act("deploy", "deployContract",
          {"部署或升级到已批准的版本", "Deploy an approved version, or upgrade to it"}, "ContractDeployment",
          on_version("deploy")),
      act("freeze", "freezeContract", {"冻结：可查询，不可调用", "Freeze: it is read and not called"},
          "ContractReason", with_reason("freeze")),
      act("unfreeze", "unfreezeContract", {"解冻", "Unfreeze"}, "ContractReason", with_reason("unfreeze")),
      act("retire", "retireContract", {"退役", "Retire"}, "ContractReason", with_reason("retire"))};
  Route first = act("", "proposeContract", {"提出合约的一个版本", "Propose a version of a contract"},
                    "NewContract", propose);
  first.path = kBase;
  first.tag = "contracts";  // a proposal is business: nothing runs before others have approved it
  first.max_body_bytes = 16 << 20;
  first.reasons.insert(first.reasons.end(), {"contract.name", "contract.engine", "contract.scan.import",
                                             "format.contract_package"});
  out.push_back(std::move(first));
  return out;
}

}  // namespace

Resource contract_calls_resource() {
  const Parameter gas = {"gas",
                         {{"type", "integer"}, {"minimum", 1}, {"maximum", ledger::kTransactionGas}},
                         {"最多使用的燃料", "Gas that it may use"}};
  const Parameter caller = {"caller",
                            {{"type", "string"}, {"minLength", 42}, {"maxLength", 42}},
                            {"以此地址为调用者（0x…），默认无", "The caller's address (0x…); default none"}};
  Resource resource;
  resource.schemas = schemas();
  resource.routes = acts();
  const Answer answer = {200, "application/json", reference("ContractAnswer"), {}};
  resource.routes.push_back({.path = kOne + "/query/{function}",
                             .id = "getContractQuery",
                             .summary = {"查询合约（不产生交易）", "Query a contract without a transaction"},
                             .tag = "contracts",
                             .query = {{"arguments",
                                        {{"type", "string"}, {"maxLength", 4096}},
                                        {"参数（JSON）", "The arguments as JSON"}},
                                       gas,
                                       caller},
                             .answers = {answer},
                             .reasons = kCallReasons,
                             .handler = get_query});
  resource.routes.push_back({.method = Method::post,
                             .path = kOne + "/query/{function}",
                             .id = "queryContract",
                             .summary = {"查询合约（不产生交易）", "Query a contract without a transaction"},
                             .tag = "contracts",
                             .query = {gas, caller},
                             .body = {{"application/json", reference("ContractArguments")}},
                             .answers = {answer},
                             .reasons = kCallReasons,
                             .handler = post_query,
                             .reads = true});
  const std::string policy = "/api/v1/chains/{chain}/contract-policy";
  const Answer policy_answer = {200, "application/json", reference("ContractPolicy"), {}};
  resource.routes.push_back({.path = policy,
                             .id = "getContractPolicy",
                             .summary = {"谁可以对合约做什么", "Who may do what with contracts"},
                             .tag = "contracts",
                             .answers = {policy_answer},
                             .reasons = {"chain.not_found"},
                             .handler = get_policy});
  resource.routes.push_back(
      {.method = Method::put,
       .path = policy,
       .id = "setContractPolicy",
       .summary = {"设置合约策略，下一区块起生效", "Set it; it holds from the next block on"},
       .tag = "contract-governance",
       .access = Access::owner,
       .body = {{"application/json", reference("ContractPolicy")}},
       .answers = {policy_answer,
                   {202,
                    "application/json",
                    reference("Pending"),
                    {"已接受，尚无回执", "Accepted, no receipt yet"}}},
       .reasons = {"chain.not_found", "format.contract_policy", "governance.by_vote", "contract.forbidden"},
       .handler = put_policy});
  Route calling = {.method = Method::post,
                   .path = kOne + "/call/{function}",
                   .id = "callContract",
                   .summary = {"以平台账户调用合约，等待回执",
                               "Call a contract with the platform's account; waits for the receipt"},
                   .tag = "contracts",
                   .query = {{"dry_run",
                              {{"type", "boolean"}},
                              {"试运行：不产生交易", "A dry run: no transaction is made"}},
                             gas},
                   .body = {{"application/json", reference("ContractArguments")}},
                   .answers = answers("ContractAnswer"),
                   .reasons = kCallReasons,
                   .handler = call_function,
                   .idempotent = true};
  calling.answers.push_back(answer);
  resource.routes.push_back(std::move(calling));
  return resource;
}

}  // namespace chengxin::api
