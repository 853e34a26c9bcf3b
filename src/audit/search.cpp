#include "audit/search.h"

#include <algorithm>

#include "audit/impl/frames.h"
#include "audit/log.h"
#include "base/clock.h"
#include "crypto/sm3.h"

namespace chengxin::audit {
namespace {

constexpr size_t kMaxReadBytes = size_t(256) << 20;
constexpr char kTag[] = "chengxin/audit/export/v1";

// Frames of entries that lie under a head, in order.
struct Opened {
  Bytes bytes;
  int64_t begun_ms = 0;
  std::vector<std::pair<size_t, uint64_t>> entries;  // offset, sequence
};

Result<Opened> open_segment(const fs::path& folder, uint64_t number) {
  Opened out;
  ASSIGN(out.bytes, read_file(segment_path(folder, number), kMaxSegmentBytes));
  size_t under_head = 0;
  for (auto frame = frame_at(out.bytes, 0); frame;
       frame = frame_at(out.bytes, frame->offset + frame->bytes.size())) {
    if (frame->offset == 0)
      if (const auto start = decode_start(*frame)) out.begun_ms = start->time_ms;
    if (frame->kind == Kind::entry) out.entries.emplace_back(frame->offset, frame->sequence);
    if (frame->kind == Kind::head) under_head = out.entries.size();
  }
  out.entries.resize(under_head);
  return out;
}

Result<Recorded> recorded_at(const Opened& opened, uint64_t segment, size_t offset) {
  const auto frame = frame_at(opened.bytes, offset);
  Recorded out;
  ASSIGN(out.entry, decode(frame->payload));
  out.sequence = frame->sequence;
  out.segment = segment;
  out.offset = offset;
  out.digest = digest_of(*frame);
  return out;
}

bool fits(const Query& query, const Entry& entry) {
  const auto same = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  return (!query.from_ms || entry.time_ms >= *query.from_ms) &&
         (!query.to_ms || entry.time_ms <= *query.to_ms) && same(query.subject, entry.subject) &&
         same(query.action, entry.action) && same(query.source, entry.source) &&
         (query.outcome == "refused" ? entry.outcome != "ok" : same(query.outcome, entry.outcome)) &&
         entry.object.find(query.object) != std::string::npos;
}

Bytes message_of(ByteView manifest) {
  Bytes message;
  append(message, view({kTag, sizeof kTag}));
  append(message, manifest);
  return message;
}

// RFC 4180, with controls as \u escapes and nothing that a spreadsheet would take for a formula.
std::string csv_field(const std::string& text) {
  std::string out = "\"";
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos) out += '\'';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\u{:04x}", byte);
    else if (c == '"')
      out += "\"\"";
    else
      out += c;
  }
  return out + '"';
}

std::string csv_line(const Recorded& one) {
  const Entry& e = one.entry;
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\r\n", one.sequence, format_time(e.time_ms),
                     csv_field(e.subject), csv_field(e.action), csv_field(e.object), csv_field(e.outcome),
                     e.status, csv_field(e.source), csv_field(e.request_id), e.count, csv_field(e.detail),
                     hex(one.digest));
}

Json describe(const Query& query) {
  Json out = Json::object();
  if (query.from_ms) out["from_ms"] = *query.from_ms;
  if (query.to_ms) out["to_ms"] = *query.to_ms;
  const std::pair<const char*, const std::string*> texts[] = {{"subject", &query.subject},
                                                              {"action", &query.action},
                                                              {"outcome", &query.outcome},
                                                              {"source", &query.source},
                                                              {"object", &query.object}};
  for (const auto& [name, text] : texts)
    if (!text->empty()) out[name] = *text;
  if (query.before) out["before"] = query.before;
  return out;
}

tl::unexpected<Error> bad_export(std::string_view what) {
  return fail(Code::data_loss, "audit.export", "{}", what);
}

}  // namespace

