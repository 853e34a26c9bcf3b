#include "api/resource_verify.h"

#include "api/describe.h"
#include "evidence/service.h"
#include "proof/bundle.h"
#include "texts/texts.h"

namespace chengxin::api {
namespace {

Json describe(const proof::Facts& facts) {
  Json record = Json::object();
  for (auto& [name, value] : facts.record) record[name] = Json::parse(value, nullptr, false);
  Json out = {{"digest", hex(facts.digest)},
              {"chain", hex(facts.chain)},
              {"chain_name", facts.chain_name},
              {"transaction", hex(facts.transaction)},
              {"header_hash", hex(facts.header_hash)},
              {"block_height", facts.block_height},
              {"certified_height", facts.certified_height},
              {"block_time_ms", facts.block_time_ms},
              {"certified_time_ms", facts.certified_time_ms},
              {"signer", hex(facts.signer)},
              {"validators", facts.validators},
              {"transitions", facts.transitions},
              {"anchored", facts.anchored},
              {"record", std::move(record)},
              {"withheld_fields", facts.withheld_fields}};
  if (facts.timestamp_ms) {
    out["timestamp_ms"] = *facts.timestamp_ms;
    out["timestamp_authority"] = facts.timestamp_authority;
  }
  return out;
}

Result<std::optional<proof::Anchor>> anchor_of(const Call& call) {
  if (!call.query.find("chain")) return std::nullopt;
  const auto& services = call.app.services;
  if (!services.host || !services.evidence) return fail(Code::not_found, "chain.not_found");
  ASSIGN(auto chain, services.host->find(call.query.text("chain")));
  ASSIGN(std::string document, services.evidence->anchor(chain->name));
  return proof::Anchor::decode(document);
}

Task<Result<Response>> verify(Call& call) {
  std::optional<Digest> digest;
  if (call.query.find("digest")) {
    CO_ASSIGN(digest, unhex_digest(call.query.text("digest")));
  }
  co_return co_await call.app.verifying.run([&]() -> Result<Response> {
    ASSIGN(auto anchor, anchor_of(call));
    auto facts = proof::verify(view(call.body), anchor, digest);
    if (facts) return json_response({{"valid", true}, {"facts", describe(*facts)}});
    const Error& error = facts.error();
    return json_response({{"valid", false},
                          {"reason", error.reason},
                          {"detail", error.detail},
                          {"title", texts::reason(error.reason, texts::Language::zh)},
                          {"title_en", texts::reason(error.reason, texts::Language::en)}});
  });
}

}  // namespace

Resource verify_resource() {
  Resource resource;
  resource.schemas["Verdict"] =
      object_schema({{"valid", {{"type", "boolean"}}},
                     {"reason", text_schema()},
                     {"detail", text_schema()},
                     {"title", text_schema()},
                     {"title_en", text_schema()},
                     {"facts", {{"type", "object"}, {"additionalProperties", true}}}},
                    {"valid"});
  resource.routes = {
      {.method = Method::post,
       .path = "/api/v1/verify",
       .id = "verifyBundle",
       .summary = {"验证证明包（无需登录）", "Verify a proof bundle; open to anybody"},
       .tag = "proofs",
       .access = Access::open,
       .query = {{"digest", sm3_schema(), {"原件的 SM3 摘要", "SM3 digest of the original"}},
                 {"chain",
                  text_schema(),
                  {"以本平台此链为信任锚", "Take this platform's chain as trust anchor"}}},
       .body = {{"application/x-cxproof", {}}, {"application/octet-stream", {}}},
       .answers = {{200,
                    "application/json",
                    reference("Verdict"),
                    {"valid 为 false 时 reason 说明原因", "When not valid, `reason` says why"}}},
       .reasons = {"chain.not_found"},
       .handler = verify,
       .max_body_bytes = proof::kMaxBundleBytes,
       .reads = true},
  };
  return resource;
}

}  // namespace chengxin::api
