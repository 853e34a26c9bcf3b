#include "api/resource_chains.h"

#include "api/authorise.h"
#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

Json describe_chain(const host::Chain& chain) {
  const auto& ledger = *chain.ledger;
  ledger::Head head = ledger.head();
  return {{"name", chain.name},
          {"id", hex(ledger.id())},
          {"created_ms", ledger.genesis().created_ms},
          {"height", head.header.height},
          {"certified_height", head.certified_height},
          {"time_ms", head.header.time_ms},
          {"header_hash", hex(head.header_hash)},
          {"log_size", head.header.log_size},
          {"log_root", hex(head.header.log_root)},
          {"state_root", hex(head.header.state_root)},
          {"oldest_height", ledger.oldest_height()},
          {"disk_bytes", ledger.disk_bytes()},
          {"genesis", ledger.genesis_document()}};
}

Json describe_block(const ledger::BlockRecord& block) {
  Json out = describe_header(block.header, format::Header::hash(block.header_bytes));
  out["transaction_count"] = block.transaction_count;
  out["pruned"] = block.pruned;
  out["certified"] = !block.certificate_bytes.empty();
  return out;
}

Task<Result<Response>> list_chains(Call& call) {
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    Json items = Json::array();
    for (const auto& chain : call.app.services.host->list())
      if (grant_on(call, chain->name)) items.push_back(describe_chain(*chain));
    return json_response({{"items", std::move(items)}});
  });
}

Task<Result<Response>> create_chain(Call& call) {
  std::vector<format::GenesisAccount> accounts;
  for (const auto& given : call.json.value("accounts", Json::array())) {
    format::GenesisAccount account;
    CO_ASSIGN(Bytes point, unhex(given["public_key"].get_ref<const std::string&>()));
    CO_ASSIGN(auto key, crypto::Sm2PublicKey::from_point(point));
    account.public_key = key.point();
    account.roles = given["roles"].get<std::vector<std::string>>();
    accounts.push_back(std::move(account));
  }
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(auto chain, call.app.services.host->create(call.json["name"], accounts, now_ms()));
    Response response = json_response(describe_chain(*chain), 201);
    response.headers.emplace_back("Location", "/api/v1/chains/" + chain->name);
    return response;
  });
}

Task<Result<Response>> get_chain(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  co_return co_await blocking(call.app,
                              [&]() -> Result<Response> { return json_response(describe_chain(*chain)); });
}

Task<Result<Response>> list_blocks(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  uint64_t next = chain->ledger->head().header.height;
  if (auto* cursor = call.query.find("cursor")) {
    auto parsed = parse_parameter(cursor->get<std::string>(), integer_schema(), "query parameter cursor");
    CO_TRY(parsed);
    next = std::min(next, parsed->get<uint64_t>());
  }
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    Json items = Json::array();
    for (int64_t left = page_limit(call); left > 0 && next > 0; --left, --next) {
      ASSIGN(auto block, chain->ledger->block(next));
      items.push_back(describe_block(block));
    }
    return page(call, std::move(items), next > 0 ? std::to_string(next) : "");
  });
}

Task<Result<Response>> get_block(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(auto block, chain->ledger->block(uint64_t(call.path.number("height"))));
    Json out = describe_block(block);
    out["header"] = base64(block.header_bytes);
    out["certificate"] = base64(block.certificate_bytes);
    out["transactions"] = Json::array();
    for (const auto& hash : block.transactions) out["transactions"].push_back(hex(hash));
    return json_response(out);
  });
}

Task<Result<Response>> consistency(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    uint64_t from = uint64_t(call.query.number("from")), to = uint64_t(call.query.number("to"));
    uint64_t size = chain->ledger->head().header.log_size;
    if (from > to || to > size)
      return fail(Code::invalid_argument, "api.out_of_range", "from {} to {}, the log has {}", from, to,
                  size);
    ASSIGN(auto path, chain->ledger->consistency(from, to));
    Json hashes = Json::array();
    for (const auto& hash : path) hashes.push_back(hex(hash));
    return json_response({{"from", from}, {"to", to}, {"path", std::move(hashes)}});
  });
}

Task<Result<Response>> get_state(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(Bytes key, unhex(call.path.text("key")));
    uint64_t head = chain->ledger->head().header.height;
    uint64_t height = uint64_t(call.query.number("height", int64_t(chain->ledger->head().certified_height)));
    if (height == 0 || height > head)
      return fail(Code::not_found, "ledger.no_block", "height {}, the newest is {}", height, head);
    ASSIGN(auto found, chain->ledger->state_proof(text(key), height));
    ASSIGN(auto block, chain->ledger->block(height));
    return json_response({{"key", hex(key)},
                          {"value", found.first ? Json(base64(*found.first)) : Json()},
                          {"height", height},
                          {"proof", base64(found.second.encode())},
                          {"header", base64(block.header_bytes)},
                          {"certificate", base64(block.certificate_bytes)}});
  });
}

Task<Result<Response>> find_items(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  CO_ASSIGN(Digest digest, unhex_digest(call.path.text("digest")));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(auto found, chain->ledger->find_items(digest));
    Json items = Json::array();
    for (const auto& one : found)
      items.push_back({{"transaction", hex(one.transaction)},
                       {"call", one.call},
                       {"index", one.index},
                       {"height", one.height}});
    return json_response({{"items", std::move(items)}});
  });
}

