#pragma once
#include <optional>
#include <string>

#include "crypto/secret.h"

// One-time codes by time, of 30 seconds a step and 6 digits:
// - sm3: the dynamic password of GM/T 0021-2012 (S = SM3(K || ID), the eight words of S added), for SM
// tokens;
// - sha1, sha256: TOTP (RFC 6238 over RFC 4226), for the usual authenticator apps.
namespace chengxin::access {

enum class CodeAlgorithm { sm3, sha1, sha256 };
std::string_view algorithm_name(CodeAlgorithm algorithm);
std::optional<CodeAlgorithm> algorithm_of(std::string_view name);

inline constexpr int64_t kCodeStepMs = 30'000;
inline constexpr int kCodeDigits = 6;

std::string hotp(CodeAlgorithm algorithm, ByteView secret, uint64_t counter, int digits);  // RFC 4226 5.3
// GM/T 0021 5.2: `time` is T0/Tc; counter and challenge may be left out.
std::string sm3_code(ByteView secret, uint64_t time, std::optional<uint32_t> counter,
                     std::string_view challenge, int digits);
std::string one_time_code(CodeAlgorithm algorithm, ByteView secret, int64_t step);

// The step of a right code: that of now, the one before or after it, and later than `last_step`, so that a
// code is used once. access.code_wrong, access.code_used, access.code_clock (the code of another time of this
// day or the one before: a clock is wrong. How much is told for a clock that is slow only, since codes of
// later times will be good).
Result<int64_t> check_code(CodeAlgorithm algorithm, ByteView secret, std::string_view code, int64_t now_ms,
                           int64_t last_step);

std::string base32(ByteView bytes);  // RFC 4648 6, without padding, as authenticator apps want it
// otpauth:// address that such an app reads as a QR code.
std::string otpauth_address(CodeAlgorithm algorithm, ByteView secret, std::string_view user);

}  // namespace chengxin::access
