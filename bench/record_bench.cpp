// Records of an entity of twenty fields, as a pack has them, beside the bare statements of the same work in
// the same run: pages of a list, records made one at a time and in batches, words looked for, an export; and
// a pack of sixty entities applied. Both databases; PostgreSQL is the server of the tests, which does not
// wait for its disk.
//   record_bench [RECORDS [sqlite|postgresql]]      1000000 on both when left out
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "pack/files.h"
#include "record/csv.h"
#include "stopwatch.h"
#include "support/postgres.h"

namespace chengxin {
namespace {

using record::Installation;
using record::ListQuery;
using record::Person;
using record::Stored;
using record::Work;

constexpr size_t kBatch = 500;
const std::vector<std::string> kWords{"危险", "废物", "化工", "转移", "联单", "检查", "企业",
                                      "运输", "处置", "环保", "渗漏", "标签", "重量", "仓库"};
const Person kOfficial{"u1", "官员", "city", "310000", {"city"}, {"official", "officer"}};

Bytes bench_pack() {
  std::string codes;
  for (int i = 0; i < 50; ++i) codes += fmt::format("  d{}: 区{}\n", i, i);
  const std::map<std::string, std::string> texts{
      {"pack.yaml",
       "pack: bench\nversion: 1.0.0\nengine: \">=1.0 <2\"\ntitle: 基准\nroles: {official: 官员, officer: "
       "区管理员}\n"},
      {"dictionaries/district.yaml", "dictionary: district\ntitle: 区\ncodes:\n" + codes},
      {"entities/thing.yaml", R"(entity: thing
title: 物
fields:
  name: {text: line, required: true}
  code: {text: line, required: true}
  district: {dictionary: district, required: true}
  note: {text: long, longest: 2000}
  address: {text: line}
  maker: {text: line}
  colour: {text: line}
  amount: {decimal: 3, unit: t, min: 0}
  price: {money: CNY}
  pieces: {whole: true, min: 0}
  grade: {whole: true}
  open: flag
  checked: flag
  made: {date: true, required: true}
  until: {date: true}
  opens: {time: minute}
  seen: {instant: second}
  remark: {text: line}
  origin: {dictionary: district}
  target: {dictionary: district}
checks:
  - {rule: "it.pieces.orValue(0) >= 0", reason: bench.pieces, zh: 件数不可为负}
access:
  official: {read: all, create: true, change: all}
  officer: {read: "it.district == me.region"}
)"},
      {"views/things.yaml",
       "view: things\ntitle: 物\nlist: thing\ncolumns: [name, code, district, made]\nfilters: [district]\n"
       "newest: made\nsearch: [name, note]\n"}};
  project::Files files;
  for (const auto& [path, text] : texts) files[path] = to_bytes(view(text));
  return pack::write_packed(files, nullptr).value();
}

// Sixty entities of 33 fields, two of them computed, with three checks each.
Bytes sixty_entities() {
  static constexpr std::string_view kTypes[] = {
      "text", "{whole: true, min: 0}", "{decimal: 3, unit: t}", "{date: true}", "flag", "{money: CNY}"};
  std::map<std::string, std::string> texts{
      {"pack.yaml",
       "pack: sixty\nversion: 1.0.0\nengine: \">=1.0 <2\"\ntitle: 六十\nroles: {clerk: 职员}\n"}};
  for (int i = 0; i < 60; ++i) {
    std::string fields;
    for (int field = 0; field < 28; ++field) fields += fmt::format("  f{}: {}\n", field, kTypes[field % 6]);
    texts[fmt::format("entities/s{}.yaml", i)] = fmt::format(
        "entity: s{}\ntitle: 表\nfields:\n{}  lines: {{table: {{a: text, b: {{decimal: 2}}}}}}\n  next: "
        "{{ref: s{}}}\n"
        "  sum: {{decimal: 2, value: \"it.lines.map(l, l.b.orValue(decimal('0'))).sum()\"}}\n"
        "  many: {{flag: true, value: \"has(it.f1) && it.f1 > 5\"}}\n  place: {{geometry: point}}\nchecks:\n"
        "  - {{rule: \"!has(it.f1) || it.f1 < 1000\", reason: sixty.a, zh: 甲}}\n"
        "  - {{rule: \"!has(it.f2) || it.f2 < decimal('9')\", reason: sixty.b, zh: 乙}}\n"
        "  - {{rule: \"!has(it.f4) || it.f4\", reason: sixty.c, zh: 丙}}\n"
        "access:\n  clerk: {{read: \"it.id != me.id\", create: true, change: all}}\n",
        i, fields, (i + 1) % 60);
  }
  project::Files files;
  for (const auto& [path, text] : texts) files[path] = to_bytes(view(text));
  return pack::write_packed(files, nullptr).value();
}

std::string sentence(std::mt19937_64& random, int words) {
  std::string out;
  for (int i = 0; i < words; ++i) out += kWords[random() % kWords.size()];
  return out;
}

Json thing(size_t i, std::mt19937_64& random) {
  return {{"name", fmt::format("{}{}号", sentence(random, 2), i)},
          {"code", fmt::format("C{:09}", i)},
          {"district", fmt::format("d{}", random() % 50)},
          {"note", sentence(random, 6) + (i % 5000 == 0 ? "罕见" : "")},
          {"address", fmt::format("大道{}号", random() % 999)},
          {"maker", fmt::format("厂{}", random() % 5000)},
          {"colour", random() % 2 ? "red" : "green"},
          {"amount", fmt::format("{}.{:03}", random() % 1000, random() % 1000)},
          {"price", fmt::format("{}.{:02}", random() % 100000, random() % 100)},
          {"pieces", random() % 1000},
          {"grade", random() % 10},
          {"open", random() % 2 == 0},
          {"checked", random() % 2 == 0},
          {"made", record::date_of(int64_t(18000 + random() % 2500))},
          {"until", record::date_of(int64_t(21000 + random() % 2500))},
          {"opens", "08:30:00"},
          {"seen", "2026-01-02T03:04:05Z"},
          {"remark", fmt::format("备注{}", random() % 100)},
          {"origin", fmt::format("d{}", random() % 50)},
          {"target", fmt::format("d{}", random() % 50)}};
}

struct Times {
  std::vector<double> ms;
  template <typename Task>
  void take(Task task) {
    const int64_t start = steady_ns();
    if (const Status done = task(); !done) {
      fmt::print(stderr, "{}\n", done.error().to_string());
      std::exit(1);
    }
    ms.push_back(double(steady_ns() - start) / 1e6);
  }
  double at(double part) {
    std::sort(ms.begin(), ms.end());
    return ms[size_t(part * double(ms.size() - 1))];
  }
};

double peak_mb() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return double(used.ru_maxrss) / 1024;
}

void demand(const Status& done) {
  if (done) return;
  fmt::print(stderr, "{}\n", done.error().to_string());
  std::exit(1);
}

class Bench {
 public:
  Bench(sql::Database& database, Installation& installation, size_t records)
      : database_(database), installation_(installation), records_(records) {}

