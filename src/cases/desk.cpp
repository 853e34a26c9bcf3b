#include "cases/desk.h"

#include <algorithm>

#include "cases/records.h"

namespace chengxin::cases {
namespace {

using record::Catalogue;
using record::Person;
using record::Work;

constexpr size_t kMostRows = 200, kMessages = 500;
constexpr int64_t kMoves = 100;

constexpr sql::Migration kTables[] = {{1, R"(
create table cases_message (id {text} not null primary key, person {text} not null, kind {text} not null,
  case_id {int} not null, task {text} not null, detail {text} not null, at_ms {int} not null, read_ms {int})
  {strict};
create index cases_message_person on cases_message (person, at_ms, id);
create index cases_message_unread on cases_message (person, at_ms, id) where read_ms is null;
)"}};

Json titles(const pack::Titles& title) { return {{"zh", title.zh}, {"en", title.en}}; }

std::string text_in(const pack::Node* node, std::string_view member) {
  const pack::Node* found = node ? node->find(member) : nullptr;
  return found ? found->text : std::string();
}

const pack::Part* process_in(const Catalogue& catalogue, std::string_view name,
                             const pack::Pack** of = nullptr) {
  for (const pack::Pack& pack : catalogue.packs())
    for (const pack::Part& each : pack.processes)
      if (each.name == name) {
        if (of) *of = &pack;
        return &each;
      }
  return nullptr;
}

Json title_of(const Catalogue& catalogue, std::string_view process) {
  const pack::Part* part = process_in(catalogue, process);
  const pack::Node* title = part ? part->source->root.find("title") : nullptr;
  if (!title) return {{"zh", std::string(process)}, {"en", std::string(process)}};
  if (title->is(pack::Node::Kind::scalar)) return {{"zh", title->text}, {"en", ""}};
  return {{"zh", text_in(title, "zh")}, {"en", text_in(title, "en")}};
}

void put_record(const std::string& called, Json& into) {
  const size_t slash = called.find('/');
  into["entity"] = called.substr(0, slash);
  into["record"] = called.substr(slash + 1);
}

Json event_json(int64_t id, const flow::Event& event) {
  Json out = {{"seq", event.seq}, {"at_ms", event.at_ms}, {"who", event.who}, {"what", event.what}};
  if (!event.step.empty()) out["step"] = event.step;
  if (event.task > 0) out["task"] = flow::id_of(id, event.task);
  if (!event.detail.empty()) out["detail"] = event.detail;
  return out;
}

bool is_his(const flow::Case& at, int64_t task, const std::string& person) {
  return std::any_of(at.open.tasks.begin(), at.open.tasks.end(), [&](const flow::Task& each) {
    return (task == 0 || each.id == task) &&
           std::find(each.people.begin(), each.people.end(), person) != each.people.end();
  });
}

// What a decision was made by, as far as the reader sees it in the record.
void cut_inputs(const Json& of, Json& event) {
  if (!event.contains("detail") || !event["detail"].contains("why")) return;
  Json& why = event["detail"]["why"];
  if (!why.is_object() || !why.contains("inputs")) return;
  const Json masked = of.is_object() ? of.value("masked", Json::array()) : Json::array();
  Json seen = Json::object();
  for (const auto& [name, value] : why["inputs"].items())
    if (of.is_object() && of.at("fields").contains(name) &&
        std::find(masked.begin(), masked.end(), Json(name)) == masked.end())
      seen[name] = value;
  why["inputs"] = std::move(seen);
}

// The fields that a form asks for.
std::set<std::string> fields_of(const Catalogue& catalogue, const std::string& form) {
  std::set<std::string> out;
  for (const pack::Pack& pack : catalogue.packs())
    for (const pack::Part& view : pack.views) {
      const pack::Node* sections = view.name == form ? view.source->root.find("sections") : nullptr;
      if (!sections) continue;
      for (const pack::Node& section : sections->items)
        if (const pack::Node* fields = section.find("fields"))
          for (const pack::Node& each : fields->items) out.insert(each.text);
    }
  return out;
}

}  // namespace

Desk::Desk(sql::Database& database, record::Installation& installation, const Staff& staff,
           std::function<int64_t()> now_ms)
    : database_(database),
      installation_(installation),
      now_ms_(std::move(now_ms)),
      records_(std::make_unique<Records>(installation, staff)),
      engine_(*records_, {std::string(Records::kAdministrators)}) {}

Status migrate(sql::Database& database) { return database.migrate("cases", kTables); }

Desk::~Desk() = default;

Result<std::unique_ptr<Desk>> Desk::open(sql::Database& database, record::Installation& installation,
                                         const Staff& staff, std::function<int64_t()> now_ms) {
  TRY(flow::Engine::migrate(database));
  TRY(cases::migrate(database));
  return std::unique_ptr<Desk>(new Desk(database, installation, staff, std::move(now_ms)));
}

// New cases begin with the processes of the packs that are installed.
Status Desk::publish(sql::Session& session, const Catalogue& catalogue) {
  if (published_ == catalogue.epoch()) return {};
  for (const pack::Pack& pack : catalogue.packs())
    for (const pack::Part& each : pack.processes)
      TRY(engine_.publish(session, flow::Process::compile(pack, each), now_ms_()));
  return {};
}

Result<Json> Desk::described(sql::Session& session, const Work::Means& means, const flow::Case& at) {
  Json out = {
      {"id", at.id},           {"process", at.process}, {"title", title_of(means.catalogue, at.process)},
      {"starter", at.starter}, {"status", at.status},   {"begun_ms", at.begun_ms}};
  put_record(at.record, out);
  if (at.ended_ms > 0) out["ended_ms"] = at.ended_ms;
  ASSIGN(const auto process, engine_.process_of(session, at));
  Json open = Json::array();
  for (const flow::Task& each : at.open.tasks) {
    const auto token = std::find_if(at.open.tokens.begin(), at.open.tokens.end(),
                                    [&](const flow::Token& one) { return one.id == each.token; });
    const flow::Step* step = token == at.open.tokens.end() ? nullptr : process->find(token->step);
    Json task = {{"id", flow::id_of(at.id, each.id)}, {"people", each.people}, {"waits", each.waits}};
    if (step) {
      task["step"] = step->name;
      task["title"] = titles(step->title);
      if (!step->form.empty()) task["form"] = step->form;
    }
    if (each.due_ms > 0) task["due_ms"] = each.due_ms;
    open.push_back(std::move(task));
  }
  out["tasks"] = std::move(open);
  return out;
}

Result<Json> Desk::start(const Person& person, const std::string& process, const std::string& record,
                         const std::string& comment) {
  Json out;
  int64_t epoch = 0;
  TRY(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
    const pack::Part* part = process_in(means.catalogue, process);
    if (!part) return fail(Code::not_found, "cases.process_unknown", "{}", process);
    const std::string entity = text_in(&part->source->root, "for"), called = entity + "/" + record;
    Work work(session, means, person);
    TRY(work.get(entity, record).map([](const Json&) {}));
    TRY(publish(session, means.catalogue));
    epoch = means.catalogue.epoch();
    ASSIGN(const auto others, engine_.cases_of(session, called));
    for (const int64_t id : others) {
      ASSIGN(const flow::Case other, engine_.find(session, id));
      if (other.is_open() && other.process == process)
        return fail(Code::conflict, "cases.running", "{} {}", process, id);
    }
    ASSIGN(const int64_t id, engine_.start(session, process, called, {person.id, means.now_ms, comment}));
    ASSIGN(const flow::Case made, engine_.find(session, id));
    ASSIGN(out, described(session, means, made));
    return {};
  }));
  published_ = epoch;
  return out;
}

