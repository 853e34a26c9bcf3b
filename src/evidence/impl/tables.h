#pragma once
#include "crypto/uuid.h"
#include "evidence/impl/prepare.h"
#include "sql/database.h"

// What the service keeps in SQL. An evidence row names its batch: the one signed transaction that anchors up
// to kMaxBatchItems of them. The state stands at the batch, so that anchoring a thousand items changes one
// row.
namespace chengxin::evidence {

using crypto::first_id_at;
using crypto::Id;
using crypto::id_time_ms;
using crypto::IdSource;
using crypto::parse_id;
using crypto::to_text;

}  // namespace chengxin::evidence

namespace chengxin::evidence::tables {

inline constexpr size_t kMaxBatchItems = 1000;

struct BatchRow {
  int64_t number = 0;
  std::string chain;
  Bytes body;
  crypto::Sm2Signature signature{};
  Digest transaction{};
  int64_t valid_until_ms = 0;
  State state = State::pending;
  uint64_t height = 0;
  int64_t block_time_ms = 0;
  std::string refusal;
  Code refusal_code = Code::conflict;  // not kept
  std::string archive;                 // blob that bundles can be made of after the chain was pruned
  Id first{}, last{};                  // ids of its items lie between these
};

struct ItemRow {
  Id id{};
  Prepared prepared;
};

Status migrate(sql::Database& database);

// Inserts the batch and its items, which are in the order of their indexes, and sets batch.number.
Status insert(sql::Session& session, BatchRow& batch, std::span<const ItemRow* const> items);
// For items of the batch whose content was there before: the earliest evidence of it on the same chain.
Result<std::map<Id, Id>> same_as_before(sql::Session& session, const BatchRow& batch);
// Sets the transaction (a fresh one for the same items) or the outcome.
Status update_transaction(sql::Session& session, const BatchRow& batch);
Status update_outcome(sql::Session& session, const BatchRow& batch);
Status update_archive(sql::Session& session, int64_t number, const std::string& blob);

Result<std::vector<BatchRow>> pending(sql::Session& session, size_t limit, int64_t after_number);
Result<bool> has_expired_pending(sql::Session& session, const std::string& chain, int64_t now_ms);
// Anchored below the height and not archived.
Result<std::vector<BatchRow>> to_archive(sql::Session& session, const std::string& chain, uint64_t height,
                                         size_t limit);
Result<std::optional<BatchRow>> batch(sql::Session& session, int64_t number);
// The attachment: items in the order of their indexes. evidence.damaged when one is missing.
Result<Bytes> attachment(sql::Session& session, const BatchRow& batch, uint64_t count);

Result<std::optional<Evidence>> get(sql::Session& session, const Id& id);
Result<std::vector<Evidence>> find(sql::Session& session, const Query& query);

struct Stored {
  int64_t batch = 0;
  uint64_t index = 0;
  Digest digest{};
  Bytes record;
  std::string blob;
  bool erased = false;
};
Result<std::optional<Stored>> stored(sql::Session& session, const Id& id);
// What a sealed original holds.
struct Original {
  Digest digest{};
  uint64_t size = 0;
};
Status put_original(sql::Session& session, const std::string& blob, const Original& original);
Result<std::optional<Original>> original(sql::Session& session, const std::string& blob);
// True when a record other than `id` names it.
Result<bool> is_shared(sql::Session& session, const std::string& blob, const Id& id);

// Nulls every field, forgets an original that no other record names; the position stays.
Status erase(sql::Session& session, const Id& id, int64_t now_ms);

Result<std::optional<Bytes>> timestamp(sql::Session& session, const Digest& header_hash);
Status put_timestamp(sql::Session& session, const std::string& chain, uint64_t height,
                     const Digest& header_hash, const Bytes& token);

}  // namespace chengxin::evidence::tables
