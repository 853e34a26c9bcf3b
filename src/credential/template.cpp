#include "credential/template.h"

#include <algorithm>

namespace chengxin::credential {
namespace {

constexpr size_t kMostEntries = 64;
constexpr int64_t kDayMs = 86'400'000;

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "template.malformed", "{}", why);
}

// Reads members of an object, each once; the first thing that is not as asked is kept.
class Fields {
 public:
  Fields(const Json& json, std::initializer_list<std::string_view> known) : json_(json) {
    if (!json.is_object())
      refuse("not an object");
    else
      for (auto& [key, value] : json.items())
        if (std::find(known.begin(), known.end(), key) == known.end()) refuse("\"" + key + "\" is not known");
  }
  std::string text(const char* key, size_t most, bool needed = false) {
    const Json* at = find(key);
    if (!at && needed) refuse(fmt::format("\"{}\" is missing", key));
    if (!at) return {};
    if (!at->is_string() || at->get_ref<const std::string&>().size() > most) {
      refuse(fmt::format("\"{}\" is text of at most {} bytes", key, most));
      return {};
    }
    return *at;
  }
  int64_t number(const char* key, int64_t fallback, int64_t least, int64_t most) {
    const Json* at = find(key);
    if (!at) return fallback;
    if (at->is_number_integer() && at->get<int64_t>() >= least && at->get<int64_t>() <= most)
      return at->get<int64_t>();
    refuse(fmt::format("\"{}\" is a number from {} to {}", key, least, most));
    return fallback;
  }
  bool flag(const char* key, bool fallback) {
    const Json* at = find(key);
    if (!at) return fallback;
    if (!at->is_boolean()) refuse(fmt::format("\"{}\" is true or false", key));
    return at->is_boolean() ? at->get<bool>() : fallback;
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> out;
    for (const Json& each : list(key)) {
      if (each.is_string() && each.get_ref<const std::string&>().size() <= kMaxDidBytesOfText)
        out.push_back(each);
      else
        refuse(fmt::format("\"{}\" is a list of texts", key));
    }
    return out;
  }
  const Json& list(const char* key) {
    static const Json none = Json::array();
    const Json* at = find(key);
    if (!at) return none;
    if (at->is_array() && at->size() <= kMostEntries) return *at;
    refuse(fmt::format("\"{}\" is a list of at most {}", key, kMostEntries));
    return none;
  }
  const Json* find(const char* key) const {
    auto at = json_.is_object() ? json_.find(key) : json_.end();
    return json_.is_object() && at != json_.end() ? &*at : nullptr;
  }
  void refuse(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }
  Status status() const { return problem_.empty() ? Status() : Status(malformed(problem_)); }

 private:
  static constexpr size_t kMaxDidBytesOfText = 512;
  const Json& json_;
  std::string problem_;
};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Format format_of(Fields& fields) {
  const std::string text = fields.text("format", 32);
  if (text == name(Format::vc_jwt)) return Format::vc_jwt;
  if (!text.empty() && text != name(Format::sd_jwt)) fields.refuse("\"format\" is dc+sd-jwt or vc+jwt");
  return Format::sd_jwt;
}

Frame frame_of(Fields& fields) {
  Frame out;
  for (const Json& each : fields.list("selective")) {
    auto path = parse_claim_path(each);
    if (path)
      out.selective.push_back(std::move(*path));
    else
      fields.refuse("\"selective\" is a list of paths of claims");
  }
  out.decoys = size_t(fields.number("decoys", 0, 0, 32));
  const std::string hash = fields.text("hash", 16);
  if (hash == "sm3") out.hash = SdHash::sm3;
  if (!hash.empty() && hash != "sm3" && hash != "sha-256") fields.refuse("\"hash\" is sha-256 or sm3");
  return out;
}

std::vector<Algorithm> proofs_of(Fields& fields) {
  std::vector<Algorithm> out;
  for (const auto& text : fields.texts("proofs")) {
    const auto algorithm = algorithm_of(text);
    if (!algorithm || std::find(out.begin(), out.end(), *algorithm) != out.end())
      fields.refuse("\"proofs\" is SM2SM3, ES256, or both");
    else
      out.push_back(*algorithm);
  }
  return out.empty() ? std::vector{Algorithm::sm2sm3} : out;
}

Result<CredentialQuery> query_of(const Json& json) {
  Fields fields(json, {"id", "format", "types", "claims", "issuers"});
  CredentialQuery out;
  out.id = fields.text("id", 64, true);
  if (!is_name(out.id)) fields.refuse("an id is of a-z 0-9 - _");
  out.format = format_of(fields);
  out.types = fields.texts("types");
  out.issuers = fields.texts("issuers");
  if (out.types.empty()) fields.refuse("\"types\" names at least one");
  for (const Json& each : fields.list("claims")) {
    Fields claim(each, {"path", "values"});
    const Json* at = claim.find("path");
    auto path = parse_claim_path(at ? *at : Json());
    if (!path) claim.refuse("a claim has a path");
    const Json& values = claim.list("values");
    TRY(claim.status());
    out.claims.push_back({std::move(*path), {values.begin(), values.end()}});
  }
  TRY(fields.status());
  return out;
}

