#include "keys/shares.h"

#include <set>

#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"
#include "keys/keystore.h"

namespace chengxin::keys {
namespace {

// Without branches or tables that the operands choose.
uint8_t multiply(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (int i = 0; i < 8; ++i) {
    product = uint8_t(product ^ (a & uint8_t(-(b & 1))));
    a = uint8_t(uint8_t(a << 1) ^ (0x1b & uint8_t(-(a >> 7))));
    b = uint8_t(b >> 1);
  }
  return product;
}
uint8_t inverse(uint8_t a) {  // a^254
  uint8_t out = 1;
  for (int i = 0; i < 7; ++i) {
    a = multiply(a, a);
    out = multiply(out, a);
  }
  return out;
}

// Bytes of a share: version, set, fingerprint, k, n, x, iterations, salt, nonce, cipher with its tag; then 4
// of SM3.
constexpr uint8_t kVersion = 1;
constexpr size_t kHead = 1 + 8 + 8 + 3 + 4 + 16 + 12, kCheck = 4, kSecretBytes = 32, kTag = 16;
constexpr size_t kShareBytes = kHead + kSecretBytes + kTag + kCheck;
constexpr uint32_t kMostIterations = 100'000'000;
// Neither I, L, O nor U: they are taken for others.
constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kLineDigits = 28, kBlock = 5;

int digit_of(char c) {
  c = char(std::toupper(static_cast<unsigned char>(c)));
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  const size_t at = kDigits.find(c);
  return at == kDigits.npos ? -1 : int(at);
}

std::string check_digits(size_t line, std::string_view digits) {
  const Digest hash = crypto::sm3(view(fmt::format("{} {}", line, digits)));
  return {kDigits[hash[0] & 31], kDigits[hash[1] & 31]};
}

std::string printed(ByteView bytes) {
  std::string digits;
  uint32_t bits = 0;
  int held = 0;
  for (uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) digits.push_back(kDigits[bits >> (held - 5) & 31]);
  }
  if (held > 0) digits.push_back(kDigits[bits << (5 - held) & 31]);
  std::string out;
  for (size_t at = 0, line = 1; at < digits.size(); at += kLineDigits, ++line) {
    std::string one = digits.substr(at, kLineDigits);
    one += check_digits(line, one);
    for (size_t i = kBlock; i < one.size(); i += kBlock + 1) one.insert(i, "-");
    out += one + "\n";
  }
  return out;
}

tl::unexpected<Error> bent(std::string_view why) {
  return fail(Code::data_loss, "keys.share_damaged", "{}", why);
}

Result<Bytes> scanned(std::string_view text) {
  std::string digits;
  size_t number = 0;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    std::string line;
    bool strange = false;
    for (char c : text.substr(from, end - from)) {
      if (c == '-' || c == ' ' || c == '\r' || c == '\t') continue;
      const int digit = digit_of(c);
      strange = strange || digit < 0;
      line.push_back(digit < 0 ? '?' : kDigits[size_t(digit)]);
    }
    from = end + 1;
    if (line.empty()) continue;
    ++number;
    if (strange || line.size() < 3 ||
        check_digits(number, line.substr(0, line.size() - 2)) != line.substr(line.size() - 2))
      return bent(fmt::format("line {} is not as it was printed", number));
    digits += line.substr(0, line.size() - 2);
  }
  Bytes out;
  uint32_t bits = 0;
  int held = 0;
  for (char c : digits) {
    bits = bits << 5 | uint32_t(digit_of(c));
    if ((held += 5) >= 8) out.push_back(uint8_t(bits >> (held -= 8)));
  }
  if (out.size() != kShareBytes) return bent(fmt::format("{} lines do not make a share", number));
  const Digest sum = crypto::sm3(ByteView(out).first(kShareBytes - kCheck));
  if (!equal(ByteView(out).last(kCheck), ByteView(sum).first(kCheck)))
    return bent("the checksum of the whole is another");
  if (out[0] != kVersion) return bent(fmt::format("version {} is not known", out[0]));
  return out;
}

Share described(ByteView bytes) {
  Share out;
  Reader reader(bytes);
  reader.take(1);
  out.set = reader.array<8>();
  out.fingerprint = reader.array<8>();
  out.k = reader.be<uint8_t>();
  out.n = reader.be<uint8_t>();
  out.x = reader.be<uint8_t>();
  return out;
}

Result<std::string> make_share(const Share& share, ByteView point, ByteView passphrase, uint32_t iterations) {
  if (passphrase.size() < kLeastPassphrase)
    return fail(Code::invalid_argument, "keys.passphrase_short", "share {}: at least {} bytes", share.x,
                kLeastPassphrase);
  Bytes out = {kVersion};
  append(out, share.set);
  append(out, share.fingerprint);
  append(out, std::array{share.k, share.n, share.x});
  put_be(out, iterations);
  const Bytes salt = crypto::random_bytes(16), nonce = crypto::random_bytes(12);
  append(out, salt);
  append(out, nonce);
  ASSIGN(const Bytes cipher,
         crypto::sm4_gcm_encrypt(crypto::pbkdf2(passphrase, salt, iterations, 16), nonce, out, point));
  append(out, cipher);
  append(out, ByteView(crypto::sm3(out)).first(kCheck));
  return printed(out);
}

