#pragma once
#include <memory>
#include <optional>

#include "base/bytes.h"

// SM2 signatures over sm2p256v1 (GB/T 32918.2-2016, parameters of GB/T 32918.5-2017), many at a time. Usable
// without the rest of the platform: it needs base and sm3 only. How it works and how fast: docs/sm2.md.
namespace chengxin::sm2 {

using Point = std::array<uint8_t, 65>;                              // 04 || X || Y
using Signature = std::array<uint8_t, 64>;                          // r || s
inline constexpr std::string_view kDefaultId = "1234567812345678";  // GB/T 35276 section 10

inline constexpr size_t kMaxIdBytes = 8191;  // its length in bits takes two bytes of Z_A

// Three implementations with the same answers. portable: C++ with 128-bit products; adx: mulx, adcx, adox;
// ifma: eight lanes of AVX-512 IFMA.
enum class Path { portable, adx, ifma };
inline constexpr Path kPaths[] = {Path::portable, Path::adx, Path::ifma};
std::string_view name(Path path);
bool available(Path path);  // on this processor, less what CHENGXIN_CPU_WITHOUT takes away (base/cpu.h)
Path best_path();

// One question. The key may be any 65 bytes: what is no point of the curve has signed nothing. An id above
// 8191 bytes does not fit Z_A, so nothing was signed under it.
struct Check {
  const Point* key = nullptr;
  const Signature* signature = nullptr;
  ByteView message;
  std::string_view id = kDefaultId;
};

// The same, for who has e = SM3(Z_A || M) already (GB/T 32918.2 section 6.1, A1 and A2).
struct DigestCheck {
  const Point* key = nullptr;
  const Signature* signature = nullptr;
  Digest e{};
};

struct VerifierOptions {
  Path path = best_path();
  // Of all key tables, half for each tier, in pieces of 2 MiB: below 4 MiB every key is treated as unknown.
  // The default holds 16,384 small and 1,024 large tables of the ifma path. Besides that each table costs 300
  // bytes of bookkeeping, the counts of keys without one 0.5 MB, and each thread that verifies 0.5 MB.
  size_t table_bytes = 128 << 20;
  // Good signatures of a key before it is worth its small table, and its large one.
  uint32_t small_after = 8, large_after = 512;
  // Tables are built on a thread of the verifier's. False: build_tables() builds them.
  bool background = true;
};

struct TableStatistics {
  size_t bytes = 0, bytes_allowed = 0;
  size_t small = 0, large = 0;  // keys with a table of this tier
  uint64_t built = 0, evicted = 0;
  uint64_t unknown_checks = 0, small_checks = 0, large_checks = 0;
};

// Checks signatures and keeps tables of the keys that it meets often. Thread-safe; verify() may be called
// from many threads, none of which waits for a table to be built.
class Verifier {
 public:
  explicit Verifier(VerifierOptions options = {});
  ~Verifier();
  Path path() const;

  // verdicts[i] is 1 when checks[i] holds, else 0. Any number of checks; best by the hundred. Constant-time
  // it is not: everything here is public.
  void verify(std::span<const Check> checks, std::span<uint8_t> verdicts) const;
  void verify(std::span<const DigestCheck> checks, std::span<uint8_t> verdicts) const;
  bool verify(const Check& check) const;

  // Tells that this key will be met often: it gets its small table at the next occasion.
  void expect(const Point& key) const;
  // Builds what is due, for at most about `most` keys; how many were built.
  size_t build_tables(size_t most) const;
  TableStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Z_A (GB/T 32918.2 section 5.5); nullopt when the id is above 8191 bytes.
std::optional<Digest> z_of(const Point& key, std::string_view id = kDefaultId);

}  // namespace chengxin::sm2
