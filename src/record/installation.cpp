#include "record/installation.h"

#include <algorithm>

namespace chengxin::record {
namespace {

constexpr int kRounds = 5;  // of work that met a change of packs
constexpr std::string_view kMoved = "record.packs_changed";

Result<int64_t> epoch_of(sql::Session& session) {
  ASSIGN(const auto row, session.row("select epoch from record_epoch where one = 1"));
  return row ? row->integer(0) : 0;
}

std::string version_text(pack::Version version) { return fmt::format("{}", fmt::join(version, ".")); }

Result<pack::Files> unpacked(const std::string& label, ByteView archive) {
  ASSIGN(const pack::Packed packed, pack::open_packed(archive));
  pack::Findings findings;
  pack::Files files = pack::read_packed(packed, label, findings);
  if (findings.empty()) return files;
  const pack::Finding first = findings.shown().front();
  return fail(Code::invalid_argument, "record.pack", "{}: {} {}", first.file, first.reason, first.en);
}

Result<std::vector<pack::Files>> installed_files(sql::Session& session, const std::string& but) {
  ASSIGN(const auto rows,
         session.rows("select pack, archive from record_pack where pack <> ? order by pack", but));
  std::vector<pack::Files> out;
  for (const sql::Row& row : rows) {
    ASSIGN(pack::Files files, unpacked(row.text(0), row.blob(1)));
    out.push_back(std::move(files));
  }
  return out;
}

}  // namespace

std::vector<std::string> Report::losses(const std::set<std::string>& agreed) const {
  std::vector<std::string> out;
  for (const Step& each : steps)
    if (each.loss && !agreed.contains(each.name()) && !agreed.contains(each.object))
      out.push_back(each.name());
  return out;
}

bool Report::stands_in_the_way() const {
  return std::any_of(steps.begin(), steps.end(), [](const Step& each) { return !each.reason.empty(); });
}

Json to_json(const Report& report) {
  Json steps = Json::array();
  for (const Step& each : report.steps) steps.push_back(to_json(each));
  return {{"pack", report.pack},
          {"before", report.before},
          {"after", report.after},
          {"changes", pack::to_json(report.changes).at("changes")},
          {"steps", std::move(steps)},
          {"losses", report.losses({})},
          {"possible", !report.stands_in_the_way()}};
}

Installation::Installation(sql::Database& database, Options options)
    : database_(database), options_(std::move(options)), vault_(options_.key) {}

Result<std::unique_ptr<Installation>> Installation::open(sql::Database& database, Options options) {
  TRY(migrate(database));
  std::unique_ptr<Installation> out(new Installation(database, std::move(options)));
  TRY(out->refresh());
  TRY(out->index_again());
  return out;
}

// After a logical copy was restored there are records, and nothing that finds them.
Status Installation::index_again() {
  return work([&](sql::Session& session, const Work::Means& means) -> Status {
    ASSIGN(const auto any, session.row("select index_name from record_index limit 1"));
    if (any || means.catalogue.models().empty()) return {};
    Migrator migrator(session, &means.catalogue, means, "");
    return migrator.run();
  });
}

std::shared_ptr<const Catalogue> Installation::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Status Installation::refresh() {
  std::shared_ptr<const Catalogue> made;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const int64_t epoch, epoch_of(session));
    ASSIGN(const auto files, installed_files(session, ""));
    ASSIGN(made, Catalogue::make(files, epoch));
    return {};
  }));
  const std::lock_guard lock(mutex_);
  current_ = std::move(made);
  return {};
}

Work::Means Installation::means(const Catalogue& catalogue) const {
  return {catalogue, vault_, options_.now_ms(), options_.make_id};
}

Result<Installation::Present> Installation::present(sql::Session& session) const {
  const auto catalogue = current();
  ASSIGN(const int64_t epoch, epoch_of(session));
  if (epoch != catalogue->epoch()) return fail(Code::busy, kMoved);
  return Present{catalogue, means(*catalogue)};
}

Status Installation::run(const Task& task, bool writes) {
  for (int round = 0; round < kRounds; ++round) {
    const auto attempt = [&](sql::Session& session) -> Status {
      ASSIGN(const Present present, this->present(session));
      return task(session, present.means);
    };
    const Status done = writes ? database_.transaction(attempt) : database_.read(attempt);
    if (done || done.error().reason != kMoved) return done;
    TRY(refresh());
  }
  return fail(Code::busy, kMoved);
}

Status Installation::work(const Task& task) { return run(task, true); }
Status Installation::read(const Task& task) { return run(task, false); }

Result<Report> Installation::exchange(const Prepare& prepare, const Change& change) {
  constexpr std::string_view kUndone = "record.dry";
  Report report;
  std::shared_ptr<const Catalogue> made;
  const Status done = work([&](sql::Session& session, const Work::Means&) -> Status {
    made = nullptr;
    ASSIGN(const Wanted wanted, prepare(session));
    ASSIGN(const auto same, session.row("select pack from record_pack where pack = ? and archive = ?",
                                        wanted.pack, wanted.archive));
    if (same) {
      report = Report{wanted.pack, "", "", {}, {}};
      return {};
    }
    ASSIGN(report, exchange_in(session, wanted, change, made));
    if (change.dry) return fail(Code::conflict, kUndone);
    if (report.stands_in_the_way()) {
      const auto bad = std::find_if(report.steps.begin(), report.steps.end(),
                                    [](const Step& each) { return !each.reason.empty(); });
      return fail(Code::conflict, "record.in_the_way", "{}: {} ({}, {})", bad->name(), bad->reason, bad->rows,
                  fmt::join(bad->examples, " "));
    }
    if (const auto losses = report.losses(change.lose); !losses.empty())
      return fail(Code::conflict, "record.would_lose", "{}", fmt::join(losses, " "));
    return keep(session, wanted, report, change);
  });
  if (!done && done.error().reason == kUndone) return report;
  TRY(done);
  const std::lock_guard lock(mutex_);
  if (made && current_->epoch() < made->epoch()) current_ = std::move(made);
  return report;
}

