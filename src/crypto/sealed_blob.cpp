#include "crypto/sealed_blob.h"

#include <algorithm>

#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm4.h"

namespace chengxin::crypto {
namespace {

constexpr uint8_t kMagic[8] = {'C', 'X', 'S', 'E', 'A', 'L', 1, 0};
constexpr size_t kSalt = 16, kHeader = sizeof kMagic + kSalt, kTag = 16, kPrefix = 7;

Status check_key(ByteView key) {
  if (key.size() < 16) return fail(Code::invalid_argument, "crypto.key_length", "{} bytes", key.size());
  return {};
}

}  // namespace

uint64_t sealed_size(uint64_t plain_size) {
  uint64_t chunks = std::max<uint64_t>(1, (plain_size + kSealedChunkBytes - 1) / kSealedChunkBytes);
  return kHeader + plain_size + chunks * kTag;
}

namespace impl {

SealedStream::SealedStream(ByteView key, ByteView context, size_t chunk_bytes, ByteSink sink)
    : key_(to_secret(key)), context_(to_bytes(context)), sink_(std::move(sink)), chunk_bytes_(chunk_bytes) {}

void SealedStream::derive(ByteView salt) {
  header_.assign(std::begin(kMagic), std::end(kMagic));
  append(header_, salt);
  static constexpr std::string_view kTagText("chengxin/sealed-blob/v1\0", 24);
  Digest derived = hmac_sm3(key_, {view(kTagText), salt, context_});
  chunk_key_ = to_secret(ByteView(derived).first(16));
  prefix_ = to_bytes(ByteView(derived).subspan(16, kPrefix));
  secure_zero(derived.data(), derived.size());
}

Status SealedStream::push(ByteView bytes) {
  while (!bytes.empty()) {
    if (buffer_.size() == chunk_bytes_) TRY(take_chunk(false));
    size_t taken = std::min(bytes.size(), chunk_bytes_ - buffer_.size());
    append(buffer_, bytes.first(taken));
    bytes = bytes.subspan(taken);
  }
  return {};
}

Status SealedStream::take_chunk(bool last) {
  if (index_ > UINT32_MAX) return fail(Code::too_large, "crypto.cipher_length", "above 2^32 chunks");
  Bytes nonce = prefix_;
  put_be(nonce, uint32_t(index_++));
  nonce.push_back(last ? 1 : 0);
  ASSIGN(Bytes out, transform(nonce, buffer_));
  buffer_.clear();
  return out.empty() ? Status() : sink_(out);
}

}  // namespace impl

BlobSealer::BlobSealer(ByteView key, ByteView context, ByteSink sink)
    : SealedStream(key, context, kSealedChunkBytes, std::move(sink)) {}

Status BlobSealer::start() {
  if (!header_.empty()) return {};
  TRY(check_key(key_));
  derive(random_bytes(kSalt));
  return sink_(header_);
}

Status BlobSealer::update(ByteView plain) {
  TRY(start());
  return push(plain);
}

Status BlobSealer::finish() {
  TRY(start());
  return take_chunk(true);
}

Result<Bytes> BlobSealer::transform(ByteView nonce, ByteView chunk) {
  return sm4_gcm_encrypt(chunk_key_, nonce, header_, chunk);
}

BlobOpener::BlobOpener(ByteView key, ByteView context, ByteSink sink)
    : SealedStream(key, context, kSealedChunkBytes + kTag, std::move(sink)) {}

Status BlobOpener::update(ByteView sealed) {
  if (header_.empty()) {
    size_t taken = std::min(sealed.size(), kHeader - buffer_.size());
    append(buffer_, sealed.first(taken));
    sealed = sealed.subspan(taken);
    if (buffer_.size() < kHeader) return {};
    if (!std::equal(std::begin(kMagic), std::end(kMagic), buffer_.begin()))
      return fail(Code::invalid_argument, "crypto.sealed_format");
    TRY(check_key(key_));
    Bytes salt(buffer_.begin() + sizeof kMagic, buffer_.end());
    derive(salt);
    buffer_.clear();
  }
  return push(sealed);
}

Status BlobOpener::finish() {
  if (header_.empty()) return fail(Code::invalid_argument, "crypto.sealed_format", "shorter than its header");
  if (buffer_.size() < kTag || (buffer_.size() == kTag && index_ > 0))
    return fail(Code::invalid_argument, "crypto.decrypt");
  return take_chunk(true);
}

Result<Bytes> BlobOpener::transform(ByteView nonce, ByteView chunk) {
  return sm4_gcm_decrypt(chunk_key_, nonce, header_, chunk);
}

}  // namespace chengxin::crypto
