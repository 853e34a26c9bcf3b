#include "format/genesis.h"

#include <algorithm>

#include "base/json.h"
#include "crypto/sm3.h"

namespace chengxin::format {
namespace {

constexpr std::string_view kFormat = "chengxin/genesis/v1";

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "format.genesis", "{}", why);
}

// Only the shape: whether it is a point of the curve is seen when a signature of it is checked.
Result<crypto::Sm2Point> point_of(const Json& value) {
  ASSIGN(Bytes bytes, unhex(value.get_ref<const std::string&>()));
  crypto::Sm2Point point;
  if (bytes.size() != point.size()) return malformed("a public key is not 65 bytes");
  std::memcpy(point.data(), bytes.data(), point.size());
  return point;
}

Status check_consortium(const Genesis& genesis) {
  if (genesis.validators != genesis.consortium->validators())
    return malformed("the validators are not the voters of the consortium");
  auto has = [&](const crypto::Sm2Point& key, std::string_view role) {
    return std::any_of(genesis.accounts.begin(), genesis.accounts.end(), [&](const GenesisAccount& each) {
      return each.public_key == key &&
             std::find(each.roles.begin(), each.roles.end(), role) != each.roles.end();
    });
  };
  for (const Organisation& each : genesis.consortium->organisations)
    if (!has(each.governor_key, "governor")) return malformed("no account for the governor of " + each.name);
  for (const Node& each : genesis.consortium->nodes)
    if (each.service_key != crypto::Sm2Point{} && !has(each.service_key, "writer"))
      return malformed("no account for the services of " + each.name);
  return {};
}

Result<Genesis> read(const Json& json) {
  Genesis out;
  if (json.at("format") != kFormat) return malformed("another format");
  out.name = json.at("name").get<std::string>();
  out.created_ms = json.at("created_ms").get<int64_t>();
  ASSIGN(Bytes salt, unhex(json.at("salt").get_ref<const std::string&>()));
  if (salt.size() != out.salt.size()) return malformed("the salt is not 16 bytes");
  std::memcpy(out.salt.data(), salt.data(), out.salt.size());
  for (const Json& entry : json.at("validators")) {
    ASSIGN(auto point, point_of(entry.at("public_key")));
    out.validators.members.push_back({point, entry.at("weight").get<uint64_t>()});
  }
  if (!ValidatorSet::decode(out.validators.encode()))
    return malformed("the validators are not a set in order");
  for (const Json& entry : json.at("accounts")) {
    ASSIGN(auto point, point_of(entry.at("public_key")));
    out.accounts.push_back({point, entry.at("roles").get<std::vector<std::string>>()});
  }
  if (out.created_ms < 0) return malformed("a time before 1970");
  const Json& limits = json.at("limits");
  out.limits.max_block_bytes = limits.at("max_block_bytes").get<uint64_t>();
  out.limits.max_transaction_bytes = limits.at("max_transaction_bytes").get<uint64_t>();
  out.limits.max_validity_ms = limits.at("max_validity_ms").get<uint64_t>();
  if (json.contains("protocol")) out.protocol = json.at("protocol").get<uint32_t>();
  if (out.protocol < kFirstProtocol) return malformed("there is no such version of the protocol");
  if (json.contains("consortium")) {
    ASSIGN(std::string consortium, canonical_json(json.at("consortium")));
    ASSIGN(out.consortium, Consortium::decode(consortium));
    TRY(check_consortium(out));
  }
  return out;
}

}  // namespace

namespace {

// json.not_canonical: a number beyond what RFC 8785 takes, text that is not UTF-8.
Result<std::string> write(const Genesis& genesis) {
  const auto& [name, created_ms, salt, validators, accounts, limits, protocol, consortium] = genesis;
  Json json = {{"format", kFormat}, {"name", name}, {"created_ms", created_ms}, {"salt", hex(salt)}};
  json["validators"] = Json::array();
  for (const Validator& member : validators.members)
    json["validators"].push_back({{"public_key", hex(member.public_key)}, {"weight", member.weight}});
  json["accounts"] = Json::array();
  for (const GenesisAccount& account : accounts)
    json["accounts"].push_back({{"public_key", hex(account.public_key)}, {"roles", account.roles}});
  json["limits"] = {{"max_block_bytes", limits.max_block_bytes},
                    {"max_transaction_bytes", limits.max_transaction_bytes},
                    {"max_validity_ms", limits.max_validity_ms}};
  if (protocol > kFirstProtocol) json["protocol"] = protocol;
  if (consortium) {
    ASSIGN(json["consortium"], parse_json(consortium->encode()));
  }
  return canonical_json(json);
}

}  // namespace

std::string Genesis::encode() const { return write(*this).value(); }

Result<Genesis> Genesis::decode(std::string_view document) {
  auto json = parse_json(document);
  if (!json) return malformed(json.error().to_string());
  try {
    auto genesis = read(*json);
    if (!genesis) return malformed(genesis.error().to_string());
    // Writing it again gives the same bytes: no field of another name, no other spelling.
    auto again = write(*genesis);
    if (!again || *again != document) return malformed("not the canonical spelling, or unknown fields");
    return genesis;
  } catch (const Json::exception& error) {
    return malformed(error.what());
  }
}

Digest Genesis::chain_id(std::string_view document) { return crypto::sm3(view(document)); }

Bytes ChainLimits::encode() const {
  Bytes out;
  put_be(out, max_block_bytes);
  put_be(out, max_transaction_bytes);
  put_be(out, max_validity_ms);
  return out;
}

Result<ChainLimits> ChainLimits::decode(ByteView bytes) {
  Reader in(bytes);
  const ChainLimits out{in.be<uint64_t>(), in.be<uint64_t>(), in.be<uint64_t>()};
  if (!in.done()) return fail(Code::data_loss, "format.limits", "a chain's limits have 24 bytes");
  return out;
}

bool Account::has_role(std::string_view role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

Bytes Account::encode() const {
  Bytes out = {uint8_t(active ? 1 : 2)};
  append(out, public_key);
  append(out, view(canonical_json(Json(roles)).value()));
  return out;
}

Result<Account> Account::decode(ByteView bytes) {
  Reader in(bytes);
  Account out;
  uint8_t status = in.be<uint8_t>();
  out.public_key = in.array<65>();
  auto roles = parse_json(text(in.take(in.remaining())));
  if (!in.ok() || (status != 1 && status != 2) || !roles || !roles->is_array())
    return fail(Code::data_loss, "format.account", "an account's state does not parse");
  out.active = status == 1;
  for (const Json& role : *roles) {
    if (!role.is_string()) return fail(Code::data_loss, "format.account", "a role is not text");
    out.roles.push_back(role.get<std::string>());
  }
  return out;
}

Bytes Account::state_key(const KeyId& id) {
  Bytes key = to_bytes(view("key/"));
  append(key, id);
  return key;
}

}  // namespace chengxin::format
