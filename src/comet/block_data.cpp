#include <unordered_set>

#include "base/check.h"
#include "comet/application.h"

namespace chengxin::comet {
namespace {

constexpr uint8_t kBlockVersion = 1, kExtensionVersion = 1, kNoteVersion = 1;
constexpr std::string_view kKinds[] = {"unknown", "duplicate_vote", "light_client_attack"};

tl::unexpected<Error> bad_block(std::string_view why) {
  return fail(Code::invalid_argument, "comet.block_data", "{}", why);
}

Result<std::optional<ledger::CertifiedHeight>> read_certificate(Reader& in) {
  const uint8_t there = in.be<uint8_t>();
  if (there > 1) return bad_block("neither a certificate nor none");
  if (there == 0) return std::optional<ledger::CertifiedHeight>();
  const uint64_t height = in.be<uint64_t>();
  const uint32_t size = in.be<uint32_t>();
  ASSIGN(auto certificate, format::Certificate::decode(in.take(size)));
  return std::optional(ledger::CertifiedHeight{height, std::move(certificate)});
}

}  // namespace

// u8 version || u8 1 or 0 || with 1: u64 height || u32 length || certificate || u32 count || names.
Bytes BlockData::encode() const {
  Bytes out = {kBlockVersion, uint8_t(certificate ? 1 : 0)};
  if (certificate) {
    const Bytes bytes = certificate->certificate.encode();
    put_be(out, certificate->height);
    put_be(out, uint32_t(bytes.size()));
    append(out, bytes);
  }
  put_be(out, uint32_t(contents.size()));
  for (const Digest& id : contents) append(out, id);
  return out;
}

Result<BlockData> BlockData::decode(ByteView bytes) {
  Reader in(bytes);
  if (in.be<uint8_t>() != kBlockVersion) return bad_block("another version");
  BlockData out;
  ASSIGN(out.certificate, read_certificate(in));
  const uint32_t count = in.be<uint32_t>();
  if (count > kMaxContents) return bad_block("too many names");
  if (!in.ok() || in.remaining() != size_t(count) * sizeof(Digest)) return bad_block("another length");
  if (count == 0 && !out.certificate) return bad_block("it says nothing");
  std::unordered_set<Digest, DigestHash> seen;
  for (uint32_t i = 0; i < count; ++i) {
    out.contents.push_back(in.digest());
    if (!seen.insert(out.contents.back()).second) return bad_block("a name stands twice");
  }
  return out;
}

// u8 version || u64 height || signature.
Bytes Extension::encode() const {
  Bytes out = {kExtensionVersion};
  put_be(out, height);
  append(out, signature);
  return out;
}

Result<std::optional<Extension>> Extension::decode(ByteView bytes) {
  if (bytes.empty()) return std::optional<Extension>();
  Reader in(bytes);
  const uint8_t version = in.be<uint8_t>();
  Extension out;
  out.height = in.be<uint64_t>();
  out.signature = in.array<64>();
  if (!in.done() || version != kExtensionVersion)
    return fail(Code::invalid_argument, "comet.extension", "{} bytes that are no extension", bytes.size());
  return std::optional(out);
}

// u8 version || u64 engine height || u64 decided || u64 decided before || u16 count || for each misbehaviour:
// key || u8 kind || u64 engine height || u64 time.
Bytes encode_note(const Progress& progress) {
  Bytes out = {kNoteVersion};
  put_be(out, progress.engine_height);
  put_be(out, progress.decided);
  put_be(out, progress.decided_before);
  put_be(out, uint16_t(progress.misbehaviours.size()));
  for (const Misbehaviour& each : progress.misbehaviours) {
    append(out, each.node);
    const auto* kind = std::find(std::begin(kKinds), std::end(kKinds), each.kind);
    CHECK(kind != std::end(kKinds));
    out.push_back(uint8_t(kind - std::begin(kKinds)));
    put_be(out, each.engine_height);
    put_be(out, uint64_t(each.time_ms));
  }
  return out;
}

Result<Progress> decode_note(ByteView bytes) {
  Reader in(bytes);
  const uint8_t version = in.be<uint8_t>();
  Progress out;
  out.engine_height = in.be<uint64_t>();
  out.decided = in.be<uint64_t>();
  out.decided_before = in.be<uint64_t>();
  for (uint16_t left = in.be<uint16_t>(); left > 0 && in.ok(); --left) {
    Misbehaviour each;
    each.node = in.array<65>();
    each.kind = kKinds[in.be<uint8_t>() % std::size(kKinds)];
    each.engine_height = in.be<uint64_t>();
    each.time_ms = int64_t(in.be<uint64_t>());
    out.misbehaviours.push_back(std::move(each));
  }
  if (version != kNoteVersion || !in.done())
    return fail(Code::data_loss, "comet.note", "the ledger's note is not of this engine's application");
  return out;
}

Result<Progress> progress(const ledger::Ledger& ledger) {
  ASSIGN(auto note, ledger.note());
  if (!note) return Progress();
  return decode_note(*note);
}

}  // namespace chengxin::comet
