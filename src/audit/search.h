#pragma once
#include <optional>

#include "audit/entry.h"
#include "base/file.h"
#include "crypto/sm2.h"

namespace chengxin::audit {

// All conditions hold together; empty ones hold for all.
struct Query {
  std::optional<int64_t> from_ms, to_ms;         // both included
  std::string subject, action, outcome, source;  // whole; outcome "refused": any but ok
  std::string object;                            // contained
  uint64_t before = 0;                           // entries before this one; 0: from the newest on
  size_t limit = 50;
};

struct Page {
  std::vector<Recorded> items;  // the newest first
  uint64_t next = 0;            // Query::before of the following page; 0: there is none
};

// Of the log in `folder`, also while it is written: what is not under a head yet is not seen. A page may hold
// fewer than the limit and have a next: a call reads at most 256 MiB. Errors: file.*, audit.malformed.
Result<Page> search(const fs::path& folder, const Query& query);
Result<Recorded> find_entry(const fs::path& folder, uint64_t sequence);  // audit.not_found

enum class ExportFormat { ndjson, csv };
inline constexpr size_t kMaxExported = 100'000;

// The oldest first. The manifest, canonical JSON, names the SM3 of the content, its entries, the query and
// the newest head, and is signed with the installation's key.
struct Export {
  std::string content, manifest;
  crypto::Sm2Signature signature{};
  uint64_t next = 0;  // as of a page
};
Result<Export> export_entries(const fs::path& folder, Query query, ExportFormat format,
                              const crypto::Sm2PrivateKey& key, int64_t now_ms);

// Needs neither the log nor the platform. Returns the manifest. audit.export: what differs.
Result<Json> verify_export(std::string_view content, std::string_view manifest, ByteView signature,
                           const std::optional<crypto::Sm2Point>& key);

}  // namespace chengxin::audit