  void run() {
    load();
    demand(database_.transaction([](sql::Session& session) { return session.define("analyze"); }));
    pages();
    words();
    create(1, std::min<size_t>(records_ / 100, 1000));
    create(kBatch, std::min<size_t>(records_ / 10, 10'000));
    export_all();
  }

 private:
  void load() {
    bench::Interval time;
    for (size_t i = 0; i < records_;) {
      demand(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
        const record::Model& model = **means.catalogue.model("thing");
        const record::Rows rows(model.layout, means.vault, session);
        std::vector<Stored> batch;
        for (; i < records_ && batch.size() < kBatch; ++i) {
          Stored each;
          each.id = fmt::format("r{:09}", i);
          each.created_ms = each.changed_ms = int64_t(1'700'000'000'000 + i);
          each.created_by = each.changed_by = "u1";
          each.fields = thing(i, random_);
          batch.push_back(std::move(each));
        }
        return rows.insert(batch);
      }));
    }
    fmt::print("{} records loaded, {:.0f}/s; peak {:.0f} MB\n", records_, time.take(double(records_)).rate,
               peak_mb());
  }

  // The same page, by the platform and by hand.
  void compare(const std::string& what, const ListQuery& asked, const std::string& select,
               const std::string& where) {
    Times ours, bare;
    const int rounds = 200;
    for (int i = 0; i < rounds; ++i) {
      const std::string district = fmt::format("d{}", i % 50);
      ListQuery query = asked;
      if (const size_t at = query.where.find('?'); at != query.where.npos)
        query.where.replace(at, 1, "'" + district + "'");
      const auto of_platform = [&]() -> Status {
        return installation_.read([&](sql::Session& session, const Work::Means& means) -> Status {
          Work work(session, means, kOfficial);
          ASSIGN(const auto page, work.list("thing", query));
          found_ = page.records.size();
          return {};
        });
      };
      const auto by_hand = [&]() -> Status {
        return database_.read([&](sql::Session& session) -> Status {
          const std::string text = "select " + select + " from e_thing where " + where;
          ASSIGN(const auto rows,
                 where.find('?') == where.npos ? session.rows(text) : session.rows(text, district));
          bare_found_ = rows.size();
          return {};
        });
      };
      if (i % 2 == 0) {
        ours.take(of_platform);
        bare.take(by_hand);
      } else {
        bare.take(by_hand);
        ours.take(of_platform);
      }
    }
    fmt::print(
        "{}: p50 {:.2f} ms, p95 {:.2f} ms ({} records); bare p50 {:.2f}, p95 {:.2f} ({}); p95 {:.2f} times\n",
        what, ours.at(0.5), ours.at(0.95), found_, bare.at(0.5), bare.at(0.95), bare_found_,
        ours.at(0.95) / bare.at(0.95));
  }

