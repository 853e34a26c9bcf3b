#include "record/commitment.h"

#include <algorithm>

#include "crypto/random.h"

namespace chengxin::record {
namespace {

constexpr std::string_view kField = "f.";

std::string place_of(const Facts& of) { return fmt::format("{}/{}/{}/salts", of.entity, of.id, of.version); }

Digest hash_of(const Facts& facts, const std::string& name, const format::Salt& salt) {
  return format::record_field_hash(name, {salt, committed_value(facts, name)});
}

Json value_of(const Facts& facts, std::string_view name) {
  if (name.starts_with(kField)) return facts.fields.value(std::string(name.substr(kField.size())), Json());
  if (name == "entity") return facts.entity;
  if (name == "id") return facts.id;
  if (name == "number") return facts.number;
  if (name == "state") return facts.state;
  if (name == "action") return facts.action;
  return facts.version;
}

}  // namespace

std::string committed_name(const std::string& field) { return std::string(kField) + field; }

std::string field_named(std::string_view committed) {
  return std::string(committed.starts_with(kField) ? committed.substr(kField.size()) : committed);
}

std::string committed_value(const Facts& facts, std::string_view name) {
  const Json value = value_of(facts, name);
  auto canonical = canonical_json(value);
  return canonical ? std::move(*canonical) : canonical_json(Json(value.dump())).value();
}

bool is_sensitive(const pack::Entity& entity, const pack::Field& field) {
  return !pack::sensitivity_of(entity, field).empty() ||
         std::any_of(field.columns.begin(), field.columns.end(), [&](const pack::Field& column) {
           return !pack::sensitivity_of(entity, column).empty();
         });
}

Json kept_content(const pack::Entity& entity, const Vault& vault, const Stored& record) {
  Json fields = Json::object(), sealed = Json::object();
  for (const pack::Field& field : entity.fields) {
    const Json value = record.fields.value(field.name, Json());
    if (value.is_null()) continue;
    const std::string place = fmt::format("{}/{}/{}", entity.name, field.name, record.id);
    if (is_sensitive(entity, field))
      sealed[field.name] = hex(vault.seal(place, value));
    else
      fields[field.name] = value;
  }
  return {{"number", record.number},
          {"state", record.state},
          {"fields", std::move(fields)},
          {"sealed", std::move(sealed)}};
}

Status open_content(const Vault& vault, std::string_view content, Facts& facts, std::string& fault) {
  const auto damaged = [&](const std::string& field) {
    fault = field;
    return fail(Code::data_loss, "record.damaged", "{}/{}/{} {}", facts.entity, field, facts.id,
                facts.version);
  };
  const auto held = parse_json(content);
  if (!held || !held->is_object()) return damaged("");
  const auto text_of = [&](const char* name) {
    const auto found = held->find(name);
    return found != held->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  facts.number = text_of("number");
  facts.state = text_of("state");
  const auto fields = held->find("fields");
  if (fields == held->end() || !fields->is_object()) return damaged("");
  for (const auto& [name, value] : fields->items()) facts.fields[name] = value;
  const auto all = held->find("sealed");
  if (all == held->end()) return {};
  if (!all->is_object()) return damaged("");
  for (const auto& [name, text] : all->items()) {
    const auto sealed = text.is_string() ? unhex(text.get_ref<const std::string&>())
                                         : Result<Bytes>(fail(Code::data_loss, "record.damaged"));
    if (!sealed) return damaged(name);
    auto opened = vault.open(fmt::format("{}/{}/{}", facts.entity, name, facts.id), *sealed);
    if (!opened) return damaged(name);
    facts.fields[name] = std::move(*opened);
  }
  return {};
}

Commitment Commitment::make(const Facts& facts, std::span<const pack::Field* const> fields) {
  Commitment out;
  for (const std::string_view name : kBuiltInFacts) out.leaves_[std::string(name)];
  for (const pack::Field* field : fields) out.leaves_[committed_name(field->name)];
  Bytes salts(out.leaves_.size() * sizeof(format::Salt));
  crypto::random_fill(salts);
  Reader in(salts);
  for (auto& [name, leaf] : out.leaves_) {
    leaf.salt = in.array<16>();
    leaf.hash = hash_of(facts, name, leaf.salt);
  }
  return out;
}

// u16 length || name || salt || hash, for each.
Bytes Commitment::seal(const Vault& vault, const Facts& of) const {
  Bytes out;
  for (const auto& [name, leaf] : leaves_) {
    put_be(out, uint16_t(name.size()));
    append(out, view(name));
    append(out, leaf.salt);
    append(out, leaf.hash);
  }
  return vault.seal(place_of(of), base64(out));
}

Result<Commitment> Commitment::open(const Vault& vault, const Facts& of, ByteView sealed) {
  ASSIGN(const Json held, vault.open(place_of(of), sealed));
  ASSIGN(const Bytes bytes, unbase64(held.get_ref<const std::string&>()));
  Commitment out;
  Reader in(bytes);
  while (in.ok() && in.remaining() > 0) {
    Leaf& leaf = out.leaves_[to_string(in.take(in.be<uint16_t>()))];
    leaf.salt = in.array<16>();
    leaf.hash = in.digest();
  }
  if (!in.done()) return fail(Code::data_loss, "record.damaged", "{}", place_of(of));
  return out;
}

Digest Commitment::root() const {
  std::vector<Digest> hashes;
  for (const auto& [name, leaf] : leaves_) hashes.push_back(leaf.hash);
  return merkle::Log::root_of(hashes);
}

std::vector<std::string> Commitment::changed(const Facts& facts) const {
  std::vector<std::string> out;
  for (const auto& [name, leaf] : leaves_)
    if (hash_of(facts, name, leaf.salt) != leaf.hash) out.push_back(name);
  return out;
}

std::vector<format::RecordEntry> Commitment::disclose(const Facts& facts,
                                                      const std::set<std::string>& names) const {
  std::vector<format::RecordEntry> out;
  for (const auto& [name, leaf] : leaves_) {
    format::RecordEntry& entry = out.emplace_back();
    entry.hash = leaf.hash;
    if (names.contains(name))
      entry.disclosed = {name, format::RecordField{leaf.salt, committed_value(facts, name)}};
  }
  return out;
}

}  // namespace chengxin::record