void collect(const Json& value, std::span<const Json> path, std::vector<const Json*>& out) {
  if (path.empty()) return out.push_back(&value);
  if (path[0].is_string() && value.is_object()) {
    if (auto at = value.find(path[0].get_ref<const std::string&>()); at != value.end())
      collect(*at, path.subspan(1), out);
  } else if (path[0].is_number() && value.is_array()) {
    if (path[0].get<size_t>() < value.size()) collect(value[path[0].get<size_t>()], path.subspan(1), out);
  } else if (path[0].is_null() && value.is_array()) {
    for (const Json& each : value) collect(each, path.subspan(1), out);
  }
}

}  // namespace

std::string_view name(Format format) { return format == Format::sd_jwt ? "dc+sd-jwt" : "vc+jwt"; }

Result<CredentialTemplate> CredentialTemplate::parse(const Json& json) {
  Fields fields(json, {"id", "version", "title", "type", "format", "schema", "selective", "decoys", "hash",
                       "validity_days", "proofs", "status", "holder_binding", "delegates"});
  CredentialTemplate out;
  out.id = fields.text("id", 64, true);
  if (!is_name(out.id)) fields.refuse("an id is of a-z 0-9 - _");
  out.version = fields.number("version", 1, 1, 1'000'000);
  out.title = fields.text("title", 200, true);
  out.type = fields.text("type", 256, true);
  if (out.type.empty()) fields.refuse("\"type\" is empty");
  out.format = format_of(fields);
  out.frame = frame_of(fields);
  if (out.format == Format::vc_jwt && !out.frame.selective.empty())
    fields.refuse("a vc+jwt has no selective claims");
  out.validity_ms = fields.number("validity_days", 365, 1, 36'500) * kDayMs;
  out.proofs = proofs_of(fields);
  out.with_status = fields.flag("status", true);
  out.holder_bound = fields.flag("holder_binding", true);
  out.delegates = fields.texts("delegates");
  if (const Json* schema = fields.find("schema")) {
    out.schema_json = *schema;
    ASSIGN(out.schema, rules::Schema::compile(*schema));
  }
  TRY(fields.status());
  out.json = json;
  out.json["version"] = out.version;
  return out;
}

Result<PresentationTemplate> PresentationTemplate::parse(const Json& json) {
  Fields fields(json, {"id", "version", "title", "purpose", "credentials", "rule", "max_age_seconds",
                       "status_required"});
  PresentationTemplate out;
  out.id = fields.text("id", 64, true);
  if (!is_name(out.id)) fields.refuse("an id is of a-z 0-9 - _");
  out.version = fields.number("version", 1, 1, 1'000'000);
  out.title = fields.text("title", 200, true);
  out.purpose = fields.text("purpose", 500);
  out.max_age_ms = fields.number("max_age_seconds", 300, 1, 86'400) * 1'000;
  out.status_required = fields.flag("status_required", false);
  const Json& queries = fields.list("credentials");
  if (queries.empty() || queries.size() > 16) fields.refuse("one to sixteen credentials");
  for (const Json& each : queries) {
    ASSIGN(auto query, query_of(each));
    for (const auto& other : out.queries)
      if (other.id == query.id) fields.refuse("the same id twice");
    out.queries.push_back(std::move(query));
  }
  if (const std::string rule = fields.text("rule", 16 << 10); !rule.empty()) {
    ASSIGN(out.rule, rules::Rule::compile(rule));
  }
  TRY(fields.status());
  out.json = json;
  out.json["version"] = out.version;
  return out;
}

Json PresentationTemplate::dcql() const {
  Json credentials = Json::array();
  for (const auto& query : queries) {
    Json meta = query.format == Format::sd_jwt ? Json{{"vct_values", query.types}}
                                               : Json{{"type_values", Json::array({query.types})}};
    Json claims = Json::array();
    for (const auto& claim : query.claims) {
      Json one = {{"path", claim.path}};
      if (!claim.values.empty()) one["values"] = claim.values;
      claims.push_back(std::move(one));
    }
    Json one = {{"id", query.id}, {"format", name(query.format)}, {"meta", std::move(meta)}};
    if (!claims.empty()) one["claims"] = std::move(claims);
    credentials.push_back(std::move(one));
  }
  return {{"credentials", std::move(credentials)}};
}

std::vector<const Json*> values_at(const Json& claims, const ClaimPath& path) {
  std::vector<const Json*> out;
  collect(claims, path, out);
  return out;
}

}  // namespace chengxin::credential
