#include "api/resource_crypto_service.h"

#include "api/app.h"
#include "api/crypto_service.h"
#include "api/describe.h"
#include "crypto/certificate.h"
#include "crypto/cms.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::api {
namespace {

using Keys = keys::Service;
constexpr size_t kMostItems = 10'000, kMostRandom = 64 << 10;

template <typename Work>
auto work(Call& call, Work what) {
  return blocking(call.app, [&call, what] {
    CryptoService& service = *call.app.services.crypto;
    auto out = what(service.keys);
    service.keep_uses();
    return out;
  });
}

tl::unexpected<Error> wrong(size_t place, std::string_view what) {
  return fail(Code::invalid_argument, "crypto.item", "/items/{}: {}", place, what);
}

Result<Bytes> bytes_of(const Json& item, const char* name, size_t place) {
  auto bytes = unbase64(item.value(name, ""));
  if (!bytes) return wrong(place, fmt::format("\"{}\" is not base64", name));
  return bytes;
}

Result<std::vector<keys::SignItem>> sign_items(const Json& list) {
  std::vector<keys::SignItem> out;
  for (const Json& json : list) {
    keys::SignItem item;
    if (json.contains("message") == json.contains("digest"))
      return wrong(out.size(), "exactly one of message and digest must be given");
    if (json.contains("message")) {
      ASSIGN(item.message, bytes_of(json, "message", out.size()));
    } else {
      ASSIGN(item.e, unhex_digest(json["digest"].get<std::string>()));
    }
    if (json.contains("id")) item.id = json["id"];
    out.push_back(std::move(item));
  }
  return out;
}

Result<std::vector<keys::PlainItem>> plain_items(const Json& list, const char* name) {
  std::vector<keys::PlainItem> out;
  for (const Json& json : list) {
    keys::PlainItem item;
    ASSIGN(item.bytes, bytes_of(json, name, out.size()));
    if (json.contains("context")) {
      ASSIGN(item.context, bytes_of(json, "context", out.size()));
    }
    out.push_back(std::move(item));
  }
  return out;
}

Json texts_of(const std::vector<Bytes>& items) {
  Json out = Json::array();
  for (const Bytes& each : items) out.push_back(base64(each));
  return out;
}

std::string name_of(const Call& call) { return call.path.text("id"); }

Task<Result<Response>> sign(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(const auto items, sign_items(call.json["items"]));
    ASSIGN(const auto made, service.sign(caller_of(call), name_of(call), items));
    Json signatures = Json::array();
    for (const auto& each : made.signatures) signatures.push_back(hex(each));
    return json_response({{"version", made.version}, {"signatures", std::move(signatures)}});
  });
}

Task<Result<Response>> verify(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(const auto items, sign_items(call.json["items"]));
    std::vector<crypto::Sm2Signature> signatures(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      auto bytes = unhex(call.json["items"][i].value("signature", ""));
      if (!bytes || bytes->size() != 64) return wrong(i, "\"signature\" is not 64 bytes in hexadecimal");
      std::copy(bytes->begin(), bytes->end(), signatures[i].begin());
    }
    ASSIGN(const auto verdicts, service.verify(caller_of(call), name_of(call), items, signatures));
    Json out = Json::array();
    for (uint8_t each : verdicts) out.push_back(each == 1);
    return json_response({{"verdicts", std::move(out)}});
  });
}

Task<Result<Response>> encrypt(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(const auto items, plain_items(call.json["items"], "plain"));
    ASSIGN(const auto made, service.encrypt(caller_of(call), name_of(call), items));
    return json_response({{"version", made.version}, {"ciphers", texts_of(made.items)}});
  });
}

// CMS messages of others (GM/T 0010), to the certificate of a key of ours.
Result<std::vector<crypto::Secret>> open_cms(Keys& service, const keys::Caller& caller,
                                             const std::string& name, const std::string& pem,
                                             std::span<const keys::PlainItem> items) {
  const auto open = [&]() -> Result<std::vector<crypto::Secret>> {
    TRY(service.admit(caller, name, "decrypt", items.size()));
    ASSIGN(const auto certificate, crypto::Certificate::from_pem(pem));
    ASSIGN(const keys::NamedKey key, service.ring().find(name));
    for (const keys::Version& version : key.versions) {
      if (!certificate.public_key || certificate.public_key->point() != version.public_key) continue;
      if (version.state == keys::State::revoked) return fail(Code::gone, "keys.revoked", "{}", version.why);
      ASSIGN(const auto own, keys::private_key(service.ring().shared_provider(), version.id));
      std::vector<crypto::Secret> out;
      for (const keys::PlainItem& item : items) {
        ASSIGN(crypto::Secret plain, crypto::cms_decrypt(item.bytes, certificate, own));
        out.push_back(std::move(plain));
      }
      return out;
    }
    return fail(Code::invalid_argument, "crypto.cms_recipient",
                "the certificate is of none of the key's versions");
  };
  return service.counted(caller, name, "decrypt", items.size(), open());
}

