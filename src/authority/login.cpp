#include "authority/login.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/descriptor.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::authority {
namespace {

constexpr size_t kHead = 16, kRecord = 8 + 32, kMaxSeenBytes = 4 << 20;

Bytes signed_part(std::string_view host, std::string_view user, ByteView head) {
  Bytes out;
  for (std::string_view part : {std::string_view("chengxin/login/v1"), host, user}) {
    append(out, view(part));
    out.push_back(0);
  }
  append(out, head);
  return out;
}

Result<Bytes> bytes_of(std::string_view answer) {
  auto bytes = unbase64(answer);
  if (!bytes || bytes->size() != kLoginBytes) return fail(Code::unauthenticated, "login.answer");
  return bytes;
}

}  // namespace

Result<std::string> login_answer(const crypto::Sm2PrivateKey& key, std::string_view host,
                                 std::string_view user, int64_t now_ms) {
  Bytes out;
  put_be(out, uint64_t(now_ms));
  append(out, crypto::random_bytes(8));
  ASSIGN(const auto signature, key.sign(signed_part(host, user, out)));
  append(out, signature);
  return base64(out);
}

Status check_login(std::string_view answer, const LoginPlace& place, int64_t now_ms) {
  ASSIGN(const Bytes bytes, bytes_of(answer));
  if (place.certificates.empty()) return fail(Code::unauthenticated, "login.signature", "no certificate");
  const crypto::Certificate& own = place.certificates.front();
  const crypto::ChainPolicy policy{now_ms, crypto::Purpose::client, place.crls, true, true};
  ASSIGN([[maybe_unused]] const auto path,
         crypto::verify_chain(own, std::span(place.certificates).subspan(1), place.roots, policy));
  const ByteView head = ByteView(bytes).first(kHead);
  if (!own.public_key->verify(signed_part(place.host, place.user, head), ByteView(bytes).subspan(kHead)))
    return fail(Code::unauthenticated, "login.signature");
  const int64_t made_ms = int64_t(get_be<uint64_t>(bytes.data()));
  if (made_ms < now_ms - kLoginWindowMs || made_ms > now_ms + kLoginWindowMs)
    return fail(Code::unauthenticated, "login.clock", "{} s from now", (made_ms - now_ms) / 1000);
  return {};
}

Status take_login(std::string_view answer, const fs::path& file, int64_t now_ms) {
  ASSIGN(const Bytes bytes, bytes_of(answer));
  // By what was signed: a signature can be written in one way only, but nothing has to rest on that.
  const Digest name = crypto::sm3(ByteView(bytes).first(kHead));
  fs::path lock_file = file;
  lock_file += ".lock";
  const Descriptor lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX) != 0) return tl::unexpected(file_error(lock_file, errno));
  auto before = read_file(file, kMaxSeenBytes);
  if (!before && before.error().reason != "file.not_found") return tl::unexpected(before.error());
  Bytes kept;
  for (size_t at = 0; before && at + kRecord <= before->size(); at += kRecord) {
    const ByteView record = ByteView(*before).subspan(at, kRecord);
    if (int64_t(get_be<uint64_t>(record.data())) < now_ms - 2 * kLoginWindowMs) continue;
    if (equal(record.subspan(8), name)) return fail(Code::unauthenticated, "login.replayed");
    append(kept, record);
  }
  put_be(kept, uint64_t(now_ms));
  append(kept, name);
  return write_durable(file, kept, 0600);
}

}  // namespace chengxin::authority
