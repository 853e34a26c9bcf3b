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

constexpr uint16_t kSizesBehind = 1 << 3;
constexpr size_t kPiece = 64 << 10;

// What the local header (4.3.7) and the central one (4.3.12) share.
template <typename Entry>
Bytes header_of(const Entry& entry) {
  constexpr uint16_t kVersion = 20, kDeflated = 8, kNoTime = 0, kFirstDay = 1 << 5 | 1;  // 1980-01-01
  Bytes out;
  for (uint16_t each : {kVersion, entry.flags, kDeflated, kNoTime, kFirstDay}) put_le(out, each);
  for (uint32_t each : {entry.checksum, uint32_t(entry.packed), uint32_t(entry.size)}) put_le(out, each);
  put_le(out, uint16_t(entry.name.size()));
  put_le(out, uint16_t(0));
  return out;
}
template <typename Entry>
Bytes local_header(const Entry& entry) {
  Bytes out;
  put_le(out, uint32_t(0x04034b50));
  append(out, header_of(entry));
  append(out, view(entry.name));
  return out;
}

}  // namespace

struct Zip::Packer {
  z_stream stream{};
  Packer() { CHECK(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK); }
  ~Packer() { deflateEnd(&stream); }

  Bytes pack(ByteView bytes, int flush) {
    stream.next_in = const_cast<uint8_t*>(bytes.data());
    stream.avail_in = uInt(bytes.size());
    Bytes out;
    do {
      const size_t had = out.size();
      out.resize(had + kPiece);
      stream.next_out = out.data() + had;
      stream.avail_out = kPiece;
      deflate(&stream, flush);
      out.resize(out.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
  }
};

Zip::Zip() = default;
Zip::~Zip() = default;

void Zip::put(ByteView bytes) {
  append(made_, bytes);
  position_ += bytes.size();
}

void Zip::list(const Entry& entry) {
  CHECK(position_ < UINT32_MAX && entry.size < UINT32_MAX && count_ < UINT16_MAX);
  put_le(directory_, uint32_t(0x02014b50));
  put_le(directory_, uint16_t(20));  // made by version 2.0
  append(directory_, header_of(entry));
  directory_.resize(directory_.size() + 10);  // no comment, first disk, no attributes
  put_le(directory_, uint32_t(entry.offset));
  append(directory_, view(entry.name));
  ++count_;
}

void Zip::add(std::string_view name, ByteView content) {
  const Bytes stream = flate(content);
  const ByteView packed =
      ByteView(stream).subspan(2, stream.size() - 6);  // without zlib's header and checksum
  const Entry entry{
      std::string(name), 0,        uint32_t(crc32(0, content.data(), uInt(content.size()))), content.size(),
      packed.size(),     position_};
  put(local_header(entry));
  put(packed);
  list(entry);
}

void Zip::begin(std::string_view name) {
  CHECK(!packer_);
  packer_ = std::make_unique<Packer>();
  entry_ = {std::string(name), kSizesBehind, 0, 0, 0, position_};
  put(local_header(entry_));
}

void Zip::write(std::string_view piece) {
  CHECK(packer_);
  entry_.checksum =
      uint32_t(crc32(entry_.checksum, reinterpret_cast<const Bytef*>(piece.data()), uInt(piece.size())));
  entry_.size += piece.size();
  const Bytes packed = packer_->pack(view(piece), Z_NO_FLUSH);
  entry_.packed += packed.size();
  put(packed);
}

void Zip::end() {
  CHECK(packer_);
  const Bytes packed = packer_->pack({}, Z_FINISH);
  entry_.packed += packed.size();
  put(packed);
  packer_.reset();
  Bytes sizes;
  for (uint32_t each : {0x08074b50u, entry_.checksum, uint32_t(entry_.packed), uint32_t(entry_.size)})
    put_le(sizes, each);
  put(sizes);
  list(entry_);
}

void Zip::finish() {
  CHECK(!packer_);
  const uint64_t start = position_, size = directory_.size();
  CHECK(start + size < UINT32_MAX);
  put(directory_);
  Bytes end;  // 4.3.16
  put_le(end, uint32_t(0x06054b50));
  for (uint16_t each : {uint16_t(0), uint16_t(0), count_, count_}) put_le(end, each);
  put_le(end, uint32_t(size));
  put_le(end, uint32_t(start));
  put_le(end, uint16_t(0));
  put(end);
}

}  // namespace chengxin::document
