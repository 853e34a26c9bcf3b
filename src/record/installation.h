#pragma once
#include <atomic>

#include "pack/diff.h"
#include "record/migrator.h"

namespace chengxin::record {

// What applying a pack does, or did.
struct Report {
  std::string pack, before, after;  // versions; empty: none
  std::vector<pack::Change> changes;
  std::vector<Step> steps;

  // Names of what would be lost and was not agreed to.
  std::vector<std::string> losses(const std::set<std::string>& agreed) const;
  bool stands_in_the_way() const;  // a step that cannot be done
};
Json to_json(const Report& report);

struct Installed {
  std::string pack, version;
  int64_t applied_ms = 0;
  std::string applied_by;
};

struct PackChange {
  int64_t id = 0;
  std::string pack, before, after, action;  // applied, rolled back, removed
  int64_t at_ms = 0;
  std::string by;
};

// The packs of an installation, in its database: several processes may work on it. Nobody restarts anything:
// each piece of work sees the packs as they are when it begins, and is done again when they changed
// meanwhile.
class Installation {
 public:
  struct Options {
    Bytes key;  // at least 16 bytes; seals what is sensitive
    std::function<int64_t()> now_ms;
    std::function<std::string()> make_id;
  };
  // Brings the tables up to date. sql.…, record.pack.
  static Result<std::unique_ptr<Installation>> open(sql::Database& database, Options options);

  std::shared_ptr<const Catalogue> current() const;

  struct Change {
    std::string by;
    std::set<std::string> lose = {};  // entity or entity.field: may become unreachable
    bool dry = false;                 // all is done and then undone
  };
  // A packed pack (.cxpack), or a newer version of one (the very same again: an empty report); who signed it
  // is the caller's to judge. Errors: pack.packed, pack.signature, pack.downgrade, record.pack (the packs do
  // not go together), record.would_lose, record.in_the_way (detail: what); with `dry` both of these stand in
  // the report instead.
  Result<Report> apply(ByteView archive, const Change& change);
  // To the version before this one. record.nothing_before.
  Result<Report> roll_back(const std::string& pack, const Change& change);
  // record.pack_unknown.
  Result<Report> remove(const std::string& pack, const Change& change);

  Result<std::vector<Installed>> list();
  Result<std::vector<PackChange>> changes(const std::string& pack);  // the newest first, at most 100
  Result<Bytes> archive(const std::string& pack);                    // as it was applied. record.pack_unknown

  // Runs in one transaction what changes records, or only reads them.
  using Task = std::function<Status(sql::Session&, const Work::Means&)>;
  Status work(const Task& task);
  Status read(const Task& task);

  // For what works in a transaction that it began elsewhere. record.packs_changed: they are newer than those
  // that this process has compiled; refresh() and begin anew.
  struct Present {
    std::shared_ptr<const Catalogue> catalogue;
    Work::Means means;
  };
  Result<Present> present(sql::Session& session) const;
  Status refresh();

 private:
  Installation(sql::Database& database, Options options);
  struct Wanted {
    std::string pack, action;
    std::optional<Bytes> archive;      // none: it is removed
    std::optional<int64_t> change_id;  // that had brought it, when it comes back
    bool older = false;                // may be an older version
  };
  using Prepare = std::function<Result<Wanted>(sql::Session&)>;
  Result<Report> exchange(const Prepare& prepare, const Change& change);
  Result<Report> exchange_in(sql::Session& session, const Wanted& wanted, const Change& change,
                             std::shared_ptr<const Catalogue>& made);
  Status keep(sql::Session& session, const Wanted& wanted, const Report& report, const Change& change);
  Status run(const Task& task, bool writes);
  Status index_again();
  Work::Means means(const Catalogue& catalogue) const;

  sql::Database& database_;
  const Options options_;
  const Vault vault_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Catalogue> current_;
};

}  // namespace chengxin::record
