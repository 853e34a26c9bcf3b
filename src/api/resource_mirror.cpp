#include "api/resource_mirror.h"

#include "api/describe.h"
#include "api/resource_jobs.h"
#include "jobs/jobs.h"
#include "mirror/mirror.h"
#include "mirror/queries.h"

namespace chengxin::api {
namespace {

Json describe(const mirror::ChainStatus& one) {
  Json out = {{"chain", one.name},
              {"height", one.height},
              {"head", one.head},
              {"first_height", one.first_height},
              {"lag_blocks", one.lag_blocks},
              {"lag_ms", one.lag_ms},
              {"restarts", one.restarts}};
  if (one.error) out["error"] = one.error->to_string();
  return out;
}

Json describe(const mirror::TransactionRow& row) {
  return {{"hash", hex(row.hash)},  {"height", row.height},      {"position", row.position},
          {"time_ms", row.time_ms}, {"signer", hex(row.signer)}, {"status", row.status},
          {"gas", row.gas},         {"calls", row.calls}};
}

Task<Result<Response>> status(Call& call) {
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    Json chains = Json::array();
    for (const auto& one : call.app.services.mirror->status()) chains.push_back(describe(one));
    return json_response({{"chains", std::move(chains)}});
  });
}

Task<Result<Response>> rebuild(Call& call) {
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(auto chain, call.app.services.host->find(call.json["chain"].get_ref<const std::string&>()));
    ASSIGN(auto job, call.app.services.jobs->start("mirror.rebuild", {{"chain", chain->name}}));
    return job_response(job);
  });
}

Result<mirror::TransactionFilter> filter_of(const Call& call) {
  mirror::TransactionFilter filter;
  if (call.query.find("signer")) {
    ASSIGN(Bytes signer, unhex(call.query.text("signer")));
    if (signer.size() != 16)
      return fail(Code::invalid_argument, "api.bad_format", "query parameter signer: 32 hexadecimal digits");
    std::copy(signer.begin(), signer.end(), filter.signer.emplace().begin());
  }
  if (call.query.find("contract")) filter.contract = call.query.text("contract");
  if (call.query.find("method")) filter.method = call.query.text("method");
  if (filter.method && !filter.contract)
    return fail(Code::invalid_argument, "api.missing_parameter",
                "query parameter contract, which method needs");
  if (call.query.find("status")) filter.status = uint32_t(call.query.number("status"));
  if (call.query.find("from_height")) filter.range.from_height = uint64_t(call.query.number("from_height"));
  if (call.query.find("to_height")) filter.range.until_height = uint64_t(call.query.number("to_height"));
  if (call.query.find("from_ms")) filter.range.from_ms = call.query.number("from_ms");
  if (call.query.find("to_ms")) filter.range.until_ms = call.query.number("to_ms");
  return filter;
}

Task<Result<Response>> list_transactions(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  CO_ASSIGN(auto filter, filter_of(call));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    mirror::Queries queries(call.app.services.mirror->database());
    ASSIGN(auto listed, queries.transactions(chain->ledger->id(), filter, sql::Order::descending,
                                             call.query.text("cursor"), size_t(page_limit(call))));
    Json items = Json::array();
    for (const auto& row : listed.items) items.push_back(describe(row));
    return page(call, std::move(items), listed.next);
  });
}

Schemas schemas() {
  Schemas out;
  Json chain = object_schema({{"chain", text_schema()},
                              {"height", integer_schema()},
                              {"head", integer_schema()},
                              {"first_height", integer_schema()},
                              {"lag_blocks", integer_schema()},
                              {"lag_ms", integer_schema()},
                              {"restarts", integer_schema()},
                              {"error", text_schema()}});
  out["MirrorStatus"] = object_schema({{"chains", list_schema(chain)}}, {"chains"});
  Json name = {{"type", "string"}, {"minLength", 1}, {"maxLength", 128}};
  out["ChainName"] = object_schema({{"chain", name}}, {"chain"});
  out["TransactionRow"] = object_schema({{"hash", sm3_schema()},
                                         {"height", integer_schema()},
                                         {"position", integer_schema()},
                                         {"time_ms", integer_schema()},
                                         {"signer", hex_schema()},
                                         {"status", integer_schema()},
                                         {"gas", integer_schema()},
                                         {"calls", integer_schema()}});
  out["TransactionPage"] = page_schema("TransactionRow");
  return out;
}

}  // namespace

Resource mirror_resource() {
  Resource resource;
  resource.schemas = schemas();
  resource.routes = {
      {.path = "/api/v1/mirror",
       .id = "mirrorStatus",
       .summary = {"查询镜像的进度", "How far the mirror is"},
       .tag = "mirror",
       .answers = {{200, "application/json", reference("MirrorStatus"), {}}},
       .handler = status},
      {.method = Method::post,
       .path = "/api/v1/mirror/rebuild",
       .id = "rebuildMirror",
       .summary = {"由链重建镜像", "Make a chain's mirror anew from the chain"},
       .tag = "mirror",
       .access = Access::owner,
       .body = {{"application/json", reference("ChainName")}},
       .answers = {{202, "application/json", reference("Job"), {"已开始", "Begun"}}},
       .reasons = {"chain.not_found", "jobs.too_many"},
       .handler = rebuild},
      {.path = "/api/v1/chains/{chain}/transactions",
       .id = "listTransactions",
       .summary = {"交易列表（来自镜像，新的在前）", "Transactions from the mirror, newest first"},
       .tag = "transactions",
       .query = page_parameters(
           {{"signer", hex_schema(), {"签名者的密钥标识", "Key id of the signer"}},
            {"contract", text_schema(), {"调用的合约", "Contract of a call"}, false, "contract"},
            {"method",
             text_schema(),
             {"调用的方法，需同时给出合约", "Method of a call; needs contract"},
             false,
             "method"},
            {"status", integer_schema(), {"回执状态", "Status of the receipt"}},
            {"from_height", integer_schema(), {"不低于此高度", "Not below this height"}, false, "height"},
            {"to_height", integer_schema(), {"不高于此高度", "Not above this height"}, false, "height"},
            {"from_ms", integer_schema(), {"不早于", "Not before"}, false, "time_ms"},
            {"to_ms", integer_schema(), {"不晚于", "Not after"}, false, "time_ms"}}),
       .answers = {{200, "application/json", reference("TransactionPage"), {}}},
       .reasons = {"chain.not_found", "mirror.unknown_chain", "sql.cursor"},
       .handler = list_transactions},
  };
  return resource;
}

}  // namespace chengxin::api
