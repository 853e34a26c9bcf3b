#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crypto/secret.h"

// AWS Signature Version 4 for S3 (Amazon S3 API Reference, "Authenticating Requests: Using the Authorization
// Header"), with the body's digest signed.
namespace chengxin::blob {

struct Credentials {
  std::string access_key;
  crypto::Secret secret_key;
};

using Query = std::vector<std::pair<std::string, std::string>>;  // plain; a parameter without a value has ""

struct SignedRequest {
  std::string method;
  std::string path;  // encoded, from the first slash
  Query query;
  std::map<std::string, std::string> headers;  // small letters; host and all that shall be signed
  std::string body_sha256;                     // hex
};

std::string sha256_hex(ByteView bytes);
std::string encode_path(std::string_view path);  // slashes stay
std::string encode_query(Query query);           // in the order that is signed
std::string amz_date(int64_t time_ms);           // 20130524T000000Z

// The value of Authorization. `headers` must have x-amz-date, whose day is signed for.
std::string authorization(const SignedRequest& request, const Credentials& credentials,
                          std::string_view region);

}  // namespace chengxin::blob
