#pragma once
#include <string>
#include <vector>

#include "crypto/secret.h"

// Passwords (GB/T 22239-2019 8.1.4.1 a): what a new one must be like, and how one is kept: PBKDF2 (RFC 8018
// 5.2) with HMAC-SM3 and a salt of its own; the iterations stand beside it (ADR 0042).
namespace chengxin::access {

struct PasswordPolicy {
  size_t least_bytes = 8, most_bytes = 128;
  int classes = 3;     // of capitals, small letters, digits, and all else
  size_t history = 5;  // the last ones may not come again
  int64_t lifetime_ms = int64_t(90) * 86'400'000;
};

struct PasswordHash {
  Bytes salt;
  uint32_t iterations = 0;  // 0: there is no password
  crypto::Secret hash;
};

// access.password_short, access.password_long, access.password_classes, access.password_name (it holds the
// user's name, whatever the case).
Status check_password(const PasswordPolicy& policy, std::string_view password, std::string_view user);

PasswordHash hash_password(std::string_view password, uint32_t iterations);
bool matches(const PasswordHash& kept, std::string_view password);

// One that passes the policy, of 80 random bits, to be changed at the first sign-in.
std::string temporary_password();

}  // namespace chengxin::access
