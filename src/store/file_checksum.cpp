#include <rocksdb/file_checksum.h>

#include "store/rocks.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

// CRC-32C (RFC 3720 appendix B.4) of whole table files. Debian's RocksDB computes it from tables; the
// processor has an instruction. Same name and same values, so files written either way are checked either
// way.
namespace chengxin::store {

#if defined(__x86_64__)
namespace {

__attribute__((target("sse4.2"))) uint32_t extend(uint32_t crc, const char* data, size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = uint32_t(wide);
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, uint8_t(*data));
  return crc;
}

class Crc32c : public rocksdb::FileChecksumGenerator {
 public:
  void Update(const char* data, size_t size) override { crc_ = extend(crc_, data, size); }
  void Finalize() override { put_be(checksum_, ~crc_); }
  std::string GetChecksum() const override { return checksum_; }
  const char* Name() const override { return rocksdb::kStandardDbFileChecksumFuncName; }

 private:
  uint32_t crc_ = ~uint32_t(0);
  std::string checksum_;
};

class Factory : public rocksdb::FileChecksumGenFactory {
 public:
  std::unique_ptr<rocksdb::FileChecksumGenerator> CreateFileChecksumGenerator(
      const rocksdb::FileChecksumGenContext& context) override {
    const std::string& asked = context.requested_checksum_func_name;
    if (!asked.empty() && asked != rocksdb::kStandardDbFileChecksumFuncName) return nullptr;
    return std::make_unique<Crc32c>();
  }
  const char* Name() const override { return rocksdb::GetFileChecksumGenCrc32cFactory()->Name(); }
};

}  // namespace
#endif

std::shared_ptr<rocksdb::FileChecksumGenFactory> file_checksums() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return std::make_shared<Factory>();
#endif
  return rocksdb::GetFileChecksumGenCrc32cFactory();
}

}  // namespace chengxin::store
