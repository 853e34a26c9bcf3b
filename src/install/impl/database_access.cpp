#include "install/impl/database_access.h"

#include "crypto/sm3.h"
#include "sql/database.h"

namespace chengxin::install {
namespace {

// Each row an entry, its value, and where there is a third column a text that is kept as its SM3.
constexpr std::string_view kSqlite[] = {
    R"(select type || ' ' || name, 'defined', coalesce(sql, '') from sqlite_schema where type in ('trigger', 'view'))"};

// Things with an owner and an access list. The list that a thing has when none was given is spelled out: of
// functions, databases and types it grants something to everybody.
constexpr std::string_view kObjects =
    R"(with schema_of_ours as (select * from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
object as (
  select 'database ' || datname as name, datdba as owner, coalesce(datacl, acldefault('d', datdba)) as acl
    from pg_database where datname = current_database()
  union all select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) from schema_of_ours
  union all select (case relkind when 'S' then 'sequence ' when 'v' then 'view ' when 'm' then 'view ' else 'table ' end)
      || nspname || '.' || relname, relowner,
      coalesce(relacl, case relkind when 'S' then acldefault('s', relowner) else acldefault('r', relowner) end)
    from pg_class join schema_of_ours n on n.oid = relnamespace where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all select 'function ' || nspname || '.' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      proowner, coalesce(proacl, acldefault('f', proowner))
    from pg_proc p join schema_of_ours n on n.oid = pronamespace
  union all select 'column ' || nspname || '.' || relname || '.' || attname, relowner, attacl
    from pg_attribute join pg_class c on c.oid = attrelid join schema_of_ours n on n.oid = relnamespace
    where attacl is not null and not attisdropped
) )";
constexpr std::string_view kOfObjects[] = {
    R"(select 'owner of ' || name, coalesce((select rolname from pg_roles where oid = owner), 'OID ' || owner) from object
where owner <> (select oid from pg_roles where rolname = current_user))",
    R"(select name || ' to ' || case when grantee = 0 then 'PUBLIC' else
    coalesce((select rolname from pg_roles where oid = grantee), 'OID ' || grantee) end,
  string_agg(privilege_type || case when is_grantable then ' and may grant it' else '' end, ', '
    order by privilege_type, is_grantable)
from object, aclexplode(acl) where grantee <> owner group by name, grantee)"};

// Names of roles are looked up in the snapshot that the lists are of: pg_get_userbyid() knows later ones.
constexpr std::string_view kPostgresql[] = {
    R"(select 'role of the platform', cast(current_user as text))",
    R"(select 'role ' || rolname, concat_ws(', ', case when rolcanlogin then 'login' end,
  case when rolsuper then 'superuser' end, case when rolbypassrls then 'bypassrls' end,
  case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
  case when rolreplication then 'replication' end)
from pg_roles where rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    R"(select 'role ' || m.rolname || ' in ' || r.rolname,
  case when bool_or(a.admin_option) then 'member, may admit others' else 'member' end
from pg_auth_members a join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
where m.rolname !~ '^pg_' group by m.rolname, r.rolname)",
    R"(select 'default for ' || coalesce(nspname || ', ', '') || 'what ' || coalesce((select rolname from pg_roles where oid = defaclrole), '') || ' makes ('
  || cast(defaclobjtype as text) || ') to ' || case when grantee = 0 then 'PUBLIC' else
    coalesce((select rolname from pg_roles where oid = grantee), 'OID ' || grantee) end,
  string_agg(privilege_type || case when is_grantable then ' and may grant it' else '' end, ', '
    order by privilege_type, is_grantable)
from pg_default_acl d left join pg_namespace n on n.oid = defaclnamespace, aclexplode(defaclacl)
where grantee <> defaclrole group by nspname, defaclrole, defaclobjtype, grantee)",
    R"(select 'row security of ' || nspname || '.' || relname,
  case when relforcerowsecurity then 'on, forced' else 'on' end
from pg_class join pg_namespace n on n.oid = relnamespace where relrowsecurity)",
    R"(select 'policy ' || policyname || ' on ' || schemaname || '.' || tablename,
  permissive || ' ' || cmd || ' for ' || array_to_string(roles, ', '),
  coalesce(qual, '') || ' / ' || coalesce(with_check, '') from pg_policies)",
    R"(select 'function ' || nspname || '.' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
  case when prosecdef then 'as its owner' else 'as its caller' end,
  concat_ws(' / ', prosrc, probin, array_to_string(proconfig, ', '))
