#include "access/message_signature.h"

#include <algorithm>
#include <charconv>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/sha256.h"
#include "crypto/sm3.h"

namespace chengxin::access {
namespace {

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::unauthenticated, "access.message_signature_form", "{}", what);
}

// The part of structured fields (RFC 9651) that signatures are written in.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool ok() const { return ok_; }
  bool done() {
    spaces();
    return ok_ && rest_.empty();
  }
  std::string_view rest() const { return rest_; }
  void spaces() {
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
  }
  bool next(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) { ok_ = next(c) && ok_; }
  std::string_view key() {
    size_t size = 0;
    while (size < rest_.size() &&
           ((rest_[size] >= 'a' && rest_[size] <= 'z') || (rest_[size] >= '0' && rest_[size] <= '9') ||
            std::string_view("_-.*").find(rest_[size]) != std::string_view::npos))
      ++size;
    ok_ = ok_ && size > 0 && (rest_[0] == '*' || (rest_[0] >= 'a' && rest_[0] <= 'z'));
    return take(size);
  }
  std::string string() {
    std::string out;
    expect('"');
    while (ok_ && !rest_.empty() && rest_[0] != '"') {
      if (next('\\')) ok_ = ok_ && !rest_.empty() && (rest_[0] == '"' || rest_[0] == '\\');
      if (!ok_ || rest_.empty() || rest_[0] < ' ' || rest_[0] > '~') {
        ok_ = false;
        break;
      }
      out.push_back(rest_[0]);
      rest_.remove_prefix(1);
    }
    expect('"');
    return out;
  }
  int64_t integer() {
    int64_t out = 0;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + std::min<size_t>(rest_.size(), 16), out);
    ok_ = ok_ && error == std::errc();
    take(ok_ ? size_t(end - rest_.data()) : 0);
    return out;
  }
  Bytes bytes() {
    expect(':');
    const size_t size = std::min(rest_.find(':'), rest_.size());
    auto out = unbase64(take(size));
    expect(':');
    ok_ = ok_ && out;
    return out ? *out : Bytes();
  }

 private:
  std::string_view take(size_t size) {
    std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::string_view rest_;
  bool ok_ = true;
};

void read_component(Scanner& scan, SignatureInput& out, bool& known) {
  SignatureInput::Component one;
  one.name = scan.string();
  while (scan.ok() && scan.next(';')) {
    if (scan.key() != "name" || one.name != "@query-param") known = false;
    scan.expect('=');
    one.parameter = scan.string();
  }
  out.components.push_back(std::move(one));
}

void read_parameters(Scanner& scan, SignatureInput& out) {
  while (scan.ok() && scan.next(';')) {
    const std::string_view name = scan.key();
    scan.expect('=');
    if (name == "created") {
      out.created_s = scan.integer();
    } else if (name == "expires") {
      out.expires_s = scan.integer();
    } else if (name == "nonce") {
      out.nonce = scan.string();
    } else if (name == "keyid") {
      out.key_id = scan.string();
    } else if (name == "alg") {
      out.algorithm = scan.string();
    } else {
      scan.string();  // tag and the like
    }
  }
}

Result<std::string> query_parameter(std::string_view target, std::string_view name) {
  const size_t question = target.find('?');
  std::string_view query = question == target.npos ? std::string_view() : target.substr(question + 1);
  std::optional<std::string> found;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.substr(0, part.find('=')) != name) continue;
    if (found) return malformed("a query parameter that stands there twice");
    found = part.find('=') == part.npos ? "" : std::string(part.substr(part.find('=') + 1));
  }
  if (!found) return malformed("a query parameter that is not there");
  return *found;
}

