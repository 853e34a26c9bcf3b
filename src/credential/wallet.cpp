#include "credential/wallet.h"

#include <algorithm>

#include "base/base64url.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm4.h"

namespace chengxin::credential {
namespace {

constexpr std::string_view kFormat = "chengxin/wallet/v1";
constexpr uint32_t kIterations = 200'000, kMostIterations = 10'000'000;
constexpr size_t kMaxFileBytes = 64 << 20, kMostHeld = 10'000;

std::string text_of(const Json& object, const char* member) {
  auto at = object.is_object() ? object.find(member) : object.end();
  return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

tl::unexpected<Error> malformed() { return fail(Code::data_loss, "wallet.format", "not a wallet of ours"); }

struct Header {
  uint32_t iterations = kIterations;
  Bytes salt = crypto::random_bytes(16), nonce = crypto::random_bytes(12);

  Json json() const {
    return {{"format", kFormat},        {"kdf", "pbkdf2-hmac-sm3"}, {"cipher", "sm4-gcm"},
            {"iterations", iterations}, {"salt", base64url(salt)},  {"nonce", base64url(nonce)}};
  }
  crypto::Secret key(ByteView passphrase) const { return crypto::pbkdf2(passphrase, salt, iterations, 16); }
};

Result<Header> header_of(const Json& json) {
  Header out;
  auto salt = unbase64url(text_of(json, "salt")), nonce = unbase64url(text_of(json, "nonce"));
  const Json iterations = json.value("iterations", Json());
  if (text_of(json, "format") != kFormat || text_of(json, "kdf") != "pbkdf2-hmac-sm3" || !salt || !nonce ||
      nonce->size() != 12 || !iterations.is_number_unsigned() || iterations.get<uint64_t>() == 0 ||
      iterations.get<uint64_t>() > kMostIterations)
    return malformed();
  out.salt = std::move(*salt);
  out.nonce = std::move(*nonce);
  out.iterations = iterations;
  return out;
}

}  // namespace

Result<Wallet> Wallet::create(const fs::path& file, std::string_view passphrase) {
  std::error_code error;
  if (fs::exists(file, error)) return fail(Code::conflict, "wallet.exists", "{}", file.string());
  if (passphrase.size() < 8)
    return fail(Code::invalid_argument, "wallet.passphrase_short", "at least 8 bytes");
  Wallet out;
  out.file_ = file;
  out.passphrase_ = crypto::to_secret(view(passphrase));
  TRY(out.save());
  return out;
}

Result<Wallet> Wallet::open(const fs::path& file, std::string_view passphrase) {
  ASSIGN(const Bytes bytes, read_file(file, kMaxFileBytes));
  auto json = parse_json(text(bytes), {.max_bytes = kMaxFileBytes});
  if (!json || !json->is_object()) return malformed();
  ASSIGN(const Header header, header_of(*json));
  auto cipher = unbase64url(text_of(*json, "data"));
  if (!cipher) return malformed();
  auto plain = crypto::sm4_gcm_decrypt(header.key(view(passphrase)), header.nonce, view(header.json().dump()),
                                       *cipher);
  if (!plain) return fail(Code::forbidden, "wallet.passphrase", "wrong, or the file was altered");
  auto content = parse_json(text(*plain), {.max_bytes = kMaxFileBytes});
  crypto::secure_zero(plain->data(), plain->size());
  if (!content || !content->is_object()) return malformed();
  Wallet out;
  out.file_ = file;
  out.passphrase_ = crypto::to_secret(view(passphrase));
  for (Json& each : (*content)["keys"]) {
    std::string& pem = each["pem"].get_ref<std::string&>();
    ASSIGN(auto key, PrivateKey::from_pem(pem));
    crypto::secure_zero(pem.data(), pem.size());
    out.keys_.push_back({text_of(each, "name"), std::move(key)});
  }
  for (const Json& each : (*content)["credentials"])
    out.held_.push_back({text_of(each, "id"), text_of(each, "issuer"), text_of(each, "type"),
                         text_of(each, "text"), text_of(each, "key"), text_of(each, "format"),
                         each.value("received_ms", int64_t(0))});
  return out;
}

Status Wallet::save() const {
  Json content = {{"keys", Json::array()}, {"credentials", Json::array()}};
  auto wipe = [](std::string& text) { crypto::secure_zero(text.data(), text.size()); };
  for (const Key& each : keys_) {
    ASSIGN(std::string pem, each.key.to_pem());
    content["keys"].push_back({{"name", each.name}, {"pem", pem}});
    wipe(pem);
  }
  for (const Held& each : held_)
    content["credentials"].push_back({{"id", each.id},
                                      {"issuer", each.issuer},
                                      {"type", each.type},
                                      {"text", each.text},
                                      {"key", each.key},
                                      {"format", each.format},
                                      {"received_ms", each.received_ms}});
  std::string plain = content.dump();
  const Header header;  // a fresh salt and nonce each time
  Json file = header.json();
  auto cipher =
      crypto::sm4_gcm_encrypt(header.key(passphrase_), header.nonce, view(file.dump()), view(plain));
  wipe(plain);
  for (Json& each : content["keys"]) wipe(each["pem"].get_ref<std::string&>());
  if (!cipher) return tl::unexpected(cipher.error());
  file["data"] = base64url(*cipher);
  return write_durable(file_, view(file.dump()), 0600);
}

Status Wallet::add_key(const std::string& name, Algorithm algorithm) {
  for (const Key& each : keys_)
    if (each.name == name) return fail(Code::conflict, "wallet.key_exists", "{}", name);
  ASSIGN(auto key, PrivateKey::generate(algorithm));
  keys_.push_back({name, std::move(key)});
  return {};
}

Result<const Wallet::Key*> Wallet::find_key(const std::string& name) const {
  for (const Key& each : keys_)
    if (name.empty() || each.name == name) return &each;
  return fail(Code::not_found, "wallet.no_key", "{}", name.empty() ? "the wallet holds no key" : name);
}

Result<Wallet::Held> Wallet::add(const std::string& text, const std::string& key, int64_t now_ms) {
  if (held_.size() >= kMostHeld) return fail(Code::too_large, "wallet.full", "{} credentials", kMostHeld);
  Held held{hex(crypto::random_bytes(8)), {}, {}, text, key, {}, now_ms};
  if (auto sd_jwt = SdJwt::parse(text); sd_jwt && sd_jwt->jws.payload.contains("vct")) {
    TRY(unfold(*sd_jwt).map([](const Unfolded&) {}));
    held.format = "dc+sd-jwt";
    held.issuer = text_of(sd_jwt->jws.payload, "iss");
    held.type = text_of(sd_jwt->jws.payload, "vct");
  } else if (auto opened = read_credential(text)) {
    held.format = "vc+jwt";
    held.issuer = opened->issuer;
    for (const Json& type : opened->credential["type"])
      if (type.is_string() && type != "VerifiableCredential" && held.type.empty()) held.type = type;
  } else {
    return fail(Code::invalid_argument, "wallet.credential", "{}", opened.error().to_string());
  }
  held_.push_back(held);
  return held;
}

Result<const Wallet::Held*> Wallet::find(const std::string& id) const {
  for (const Held& each : held_)
    if (each.id == id) return &each;
  return fail(Code::not_found, "wallet.no_credential", "{}", id);
}

Status Wallet::remove(const std::string& id) {
  TRY(find(id).map([](const Held*) {}));
  std::erase_if(held_, [&](const Held& each) { return each.id == id; });
  return {};
}

Result<Json> claims_of(const Wallet::Held& held) {
  if (held.format == "vc+jwt") {
    ASSIGN(const auto opened, read_credential(held.text));
    return Json(opened.credential["credentialSubject"]);
  }
  ASSIGN(const auto sd_jwt, SdJwt::parse(held.text));
  ASSIGN(auto all, unfold(sd_jwt));
  return std::move(all.claims);
}

Result<std::string> present(const Wallet& wallet, const Wallet::Held& held, std::span<const ClaimPath> claims,
                            const Addressee& to) {
  ASSIGN(const Wallet::Key* key, wallet.find_key(held.key));
  if (held.format == "vc+jwt")
    return present_credentials({held.text}, key->did(), {key->key, key_did_url(key->key.public_key())},
                               {to.audience, to.nonce, to.now_ms});
  ASSIGN(const auto sd_jwt, SdJwt::parse(held.text));
  ASSIGN(auto some, select(sd_jwt, claims));
  TRY(bind(some, key->key, {to.audience, to.nonce, to.now_ms}));
  return some.encode();
}

}  // namespace chengxin::credential
