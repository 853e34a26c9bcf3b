#include "api/contract_submission.h"

#include <algorithm>

#include "api/describe.h"
#include "base/clock.h"
#include "consortium/service.h"
#include "crypto/random.h"

namespace chengxin::api {
namespace {

constexpr int64_t kBackdateMs = 60'000, kValidMs = 5 * 60'000;

bool is_reason(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

}  // namespace

Result<Bytes> signed_envelope(const host::Chain& chain, const crypto::Sm2PrivateKey& key, format::Call call,
                              std::span<const Bytes> attachments) {
  const ledger::Head head = chain.ledger->head();
  const auto window_ms = int64_t(head.limits.max_validity_ms);
  // Blocks never go back in time: after a clock that ran ahead was set right, theirs is the later one.
  const int64_t now = std::max(now_ms(), head.header.time_ms);
  format::TransactionBody body;
  body.chain = chain.ledger->id();
  body.signer = format::key_id(key.public_key().point());
  body.valid_from_ms = uint64_t(std::max<int64_t>(0, now - std::min(kBackdateMs, window_ms / 4)));
  body.valid_until_ms = uint64_t(now + std::min(kValidMs, window_ms / 2));
  crypto::random_fill(body.nonce);
  body.calls.push_back(std::move(call));
  return format::sign_transaction(body, key, attachments);
}

Result<crypto::Sm2PrivateKey> key_of(const App& app, const host::Chain& chain, Hand hand) {
  if (hand == Hand::governor && chain.ledger->genesis().consortium && app.services.consortium) {
    auto governor = app.services.consortium->governor_on(*chain.ledger);
    if (governor || governor.error().reason != "consortium.not_governing") return governor;
  }
  return *app.services.service_key;
}

Task<Result<Settled>> settle(Call& call, host::ChainPtr chain, Hand hand, format::Call what,
                             std::vector<Bytes> attachments) {
  App& app = call.app;
  auto made = co_await blocking(app, [&]() -> Result<Bytes> {
    ASSIGN(const auto key, key_of(app, *chain, hand));
    return signed_envelope(*chain, key, std::move(what), attachments);
  });
  CO_ASSIGN(Bytes envelope, std::move(made));
  CO_ASSIGN(const auto transaction, format::decode_transaction(envelope));
  Settled out{transaction.hash, {}};
  Outcome<Result<order::Committed>> outcome;
  CO_TRY(chain->admission->submit(call.principal.id, {std::move(envelope), outcome.completion()}));
  auto committed = co_await outcome.wait(std::chrono::milliseconds(app.options.receipt_timeout_ms));
  if (!committed) co_return out;
  if (!*committed) co_return tl::unexpected(committed->error());
  auto record = co_await blocking(
      app, [&] { return chain->ledger->transaction(out.transaction); }, Workers::When::always);
  CO_ASSIGN(out.record, std::move(record));
  co_return out;
}

Response still_pending(const host::Chain& chain, const Digest& transaction) {
  Response response = json_response({{"transaction", hex(transaction)}}, 202);
  response.headers.emplace_back(
      "Location", fmt::format("/api/v1/chains/{}/transactions/{}", chain.name, hex(transaction)));
  return response;
}

Error refusal_of(format::ReceiptStatus status, ByteView output) {
  using Status = format::ReceiptStatus;
  const std::string_view said = is_reason(text(output)) ? text(output) : std::string_view();
  const auto error = [&](Code code, std::string_view otherwise) {
    return Error{code, std::string(said.empty() ? otherwise : said), {}};
  };
  switch (status) {
    case Status::unknown_contract:
      return error(Code::not_found, "contract.unknown");
    case Status::unknown_method:
      return error(Code::not_found, "contract.unknown_method");
    case Status::bad_arguments:
      return error(Code::invalid_argument, "contract.abi.value");
    case Status::forbidden:
      return error(Code::forbidden, "contract.forbidden");
    case Status::out_of_gas:
      return {Code::conflict, "contract.out_of_gas", {}};
    case Status::reverted:
      return {Code::conflict, "contract.reverted", {}};
    case Status::accepted:
    case Status::refused:
    case Status::access_violation:
    case Status::trapped:
      break;
  }
  return error(Code::conflict, "contract.refused");
}

}  // namespace chengxin::api
