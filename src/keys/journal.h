#pragma once
#include <functional>

#include "base/file.h"
#include "base/json.h"
#include "crypto/sm2.h"

// What was done to keys, and by whom: records in a file of their own, each over the SM3 of the one before and
// signed (SM2).
//   journal.jsonl   a line for each: {"hash", "record", "signature"}; record: seq, time_ms, action, previous,
//   and the rest journal.head    seq and hash of the last, replaced after each line: what is cut off the end
//   is missed
// A line that a crash tore is dropped when the head never named it. Who can write both files and sign can
// write another history: note the head elsewhere (it is printed after each step), as the platform's audit log
// does.
namespace chengxin::keys {

class Journal {
 public:
  using Sign = std::function<Result<crypto::Sm2Signature>(ByteView message)>;

  // Reads and checks all of it: keys.journal_broken (the detail names the line), keys.journal_cut. A new one
  // begins with a record that holds the public key. `on_record` sees each in order.
  static Result<std::unique_ptr<Journal>> open(const fs::path& folder, const crypto::Sm2Point& key, Sign sign,
                                               const std::function<Status(const Json& record)>& on_record,
                                               std::function<int64_t()> now_ms);
  // Durable when it returns; the record as it was written.
  Result<Json> append(const std::string& action, Json members);
  uint64_t size() const { return size_; }
  const Digest& head() const { return head_; }

 private:
  Journal() = default;
  Status read(const std::function<Status(const Json&)>& on_record);
  Status check(std::string_view line, size_t number, Json& record);
  Status write_head();

  fs::path path_, head_path_;
  crypto::Sm2PublicKey key_;
  Sign sign_;
  std::function<int64_t()> now_ms_;
  uint64_t size_ = 0;
  Digest head_{};
};

// Every line, as they stand: for listings. Journal::open has checked them.
Result<Json> journal_records(const fs::path& folder);

}  // namespace chengxin::keys
