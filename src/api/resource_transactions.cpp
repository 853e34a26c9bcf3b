#include "api/resource_transactions.h"

#include "api/describe.h"
#include "api/impl/submission_frames.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

Response pending(const host::Chain& chain, const Digest& transaction) {
  Response response = json_response({{"transaction", hex(transaction)}}, 202);
  response.headers.emplace_back(
      "Location", fmt::format("/api/v1/chains/{}/transactions/{}/receipt", chain.name, hex(transaction)));
  return response;
}

// As describe_receipt(), without building a JSON tree: this is the answer that is given thousands of times a
// second.
Result<Response> receipt_response(const host::Chain& chain, const order::Committed& committed) {
  ASSIGN(auto receipt, format::Receipt::decode(committed.receipt));
  std::string hash = hex(committed.transaction);
  Response response{201, "application/json", {}, {}, {}};
  response.body = fmt::format(
      R"({{"accepted":{},"bytes":"{}","events_digest":"{}","gas":{},"height":{},"output_digest":"{}","status":{},"time_ms":{},"transaction":"{}"}})",
      receipt.status == 0, base64(committed.receipt), hex(receipt.events_digest), receipt.gas, receipt.height,
      hex(receipt.output_digest), receipt.status, receipt.time_ms, hash);
  response.headers.emplace_back("Location",
                                fmt::format("/api/v1/chains/{}/transactions/{}", chain.name, hash));
  return response;
}

// For what may even wait to be admitted.
Result<Response> still_waiting(const host::Chain& chain, ByteView envelope) {
  ASSIGN(auto transaction, format::decode_transaction(envelope));
  return pending(chain, transaction.hash);
}

// Waits for the verdict, not for a block.
Task<Result<Response>> admit_only(Call& call, const host::Chain& chain, ByteView envelope) {
  Outcome<Result<Digest>> verdict;
  auto tell = [done = verdict.completion(),
               told = std::make_shared<std::atomic<bool>>(false)](Result<Digest> result) {
    if (!told->exchange(true)) done(std::move(result));
  };
  CO_TRY(chain.admission->submit(call.principal.id, {to_bytes(envelope),
                                                     [tell](Result<order::Committed> outcome) {
                                                       tell(outcome
                                                                ? Result<Digest>(outcome->transaction)
                                                                : tl::unexpected(std::move(outcome).error()));
                                                     },
                                                     tell}));
  auto hash = co_await verdict.wait(std::chrono::milliseconds(call.app.options.receipt_timeout_ms));
  if (!hash) co_return still_waiting(chain, envelope);
  if (!*hash) co_return tl::unexpected(hash->error());
  co_return pending(chain, **hash);
}

Task<Result<Response>> submit(Call& call) {
  App& app = call.app;
  CO_ASSIGN(auto chain, chain_of(call));
  Bytes encoded;
  if (call.media == "application/json") {
    CO_ASSIGN(encoded, envelope_of(call.json));
  }
  const ByteView envelope = encoded.empty() ? view(call.body) : ByteView(encoded);
  if (call.query.text("wait", "receipt") == "none") co_return co_await admit_only(call, *chain, envelope);
  Outcome<Result<order::Committed>> outcome;
  int64_t begun = steady_ns();
  CO_TRY(chain->admission->submit(call.principal.id, {to_bytes(envelope), outcome.completion()}));
  app.waiting.fetch_add(1, std::memory_order_relaxed);
  auto committed = co_await outcome.wait(std::chrono::milliseconds(app.options.receipt_timeout_ms));
  app.waiting.fetch_sub(1, std::memory_order_relaxed);
  if (!committed) co_return still_waiting(*chain, envelope);
  if (!*committed) co_return tl::unexpected(committed->error());
  app.metrics.commit_seconds().Observe(double(steady_ns() - begun) / 1e9);
  co_return receipt_response(*chain, **committed);
}

Json describe_transaction(const ledger::TransactionRecord& record) {
  const auto& body = record.transaction.body;
  Json out = {{"hash", hex(record.transaction.hash)},
              {"height", record.height},
              {"index", record.log_index},
              {"signer", hex(body.signer)},
              {"valid_from_ms", body.valid_from_ms},
              {"valid_until_ms", body.valid_until_ms},
              {"nonce", hex(body.nonce)},
              {"calls", Json::array()},
              {"body", base64(record.transaction.body_bytes)},
              {"signature", base64(record.transaction.signature)},
              {"receipt", describe_receipt(record.transaction.hash, record.receipt_bytes, record.receipt)},
              {"events", Json::array()},
              {"output", base64(record.output)}};
  for (const auto& one : body.calls)
    out["calls"].push_back(
        {{"contract", one.contract}, {"method", one.method}, {"arguments", base64(one.arguments)}});
  for (const auto& event : record.events)
    out["events"].push_back(
        {{"contract", event.contract}, {"type", event.type}, {"data", base64(event.data)}});
  return out;
}