Result<std::string> component(const SignatureInput::Component& one, const MessageParts& parts) {
  const std::string_view path = parts.target.substr(0, parts.target.find('?'));
  if (one.name == "@method") return std::string(parts.method);
  if (one.name == "@authority") return std::string(parts.authority);
  if (one.name == "@scheme") return std::string(parts.scheme);
  if (one.name == "@target-uri") return fmt::format("{}://{}{}", parts.scheme, parts.authority, parts.target);
  if (one.name == "@request-target") return std::string(parts.target);
  if (one.name == "@path") return std::string(path);
  if (one.name == "@query")
    return path.size() == parts.target.size() ? "?" : std::string(parts.target.substr(path.size()));
  if (one.name == "@query-param" && one.parameter) return query_parameter(parts.target, *one.parameter);
  if (one.name.starts_with('@')) return malformed(one.name);
  auto value = parts.field(one.name);
  if (!value) return malformed(one.name + " is covered and not there");
  return *value;
}

Status check_covered(const SignatureInput& input) {
  for (std::string_view needed : {"@method", "@target-uri", "content-digest"})
    if (std::none_of(input.components.begin(), input.components.end(),
                     [&](const auto& one) { return one.name == needed; }))
      return fail(Code::unauthenticated, "access.message_signature_covers", "{}", needed);
  return {};
}

Bytes sha256(ByteView bytes) {
  crypto::Sha256 hash;
  const auto digest = hash.update(bytes).finish();
  return to_bytes(digest);
}

}  // namespace

Result<SignatureInput> parse_signature_input(std::string_view field) {
  SignatureInput out;
  Scanner scan(field);
  bool known = true;
  scan.spaces();
  out.label = scan.key();
  scan.expect('=');
  const std::string_view from = scan.rest();
  scan.expect('(');
  scan.spaces();
  while (scan.ok() && !scan.next(')')) {
    read_component(scan, out, known);
    if (scan.rest().empty() || (scan.rest()[0] != ' ' && scan.rest()[0] != ')'))
      return malformed("Signature-Input");
    scan.spaces();
  }
  read_parameters(scan, out);
  out.parameters = from.substr(0, from.size() - scan.rest().size());
  if (!known) return malformed("a parameter of a component that is not known here");
  if (!scan.done()) return malformed("Signature-Input");
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& one : out.components)
    if (!seen.emplace(one.name, one.parameter.value_or("")).second)
      return malformed("a component is named twice");
  return out;
}

Result<Bytes> parse_signature(std::string_view field, std::string_view label) {
  Scanner scan(field);
  scan.spaces();
  const bool same = scan.key() == label;
  scan.expect('=');
  Bytes out = scan.bytes();
  if (!scan.done() || !same) return malformed("Signature");
  return out;
}

Result<std::string> signature_base(const SignatureInput& input, const MessageParts& parts) {
  std::string out;
  for (const auto& one : input.components) {
    ASSIGN(std::string value, component(one, parts));
    if (value.find('\n') != value.npos) return malformed(one.name);
    out += fmt::format("\"{}\"{}: {}\n", one.name,
                       one.parameter ? fmt::format(";name=\"{}\"", *one.parameter) : "", value);
  }
  return out + "\"@signature-params\": " + input.parameters;
}

std::string content_digest(ByteView body) {
  return fmt::format("sm3=:{}:, sha-256=:{}:", base64(crypto::sm3(body)), base64(sha256(body)));
}

Status check_content_digest(std::string_view field, ByteView body) {
  Scanner scan(field);
  bool sm3 = false, fits = true;
  do {
    scan.spaces();
    const std::string_view name = scan.key();
    scan.expect('=');
    const Bytes value = scan.bytes();
    if (name == "sm3") {
      sm3 = true;
      fits = fits && equal(value, crypto::sm3(body));
    } else if (name == "sha-256") {
      fits = fits && equal(value, sha256(body));
    }
    scan.spaces();
  } while (scan.ok() && scan.next(','));
  if (!scan.done() || !sm3) return fail(Code::unauthenticated, "access.content_digest", "sm3=:…: is needed");
  if (!fits) return fail(Code::unauthenticated, "access.content_digest", "the body is another");
  return {};
}