  void pages() {
    std::string all = "id, number, state, version, created_ms, created_by, changed_ms, changed_by";
    for (const pack::Column& each : (*installation_.current()->model("thing"))->layout.columns)
      all += ", " + each.name;
    const auto column = [&](const char* field) {
      return (*installation_.current()->model("thing"))->layout.column(field)->name;
    };
    const std::string present = "deleted_ms is null and ";
    compare("the newest", {.view = "things"}, all,
            fmt::format("deleted_ms is null order by {} desc, id desc limit 51", column("made")));
    compare("of a district, the newest", {.view = "things", .where = "it.district == ?"}, all,
            present +
                fmt::format("{} = ? order by {} desc, id desc limit 51", column("district"), column("made")));
    compare("of a district, many pieces, by day made",
            {.where = "it.district == ? && it.pieces.orValue(0) > 900", .sort = "made"}, all,
            present + fmt::format("{} = ? and {} > 900 order by {}, id limit 51", column("district"),
                                  column("pieces"), column("made")));
  }

  void words() {
    for (const char* text : {"危险", "危险废物", "险", "罕见", "12345号", "罕见 危险"}) {
      Times times;
      for (int i = 0; i < 20; ++i)
        times.take([&]() -> Status {
          return installation_.read([&](sql::Session& session, const Work::Means& means) -> Status {
            Work work(session, means, kOfficial);
            ASSIGN(const auto page, work.list("thing", {.view = "things", .search = text}));
            found_ = page.records.size();
            return {};
          });
        });
      fmt::print("search {}: p50 {:.1f} ms, p95 {:.1f} ms ({} records)\n", text, times.at(0.5),
                 times.at(0.95), found_);
    }
  }

