#include "api/resource_crypto.h"

#include "api/app.h"
#include "api/describe.h"
#include "crypto/sm2.h"

namespace chengxin::api {
namespace {

constexpr size_t kMostItems = 10'000;

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::invalid_argument, "crypto.signature_item", "{}", what);
}

// Text of bytes: hexadecimal when it can be that, else base64.
Result<Bytes> bytes_of(const std::string& text) {
  if (auto bytes = unhex(text)) return bytes;
  return unbase64(text);
}

std::optional<sm2::Signature> signature_of(ByteView bytes) {
  if (auto out = crypto::sm2_signature_from_der(bytes)) return out;
  sm2::Signature out{};
  if (bytes.size() != out.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Status take_key(const std::string& text, sm2::Point& out) {
  if (text.starts_with("-----BEGIN")) {
    ASSIGN(auto key, crypto::Sm2PublicKey::from_pem(text));
    out = key.point();
    return {};
  }
  auto bytes = bytes_of(text);
  if (!bytes || bytes->size() != out.size()) return wrong("\"key\" is neither 65 bytes nor PEM");
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return {};
}

const std::string* text_member(const Json& json, const char* name) {
  auto at = json.find(name);
  return at != json.end() && at->is_string() ? &at->get_ref<const std::string&>() : nullptr;
}

// One for all callers of this resource, with a memory of its own: their keys are not registered signers',
// whose places in the tables of the ledger's verifier they would take.
const sm2::Verifier& callers_verifier() {
  static const sm2::Verifier verifier({.table_bytes = 64 << 20});
  return verifier;
}

Result<Response> verify_items(const Json& list) {
  std::vector<SignatureItem> items;
  for (const Json& json : list) {
    auto item = signature_item(json);
    if (!item)
      return fail(Code::invalid_argument, item.error().reason, "/items/{}: {}", items.size(),
                  item.error().detail);
    items.push_back(std::move(*item));
  }
  const auto verdicts = verdicts_on(callers_verifier(), items);
  Json answer = Json::array();
  size_t valid = 0;
  for (uint8_t verdict : verdicts) {
    answer.push_back(verdict == 1);
    valid += verdict;
  }
  return json_response(
      {{"valid", valid}, {"invalid", items.size() - valid}, {"verdicts", std::move(answer)}});
}

Task<Result<Response>> verify(Call& call) {
  co_return co_await call.app.verifying.run([&] { return verify_items(call.json["items"]); });
}

}  // namespace

Result<SignatureItem> signature_item(const Json& json, std::string_view further) {
  if (!json.is_object()) return wrong("not a JSON object");
  SignatureItem out;
  const std::string *key = text_member(json, "key"), *signature = text_member(json, "signature");
  if (!key || !signature) return wrong("\"key\" and \"signature\" must be text");
  TRY(take_key(*key, out.key));
  auto bytes = bytes_of(*signature);
  auto pair = bytes ? signature_of(*bytes) : std::nullopt;
  if (!pair) return wrong("\"signature\" is neither 64 bytes nor the DER of two numbers");
  out.signature = *pair;
  if (json.contains("id")) {
    const std::string* id = text_member(json, "id");
    if (!id) return wrong("\"id\" must be text");
    out.id = *id;
  }
  size_t given = 0;
  for (std::string_view name :
       {std::string_view("message"), std::string_view("message_hex"), std::string_view("digest"), further})
    given += !name.empty() && json.contains(name);
  if (given != 1) return wrong("exactly one of message, message_hex and digest must be given");
  if (const std::string* text = text_member(json, "message")) {
    auto message = unbase64(*text);
    if (!message) return wrong("\"message\" is not base64");
    out.message = std::move(*message);
  } else if (const std::string* hexadecimal = text_member(json, "message_hex")) {
    auto message = unhex(*hexadecimal);
    if (!message) return wrong("\"message_hex\" is not hexadecimal");
    out.message = std::move(*message);
  } else if (const std::string* e = text_member(json, "digest")) {
    auto digest = unhex_digest(*e);
    if (!digest) return wrong("\"digest\" is not 32 bytes in hexadecimal");
    out.digest = *digest;
  } else if (further.empty() || !text_member(json, std::string(further).c_str())) {
    return wrong("what was signed must be text");
  }
  return out;
}

std::vector<uint8_t> verdicts_on(const sm2::Verifier& verifier, std::span<const SignatureItem> items) {
  std::vector<sm2::Check> messages;
  std::vector<sm2::DigestCheck> digests;
  for (const SignatureItem& item : items) {
    if (item.digest)
      digests.push_back({&item.key, &item.signature, *item.digest});
    else
      messages.push_back({&item.key, &item.signature, item.message, item.id});
  }
  std::vector<uint8_t> of_messages(messages.size()), of_digests(digests.size()), out;
  verifier.verify(messages, of_messages);
  verifier.verify(digests, of_digests);
  size_t message = 0, digest = 0;
  for (const SignatureItem& item : items)
    out.push_back(item.digest ? of_digests[digest++] : of_messages[message++]);
  return out;
}

Resource crypto_resource() {
  Resource resource;
  resource.schemas["SignatureItem"] = object_schema({{"key", text_schema()},
                                                     {"signature", text_schema()},
                                                     {"message", {{"type", "string"}, {"format", "base64"}}},
                                                     {"message_hex", {{"type", "string"}, {"format", "hex"}}},
                                                     {"digest", sm3_schema()},
                                                     {"id", text_schema()}},
                                                    {"key", "signature"});
  Json items = list_schema(reference("SignatureItem"));
  items["maxItems"] = kMostItems;
  resource.schemas["SignatureList"] = object_schema({{"items", items}}, {"items"});
  resource.schemas["SignatureVerdicts"] = object_schema({{"valid", integer_schema()},
                                                         {"invalid", integer_schema()},
                                                         {"verdicts", list_schema({{"type", "boolean"}})}},
                                                        {"valid", "invalid", "verdicts"});
  resource.routes = {
      {.method = Method::post,
       .path = "/api/v1/crypto/verify",
       .id = "verifySignatures",
       .summary = {"批量验证 SM2 签名（每次至多一万个）",
                   "Check SM2 signatures, up to ten thousand at a time"},
       .tag = "crypto",
       .body = {{"application/json", reference("SignatureList")}},
       .answers = {{200,
                    "application/json",
                    reference("SignatureVerdicts"),
                    {"按请求中的顺序给出各签名是否成立", "Whether each holds, in the order of the request"}}},
       .reasons = {"crypto.signature_item", "crypto.key_format", "crypto.public_key"},
       .handler = verify,
       .max_body_bytes = 16 << 20,
       .reads = true},
  };
  return resource;
}

}  // namespace chengxin::api