Result<Report> Installation::exchange_in(sql::Session& session, const Wanted& wanted, const Change& change,
                                         std::shared_ptr<const Catalogue>& made) {
  const auto before = current();
  Report report{wanted.pack, "", "", {}, {}};
  ASSIGN(auto files, installed_files(session, wanted.pack));
  if (wanted.archive) {
    ASSIGN(pack::Files own, unpacked(wanted.pack, *wanted.archive));
    files.push_back(std::move(own));
  }
  ASSIGN(made, Catalogue::make(files, before->epoch() + 1));
  const pack::Pack nothing, *former = before->pack(wanted.pack), *now = made->pack(wanted.pack);
  if (former) report.before = version_text(former->version);
  if (now) report.after = version_text(now->version);
  if (former && now && !wanted.older) TRY(pack::demand_version(now->version, former->version));
  report.changes = pack::diff(former ? *former : nothing, now ? *now : nothing);
  const Work::Means means = this->means(*made);
  Migrator migrator(session, before.get(), means, change.by);
  TRY(migrator.run());
  report.steps = migrator.steps();
  return report;
}

// Each change knows what was there before, and the change that had brought that: the way back.
Status Installation::keep(sql::Session& session, const Wanted& wanted, const Report& report,
                          const Change& change) {
  const int64_t now = options_.now_ms();
  ASSIGN(const auto former,
         session.row("select archive, change_id from record_pack where pack = ?", wanted.pack));
  ASSIGN(const auto made,
         session.rows("insert into record_pack_change (pack, version_before, version_after, action, at_ms, "
                      "by_whom, former, former_change, plan) values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
                      wanted.pack, report.before, report.after, wanted.action, now, change.by,
                      former ? former->optional_blob(0) : std::nullopt,
                      former ? former->optional_integer(1) : std::nullopt, to_json(report).dump()));
  TRY(session.run("delete from record_pack where pack = ?", wanted.pack));
  if (wanted.archive)
    TRY(
        session.run("insert into record_pack (pack, version, archive, applied_ms, applied_by, change_id) "
                    "values (?, ?, ?, ?, ?, ?)",
                    wanted.pack, report.after, *wanted.archive, now, change.by,
                    wanted.change_id.value_or(made.front().integer(0))));
  TRY(
      session.run("insert into record_epoch values (1, 1) on conflict (one) do update set epoch = "
                  "record_epoch.epoch + 1"));
  return {};
}

Result<Report> Installation::apply(ByteView archive, const Change& change) {
  ASSIGN(const pack::Files files, unpacked("pack", archive));
  pack::Findings findings;
  const std::string name = pack::read_pack(files, findings).name;
  return exchange(
      [&](sql::Session&) -> Result<Wanted> {
        return Wanted{name, "applied", to_bytes(archive), std::nullopt, false};
      },
      change);
}

Result<Report> Installation::roll_back(const std::string& pack, const Change& change) {
  return exchange(
      [&](sql::Session& session) -> Result<Wanted> {
        ASSIGN(const auto row, session.row("select c.former, c.former_change from record_pack p join "
                                           "record_pack_change c on c.id = p.change_id where p.pack = ?",
                                           pack));
        if (!row || row->is_null(0)) return fail(Code::not_found, "record.nothing_before", "{}", pack);
        return Wanted{pack, "rolled back", row->blob(0), row->integer(1), true};
      },
      change);
}

Result<Report> Installation::remove(const std::string& pack, const Change& change) {
  return exchange(
      [&](sql::Session& session) -> Result<Wanted> {
        ASSIGN(const auto row, session.row("select pack from record_pack where pack = ?", pack));
        if (!row) return fail(Code::not_found, "record.pack_unknown", "{}", pack);
        return Wanted{pack, "removed", std::nullopt, std::nullopt, false};
      },
      change);
}

Result<std::vector<Installed>> Installation::list() {
  std::vector<Installed> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(const auto rows,
           session.rows("select pack, version, applied_ms, applied_by from record_pack order by pack"));
    for (const sql::Row& row : rows) out.push_back({row.text(0), row.text(1), row.integer(2), row.text(3)});
    return {};
  }));
  return out;
}

Result<std::vector<PackChange>> Installation::changes(const std::string& pack) {
  std::vector<PackChange> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(const auto rows,
           session.rows("select id, pack, version_before, version_after, action, at_ms, by_whom "
                        "from record_pack_change where pack = ? order by id desc limit 100",
                        pack));
    for (const sql::Row& row : rows)
      out.push_back(
          {row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4), row.integer(5), row.text(6)});
    return {};
  }));
  return out;
}

Result<Bytes> Installation::archive(const std::string& pack) {
  Bytes out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto row, session.row("select archive from record_pack where pack = ?", pack));
    if (!row) return fail(Code::not_found, "record.pack_unknown", "{}", pack);
    out = row->blob(0);
    return {};
  }));
  return out;
}

}  // namespace chengxin::record
