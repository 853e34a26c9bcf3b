#include "access/password.h"

#include <algorithm>
#include <atomic>

#include "access/password_cost.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

namespace chengxin::access {
namespace {

constexpr size_t kSaltBytes = 16, kHashBytes = 32;

std::atomic<uint64_t> spent = 0;

// Whatever the case; no copy is made of either.
bool holds(std::string_view text, std::string_view part) {
  const auto alike = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), alike) != text.end();
}

int classes_of(std::string_view password) {
  bool capital = false, small = false, digit = false, other = false;
  for (char c : password) {
    capital |= c >= 'A' && c <= 'Z';
    small |= c >= 'a' && c <= 'z';
    digit |= c >= '0' && c <= '9';
    other |= !std::isalnum(static_cast<unsigned char>(c));
  }
  return capital + small + digit + other;
}

}  // namespace

Status check_password(const PasswordPolicy& policy, std::string_view password, std::string_view user) {
  if (password.size() < policy.least_bytes)
    return fail(Code::invalid_argument, "access.password_short", "at least {} characters",
                policy.least_bytes);
  if (password.size() > policy.most_bytes)
    return fail(Code::invalid_argument, "access.password_long", "at most {} bytes", policy.most_bytes);
  if (classes_of(password) < policy.classes)
    return fail(Code::invalid_argument, "access.password_classes",
                "{} of: capitals, small letters, digits, other characters", policy.classes);
  if (!user.empty() && holds(password, user)) return fail(Code::invalid_argument, "access.password_name");
  return {};
}

PasswordHash hash_password(std::string_view password, uint32_t iterations) {
  PasswordHash out{crypto::random_bytes(kSaltBytes), iterations, {}};
  out.hash = crypto::pbkdf2(view(password), out.salt, iterations, kHashBytes);
  return out;
}

bool matches(const PasswordHash& kept, std::string_view password) {
  if (kept.iterations == 0) return false;
  spent += kept.iterations;
  return crypto::constant_time_equal(
      crypto::pbkdf2(view(password), kept.salt, kept.iterations, kept.hash.size()), kept.hash);
}

uint64_t iterations_spent() { return spent; }

std::string temporary_password() {
  // Without signs that look alike; the end brings the classes.
  constexpr std::string_view signs = "abcdefghjkmnpqrstuvwxyz23456789-";
  std::string out;
  for (uint8_t byte : crypto::random_secret(16)) out.push_back(signs[byte & 31]);
  return out + "-A7";
}

}  // namespace chengxin::access
