#pragma once
#include <functional>

#include "base/bytes.h"
#include "crypto/secret.h"

// Encryption of files of any size in constant memory (two chunks); docs/formats/sealed-blob.md.
namespace chengxin::crypto {

using ByteSink = std::function<Status(ByteView)>;

inline constexpr size_t kSealedChunkBytes = 1 << 20;
uint64_t sealed_size(uint64_t plain_size);

namespace impl {
// Cuts what comes into chunks, keeping the last one back until it is known to be the last.
class SealedStream {
 protected:
  SealedStream(ByteView key, ByteView context, size_t chunk_bytes, ByteSink sink);
  Status push(ByteView bytes);
  Status take_chunk(bool last);
  virtual Result<Bytes> transform(ByteView nonce, ByteView chunk) = 0;
  virtual ~SealedStream() = default;
  void derive(ByteView salt);

  Secret key_;
  Bytes context_;
  Bytes header_;
  Secret chunk_key_;
  Bytes prefix_;
  ByteSink sink_;
  size_t chunk_bytes_;
  Bytes buffer_;
  uint64_t index_ = 0;
};
}  // namespace impl

// Writes a sealed blob to `sink`. A failed call leaves the object useless. crypto.key_length below 16 bytes.
class BlobSealer : private impl::SealedStream {
 public:
  BlobSealer(ByteView key, ByteView context, ByteSink sink);
  Status update(ByteView plain);
  Status finish();  // must be called for the blob to be whole

 private:
  Status start();
  Result<Bytes> transform(ByteView nonce, ByteView chunk) override;
};

// Reads one. `sink` is given only bytes whose chunk was authenticated, but that the blob ends as it should is
// known only when finish() succeeds: until then what was written must not be used.
class BlobOpener : private impl::SealedStream {
 public:
  BlobOpener(ByteView key, ByteView context, ByteSink sink);
  Status update(ByteView sealed);
  Status finish();

 private:
  Result<Bytes> transform(ByteView nonce, ByteView chunk) override;
};

}  // namespace chengxin::crypto
