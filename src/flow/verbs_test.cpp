#include "flow/rig_for_tests.h"

// What people do to tasks, and the awkward ways in which verbs meet.
namespace chengxin::flow {
namespace {

class VerbsTest : public OnEngine {};
INSTANTIATE_ON_EACH_DATABASE(VerbsTest);

const std::string kNested =
    "  a: {zh: A, by: starter}\n  f: {zh: F, fork: [b, g], join: z}\n  b: {zh: B, by: head, to: z, back: [a, "
    "g2]}\n"
    "  g: {zh: G, fork: [g1, g2], join: h}\n  g1: {zh: G1, by: boss, to: h, back: [g2, a, b]}\n"
    "  g2: {zh: G2, by: head, to: h}\n  h: {zh: H, by: boss, to: z, back: [g]}\n  z: {zh: Z, by: starter}\n";

TEST_P(VerbsTest, BranchesMeetOnce) {
  const int64_t id = start_with(kNested);
  ASSERT_OK(complete(id, "anna"));
  EXPECT_EQ(open_tasks(id), (Told{"b: bo chen", "g1: dai", "g2: bo chen"}));
  ASSERT_OK(complete(id, "bo"));
  ASSERT_OK(complete(id, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"g2: bo chen"});
  ASSERT_OK(complete(id, "bo"));
  EXPECT_EQ(open_tasks(id), Told{"h: dai"});
  ASSERT_OK(complete(id, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"z: anna"});
  ASSERT_OK(complete(id, "anna"));
  const Told told = story(id);
  EXPECT_EQ(std::count(told.begin(), told.end(), "joined z"), 1);
  EXPECT_EQ(std::count(told.begin(), told.end(), "joined h"), 1);
  EXPECT_EQ(at(id).status, "ended");
}

// From within a branch: to a step of the branches around it, to one before the fork, and to one beside it.
TEST_P(VerbsTest, BackFromABranch) {
  int64_t id = start_with(kNested);
  ASSERT_OK(complete(id, "anna"));
  ASSERT_OK(complete(id, "bo"));  // b has arrived
  int64_t seq = at(id).events;
  (void)messages();
  ASSERT_OK(act(Verb::back, task_of(id, "dai"), "dai", {}, "b"));
  EXPECT_EQ(open_tasks(id), Told{"b: bo chen"}) << "the inner branches are ended, the outer one waits";
  EXPECT_EQ(story(id, seq), (Told{"returned g1 dai", "task_ended g2", "token_ended g2", "fork_ended",
                                  "reached b", "task b"}));
  EXPECT_EQ(messages(), (Told{"task_ended bo", "task_ended chen", "task bo", "task chen"}));
  ASSERT_OK(complete(id, "bo"));
  EXPECT_EQ(open_tasks(id), Told{"z: anna"}) << "both arrived";

  id = start("r2");
  ASSERT_OK(complete(id, "anna"));
  ASSERT_OK(complete(id, "bo"));
  ASSERT_OK(act(Verb::back, task_of(id, "dai"), "dai", {}, "a"));
  EXPECT_EQ(open_tasks(id), Told{"a: anna"});
  EXPECT_EQ(at(id).open.forks.size(), 0u);
  ASSERT_OK(complete(id, "anna"));
  EXPECT_EQ(open_tasks(id).size(), 3u) << "and again from there";

  id = start("r3");
  ASSERT_OK(complete(id, "anna"));
  ASSERT_OK(act(Verb::back, task_of(id, "dai"), "dai", {}, "g2"));
  EXPECT_EQ(open_tasks(id), (Told{"b: bo chen", "g2: bo chen", "g2: bo chen"}))
      << "within its own fork nobody is ended";
}

TEST_P(VerbsTest, BackPastForksWithinForks) {
  const int64_t id = start_with(kNested);
  ASSERT_OK(complete(id, "anna"));
  ASSERT_EQ(at(id).open.forks.size(), 2u);
  for (const Task& each : at(id).open.tasks)
    if (each.token == at(id).open.tokens.front().id) {
      ASSERT_OK(act(Verb::back, id_of(id, each.id), "bo", {}, "a"));
      break;
    }
  EXPECT_EQ(open_tasks(id), Told{"a: anna"});
  EXPECT_EQ(at(id).open.forks.size(), 0u);
}

// Whose turn it would have been is not asked where it was returned to.
TEST_P(VerbsTest, BackFromTheMiddleOfAList) {
  const int64_t id = start_with(
      "  a: {zh: A, by: starter}\n  b: {zh: B, in_turn: [boss, head], back: [a], may: [add_before]}\n");
  ASSERT_OK(complete(id, "anna"));
  ASSERT_OK(act(Verb::add_before, task_of(id, "dai"), "dai", {"eve", "fan"}));
  ASSERT_OK(act(Verb::back, task_of(id, "eve"), "eve", {}, "a"));
  EXPECT_EQ(open_tasks(id), Told{"a: anna"});
  ASSERT_OK(complete(id, "anna"));
  EXPECT_EQ(open_tasks(id), Told{"b: dai"});
}

TEST_P(VerbsTest, BackToTheFork) {
  const int64_t id = start_with(kNested);
  ASSERT_OK(complete(id, "anna"));
  ASSERT_OK(complete(id, "bo"));
  ASSERT_OK(complete(id, "bo"));
  ASSERT_OK(complete(id, "dai"));
  ASSERT_OK(act(Verb::back, task_of(id, "dai"), "dai", {}, "g"));
  EXPECT_EQ(open_tasks(id), (Told{"g1: dai", "g2: bo chen"}));
}

TEST_P(VerbsTest, WithdrawsUntilAStep) {
  const std::string steps =
      "  a: {zh: A, all_of: [head, boss], may: [add_before]}\n  b: {zh: B, by: boss, when: 'it.floors > "
      "1'}\n  c: {zh: C, by: boss}\n";
  int64_t id = start_with(steps, "withdraw_before: b\n");
  ASSERT_OK(complete(id, "bo"));  // one of several has approved
  ASSERT_OK(act(Verb::add_before, task_of(id, "dai"), "dai", {"eve"}));
  (void)messages();
  EXPECT_REASON(withdraw(id, "dai"), "flow.not_starter");
  ASSERT_OK(withdraw(id, "anna"));
  EXPECT_EQ(at(id).status, "withdrawn");
  EXPECT_EQ(messages(), Told{"task_ended eve"}) << "the one who waited had nothing to do";
  EXPECT_EQ(listed("dai"), Told{});
  EXPECT_REASON(withdraw(id, "anna"), "flow.case_ended");
  town.skipped = {"b"};
  id = start("r2");
  ASSERT_OK(complete(id, "dai"));
  ASSERT_OK(complete(id, "bo"));
  EXPECT_REASON(withdraw(id, "anna"), "flow.too_late") << "passed by, it was reached all the same";
}

const std::string kAll = "may: [add_before, add_after, hand_over, delegate, copy, urge]";

TEST_P(VerbsTest, AddsSignersInAList) {
  const int64_t id =
      start_with("  a: {zh: A, in_turn: [boss, starter], " + kAll + "}\n  b: {zh: B, by: head}\n");
  const std::string first = task_of(id, "dai");
  ASSERT_OK(act(Verb::add_before, first, "dai", {"eve", "fan"}));
  EXPECT_EQ(open_tasks(id), (Told{"a: eve", "a: fan"}));
  EXPECT_REASON(act(Verb::complete, first, "dai"), "flow.task_waits");
  ASSERT_OK(act(Verb::add_before, task_of(id, "eve"), "eve", {"gu"}));  // before the one who was added before
  ASSERT_OK(act(Verb::add_after, task_of(id, "fan"), "fan", {"ou"}));
  ASSERT_OK(complete(id, "fan"));
  EXPECT_EQ(open_tasks(id), (Told{"a: gu", "a: ou"}));
  ASSERT_OK(complete(id, "ou"));
  ASSERT_OK(complete(id, "gu"));
  ASSERT_OK(complete(id, "eve"));
  EXPECT_EQ(open_tasks(id), Told{"a: dai"});
  EXPECT_EQ(task_of(id, "dai"), first) << "the same task, not a copy";
  ASSERT_OK(act(Verb::add_after, first, "dai", {"eve"}));
  ASSERT_OK(complete(id, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"a: eve"}) << "before the next in turn";
  ASSERT_OK(complete(id, "eve"));
  EXPECT_EQ(open_tasks(id), Told{"a: anna"});
  ASSERT_OK(complete(id, "anna"));
  EXPECT_EQ(open_tasks(id), Told{"b: bo chen"});
}

TEST_P(VerbsTest, DelegatesOfDelegatesComeBack) {
  const int64_t id = start_with("  a: {zh: A, by: boss, " + kAll + "}\n  b: {zh: B, by: head}\n");
  const std::string task = task_of(id, "dai");
  ASSERT_OK(act(Verb::delegate, task, "dai", {"eve"}));
  EXPECT_REASON(act(Verb::complete, task, "dai"), "flow.not_yours");
  ASSERT_OK(act(Verb::delegate, task, "eve", {"fan"}));
  ASSERT_OK(act(Verb::hand_over, task, "fan", {"gu"}));
  (void)messages();
  ASSERT_OK(act(Verb::complete, task, "gu"));
  EXPECT_EQ(messages(), Told{"task eve"});
  ASSERT_OK(act(Verb::complete, task, "eve"));
  EXPECT_EQ(open_tasks(id), Told{"a: dai"});
  ASSERT_OK(act(Verb::complete, task, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"b: bo chen"});
  const Told told = story(id);
  EXPECT_EQ(std::count(told.begin(), told.end(), "completed a dai"), 1);
  EXPECT_EQ(std::count(told.begin(), told.end(), "delegate_done a gu"), 1);
}

TEST_P(VerbsTest, WhoHasLeftIsPassedBy) {
  const int64_t id = start_with("  a: {zh: A, by: boss, " + kAll + "}\n  b: {zh: B, by: starter}\n");
  const std::string task = task_of(id, "dai");
  ASSERT_OK(act(Verb::delegate, task, "dai", {"eve"}));
  ASSERT_OK(act(Verb::delegate, task, "eve", {"fan"}));
  ASSERT_OK(act(Verb::add_after, task, "fan", {"gu"}));
  town.left = {"eve", "gu"};
  ASSERT_OK(act(Verb::complete, task, "fan"));
  EXPECT_EQ(open_tasks(id), Told{"a: dai"});
  ASSERT_OK(act(Verb::complete, task, "dai"));
  EXPECT_EQ(open_tasks(id), Told{"a: kim"})
      << "gu was to sign after; somebody has to say that it is all right";
  town.left = {"anna"};
  (void)messages();
  ASSERT_OK(complete(id, "kim"));
  EXPECT_EQ(open_tasks(id), Told{"b: kim"}) << "the starter has left";
  EXPECT_EQ(messages(), (Told{"nobody kim", "task kim"}));
  const Told told = story(id);
  EXPECT_EQ(std::count(told.begin(), told.end(), "nobody b"), 1);
  ASSERT_OK(act(Verb::hand_over, task_of(id, "kim"), "kim",
                {"fan"}));  // an administrator may, whatever the step says
  EXPECT_EQ(open_tasks(id), Told{"b: fan"});
  town.left = {"fan"};
  ASSERT_OK(database->transaction([&](sql::Session& s) { return engine.leave(s, "fan", ++now); }));
  EXPECT_EQ(open_tasks(id), Told{"b: kim"}) << "who leaves with open tasks";
  EXPECT_EQ(listed("fan"), Told{});
}

}  // namespace
}  // namespace chengxin::flow
