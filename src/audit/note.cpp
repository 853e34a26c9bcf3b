#include "audit/note.h"

#include "audit/log.h"
#include "base/clock.h"
#include "crypto/random.h"

namespace chengxin::audit {
namespace {

constexpr char kTag[] = "chengxin/audit/note/v1";
constexpr size_t kSignatureBytes = sizeof(crypto::Sm2Signature);

Bytes message_of(ByteView entry) {
  Bytes message(kTag, kTag + sizeof kTag);
  append(message, entry);
  return message;
}

}  // namespace

Result<Entry> decode_note(ByteView bytes, const crypto::Sm2PublicKey& key) {
  if (bytes.size() <= kSignatureBytes) return fail(Code::data_loss, "audit.malformed", "a note");
  const ByteView entry = bytes.first(bytes.size() - kSignatureBytes);
  if (!key.verify(message_of(entry), bytes.last(kSignatureBytes)))
    return fail(Code::data_loss, "audit.signature", "a note");
  return decode(entry);
}

Status leave_note(const fs::path& data, const crypto::Sm2PrivateKey& installation_key, Entry entry) {
  entry.time_ms = now_ms();
  entry.source = "local";
  clean(entry);
  Options options = options_for(data, installation_key);
  options.now_ms = now_ms;
  auto log = Log::open(options);
  if (log) return (*log)->record(std::move(entry));
  if (log.error().reason != "audit.in_use") return tl::unexpected(log.error());
  Bytes note = encode(entry);
  ASSIGN(auto signature, installation_key.sign(message_of(note)));
  append(note, signature);
  TRY(make_folder(options.folder / "notes"));
  return write_durable(
      options.folder / "notes" / fmt::format("{}-{}.note", entry.time_ms, hex(crypto::random_bytes(8))), note,
      0600);
}

}  // namespace chengxin::audit
