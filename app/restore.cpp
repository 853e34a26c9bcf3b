#include "restore.h"

#include "access/users.h"
#include "api/crypto_uses.h"
#include "api/storage.h"
#include "authority/service.h"
#include "cases/desk.h"
#include "config/config.h"
#include "contracts.h"
#include "credential/service.h"
#include "directory/personal.h"
#include "evidence/service.h"
#include "gateway/gateway.h"
#include "install/install.h"
#include "ledger/ledger.h"
#include "record/migrator.h"
#include "sql/dump.h"

namespace chengxin::app {
namespace {

Status check_heads(const fs::path& data, const Json& chains) {
  ASSIGN(const Contracts contracts, open_contracts(data));
  for (const auto& [name, noted] : chains.items()) {
    ASSIGN(auto chain, ledger::Ledger::open(data / "chains" / name, with_contracts(contracts)));
    auto head = chain->head();
    if (hex(head.header_hash) != noted.at("header_hash") || head.header.height != noted.at("height"))
      return fail(Code::data_loss, "backup.damaged",
                  "the chain {} stands at another head than the backup noted", name);
  }
  return {};
}

Status restore_sql(const fs::path& backup, const fs::path& data) {
  ASSIGN(auto config, config::load_file(data / "chengxin.yaml"));
  sql::Options options;
  options.url = config.sql_url.empty() ? "sqlite:" + (data / "sql" / "chengxin.db").string() : config.sql_url;
  ASSIGN(auto database, sql::Database::open(options));
  // A dump fills tables that are there: those of every component that keeps some.
  for (auto* migrate : {evidence::migrate, access::migrate, authority::migrate, credential::migrate,
                        directory::migrate, gateway::migrate, record::migrate, flow::Engine::migrate,
                        cases::migrate, api::prepare_crypto_uses, api::prepare_storage})
    TRY(migrate(*database));
  return sql::restore(*database, backup / "sql" / "dump.jsonl", record::define_tables);
}

// A backup of before there was an audit log has none: it then begins with the restoration.
Status restore_audit(const fs::path& backup, const Json& manifest, const fs::path& data) {
  if (!manifest.at("parts").contains("audit")) return {};
  TRY(backup::restore_part(backup, manifest, "audit", data / "audit"));
  std::error_code error;
  fs::rename(data / "audit" / "marker", data / "audit.marker", error);
  if (error && fs::exists(data / "audit" / "marker"))
    return fail(Code::unavailable, "file.io", "{}: {}", (data / "audit.marker").string(), error.message());
  return sync_folder(data);
}

}  // namespace

Result<Json> restore(const fs::path& from, const fs::path& data, const backup::Report& report) {
  std::error_code error;
  if (fs::exists(data, error) && !fs::is_empty(data, error))
    return fail(Code::conflict, "install.not_empty", "{} is not empty", data.string());
  ASSIGN(auto checked, backup::check(from, report));
  TRY(install::check_keys(from / "installation"));  // before anything is written: a passphrase may be wanting
  TRY(make_folder(data));
  TRY(backup::restore_part(from, checked.manifest, "installation", data));
  TRY(backup::restore_part(from, checked.manifest, "blobs", data / "blobs"));
  TRY(backup::restore_part(from, checked.manifest, "chains", data / "chains"));
  TRY(restore_audit(from, checked.manifest, data));
  Json chains = checked.manifest["parts"].value("chains", Json::object());
  TRY(check_heads(data, chains));
  TRY(restore_sql(from, data));
  // The rest of an installation, VERSION last: keys and configuration are there and stay as they are.
  TRY(install::complete(data));
  return Json{{"data", data.string()}, {"chains", chains}, {"key", hex(checked.key)}};
}

}  // namespace chengxin::app
