#include "access/one_time_code.h"

#include "crypto/hmac.h"
#include "crypto/sm3.h"

namespace chengxin::access {
namespace {

constexpr std::string_view kNames[] = {"sm3", "sha1", "sha256"};
constexpr int64_t kDaySteps = 86'400'000 / kCodeStepMs;
constexpr size_t kLeastInputBytes = 16;  // GM/T 0021: the input of the hash is at least 128 bits

std::string decimal(uint32_t value, int digits) {
  std::string out(size_t(digits), '0');
  for (auto at = out.rbegin(); at != out.rend(); ++at, value /= 10) *at = char('0' + value % 10);
  return out;
}

bool same(std::string_view a, std::string_view b) { return crypto::constant_time_equal(view(a), view(b)); }

}  // namespace

std::string_view algorithm_name(CodeAlgorithm algorithm) { return kNames[int(algorithm)]; }

std::optional<CodeAlgorithm> algorithm_of(std::string_view name) {
  for (int i = 0; i < 3; ++i)
    if (kNames[i] == name) return CodeAlgorithm(i);
  return std::nullopt;
}

std::string hotp(CodeAlgorithm algorithm, ByteView secret, uint64_t counter, int digits) {
  Bytes message;
  put_be(message, counter);
  const auto hash =
      algorithm == CodeAlgorithm::sha1 ? crypto::ForeignHash::sha1 : crypto::ForeignHash::sha256;
  const Bytes mac = crypto::hmac_foreign(hash, secret, message);
  return decimal(get_be<uint32_t>(mac.data() + (mac.back() & 15)) & 0x7fffffff, digits);
}

std::string sm3_code(ByteView secret, uint64_t time, std::optional<uint32_t> counter,
                     std::string_view challenge, int digits) {
  Bytes id;
  put_be(id, time);
  if (counter) put_be(id, *counter);
  append(id, view(challenge));
  if (id.size() < kLeastInputBytes) id.resize(kLeastInputBytes);
  const Digest hash = crypto::sm3({secret, id});
  uint32_t sum = 0;
  for (size_t at = 0; at < hash.size(); at += 4) sum += get_be<uint32_t>(hash.data() + at);
  return decimal(sum, digits);
}

std::string one_time_code(CodeAlgorithm algorithm, ByteView secret, int64_t step) {
  if (algorithm == CodeAlgorithm::sm3) return sm3_code(secret, uint64_t(step), std::nullopt, {}, kCodeDigits);
  return hotp(algorithm, secret, uint64_t(step), kCodeDigits);
}

Result<int64_t> check_code(CodeAlgorithm algorithm, ByteView secret, std::string_view code, int64_t now_ms,
                           int64_t last_step) {
  const int64_t now = now_ms / kCodeStepMs;
  for (int64_t step : {now, now - 1, now + 1}) {
    if (!same(one_time_code(algorithm, secret, step), code)) continue;
    if (step <= last_step)
      return fail(Code::unauthenticated, "access.code_used", "wait for the next code of the device");
    return step;
  }
  for (int64_t away = 2; away <= kDaySteps + 1; ++away) {
    if (same(one_time_code(algorithm, secret, now - away), code))
      return fail(Code::unauthenticated, "access.code_clock",
                  "the clock of the device is about {} minutes behind that of the platform", (away + 1) / 2);
    if (same(one_time_code(algorithm, secret, now + away), code))
      return fail(Code::unauthenticated, "access.code_clock",
                  "the clock of the device is ahead of that of the platform");
  }
  return fail(Code::unauthenticated, "access.code_wrong");
}

std::string base32(ByteView bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  uint32_t held = 0;
  int bits = 0;
  for (uint8_t byte : bytes) {
    held = held << 8 | byte;
    for (bits += 8; bits >= 5; bits -= 5) out.push_back(digits[held >> (bits - 5) & 31]);
  }
  if (bits > 0) out.push_back(digits[held << (5 - bits) & 31]);
  return out;
}

std::string otpauth_address(CodeAlgorithm algorithm, ByteView secret, std::string_view user) {
  std::string name;
  for (char c : user)
    name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_'
                ? std::string(1, c)
                : fmt::format("%{:02X}", uint8_t(c));
  std::string upper(algorithm_name(algorithm));
  for (char& c : upper) c = char(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format("otpauth://totp/Chengxin:{}?secret={}&issuer=Chengxin&algorithm={}&digits={}&period={}",
                     name, base32(secret), upper, kCodeDigits, kCodeStepMs / 1000);
}

}  // namespace chengxin::access