Result<Json> Desk::act(const Person& person, const std::string& task, const Deed& deed,
                       record::Wrongs& wrongs) {
  const auto at = flow::parse_id(task);
  if (!at) return fail(Code::not_found, "flow.task_unknown", "{}", task);
  Json out;
  TRY(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
    wrongs.clear();
    ASSIGN(const flow::Case before, engine_.find(session, at->first));
    if (!deed.fields.is_null()) {
      if (!is_his(before, at->second, person.id)) {  // the engine says why
        TRY(engine_.act(session,
                        {deed.verb, task, {person.id, means.now_ms, deed.comment}, deed.people, deed.step}));
        return fail(Code::forbidden, "flow.not_yours", "{}", task);
      }
      ASSIGN(const auto process, engine_.process_of(session, before));
      std::string form;
      for (const flow::Task& each : before.open.tasks)
        for (const flow::Token& token : before.open.tokens)
          if (each.id == at->second && token.id == each.token)
            if (const flow::Step* step = process->find(token.step)) form = step->form;
      if (deed.verb != flow::Verb::complete || form.empty())
        return fail(Code::invalid_argument, "cases.no_form", "{}", task);
      Work work(session, means, person);
      ASSIGN(const auto found, Records::load(work, means.catalogue, before.record));
      const auto filled = work.fill(*found.model, found.record.id, deed.fields,
                                    fields_of(means.catalogue, form), deed.version);
      wrongs = work.wrongs();
      TRY(filled);
    }
    TRY(engine_.act(session,
                    {deed.verb, task, {person.id, means.now_ms, deed.comment}, deed.people, deed.step}));
    ASSIGN(const flow::Case after, engine_.find(session, at->first));
    ASSIGN(out, described(session, means, after));
    return {};
  }));
  return out;
}

