#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/bytes.h"
#include "crypto/sm2.h"

// Requests of services that carry an SM2 signature (RFC 9421 with the private algorithm "sm2-sm3": SM2 of
// GB/T 32918.2 with the default identifier over the signature base, r and s of 32 bytes each) and the digest
// of their body (RFC 9530, "sm3" beside "sha-256"). docs/formats/message-signature.md.
namespace chengxin::access {

// What a signature base is made from. A field that stands there more than once is joined with ", ".
struct MessageParts {
  std::string_view method, scheme, authority, target;  // target: path and query as sent
  std::function<std::optional<std::string>(std::string_view name)> field;
};

struct SignatureInput {
  struct Component {
    std::string name;                      // small letters; derived ones begin with @
    std::optional<std::string> parameter;  // of @query-param
  };
  std::string label, parameters;  // as sent: "(…);created=…"
  std::vector<Component> components;
  std::optional<int64_t> created_s, expires_s;
  std::string nonce, key_id, algorithm;
};

inline constexpr std::string_view kMessageAlgorithm = "sm2-sm3";

// Both: access.message_signature_form. Exactly one signature is taken.
Result<SignatureInput> parse_signature_input(std::string_view field);
Result<Bytes> parse_signature(std::string_view field, std::string_view label);
// RFC 9421 2.5. access.message_signature_form for a component that is not there or not known.
Result<std::string> signature_base(const SignatureInput& input, const MessageParts& parts);

// "sm3=:…:, sha-256=:…:"; the sm3 one has to be there, and all that are known have to fit.
// access.content_digest.
Status check_content_digest(std::string_view field, ByteView body);
std::string content_digest(ByteView body);

// Nonces that were used, and what a request's times may be. In memory: what was signed before the process
// began is refused. Thread-safe.
class MessageWindow {
 public:
  static constexpr int64_t kLongestMs = 5 * 60'000, kClockMs = 60'000;
  static constexpr size_t kMaxNonces = 1'000'000;
  explicit MessageWindow(int64_t started_ms) : started_ms_(started_ms) {}

  // access.message_signature_window, access.message_signature_form (no nonce of 16 to 128 bytes)
  Status check_times(const SignatureInput& input, int64_t now_ms) const;
  Status use(const SignatureInput& input, int64_t now_ms);  // access.message_signature_replayed

 private:
  const int64_t started_ms_;
  std::mutex mutex_;
  std::unordered_map<std::string, int64_t> used_;  // key and nonce; until when
  std::multimap<int64_t, std::string> ends_;
};

// All of it but the body, in the order: form, algorithm, what is covered, times, key, signature, nonce; each
// with its own reason (access.message_signature_*). Gives the key id.
Result<std::string> check_message(
    std::string_view input_field, std::string_view signature_field, const MessageParts& parts,
    const std::function<std::optional<crypto::Sm2PublicKey>(const std::string&)>& key_of,
    MessageWindow& window, int64_t now_ms);

// For clients: the fields Content-Digest, Signature-Input and Signature.
struct SignedFields {
  std::string content_digest, signature_input, signature;
};
Result<SignedFields> sign_message(const crypto::Sm2PrivateKey& key, std::string_view key_id,
                                  std::string_view method, std::string_view target_uri, ByteView body,
                                  int64_t now_ms);

}  // namespace chengxin::access
