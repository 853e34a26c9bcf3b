#include "api/resource_cases.h"

#include "api/describe.h"
#include "api/pack_forms.h"
#include "api/pack_people.h"

namespace chengxin::api {
namespace {

using cases::Desk;
using record::Person;

using Act = std::function<Result<Response>(Call&, Desk&, const Person&)>;

Handler handler(Act act) {
  return [act = std::move(act)](Call& call) -> Task<Result<Response>> {
    co_return co_await blocking(call.app, [&]() -> Result<Response> {
      return act(call, *call.app.services.cases, person_of(call, *call.app.services.packs->current()));
    });
  };
}

using List = Result<cases::PageOf> (Desk::*)(const Person&, const std::string& cursor, size_t limit);

Handler lists(List list) {
  return handler([list](Call& call, Desk& desk, const Person& person) -> Result<Response> {
    ASSIGN(auto found, (desk.*list)(person, call.query.text("cursor"), size_t(page_limit(call))));
    return page(call, Json(std::move(found.items)), found.next);
  });
}

Result<Response> start(Call& call, Desk& desk, const Person& person) {
  ASSIGN(const Json made,
         desk.start(person, call.json["process"], call.json["record"], call.json.value("comment", "")));
  const int64_t id = made.at("id");
  call.audit_detail = fmt::format("{} {}", call.json["process"].get<std::string>(), id);
  Response out = json_response(made, 201);
  out.headers.emplace_back("Location", fmt::format("/api/v1/cases/{}", id));
  return out;
}

Result<Response> get(Call& call, Desk& desk, const Person& person) {
  ASSIGN(const Json found, desk.find(person, call.path.number("case")));
  return json_response(found);
}

Result<Response> withdraw(Call& call, Desk& desk, const Person& person) {
  ASSIGN(const Json done, desk.withdraw(person, call.path.number("case"), call.json.value("comment", "")));
  return json_response(done);
}

// People know each other by the names that they sign in with; cases know them by id.
Result<std::vector<std::string>> people_of(const Call& call) {
  std::vector<std::string> out;
  for (const std::string each : call.json.value("people", Json::array())) {
    if (each.find(':') != each.npos || !call.app.services.access) {
      out.push_back(each);
      continue;
    }
    ASSIGN(const auto user, call.app.services.access->users().find(each));
    if (!user) return fail(Code::invalid_argument, "flow.person_unknown", "{}", each);
    out.push_back((user->service ? "service:" : "user:") + user->id);
  }
  return out;
}

Result<cases::Deed> deed_of(const Call& call) {
  cases::Deed out;
  out.verb = *flow::verb_named(call.json["verb"].get<std::string>());  // the schema has no others
  out.comment = call.json.value("comment", "");
  ASSIGN(out.people, people_of(call));
  out.step = call.json.value("step", "");
  if (!call.json.contains("fields")) return out;
  if (!call.json.contains("version"))
    return fail(Code::invalid_argument, "api.missing_field",
                "/version: of the record that the fields are for");
  out.fields = call.json["fields"];
  out.version = call.json["version"];
  return out;
}

// In the words of the entity that the case is of.
Response refused(const Call& call, Desk& desk, const Person& person, const Error& error,
                 const record::Wrongs& wrongs) {
  const auto catalogue = call.app.services.packs->current();
  const record::Model* model = nullptr;
  if (const auto task = flow::parse_id(call.path.text("task")))
    if (const auto found = desk.find(person, task->first))
      if (const auto named = catalogue->model(found->at("entity").get<std::string>())) model = *named;
  return refused_form(call, error, wrongs, model);
}

Result<Response> act(Call& call, Desk& desk, const Person& person) {
  ASSIGN(const cases::Deed deed, deed_of(call));
  call.audit_detail = std::string(flow::name_of(deed.verb));
  if (!deed.people.empty()) call.audit_detail += fmt::format(" {}", fmt::join(deed.people, " "));
  record::Wrongs wrongs;
  const auto done = desk.act(person, call.path.text("task"), deed, wrongs);
  if (done) return json_response(*done);
  if (done.error().reason == kInvalidForm) return refused(call, desk, person, done.error(), wrongs);
  return tl::unexpected(done.error());
}

Result<Response> messages(Call& call, Desk& desk, const Person& person) {
  ASSIGN(auto found, desk.messages(person, call.query.flag("unread"), call.query.text("cursor"),
                                   size_t(page_limit(call))));
  return page(call, Json(std::move(found.items)), found.next);
}

Result<Response> mark_read(Call& call, Desk& desk, const Person& person) {
  TRY(desk.mark_read(person, call.path.text("message")));
  return Response{204, "", "", {}, {}};
}

Json verbs() {
  std::vector<std::string> names;
  for (const auto verb :
       {flow::Verb::complete, flow::Verb::add_before, flow::Verb::add_after, flow::Verb::hand_over,
        flow::Verb::delegate, flow::Verb::back, flow::Verb::copy, flow::Verb::urge})
    names.emplace_back(flow::name_of(verb));
  return enum_schema(std::move(names));
}

void add_schemas(Resource& resource) {
  const Json text = text_schema(), number = integer_schema(), any = {{"type", "object"}};
  auto& out = resource.schemas;
  const auto add = [&](const std::string& name, Json properties, std::vector<std::string> required) {
    out[name] = object_schema(std::move(properties), std::move(required));
    out[name + "Page"] = page_schema(name);
  };
  out["CaseTitle"] = object_schema({{"zh", text}, {"en", text}}, {"zh", "en"});
  const Json title = reference("CaseTitle");
  out["NewCase"] =
      object_schema({{"process", text}, {"record", text}, {"comment", text}}, {"process", "record"});
  out["CaseComment"] = object_schema({{"comment", text}});
  out["TaskDeed"] = object_schema({{"verb", verbs()},
                                   {"comment", text},
                                   {"people", list_schema(text)},
                                   {"step", text},
                                   {"fields", any},
                                   {"version", number}},
                                  {"verb"});
  out["CaseTask"] = object_schema({{"id", text},
                                   {"people", list_schema(text)},
                                   {"waits", {{"type", "boolean"}}},
                                   {"step", text},
                                   {"title", title},
                                   {"form", text},
                                   {"due_ms", number}},
                                  {"id", "people", "waits"});
  out["CaseEvent"] = object_schema({{"seq", number},
                                    {"at_ms", number},
                                    {"who", text},
                                    {"what", text},
                                    {"step", text},
                                    {"task", text},
                                    {"detail", any}},
                                   {"seq", "at_ms", "who", "what"});
  add("Case",
      {{"id", number},
       {"process", text},
       {"title", title},
       {"entity", text},
       {"record", text},
       {"starter", text},
       {"status", enum_schema({"open", "ended", "withdrawn"})},
       {"begun_ms", number},
       {"ended_ms", number},
       {"tasks", list_schema(reference("CaseTask"))},
       {"history", list_schema(reference("CaseEvent"))},
       {"of", any}},
      {"id", "process", "title", "entity", "record", "status", "begun_ms"});
  add("Task",
      {{"id", text},
       {"case", number},
       {"step", text},
       {"process", text},
       {"title", title},
       {"entity", text},
       {"record", text},
       {"starter", text},
       {"due_ms", number}},
      {"id", "case", "step", "process", "title", "entity", "record", "starter"});
  add("TaskDone",
      {{"case", number}, {"seq", number}, {"at_ms", number}, {"what", text}, {"step", text}, {"task", text}},
      {"case", "seq", "at_ms", "what"});
  add("Message",
      {{"id", text},
       {"kind", text},
       {"case", number},
       {"task", text},
       {"detail", any},
       {"at_ms", number},
       {"read_ms", number}},
      {"id", "kind", "case", "detail", "at_ms"});
}

const std::string kCases = "/api/v1/cases", kTasks = "/api/v1/tasks", kMessages = "/api/v1/messages";

Route listing(const std::string& path, const std::string& id, Words summary, const std::string& item,
              Handler handler, std::vector<Parameter> besides = {}) {
  return {.path = path,
          .id = id,
          .summary = std::move(summary),
          .tag = "cases",
          .query = page_parameters(std::move(besides)),
          .answers = {{200, "application/json", reference(item + "Page"), {}}},
          .reasons = {"sql.cursor"},
          .handler = std::move(handler)};
}

Route starting() {
  return {.method = Method::post,
          .path = kCases,
          .id = "startCase",
          .summary = {"为一条记录发起流程", "Start a process for a record"},
          .tag = "cases",
          .body = {{"application/json", reference("NewCase")}},
          .answers = {{201, "application/json", reference("Case"), {}}},
          .reasons = {"cases.process_unknown", "cases.running", "record.not_found", "record.not_allowed",
                      "flow.may_not_start", "flow.comment", "flow.endless", "flow.outcome", "flow.nobody",
                      "record.no_row", "record.several_rows"},
          .handler = handler(start),
          .idempotent = true};
}

Route acting() {
  return {.method = Method::post,
          .path = kTasks + "/{task}",
          .id = "actOnTask",
          .summary = {"办理待办：完成（可带表单内容）、加签、转办、委派、退回、抄送、催办",
                      "Act on a task: complete it (with what its form asks for), add people before or after, "
                      "hand over, delegate, back, copy, urge"},
          .tag = "cases",
          .body = {{"application/json", reference("TaskDeed")}},
          .answers = {{200, "application/json", reference("Case"), {}}},
          .reasons = {"flow.task_unknown",  "flow.task_done",      "flow.task_waits",  "flow.not_yours",
                      "flow.not_starter",   "flow.not_allowed",    "flow.no_way_back", "flow.people",
                      "flow.to_self",       "flow.person_unknown", "flow.comment",     "flow.too_many",
                      "flow.endless",       "flow.outcome",        "flow.nobody",      "cases.no_form",
                      "record.invalid",     "record.stale",        "record.not_found", "record.no_row",
                      "record.several_rows"},
          .handler = handler(act)};
}

Route withdrawing() {
  return {.method = Method::post,
          .path = kCases + "/{case}/withdraw",
          .id = "withdrawCase",
          .summary = {"撤回自己发起的流程", "Withdraw a case that one began"},
          .tag = "cases",
          .body = {{"application/json", reference("CaseComment")}},
          .answers = {{200, "application/json", reference("Case"), {}}},
          .reasons = {"flow.case_unknown", "flow.not_starter", "flow.case_ended", "flow.too_late",
                      "flow.comment"},
          .handler = handler(withdraw)};
}

Route reading() {
  return {.path = kCases + "/{case}",
          .id = "getCase",
          .summary = {"一个流程实例：待办、经过和记录", "A case: its open tasks, its history, its record"},
          .tag = "cases",
          .answers = {{200, "application/json", reference("Case"), {}}},
          .reasons = {"cases.not_found"},
          .handler = handler(get)};
}

Route marking() {
  return {.method = Method::post,
          .path = kMessages + "/{message}/read",
          .id = "readMessage",
          .summary = {"标为已读", "Mark a message as read"},
          .tag = "cases",
          .answers = {{204, "", {}, {}}},
          .reasons = {"cases.message_unknown"},
          .handler = handler(mark_read)};
}

}  // namespace

Resource cases_resource() {
  Resource out;
  out.routes = {
      starting(),
      listing(kCases, "listCases", {"我发起的", "The cases that one began"}, "Case", lists(&Desk::begun)),
      reading(),
      withdrawing(),
      listing(kTasks, "listTasks", {"待办", "The tasks that wait for one"}, "Task", lists(&Desk::tasks)),
      listing(kTasks + "/done", "listTasksDone", {"已办", "What one did"}, "TaskDone", lists(&Desk::done)),
      acting(),
      listing(kMessages, "listMessages", {"消息", "One's messages"}, "Message", handler(messages),
              {{"unread", {{"type", "boolean"}}, {"只列未读", "Only those not read yet"}, false, "read_ms"}}),
      marking(),
  };
  add_schemas(out);
  return out;
}

}  // namespace chengxin::api
