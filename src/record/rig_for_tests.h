#pragma once
#include "record/installation.h"
#include "support/databases.h"

namespace chengxin::record {

using Content = std::map<std::string, std::string>;

inline Bytes packed(const Content& content) {
  project::Files files;
  for (const auto& [path, text] : content) files[path] = to_bytes(view(text));
  return pack::write_packed(files, nullptr).value();
}

// A pack called house with these entities, by name.
inline Bytes house(const std::string& version, const Content& entities, const Content& others = {}) {
  Content content = others;
  content["pack.yaml"] = fmt::format(
      "pack: house\nversion: {}\nengine: \">=1.0 <2\"\ntitle: 房屋\nroles: {{clerk: 职员, guest: 访客}}\n",
      version);
  for (const auto& [name, text] : entities)
    content["entities/" + name + ".yaml"] = "entity: " + name + "\ntitle: 房\n" + text;
  return packed(content);
}

// Installations on one database, each as a process of its own would have it.
class RecordsOnEachDatabase : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    database = open();
    ASSERT_TRUE(database);
    installation = install();
  }

  std::unique_ptr<Installation> install() {
    const auto make_id = [this] { return fmt::format("r{:03}", ++made_); };
    auto out = Installation::open(*database, {Bytes(16, 7), [this] { return now_ms; }, make_id});
    EXPECT_TRUE(out) << out.error().to_string();
    return out ? std::move(*out) : nullptr;
  }

  Report apply(const Bytes& archive, std::set<std::string> lose = {}) {
    auto done = installation->apply(archive, {"admin", std::move(lose)});
    EXPECT_TRUE(done) << done.error().to_string();
    return done.value_or(Report{});
  }
  std::string refused(const Bytes& archive, std::set<std::string> lose = {}) {
    const auto done = installation->apply(archive, {"admin", std::move(lose)});
    return done ? "applied" : done.error().reason + ": " + done.error().detail;
  }

  // What `task` gives, in one transaction; "reason: detail" of an error, and for a form each mistake in it.
  template <typename Task>
  auto as(const Person& person, Task task) {
    using Value = typename decltype(task(std::declval<Work&>()))::value_type;
    Result<Value> out = fail(Code::internal, "not run");
    wrongs.clear();
    const Status done = installation->work([&](sql::Session& session, const Work::Means& means) -> Status {
      Work work(session, means, person);
      out = task(work);
      wrongs = work.wrongs();
      return out ? Status() : Status(tl::unexpected(out.error()));
    });
    if (!done && out) out = tl::unexpected(done.error());
    return out;
  }
  Result<Json> create(const Person& person, const std::string& entity, const Json& fields,
                      const std::string& id = "") {
    Json given = {{"fields", fields}};
    if (!id.empty()) given["id"] = id;
    return as(person, [&](Work& work) { return work.create(entity, given); });
  }
  Result<Json> get(const Person& person, const std::string& entity, const std::string& id) {
    return as(person, [&](Work& work) { return work.get(entity, id); });
  }
  Result<Json> change(const Person& person, const std::string& entity, const std::string& id,
                      const Json& fields, int64_t version) {
    return as(person, [&](Work& work) { return work.change(entity, id, fields, version); });
  }
  std::string remove(const Person& person, const std::string& entity, const std::string& id,
                     int64_t version) {
    const auto done = as(person, [&](Work& work) {
      return Result<bool>(work.remove(entity, id, version).map([] { return true; }));
    });
    return done ? "" : done.error().reason;
  }
  // Ids of all pages.
  std::vector<std::string> list(const Person& person, const std::string& entity, ListQuery query = {}) {
    std::vector<std::string> out;
    do {
      const auto page = as(person, [&](Work& work) { return work.list(entity, query); });
      if (!page) return {page.error().reason + ": " + page.error().detail};
      for (const Json& each : page->records) out.push_back(each.at("id"));
      query.cursor = page->next;
    } while (!query.cursor.empty());
    return out;
  }
  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const Wrong& each : wrongs) out.push_back(each.field + " " + each.reason);
    return out;
  }

  std::unique_ptr<sql::Database> database;
  std::unique_ptr<Installation> installation;
  Wrongs wrongs;
  int64_t now_ms = 1'795'000'000'000;  // 2026-11-18T19:06:40+08:00
  std::atomic<int> made_ = 0;
};

inline std::string reason(const auto& result) { return result ? "" : result.error().reason; }

}  // namespace chengxin::record
