#include "maintenance.h"

#include <algorithm>

#include "backup/backup.h"
#include "base/clock.h"
#include "record/migrator.h"
#include "sql/dump.h"

namespace chengxin::app {
namespace {

Result<std::string> text_of(const Json& arguments, const char* name) {
  auto it = arguments.find(name);
  if (it == arguments.end() || !it->is_string() || it->get_ref<const std::string&>().empty())
    return fail(Code::invalid_argument, "jobs.arguments", "this job needs the text \"{}\"", name);
  return it->get<std::string>();
}

// A place that the job is to write to: absolute, and not in the data folder.
Result<fs::path> path_of(const Maintained& what, const Json& arguments, const char* name) {
  ASSIGN(std::string text, text_of(arguments, name));
  fs::path path = text;
  if (!path.is_absolute())
    return fail(Code::invalid_argument, "jobs.arguments", "\"{}\" must be an absolute path", name);
  std::error_code error;
  fs::path data = fs::weakly_canonical(what.installation.data, error),
           place = fs::weakly_canonical(path, error);
  if (std::mismatch(data.begin(), data.end(), place.begin(), place.end()).first == data.end())
    return fail(Code::invalid_argument, "backup.inside", "{} lies in the data folder", path.string());
  return path;
}

Result<host::ChainPtr> chain_of(const Maintained& what, const Json& arguments) {
  ASSIGN(std::string name, text_of(arguments, "chain"));
  return what.host.find(name);
}

Json describe(const ledger::Ledger& ledger) {
  auto head = ledger.head();
  return {{"id", hex(ledger.id())},
          {"height", head.header.height},
          {"header_hash", hex(head.header_hash)},
          {"log_size", head.header.log_size},
          {"log_root", hex(head.header.log_root)},
          {"state_root", hex(head.header.state_root)}};
}

ledger::OnVerifyProgress forward(const jobs::Report& report) {
  return [report](const ledger::VerifyProgress& at) { report(at.height, at.head); };
}

Result<Json> verify(const Maintained& what, const Json& arguments, const jobs::Report& report) {
  ASSIGN(auto chain, chain_of(what, arguments));
  TRY(chain->ledger->verify(forward(report)));
  return describe(*chain->ledger);
}

// What the service's own records need for later bundles is kept first.
Result<Json> prune(const Maintained& what, const Json& arguments, const jobs::Report&) {
  ASSIGN(auto chain, chain_of(what, arguments));
  auto before = arguments.find("before");
  if (before == arguments.end() || !before->is_number_unsigned())
    return fail(Code::invalid_argument, "jobs.arguments", "this job needs the height \"before\"");
  uint64_t height = before->get<uint64_t>();
  ASSIGN(size_t kept, what.evidence.archive_before(chain->name, height));
  TRY(chain->ledger->prune(height, now_ms()));
  return Json{{"oldest_height", chain->ledger->oldest_height()}, {"archived_transactions", kept}};
}

Result<Json> export_chain(const Maintained& what, const Json& arguments, const jobs::Report& report) {
  ASSIGN(auto chain, chain_of(what, arguments));
  ASSIGN(fs::path file, path_of(what, arguments, "file"));
  TRY(chain->ledger->export_to(file, forward(report)));
  return describe(*chain->ledger);
}

Result<Json> rebuild_mirror(const Maintained& what, const Json& arguments, const jobs::Report& report) {
  if (!what.mirror)
    return fail(Code::unavailable, "mirror.off", "the configuration has mirror.enabled: false");
  ASSIGN(auto chain, chain_of(what, arguments));
  TRY(what.mirror->rebuild(chain->ledger->id(), report));
  return describe(*chain->ledger);
}

Status copy_tree(const fs::path& from, const fs::path& into,
                 const std::function<bool(const fs::path&)>& wanted) {
  TRY(make_folder(into));
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(from, error); !error && it != fs::end(it);
       it.increment(error)) {
    fs::path target = into / it->path().lexically_relative(from);
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      TRY(make_folder(target));
    } else if (it->is_regular_file(ignored) && wanted(it->path())) {
      fs::copy_file(it->path(), target, error);
      if (error && !fs::exists(it->path(), ignored)) error.clear();  // erased while we went
      if (error) break;
    }
  }
  if (error) return fail(Code::unavailable, "file.io", "{}: {}", from.string(), error.message());
  return {};
}