Result<Json> Desk::withdraw(const Person& person, int64_t id, const std::string& comment) {
  Json out;
  TRY(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
    TRY(engine_.withdraw(session, id, {person.id, means.now_ms, comment}));
    ASSIGN(const flow::Case after, engine_.find(session, id));
    ASSIGN(out, described(session, means, after));
    return {};
  }));
  return out;
}

Result<bool> Desk::may_see(sql::Session& session, const Work::Means& means, const Person& person,
                           const flow::Case& at) {
  if (at.starter == person.id) return true;
  if (is_his(at, 0, person.id)) return true;
  ASSIGN(const auto did,
         session.row("select seq from flow_event where who = ? and case_id = ? limit 1", person.id, at.id));
  if (did) return true;
  Work work(session, means, person);
  const size_t slash = at.record.find('/');
  const auto seen = work.get(at.record.substr(0, slash), at.record.substr(slash + 1));
  if (!seen && seen.error().code != Code::not_found && seen.error().code != Code::forbidden)
    return tl::unexpected(seen.error());
  return seen.has_value();
}

Result<Json> Desk::find(const Person& person, int64_t id) {
  Json out;
  TRY(installation_.read([&](sql::Session& session, const Work::Means& means) -> Status {
    const auto at = engine_.find(session, id);
    if (!at && at.error().reason != "flow.case_unknown") return tl::unexpected(at.error());
    const auto sees = at ? may_see(session, means, person, *at) : Result<bool>(false);
    TRY(sees);
    if (!*sees) return fail(Code::not_found, "cases.not_found", "{}", id);
    ASSIGN(out, described(session, means, *at));
    ASSIGN(const auto history, engine_.history(session, id, 0, 10'000));
    // The record by what he may see of it; whose task it is sees it by that too.
    Work work(session, means, person);
    const size_t slash = at->record.find('/');
    auto of = work.get(at->record.substr(0, slash), at->record.substr(slash + 1));
    if (of) {
      out["of"] = std::move(*of);
    } else if (is_his(*at, 0, person.id)) {
      const auto found = Records::load(work, means.catalogue, at->record);
      if (found) out["of"] = work.shown_for_task(*found->model, found->record);
    }
    out["history"] = Json::array();
    for (const flow::Event& each : history) {
      Json event = event_json(id, each);
      cut_inputs(out.value("of", Json()), event);
      out["history"].push_back(std::move(event));
    }
    return {};
  }));
  return out;
}

Result<PageOf> Desk::page(const sql::Query& query, const std::string& cursor, size_t limit,
                          const std::function<Json(const Catalogue&, const sql::Row&)>& describe) {
  PageOf out;
  TRY(installation_.read([&](sql::Session& session, const Work::Means& means) -> Status {
    ASSIGN(const sql::Page page, session.page(query, cursor, std::clamp<size_t>(limit, 1, kMostRows)));
    out = {{}, page.next};
    for (const sql::Row& row : page.rows) out.items.push_back(describe(means.catalogue, row));
    return {};
  }));
  return out;
}

Result<PageOf> Desk::tasks(const Person& person, const std::string& cursor, size_t limit) {
  return page(flow::Engine::tasks_of(person.id), cursor, limit,
              [](const Catalogue& catalogue, const sql::Row& row) {
                Json out = {{"id", flow::id_of(row.integer(0), row.integer(1))},
                            {"case", row.integer(0)},
                            {"step", row.text(2)},
                            {"process", row.text(4)},
                            {"title", title_of(catalogue, row.text(4))},
                            {"starter", row.text(6)}};
                put_record(row.text(5), out);
                if (!row.is_null(3) && row.integer(3) > 0) out["due_ms"] = row.integer(3);
                return out;
              });
}

Result<PageOf> Desk::begun(const Person& person, const std::string& cursor, size_t limit) {
  return page(flow::Engine::begun_by(person.id), cursor, limit,
              [](const Catalogue& catalogue, const sql::Row& row) {
                Json out = {{"id", row.integer(0)},
                            {"process", row.text(1)},
                            {"title", title_of(catalogue, row.text(1))},
                            {"status", row.text(3)},
                            {"begun_ms", row.integer(4)}};
                put_record(row.text(2), out);
                if (!row.is_null(5)) out["ended_ms"] = row.integer(5);
                return out;
              });
}

Result<PageOf> Desk::done(const Person& person, const std::string& cursor, size_t limit) {
  return page(flow::Engine::done_by(person.id), cursor, limit, [](const Catalogue&, const sql::Row& row) {
    Json out = {
        {"case", row.integer(0)}, {"seq", row.integer(1)}, {"at_ms", row.integer(2)}, {"what", row.text(3)}};
    if (!row.text(4).empty()) out["step"] = row.text(4);
    if (row.integer(5) > 0) out["task"] = flow::id_of(row.integer(0), row.integer(5));
    return out;
  });
}

Result<PageOf> Desk::messages(const Person& person, bool unread, const std::string& cursor, size_t limit) {
  sql::Query query("select at_ms, id, kind, case_id, task, detail, read_ms from cases_message");
  query.where("person = ?", person.id).keys({"at_ms", "id"}, sql::Order::descending);
  if (unread) query.where("read_ms is null");
  return page(query, cursor, limit, [](const Catalogue&, const sql::Row& row) {
    Json out = {{"id", row.text(1)},
                {"kind", row.text(2)},
                {"case", row.integer(3)},
                {"detail", Json::parse(row.text(5), nullptr, false)},
                {"at_ms", row.integer(0)}};
    if (!row.text(4).empty()) out["task"] = row.text(4);
    if (!row.is_null(6)) out["read_ms"] = row.integer(6);
    return out;
  });
}

Status Desk::mark_read(const Person& person, const std::string& id) {
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(const auto found,
           session.row("select read_ms from cases_message where id = ? and person = ?", id, person.id));
    if (!found) return fail(Code::not_found, "cases.message_unknown", "{}", id);
    TRY(session.run("update cases_message set read_ms = ? where id = ? and read_ms is null", now_ms_(), id));
    return {};
  });
}

