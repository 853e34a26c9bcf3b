#include "client/client.h"

#include <curl/curl.h>

#include <cstdio>

#include "client/protected_socket.h"

namespace chengxin::client {
namespace {

// The reverse of the interface's table from codes to statuses.
Code code_of(long status) {
  switch (status) {
    case 400:
    case 405:
    case 415:
    case 422:
      return Code::invalid_argument;
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::forbidden;
    case 404:
      return Code::not_found;
    case 409:
      return Code::conflict;
    case 410:
      return Code::gone;
    case 413:
    case 414:
    case 431:
      return Code::too_large;
    case 429:
      return Code::busy;
    case 501:
      return Code::unsupported;
    case 503:
      return Code::unavailable;
    default:
      return Code::internal;
  }
}

Error problem_of(long status, const std::string& body) {
  auto json = parse_json(body);
  auto field = [&](const char* name) {
    if (!json || !json->is_object()) return std::string();
    auto it = json->find(name);
    return it != json->end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (const std::string reason = field("reason"); !reason.empty())
    return {code_of(status), reason, field("detail") + field("error_description")};
  if (const std::string error = field("error"); !error.empty())  // RFC 6749 section 5.2, of others
    return {code_of(status), "openid." + error, field("error_description")};
  return {Code::internal, "client.protocol", fmt::format("status {} without a problem document", status)};
}

struct Transfer {
  std::string body;
  const std::function<Status(ByteView)>* on_chunk = nullptr;
  Status chunk_status;
  CURL* curl = nullptr;
};

size_t receive(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.on_chunk && status < 300) {
    transfer.chunk_status = (*transfer.on_chunk)(view(std::string_view(data, size * count)));
    return transfer.chunk_status ? size * count : 0;
  }
  transfer.body.append(data, size * count);
  return size * count;
}

struct Upload {
  std::FILE* file = nullptr;
  uint64_t done = 0, total = 0;
  const std::function<void(uint64_t, uint64_t)>* on_progress = nullptr;
};

size_t supply(char* into, size_t size, size_t count, void* user) {
  auto& upload = *static_cast<Upload*>(user);
  size_t read = std::fread(into, 1, size * count, upload.file);
  if (std::ferror(upload.file)) return CURL_READFUNC_ABORT;
  upload.done += read;
  if (upload.on_progress && *upload.on_progress) (*upload.on_progress)(upload.done, upload.total);
  return read;
}

struct Supplied {
  const Client::Supply* supply = nullptr;
  Status status;
};

size_t supply_more(char* into, size_t size, size_t count, void* user) {
  auto& supplied = *static_cast<Supplied*>(user);
  auto written = (*supplied.supply)({reinterpret_cast<uint8_t*>(into), size * count});
  if (written) return *written;
  supplied.status = tl::unexpected(written.error());
  return CURL_READFUNC_ABORT;
}

std::string host_of(const std::string& url) {
  std::string out;
  CURLU* parsed = curl_url();
  char* host = nullptr;
  if (curl_url_set(parsed, CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
      curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK)
    out = host;
  curl_free(host);
  curl_url_cleanup(parsed);
  return out;
}

Result<std::optional<crypto::TlsIdentity>> identity_of(const Certificates& given) {
  if (given.sign.empty()) return std::nullopt;
  crypto::TlsIdentity out;
  ASSIGN(out.chain, crypto::certificates_from_pem(given.sign));
  out.sign = std::move(out.chain.front());
  out.chain.erase(out.chain.begin());
  ASSIGN(auto encrypt, crypto::certificates_from_pem(given.encrypt));
  out.encrypt = std::move(encrypt.front());
  ASSIGN(out.sign_key, crypto::Sm2PrivateKey::from_pem(given.sign_key));
  ASSIGN(out.encrypt_key, crypto::Sm2PrivateKey::from_pem(given.encrypt_key));
  TRY(crypto::check_tls_identity(crypto::TlsProtocol::tlcp, out));
  return out;
}

// How this url is protected by us rather than by libcurl; nullptr: not.
Result<std::unique_ptr<ProtectedSockets>> protection_of(const Options& options) {
  const bool tlcp = options.url.rfind("tlcp://", 0) == 0;
  if (!tlcp && !options.certificates.sign.empty())
    return fail(Code::invalid_argument, "crypto.tls_identity", "certificates of clients are for tlcp://");
  if (!tlcp && options.url.rfind("https://", 0) != 0) return nullptr;
  auto roots = crypto::certificates_from_pem(options.root_pem);
  const bool sm = roots && roots->front().public_key;
  if (!tlcp && !sm) return nullptr;
  if (!sm)
    return fail(Code::invalid_argument, "client.root", "{} needs an SM2 root certificate", options.url);
  auto trust = std::make_shared<crypto::TlsTrust>(crypto::TlsTrust{std::move(*roots), {}, false});
  auto protocol = tlcp ? crypto::TlsProtocol::tlcp : crypto::TlsProtocol::tls13_sm;
  ASSIGN(auto identity, identity_of(options.certificates));
  ASSIGN(auto context, crypto::TlsContext::create(protocol, std::move(identity)));
  return std::make_unique<ProtectedSockets>(std::move(context), std::move(trust), host_of(options.url));
}

}  // namespace

Result<Certificates> Certificates::read(const fs::path& folder) {
  Certificates out;
  for (const auto& [name, part] : {std::pair("sign.pem", &out.sign),
                                   {"sign.key", &out.sign_key},
                                   {"encrypt.pem", &out.encrypt},
                                   {"encrypt.key", &out.encrypt_key}}) {
    ASSIGN(Bytes bytes, read_file(folder / name, 256 << 10));
    *part = to_string(bytes);
  }
  return out;
}

struct Client::Impl {
  Options options;
  CURL* curl = curl_easy_init();
  Status ready;
  std::unique_ptr<ProtectedSockets> sockets;
  Status opened;  // of the socket that libcurl asked for last

