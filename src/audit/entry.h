#pragma once
#include "base/bytes.h"
#include "base/json.h"

namespace chengxin::audit {

// What somebody did or tried. Texts are data: nothing in them ends a line or an entry, wherever they are
// shown. Longer ones are cut at a character's end and what is not UTF-8 becomes U+FFFD. Never in it: the
// Authorization field, passwords, tokens, PINs, bodies of requests and answers.
struct Entry {
  int64_t time_ms = 0;         // 0: the log's own clock when it takes it
  int status = 0;              // of HTTP; 0: another way in
  uint32_t count = 1;          // so many alike (Log::append)
  std::string subject;         // the principal's id; empty: nobody has proved who it was
  std::string action;          // operation of the route (openapi's operationId), or "cli.key.create"
  std::string object;          // values of the path, "chain=default hash=…"
  std::string outcome = "ok";  // or the reason key of the refusal
  std::string source;          // address of the peer, "local" for the command line
  std::string request_id;
  std::string detail;
  bool operator==(const Entry&) const = default;
};

inline constexpr size_t kMaxShortText = 128, kMaxLongText = 512;  // bytes; the long ones: object and detail

// An entry with its place in the log.
struct Recorded {
  uint64_t sequence = 0, segment = 0, offset = 0;
  Digest digest{};  // of its frame
  Entry entry;
};

void clean(Entry& entry);  // bounds the texts
Bytes encode(const Entry& entry);
Result<Entry> decode(ByteView bytes);  // audit.malformed

Json describe(const Recorded& recorded);

}  // namespace chengxin::audit
