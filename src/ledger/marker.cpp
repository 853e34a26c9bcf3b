#include "ledger/impl/marker.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "crypto/sm3.h"

namespace chengxin::ledger {
namespace {

constexpr size_t kSlotBytes = 48;

Bytes encode(const Marker::Head& head) {
  Bytes out;
  put_be(out, head.height);
  append(out, head.header_hash);
  const Digest sum = crypto::sm3(out);
  append(out, ByteView(sum).first(8));
  return out;
}

std::optional<Marker::Head> decode(ByteView slot) {
  Reader in(slot);
  Marker::Head head;
  head.height = in.be<uint64_t>();
  head.header_hash = in.digest();
  if (!in.ok() || !equal(encode(head), slot)) return std::nullopt;
  return head;
}

}  // namespace

Marker::~Marker() { ::close(fd_); }

Result<std::unique_ptr<Marker>> Marker::open(const fs::path& file, const Head* create_with) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC | (create_with ? O_CREAT | O_EXCL : 0), 0600);
  if (fd < 0) return tl::unexpected(file_error(file, errno));
  std::unique_ptr<Marker> marker(new Marker(fd));
  if (create_with) {
    TRY(marker->rewrite(*create_with));
    return marker;
  }
  bool found = false;
  for (int i = 0; i < 2; ++i) {
    Bytes slot(kSlotBytes);
    const ssize_t count = ::pread(fd, slot.data(), slot.size(), off_t(i * kSlotBytes));
    auto head = count == ssize_t(kSlotBytes) ? decode(slot) : std::nullopt;
    if (!head) {
      marker->broken_ = std::move(slot);
      continue;
    }
    if (!found || head->height > marker->head_.height) marker->head_ = *head;
    found = true;
  }
  if (!found) return fail(Code::data_loss, "ledger.damaged", "{}: no whole record", file.string());
  return marker;
}

bool Marker::torn_between(std::span<const Head> written, std::span<const Head> before) const {
  for (const Head& over : written) {
    const Bytes now = encode(over);
    const auto split = std::mismatch(now.begin(), now.end(), broken_->begin()).second;
    for (const Head& under : before) {
      const Bytes old = encode(under);
      if (std::equal(split, broken_->end(), old.begin() + (split - broken_->begin()))) return true;
    }
  }
  return false;
}

Status Marker::put(const Head& head, uint64_t slot) {
  const Bytes bytes = encode(head);
  if (::pwrite(fd_, bytes.data(), bytes.size(), off_t(slot * kSlotBytes)) != ssize_t(bytes.size()))
    return tl::unexpected(file_error("head", errno));
  head_ = head;
  return {};
}

Status Marker::write(const Head& head) { return put(head, head.height % 2); }

Status Marker::rewrite(const Head& head) {
  TRY(put(head, 0));
  TRY(put(head, 1));
  if (::fdatasync(fd_) != 0) return tl::unexpected(file_error("head", errno));
  return {};
}

}  // namespace chengxin::ledger