Status MessageWindow::check_times(const SignatureInput& input, int64_t now_ms) const {
  const auto wrong = [](std::string_view what) {
    return fail(Code::unauthenticated, "access.message_signature_window", "{}", what);
  };
  if (input.nonce.size() < 16 || input.nonce.size() > 128)
    return malformed("a nonce of 16 to 128 signs is needed");
  if (!input.created_s || !input.expires_s) return wrong("created and expires are needed");
  constexpr int64_t most = INT64_MAX / 2000;
  if (std::abs(*input.created_s) > most || std::abs(*input.expires_s) > most) return wrong("no such time");
  const int64_t created = *input.created_s * 1000, expires = *input.expires_s * 1000;
  if (created > now_ms + kClockMs) return wrong("it was made later than now: check the clocks");
  if (expires <= now_ms) return wrong("it has expired: check the clocks");
  if (expires - created > kLongestMs || expires <= created)
    return wrong("it may be good for 5 minutes at most");
  if (created + 1000 <= started_ms_) return wrong("it was made before the platform started: sign it anew");
  return {};
}

Status MessageWindow::use(const SignatureInput& input, int64_t now_ms) {
  const std::string name = input.key_id + "\n" + input.nonce;
  std::lock_guard lock(mutex_);
  while (!ends_.empty() && ends_.begin()->first <= now_ms) {
    used_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
  }
  if (used_.size() >= kMaxNonces)
    return tl::unexpected(Error{Code::busy, "api.busy", "too many signed requests", 1000});
  const int64_t until_ms = *input.expires_s * 1000;
  if (!used_.emplace(name, until_ms).second)
    return fail(Code::unauthenticated, "access.message_signature_replayed");
  ends_.emplace(until_ms, name);
  return {};
}

Result<std::string> check_message(
    std::string_view input_field, std::string_view signature_field, const MessageParts& parts,
    const std::function<std::optional<crypto::Sm2PublicKey>(const std::string&)>& key_of,
    MessageWindow& window, int64_t now_ms) {
  ASSIGN(auto input, parse_signature_input(input_field));
  ASSIGN(Bytes signature, parse_signature(signature_field, input.label));
  if (input.algorithm != kMessageAlgorithm)
    return fail(Code::unauthenticated, "access.message_signature_algorithm", "{}", input.algorithm);
  TRY(check_covered(input));
  TRY(window.check_times(input, now_ms));
  ASSIGN(std::string base, signature_base(input, parts));
  auto key = key_of(input.key_id);
  if (!key) return fail(Code::unauthenticated, "access.message_signature_key");
  if (!key->verify(view(base), signature)) return fail(Code::unauthenticated, "access.message_signature");
  TRY(window.use(input, now_ms));
  return input.key_id;
}

Result<SignedFields> sign_message(const crypto::Sm2PrivateKey& key, std::string_view key_id,
                                  std::string_view method, std::string_view target_uri, ByteView body,
                                  int64_t now_ms) {
  SignedFields out;
  out.content_digest = content_digest(body);
  const std::string parameters = fmt::format(
      "(\"@method\" \"@target-uri\" "
      "\"content-digest\");created={};expires={};nonce=\"{}\";keyid=\"{}\";alg=\"{}\"",
      now_ms / 1000, now_ms / 1000 + 60, hex(crypto::random_bytes(16)), key_id, kMessageAlgorithm);
  const std::string base =
      fmt::format("\"@method\": {}\n\"@target-uri\": {}\n\"content-digest\": {}\n\"@signature-params\": {}",
                  method, target_uri, out.content_digest, parameters);
  ASSIGN(auto signature, key.sign(view(base)));
  out.signature_input = "sig1=" + parameters;
  out.signature = "sig1=:" + base64(signature) + ":";
  return out;
}

}  // namespace chengxin::access
