#include "api/resource_evidence.h"

#include "api/authorise.h"
#include "api/describe.h"
#include "api/problem.h"
#include "base/clock.h"
#include "evidence/service.h"

namespace chengxin::api {
namespace {

using evidence::Evidence;
using Added = Result<std::vector<Evidence>>;
constexpr size_t kMaxProofs = 100;

Result<evidence::NewEvidence> parse_new(const Json& json) {
  evidence::NewEvidence out;
  ASSIGN(out.digest, unhex_digest(json["digest"].get_ref<const std::string&>()));
  out.size = json.value("size", uint64_t(0));
  out.title = json.value("title", "");
  out.type = json.value("type", "");
  out.holder = json.value("holder", "");
  if (json.contains("tags")) out.tags = json["tags"].get<std::vector<std::string>>();
  if (json.contains("links")) out.links = json["links"].get<std::vector<std::string>>();
  if (json.contains("further_digests"))
    out.further_digests = json["further_digests"].get<std::map<std::string, std::string>>();
  if (json.contains("capture")) out.capture = json["capture"];
  out.blob = json.value("original", "");
  return out;
}

Json describe(const Evidence& one) {
  constexpr std::string_view states[] = {"pending", "anchored", "refused"};
  Json out = {{"id", one.id},
              {"chain", one.chain},
              {"digest", hex(one.content.digest)},
              {"size", one.content.size},
              {"title", one.content.title},
              {"type", one.content.type},
              {"holder", one.content.holder},
              {"tags", one.content.tags},
              {"links", one.content.links},
              {"further_digests", one.content.further_digests},
              {"capture", one.content.capture},
              {"original", one.content.blob},
              {"added_ms", one.added_ms},
              {"state", states[int(one.state)]},
              {"same_digest", one.same_digest}};
  if (one.state == evidence::State::anchored) {
    out["transaction"] = hex(one.transaction);
    out["call"] = one.call;
    out["index"] = one.index;
    out["height"] = one.height;
    out["block_time_ms"] = one.block_time_ms;
  }
  if (!one.refusal.empty()) out["refusal"] = one.refusal;
  return out;
}

// A proof that cannot be made now (a time-stamp authority is away) leaves its reason instead.
Json describe_all(App& app, const std::vector<Evidence>& added, bool with_proof) {
  Json items = Json::array();
  for (const auto& one : added) {
    Json item = describe(one);
    if (with_proof && one.state == evidence::State::anchored) {
      auto bundle = app.services.evidence->bundle(one.id, {});
      if (bundle)
        item["proof"] = base64(*bundle);
      else
        item["proof_error"] = bundle.error().reason;
    }
    items.push_back(std::move(item));
  }
  return items;
}

// The chain took none of them. They are kept as refused, so this is an answer (and stored for an
// Idempotency-Key), not an error after which a client would send them again.
Response refused(const Call& call, const Evidence& one) {
  bool not_allowed = one.refusal_code == Code::forbidden || one.refusal_code == Code::unauthenticated;
  return problem({not_allowed ? Code::forbidden : Code::conflict, one.refusal,
                  fmt::format("chain {} refused it; kept as evidence {}", one.chain, one.id)},
                 call.request_id);
}

// Hands the items in and waits as far as the caller wants: 201 when one or more are anchored, 202 while the
// outcome is not known. `in_list`: the answer is a list, else the one item.
Task<Result<Response>> add(Call& call, const std::vector<const Json*>& given, bool in_list) {
  App& app = call.app;
  bool wait = call.query.text("wait", "receipt") == "receipt", with_proof = call.query.flag("proof");
  if (with_proof && (given.size() > kMaxProofs || !wait))
    co_return fail(Code::invalid_argument, "evidence.proof_in_answer",
                   "needs wait=receipt and at most {} items", kMaxProofs);
  std::vector<evidence::NewEvidence> items;
  std::vector<std::string> named;  // other records, which they are linked to
  for (const Json* json : given) {
    CO_ASSIGN(auto item, parse_new(*json));
    for (const std::string& link : item.links) named.push_back(link);
    if (!item.blob.empty()) named.push_back(item.blob);
    items.push_back(std::move(item));
  }
  auto seen = co_await check_references(call, std::move(named));
  CO_TRY(seen);
  const std::string chain = call.json.value("chain", app.options.default_chain);
  if (!grant_on(call, chain)) co_return fail(Code::forbidden, "access.not_allowed", "on the chain {}", chain);
  Outcome<Added> accepted, anchored;
  int64_t until = steady_ns() + int64_t(app.options.receipt_timeout_ms) * 1'000'000;
  app.services.evidence->add(chain, std::move(items), accepted.completion(), anchored.completion());
  // Until they are durable there is nothing that an answer could name, so this wait has no limit of its own.
  auto added = co_await accepted.wait();
  if (!added) co_return tl::unexpected(added.error());
  int status = 202;
  if (wait) {
    auto final = co_await anchored.wait(
        std::chrono::milliseconds(std::max<int64_t>(0, (until - steady_ns()) / 1'000'000)));
    // From here on the records are kept, so nothing may answer an error: a client would send them again. When
    // the outcome is not known yet, or the wait ended first, they stand as pending.
    if (final && *final) {
      added = std::move(*final);
      status = 201;
    }
  }
  const Evidence& first = added->front();
  Response response;
  if (std::all_of(added->begin(), added->end(),
                  [](const Evidence& one) { return one.state == evidence::State::refused; })) {
    response = refused(call, first);
  } else {
    auto described = co_await blocking(
        app, [&]() -> Result<Json> { return describe_all(app, *added, with_proof); }, Workers::When::always);
    Json body = described ? std::move(*described) : describe_all(app, *added, false);
    response = json_response(in_list ? Json{{"items", std::move(body)}} : std::move(body[0]), status);
  }
  if (!in_list) response.headers.emplace_back("Location", "/api/v1/evidence/" + first.id);
  co_return response;
}

Task<Result<Response>> add_one(Call& call) {
  std::vector<const Json*> given = {&call.json};
  co_return co_await add(call, given, false);
}

Task<Result<Response>> add_batch(Call& call) {
  std::vector<const Json*> given;
  for (const auto& item : call.json["items"]) given.push_back(&item);
  co_return co_await add(call, given, true);
}

// A page of what the caller sees: that there is more shows neither in how long it is nor in its cursor,
// whatever was searched for. After kMostLookedAt that he may not see, he goes on from the last of them.
Result<Response> page_of_seen(const Call& call, evidence::Query query) {
  constexpr int kAtATime = 500, kMostLookedAt = 20'000;
  const size_t wanted = size_t(query.limit);
  query.limit = std::min(query.limit + 1, kAtATime);
  Json items = Json::array();
  for (int looked_at = 0; looked_at < kMostLookedAt; looked_at += std::exchange(query.limit, kAtATime)) {
    ASSIGN(const auto found, call.app.services.evidence->find(query));
    std::vector<std::string> ids;
    for (const auto& one : found) ids.push_back(one.id);
    ASSIGN(const auto seen, seen_among(call, ids));
    for (const auto& one : found) {
      if (!seen.contains(one.id)) continue;
      if (items.size() == wanted) return page(call, items, items.back()["id"]);
      items.push_back(describe(one));
    }
    if (int(found.size()) < query.limit) return page(call, std::move(items), "");
    query.after = found.back().id;
  }
  return page(call, std::move(items), query.after);
}

Task<Result<Response>> list(Call& call) {
  evidence::Query query;
  query.chain = call.query.text("chain");
  query.holder = call.query.text("holder");
  query.tag = call.query.text("tag");
  query.type = call.query.text("type");
  query.title_contains = call.query.text("title");
  query.after = call.query.text("cursor");
  query.limit = int(page_limit(call));
  if (call.query.find("digest")) {
    CO_ASSIGN(query.digest, unhex_digest(call.query.text("digest")));
  }
  if (call.query.find("from_ms")) query.from_ms = call.query.number("from_ms");
  if (call.query.find("to_ms")) query.to_ms = call.query.number("to_ms");
  co_return co_await blocking(call.app, [&] { return page_of_seen(call, query); });
}

Task<Result<Response>> get(Call& call) {
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(auto one, call.app.services.evidence->get(call.path.text("id")));
    return json_response(describe(one));
  });
}