  void create(size_t batch, size_t count) {
    bench::Interval time;
    const auto given = [&] { return Json{{"fields", thing(next_++, random_)}}; };
    for (size_t done = 0; done < count; done += batch) {
      std::vector<Json> rows;
      for (size_t i = 0; i < batch; ++i) rows.push_back(given());
      demand(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
        Work work(session, means, kOfficial);
        for (const Json& each : rows) TRY(work.create("thing", each));
        return {};
      }));
    }
    const auto ours = time.take(double(count));
    demand(database_.transaction([](sql::Session& session) -> Status {
      return session.define(
          "create table if not exists bare as select * from e_thing where 1 = 0; "
          "create index if not exists bare_made on bare (created_ms, id)");
    }));
    std::vector<std::string> names{"id", "version", "created_ms", "created_by", "changed_ms", "changed_by"};
    std::string marks = "?, ?, ?, ?, ?, ?",
                columns = "id, version, created_ms, created_by, changed_ms, changed_by";
    const auto& layout = (*installation_.current()->model("thing"))->layout;
    for (const pack::Column& each : layout.columns) {
      columns += ", " + each.name;
      marks += ", ?";
    }
    time.take(1);
    for (size_t done = 0; done < count; done += batch) {
      sql::Batch rows;
      for (size_t i = 0; i < batch; ++i) {
        const Json fields = thing(next_++, random_);
        std::vector<sql::Value> values{
            fmt::format("b{:09}", next_), 1, 1, std::string("u1"), 1, std::string("u1")};
        for (const pack::Column& each : layout.columns)
          values.push_back(record::to_column(*each.field, fields.at(each.field->name)));
        rows.add_row(record::params_of(values));
      }
      demand(database_.transaction([&](sql::Session& session) {
        return session.run_each(fmt::format("insert into bare ({}) values ({})", columns, marks), rows);
      }));
    }
    const auto bare = time.take(double(count));
    fmt::print(
        "created, {} a transaction: {:.0f}/s, {:.0f} us of processor each; bare inserts {:.0f}/s ({:.1f} "
        "times)\n",
        batch, ours.rate, ours.process_us, bare.rate, bare.rate / ours.rate);
  }

  void export_all();

  sql::Database& database_;
  Installation& installation_;
  const size_t records_;
  std::mt19937_64 random_{8};
  size_t found_ = 0, bare_found_ = 0, next_ = 1'000'000'000;
};

void Bench::export_all() {
  const double before = peak_mb();
  bench::Interval time;
  size_t lines = 0, bytes = 0, wanted = std::min<size_t>(records_, 100'000);
  const Status done =
      record::export_csv(installation_, kOfficial, "thing", {}, [&](std::string_view text) -> Status {
        lines += size_t(std::count(text.begin(), text.end(), '\n'));
        bytes += text.size();
        return lines > wanted ? Status(fail(Code::conflict, "bench.enough")) : Status();
      });
  if (!done && done.error().reason != "bench.enough") demand(done);
  fmt::print("exported {} records, {:.0f} MB: {:.0f}/s; peak {:.0f} MB, {:.0f} MB before\n", lines,
             double(bytes) / 1e6, time.take(double(lines)).rate, peak_mb(), before);
}

Status measure(const std::string& name, const std::string& url, size_t records) {
  fmt::print("== {}\n", name);
  ASSIGN(const auto database, sql::Database::open({.url = url}));
  int64_t made = 0;
  ASSIGN(const auto installation,
         Installation::open(*database, {Bytes(16, 7), [] { return now_ms(); },
                                        [&] { return fmt::format("m{:09}", ++made); }}));
  bench::Interval time;
  TRY(installation->apply(sixty_entities(), {"admin", {}}));
  fmt::print("60 entities of 33 fields, 300 rules: applied in {:.2f} s\n", 1 / time.take(1).rate);
  TRY(installation->remove("sixty", {"admin", {}}));
  TRY(installation->apply(bench_pack(), {"admin", {}}));
  Bench(*database, *installation, records).run();
  return {};
}

Status on_sqlite(size_t records) {
  std::string folder = (fs::temp_directory_path() / "cx-record-bench-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return fail(Code::unavailable, "bench.folder");
  const Status done = measure("SQLite", "sqlite:" + folder + "/bench.sqlite", records);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return done;
}

Status on_postgresql(size_t records) {
  ASSIGN(const auto server, test::Postgres::start());
  ASSIGN(const std::string url, server->create_database());
  return measure("PostgreSQL", url, records);
}

}  // namespace
}  // namespace chengxin

int main(int argc, char** argv) {
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  const size_t records = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  const std::string_view which = argc > 2 ? argv[2] : "";
  if (which != "postgresql") chengxin::demand(chengxin::on_sqlite(std::max<size_t>(records, 1000)));
  if (which != "sqlite") chengxin::demand(chengxin::on_postgresql(std::max<size_t>(records, 1000)));
}
