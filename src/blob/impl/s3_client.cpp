#include "blob/impl/s3_client.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"

namespace chengxin::blob {
namespace {

constexpr size_t kMostAnswer = 4 << 20, kMostIdle = 8;
constexpr long kSlowBytesPerSecond = 1024;

tl::unexpected<Error> wrong_setting(std::string_view detail) {
  return fail(Code::invalid_argument, "blob.s3_settings", "{}", detail);
}

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

// Host and port as they stand in requests.
Result<std::string> host_of(const S3& s3) {
  std::unique_ptr<CURLU, net::CurlCloser> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, s3.url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
    return wrong_setting("the address is none, or has credentials in it");
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME), port = part_of(url.get(), CURLUPART_PORT);
  if (scheme != "http" && scheme != "https")
    return wrong_setting("the address begins with http:// or https://");
  if (part_of(url.get(), CURLUPART_PATH) != "/" || s3.url.find_first_of("?#") != s3.url.npos)
    return wrong_setting("the address has nothing after host and port");
  const bool usual = port.empty() || port == (scheme == "https" ? "443" : "80");
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  return (s3.bucket_in_host ? s3.bucket + "." : "") + host + (usual ? "" : ":" + port);
}

Status check(const S3& s3) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (s3.bucket.size() < 3 || s3.bucket.size() > 63 ||
      !std::all_of(s3.bucket.begin(), s3.bucket.end(), [&](char c) { return plain(c) || c == '.'; }))
    return wrong_setting("a bucket's name has 3 to 63 small letters, digits, dots and hyphens");
  if (s3.region.empty() || !std::all_of(s3.region.begin(), s3.region.end(), plain))
    return wrong_setting("a region has small letters, digits and hyphens");
  if (s3.prefix.size() > 512 || s3.prefix.starts_with('/') || s3.prefix.find("//") != s3.prefix.npos)
    return wrong_setting("a prefix has at most 512 bytes, no slash before it and no two together");
  return {};
}

tl::unexpected<Error> bad_file(const fs::path& file, std::string_view what) {
  return fail(Code::invalid_argument, "blob.s3_credentials", "{}: {}", file.string(), what);
}

Result<Credentials> read_credentials(const fs::path& file) {
  auto read = read_file(file, 4096);
  struct stat info {};
  if (!read) return bad_file(file, read.error().to_string());
  Bytes& bytes = *read;
  if (::stat(file.c_str(), &info) != 0 || (info.st_mode & 077))
    return bad_file(file, "others can read or write it; chmod go= it");
  const auto line_end = [&](size_t from) {
    return size_t(std::find_if(bytes.begin() + ptrdiff_t(from), bytes.end(),
                               [](uint8_t c) { return c == '\n' || c == '\r'; }) -
                  bytes.begin());
  };
  const size_t first = line_end(0);
  size_t begin = first;
  while (begin < bytes.size() && (bytes[begin] == '\n' || bytes[begin] == '\r')) ++begin;
  const ByteView secret = ByteView(bytes).subspan(begin, line_end(begin) - begin);
  Credentials out{to_string(ByteView(bytes).first(first)), crypto::to_secret(secret)};
  const bool printable =
      std::all_of(out.access_key.begin(), out.access_key.end(), [](char c) { return c > ' ' && c < 127; });
  crypto::secure_zero(bytes.data(), bytes.size());
  if (out.access_key.empty() || out.secret_key.empty() || !printable)
    return bad_file(file, "an access key and a secret key, a line each, are needed");
  return out;
}

