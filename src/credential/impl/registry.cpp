#include "credential/impl/registry.h"

namespace chengxin::credential {
namespace {

constexpr size_t kMostTemplates = 10'000;

Status check_kind(const std::string& kind) {
  if (kind == "credential" || kind == "presentation") return {};
  return fail(Code::invalid_argument, "template.malformed", "a template is of credential or presentation");
}

// Whoever could add a version could name himself in it.
Status check_author(sql::Session& session, const Caller& caller, const std::string& kind,
                    const std::string& id) {
  ASSIGN(const auto first, session.row("select author from credential_template where kind = ? and id = ?"
                                       " order by version limit 1",
                                       kind, id));
  if (!first || caller.owner || (!caller.id.empty() && first->text(0) == caller.id)) return {};
  return fail(Code::forbidden, "template.author", "{}", id);
}

}  // namespace

Status Registry::load() {
  ASSIGN(const Json all, list("credential"));
  for (const Json& each : all) {
    ASSIGN([[maybe_unused]] auto one, credential(each["id"], each["version"].get<int64_t>()));
  }
  return {};
}

Status Registry::put(const Caller& caller, const std::string& kind, const Json& json, int64_t now_ms) {
  TRY(check_kind(kind));
  std::string id;
  int64_t version = 0;
  Json body;
  if (kind == "credential") {
    ASSIGN(auto parsed, CredentialTemplate::parse(json));
    id = parsed.id, version = parsed.version, body = parsed.json;
  } else {
    ASSIGN(auto parsed, PresentationTemplate::parse(json));
    id = parsed.id, version = parsed.version, body = parsed.json;
  }
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto count, session.row("select count(*) from credential_template"));
    if (count->integer(0) >= int64_t(kMostTemplates)) return fail(Code::conflict, "template.too_many");
    TRY(check_author(session, caller, kind, id));
    ASSIGN(const int64_t added,
           session.run("insert into credential_template (kind, id, version, body, created_ms, author)"
                       " values (?, ?, ?, ?, ?, ?) on conflict (kind, id, version) do nothing",
                       kind, id, version, body.dump(), now_ms, caller.id));
    if (added == 0) return fail(Code::conflict, "template.exists", "{} version {}", id, version);
    return {};
  }));
  if (kind != "credential") return {};
  return credential(id, version).map([](const auto&) {});
}

Result<Json> Registry::find(const std::string& kind, const std::string& id, std::optional<int64_t> version) {
  TRY(check_kind(kind));
  Json out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row("select body from credential_template where kind = ? and id = ?"
                                 " and (version = ? or ? = 0) order by version desc limit 1",
                                 kind, id, version.value_or(0), version.value_or(0)));
    if (!row) return fail(Code::not_found, "template.not_found", "{}", id.substr(0, 100));
    ASSIGN(out, parse_json(row->text(0)));
    return {};
  }));
  return out;
}

Result<Json> Registry::list(const std::string& kind) {
  TRY(check_kind(kind));
  Json out = Json::array();
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(
        const auto rows,
        session.rows("select body from credential_template t where kind = ? and version ="
                     " (select max(version) from credential_template o where o.kind = t.kind and o.id = t.id)"
                     " order by id",
                     kind));
    for (const auto& row : rows) {
      ASSIGN(Json body, parse_json(row.text(0)));
      out.push_back(std::move(body));
    }
    return {};
  }));
  return out;
}

Result<std::shared_ptr<const CredentialTemplate>> Registry::credential(const std::string& id,
                                                                       std::optional<int64_t> version) {
  ASSIGN(const Json json, find("credential", id, version));
  const std::pair key(id, json["version"].get<int64_t>());
  std::lock_guard lock(mutex_);
  auto& kept = compiled_[key];
  if (kept) return kept;
  ASSIGN(auto parsed, CredentialTemplate::parse(json));
  kept = std::make_shared<const CredentialTemplate>(std::move(parsed));
  if (kept->schema) schemas_[kept->type] = {kept, &*kept->schema};
  return kept;
}

Result<PresentationTemplate> Registry::presentation(const std::string& id, std::optional<int64_t> version) {
  ASSIGN(const Json json, find("presentation", id, version));
  return PresentationTemplate::parse(json);
}

std::shared_ptr<const rules::Schema> Registry::schema_of(const std::string& type) {
  std::lock_guard lock(mutex_);
  auto at = schemas_.find(type);
  return at == schemas_.end() ? nullptr : at->second;
}

}  // namespace chengxin::credential