// Processes of newer packs, and cases that run on older ones.
Status Desk::renew(int64_t& moved) {
  int64_t epoch = 0;
  TRY(installation_.work([&](sql::Session& session, const Work::Means& means) -> Status {
    moved = 0;
    epoch = means.catalogue.epoch();
    TRY(publish(session, means.catalogue));
    for (const pack::Pack& pack : means.catalogue.packs())
      for (const pack::Part& each : pack.processes)
        for (int64_t after = 0;;) {
          ASSIGN(const auto older, engine_.older(session, each.name, after, kMoves));
          if (older.empty()) break;
          for (const int64_t id : older) {
            ASSIGN(const bool adopted, engine_.adopt(session, id, means.now_ms));
            moved += adopted ? 1 : 0;
          }
          after = older.back();
        }
    return {};
  }));
  published_ = epoch;
  return {};
}

Result<Desk::Ran> Desk::run() {
  Ran out;
  int64_t epoch = 0;
  TRY(installation_.read([&](sql::Session&, const Work::Means& means) -> Status {
    epoch = means.catalogue.epoch();
    return {};
  }));
  if (published_ != epoch) TRY(renew(out.moved));
  ASSIGN(auto ran, engine_.run_due(database_, now_ms_()));
  out.timers = ran.done;
  out.refused = std::move(ran.refused);
  // From where the engine leaves them to where people read them, in one transaction: each once.
  for (bool more = true; more;) {
    TRY(database_.transaction([&](sql::Session& session) -> Status {
      ASSIGN(const auto messages, flow::Engine::messages(session, kMessages));
      more = messages.size() == kMessages;
      std::vector<std::string> ids;
      for (const flow::Message& each : messages) {
        TRY(session.run(
            "insert into cases_message (id, person, kind, case_id, task, detail, at_ms) "
            "values (?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing",
            each.id, each.to, each.kind, each.case_id,
            each.task > 0 ? flow::id_of(each.case_id, each.task) : "", each.detail.dump(), each.at_ms));
        ids.push_back(each.id);
      }
      TRY(flow::Engine::acknowledge(session, ids));
      out.messages += int64_t(ids.size());
      return {};
    }));
  }
  return out;
}

}  // namespace chengxin::cases
