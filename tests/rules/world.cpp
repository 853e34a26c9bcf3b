#include "world.h"

#include <chrono>

namespace chengxin::rules::world {
namespace {

Json column(const char* name) { return name; }

// Short, so that they meet; and such that bytes, letters and UTF-16 order them differently.
const std::vector<std::string> kTexts = {"",    "a",       "A",      "ab",         "b",    "ba",
                                         "a b", "%",       "_",      "危",         "危险", "险",
                                         "é",   "e\u0301", "\uffee", "\U0001f600", "-7"};
const std::vector<std::string> kStates = {"draft", "sent", "closed"};

template <typename T>
const T& any(const std::vector<T>& of, Random& random) {
  return of[random() % of.size()];
}

// Often small, at times at the ends of what there is.
int64_t whole(Random& random, int64_t most) {
  switch (random() % 8) {
    case 0:
      return most - int64_t(random() % 3);
    case 1:
      return -most + int64_t(random() % 3);
    case 2:
      return 0;
    default:
      return int64_t(random() % 2001) - 1000;
  }
}

constexpr int64_t kUnits = 999'999'999'999'999'999;

std::string decimal(int64_t units, int scale) {
  const std::string digits = std::to_string(units < 0 ? -units : units);
  std::string text = std::string(size_t(std::max(0, scale + 1 - int(digits.size()))), '0') + digits;
  text.insert(text.size() - size_t(scale), ".");
  return (units < 0 ? "-" : "") + text;
}

int64_t day(Random& random) {
  const int64_t ends[] = {-719'162, 2'932'896, -1, 0};
  return random() % 4 ? 20'000 + int64_t(random() % 800) : ends[random() % 4];
}

std::string day_text(int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return fmt::format("{:04}-{:02}-{:02}", int(date.year()), unsigned(date.month()), unsigned(date.day()));
}

std::string time_text(int64_t seconds) {
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

// A value for the table and one for the rule.
struct Cell {
  sql::Value stored;
  Json given;
};

struct Record {
  std::vector<sql::Value> row;
  Json data = Json::object();
  void add(const char* name, Cell cell) {
    row.push_back(std::move(cell.stored));
    data[name] = std::move(cell.given);
  }
};

Cell text(const std::string& value) { return {value, value}; }
Cell integer(int64_t value) { return {value, value}; }
Cell truth(bool value) { return {int64_t(value), value}; }
Cell exact(int64_t units, int scale) { return {units, decimal(units, scale)}; }
Cell date(int64_t value) { return {value, day_text(value)}; }
Cell maybe(Random& random, Cell cell) { return random() % 3 ? std::move(cell) : Cell{{}, nullptr}; }

Record enterprise(int64_t id, Random& random) {
  Record made;
  made.row.emplace_back(id);
  made.add("name", text(any(kTexts, random)));
  made.add("district", text(any(kTexts, random)));
  made.add("rank", integer(whole(random, INT64_MAX)));
  made.add("email", maybe(random, text(any(kTexts, random))));
  return made;
}

Record line(int64_t id, int64_t manifest, Random& random) {
  Record made;
  made.row.emplace_back(id);
  made.row.emplace_back(manifest);
  made.add("waste", text(any(kTexts, random)));
  made.add("quantity", exact(whole(random, kUnits), 3));
  made.add("count", maybe(random, integer(whole(random, INT64_MAX))));
  made.add("flag", truth(random() % 2));
  return made;
}

Status insert(sql::Session& session, std::string_view table, const std::vector<Record>& records) {
  return session.append(table, records.front().row.size(), [&](const sql::PutRow& put) -> Status {
    for (const Record& record : records) {
      const std::vector<sql::Param> params(record.row.begin(), record.row.end());
      TRY(put(params));
    }
    return {};
  });
}

Record manifest(int64_t id, const std::vector<Record>& enterprises, Random& random) {
  Record made;
  made.row.emplace_back(id);
  made.add("total", exact(whole(random, kUnits), 3));
  made.add("price", exact(whole(random, kUnits), 1));
  made.add("serial", integer(whole(random, INT64_MAX)));
  made.add("note", maybe(random, text(any(kTexts, random))));
  made.add("number", text(any(kTexts, random)));
  made.add("sealed", truth(random() % 2));
  made.add("day", date(day(random)));
  made.add("arrived", maybe(random, integer(int64_t(random() % 4'000'000'000'000) - 2'000'000'000'000)));
  const int64_t start = int64_t(random() % 86'400);
  made.add("start", {start, time_text(start)});
  made.add("state", text(any(kStates, random)));
  const Bytes digest(random() % 3, uint8_t(random() % 2 * 0xff));
  made.add("digest", {digest, hex(digest)});
  const size_t producer = random() % enterprises.size(), carrier = random() % enterprises.size();
  made.add("producer", {enterprises[producer].row[0], enterprises[producer].data});
  made.add("carrier", maybe(random, {enterprises[carrier].row[0], enterprises[carrier].data}));
  return made;
}

}  // namespace

const Json kEnvironment = {
    {"it", {{"object", "manifest"}}},
    {"me", {{"object", "person"}}},
    {"today", "date"},
    {"now", "instant"},
    {"dictionaries", {{"state", {"draft", "sent", "closed"}}}},
    {"objects",
     {{"manifest",
       {{"fields",
         {{"total", {{"decimal", 3}, {"unit", "t"}}},
          {"price", {{"decimal", 1}}},
          {"serial", "int"},
          {"note", {{"type", "text"}, {"optional", true}}},
          {"number", "text"},
          {"sealed", "bool"},
          {"day", "date"},
          {"arrived", {{"type", "instant"}, {"optional", true}}},
          {"start", "time"},
          {"state", {{"dictionary", "state"}}},
          {"digest", "bytes"},
          {"producer", {{"ref", "enterprise"}}},
          {"carrier", {{"ref", "enterprise"}, {"optional", true}}},
          {"lines", {{"list", {{"object", "manifest.lines"}}}}},
          {"tags", {{"list", "text"}}}}}}},
      {"manifest.lines",
       {{"fields",
         {{"waste", "text"},
          {"quantity", {{"decimal", 3}, {"unit", "t"}}},
          {"count", {{"type", "int"}, {"optional", true}}},
          {"flag", "bool"}}}}},
      {"enterprise",
       {{"fields",
         {{"name", "text"},
          {"district", "text"},
          {"rank", "int"},
          {"email", {{"type", "text"}, {"optional", true}}}}}}},
      {"person",
       {{"fields",
         {{"district", "text"}, {"districts", {{"list", "text"}}}, {"limit", {{"decimal", 2}}}}}}}}}};

const Json kMapping = {{"alias", "m"},
                       {"objects",
                        {{"manifest",
                          {{"table", "manifest"},
                           {"key", "id"},
                           {"fields",
                            {{"total", column("total")},
                             {"price", column("price")},
                             {"serial", column("serial")},
                             {"note", column("note")},
                             {"number", {{"sql", "{}.number"}}},
                             {"sealed", column("sealed")},
                             {"day", column("day")},
                             {"arrived", column("arrived")},
                             {"start", column("start")},
                             {"state", column("state")},
                             {"digest", column("digest")},
                             {"producer", column("producer")},
                             {"carrier", column("carrier")},
                             {"lines", {{"of", "manifest"}}},
                             {"tags", {{"table", "tag"}, {"of", "manifest"}, {"value", "tag"}}}}}}},
                         {"manifest.lines",
                          {{"table", "line"},
                           {"key", "id"},
                           {"fields",
                            {{"waste", column("waste")},
                             {"quantity", column("quantity")},
                             {"count", column("count")},
                             {"flag", column("flag")}}}}},
                         {"enterprise",
                          {{"table", "enterprise"},
                           {"key", "id"},
                           {"fields",
                            {{"name", column("name")},
                             {"district", column("district")},
                             {"rank", column("rank")},
                             {"email", column("email")}}}}}}}};

Json variables(Random& random) {
  Json districts = Json::array();
  for (size_t i = random() % 3; i > 0; --i) districts.push_back(any(kTexts, random));
  return {{"me",
           {{"district", any(kTexts, random)},
            {"districts", districts},
            {"limit", decimal(whole(random, kUnits), 2)}}},
          {"today", day_text(20'400)},
          {"now", 1'763'000'000'000}};
}

Status create(sql::Database& database) {
  static constexpr sql::Migration kTables[] = {
      {1,
       "create table enterprise (id {int} primary key, name {text} not null, district {text} not null, rank "
       "{int} not null, email {text}) {strict};"
       "create table manifest (id {int} primary key, total {int} not null, price {int} not null, serial "
       "{int} "
       "not null, note {text}, number {text} not null, sealed {int} not null, day {int} not null, arrived "
       "{int}, start {int} not null, state {text} not null, digest {blob} not null, producer {int} not null, "
       "carrier {int}) {strict};"
       "create table line (id {int} primary key, manifest {int} not null, waste {text} not null, quantity "
       "{int} not null, count {int}, flag {int} not null) {strict};"
       "create table tag (id {int} primary key, manifest {int} not null, tag {text} not null) {strict}"}};
  return database.migrate("world", kTables);
}

Result<std::vector<Json>> fill(sql::Database& database, Random& random, int count) {
  std::vector<Record> enterprises, manifests, lines, tags;
  for (int64_t id = 1; id <= 5; ++id) enterprises.push_back(enterprise(id, random));
  for (int64_t id = 1; id <= count; ++id) {
    Record made = manifest(id, enterprises, random);
    made.data["lines"] = made.data["tags"] = Json::array();
    for (size_t i = random() % 4; i > 0; --i) {
      lines.push_back(line(int64_t(lines.size()) + 1, id, random));
      made.data["lines"].push_back(lines.back().data);
    }
    for (size_t i = random() % 3; i > 0; --i) {
      const std::string& tag = any(kTexts, random);
      tags.push_back({{int64_t(tags.size()) + 1, id, tag}, {}});
      made.data["tags"].push_back(tag);
    }
    manifests.push_back(std::move(made));
  }
  const auto work = [&](sql::Session& session) -> Status {
    for (const char* table : {"tag", "line", "manifest", "enterprise"})
      TRY(session.run(std::string("delete from ") + table));
    TRY(insert(session, "enterprise", enterprises));
    TRY(insert(session, "manifest", manifests));
    if (!lines.empty()) TRY(insert(session, "line", lines));
    return tags.empty() ? Status() : insert(session, "tag", tags);
  };
  TRY(database.transaction(work));
  std::vector<Json> data;
  for (Record& record : manifests) data.push_back(std::move(record.data));
  return data;
}

}  // namespace chengxin::rules::world