from pg_proc p join pg_namespace n on n.oid = pronamespace
where nspname !~ '^pg_' and nspname <> 'information_schema')",
    R"(select 'trigger ' || tgname || ' on ' || nspname || '.' || relname,
  case tgenabled when 'D' then 'off' else 'on' end, pg_get_triggerdef(t.oid)
from pg_trigger t join pg_class c on c.oid = tgrelid join pg_namespace n on n.oid = relnamespace
where not tgisinternal)",
    R"(select 'event trigger ' || evtname, case evtenabled when 'D' then 'off' else 'on' end,
  evtevent || ' ' || evtfoid::regprocedure::text from pg_event_trigger)",
    R"(select 'rule ' || rulename || ' on ' || nspname || '.' || relname,
  case ev_enabled when 'D' then 'off' else 'on' end, pg_get_ruledef(r.oid)
from pg_rewrite r join pg_class c on c.oid = ev_class join pg_namespace n on n.oid = relnamespace
where nspname !~ '^pg_' and nspname <> 'information_schema')"};

// Who may connect from where. Passwords among the options are left out; the first rule that fits counts, so
// the order is an entry too.
constexpr std::string_view kHba[] = {R"(with rule as (select line_number, concat_ws(' ', type,
  array_to_string(database, ','), array_to_string(user_name, ','), address, netmask, auth_method,
  (select string_agg(case when o ~ '^(ldapbindpasswd|radiussecrets)=' then split_part(o, '=', 1) else o end, ' ')
    from unnest(options) o), error) as text from pg_hba_file_rules)
select 'pg_hba ' || text, 'there', '' from rule union all
select 'pg_hba', 'in this order', string_agg(text, ' / ' order by line_number) from rule)"};

// `with` goes before each statement, `prefix` before each entry.
Status read_into(sql::Session& session, std::string_view with, std::span<const std::string_view> statements,
                 const std::string& prefix, Entries& out) {
  for (const std::string_view statement : statements) {
    ASSIGN(const auto rows, session.rows(std::string(with) + std::string(statement)));
    for (const sql::Row& row : rows) {
      const std::string text = row.size() > 2 && !row.is_null(2) ? row.text(2) : "";
      out[prefix + row.optional_text(0).value_or("unknown")] =
          row.optional_text(1).value_or("unknown") +
          (text.empty() ? "" : " sm3 " + hex(crypto::sm3(view(text))));
    }
  }
  return {};
}

Status read_postgresql(sql::Session& session, Entries& out) {
  TRY(session.run("set local statement_timeout = 30000").map([](auto) {}));
  TRY(read_into(session, "", kPostgresql, "", out));
  TRY(read_into(session, kObjects, kOfObjects, "", out));
  ASSIGN(const auto may,
         session.row("select cast(has_function_privilege('pg_hba_file_rules()', 'execute') and "
                     "has_table_privilege('pg_hba_file_rules', 'select') as int)"));
  if (may->truth(0)) return read_into(session, "", kHba, "", out);
  out["pg_hba"] = "not readable to the role of the platform";
  return {};
}

Status read_database(const std::string& url, const std::string& prefix, Entries& out) {
  sql::Options options;
  options.url = url;
  options.max_connections = 1;
  ASSIGN(const auto database, sql::Database::open(options));
  const bool postgresql = database->dialect() == sql::Dialect::postgresql;
  out["database"] = postgresql ? "PostgreSQL" : "SQLite";
  return database->read([&](sql::Session& session) {
    return postgresql ? read_postgresql(session, out) : read_into(session, "", kSqlite, prefix, out);
  });
}

}  // namespace

Result<Entries> database_access(const fs::path& data, const config::Config& config) {
  Entries out = {{"database", "SQLite"}};
  if (!config.sql_url.empty()) {
    TRY(read_database(config.sql_url, "", out));
    return out;
  }
  std::error_code error;
  for (const fs::path& file : sqlite_databases(data, config))
    if (fs::exists(file, error))
      TRY(read_database("sqlite:" + file.string(), file.filename().string() + " ", out));
  return out;
}

std::vector<fs::path> sqlite_databases(const fs::path& data, const config::Config& config) {
  constexpr std::string_view kScheme = "sqlite:";
  if (config.sql_url.starts_with(kScheme)) return {config.sql_url.substr(kScheme.size())};
  if (!config.sql_url.empty()) return {};
  return {data / "sql" / "chengxin.db", data / "sql" / "mirror.db"};
}

}  // namespace chengxin::install
