#pragma once
#include "api/app.h"
#include "host/host.h"

// Transactions that the platform signs for whoever asks over REST.
namespace chengxin::api {

// The platform's account; or, for what governs contracts on a consortium's chain, this organisation's
// governor where its key is here.
enum class Hand { service, governor };
Result<crypto::Sm2PrivateKey> key_of(const App& app, const host::Chain& chain, Hand hand);

// Of one call, valid for some minutes.
Result<Bytes> signed_envelope(const host::Chain& chain, const crypto::Sm2PrivateKey& key, format::Call call,
                              std::span<const Bytes> attachments);

struct Settled {
  Digest transaction{};
  std::optional<ledger::TransactionRecord> record;  // none: it did not come in time
};
// Signs the call and waits for its block. Errors: those of admission and of the sequencer.
Task<Result<Settled>> settle(Call& call, host::ChainPtr chain, Hand hand, format::Call what,
                             std::vector<Bytes> attachments);

// 202: it is not known yet what became of it.
Response still_pending(const host::Chain& chain, const Digest& transaction);

// Why a transaction was not accepted; what a contract said itself is in the output.
Error refusal_of(format::ReceiptStatus status, ByteView output);

}  // namespace chengxin::api
