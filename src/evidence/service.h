#pragma once
#include <functional>
#include <map>
#include <memory>

#include "base/json.h"
#include "evidence/contract.h"
#include "host/host.h"

namespace chengxin::sql {
class Database;
}
namespace chengxin::blob {
class Store;
}

// Evidence (存证): what somebody wants to be able to prove later. The chain holds a digest and a commitment
// to the record; the record itself, its salts and, on request, the sealed original are working data in SQL
// and the blob store.
namespace chengxin::evidence {

struct NewEvidence {
  Digest digest{};    // SM3 of the content
  uint64_t size = 0;  // of the content, bytes
  std::string title, type, holder;
  std::vector<std::string> tags;
  std::vector<std::string> links;  // ids of earlier evidence: a chain of evidence (证据链)
  std::map<std::string, std::string> further_digests;  // "sha256" → hex
  Json capture = Json::object();                       // who, where from, how, tool, clock state
  std::string blob;  // id of the sealed original, empty when it was not kept
};

enum class State { pending, anchored, refused };

struct Evidence {
  std::string id;     // stable, sortable by time
  std::string chain;  // its name
  NewEvidence content;
  int64_t added_ms = 0;
  State state = State::pending;
  std::vector<std::string>
      same_digest;       // ids of earlier evidence of the same content: reported, not an error
  Digest transaction{};  // the rest once it is anchored
  uint16_t call = 0;
  uint64_t index = 0, height = 0;
  int64_t block_time_ms = 0;
  std::string refusal;  // reason key when refused
};

struct Query {
  std::string chain, holder, tag, type, title_contains;
  std::optional<Digest> digest;
  std::optional<int64_t> from_ms, to_ms;
  std::string after;  // keyset: the last id of the page before
  int limit = 50;     // at most 500
};

struct BundleOptions {
  bool timestamp = true;
  std::optional<std::vector<std::string>> disclose;  // field names; nullopt: all
};

struct Options {
  crypto::Sm2PrivateKey
      service_key;  // a registered "writer" key; signs the transactions of those who hand in plain digests
  std::function<int64_t()> now_ms;
  // Time-stamp token over a 32-byte SM3 digest: the built-in authority, or an address.
  std::function<Result<Bytes>(const Digest&)> timestamp;
};

// Gathers additions of many callers into one SQL transaction and one signed chain transaction (group commit),
// so a caller pays for a fraction of an fsync. After a crash, what was acknowledged as pending is anchored by
// resume().
class Service {
 public:
  using OnAdded = std::function<void(Result<std::vector<Evidence>>)>;

  static Result<std::unique_ptr<Service>> open(host::Host& host, sql::Database& database, blob::Store& blobs,
                                               Options options);
  virtual ~Service() = default;

  // on_accepted: the records are durable as pending. on_anchored: their receipt is durable. Each is called
  // once, on a thread of the service; on_accepted may be null. Errors: chain.not_found, evidence.too_many
  // (10,000 a call), evidence.title_length, evidence.tag, evidence.link_unknown, evidence.further_digest,
  // evidence.capture, evidence.blob_unknown, order.queue_full.
  virtual void add(const std::string& chain, std::vector<NewEvidence> items, OnAdded on_accepted,
                   OnAdded on_anchored) = 0;

  virtual Result<Evidence> get(const std::string& id) const = 0;  // evidence.not_found
  virtual Result<std::vector<Evidence>> find(const Query& query) const = 0;
  virtual Result<Bytes> bundle(const std::string& id,
                               const BundleOptions& options) = 0;  // evidence.not_anchored yet
  // Bundle of a bare item that is only on the chain (no record here).
  virtual Result<Bytes> bundle_of_item(const std::string& chain, const Digest& digest,
                                       const BundleOptions& options) = 0;
  virtual Result<std::string> anchor(const std::string& chain) const = 0;  // .cxanchor document
  virtual void stop() = 0;
};

}  // namespace chengxin::evidence