template <typename Describe>
Task<Result<Response>> read_transaction(Call& call, Describe describe) {
  CO_ASSIGN(auto chain, chain_of(call));
  CO_ASSIGN(Digest hash, unhex_digest(call.path.text("hash")));
  co_return co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(auto record, chain->ledger->transaction(hash));
    return json_response(describe(record));
  });
}

Task<Result<Response>> get_transaction(Call& call) { return read_transaction(call, describe_transaction); }

Task<Result<Response>> get_receipt(Call& call) {
  return read_transaction(call, [](const ledger::TransactionRecord& record) {
    return describe_receipt(record.transaction.hash, record.receipt_bytes, record.receipt);
  });
}

Schemas schemas() {
  Json base64_text = {{"type", "string"}, {"format", "base64"}};
  Schemas out;
  out["NewTransaction"] = object_schema(
      {{"body", base64_text}, {"signature", base64_text}, {"attachments", list_schema(base64_text)}},
      {"body", "signature"});
  out["NewTransaction"]["properties"]["attachments"]["maxItems"] = format::kMaxCalls;
  out["Pending"] = object_schema({{"transaction", sm3_schema()}}, {"transaction"});
  out["Receipt"] = object_schema({{"transaction", sm3_schema()},
                                  {"status", integer_schema()},
                                  {"accepted", {{"type", "boolean"}}},
                                  {"gas", integer_schema()},
                                  {"height", integer_schema()},
                                  {"time_ms", integer_schema()},
                                  {"events_digest", sm3_schema()},
                                  {"output_digest", sm3_schema()},
                                  {"bytes", base64_text}},
                                 {"transaction", "status", "accepted", "height", "time_ms", "bytes"});
  Json one_call =
      object_schema({{"contract", text_schema()}, {"method", text_schema()}, {"arguments", base64_text}});
  Json event = object_schema({{"contract", text_schema()}, {"type", text_schema()}, {"data", base64_text}});
  out["Transaction"] = object_schema({{"hash", sm3_schema()},
                                      {"height", integer_schema()},
                                      {"index", integer_schema()},
                                      {"signer", hex_schema()},
                                      {"valid_from_ms", integer_schema()},
                                      {"valid_until_ms", integer_schema()},
                                      {"nonce", hex_schema()},
                                      {"calls", list_schema(one_call)},
                                      {"body", base64_text},
                                      {"signature", base64_text},
                                      {"receipt", reference("Receipt")},
                                      {"events", list_schema(event)},
                                      {"output", base64_text}},
                                     {"hash", "height", "index", "signer", "calls", "receipt"});
  return out;
}

}  // namespace

Resource transactions_resource() {
  const std::string base = "/api/v1/chains/{chain}/transactions";
  const std::vector<std::string> reasons = {"chain.not_found",
                                            "transaction.malformed",
                                            "transaction.body_malformed",
                                            "transaction.too_large",
                                            "transaction.wrong_chain",
                                            "transaction.expired",
                                            "transaction.not_yet_valid",
                                            "transaction.window_too_long",
                                            "transaction.duplicate",
                                            "transaction.unknown_signer",
                                            "transaction.signer_revoked",
                                            "transaction.signature_invalid",
                                            "transaction.attachments",
                                            "order.queue_full",
                                            "order.stopping",
                                            "ledger.halted"};
  Resource resource;
  resource.schemas = schemas();
  resource.routes = {
      {.method = Method::post,
       .path = base,
       .id = "submitTransaction",
       .summary = {"提交已签名的交易，默认等待回执",
                   "Submit a signed transaction; waits for its receipt by default"},
       .tag = "transactions",
       .query = {{"wait", enum_schema({"receipt", "none"}), {"等待到何时", "What to wait for"}}},
       .body = {{"application/x-protobuf", {{"description", "Transaction: docs/formats/chain.md"}}},
                {"application/json", reference("NewTransaction")}},
       .answers = {{201, "application/json", reference("Receipt"), {"已入块并落盘", "In a block, durably"}},
                   {202,
                    "application/json",
                    reference("Pending"),
                    {"已接受，回执见 Location", "Accepted; the receipt will be at Location"}}},
       .reasons = reasons,
       .handler = submit,
       .max_body_bytes = 5 << 20,
       .idempotent = true},
      {.path = base + "/{hash}",
       .id = "getTransaction",
       .summary = {"一笔交易", "One transaction"},
       .tag = "transactions",
       .answers = {{200, "application/json", reference("Transaction"), {}}},
       .reasons = {"chain.not_found", "ledger.no_transaction", "ledger.pruned"},
       .handler = get_transaction},
      {.path = base + "/{hash}/receipt",
       .id = "getReceipt",
       .summary = {"交易回执", "The receipt of a transaction"},
       .tag = "transactions",
       .answers = {{200, "application/json", reference("Receipt"), {}}},
       .reasons = {"chain.not_found", "ledger.no_transaction", "ledger.pruned"},
       .handler = get_receipt},
  };
  return resource;
}

}  // namespace chengxin::api
