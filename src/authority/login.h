#pragma once
#include "base/file.h"
#include "crypto/certificate.h"

// Logins with an SM2 certificate through programs that know passwords only, such as PAM
// (docs/operations-access.md): in the place of a password stands an answer that the holder's key signed just
// now, for this host and this user.
namespace chengxin::authority {

inline constexpr int64_t kLoginWindowMs = 90'000;  // of an answer's time, either way
inline constexpr size_t kLoginBytes = 80;          // time (8), random (8), signature (64); 108 characters

// Signed: "chengxin/login/v1" 00 host 00 user 00 time (ms, 8 bytes) random (8 bytes).
Result<std::string> login_answer(const crypto::Sm2PrivateKey& key, std::string_view host,
                                 std::string_view user, int64_t now_ms);

struct LoginPlace {
  std::string host, user;
  std::vector<crypto::Certificate> certificates;  // the user's, then those above it
  std::vector<crypto::Certificate> roots;
  std::vector<crypto::Crl> crls;  // a current one of every issuer: without it nobody comes in
};

// login.answer (not of this form), login.clock (too old or too new), login.signature (another key, host or
// user), and what verify_chain says of the certificate.
Status check_login(std::string_view answer, const LoginPlace& place, int64_t now_ms);

// Takes an answer once: login.replayed. `file` keeps those of the window, under a lock beside it; file.*.
Status take_login(std::string_view answer, const fs::path& file, int64_t now_ms);

}  // namespace chengxin::authority