  ~Impl() { curl_easy_cleanup(curl); }

  static curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
    auto& self = *static_cast<Impl*>(user);
    auto socket = self.sockets->open(address->addr, address->addrlen);
    if (socket) address->family = AF_INET;
    self.opened = socket ? Status() : Status(tl::unexpected(socket.error()));
    return socket ? *socket : CURL_SOCKET_BAD;
  }

  void protect(std::string& url) {
    if (sockets) {
      url = "http" + url.substr(url.find(':'));
      curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
      curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, this);
      return;
    }
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, long(CURL_SSLVERSION_TLSv1_2));
    if (options.root_pem.empty()) return;
    curl_blob root{options.root_pem.data(), options.root_pem.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &root);
  }

  // Runs one request with what the caller has set; `prepare` adds to the handle.
  Result<Response> perform(const std::string& method, const std::string& path,
                           std::map<std::string, std::string> headers, Transfer& transfer,
                           const std::function<void(CURL*)>& prepare) {
    TRY(ready);
    curl_easy_reset(curl);
    opened = {};
    std::string url = options.url + path;
    protect(url);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    prepare(curl);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    transfer.curl = curl;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    if (!options.token.empty()) headers["Authorization"] = "Bearer " + options.token;
    headers["Expect"] = "";
    curl_slist* list = nullptr;
    for (const auto& [name, value] : headers) list = curl_slist_append(list, (name + ": " + value).c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(list);
    if (!transfer.chunk_status) return tl::unexpected(transfer.chunk_status.error());
    if (!opened) return tl::unexpected(opened.error());
    if (code == CURLE_PEER_FAILED_VERIFICATION)
      return fail(Code::forbidden, "client.untrusted", "{}: {}", options.url, curl_easy_strerror(code));
    if (code != CURLE_OK)
      return fail(Code::unavailable, "client.unreachable", "{}: {}", options.url, curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || (status >= 400 && !options.refusals))
      return tl::unexpected(problem_of(status, transfer.body));
    char* type = nullptr;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    return Response{int(status), type ? type : "", std::move(transfer.body)};
  }
};

Client::Client(Options options) : impl_(std::make_unique<Impl>()) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  (void)ready;
  while (!options.url.empty() && options.url.back() == '/') options.url.pop_back();
  impl_->options = std::move(options);
  auto protection = protection_of(impl_->options);
  if (protection)
    impl_->sockets = std::move(*protection);
  else
    impl_->ready = tl::unexpected(protection.error());
}

Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Error error_of(const Response& answer) { return problem_of(answer.status, answer.body); }

const std::string& Client::url() const { return impl_->options.url; }

Result<Response> Client::send(const std::string& method, const std::string& path, ByteView body,
                              const std::string& content_type,
                              const std::map<std::string, std::string>& headers) {
  Transfer transfer;
  auto all = headers;
  if (!content_type.empty()) all["Content-Type"] = content_type;
  return impl_->perform(method, path, all, transfer, [&](CURL* curl) {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, long(impl_->options.timeout_ms));
    if (method == "GET") return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                     body.empty() ? "" : reinterpret_cast<const char*>(body.data()));
  });
}

namespace {

Result<Json> json_of(const Result<Response>& response) {
  if (!response) return tl::unexpected(response.error());
  if (response->body.empty()) return Json();
  auto json = parse_json(response->body, {.max_bytes = size_t(256) << 20, .max_depth = 64});
  if (!json)
    return fail(Code::internal, "client.protocol", "the answer is not JSON: {}", json.error().to_string());
  return json;
}

}  // namespace

Result<Json> Client::get(const std::string& path) { return json_of(send("GET", path)); }

Result<Json> Client::post(const std::string& path, const Json& body,
                          const std::map<std::string, std::string>& headers) {
  return json_of(send("POST", path, view(body.dump()), "application/json", headers));
}

Result<Json> Client::upload(const std::string& method, const std::string& path, const fs::path& file,
                            const std::function<void(uint64_t, uint64_t)>& on_progress) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.c_str(), "rb"), std::fclose);
  std::error_code error;
  uint64_t total = fs::file_size(file, error);
  if (!opened || error) return tl::unexpected(file_error(file, error ? error.value() : errno));
  Upload upload{opened.get(), 0, total, &on_progress};
  Transfer transfer;
  return json_of(
      impl_->perform(method, path, {{"Content-Type", "application/octet-stream"}}, transfer, [&](CURL* curl) {
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, curl_off_t(total));
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, supply);
        curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
      }));
}

Status Client::download(const std::string& path, const std::function<Status(ByteView)>& on_chunk) {
  Transfer transfer;
  transfer.on_chunk = &on_chunk;
  auto response = impl_->perform("GET", path, {}, transfer, [](CURL* curl) {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  });
  if (!response) return tl::unexpected(response.error());
  return {};
}

Status Client::exchange(const std::string& path, const std::string& content_type, const Supply& supply,
                        const std::function<Status(ByteView)>& on_chunk) {
  Supplied supplied{&supply, {}};
  Transfer transfer;
  transfer.on_chunk = &on_chunk;
  auto response = impl_->perform("POST", path, {{"Content-Type", content_type}}, transfer, [&](CURL* curl) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);  // in chunks, as no size is told
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, supply_more);
    curl_easy_setopt(curl, CURLOPT_READDATA, &supplied);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
  });
  TRY(supplied.status);
  if (!response) return tl::unexpected(response.error());
  return {};
}

}  // namespace chengxin::client