Response bundle_response(ByteView bundle, const std::string& name) {
  Response response{200, "application/x-cxproof", to_string(bundle), {}, {}};
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name + ".cxproof\"");
  return response;
}

Task<Result<Response>> bundle(Call& call) {
  evidence::BundleOptions options;
  options.timestamp = call.query.flag("timestamp", true);
  if (auto* names = call.query.find("disclose")) options.disclose = names->get<std::vector<std::string>>();
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(Bytes bytes, call.app.services.evidence->bundle(call.path.text("id"), options));
    return bundle_response(bytes, hex(view(call.path.text("id"))).substr(0, 32));
  });
}

Task<Result<Response>> item_proof(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  CO_ASSIGN(Digest digest, unhex_digest(call.path.text("digest")));
  evidence::BundleOptions options;
  options.timestamp = call.query.flag("timestamp", true);
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(Bytes bytes, call.app.services.evidence->bundle_of_item(chain->name, digest, options));
    return bundle_response(bytes, hex(digest));
  });
}

Task<Result<Response>> anchor(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(std::string document, call.app.services.evidence->anchor(chain->name));
    return Response{200, "application/json", std::move(document), {}, {}};
  });
}

Schemas schemas() {
  auto text = [](size_t limit) { return Json{{"type", "string"}, {"maxLength", limit}}; };
  auto texts = [&](size_t limit, size_t count) {
    Json out = list_schema(text(limit));
    out["maxItems"] = count;
    return out;
  };
  Json content = {
      {"digest", sm3_schema()},
      {"size", integer_schema()},
      {"title", text(4096)},
      {"type", text(128)},
      {"holder", text(256)},
      {"tags", texts(128, 64)},
      {"links", texts(128, 256)},
      {"further_digests", {{"type", "object"}, {"maxProperties", 8}, {"additionalProperties", hex_schema()}}},
      {"capture", {{"type", "object"}, {"additionalProperties", true}}},
      {"original", text(128)}};
  Schemas out;
  out["EvidenceItem"] = object_schema(content, {"digest"});
  Json one = content;
  one["chain"] = text(128);
  out["NewEvidence"] = object_schema(one, {"digest"});
  Json items = list_schema(reference("EvidenceItem"));
  items["minItems"] = 1;
  items["maxItems"] = 10'000;
  out["EvidenceBatch"] = object_schema({{"chain", text(128)}, {"items", items}}, {"items"});
  one.update({{"id", text_schema()},
              {"added_ms", integer_schema()},
              {"state", enum_schema({"pending", "anchored", "refused"})},
              {"same_digest", list_schema(text_schema())},
              {"transaction", sm3_schema()},
              {"call", integer_schema()},
              {"index", integer_schema()},
              {"height", integer_schema()},
              {"block_time_ms", integer_schema()},
              {"refusal", text_schema()},
              {"proof", {{"type", "string"}, {"format", "base64"}}},
              {"proof_error", text_schema()}});
  out["Evidence"] = object_schema(one, {"id", "chain", "digest", "state", "added_ms", "same_digest"});
  out["EvidencePage"] = page_schema("Evidence");
  return out;
}

}  // namespace