Task<Result<Response>> decrypt(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(const auto items, plain_items(call.json["items"], "cipher"));
    const std::string pem = call.json.value("certificate", "");
    ASSIGN(const auto plain, pem.empty() ? service.decrypt(caller_of(call), name_of(call), items)
                                         : open_cms(service, caller_of(call), name_of(call), pem, items));
    Json out = Json::array();
    for (const auto& each : plain) out.push_back(base64(each));
    return json_response({{"plain", std::move(out)}});
  });
}

Task<Result<Response>> hmac(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(const auto items, plain_items(call.json["items"], "message"));
    std::vector<Bytes> messages;
    for (const auto& each : items) messages.push_back(each.bytes);
    ASSIGN(const auto made,
           service.hmac(caller_of(call), name_of(call), messages, call.json.value("version", uint64_t(0))));
    Json macs = Json::array();
    for (const Bytes& each : made.items) macs.push_back(hex(each));
    return json_response({{"version", made.version}, {"macs", std::move(macs)}});
  });
}

Task<Result<Response>> hash(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    const size_t count = call.json["items"].size();
    const auto made = [&]() -> Result<Json> {
      TRY(service.admit(caller_of(call), "", "hash", count));
      ASSIGN(const auto items, plain_items(call.json["items"], "message"));
      Json out = Json::array();
      for (const auto& each : items) out.push_back(hex(crypto::sm3(each.bytes)));
      return out;
    };
    ASSIGN(Json digests, service.counted(caller_of(call), "", "hash", count, made()));
    return json_response({{"digests", std::move(digests)}});
  });
}

Task<Result<Response>> random(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    const auto made = [&]() -> Result<Bytes> {
      TRY(service.admit(caller_of(call), "", "random", 1));
      return service.ring().provider().random(call.json["bytes"].get<size_t>());
    };
    ASSIGN(const Bytes bytes, service.counted(caller_of(call), "", "random", 1, made()));
    return json_response({{"random", base64(bytes)}});
  });
}

Task<Result<Response>> envelopes(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    const size_t count = call.json["items"].size();
    const auto made = [&]() -> Result<std::vector<Bytes>> {
      TRY(service.admit(caller_of(call), "", "encrypt", count));
      ASSIGN(const auto items, plain_items(call.json["items"], "plain"));
      std::vector<crypto::Certificate> recipients;
      for (const Json& pem : call.json["certificates"]) {
        ASSIGN(auto certificate, crypto::Certificate::from_pem(pem.get<std::string>()));
        recipients.push_back(std::move(certificate));
      }
      std::vector<Bytes> out;
      for (const auto& each : items) {
        ASSIGN(Bytes cms, crypto::cms_encrypt(each.bytes, recipients));
        out.push_back(std::move(cms));
      }
      return out;
    };
    ASSIGN(const auto messages, service.counted(caller_of(call), "", "encrypt", count, made()));
    return json_response({{"ciphers", texts_of(messages)}});
  });
}

Json describe(const keys::TwoPartyKey& key) {
  Json out = {{"id", key.id},
              {"owner", key.owner},
              {"label", key.label},
              {"public_key", hex(key.public_key)},
              {"created_ms", key.created_ms}};
  if (key.revoked_ms) out["revoked_ms"] = key.revoked_ms;
  return out;
}

Result<keys::TwoPartyServer*> two_party(const Call& call) {
  if (auto* server = call.app.services.crypto->two_party) return server;
  return fail(Code::unsupported, "keys.unsupported", "the provider of this installation does not decrypt");
}

Task<Result<Response>> enroll(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(auto* server, two_party(call));
    TRY(service.admit(caller_of(call), "", "sign", 1));
    ASSIGN(const Bytes partial, unhex(call.json["partial"].get<std::string>()));
    ASSIGN(const auto made, server->enroll(call.principal.id, call.json.value("label", ""), partial));
    Json out = describe(made.key);
    out["partial"] = hex(made.partial);
    return json_response(out, 201);
  });
}

Task<Result<Response>> answer(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(auto* server, two_party(call));
    const std::string id = call.path.text("id");
    const auto made = [&]() -> Result<Bytes> {
      TRY(service.admit(caller_of(call), "", "sign", 1));
      ASSIGN(const Bytes point, unhex(call.json["point"].get<std::string>()));
      ASSIGN(const Digest e, unhex_digest(call.json["digest"].get<std::string>()));
      return server->answer(call.principal.id, id, point, e);
    };
    ASSIGN(const Bytes bytes, service.counted(caller_of(call), "two-party:" + id, "sign", 1, made()));
    return json_response({{"answer", hex(bytes)}});
  });
}

