#include "api/resource_contracts.h"

#include "api/contract_openapi.h"
#include "api/contract_reads.h"
#include "api/contract_values.h"
#include "api/describe.h"
#include "format/consortium.h"
#include "mirror/mirror.h"
#include "mirror/queries.h"

namespace chengxin::api {
namespace {

using format::ContractRecord;
using ledger::Ledger;

constexpr uint32_t kShownVersions = 50;
constexpr size_t kCountedCalls = 10'000;
constexpr std::string_view kRecords = "contract/n/";

std::string_view engine_name(format::ContractEngine engine) {
  return engine == format::ContractEngine::wasm ? "wasm" : "evm";
}

Json describe(std::string_view name, const ContractRecord& record) {
  Json out = {{"name", name},
              {"address", hex_0x(format::contract_address(name))},
              {"state", format::name_of(record.state)},
              {"owner", hex(record.owner)},
              {"current", record.current},
              {"latest", record.latest}};
  if (!record.why.empty()) out["why"] = record.why;
  return out;
}

// Who approved: the account, and on a consortium's chain the organisation whose governor it is.
Json describe_approvals(const Ledger& ledger, const std::vector<format::KeyId>& approvals) {
  std::map<std::string, std::string> organisations;
  if (auto document = ledger.state(format::kConsortiumKey); document && *document)
    if (auto consortium = format::Consortium::decode(text(**document)))
      for (const auto& each : consortium->organisations)
        organisations[hex(format::key_id(each.governor_key))] = each.name;
  Json out = Json::array();
  for (const format::KeyId& each : approvals) {
    Json one = {{"account", hex(each)}};
    if (auto known = organisations.find(hex(each)); known != organisations.end())
      one["organisation"] = known->second;
    out.push_back(std::move(one));
  }
  return out;
}

Result<Json> describe_version(const Ledger& ledger, std::string_view name, uint32_t number, bool whole) {
  ASSIGN(const auto version, contract_version(ledger, name, number));
  Json out = {{"version", number},
              {"state", format::name_of(version.state)},
              {"package", hex(version.package)},
              {"proposer", hex(version.proposer)},
              {"height", version.height},
              {"approvals", describe_approvals(ledger, version.approvals)}};
  if (!whole) return out;
  ASSIGN(const auto package, contract_package(ledger, version.package));
  out.update({{"engine", engine_name(package.engine)},
              {"source", hex(package.source)},
              {"toolchain", package.toolchain},
              {"code_bytes", package.code.size()}});
  return out;
}

using Work = std::function<Result<Response>(Call&, const Ledger&)>;

// Work with a chain's ledger, off the io threads.
Handler on_ledger(Work work) {
  return [work = std::move(work)](Call& call) -> Task<Result<Response>> {
    CO_ASSIGN(const auto chain, chain_of(call));
    co_return co_await blocking(call.app, [&] { return work(call, *chain->ledger); });
  };
}

Result<Response> list(Call& call, const Ledger& ledger) {
  const std::string after = call.query.text("cursor");
  Bytes from = to_bytes(view(std::string(kRecords) + after)), to = to_bytes(view(kRecords));
  if (!after.empty()) from.push_back(0);
  ++to.back();
  const auto limit = size_t(page_limit(call));
  ASSIGN(const auto rows, ledger.state_range(from, to, limit));
  Json items = Json::array();
  for (const auto& [key, value] : rows) {
    ASSIGN(const auto record, ContractRecord::decode(value));
    items.push_back(describe(text(key).substr(kRecords.size()), record));
  }
  const std::string next = rows.size() == limit ? items.back()["name"].get<std::string>() : "";
  return page(call, std::move(items), next);
}

Result<Response> get(Call& call, const Ledger& ledger) {
  const std::string name = call.path.text("contract");
  ASSIGN(const auto record, contract_record(ledger, name));
  Json out = describe(name, record);
  ASSIGN(out["approvals_needed"], approvals_needed(ledger));
  out["versions"] = Json::array();
  for (uint32_t i = record.latest; i > 0 && record.latest - i < kShownVersions; --i) {
    ASSIGN(Json version, describe_version(ledger, name, i, i == record.latest || i == record.current));
    out["versions"].push_back(std::move(version));
  }
  return json_response(out);
}

Result<Response> get_version(Call& call, const Ledger& ledger) {
  ASSIGN(const Json out,
         describe_version(ledger, call.path.text("contract"), uint32_t(call.path.number("version")), true));
  return json_response(out);
}

Result<Response> get_package(Call& call, const Ledger& ledger) {
  const std::string name = call.path.text("contract");
  const auto number = uint32_t(call.path.number("version"));
  ASSIGN(const auto version, contract_version(ledger, name, number));
  ASSIGN(const Bytes bytes, package_bytes(ledger, version.package));
  Response response{200, "application/octet-stream", to_string(bytes), {}, {}};
  response.headers.emplace_back("Content-Disposition",
                                fmt::format("attachment; filename=\"{}-{}.cxc\"", name, number));
  return response;
}

Result<Response> get_interface(Call& call, const Ledger& ledger) {
  ASSIGN(const auto described, contract_interface(ledger, call.path.text("contract")));
  return Response{200, "application/json", described.interface.json(), {}, {}};
}

Result<Response> get_openapi(Call& call, const Ledger& ledger) {
  const std::string name = call.path.text("contract");
  ASSIGN(const auto described, contract_interface(ledger, name));
  return json_response(
      contract_openapi({ledger.genesis().name, name, described.version}, described.interface));
}

Result<mirror::Queries> mirrored(const Call& call) {
  if (!call.app.services.mirror)
    return fail(Code::unavailable, "mirror.off", "the configuration has mirror.enabled: false");
  return mirror::Queries(call.app.services.mirror->database());
}

// Why it was frozen, unfrozen or retired stands in the transaction.
std::string reason_in(const Ledger& ledger, const Digest& transaction, std::string_view name) {
  const auto record = ledger.transaction(transaction);
  if (!record) return {};  // pruned
  for (const format::Call& each : record->transaction.body.calls) {
    if (each.contract != "contract") continue;
    const auto reason = format::ContractReason::decode(each.arguments);
    if (reason && reason->name == name) return reason->why;
  }
  return {};
}

Result<Response> history(Call& call, const Ledger& ledger) {
  const std::string name = call.path.text("contract");
  if (auto known = contract_record(ledger, name); !known) return tl::unexpected(known.error());
  ASSIGN(const auto queries, mirrored(call));
  ASSIGN(const auto listed, queries.contract_history(ledger.id(), name, sql::Order::descending,
                                                     call.query.text("cursor"), size_t(page_limit(call))));
  Json items = Json::array();
  for (const auto& row : listed.items) {
    Json one = {{"event", row.event.type},    {"version", get_be<uint32_t>(row.event.data.data())},
                {"signer", hex(row.signer)},  {"transaction", hex(row.event.transaction)},
                {"height", row.event.height}, {"time_ms", row.event.time_ms}};
    if (std::string why = reason_in(ledger, row.event.transaction, name); !why.empty()) one["why"] = why;
    items.push_back(std::move(one));
  }
  return page(call, std::move(items), listed.next);
}

Json describe(const mirror::CallCounts& counts) {
  return {{"calls", counts.calls}, {"failed", counts.failed}, {"gas", counts.gas}};
}

Result<Response> figures(Call& call, const Ledger& ledger) {
  const std::string name = call.path.text("contract");
  if (auto known = contract_record(ledger, name); !known) return tl::unexpected(known.error());
  ASSIGN(const auto queries, mirrored(call));
  ASSIGN(const auto found, queries.contract_figures(ledger.id(), name, kCountedCalls));
  Json out = describe(found.all);
  out["callers"] = found.callers;
  out["window"] = {
      {"most_calls", kCountedCalls}, {"from_height", found.from_height}, {"to_height", found.to_height}};
  out["functions"] = Json::array();
  for (const auto& [method, counts] : found.methods) {
    Json one = describe(counts);
    one["function"] = method;
    out["functions"].push_back(std::move(one));
  }
  out["top_callers"] = Json::array();
  for (const auto& [signer, counts] : found.top_callers) {
    Json one = describe(counts);
    one["account"] = hex(signer);
    out["top_callers"].push_back(std::move(one));
  }
  return json_response(out);
}

Schemas schemas() {
  Schemas out;
  Json common = {{"name", text_schema()},
                 {"address", text_schema()},
                 {"owner", hex_schema()},
                 {"current", integer_schema()},
                 {"latest", integer_schema()},
                 {"why", text_schema()},
                 {"state", enum_schema({"proposed", "active", "frozen", "retired"})}};
  out["ContractSummary"] = object_schema(common, {"name", "address", "state", "current", "latest"});
  out["ContractPage"] = page_schema("ContractSummary");
  const Json approval = object_schema({{"account", hex_schema()}, {"organisation", text_schema()}});
  out["ContractVersion"] =
      object_schema({{"version", integer_schema()},
                     {"state", enum_schema({"proposed", "approved", "rejected", "deployed", "superseded"})},
                     {"package", sm3_schema()},
                     {"proposer", hex_schema()},
                     {"height", integer_schema()},
                     {"approvals", list_schema(approval)},
                     {"engine", enum_schema({"wasm", "evm"})},
                     {"source", sm3_schema()},
                     {"toolchain", text_schema()},
                     {"code_bytes", integer_schema()}},
                    {"version", "state", "package"});
  common["approvals_needed"] = integer_schema();
  common["versions"] = list_schema(reference("ContractVersion"));
  out["Contract"] = object_schema(common, {"name", "address", "state", "versions"});
  out["ContractEvent"] = object_schema({{"event", text_schema()},
                                        {"version", integer_schema()},
                                        {"signer", hex_schema()},
                                        {"transaction", sm3_schema()},
                                        {"height", integer_schema()},
                                        {"time_ms", integer_schema()},
                                        {"why", text_schema()}});
  out["ContractHistory"] = page_schema("ContractEvent");
  Json counts = {{"calls", integer_schema()}, {"failed", integer_schema()}, {"gas", integer_schema()}};
  Json of_function = counts, of_caller = counts;
  of_function["function"] = text_schema();
  of_caller["account"] = hex_schema();
  counts.update({{"callers", integer_schema()},
                 {"window", object_schema({{"most_calls", integer_schema()},
                                           {"from_height", integer_schema()},
                                           {"to_height", integer_schema()}})},
                 {"functions", list_schema(object_schema(of_function))},
                 {"top_callers", list_schema(object_schema(of_caller))}});
  out["ContractFigures"] = object_schema(counts, {"calls", "failed", "gas", "callers", "window"});
  return out;
}

}  // namespace

Resource contracts_resource() {
  const std::string base = "/api/v1/chains/{chain}/contracts", one = base + "/{contract}";
  const std::vector<std::string> reasons = {"chain.not_found", "contract.unknown"};
  std::vector<std::string> version_reasons = reasons, mirror_reasons = reasons;
  version_reasons.push_back("contract.no_version");
  mirror_reasons.push_back("mirror.off");
  const auto route = [&](std::string path, std::string id, Words summary, std::string_view schema,
                         Work work) {
    return Route{.path = std::move(path),
                 .id = std::move(id),
                 .summary = std::move(summary),
                 .tag = "contracts",
                 .answers = {{200, "application/json", schema.empty() ? Json() : reference(schema), {}}},
                 .reasons = reasons,
                 .handler = on_ledger(std::move(work))};
  };
  Route all =
      route(base, "listContracts", {"一条链的合约", "The contracts of a chain"}, "ContractPage", list);
  all.query = page_parameters();
  Route events = route(one + "/history", "getContractHistory", {"合约的生命周期", "A contract's life cycle"},
                       "ContractHistory", history);
  events.query = page_parameters();
  events.reasons = mirror_reasons;
  Route counts = route(
      one + "/figures", "getContractFigures",
      {"调用者、调用数、燃料与失败（最近的调用）", "Callers, calls, gas and failures, of the newest calls"},
      "ContractFigures", figures);
  counts.reasons = mirror_reasons;
  Route version = route(one + "/versions/{version}", "getContractVersion", {"一个版本", "One version"},
                        "ContractVersion", get_version);
  version.reasons = version_reasons;
  Route package = route(one + "/versions/{version}/package", "getContractPackage",
                        {"导出合约包（.cxc）", "Export the package (.cxc)"}, "", get_package);
  package.answers = {{200, "application/octet-stream", {}, {"合约包", "The package"}}};
  package.reasons = version_reasons;
  Resource resource;
  resource.schemas = schemas();
  resource.routes = {
      std::move(all),
      route(one, "getContract", {"一个合约：版本、审批与状态", "One contract: versions, approvals, state"},
            "Contract", get),
      std::move(version),
      std::move(package),
      std::move(events),
      std::move(counts),
      route(one + "/interface", "getContractInterface", {"合约接口（ABI JSON）", "Its interface (ABI JSON)"},
            "", get_interface),
      route(one + "/openapi.json", "getContractOpenapi",
            {"由合约接口生成的 OpenAPI 描述", "An OpenAPI description made from its interface"}, "",
            get_openapi)};
  return resource;
}

}  // namespace chengxin::api
