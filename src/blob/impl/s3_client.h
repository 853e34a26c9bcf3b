#pragma once
#include <mutex>

#include "blob/impl/s3_sign.h"
#include "blob/store.h"
#include "net/curl.h"

// Requests to a bucket, signed, over connections that are kept. Blocks; any thread.
namespace chengxin::blob {

struct S3Call {
  std::string method = "GET";
  std::string name = {};  // of the object, not encoded; empty: the bucket itself
  Query query = {};
  std::map<std::string, std::string> headers = {};  // small letters
  ByteView body = {};
  int wanted = 0;  // the one status that counts as success; 0: any 2xx
  // Takes the body of a success as it comes; else it is in the answer.
  std::function<Status(ByteView)> on_body = nullptr;
  std::string* etag = nullptr;  // of a success, before its body
};

struct S3Answer {
  std::string body;  // at most 4 MiB
  std::string etag, content_range;
};

class S3Client {
 public:
  static Result<std::unique_ptr<S3Client>> make(const S3& s3);
  ~S3Client();
  S3Client(const S3Client&) = delete;
  S3Client& operator=(const S3Client&) = delete;

  Result<S3Answer> once(const S3Call& call);
  // Again after what may pass: a lost connection, a silence, an answer that says so (5xx, 429).
  Result<S3Answer> call(const S3Call& call);
  static bool may_pass(const Error& error);
  void wait(int attempt) const;  // after the attempt of this number, from 1

  const S3& settings() const { return s3_; }

 private:
  struct Exchange;
  S3Client(S3 s3, Credentials credentials, std::string host)
      : s3_(std::move(s3)), credentials_(std::move(credentials)), host_(std::move(host)) {}
  std::vector<std::string> headers(const S3Call& call, const std::string& path) const;
  void set_up(Exchange& exchange, const std::string& path) const;
  CURL* borrow();
  void give_back(CURL* curl);
  static size_t on_body(char* data, size_t size, size_t count, void* context);

  const S3 s3_;
  const Credentials credentials_;
  const std::string host_;  // with the port, where it is not the usual one
  std::mutex mutex_;
  std::vector<CURL*> idle_;  // each holds its connection
};

// The text of the first element of that name, and of all of them. For the flat answers of S3: the elements
// that are asked for have no attributes, and names come encoded for URLs, so that no references are in them.
std::string element(std::string_view xml, std::string_view name);
std::vector<std::string> elements(std::string_view xml, std::string_view name);

}  // namespace chengxin::blob
