#include "blob/impl/s3_sign.h"

#include <fmt/chrono.h>

#include <algorithm>

#include "base/percent.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"

namespace chengxin::blob {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

Bytes hmac(ByteView key, std::string_view message) {
  return crypto::hmac_foreign(crypto::ForeignHash::sha256, key, view(message));
}

// The key of a day, a region and S3.
crypto::Secret signing_key(const Credentials& credentials, std::string_view day, std::string_view region) {
  crypto::Secret key = crypto::to_secret(view("AWS4"));
  key.insert(key.end(), credentials.secret_key.begin(), credentials.secret_key.end());
  for (std::string_view part : {day, region, std::string_view("s3"), std::string_view("aws4_request")}) {
    Bytes next = hmac(key, part);
    key = crypto::to_secret(next);
    crypto::secure_zero(next.data(), next.size());
  }
  return key;
}

}  // namespace

std::string sha256_hex(ByteView bytes) {
  crypto::Sha256 hash;
  hash.update(bytes);
  return hex(hash.finish());
}

std::string encode_path(std::string_view path) {
  std::string out;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    out += percent_encode(path.substr(at, end - at));
    if (end < path.size()) out += '/';
    at = end + 1;
  }
  return out;
}

std::string encode_query(Query query) {
  for (auto& [name, value] : query) name = percent_encode(name), value = percent_encode(value);
  std::sort(query.begin(), query.end());
  std::string out;
  for (const auto& [name, value] : query) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string amz_date(int64_t time_ms) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(time_t(time_ms / 1000)));
}

std::string authorization(const SignedRequest& request, const Credentials& credentials,
                          std::string_view region) {
  const std::string& date = request.headers.at("x-amz-date");
  std::string names, lines;
  for (const auto& [name, value] : request.headers) {
    names += (names.empty() ? "" : ";") + name;
    lines += name + ":" + value + "\n";
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path,
                                            encode_query(request.query), lines, names, request.body_sha256);
  const std::string day = date.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/s3/aws4_request", day, region);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, scope, sha256_hex(view(canonical)));
  return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm, credentials.access_key,
                     scope, names, hex(hmac(signing_key(credentials, day, region), to_sign)));
}

}  // namespace chengxin::blob
