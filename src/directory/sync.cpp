#include "directory/sync.h"

#include <algorithm>
#include <set>

#include "crypto/random.h"
#include "crypto/sm3.h"
#include "identity/contract.h"
#include "sql/database.h"

namespace chengxin::directory {
namespace {

using namespace identity;

constexpr size_t kBatch = 200;
constexpr std::string_view kNames[] = {"create", "update", "move", "suspend", "restore"};

using ByExternal = std::map<std::string, const Entry*>;

ByExternal by_external(const std::vector<Entry>& entries) {
  ByExternal out;
  for (const Entry& each : entries) out[each.external] = &each;
  return out;
}

// Parents before their children. directory.parent where one is not in the file, or is its own ancestor.
Result<std::vector<const Entry*>> in_order(const std::vector<Entry>& entries) {
  const ByExternal all = by_external(entries);
  std::vector<const Entry*> out;
  std::set<std::string> placed;
  for (const Entry& entry : entries) {
    std::vector<const Entry*> above;
    for (const Entry* at = &entry; !placed.contains(at->external);) {
      above.push_back(at);
      if (at->parent.empty()) break;
      const auto parent = all.find(at->parent);
      if (parent == all.end() || above.size() > kMaxDepth)
        return fail(Code::invalid_argument, "directory.parent", "{} is below {}", at->external, at->parent);
      at = parent->second;
    }
    for (; !above.empty(); above.pop_back()) {
      placed.insert(above.back()->external);
      out.push_back(above.back());
    }
  }
  return out;
}

Result<std::optional<Subject>> on_chain(const Read& read, const SubjectId& id) {
  return read_record<Subject>(read, subject_key(id));
}

bool has_ended(const Subject& subject) {
  return subject.status == SubjectStatus::revoked || subject.status == SubjectStatus::deactivated;
}

template <typename T>
std::vector<std::vector<T>> in_batches(const std::vector<T>& all) {
  std::vector<std::vector<T>> out;
  for (size_t i = 0; i < all.size(); i += kBatch)
    out.emplace_back(all.begin() + std::ptrdiff_t(i),
                     all.begin() + std::ptrdiff_t(std::min(i + kBatch, all.size())));
  return out;
}

}  // namespace

std::string_view name_of(Action action) { return kNames[size_t(action)]; }

Digest Plan::digest() const {
  Json all = Json::array();
  for (const Difference& each : differences)
    all.push_back({std::string(name_of(each.action)), each.external, each.subject ? hex(*each.subject) : ""});
  return crypto::sm3(view(all.dump()));
}

Json describe(const Plan& plan, size_t most) {
  Json counts = Json::object(), items = Json::array();
  for (std::string_view name : kNames) counts[std::string(name)] = 0;
  for (const Difference& each : plan.differences) {
    Json& count = counts[std::string(name_of(each.action))];
    count = count.get<size_t>() + 1;
    if (items.size() >= most) continue;
    Json item = {{"action", name_of(each.action)}, {"external", each.external}, {"why", each.why}};
    if (each.subject) item["identity"] = hex(*each.subject);
    items.push_back(std::move(item));
  }
  return {{"plan", hex(plan.digest())},
          {"counts", counts},
          {"total", plan.differences.size()},
          {"differences", items}};
}

// Keyed, so that the row tells nothing of what it is of.
Digest Sync::content_of(const Entry& entry) const {
  return personal_.mark("content", canonical_json(entry.personal).value_or(std::string()));
}

Result<Sync::Rows> Sync::rows_of(const Place& place, const std::string& source) {
  Rows out;
  TRY(database_.read([&](sql::Session& session) {
    out.clear();
    return session.each(
        "select external, subject, seed, content from identity_entry where chain = ? and source = ?",
        [&](const sql::Row& row) -> Status {
          ASSIGN(const SubjectId subject, [&]() -> Result<SubjectId> {
            ASSIGN(const Bytes bytes, unhex(row[1].text()));
            SubjectId id{};
            if (bytes.size() != id.size()) return fail(Code::data_loss, "directory.damaged");
            std::copy(bytes.begin(), bytes.end(), id.begin());
            return id;
          }());
          out[row[0].text()] = {subject, row[2].blob(), row[3].blob()};
          return {};
        },
        place.chain, source);
  }));
  return out;
}

Status Sync::keep(sql::Session& session, const std::string& chain, const std::string& source,
                  const std::string& external, const Row& row) {
  TRY(session.run("delete from identity_entry where chain = ? and source = ? and external = ?", chain, source,
                  external));
  TRY(
      session.run("insert into identity_entry (chain, source, external, subject, seed, content) values (?, "
                  "?, ?, ?, ?, ?)",
                  chain, source, external, hex(row.subject), row.seed, row.content));
  return {};
}

Result<Plan> Sync::plan(const Place& place, const std::string& source, const std::vector<Entry>& entries) {
  ASSIGN(const auto ordered, in_order(entries));
  ASSIGN(const Rows rows, rows_of(place, source));
  Plan out;
  const auto differ = [&](Action action, const std::string& external, std::optional<SubjectId> subject,
                          std::string why) {
    out.differences.push_back({action, external, subject, std::move(why)});
  };
  for (const Entry* entry : ordered) {
    const auto row = rows.find(entry->external);
    std::optional<Subject> subject;
    if (row != rows.end()) {
      ASSIGN(subject, on_chain(place.read, row->second.subject));
    }
    if (!subject) {
      differ(Action::create, entry->external, {}, std::string(format::name_of(entry->kind)));
      if (!entry->active) differ(Action::suspend, entry->external, {}, "suspended in the directory");
      continue;
    }
    const SubjectId id = row->second.subject;
    if (has_ended(*subject)) continue;
    if (!equal(row->second.content, content_of(*entry)))
      differ(Action::update, entry->external, id, "other data");
    const auto above = rows.find(entry->parent);
    const std::optional<SubjectId> parent =
        above == rows.end() ? std::nullopt : std::optional(above->second.subject);
    if (parent != subject->parent) differ(Action::move, entry->external, id, "to " + entry->parent);
    const bool active = subject->status == SubjectStatus::active;
    if (active && !entry->active) differ(Action::suspend, entry->external, id, "suspended in the directory");
    if (!active && entry->active) differ(Action::restore, entry->external, id, "active in the directory");
  }
  const ByExternal named = by_external(entries);
  for (const auto& [external, row] : rows) {
    if (named.contains(external)) continue;
    ASSIGN(const auto subject, on_chain(place.read, row.subject));
    if (subject && subject->status == SubjectStatus::active)
      differ(Action::suspend, external, row.subject, "no longer in the directory");
  }
  return out;
}

// Each batch is one transaction of the database and one call. What was kept and did not reach the chain is
// created again by the next plan, under the same seed.
Status Sync::create(const Place& place, const std::string& source, const std::vector<const Entry*>& entries,
                    const Submit& submit, const Done& done) {
  ASSIGN(Rows rows, rows_of(place, source));
  uint64_t created = 0;
  for (const auto& batch : in_batches(entries)) {
    Register call;
    TRY(database_.transaction([&](sql::Session& session) -> Status {
      call.subjects.clear();
      for (const Entry* entry : batch) {
        Row& row = rows[entry->external];
        if (row.seed.empty()) row.seed = crypto::random_bytes(32);
        row.subject = subject_id(place.chain_id, place.registrar, row.seed);
        const Digest content = content_of(*entry);
        row.content = Bytes(content.begin(), content.end());
        NewSubject subject;
        subject.kind = entry->kind;
        subject.seed = row.seed;
        if (!entry->parent.empty()) subject.parent = rows[entry->parent].subject;
        if (!entry->unique.empty())
          subject.unique = personal_.mark(format::name_of(entry->kind), entry->unique);
        ASSIGN(subject.commitment, personal_.keep(session, place.chain, row.subject, entry->personal));
        TRY(keep(session, place.chain, source, entry->external, row));
        call.subjects.push_back(std::move(subject));
      }
      return {};
    }));
    TRY(submit({"identity", "register", encode(call)}));
    done(created += batch.size());
  }
  return {};
}

Status Sync::change(const Place& place, const std::string& source, const std::vector<const Entry*>& entries,
                    const Submit& submit, const Done& done) {
  ASSIGN(Rows rows, rows_of(place, source));
  uint64_t changed = 0;
  for (const auto& batch : in_batches(entries)) {
    UpdateMany call;
    TRY(database_.transaction([&](sql::Session& session) -> Status {
      call.updates.clear();
      for (const Entry* entry : batch) {
        const Row& row = rows[entry->external];
        ASSIGN(const Subject subject, subject_of(place.read, row.subject));
        Update update{{row.subject, subject.version}, {}, subject.commitment, "directory"};
        if (!entry->parent.empty()) update.parent = rows[entry->parent].subject;
        if (!equal(row.content, content_of(*entry))) {
          ASSIGN(update.commitment, personal_.keep(session, place.chain, row.subject, entry->personal));
        }
        call.updates.push_back(std::move(update));
      }
      return {};
    }));
    TRY(submit({"identity", "update", encode(call)}));
    TRY(database_.transaction([&](sql::Session& session) -> Status {
      for (const Entry* entry : batch) {
        Row& row = rows[entry->external];
        const Digest content = content_of(*entry);
        row.content = Bytes(content.begin(), content.end());
        TRY(keep(session, place.chain, source, entry->external, row));
      }
      return {};
    }));
    done(changed += batch.size());
  }
  return {};
}

Result<Plan> Sync::apply(const Place& place, const std::string& source, const std::vector<Entry>& entries,
                         const Digest& agreed, const Submit& submit,
                         const std::function<void(uint64_t, uint64_t)>& report) {
  ASSIGN(Plan now, plan(place, source, entries));
  if (now.digest() != agreed) return fail(Code::conflict, "directory.plan_changed");
  const ByExternal named = by_external(entries);
  std::vector<const Entry*> created, changed;
  std::set<std::string> once;
  for (const Difference& each : now.differences) {
    if (each.action == Action::create) created.push_back(named.at(each.external));
    if ((each.action == Action::update || each.action == Action::move) && once.insert(each.external).second)
      changed.push_back(named.at(each.external));
  }
  const uint64_t total = now.differences.size();
  TRY(create(place, source, created, submit, [&](uint64_t done) { report(done, total); }));
  TRY(change(place, source, changed, submit, [&](uint64_t done) { report(created.size() + done, total); }));
  ASSIGN(const Rows rows, rows_of(place, source));
  for (const Action action : {Action::suspend, Action::restore}) {
    std::vector<Expected> of;
    for (const Difference& each : now.differences) {
      if (each.action != action) continue;
      const SubjectId id = rows.at(each.external).subject;
      ASSIGN(const Subject subject, subject_of(place.read, id));
      of.push_back({id, subject.version});
    }
    for (const auto& batch : in_batches(of))
      TRY(submit({"identity", std::string(name_of(action)), encode(ChangeStatus{batch, "directory"})}));
  }
  report(total, total);
  return now;
}

}  // namespace chengxin::directory