Task<Result<Response>> list_two_party(Call& call) {
  co_return co_await work(call, [&](Keys&) -> Result<Response> {
    ASSIGN(auto* server, two_party(call));
    ASSIGN(const auto all, server->list(call.principal.owner ? "" : call.principal.id));
    Json items = Json::array();
    for (const auto& each : all) items.push_back(describe(each));
    return json_response({{"items", std::move(items)}});
  });
}

Task<Result<Response>> revoke_two_party(Call& call) {
  co_return co_await work(call, [&](Keys&) -> Result<Response> {
    ASSIGN(auto* server, two_party(call));
    ASSIGN(const auto key,
           server->revoke(call.principal.owner ? "" : call.principal.id, call.path.text("id")));
    return json_response(describe(key));
  });
}

Json base64_schema() { return {{"type", "string"}, {"format", "base64"}}; }

Json items_of(Json item) {
  Json list = list_schema(std::move(item));
  list["minItems"] = 1;
  list["maxItems"] = kMostItems;
  return list;
}

void add_schemas(Resource& resource) {
  auto& all = resource.schemas;
  const Json id = {{"type", "string"}, {"maxLength", 8191}};
  const Json context = base64_schema(), pem = {{"type", "string"}, {"maxLength", 65536}};
  all["CryptoSign"] = object_schema(
      {{"items",
        items_of(object_schema({{"message", base64_schema()}, {"digest", sm3_schema()}, {"id", id}}))}},
      {"items"});
  all["CryptoVerify"] = object_schema(
      {{"items",
        items_of(object_schema(
            {{"message", base64_schema()}, {"digest", sm3_schema()}, {"id", id}, {"signature", hex_schema()}},
            {"signature"}))}},
      {"items"});
  all["CryptoSignatures"] = object_schema(
      {{"version", integer_schema()}, {"signatures", list_schema(hex_schema())}}, {"version", "signatures"});
  all["CryptoVerdicts"] = object_schema({{"verdicts", list_schema({{"type", "boolean"}})}}, {"verdicts"});
  all["CryptoEncrypt"] = object_schema(
      {{"items", items_of(object_schema({{"plain", base64_schema()}, {"context", context}}, {"plain"}))}},
      {"items"});
  all["CryptoCiphers"] =
      object_schema({{"version", integer_schema()}, {"ciphers", list_schema(base64_schema())}}, {"ciphers"});
  all["CryptoDecrypt"] = object_schema(
      {{"items", items_of(object_schema({{"cipher", base64_schema()}, {"context", context}}, {"cipher"}))},
       {"certificate", pem}},
      {"items"});
  all["CryptoPlain"] = object_schema({{"plain", list_schema(base64_schema())}}, {"plain"});
  all["CryptoMessages"] = object_schema(
      {{"items", items_of(object_schema({{"message", base64_schema()}}, {"message"}))}}, {"items"});
  all["CryptoMacRequest"] = all["CryptoMessages"];
  all["CryptoMacRequest"]["properties"]["version"] = {{"type", "integer"}, {"minimum", 1}};
  all["CryptoMacs"] =
      object_schema({{"version", integer_schema()}, {"macs", list_schema(hex_schema())}}, {"macs"});
  all["CryptoDigests"] = object_schema({{"digests", list_schema(sm3_schema())}}, {"digests"});
  all["CryptoRandomRequest"] =
      object_schema({{"bytes", {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostRandom}}}}, {"bytes"});
  all["CryptoRandom"] = object_schema({{"random", base64_schema()}}, {"random"});
  Json certificates = list_schema(pem);
  certificates["minItems"] = 1;
  certificates["maxItems"] = 16;
  all["CryptoEnvelopes"] = all["CryptoEncrypt"];
  all["CryptoEnvelopes"]["properties"]["certificates"] = certificates;
  all["CryptoEnvelopes"]["required"] = {"items", "certificates"};
  const Json point = {{"type", "string"}, {"format", "hex"}, {"minLength", 130}, {"maxLength", 130}};
  all["TwoPartyEnrollment"] =
      object_schema({{"partial", point}, {"label", {{"type", "string"}, {"maxLength", 100}}}}, {"partial"});
  all["TwoPartyKey"] = object_schema({{"id", text_schema()},
                                      {"owner", text_schema()},
                                      {"label", text_schema()},
                                      {"public_key", hex_schema()},
                                      {"partial", hex_schema()},
                                      {"created_ms", integer_schema()},
                                      {"revoked_ms", integer_schema()}});
  all["TwoPartyKeyList"] = object_schema({{"items", list_schema(reference("TwoPartyKey"))}}, {"items"});
  all["TwoPartyRequest"] = object_schema({{"point", point}, {"digest", sm3_schema()}}, {"point", "digest"});
  all["TwoPartyAnswer"] = object_schema({{"answer", hex_schema()}}, {"answer"});
}

}  // namespace

