#include "audit/entry.h"

#include "base/clock.h"

namespace chengxin::audit {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Bytes of the well-formed character at `at` (RFC 3629), 0 for none.
size_t character(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90))
    return 0;
  return length;
}

std::string cleaned(std::string_view text, size_t most) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = character(text, at);
    const std::string_view piece = length ? text.substr(at, length) : kReplacement;
    if (out.size() + piece.size() > most) break;
    out += piece;
    at += std::max<size_t>(length, 1);
  }
  return out;
}

}  // namespace

void clean(Entry& entry) {
  for (std::string* text : {&entry.subject, &entry.action, &entry.outcome, &entry.source, &entry.request_id})
    *text = cleaned(*text, kMaxShortText);
  for (std::string* text : {&entry.object, &entry.detail}) *text = cleaned(*text, kMaxLongText);
}

Bytes encode(const Entry& entry) {
  Bytes out;
  put_be(out, uint64_t(entry.time_ms));
  put_be(out, uint16_t(entry.status));
  put_be(out, entry.count);
  for (const std::string* text : {&entry.subject, &entry.action, &entry.object, &entry.outcome, &entry.source,
                                  &entry.request_id, &entry.detail})
    put_sized<uint16_t>(out, view(*text));
  return out;
}

Result<Entry> decode(ByteView bytes) {
  Reader reader(bytes);
  Entry entry;
  entry.time_ms = int64_t(reader.be<uint64_t>());
  entry.status = reader.be<uint16_t>();
  entry.count = reader.be<uint32_t>();
  for (std::string* text : {&entry.subject, &entry.action, &entry.object, &entry.outcome, &entry.source,
                            &entry.request_id, &entry.detail})
    *text = to_string(reader.take(reader.be<uint16_t>()));
  if (!reader.done()) return fail(Code::data_loss, "audit.malformed", "an entry of {} bytes", bytes.size());
  return entry;
}

Json describe(const Recorded& recorded) {
  const Entry& entry = recorded.entry;
  Json out = {
      {"sequence", recorded.sequence},  {"time_ms", entry.time_ms}, {"time", format_time(entry.time_ms)},
      {"subject", entry.subject},       {"action", entry.action},   {"object", entry.object},
      {"outcome", entry.outcome},       {"status", entry.status},   {"source", entry.source},
      {"request_id", entry.request_id}, {"detail", entry.detail},   {"digest", hex(recorded.digest)}};
  if (entry.count != 1) out["count"] = entry.count;
  return out;
}

}  // namespace chengxin::audit