tl::unexpected<Error> refusal(long status, std::string_view body, const S3Call& call) {
  struct Row {
    std::string_view name;
    Code code;
    std::string_view reason;
  };
  static constexpr Row kRows[] = {
      {"NoSuchKey", Code::not_found, "blob.not_found"},
      {"NoSuchUpload", Code::unavailable, "blob.s3_upload_gone"},
      {"PreconditionFailed", Code::data_loss, "blob.damaged"},
      {"InvalidRange", Code::data_loss, "blob.damaged"},
      {"NoSuchBucket", Code::unavailable, "blob.s3_bucket"},
      {"AccessDenied", Code::unavailable, "blob.s3_denied"},
      {"InvalidAccessKeyId", Code::unavailable, "blob.s3_denied"},
      {"SignatureDoesNotMatch", Code::unavailable, "blob.s3_denied"},
      {"RequestTimeTooSkewed", Code::unavailable, "blob.s3_clock"},
      {"XMinioStorageFull", Code::unavailable, "blob.s3_full"},
      {"XMinioAdminBucketQuotaExceeded", Code::unavailable, "blob.s3_full"},
      {"QuotaExceeded", Code::unavailable, "blob.s3_full"},
  };
  const std::string name = element(body, "Code");
  const std::string what = fmt::format("{} {}: {} {}", call.method, call.name, status, name);
  for (const Row& row : kRows)
    if (name == row.name) return fail(row.code, row.reason, "{}", what);
  if (status == 507) return fail(Code::unavailable, "blob.s3_full", "{}", what);
  if (status >= 500 || status == 429) return fail(Code::unavailable, "blob.s3_failed", "{}", what);
  if (status >= 300 && status < 400) return fail(Code::unavailable, "blob.s3_redirect", "{}", what);
  if (status == 401 || status == 403) return fail(Code::unavailable, "blob.s3_denied", "{}", what);
  return fail(Code::unavailable, "blob.s3_answer", "{}", what);
}

tl::unexpected<Error> broken(CURLcode code, const S3Call& call) {
  std::string_view reason = "blob.s3_unreachable";
  if (code == CURLE_OPERATION_TIMEDOUT) reason = "blob.s3_timeout";
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) reason = "blob.s3_tls";
  return fail(Code::unavailable, reason, "{} {}: {}", call.method, call.name, curl_easy_strerror(code));
}

std::string header_of(CURL* curl, const char* name) {
  curl_header* header = nullptr;
  return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : "";
}

}  // namespace

struct S3Client::Exchange {
  const S3Call& call;
  CURL* curl;
  std::unique_ptr<curl_slist, net::CurlCloser> headers = nullptr;
  S3Answer answer = {};
  Status taken = {};  // by the reader
  bool too_large = false;

  long status() const {
    long out = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out);
    return out;
  }
  bool succeeded() const { return call.wanted ? status() == call.wanted : status() / 100 == 2; }
};

size_t S3Client::on_body(char* data, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view bytes(data, size * count);
  if (exchange.call.on_body && exchange.succeeded()) {
    if (exchange.call.etag) *exchange.call.etag = header_of(exchange.curl, "ETag");
    exchange.taken = exchange.call.on_body(view(bytes));
    return exchange.taken ? bytes.size() : 0;
  }
  exchange.too_large = exchange.answer.body.size() + bytes.size() > kMostAnswer;
  if (exchange.too_large) return 0;
  exchange.answer.body += bytes;
  return bytes.size();
}

Result<std::unique_ptr<S3Client>> S3Client::make(const S3& s3) {
  net::start_curl();
  TRY(check(s3));
  ASSIGN(std::string host, host_of(s3));
  ASSIGN(Credentials credentials, read_credentials(s3.credentials));
  return std::unique_ptr<S3Client>(new S3Client(s3, std::move(credentials), std::move(host)));
}

S3Client::~S3Client() {
  for (CURL* curl : idle_) curl_easy_cleanup(curl);
}

CURL* S3Client::borrow() {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return curl_easy_init();
  CURL* curl = idle_.back();
  idle_.pop_back();
  return curl;
}

void S3Client::give_back(CURL* curl) {
  curl_easy_reset(curl);  // keeps the connection
  std::lock_guard lock(mutex_);
  if (idle_.size() < kMostIdle)
    idle_.push_back(curl);
  else
    curl_easy_cleanup(curl);
}

