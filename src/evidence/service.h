#pragma once
#include <functional>
#include <map>
#include <memory>
#include <span>

#include "base/json.h"
#include "evidence/contract.h"
#include "host/host.h"

namespace chengxin::sql {
class Database;
}
namespace chengxin::blob {
class Store;
struct Written;
}  // namespace chengxin::blob

// Evidence (存证): what somebody wants to be able to prove later. The chain holds a digest and a commitment
// to the record; the record itself, its salts and, on request, the sealed original are working data in SQL
// and the blob store.
namespace chengxin::evidence {

struct NewEvidence {
  Digest digest{};    // SM3 of the content
  uint64_t size = 0;  // of the content, bytes; 0: that of the original, or not told
  std::string title, type, holder;
  std::vector<std::string> tags;
  std::vector<std::string> links;  // ids of earlier evidence: a chain of evidence (证据链)
  std::map<std::string, std::string> further_digests;  // "sha256" → hex
  Json capture = Json::object();                       // who, where from, how, tool, clock state
  std::string blob;  // id of the sealed original, empty when it was not kept
  // The record commitment that stands on the chain, of fields that the caller keeps: then nothing of the
  // above but digest and type is given, and bundles withhold the record as a whole.
  std::optional<Digest> commitment;
};

// Brings the tables of this module up to date; Service::open() does it too.
Status migrate(sql::Database& database);

enum class State { pending, anchored, refused };

struct Evidence {
  std::string id;     // stable, sortable by time
  std::string chain;  // its name
  NewEvidence content;
  int64_t added_ms = 0;
  State state = State::pending;
  // Ids of evidence of the same content on the same chain that was there before: reported, not an error. The
  // first of them in the answer to add(), up to 100 from get(), none from find().
  std::vector<std::string> same_digest;
  Digest transaction{};  // the rest once it is anchored
  uint16_t call = 0;
  uint64_t index = 0, height = 0;
  int64_t block_time_ms = 0;
  std::string refusal;                 // reason key when refused
  Code refusal_code = Code::conflict;  // its kind; only in what on_anchored is given
  int64_t erased_ms = 0;               // not 0: its fields were erased; what is left says where it stood
};

// All conditions hold together; the newest first.
struct Query {
  std::string chain, holder, tag, type, title_contains;
  std::string links_to;  // an id: evidence that names it as a link
  std::optional<Digest> digest;
  std::optional<int64_t> from_ms, to_ms;  // when it was added, both included
  std::string after;                      // keyset: the last id of the page before
  int limit = 50;                         // at most 500
};

struct BundleOptions {
  bool timestamp = true;
  // Names of record fields (docs/evidence.md); nullopt: all.
  std::optional<std::vector<std::string>> disclose;
};

struct Options {
  // A registered "writer" key: signs the transactions of those who hand in plain digests.
  crypto::Sm2PrivateKey service_key;
  std::function<int64_t()> now_ms;
  // Time-stamp token over a 32-byte SM3 digest: the built-in authority, or an address. Null: none to be had.
  std::function<Result<Bytes>(const Digest&)> timestamp;
  std::vector<Bytes> timestamp_roots;  // DER, for anchors
  size_t max_queue_items = 200'000;    // accepted and not yet anchored
};

struct Counters {
  uint64_t accepted = 0, anchored = 0, refused = 0;  // items, since the service was opened
  uint64_t transactions = 0;                         // handed to sequencers
  uint64_t sql_failures = 0, timestamps = 0, bundles = 0;
  uint64_t waiting = 0;  // items now between add() and on_anchored
};

// Gathers additions of many callers into one SQL transaction and one signed chain transaction (group commit),
// so a caller pays for a fraction of an fsync. Invariants (docs/adr/0009-evidence.md):
// - what on_accepted acknowledged is in SQL together with the signed transaction that will anchor it, so
// after a crash
//   the very same transaction is looked up or handed in again, and a chain executes a transaction once at
//   most;
// - another transaction for the same items is signed only when the former can no longer be executed;
// - what SQL says of an anchored item may lag behind the chain, never run ahead of it.
class Service {
 public:
  using OnAdded = std::function<void(Result<std::vector<Evidence>>)>;

  // Brings the tables up to date and begins to settle what an earlier run left pending.
  static Result<std::unique_ptr<Service>> open(host::Host& host, sql::Database& database, blob::Store& blobs,
                                               Options options);
  virtual ~Service() = default;

  // on_accepted: the records are durable as pending. on_anchored: their outcome is durable on the chain
  // (state anchored, or refused with its reason). Each is called once, in this order, on a thread of the
  // service, or, when the call is refused at once, on the caller's; either may be null; must not block. After
  // on_accepted succeeded an error of on_anchored says that the outcome is not known yet, and the service
  // goes on trying. Errors: chain.not_found, evidence.empty, evidence.too_many (10,000 a call),
  // evidence.title_length, evidence.text, evidence.tag, evidence.link_unknown, evidence.further_digest,
  // evidence.capture, evidence.size, evidence.blob_unknown, evidence.original_mismatch (digest or size is not
  // the original's), evidence.commitment (with fields beside it), order.queue_full, order.stopping, sql.*.
  virtual void add(const std::string& chain, std::vector<NewEvidence> items, OnAdded on_accepted,
                   OnAdded on_anchored) = 0;

  // Notes what a sealed original holds; before that no record may name it. sql.*.
  virtual Status keep_original(const blob::Written& original) = 0;

  virtual Result<Evidence> get(const std::string& id) const = 0;  // evidence.not_found
  virtual Result<std::vector<Evidence>> find(const Query& query) const = 0;
  // Chains of records by their ids; what is no record is not among them.
  virtual Result<std::map<std::string, std::string>> chains_of(std::span<const std::string> ids) const = 0;

  // evidence.not_anchored, evidence.refused, evidence.erased, evidence.field_unknown (disclose), timestamp.*,
  // ledger.*.
  virtual Result<Bytes> bundle(const std::string& id, const BundleOptions& options) = 0;
  // Bundle of an item as the chain has it: of the first with this digest, its record (if it has one) withheld
  // as a whole. ledger.no_item, ledger.pruned.
  virtual Result<Bytes> bundle_of_item(const std::string& chain, const Digest& digest,
                                       const BundleOptions& options) = 0;
  virtual Result<std::string> anchor(const std::string& chain) const = 0;  // .cxanchor document
  // Whether the chain has the content of this anchored evidence: the ledger's index of digests is asked, or
  // what was kept of a dropped block. What SQL says of it does not count. chain.not_found, ledger.*.
  virtual Result<bool> stands(const Evidence& evidence) = 0;

  // Deletes the fields, salts and original of a record for good; where it stood on the chain is kept, and
  // what stands there cannot be connected with anything any more but by who has the content. An original that
  // another record names too stays.
  // evidence.not_anchored while pending.
  virtual Status erase(const std::string& id) = 0;

  // To be called before Ledger::prune(height): keeps what bundles of this service's records below that height
  // need. Returns the number of transactions kept now. What is kept already is passed over, so it may be
  // repeated.
  virtual Result<size_t> archive_before(const std::string& chain, uint64_t height) = 0;

  virtual Counters counters() const = 0;
  // Takes nothing more, settles what was taken as far as the sequencers still work, and returns.
  virtual void stop() = 0;
};

}  // namespace chengxin::evidence