Schemas schemas() {
  Json header = {{"height", integer_schema()},
                 {"hash", sm3_schema()},
                 {"time_ms", integer_schema()},
                 {"previous", sm3_schema()},
                 {"log_size", integer_schema()},
                 {"log_root", sm3_schema()},
                 {"state_root", sm3_schema()},
                 {"validators_hash", sm3_schema()},
                 {"transaction_count", integer_schema()},
                 {"pruned", {{"type", "boolean"}}},
                 {"certified", {{"type", "boolean"}}},
                 {"header", text_schema()},
                 {"certificate", text_schema()},
                 {"transactions", list_schema(sm3_schema())}};
  Schemas out;
  out["Block"] = object_schema(header, {"height", "hash", "time_ms", "transaction_count"});
  out["BlockPage"] = page_schema("Block");
  out["Chain"] = object_schema({{"name", text_schema()},
                                {"id", sm3_schema()},
                                {"created_ms", integer_schema()},
                                {"height", integer_schema()},
                                {"certified_height", integer_schema()},
                                {"time_ms", integer_schema()},
                                {"header_hash", sm3_schema()},
                                {"log_size", integer_schema()},
                                {"log_root", sm3_schema()},
                                {"state_root", sm3_schema()},
                                {"oldest_height", integer_schema()},
                                {"disk_bytes", integer_schema()},
                                {"genesis", text_schema()}},
                               {"name", "id", "height"});
  out["ChainList"] = object_schema({{"items", list_schema(reference("Chain"))}}, {"items"});
  Json key = hex_schema();
  key["minLength"] = key["maxLength"] = 130;
  Json role = {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}};
  out["NewChain"] = object_schema(
      {{"name", {{"type", "string"}, {"minLength", 1}, {"maxLength", 40}}},
       {"accounts", list_schema(object_schema({{"public_key", key}, {"roles", list_schema(role)}},
                                              {"public_key", "roles"}))}},
      {"name"});
  out["NewChain"]["properties"]["accounts"]["maxItems"] = 1000;
  out["Consistency"] = object_schema(
      {{"from", integer_schema()}, {"to", integer_schema()}, {"path", list_schema(sm3_schema())}},
      {"from", "to", "path"});
  out["StateProof"] = object_schema({{"key", hex_schema()},
                                     {"value", {{"description", "base64, or null: proved absent"}}},
                                     {"height", integer_schema()},
                                     {"proof", text_schema()},
                                     {"header", text_schema()},
                                     {"certificate", text_schema()}},
                                    {"key", "height", "proof", "header", "certificate"});
  out["ItemLocations"] =
      object_schema({{"items", list_schema(object_schema({{"transaction", sm3_schema()},
                                                          {"call", integer_schema()},
                                                          {"index", integer_schema()},
                                                          {"height", integer_schema()}}))}},
                    {"items"});
  return out;
}

Answer json_answer(std::string_view schema, int status = 200) {
  return {status, "application/json", reference(schema), {}};
}

}  // namespace

Resource chains_resource() {
  const std::string base = "/api/v1/chains", one = base + "/{chain}";
  Resource resource;
  resource.schemas = schemas();
  resource.routes = {
      {.path = base,
       .id = "listChains",
       .summary = {"列出本节点的链", "List the chains of this node"},
       .tag = "chains",
       .answers = {json_answer("ChainList")},
       .handler = list_chains,
       .by_chain = true},
      {.method = Method::post,
       .path = base,
       .id = "createChain",
       .summary = {"新建链", "Make a chain"},
       .tag = "chains",
       .access = Access::owner,
       .body = {{"application/json", reference("NewChain")}},
       .answers = {json_answer("Chain", 201)},
       .reasons = {"chain.name", "chain.exists", "crypto.public_key"},
       .handler = create_chain,
       .idempotent = true},
      {.path = one,
       .id = "getChain",
       .summary = {"链的概况与链头", "A chain and its head"},
       .tag = "chains",
       .answers = {json_answer("Chain")},
       .reasons = {"chain.not_found"},
       .handler = get_chain},
      {.path = one + "/blocks",
       .id = "listBlocks",
       .summary = {"区块列表（新的在前）", "Blocks, newest first"},
       .tag = "blocks",
       .query = page_parameters(),
       .answers = {json_answer("BlockPage")},
       .reasons = {"chain.not_found"},
       .handler = list_blocks},
      {.path = one + "/blocks/{height}",
       .id = "getBlock",
       .summary = {"一个区块", "One block"},
       .tag = "blocks",
       .answers = {json_answer("Block")},
       .reasons = {"chain.not_found", "ledger.no_block"},
       .handler = get_block},
      {.path = one + "/consistency",
       .id = "getConsistency",
       .summary = {"日志一致性证明（RFC 9162）", "Consistency proof of the log (RFC 9162)"},
       .tag = "proofs",
       .query = {{"from", integer_schema(), {"较早的日志大小", "Earlier size of the log"}, true},
                 {"to", integer_schema(), {"较晚的日志大小", "Later size of the log"}, true}},
       .answers = {json_answer("Consistency")},
       .reasons = {"chain.not_found", "ledger.not_certified_yet"},
       .handler = consistency},
      {.path = one + "/state/{key}",
       .id = "getState",
       .summary = {"状态值及其证明", "A value of the state with its proof"},
       .tag = "proofs",
       .query = {{"height",
                  integer_schema(),
                  {"高度，默认最新已认证的", "Height; default: the newest certified"}}},
       .answers = {json_answer("StateProof")},
       .reasons = {"chain.not_found", "ledger.no_block", "ledger.not_certified_yet", "ledger.pruned"},
       .handler = get_state},
      {.path = one + "/items/{digest}",
       .id = "findItems",
       .summary = {"摘要在链上的位置", "Where a digest stands on the chain"},
       .tag = "proofs",
       .answers = {json_answer("ItemLocations")},
       .reasons = {"chain.not_found"},
       .handler = find_items},
  };
  return resource;
}

}  // namespace chengxin::api