Result<crypto::Secret> open_share(ByteView bytes, ByteView passphrase, size_t place) {
  const ByteView head = bytes.first(kHead);
  const uint32_t iterations = get_be<uint32_t>(head.data() + 20);
  if (iterations == 0 || iterations > kMostIterations) return bent("its key derivation is not known");
  const crypto::Secret key = crypto::pbkdf2(passphrase, head.subspan(24, 16), iterations, 16);
  auto plain =
      crypto::sm4_gcm_decrypt(key, head.subspan(40, 12), head, bytes.subspan(kHead, kSecretBytes + kTag));
  if (!plain)
    return fail(Code::forbidden, "keys.share_passphrase", "share {} of those given (holder {})", place + 1,
                head[19]);
  crypto::Secret out = crypto::to_secret(*plain);
  crypto::secure_zero(plain->data(), plain->size());
  return out;
}

}  // namespace

Result<std::vector<Point>> split(ByteView secret, size_t k, size_t n) {
  if (k < 2 || k > n || n > 16)
    return fail(Code::invalid_argument, "keys.shares_threshold", "{} of {}: 2 <= k <= n <= 16", k, n);
  std::vector<crypto::Secret> coefficients;  // of x^1 … x^(k-1)
  for (size_t i = 1; i < k; ++i) coefficients.push_back(crypto::random_secret(secret.size()));
  std::vector<Point> out;
  for (size_t x = 1; x <= n; ++x) {
    Point point{uint8_t(x), crypto::Secret(secret.size())};
    for (size_t i = 0; i < secret.size(); ++i) {
      uint8_t value = 0;
      for (size_t c = k - 1; c-- > 0;) value = multiply(uint8_t(value ^ coefficients[c][i]), uint8_t(x));
      point.y[i] = uint8_t(value ^ secret[i]);
    }
    out.push_back(std::move(point));
  }
  return out;
}

crypto::Secret combine(std::span<const Point> points) {
  crypto::Secret out(points.empty() ? 0 : points[0].y.size());
  for (const Point& one : points) {
    uint8_t weight = 1;
    for (const Point& other : points)
      if (other.x != one.x) weight = multiply(weight, multiply(other.x, inverse(uint8_t(other.x ^ one.x))));
    for (size_t i = 0; i < out.size(); ++i) out[i] = uint8_t(out[i] ^ multiply(weight, one.y[i]));
  }
  return out;
}

std::array<uint8_t, 8> fingerprint_of(ByteView public_key) {
  const Digest hash = crypto::sm3(public_key);
  std::array<uint8_t, 8> out;
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

Result<std::vector<std::string>> make_shares(ByteView secret, ByteView public_key,
                                             std::span<const crypto::Secret> passphrases,
                                             const BackupOptions& options) {
  if (secret.size() != kSecretBytes)
    return fail(Code::invalid_argument, "crypto.private_key", "not 32 bytes");
  ASSIGN(const auto points, split(secret, options.k, passphrases.size()));
  Share share;
  crypto::random_fill(share.set);
  share.fingerprint = fingerprint_of(public_key);
  share.k = uint8_t(options.k);
  share.n = uint8_t(passphrases.size());
  std::vector<std::string> out;
  for (size_t i = 0; i < points.size(); ++i) {
    share.x = points[i].x;
    ASSIGN(std::string text, make_share(share, points[i].y, passphrases[i], options.iterations));
    out.push_back(std::move(text));
  }
  return out;
}

Result<Share> read_share(std::string_view text) {
  ASSIGN(const Bytes bytes, scanned(text));
  return described(bytes);
}

Result<crypto::Secret> join_shares(std::span<const std::string> texts,
                                   std::span<const crypto::Secret> passphrases) {
  if (texts.empty() || passphrases.size() != texts.size())
    return fail(Code::invalid_argument, "keys.shares_few", "{} shares, {} passphrases", texts.size(),
                passphrases.size());
  std::vector<Bytes> read;
  std::set<uint8_t> seen;
  for (size_t i = 0; i < texts.size(); ++i) {
    auto bytes = scanned(texts[i]);
    if (!bytes) return bent(fmt::format("share {} of those given: {}", i + 1, bytes.error().detail));
    const Share share = described(*bytes);
    if (!read.empty() && !equal(ByteView(*bytes).first(19), ByteView(read[0]).first(19)))
      return fail(Code::invalid_argument, "keys.shares_mixed", "share {} of those given is of another backup",
                  i + 1);
    if (!seen.insert(share.x).second)
      return fail(Code::invalid_argument, "keys.shares_repeated", "share {} is there twice", share.x);
    read.push_back(std::move(*bytes));
  }
  const Share first = described(read[0]);
  if (read.size() < first.k)
    return fail(Code::invalid_argument, "keys.shares_few", "{} are here, {} are needed", read.size(),
                first.k);
  std::vector<Point> points;
  for (size_t i = 0; i < read.size(); ++i) {
    ASSIGN(crypto::Secret point, open_share(read[i], passphrases[i], i));
    points.push_back({described(read[i]).x, std::move(point)});
  }
  return combine(std::span(points).first(first.k));
}

}  // namespace chengxin::keys
