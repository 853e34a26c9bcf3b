#pragma once
#include "evidence/impl/tables.h"

// Between a batch and its chain: its signed transaction, and what became of it.
namespace chengxin::evidence {

// Signs a transaction of one evidence.add for the items and sets body, signature, transaction and
// valid_until_ms.
Status sign_batch(const host::Chain& chain, const Options& options, ByteView attachment,
                  tables::BatchRow& batch);

// Number of items that the body commits to.
Result<uint64_t> item_count(ByteView body);

// Sets state, height, block_time_ms and refusal from what the sequencer said. An error: the outcome is not
// known, ask again later.
Status outcome_of(const host::Chain& chain, const Result<order::Committed>& result, tables::BatchRow& batch);

// The same from the ledger; false when the transaction is not there.
Result<bool> look_up(const host::Chain& chain, tables::BatchRow& batch);

// True when no block can hold the transaction any more, so that another may be signed for the same items. An
// engine whose clock lags may still hold it for a while, hence the margin.
bool can_no_longer_be_executed(const host::Chain& chain, const tables::BatchRow& batch, int64_t now_ms);

// What the batch knows about an item.
void fill_in(const tables::BatchRow& batch, Evidence& evidence);

}  // namespace chengxin::evidence
