#include "api/resource_ethereum.h"

#include <chrono>
#include <future>

#include "api/authorise.h"
#include "api/contract_submission.h"
#include "api/describe.h"
#include "contract/registry.h"
#include "ethereum/contract.h"
#include "ethereum/json_rpc.h"

namespace chengxin::api {
namespace {

using Clock = std::chrono::steady_clock;

// Blocks until the envelope is in a block: on a worker alone.
Status send_raw(const App& app, const host::ChainPtr& chain, const std::string& source,
                Clock::time_point until, Bytes raw) {
  ASSIGN(const auto key, key_of(app, *chain, Hand::service));
  ASSIGN(Bytes envelope,
         signed_envelope(*chain, key, {std::string(ethereum::kContract), "send", std::move(raw)}, {}));
  auto promise = std::make_shared<std::promise<Result<order::Committed>>>();
  auto settled = promise->get_future();
  TRY(chain->admission->submit(source, {std::move(envelope), [promise](Result<order::Committed> outcome) {
                                          promise->set_value(std::move(outcome));
                                        }}));
  if (settled.wait_until(until) != std::future_status::ready) return {};  // it waits for its block
  ASSIGN(const auto committed, settled.get());
  ASSIGN(const auto record, chain->ledger->transaction(committed.transaction));
  if (record.receipt.status == 0) return {};
  return tl::unexpected(refusal_of(format::ReceiptStatus(record.receipt.status), record.output));
}

Task<Result<Response>> answer(Call& call) {
  App& app = call.app;
  CO_ASSIGN(const auto chain, chain_of(call));
  const auto endpoint = app.ethereum.of(chain->ledger->id(), [&] {
    return ethereum::Chain{std::shared_ptr<const ledger::Ledger>(chain, chain->ledger.get()),
                           app.services.contracts, app.options.version};
  });
  const auto place = app.contract_places.take(call.principal.id);
  if (!place)
    co_return tl::unexpected(
        Error{Code::busy, "api.busy", "too many calls of contracts at a time from this credential", 1000});
  // Who sends waits for blocks, on threads that queries do not need; all of a request together as long as one
  // would.
  const bool sends = call.body.find("eth_sendRawTransaction") != call.body.npos;
  if (sends) CO_TRY(app.trail.allows_changes());
  call.changes = sends;
  if (sends && !may_write(call)) co_return fail(Code::forbidden, "access.not_allowed");
  Workers& workers = sends ? app.ethereum_sends : app.contract_work;
  const auto until = Clock::now() + std::chrono::milliseconds(app.options.receipt_timeout_ms);
  co_return co_await workers.run([&]() -> Result<Response> {
    const auto send = [&](Bytes raw) -> Status {
      if (!sends)
        return fail(Code::invalid_argument, "api.malformed",
                    "the method's name is to be written without escapes");
      return send_raw(app, chain, call.principal.id, until, std::move(raw));
    };
    return Response{200, "application/json", endpoint->answer(call.body, send, call.principal.id), {}, {}};
  });
}

}  // namespace

Resource ethereum_resource() {
  const Json description = {{"description", "JSON-RPC 2.0: docs/ethereum.md"}};
  Resource resource;
  resource.routes = {
      {.method = Method::post,
       .path = "/api/v1/chains/{chain}/ethereum",
       .id = "callEthereum",
       .summary = {"以太坊 JSON-RPC，供 ethers、Hardhat 等工具使用；支持批量",
                   "Ethereum's JSON-RPC, for ethers, Hardhat and other tools; batches too"},
       .tag = "contracts",
       .body = {{"application/json", description}},
       .answers = {{200, "application/json", description, {"结果或错误对象", "Results or error objects"}}},
       .reasons = {"chain.not_found"},
       .handler = answer,
       .max_body_bytes = ethereum::kMaxRequestBytes,
       .reads = true,  // but where the handler says otherwise
       .raw = true}};
  return resource;
}

}  // namespace chengxin::api
