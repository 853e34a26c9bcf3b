#pragma once
#include <functional>
#include <map>
#include <memory>

#include "base/file.h"
#include "base/json.h"

// Speaks to a platform's REST interface. One connection, kept alive; not thread-safe.
namespace chengxin::client {

struct Response {
  int status = 0;
  std::string content_type;
  std::string body;
};

// The TLCP pair that a client shows, as PEM: certificates with those of their authorities behind them, keys
// that are not encrypted. Empty: none.
struct Certificates {
  std::string sign, sign_key, encrypt, encrypt_key;
  // sign.pem, sign.key, encrypt.pem and encrypt.key of a folder.
  static Result<Certificates> read(const fs::path& folder);
};

struct Options {
  // http://127.0.0.1:8080, or https:// or tlcp:// with the certificates (PEM) that the platform's must lead
  // to: https with an SM2 root is TLS 1.3 with SM algorithms. Without a root: those that the system trusts.
  std::string url, root_pem;
  std::string token;  // may be empty: only what is public, or what the certificates open
  int timeout_ms = 60'000;
  Certificates certificates = {};
  bool refusals = false;  // answers with 4xx and 5xx come back as they are, not as errors
};

class Client {
 public:
  explicit Client(Options options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();
  const std::string& url() const;

  // Before each: client.root when the root does not fit the url, crypto.tls_identity when the certificates do
  // not, and the reasons of crypto/tls.h when the
  // platform's certificates are not those to trust. A problem answer (RFC 9457) comes back as its Error: code
  // from the status, the server's reason key and detail. client.unreachable when nobody answers;
  // client.protocol for what is no answer of ours.
  Result<Response> send(const std::string& method, const std::string& path, ByteView body = {},
                        const std::string& content_type = {},
                        const std::map<std::string, std::string>& headers = {});
  Result<Json> get(const std::string& path);
  Result<Json> post(const std::string& path, const Json& body,
                    const std::map<std::string, std::string>& headers = {});

  // Streams a file up in constant memory, or an answer down.
  Result<Json> upload(const std::string& method, const std::string& path, const fs::path& file,
                      const std::function<void(uint64_t done, uint64_t total)>& on_progress = nullptr);
  // Both ways at once: posts what `supply` writes into its buffer (how much; 0: the end) and hands on the
  // answer as it comes. Neither waits for the other, so on_chunk may be called before supply is done.
  using Supply = std::function<Result<size_t>(std::span<uint8_t> into)>;
  Status exchange(const std::string& path, const std::string& content_type, const Supply& supply,
                  const std::function<Status(ByteView)>& on_chunk);
  Status download(const std::string& path, const std::function<Status(ByteView)>& on_chunk);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Of an answer with a status of 4xx or 5xx: the problem that it holds, else client.protocol.
Error error_of(const Response& answer);

}  // namespace chengxin::client
