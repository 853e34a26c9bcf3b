#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/secret.h"

// A secret in n shares of which any k give it back and k-1 tell nothing (Shamir 1979, over GF(2^8) with
// x^8+x^4+x^3+x+1).
namespace chengxin::keys {

struct Point {
  uint8_t x = 0;  // 1 … 255
  crypto::Secret y;
};
// 2 <= k <= n <= 16: keys.shares_threshold. The coefficients come from the generator for private values.
Result<std::vector<Point>> split(ByteView secret, size_t k, size_t n);
// Any k points of one splitting, with different x; what comes of others is another secret.
crypto::Secret combine(std::span<const Point> points);

// A share on paper: six lines of blocks, each line with its own check, the point under a passphrase of its
// holder's.
struct Share {
  std::array<uint8_t, 8> set{};          // of this splitting
  std::array<uint8_t, 8> fingerprint{};  // of the public key that the secret belongs to
  uint8_t k = 0, n = 0, x = 0;
};
struct BackupOptions {
  size_t k = 2;
  uint32_t iterations = 600'000;
};
// One text for each passphrase (at least 8 bytes: keys.passphrase_short).
Result<std::vector<std::string>> make_shares(ByteView secret, ByteView public_key,
                                             std::span<const crypto::Secret> passphrases,
                                             const BackupOptions& options);
// What stands on a share without its passphrase. keys.share_damaged (the detail names the line).
Result<Share> read_share(std::string_view text);
// The secret. Texts and passphrases belong together by place. keys.share_damaged, keys.share_passphrase (the
// detail names which), keys.shares_mixed (of two splittings), keys.shares_repeated, keys.shares_few.
Result<crypto::Secret> join_shares(std::span<const std::string> texts,
                                   std::span<const crypto::Secret> passphrases);
std::array<uint8_t, 8> fingerprint_of(ByteView public_key);

}  // namespace chengxin::keys