Resource crypto_service_resource() {
  Resource resource;
  add_schemas(resource);
  const std::vector<std::string> of_use = {"crypto.service_disabled", "crypto.operation_disabled",
                                           "crypto.not_allowed", "crypto.limit", "crypto.item"};
  const auto row = [&](Method method, std::string path, std::string id, Words summary, Handler handler,
                       const char* body, int status, const char* result, std::vector<std::string> reasons) {
    if (body) reasons.insert(reasons.end(), of_use.begin(), of_use.end());
    resource.routes.push_back(
        {.method = method,
         .path = "/api/v1/crypto" + path,
         .id = std::move(id),
         .summary = std::move(summary),
         .tag = "crypto",
         .body = body ? std::vector<Media>{{"application/json", reference(body)}} : std::vector<Media>{},
         .answers = {{status, "application/json", reference(result), {}}},
         .reasons = std::move(reasons),
         .handler = std::move(handler),
         .max_body_bytes = 16 << 20});
  };
  const auto on_key = [&](const char* verb, const char* id, Words summary, Handler handler, const char* body,
                          const char* result, std::vector<std::string> reasons) {
    for (const char* each :
         {"keys.not_found", "keys.revoked", "keys.destroyed", "keys.locked", "crypto.key_kind"})
      reasons.emplace_back(each);
    row(Method::post, std::string("/keys/{id}/") + verb, id, std::move(summary), std::move(handler), body,
        200, result, std::move(reasons));
  };
  on_key("sign", "signWithKey", {"批量签名", "Sign"}, sign, "CryptoSign", "CryptoSignatures",
         {"crypto.id_length"});
  on_key("verify", "verifyWithKey", {"批量验签", "Verify"}, verify, "CryptoVerify", "CryptoVerdicts",
         {"crypto.id_length"});
  on_key("encrypt", "encryptWithKey",
         {"批量加密（SM2+SM4 数字信封，或 SM4）", "Encrypt: SM2 with SM4, or SM4"}, encrypt, "CryptoEncrypt",
         "CryptoCiphers", {});
  on_key("decrypt", "decryptWithKey",
         {"批量解密；给出证书时解 CMS 数字信封", "Decrypt; with a certificate, CMS envelopes to it"}, decrypt,
         "CryptoDecrypt", "CryptoPlain",
         {"crypto.decrypt", "crypto.cms_recipient", "crypto.cms_malformed", "keys.erased"});
  on_key("hmac", "hmacWithKey", {"批量计算 HMAC-SM3", "HMAC-SM3"}, hmac, "CryptoMacRequest", "CryptoMacs",
         {"keys.erased"});
  row(Method::post, "/hash", "hashMessages", {"批量计算 SM3", "SM3 of messages"}, hash, "CryptoMessages", 200,
      "CryptoDigests", {});
  row(Method::post, "/random", "randomBytes", {"随机数", "Random bytes"}, random, "CryptoRandomRequest", 200,
      "CryptoRandom", {});
  row(Method::post, "/envelopes", "sealEnvelopes",
      {"为证书持有者制作 CMS 数字信封（GM/T 0010）", "CMS envelopes to holders of certificates"}, envelopes,
      "CryptoEnvelopes", 200, "CryptoCiphers", {"crypto.certificate_malformed", "crypto.cms_recipient"});
  row(Method::post, "/two-party", "enrollTwoPartyKey", {"登记协同签名密钥", "Enroll a key of two parties"},
      enroll, "TwoPartyEnrollment", 201, "TwoPartyKey",
      {"crypto.public_key", "crypto.two_party", "keys.unsupported"});
  row(Method::post, "/two-party/{id}/sign", "signTwoParty",
      {"协同签名：服务端一步", "The server's step of a two-party signature"}, answer, "TwoPartyRequest", 200,
      "TwoPartyAnswer", {"crypto.public_key", "keys.not_found", "keys.revoked"});
  row(Method::get, "/two-party", "listTwoPartyKeys", {"列出协同签名密钥", "List keys of two parties"},
      list_two_party, nullptr, 200, "TwoPartyKeyList", {"keys.unsupported"});
  row(Method::del, "/two-party/{id}", "revokeTwoPartyKey",
      {"吊销协同签名密钥", "Revoke a key of two parties"}, revoke_two_party, nullptr, 200, "TwoPartyKey",
      {"keys.not_found"});
  return resource;
}

}  // namespace chengxin::api
