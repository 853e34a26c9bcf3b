#include "document/impl/zip.h"

#include <zlib.h>

#include "base/check.h"
#include "document/impl/writing.h"

namespace chengxin::document {
namespace {

template <typename Int>
void put_le(Bytes& out, Int value) {
  for (size_t i = 0; i < sizeof(Int); ++i) out.push_back(uint8_t(value >> (8 * i)));
}

}  // namespace

void Zip::add(std::string_view name, ByteView content) {
  constexpr uint16_t kVersion = 20, kDeflated = 8, kNoTime = 0, kFirstDay = 1 << 5 | 1;  // 1980-01-01
  const Bytes stream = flate(content);
  const ByteView packed =
      ByteView(stream).subspan(2, stream.size() - 6);  // without zlib's header and checksum
  const size_t offset = bytes_.size();
  CHECK(offset + packed.size() < UINT32_MAX && content.size() < UINT32_MAX && count_ < UINT16_MAX);
  Bytes common;  // of the local header (4.3.7) and the central one (4.3.12)
  for (uint16_t each : {kVersion, uint16_t(0), kDeflated, kNoTime, kFirstDay}) put_le(common, each);
  put_le(common, uint32_t(crc32(0, content.data(), uInt(content.size()))));
  put_le(common, uint32_t(packed.size()));
  put_le(common, uint32_t(content.size()));
  put_le(common, uint16_t(name.size()));
  put_le(common, uint16_t(0));

  put_le(bytes_, uint32_t(0x04034b50));
  append(bytes_, common);
  append(bytes_, view(name));
  append(bytes_, packed);

  put_le(directory_, uint32_t(0x02014b50));
  put_le(directory_, kVersion);
  append(directory_, common);
  directory_.resize(directory_.size() + 10);  // no comment, first disk, no attributes
  put_le(directory_, uint32_t(offset));
  append(directory_, view(name));
  ++count_;
}

Bytes Zip::finish() {
  const size_t start = bytes_.size();
  CHECK(start + directory_.size() < UINT32_MAX);
  append(bytes_, directory_);
  put_le(bytes_, uint32_t(0x06054b50));  // 4.3.16
  for (uint16_t each : {uint16_t(0), uint16_t(0), count_, count_}) put_le(bytes_, each);
  put_le(bytes_, uint32_t(directory_.size()));
  put_le(bytes_, uint32_t(start));
  put_le(bytes_, uint16_t(0));
  return std::move(bytes_);
}

}  // namespace chengxin::document
