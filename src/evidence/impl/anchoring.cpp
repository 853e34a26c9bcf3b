#include "evidence/impl/anchoring.h"

#include <algorithm>

#include "crypto/random.h"
#include "format/transaction.h"
#include "merkle/item_tree.h"

namespace chengxin::evidence {
namespace {

constexpr int64_t kBackdateMs = 5 * 60 * 1000, kValidMs = 60 * 60 * 1000, kClockMarginMs = 5 * 60 * 1000;

// Why a receipt that is not 0 says no: the contract's own reason key when it gave one.
std::string refusal_of(const host::Chain& chain, const Digest& transaction, uint32_t status) {
  auto record = chain.ledger->transaction(transaction);
  std::string output = record ? to_string(record->output) : "";
  bool is_key =
      !output.empty() && output.size() <= 64 && std::all_of(output.begin(), output.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
      });
  return is_key ? output : fmt::format("evidence.receipt_{}", status);
}

void take_receipt(const host::Chain& chain, const format::Receipt& receipt, tables::BatchRow& batch) {
  batch.height = receipt.height;
  batch.block_time_ms = receipt.time_ms;
  bool accepted = receipt.status == uint32_t(format::ReceiptStatus::accepted);
  batch.state = accepted ? State::anchored : State::refused;
  if (!accepted) batch.refusal = refusal_of(chain, batch.transaction, receipt.status);
}

// The transaction can never be executed as it stands, and neither could another like it.
bool is_final(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument:
    case Code::unauthenticated:
    case Code::forbidden:
    case Code::not_found:
    case Code::too_large:
    case Code::unsupported:
      return error.reason != "transaction.expired" && error.reason != "transaction.not_yet_valid";
    default:
      return false;
  }
}

}  // namespace

Status sign_batch(const host::Chain& chain, const Options& options, ByteView attachment,
                  tables::BatchRow& batch) {
  constexpr uint32_t item_bytes = 64;
  auto groups = merkle::Items::group_hashes(attachment, item_bytes);
  format::EvidenceAdd call{merkle::Items::root(groups), attachment.size() / item_bytes, item_bytes};
  auto window_ms = int64_t(chain.ledger->head().limits.max_validity_ms);
  // Blocks never go back in time: after a clock that ran ahead was set right, theirs is the later one.
  int64_t now_ms = std::max(options.now_ms(), chain.ledger->head().header.time_ms);
  format::TransactionBody body;
  body.chain = chain.ledger->id();
  body.signer = format::key_id(options.service_key.public_key().point());
  body.valid_from_ms = uint64_t(std::max<int64_t>(0, now_ms - std::min(kBackdateMs, window_ms / 4)));
  batch.valid_until_ms = now_ms + std::min(kValidMs, window_ms / 2);
  body.valid_until_ms = uint64_t(batch.valid_until_ms);
  crypto::random_fill(body.nonce);
  body.calls.push_back({"evidence", "add", format::encode_evidence_add(call)});
  batch.body = format::encode_body(body);
  batch.transaction = format::transaction_hash(batch.body);
  ASSIGN(batch.signature, options.service_key.sign(format::signed_message(batch.body)));
  return {};
}

Result<uint64_t> item_count(ByteView body) {
  ASSIGN(auto decoded, format::decode_body(body));
  if (decoded.calls.size() != 1)
    return fail(Code::data_loss, "evidence.damaged", "a stored body of another form");
  ASSIGN(auto call, format::decode_evidence_add(decoded.calls[0].arguments));
  return call.count;
}

Status outcome_of(const host::Chain& chain, const Result<order::Committed>& result, tables::BatchRow& batch) {
  if (result) {
    ASSIGN(auto receipt, format::Receipt::decode(result->receipt));
    take_receipt(chain, receipt, batch);
    return {};
  }
  const Error& error = result.error();
  if (error.reason == "transaction.duplicate") {
    ASSIGN(bool on_chain, look_up(chain, batch));
    return on_chain ? Status{} : tl::unexpected(error);
  }
  if (!is_final(error)) return tl::unexpected(error);
  batch.state = State::refused;
  batch.refusal = error.reason;
  batch.refusal_code = error.code;
  return {};
}

Result<bool> look_up(const host::Chain& chain, tables::BatchRow& batch) {
  auto record = chain.ledger->transaction(batch.transaction);
  if (!record && record.error().reason == "ledger.no_transaction") return false;
  if (!record) return tl::unexpected(record.error());
  take_receipt(chain, record->receipt, batch);
  return true;
}

bool can_no_longer_be_executed(const host::Chain& chain, const tables::BatchRow& batch, int64_t now_ms) {
  return chain.ledger->head().header.time_ms > batch.valid_until_ms ||
         now_ms > batch.valid_until_ms + kClockMarginMs;
}

void fill_in(const tables::BatchRow& batch, Evidence& evidence) {
  evidence.state = batch.state;
  evidence.refusal = batch.refusal;
  evidence.refusal_code = batch.refusal_code;
  if (batch.state != State::anchored) return;
  evidence.transaction = batch.transaction;
  evidence.height = batch.height;
  evidence.block_time_ms = batch.block_time_ms;
}

}  // namespace chengxin::evidence