// A checkpoint shares its tables with the chain by links: they become copies, so that one bad sector cannot
// damage both. Then it is opened, which shows that it can be, and says where it stands: the chain itself has
// gone on.
Result<Json> take_possession(const fs::path& folder, const Contracts& contracts) {
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::end(it);
       it.increment(error)) {
    if (!it->is_regular_file(error) || it->hard_link_count(error) < 2) continue;
    fs::path copy = it->path();
    copy += ".copy";
    if (fs::copy_file(it->path(), copy, error); error) break;
    if (fs::rename(copy, it->path(), error); error) break;
  }
  if (error) return fail(Code::unavailable, "file.io", "{}: {}", folder.string(), error.message());
  ASSIGN(auto ledger, ledger::Ledger::open(folder, with_contracts(contracts)));
  return describe(*ledger);
}

// What an engine's key signed last is true only until it signs again: a restored key that believed an old
// copy could sign twice at one height. Without any it says that it is lost. An operator's word that a folder
// is no copy is not that of its copies.
bool stays_true(const fs::path& path) {
  const fs::path name = path.filename();
  return name != "sign-state.json" && name != "sign-at-once" && name != "lock" && name.extension() != ".tmp";
}

// SQL before the blobs that it names and the chains that it lags behind: so a restored installation is one
// that could have stopped at that moment.
std::vector<backup::Part> parts_of(const Maintained& what) {
  std::vector<backup::Part> parts;
  parts.push_back(
      {"sql", [what](const fs::path& folder) -> Result<Json> {
         std::vector<std::string> made_again = record::kMadeAgain;
         made_again.emplace_back("mirror_");
         TRY(sql::dump(what.database, folder / "dump.jsonl", made_again, record::kColumnsMadeAgain));
         return Json::object();
       }});
  parts.push_back({"blobs", [what](const fs::path& folder) -> Result<Json> {
                     const auto& installation = what.installation;
                     auto whole = [](const fs::path& path) { return path.extension() != ".tmp"; };
                     if (installation.config.blobs_url.empty()) {
                       TRY(copy_tree(installation.data / "blobs", folder, whole));
                     } else {
                       ASSIGN(auto copy, blob::Store::open_folder(folder, installation.blob_key));
                       TRY(blob::copy_objects(what.blobs, *copy));
                     }
                     return Json::object();
                   }});
  parts.push_back({"chains", [what](const fs::path& folder) -> Result<Json> {
                     Json heads = Json::object();
                     for (const auto& chain : what.host.list()) {
                       TRY(chain->ledger->checkpoint(folder / chain->name));
                       ASSIGN(heads[chain->name], take_possession(folder / chain->name, what.contracts));
                     }
                     return heads;
                   }});
  parts.push_back({"installation", [what](const fs::path& folder) -> Result<Json> {
                     auto any = [](const fs::path&) { return true; };
                     TRY(copy_tree(what.installation.data / "keys", folder / "keys", any));
                     const fs::path consortium = what.installation.data / "consortium";
                     std::error_code error;
                     if (fs::exists(consortium, error))
                       TRY(copy_tree(consortium, folder / "consortium", stays_true));
                     ASSIGN(Bytes config, read_file(what.installation.data / "chengxin.yaml", 1 << 20));
                     TRY(write_durable(folder / "chengxin.yaml", config, 0600));
                     return Json::object();
                   }});
  parts.push_back({"audit", [what](const fs::path& folder) -> Result<Json> {
                     const auto standing = what.audit.standing();
                     TRY(what.audit.snapshot(folder));
                     return Json{{"sequence", standing.sequence}, {"head", hex(standing.head)}};
                   }});
  return parts;
}

Result<Json> back_up(const Maintained& what, const Json& arguments, const jobs::Report& report) {
  ASSIGN(fs::path target, path_of(what, arguments, "target"));
  ASSIGN(Json manifest,
         backup::create(target, parts_of(what), what.installation.installation_key, now_ms(), report));
  return Json{{"target", target.string()},
              {"files", manifest["files"].size()},
              {"chains", manifest["parts"]["chains"]}};
}

}  // namespace

void define_maintenance(jobs::Runner& runner, Maintained what) {
  using Job = Result<Json> (*)(const Maintained&, const Json&, const jobs::Report&);
  const std::pair<const char*, Job> table[] = {{"verify", verify},
                                               {"prune", prune},
                                               {"export", export_chain},
                                               {"mirror.rebuild", rebuild_mirror},
                                               {"backup", back_up}};
  for (const auto& [kind, job] : table)
    runner.define(kind, [what, job = job](const Json& arguments, const jobs::Report& report) {
      return job(what, arguments, report);
    });
}

}  // namespace chengxin::app
