#include "comet/impl/kept_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "crypto/sm3.h"

namespace chengxin::comet {
namespace {

constexpr std::string_view kMagic = "CXK1";
constexpr size_t kHeadBytes = 4 + 8 + 4, kNameBytes = 32 + 4;
constexpr uint64_t kCutAbove = uint64_t(64) << 20;  // a file larger than this is cut when it is reset

Bytes record_head(uint64_t engine_height, std::span<const KeptContent> contents) {
  Bytes out = to_bytes(view(kMagic));
  put_be(out, engine_height);
  put_be(out, uint32_t(contents.size()));
  for (const KeptContent& each : contents) {
    append(out, each.id);
    put_be(out, uint32_t(each.envelope.size()));
  }
  append(out, crypto::sm3(out));
  return out;
}

// False at anything that is not a whole record.
bool read_record(Reader& in, std::vector<KeptContent>& into) {
  Reader again = in;
  const ByteView fixed = in.take(kHeadBytes);
  if (!in.ok() || !equal(fixed.first(4), view(kMagic))) return false;
  const uint64_t engine_height = get_be<uint64_t>(&fixed[4]);
  const uint32_t count = get_be<uint32_t>(&fixed[12]);
  if (count > in.remaining() / kNameBytes) return false;
  Reader names(in.take(count * kNameBytes));
  const ByteView head = again.take(kHeadBytes + count * kNameBytes);
  if (in.digest() != crypto::sm3(head) || !in.ok()) return false;
  for (uint32_t i = 0; i < count; ++i) {
    const Digest id = names.digest();
    const ByteView envelope = in.take(names.be<uint32_t>());
    if (!in.ok()) return false;
    auto decoded = format::decode_transaction(envelope);
    if (!decoded || decoded->hash != id) return false;
    into.push_back({engine_height, id, to_bytes(envelope)});
  }
  return true;
}

Status write_at(int fd, ByteView bytes, uint64_t offset, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), off_t(offset));
    if (count < 0 && errno != EINTR) return tl::unexpected(file_error(path, errno));
    if (count <= 0) continue;
    bytes = bytes.subspan(size_t(count));
    offset += uint64_t(count);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<KeptFile>> KeptFile::open(const fs::path& path, std::vector<KeptContent>& found) {
  const bool made = !fs::exists(path);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return tl::unexpected(file_error(path, errno));
  std::unique_ptr<KeptFile> out(new KeptFile(path, fd, 0));
  if (made) TRY(sync_folder(path.parent_path()));
  ASSIGN(const Bytes bytes, read_file(path, SIZE_MAX));
  Reader in(bytes);
  while (in.remaining() > 0) {
    const size_t before = found.size();
    if (!read_record(in, found)) {
      found.resize(before);
      break;
    }
    out->end_ = bytes.size() - in.remaining();
  }
  out->most_ = bytes.size();
  return out;
}

KeptFile::~KeptFile() { ::close(fd_); }

Status KeptFile::append(uint64_t engine_height, std::span<const KeptContent> contents) {
  if (broken_)
    return fail(Code::unavailable, "pool.kept_broken", "{}: an earlier write failed", path_.string());
  Bytes record = record_head(engine_height, contents);
  size_t bytes = record.size();
  for (const KeptContent& each : contents) bytes += each.envelope.size();
  record.reserve(bytes);
  for (const KeptContent& each : contents) chengxin::append(record, each.envelope);
  Status written = write_at(fd_, record, end_, path_);
  if (written && ::fdatasync(fd_) != 0) written = tl::unexpected(file_error(path_, errno));
  if (!written) {
    broken_ = true;
    return written;
  }
  end_ += record.size();
  most_ = std::max(most_, end_);
  return {};
}

void KeptFile::reset() {
  end_ = 0;
  if (most_ <= kCutAbove) return;
  if (::ftruncate(fd_, 0) != 0) log::warn("pool.kept_not_cut", {{"file", path_.string()}});
  most_ = 0;
}

}  // namespace chengxin::comet
