#include "flow/engine.h"

#include <thread>

#include "flow/rig_for_tests.h"

namespace chengxin::flow {
namespace {

constexpr int64_t kHour = 3'600'000;

class EngineTest : public OnEngine {};
INSTANTIATE_ON_EACH_DATABASE(EngineTest);

TEST_P(EngineTest, OneAfterTheOther) {
  const int64_t id = start_with("  a: {zh: A, by: starter}\n  b: {zh: B, by: head, state: shut}\n");
  EXPECT_EQ(open_tasks(id), Told{"a: anna"});
  EXPECT_EQ(messages(), Told{"task anna"});
  ASSERT_OK(complete(id, "anna"));
  EXPECT_EQ(open_tasks(id), Told{"b: bo chen"});
  EXPECT_EQ(listed("bo").size(), 1u);
  EXPECT_EQ(listed("bo"), listed("chen"));
  EXPECT_EQ(listed("anna"), Told{});
  EXPECT_EQ(messages(), (Told{"task bo", "task chen"}));
  EXPECT_EQ(state("r"), "shut");
  const std::string task = task_of(id, "chen");
  EXPECT_REASON(act(Verb::complete, task, "anna"), "flow.not_yours");
  ASSERT_OK(act(Verb::complete, task, "chen"));
  EXPECT_REASON(act(Verb::complete, task, "bo"), "flow.task_done");
  EXPECT_EQ(at(id).status, "ended");
  EXPECT_EQ(listed("bo"), Told{});
  EXPECT_EQ(story(id), (Told{"started anna", "reached a", "task a", "completed a anna", "reached b", "task b",
                             "completed b chen", "token_ended", "ended"}));
  EXPECT_EQ(value<std::vector<int64_t>>([&](sql::Session& s) { return engine.cases_of(s, "r"); }),
            std::vector{id});
}

TEST_P(EngineTest, TooManyPeopleAreRefused) {
  town.roles["head"].clear();
  for (int i = 0; i < 1001; ++i) town.roles["head"].push_back(fmt::format("p{}", i));
  publish("  a: {zh: A, by: head}\n");
  EXPECT_REASON(database->transaction([&](sql::Session& s) -> Status {
    TRY(engine.start(s, "p", "r", {"anna", now, ""}));
    return {};
  }),
                "flow.too_many");
}

TEST_P(EngineTest, WhatIsNotThereIsRefused) {
  const int64_t id = start_with(
      "  a: {zh: A, by: head, may: [copy, delegate, add_after]}\n  b: {zh: B, by: head, back: [a]}\n");
  const std::string task = task_of(id, "bo");
  for (const char* bad : {"", "1", "x.1", "1.x", "01.2", "1.2.3", "999.1"})
    EXPECT_REASON(act(Verb::complete, bad, "bo"), "flow.task_unknown") << bad;
  EXPECT_REASON(act(Verb::complete, id_of(id, 999), "bo"), "flow.task_unknown");
  EXPECT_REASON(act(Verb::complete, id_of(id, 0), "bo"), "flow.task_unknown");
  EXPECT_REASON(act(Verb::hand_over, task, "bo", {"fan"}), "flow.not_allowed");
  EXPECT_REASON(act(Verb::back, task, "bo", {}, "b"), "flow.no_way_back");
  EXPECT_REASON(act(Verb::copy, task, "bo", {}), "flow.people");
  EXPECT_REASON(act(Verb::copy, task, "bo", Told(kMostPeople + 1, "fan")), "flow.people");
  EXPECT_REASON(act(Verb::delegate, task, "bo", {"fan", "gu"}), "flow.people");
  EXPECT_REASON(act(Verb::delegate, task, "bo", {"bo"}), "flow.to_self");
  EXPECT_REASON(act(Verb::delegate, task, "bo", {"nobody"}), "flow.person_unknown");
  EXPECT_REASON(
      engine.act(*database, {Verb::complete, task, {"bo", now, std::string(kMostComment + 1, 'x')}, {}, {}}),
      "flow.comment");
  EXPECT_REASON(withdraw(id, "anna"), "flow.too_late") << "the process does not let it";
  EXPECT_REASON(withdraw(id, "bo"), "flow.not_starter");
  EXPECT_REASON(withdraw(id + 1, "anna"), "flow.case_unknown");
  const auto start_as = [&](const std::string& process, const std::string& who) {
    return database->transaction([&](sql::Session& s) -> Status {
      TRY(engine.start(s, process, "r", {who, now, ""}));
      return {};
    });
  };
  EXPECT_REASON(start_as("q", "anna"), "flow.process_unknown");
  EXPECT_REASON(start_as("p", "bo"), "flow.may_not_start");
  EXPECT_REASON(database->transaction([&](sql::Session& s) -> Status {
    TRY(engine.start(s, "p", "r", {"anna", now, std::string(kMostComment + 1, 'x')}));
    return {};
  }),
                "flow.comment");
  EXPECT_EQ(story(id).size(), 3u) << "what was refused left nothing";
  EXPECT_EQ(listed("bo").size(), 1u);
}

TEST_P(EngineTest, AllOfThemAnyOfThemInTurn) {
  int64_t id = start_with(
      "  a: {zh: A, all_of: [head, boss]}\n  b: {zh: B, any_of: [head, boss]}\n  c: {zh: C, in_turn: [boss, "
      "head, starter]}\n");
  EXPECT_EQ(open_tasks(id), (Told{"a: bo chen", "a: dai"}));
  ASSERT_OK(complete(id, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"a: bo chen"});
  ASSERT_OK(complete(id, "bo"));
  EXPECT_EQ(open_tasks(id), Told{"b: bo chen dai"});
  ASSERT_OK(complete(id, "dai"));
  for (const auto& [people, who] :
       {std::pair("dai", "dai"), std::pair("bo chen", "chen"), std::pair("anna", "anna")}) {
    EXPECT_EQ(open_tasks(id), Told{fmt::format("c: {}", people)});
    ASSERT_OK(complete(id, who));
  }
  EXPECT_EQ(at(id).status, "ended");
}

TEST_P(EngineTest, DecidesSkipsWaits) {
  town.outcome = "bad";
  town.skipped = {"b"};
  const int64_t id = start_with(
      "  a: {zh: A, decide: d, to: {good: e, bad: b}}\n  b: {zh: B, by: head, when: 'it.floors > 1'}\n"
      "  c: {zh: C, wait: 2 hours}\n  e: {zh: E, by: boss}\n");
  EXPECT_EQ(open_tasks(id), Told{});
  EXPECT_EQ(story(id), (Told{"started anna", "reached a", "decided a", "skipped b", "reached c"}));
  const auto history =
      value<std::vector<Event>>([&](sql::Session& s) { return engine.history(s, id, 2, 1); });
  EXPECT_EQ(history.at(0).detail,
            (Json{{"decision", "d"}, {"outcome", "bad"}, {"why", {{"row", 1}, {"record", "r"}}}}));
  EXPECT_EQ(run_due(now + 2 * kHour - 1).done, 0);
  EXPECT_EQ(run_due(now + 3 * kHour).done, 1);
  EXPECT_EQ(run_due(now + 3 * kHour).done, 0);
  EXPECT_EQ(open_tasks(id), Told{"e: dai"});
  town.outcome = "odd";
  EXPECT_REASON(database->transaction([&](sql::Session& s) -> Status {
    TRY(engine.start(s, "p", "r", {"anna", now, ""}));
    return {};
  }),
                "flow.outcome");
}

TEST_P(EngineTest, StepsThatGoRoundAreStopped) {
  publish("  a: {zh: A, decide: d, to: {good: a, bad: b}}\n  b: {zh: B, by: head}\n");
  EXPECT_REASON(database->transaction([&](sql::Session& s) -> Status {
    TRY(engine.start(s, "p", "r", {"anna", now, ""}));
    return {};
  }),
                "flow.endless");
  EXPECT_EQ(value<std::vector<int64_t>>([&](sql::Session& s) { return engine.cases_of(s, "r"); }).size(), 0u);
}

TEST_P(EngineTest, NobodyAtAllIsNotSilent) {
  town.roles["head"] = {};
  int64_t id = start_with(
      "  a: {zh: A, by: boss}\n  b: {zh: B, any_of: [head]}\n  c: {zh: C, wait: 1 hour}\n  e: {zh: E, by: "
      "head}\n");
  ASSERT_OK(complete(id, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"b: kim"});
  ASSERT_OK(complete(id, "kim"));
  town.left = {"kim"};
  const auto ran = run_due(now + kHour);
  EXPECT_EQ(ran.done, 0);
  ASSERT_EQ(ran.refused.size(), 1u);
  EXPECT_EQ(ran.refused[0].first, id);
  EXPECT_EQ(ran.refused[0].second.reason, "flow.nobody");
  EXPECT_EQ(run_due(now + kHour).refused.size(), 0u) << "not at once again";
  town.left = {};
  EXPECT_EQ(run_due(now + kHour + Engine::kAgainMs).done, 1);
  EXPECT_EQ(open_tasks(id), Told{"e: kim"});
}

TEST_P(EngineTest, RemindsAndEscalates) {
  const int64_t id = start_with(
      "  a: {zh: A, by: head, within: 2 hours, on_late: remind, may: [urge, copy]}\n"
      "  b: {zh: B, by: head, within: 1 workday, on_late: escalate, escalate_to: boss}\n");
  (void)messages();
  EXPECT_EQ(run_due(now + 2 * kHour).done, 1);
  EXPECT_EQ(messages(), (Told{"late bo", "late chen"}));
  EXPECT_EQ(run_due(now + 9 * kHour).done, 0) << "once";
  EXPECT_REASON(act(Verb::urge, task_of(id, "bo"), "bo"), "flow.not_starter");
  ASSERT_OK(act(Verb::urge, task_of(id, "bo"), "anna"));
  ASSERT_OK(act(Verb::copy, task_of(id, "bo"), "bo", {"eve"}));
  EXPECT_EQ(messages(), (Told{"urge bo", "urge chen", "copy eve"}));
  ASSERT_OK(complete(id, "bo"));
  (void)messages();
  EXPECT_EQ(run_due(now + 72 * kHour).done, 1);
  EXPECT_EQ(open_tasks(id), Told{"b: bo chen dai"});
  EXPECT_EQ(messages(), Told{"escalated dai"});
  EXPECT_EQ(listed("dai").size(), 1u);
}

// The process that documents the grammar, from its start on the eve of a holiday to its end.
TEST_P(EngineTest, TheSamplerAcrossAHoliday) {
  const fs::path folder_of = fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler";
  const pack::Packs packs = pack::check_folders(std::span(&folder_of, 1));
  ASSERT_TRUE(packs.good());
  const pack::Pack& sampler = packs.packs.at(0);
  town.by = Calendar::of(sampler.calendars.at(0));
  town.outcome = "sampled";
  for (const char* each : {"producer", "carrier", "receiver", "regulator"}) town.roles[each] = {each};
  town.roles["company"] = {"producer"};
  town.roles["district_officer"] = {"officer"};
  now = day_of("2025-09-30") * 24 * kHour + 9 * kHour;  // 17:00 in the city
  const int64_t id = value<int64_t>([&](sql::Session& s) -> Result<int64_t> {
    TRY(engine.publish(s, Process::compile(sampler, sampler.processes.at(0)), now));
    return engine.start(s, "transfer", "m1", {"producer", now, ""});
  });
  const int64_t due = day_of("2025-10-10") * 24 * kHour - 8 * kHour;  // the 9th, 24:00
  EXPECT_EQ(at(id).open.tasks.at(0).due_ms, due);
  EXPECT_EQ(state("m1"), "sent");
  EXPECT_EQ(run_due(due - 1).done, 0);
  EXPECT_EQ(run_due(due + 5 * 24 * kHour).done, 1) << "late rather than never";
  EXPECT_EQ(messages(), (Told{"task carrier", "late carrier"}));
  ASSERT_OK(complete(id, "carrier"));
  EXPECT_EQ(open_tasks(id), (Told{"inspect: officer regulator", "tell: receiver"}));
  ASSERT_OK(complete(id, "officer"));
  ASSERT_OK(complete(id, "receiver"));
  EXPECT_REASON(withdraw(id, "producer"), "flow.too_late");
  ASSERT_OK(complete(id, "carrier"));
  EXPECT_EQ(state("m1"), "moving");
  EXPECT_EQ(run_due(now + 2 * kHour).done, 1);
  for (const char* who : {"receiver", "officer", "regulator", "receiver", "producer"})
    ASSERT_OK(complete(id, who));
  EXPECT_EQ(state("m1"), "closed");
  EXPECT_EQ(at(id).status, "ended");
}

TEST_P(EngineTest, ARecordAndItsCaseChangeTogether) {
  const int64_t id = start_with("  a: {zh: A, by: boss}\n  b: {zh: B, by: head, state: shut}\n");
  const std::string task = task_of(id, "dai");
  EXPECT_REASON(database->transaction([&](sql::Session& s) -> Status {
    TRY(engine.act(s, {Verb::complete, task, {"dai", now, ""}, {}, {}}));
    return fail(Code::conflict, "test.no");
  }),
                "test.no");
  EXPECT_EQ(state("r"), "");
  EXPECT_EQ(open_tasks(id), Told{"a: dai"});
  EXPECT_EQ(listed("bo"), Told{});
}

TEST_P(EngineTest, TwoAtOnceAndOneOfThemWins) {
  publish("  a: {zh: A, by: head}\n  b: {zh: B, by: boss}\n");
  for (int round = 0; round < 10; ++round) {
    const int64_t id = start(std::to_string(round));
    const std::string task = task_of(id, "bo");
    std::string reasons[2];
    const auto by = [&](int i) {
      const Status done =
          engine.act(*database, {Verb::complete, task, {i == 0 ? "bo" : "chen", now, ""}, {}, {}});
      reasons[i] = done ? "done" : done.error().reason;
    };
    std::thread other(by, 1);
    by(0);
    other.join();
    std::sort(std::begin(reasons), std::end(reasons));
    EXPECT_EQ(reasons[0] + " " + reasons[1], "done flow.task_done");
    EXPECT_EQ(open_tasks(id), Told{"b: dai"});
  }
}

TEST_P(EngineTest, CasesMoveToANewVersionOrStay) {
  const int64_t early =
      start_with("  a: {zh: A, by: boss}\n  b: {zh: B, by: head}\n  c: {zh: C, by: boss}\n");
  const int64_t late = start("r2");
  ASSERT_OK(complete(late, "dai"));
  publish("  a: {zh: A, by: boss}\n  c: {zh: C, by: starter}\n");
  const auto older = [&] {
    return value<std::vector<int64_t>>([&](sql::Session& s) { return engine.older(s, "p", 0, 10); });
  };
  const auto adopt = [&](int64_t id) {
    return value<bool>([&](sql::Session& s) { return engine.adopt(s, id, ++now); });
  };
  EXPECT_EQ(older(), (std::vector{early, late}));
  EXPECT_TRUE(adopt(early));
  EXPECT_FALSE(adopt(early)) << "it is there";
  EXPECT_FALSE(adopt(late)) << "b is gone";
  EXPECT_EQ(older(), std::vector{late});
  ASSERT_OK(complete(early, "dai"));
  EXPECT_EQ(open_tasks(early), Told{"c: anna"});
  ASSERT_OK(complete(late, "bo"));
  EXPECT_EQ(open_tasks(late), Told{"c: dai"}) << "as it began";
  ASSERT_OK(complete(late, "dai"));
  EXPECT_EQ(older(), std::vector<int64_t>{});
  EXPECT_EQ(open_tasks(start("r3")), Told{"a: dai"});
}

TEST_P(EngineTest, AMessageStaysUntilItIsAcknowledged) {
  const int64_t id = start_with("  a: {zh: 甲, by: head}\n");
  const auto read = [&] {
    return value<std::vector<Message>>([&](sql::Session& s) { return Engine::messages(s, 10); });
  };
  const auto first = read(), again = read();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].id, again[0].id);
  EXPECT_EQ(first[0].detail, (Json{{"record", "r"},
                                   {"process", "p"},
                                   {"by", "anna"},
                                   {"comment", ""},
                                   {"step", "a"},
                                   {"zh", "甲"},
                                   {"en", ""}}));
  ASSERT_OK(database->transaction([&](sql::Session& s) {
    return Engine::acknowledge(s, Told{first[0].id, "x"});
  }));
  ASSERT_EQ(read().size(), 1u);
  EXPECT_EQ(read()[0].id, first[1].id);
  EXPECT_EQ(first[1].case_id, id);
}

