#include <algorithm>

#include "cases/desk.h"
#include "record/rig_for_tests.h"

// packs/sampler, its process `transfer`, from the form to the end.
namespace chengxin::cases {
namespace {

using record::Person;
using record::reason;
using Told = std::vector<std::string>;

class People : public Staff {
 public:
  std::map<std::string, Person> all;
  std::set<std::string> left;

  void add(const Person& person) { all[person.id] = person; }
  std::vector<std::string> with_role(const std::string& role) const override {
    return those(
        [&](const Person& each) { return std::count(each.roles.begin(), each.roles.end(), role) > 0; });
  }
  std::vector<std::string> of_organisation(const std::string& id) const override {
    return those([&](const Person& each) { return each.organisation == id; });
  }
  std::vector<std::string> administrators() const override { return {"admin"}; }
  std::optional<Person> find(const std::string& id) const override {
    const auto found = all.find(id);
    return found == all.end() || left.contains(id) ? std::nullopt : std::optional(found->second);
  }

 private:
  std::vector<std::string> those(const auto& test) const {
    std::vector<std::string> out;
    for (const auto& [id, person] : all)
      if (!left.contains(id) && test(person)) out.push_back(id);
    return out;
  }
};

class DeskTest : public record::RecordsOnEachDatabase {
 protected:
  void SetUp() override {
    RecordsOnEachDatabase::SetUp();
    pack::Findings findings;
    sampler = pack::read_folder(fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler", findings).content;
    apply(pack::write_packed(sampler, nullptr).value());
    for (const auto& [id, role] :
         {std::pair("officer", "district_officer"), std::pair("regulator", "regulator")})
      staff.add({id, id, "city", "440303", {"city"}, {role}});
    for (const char* id : {"jia", "yi", "che"})
      staff.add({id + std::string("_man"), "", id, "440303", {id}, {"company"}});
    staff.add({"che_two", "", "che", "440304", {"che"}, {"company"}});
    const auto enterprise = [&](const std::string& id, const std::string& code, const std::string& kind) {
      Json fields = {{"name", "企业" + id}, {"code", code}, {"district", "440303"}};
      if (!kind.empty())
        fields["licences"] = {{{"kind", kind}, {"number_of", "A-1"}, {"until", "2027-12-31"}}};
      const auto made = create(staff.all["regulator"], "enterprise", fields, id);
      ASSERT_TRUE(made) << made.error().to_string();
    };
    enterprise("jia", "91310101MA1FL0000A", "");
    enterprise("yi", "91310115MA1FL0001N", "treat");
    enterprise("che", "91310115MA1FL0002R", "transport");
    desk = open_desk();
  }
  std::unique_ptr<Desk> open_desk() {
    auto out = Desk::open(*database, *installation, staff, [this] { return now_ms; });
    EXPECT_TRUE(out) << out.error().to_string();
    return out ? std::move(*out) : nullptr;
  }

  const Person& who(const std::string& id) { return staff.all.at(id); }
  std::string file(int kinds) {
    Json lines = Json::array();
    for (int i = 0; i < kinds; ++i) lines.push_back({{"waste", "900-041-49"}, {"quantity", i + 1}});
    Json fields = {{"producer", "jia"},
                   {"carrier", "che"},
                   {"receiver", "yi"},
                   {"lines", std::move(lines)},
                   {"leaves", fmt::format("2026-12-01T08:{:02}:00+08:00", ++filed)},
                   {"driver_phone", "13800001111"}};
    const auto made = create(who("jia_man"), "manifest", fields);
    EXPECT_TRUE(made) << made.error().to_string();
    return made->at("id");
  }
  int64_t start(const std::string& record) {
    const auto made = desk->start(who("jia_man"), "transfer", record, "请承运");
    EXPECT_TRUE(made) << made.error().to_string();
    return made ? made->at("id").get<int64_t>() : 0;
  }
  // "ID step" of each task.
  Told tasks(const std::string& person) {
    Told out;
    const auto page = desk->tasks(who(person), "", 50);
    for (const Json& each : page->items)
      out.push_back(each.at("id").get<std::string>() + " " + each.at("step").get<std::string>());
    return out;
  }
  std::string act(const std::string& person, const std::string& task, const Deed& deed = {}) {
    const auto done = desk->act(who(person), task, deed, wrongs);
    return done ? "" : done.error().reason;
  }
  // The first task of a person at a step.
  std::string task_at(const std::string& person, const std::string& step) {
    for (const std::string& each : tasks(person))
      if (each.ends_with(" " + step)) return each.substr(0, each.find(' '));
    return "none";
  }
  Json record_of(const std::string& id) { return get(who("regulator"), "manifest", id).value(); }
  Desk::Ran run() {
    auto ran = desk->run();
    EXPECT_TRUE(ran) << ran.error().to_string();
    return ran.value_or(Desk::Ran{});
  }

  project::Files sampler;
  People staff;
  std::unique_ptr<Desk> desk;
  int filed = 0;
};
INSTANTIATE_ON_EACH_DATABASE(DeskTest);

TEST_P(DeskTest, AManifestFromTheFormToTheClose) {
  const std::string record = file(1);
  const int64_t id = start(record);
  EXPECT_EQ(record_of(record).at("state"), "sent");
  EXPECT_EQ(reason(desk->start(who("jia_man"), "transfer", record, "")), "cases.running");
  EXPECT_EQ(act("yi_man", task_at("che_man", "accept")), "flow.not_yours");
  EXPECT_EQ(task_at("che_two", "accept"), task_at("che_man", "accept")) << "either of the carrier's people";

  const std::string accept = task_at("che_man", "accept");
  EXPECT_EQ(act("che_man", accept, {.comment = "可以"}), "");
  EXPECT_EQ(act("che_two", accept), "flow.task_done");
  // One kind of waste is not mixed: it passes, and the reason stands in the history.
  const auto seen = desk->find(who("jia_man"), id);
  ASSERT_TRUE(seen) << seen.error().to_string();
  Json decided;
  for (const Json& each : seen->at("history"))
    if (each.at("what") == "decided") decided = each.at("detail");
  EXPECT_EQ(decided.at("outcome"), "passed");
  EXPECT_EQ(decided.at("why").at("version"), "0.1.0");
  EXPECT_EQ(decided.at("why").at("inputs"), Json({{"kinds", 1}, {"mixed", false}}));
  EXPECT_EQ(decided.at("why").at("rows").at(0).at("row"), 3);

  EXPECT_EQ(desk->find(who("che_man"), id)->at("of").at("id"), record) << "he has a task";
  // The carrier leaves, and mends what the form lets him.
  const std::string depart = task_at("che_man", "depart");
  const int64_t version = record_of(record).at("version");
  EXPECT_EQ(act("che_man", depart, {.fields = {{"former", nullptr}}, .version = version}), "record.invalid");
  EXPECT_EQ(wrongs, (record::Wrongs{{"former", "record.field_fixed", "former"}}));
  EXPECT_EQ(act("che_man", depart, {.fields = {{"leaves", "2026-12-02T08:00:00+08:00"}}, .version = 1}),
            "record.stale");
  EXPECT_EQ(act("yi_man", depart, {.fields = {{"leaves", "2026-12-02T08:00:00+08:00"}}, .version = version}),
            "flow.not_yours");
  EXPECT_EQ(record_of(record).at("version"), version) << "what was refused changed nothing";
  EXPECT_EQ(act("che_man", depart, {.fields = {{"leaves", "2026-12-02T08:00:00+08:00"}}, .version = version}),
            "");
  EXPECT_EQ(record_of(record).at("fields").at("leaves"), "2026-12-02T08:00:00+08:00");
  EXPECT_EQ(record_of(record).at("state"), "moving");
  EXPECT_EQ(reason(desk->withdraw(who("jia_man"), id, "")), "flow.too_late");

  // Two hours for corrections: late rather than never, and once.
  run();
  EXPECT_EQ(tasks("yi_man"), Told{});
  now_ms += 5 * 3'600'000;
  desk = open_desk();  // a new process
  EXPECT_EQ(run().timers, 1);
  EXPECT_EQ(run().timers, 0);
  EXPECT_EQ(act("yi_man", task_at("yi_man", "arrive")), "");
  EXPECT_EQ(tasks("regulator"), Told{}) << "in turn";
  EXPECT_EQ(act("officer", task_at("officer", "compare")), "");
  EXPECT_EQ(act("regulator", task_at("regulator", "compare")), "");
  EXPECT_EQ(act("jia_man", task_at("jia_man", "close")), "");
  EXPECT_EQ(desk->find(who("yi_man"), id)->at("status"), "open") << "both have to";
  EXPECT_EQ(act("yi_man", task_at("yi_man", "close")), "");
  EXPECT_EQ(desk->find(who("che_man"), id)->at("status"), "ended");
  EXPECT_EQ(record_of(record).at("state"), "closed");
  EXPECT_EQ(desk->begun(who("jia_man"), "", 10)->items.at(0).at("status"), "ended");
  EXPECT_EQ(desk->done(who("officer"), "", 10)->items.at(0).at("step"), "compare");
  staff.add({"stranger", "", "far", "", {"far"}, {"company"}});
  EXPECT_EQ(reason(desk->find(who("stranger"), id)), "cases.not_found");
  EXPECT_FALSE(desk->find(who("che_man"), id)->contains("of"))
      << "his task is done, and no role shows it to him";
  EXPECT_EQ(desk->find(who("jia_man"), id)->at("of").at("fields").at("driver_phone"), "1**********");
}

TEST_P(DeskTest, MessagesReachTheirReadersOnce) {
  const int64_t id = start(file(1));
  run();
  run();
  const auto inbox = [&](bool unread) { return desk->messages(who("che_man"), unread, "", 10)->items; };
  ASSERT_EQ(inbox(true).size(), 1u);
  const Json message = inbox(true).at(0);
  EXPECT_EQ(message.at("kind"), "task");
  EXPECT_EQ(message.at("case"), id);
  EXPECT_EQ(message.at("detail").at("zh"), "承运确认");
  EXPECT_EQ(reason(desk->mark_read(who("yi_man"), message.at("id"))), "cases.message_unknown") << "not his";
  ASSERT_TRUE(desk->mark_read(who("che_man"), message.at("id")));
  EXPECT_TRUE(inbox(true).empty());
  EXPECT_EQ(inbox(false).at(0).at("read_ms"), now_ms);
  // Late by a working day: 19 November 2026 is a Thursday, the task was there on the Wednesday.
  now_ms += 2 * 86'400'000;
  EXPECT_EQ(run().timers, 1);
  EXPECT_EQ(inbox(true).at(0).at("kind"), "late");
}

TEST_P(DeskTest, AMixedLoadIsInspectedWhileTheReceiverIsTold) {
  const std::string record = file(2);
  const int64_t id = start(record);
  EXPECT_EQ(act("che_man", task_at("che_man", "accept")), "");
  EXPECT_EQ(task_at("yi_man", "tell") == "none", false);
  const std::string inspect = task_at("officer", "inspect");
  EXPECT_EQ(inspect, task_at("regulator", "inspect")) << "any one of them";
  EXPECT_EQ(act("officer", inspect, {.verb = flow::Verb::hand_over, .people = {"regulator"}}), "");
  EXPECT_EQ(act("officer", inspect), "flow.not_yours");
  // Back to before the fork: the other branch ends too.
  EXPECT_EQ(act("regulator", inspect, {.verb = flow::Verb::back, .comment = "标签缺失", .step = "accept"}),
            "");
  EXPECT_EQ(task_at("yi_man", "tell"), "none");
  EXPECT_EQ(task_at("che_man", "accept") == "none", false);
  const auto withdrawn = desk->withdraw(who("jia_man"), id, "不运了");
  ASSERT_TRUE(withdrawn) << withdrawn.error().to_string();
  EXPECT_EQ(withdrawn->at("status"), "withdrawn");
  EXPECT_EQ(tasks("che_man"), Told{});
  EXPECT_EQ(reason(desk->withdraw(who("jia_man"), id, "")), "flow.case_ended");
  EXPECT_NE(start(record), 0) << "once more";
}

TEST_P(DeskTest, NobodyThereFallsToAdministrators) {
  staff.left = {"che_man", "che_two"};
  staff.add({"admin", "", "city", "", {"city"}, {}});
  const int64_t id = start(file(1));
  EXPECT_EQ(task_at("admin", "accept") == "none", false);
  EXPECT_EQ(act("admin", task_at("admin", "accept"), {.verb = flow::Verb::complete}), "");
  bool told = false;
  const auto seen = desk->find(who("jia_man"), id);
  for (const Json& each : seen->at("history")) told |= each.at("what") == "nobody";
  EXPECT_TRUE(told);
}

TEST_P(DeskTest, WhoMayNotStartsNothing) {
  const std::string record = file(1);
  EXPECT_EQ(reason(desk->start(who("yi_man"), "transfer", record, "")), "record.not_found");
  EXPECT_EQ(reason(desk->start(who("regulator"), "transfer", record, "")), "flow.may_not_start");
  EXPECT_EQ(reason(desk->start(who("jia_man"), "teleport", record, "")), "cases.process_unknown");
  EXPECT_EQ(record_of(record).at("state"), "draft");
}

TEST_P(DeskTest, CasesGoOnWithANewerVersionOrEndAsTheyBegan) {
  const int64_t id = start(file(1));
  run();
  auto next = sampler;
  const auto edit = [&](const std::string& path, const std::string& from, const std::string& to) {
    std::string text = to_string(next.at(path));
    ASSERT_NE(text.find(from), text.npos) << from;
    text.replace(text.find(from), from.size(), to);
    next[path] = to_bytes(view(text));
  };
  edit("pack.yaml", "version: 0.1.0", "version: 0.2.0");
  edit("processes/transfer.yaml", "zh: 承运确认", "zh: 承运人确认");
  apply(pack::write_packed(next, nullptr).value());
  EXPECT_EQ(run().moved, 1);
  EXPECT_EQ(desk->find(who("che_man"), id)->at("tasks").at(0).at("title").at("zh"), "承运人确认");
  EXPECT_EQ(act("che_man", task_at("che_man", "accept")), "");
}

}  // namespace
}  // namespace chengxin::cases