std::vector<std::string> S3Client::headers(const S3Call& call, const std::string& path) const {
  SignedRequest request{call.method, path, call.query, call.headers, sha256_hex(call.body)};
  request.headers["host"] = host_;
  request.headers["x-amz-content-sha256"] = request.body_sha256;
  request.headers["x-amz-date"] = amz_date(now_ms());
  if (call.method == "PUT" || call.method == "POST")
    request.headers["content-type"] = "application/octet-stream";
  std::vector<std::string> out = {"Expect:"};
  for (const auto& [name, value] : request.headers) out.push_back(name + ": " + value);
  out.push_back("Authorization: " + authorization(request, credentials_, s3_.region));
  return out;
}

void S3Client::set_up(Exchange& exchange, const std::string& path) const {
  CURL* curl = exchange.curl;
  const S3Call& call = exchange.call;
  for (const std::string& header : headers(call, path))
    exchange.headers.reset(curl_slist_append(exchange.headers.release(), header.c_str()));
  const std::string scheme = s3_.url.substr(0, s3_.url.find(':')), query = encode_query(call.query);
  curl_easy_setopt(curl, CURLOPT_URL,
                   (scheme + "://" + host_ + path + (query.empty() ? "" : "?" + query)).c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, long(CURL_HTTP_VERSION_1_1));
  net::set_careful(curl, s3_.roots.string());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, long(s3_.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowBytesPerSecond);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, long(s3_.stall_timeout_s));
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, long(1 << 18));
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, long(1 << 20));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange.headers.get());
  if (call.method == "PUT" || call.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(call.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                     call.body.empty() ? "" : reinterpret_cast<const char*>(call.body.data()));
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
}

Result<S3Answer> S3Client::once(const S3Call& call) {
  Exchange exchange{call, borrow()};
  if (!exchange.curl) return broken(CURLE_OUT_OF_MEMORY, call);
  const std::string name = call.name.empty() ? "" : "/" + call.name;
  set_up(exchange, encode_path(s3_.bucket_in_host ? (name.empty() ? "/" : name) : "/" + s3_.bucket + name));
  const CURLcode code = curl_easy_perform(exchange.curl);
  const long status = exchange.status();
  const bool succeeded = exchange.succeeded();
  exchange.answer.etag = header_of(exchange.curl, "ETag");
  exchange.answer.content_range = header_of(exchange.curl, "Content-Range");
  give_back(exchange.curl);
  if (!exchange.taken) return tl::unexpected(exchange.taken.error());
  if (exchange.too_large) return fail(Code::unavailable, "blob.s3_answer", "{}: too long", call.method);
  if (code != CURLE_OK) return broken(code, call);
  // Some calls begin their answer with 200 before they know how they end.
  if (!succeeded || exchange.answer.body.find("<Error>") != std::string::npos)
    return refusal(succeeded ? 500 : status, exchange.answer.body, call);
  return std::move(exchange.answer);
}

Result<S3Answer> S3Client::call(const S3Call& call) {
  for (int attempt = 1;; ++attempt) {
    auto answer = once(call);
    if (answer || attempt >= s3_.attempts || !may_pass(answer.error())) return answer;
    wait(attempt);
  }
}

bool S3Client::may_pass(const Error& error) {
  return error.reason == "blob.s3_unreachable" || error.reason == "blob.s3_timeout" ||
         error.reason == "blob.s3_failed";
}

void S3Client::wait(int attempt) const {
  std::this_thread::sleep_for(
      std::chrono::milliseconds(int64_t(s3_.first_wait_ms) << std::min(attempt - 1, 8)));
}

std::vector<std::string> elements(std::string_view xml, std::string_view name) {
  const std::string begin = fmt::format("<{}>", name), end = fmt::format("</{}>", name);
  std::vector<std::string> out;
  for (size_t at = 0; (at = xml.find(begin, at)) != xml.npos;) {
    at += begin.size();
    const size_t stop = xml.find(end, at);
    if (stop == xml.npos) break;
    out.emplace_back(xml.substr(at, stop - at));
    at = stop + end.size();
  }
  return out;
}

std::string element(std::string_view xml, std::string_view name) {
  auto all = elements(xml, name);
  return all.empty() ? "" : std::move(all.front());
}

}  // namespace chengxin::blob