// Two engines run what is due beside each other: each time comes once.
TEST_P(EngineTest, TimersBesideEachOther) {
  publish("  a: {zh: A, wait: 1 hour}\n  b: {zh: B, by: head, within: 1 hour, on_late: remind}\n");
  for (int i = 0; i < 120; ++i) start(std::to_string(i));
  (void)messages();
  const auto second = open();
  Engine other(town, {.administrators = "keeper"});
  int64_t done[2] = {};
  std::thread beside([&] {
    auto ran = other.run_due(*second, now + kHour);
    EXPECT_TRUE(test::succeeded(ran));
    if (ran) done[1] = ran->done;
  });
  done[0] = run_due(now + kHour).done;
  beside.join();
  done[0] +=
      run_due(now + kHour).done;  // what one passed over because the other held it, and then did not do
  EXPECT_GE(done[0] + done[1], 120);
  const Told all = messages();
  EXPECT_EQ(all.size(), 240u);
  EXPECT_EQ(listed("bo").size(), 100u);
}

TEST_P(EngineTest, PagesOfTasksAndOfWhatWasDone) {
  publish("  a: {zh: A, by: head, may: [copy]}\n");
  for (int i = 0; i < 7; ++i) start(std::to_string(i));
  const auto count = [&](const sql::Query& query) {
    return value<int64_t>([&](sql::Session& s) -> Result<int64_t> {
      int64_t rows = 0;
      for (std::string cursor;;) {
        ASSIGN(const auto page, s.page(query, cursor, 3));
        rows += int64_t(page.rows.size());
        cursor = page.next;
        if (cursor.empty()) return rows;
      }
    });
  };
  EXPECT_EQ(count(Engine::tasks_of("bo")), 7);
  EXPECT_EQ(count(Engine::begun_by("anna")), 7);
  EXPECT_EQ(count(Engine::done_by("anna")), 7);
  EXPECT_EQ(count(Engine::done_by("")), 0);
  ASSERT_OK(act(Verb::copy, task_of(1, "bo"), "bo", {"eve", "fan"}));
  EXPECT_EQ(count(Engine::copied_to("eve")), 1);
  EXPECT_EQ(count(Engine::copied_to("bo")), 0);
}

