#pragma once
#include "consortium/identity.h"

// What an identity's folder is written and read with, and what its two sources share.
namespace chengxin::consortium {

inline constexpr unsigned kOwner = 0600;
inline constexpr int64_t kHourMs = 3600'000;
inline int64_t whole_seconds(int64_t ms) { return ms / 1000 * 1000; }

tl::unexpected<Error> damaged(std::string_view file, const Error& why);  // consortium.identity_damaged
tl::unexpected<Error> not_governing();                                   // consortium.not_governing
bool there(const fs::path& file);
Status write_key(const fs::path& file, const crypto::Sm2PrivateKey& key);
Result<crypto::Sm2PrivateKey> read_key(const fs::path& folder, const char* name);
Result<crypto::Certificate> read_certificate(const fs::path& folder, const char* name);
Status write_certificates(const fs::path& folder, const NodeCertificates& certificates);

// A new organisation's, or its next.
Result<crypto::Authority> make_root(const Names& names, int64_t now_ms);
// Puts the next root in the place of the present one where that was begun; again from the start when it was
// cut short.
Status finish_next_root(const fs::path& folder);

}  // namespace chengxin::consortium