Resource evidence_resource() {
  const std::string base = "/api/v1/evidence", chain = "/api/v1/chains/{chain}";
  const std::vector<std::string> add_reasons = {"chain.not_found",           "evidence.too_many",
                                                "evidence.title_length",     "evidence.tag",
                                                "evidence.link_unknown",     "evidence.further_digest",
                                                "evidence.capture",          "evidence.blob_unknown",
                                                "access.no_record",          "evidence.original_mismatch",
                                                "evidence.proof_in_answer",  "order.queue_full",
                                                "transaction.unknown_signer"};
  const std::vector<Parameter> add_query = {
      {"wait", enum_schema({"receipt", "accepted"}), {"等待到何时", "What to wait for"}},
      {"proof",
       {{"type", "boolean"}},
       {"随答复给出证明包（base64）", "Give the proof bundle in the answer, base64"}}};
  const Parameter timestamp = {
      "timestamp", {{"type", "boolean"}}, {"是否附时间戳，默认附", "With a time-stamp; default true"}};
  auto answers = [](std::string_view schema) {
    return std::vector<Answer>{
        {201, "application/json", reference(schema), {"已上链", "Anchored"}},
        {202, "application/json", reference(schema), {"已受理，尚未上链", "Accepted, not anchored yet"}}};
  };
  Answer proof = {200,
                  "application/x-cxproof",
                  {},
                  {"证明包：docs/formats/cxproof.md", "A proof bundle: docs/formats/cxproof.md"}};
  Resource resource;
  resource.schemas = schemas();
  resource.routes = {
      {.method = Method::post,
       .path = base,
       .id = "addEvidence",
       .summary = {"存证一项", "Notarise one digest"},
       .tag = "evidence",
       .query = add_query,
       .body = {{"application/json", reference("NewEvidence")}},
       .answers = answers("Evidence"),
       .reasons = add_reasons,
       .handler = add_one,
       .idempotent = true,
       .records = true,
       .by_chain = true},
      {.method = Method::post,
       .path = base + "/batch",
       .id = "addEvidenceBatch",
       .summary = {"批量存证", "Notarise many digests at once"},
       .tag = "evidence",
       .query = add_query,
       .body = {{"application/json", reference("EvidenceBatch")}},
       .answers = answers("EvidencePage"),
       .reasons = add_reasons,
       .handler = add_batch,
       .max_body_bytes = 16 << 20,
       .idempotent = true,
       .records = true,
       .by_chain = true},
      {.path = base,
       .id = "findEvidence",
       .summary = {"查询存证", "Search evidence"},
       .tag = "evidence",
       .query = page_parameters({{"chain", text_schema(), {"链名", "Chain"}},
                                 {"digest", sm3_schema(), {"内容摘要", "Digest of the content"}},
                                 {"holder", text_schema(), {"持有人", "Holder"}},
                                 {"tag", text_schema(), {"标签", "Tag"}, false, "tags"},
                                 {"type", text_schema(), {"类型", "Type"}},
                                 {"title", text_schema(), {"标题包含", "Title contains"}},
                                 {"from_ms", integer_schema(), {"不早于", "Not before"}, false, "added_ms"},
                                 {"to_ms", integer_schema(), {"不晚于", "Not after"}, false, "added_ms"}}),
       .answers = {{200, "application/json", reference("EvidencePage"), {}}},
       .handler = list,
       .records = true,
       .by_chain = true},
      {.path = base + "/{id}",
       .id = "getEvidence",
       .summary = {"一项存证", "One piece of evidence"},
       .tag = "evidence",
       .answers = {{200, "application/json", reference("Evidence"), {}}},
       .reasons = {"evidence.not_found"},
       .handler = get,
       .records = true,
       .by_chain = true},
      {.path = base + "/{id}/bundle",
       .id = "getBundle",
       .summary = {"导出证明包", "Export the proof bundle"},
       .tag = "evidence",
       .query = {{"disclose",
                  list_schema(text_schema()),
                  {"公开的字段，默认全部", "Fields to disclose; default all"}},
                 timestamp},
       .answers = {proof},
       .reasons = {"evidence.not_found", "evidence.not_anchored", "ledger.not_certified_yet"},
       .handler = bundle,
       .records = true,
       .by_chain = true},
      {.path = chain + "/items/{digest}/proof",
       .id = "getItemProof",
       .summary = {"链上摘要的证明包", "Proof bundle of a digest on the chain"},
       .tag = "proofs",
       .query = {timestamp},
       .answers = {proof},
       .reasons = {"chain.not_found", "ledger.no_item", "ledger.not_certified_yet"},
       .handler = item_proof},
      {.path = chain + "/anchor",
       .id = "getAnchor",
       .summary = {"信任锚（.cxanchor）", "The chain's trust anchor (.cxanchor)"},
       .tag = "proofs",
       .answers = {{200, "application/json", {}, {}}},
       .reasons = {"chain.not_found"},
       .handler = anchor},
  };
  return resource;
}

}  // namespace chengxin::api