TEST(Process, GoesThroughJson) {
  const fs::path folder = fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler";
  const pack::Packs packs = pack::check_folders(std::span(&folder, 1));
  ASSERT_TRUE(packs.good());
  const Process process = Process::compile(packs.packs[0], packs.packs[0].processes[0]);
  const auto again = Process::from_json(Json::parse(process.to_json().dump()));
  ASSERT_OK(again);
  EXPECT_EQ(again->to_json(), process.to_json());
  EXPECT_EQ(again->version(), process.version());
  EXPECT_EQ(process.steps().front().to, "judge");
  EXPECT_EQ(process.find("close")->to, "end");
  EXPECT_EQ(process.calendar(), "national");
  EXPECT_TRUE(process.is_within(*process.find("both"), "tell"));
  EXPECT_FALSE(process.is_within(*process.find("both"), "depart"));
  Json bent = process.to_json();
  for (const char* member : {"process", "for", "start", "steps"}) {
    bent = process.to_json();
    bent.erase(member);
    EXPECT_REASON(Process::from_json(bent), "flow.process_malformed") << member;
  }
  bent = process.to_json();
  bent["steps"][0]["to"] = "nowhere";
  EXPECT_REASON(Process::from_json(bent), "flow.process_malformed");
  bent["steps"] = Json::array();
  EXPECT_REASON(Process::from_json(bent), "flow.process_malformed");
  EXPECT_REASON(Process::from_json(Json("x")), "flow.process_malformed");
}

}  // namespace
}  // namespace chengxin::flow