Result<Page> search(const fs::path& folder, const Query& query) {
  const Listing files = list_files(folder);
  Page page;
  size_t read = 0;
  uint64_t reached = 0;
  for (auto number = files.segments.rbegin(); number != files.segments.rend(); ++number) {
    if (read > kMaxReadBytes) {
      page.next = reached;
      break;
    }
    auto opened = open_segment(folder, *number);
    if (!opened && opened.error().reason == "file.not_found") break;  // removed meanwhile
    TRY(opened);
    read += opened->bytes.size();
    if (query.to_ms && opened->begun_ms > *query.to_ms) continue;
    for (auto at = opened->entries.rbegin(); at != opened->entries.rend(); ++at) {
      reached = at->second;
      if (query.before && reached >= query.before) continue;
      ASSIGN(Recorded one, recorded_at(*opened, *number, at->first));
      if (!fits(query, one.entry)) continue;
      if (page.items.size() == query.limit) {
        page.next = page.items.back().sequence;
        return page;
      }
      page.items.push_back(std::move(one));
    }
    if (query.from_ms && opened->begun_ms + 2 * kDayMs < *query.from_ms) break;
  }
  return page;
}

Result<Recorded> find_entry(const fs::path& folder, uint64_t sequence) {
  Query query;
  query.before = sequence + 1;
  query.limit = 1;
  ASSIGN(Page page, search(folder, query));
  if (page.items.empty() || page.items[0].sequence != sequence)
    return fail(Code::not_found, "audit.not_found", "entry {}", sequence);
  return std::move(page.items[0]);
}

Result<Export> export_entries(const fs::path& folder, Query query, ExportFormat format,
                              const crypto::Sm2PrivateKey& key, int64_t now_ms) {
  query.limit = kMaxExported;
  ASSIGN(Page page, search(folder, query));
  std::reverse(page.items.begin(), page.items.end());
  Export out;
  out.next = page.next;
  const bool csv = format == ExportFormat::csv;
  if (csv)
    out.content =
        "sequence,time,subject,action,object,outcome,status,source,request_id,count,detail,digest\r\n";
  for (const Recorded& one : page.items)
    out.content +=
        csv ? csv_line(one) : describe(one).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  Json manifest = {{"format", "chengxin/audit/export/v1"},
                   {"content", csv ? "csv" : "ndjson"},
                   {"created_ms", now_ms},
                   {"key", hex(key.public_key().point())},
                   {"query", describe(query)},
                   {"entries", page.items.size()},
                   {"bytes", out.content.size()},
                   {"sm3", hex(crypto::sm3(view(out.content)))}};
  if (!page.items.empty()) {
    manifest["first"] = page.items.front().sequence;
    manifest["last"] = page.items.back().sequence;
  }
  ASSIGN(out.manifest, canonical_json(manifest));
  ASSIGN(out.signature, key.sign(message_of(view(out.manifest))));
  return out;
}

Result<Json> verify_export(std::string_view content, std::string_view manifest, ByteView signature,
                           const std::optional<crypto::Sm2Point>& key) {
  auto parsed = parse_json(manifest);
  if (!parsed || !parsed->is_object() || parsed->value("format", Json()) != "chengxin/audit/export/v1" ||
      !parsed->contains("key") || !(*parsed)["key"].is_string())
    return bad_export("the manifest is none of an export");
  const auto point = unhex((*parsed)["key"].get<std::string>());
  if (!point) return bad_export("the manifest names no key");
  auto signer = crypto::Sm2PublicKey::from_point(*point);
  if (!signer || !signer->verify(message_of(view(manifest)), signature))
    return bad_export("the manifest's signature does not hold");
  if (key && *key != signer->point()) return bad_export("signed by another key than the one that was given");
  if (parsed->value("sm3", Json()) != hex(crypto::sm3(view(content))))
    return bad_export("the content is not what was exported");
  return std::move(*parsed);
}

}  // namespace chengxin::audit
