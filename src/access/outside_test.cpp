#include "access/rig_for_tests.h"

namespace chengxin::access::testing {
namespace {

const Action kRead{"getEvidence", "evidence", false, true}, kWrite{"addEvidence", "evidence", true, true};

// Who comes from an outside provider.
struct OutsideTest : AdministeredTest {
  static OutsideIdentity comes(const std::string& account, const std::string& name,
                               const std::string& level = {}) {
    return {"https://id " + account,
            name,
            "city",
            "sub-" + account,
            "sid-" + account,
            [level](std::string_view claim, std::string_view value) {
              return claim == "level" && value == level;
            }};
  }
  Result<Sessions::Opened> outside(const OutsideIdentity& who) {
    return service->sign_in_outside(who, "test", "127.0.0.1", now);
  }
  std::string rules(const std::vector<Json>& list) {
    auto proposal = propose(security, next([&](Json& document) { document["outside"] = Json(list); }));
    return proposal ? reason(approve(audit, *proposal)) : proposal.error().reason;
  }
  static Json rule(const std::string& value, const std::string& role, const std::string& provider = "city") {
    return {{"provider", provider},
            {"claim", "level"},
            {"value", value},
            {"role", role},
            {"organisation", "root"}};
  }
  bool may(const Session& session, const Action& action) {
    return service->policies().current()->decide_outside(session.user, session.outside, action).has_value();
  }
};

TEST_F(OutsideTest, OnlyWhoIsLinkedOrComesByARuleComesIn) {
  EXPECT_EQ(reason(outside(comes("1", "li.na", "L3"))), "access.outside_unknown");
  EXPECT_EQ(rules({rule("L3", "official")}), "");
  EXPECT_EQ(reason(outside(comes("1", "li.na", "L2"))), "access.outside_unknown");
  auto other = comes("1", "li.na", "L3");
  other.provider = "office";
  EXPECT_EQ(reason(outside(other)), "access.outside_unknown") << "the rule is about another provider";
  const auto opened = take(outside(comes("1", "li.na", "L3")));
  EXPECT_EQ(opened.session.factors, kOutside);
  EXPECT_TRUE(may(opened.session, kWrite));
  EXPECT_FALSE(service->policies().current()->decide(opened.session.user, kRead, now));
  EXPECT_EQ(take(outside(comes("1", "another", "L3"))).session.user, opened.session.user)
      << "the same account";
  EXPECT_FALSE(may(take(outside(comes("1", "li.na", "L2"))).session, kRead))
      << "an account without its claim";
  EXPECT_EQ(reason(outside(comes("2", "li.na", "L3"))), "access.outside_name") << "names link nothing";
  EXPECT_EQ(reason(outside(comes("2", "QIAN.yu", "L3"))), "access.outside_name");
  EXPECT_EQ(reason(outside(comes("2", "root", "L3"))), "access.shared_name");
  EXPECT_EQ(reason(outside(comes("2", "", "L3"))), "access.user_name");
  // Sessions keep what was said through a restart, and a rule that is withdrawn counts no more.
  open();
  const Session kept = take(service->sessions().find(opened.secret, now));
  EXPECT_TRUE(may(kept, kWrite));
  EXPECT_EQ(rules({}), "");
  EXPECT_FALSE(may(kept, kWrite));
}

TEST_F(OutsideTest, RulesGiveNoDutyAndNothingThatContradicts) {
  for (const char* role : {"system-administrator", "security-administrator", "audit-administrator"})
    EXPECT_EQ(rules({rule("L3", role)}), "access.outside_duty") << role;
  EXPECT_EQ(rules({rule("L3", "regulator"), rule("L4", "official")}), "access.read_only_writes");
  EXPECT_EQ(rules({rule("L3", "regulator"), rule("L4", "official", "office")}), "");
  EXPECT_EQ(rules({rule("L3", "nobody")}), "access.role_unknown");
  EXPECT_EQ(rules({rule("", "reader")}), "access.outside_rule");
  Json elsewhere = rule("L3", "reader");
  elsewhere["organisation"] = "east";
  EXPECT_EQ(rules({elsewhere}), "access.organisation_unknown");
  EXPECT_EQ(rules({Json{{"provider", "city"}}}), "access.policy_form");
  // Whom the policy names has what it gives him, nothing by claims.
  ASSERT_EQ(rules({rule("L3", "official")}), "");
  ASSERT_TRUE(service->link_outside(audit.id, "https://id 9"));
  EXPECT_FALSE(may(take(outside(comes("9", "x", "L3"))).session, kWrite));
}

TEST_F(OutsideTest, AnAccountIsOnOneUser) {
  const Person person = add("li.na"), other = add("wang.fang");
  EXPECT_TRUE(service->link_outside(person.id, "https://id 1"));
  EXPECT_TRUE(service->link_outside(person.id, "https://id 1"));
  EXPECT_EQ(reason(service->link_outside(other.id, "https://id 1")), "access.outside_linked");
  EXPECT_EQ(reason(service->link_outside(person.id, "https://id 2")), "access.outside_linked");
  const auto by_city = take(outside(comes("1", "whatever")));
  EXPECT_EQ(by_city.session.user, person.id);
  const auto by_certificate = take(enter("li.na", both(person)));
  EXPECT_TRUE(service->unlink_outside(person.id));
  EXPECT_EQ(reason(service->sessions().find(by_city.secret, now)), "auth.invalid");
  EXPECT_EQ(reason(service->sessions().find(by_certificate.secret, now)), "");
  EXPECT_EQ(reason(outside(comes("1", "whatever"))), "access.outside_unknown");
  EXPECT_EQ(reason(service->unlink_outside(person.id)), "access.outside_none");
  EXPECT_TRUE(service->link_outside(other.id, "https://id 1"));
  ASSERT_EQ(rules({rule("L3", "reader")}), "");
  const auto made = take(outside(comes("7", "made.by.rule", "L3")));
  EXPECT_EQ(reason(service->unlink_outside(made.session.user)), "access.outside_only");
}

TEST_F(OutsideTest, LocksAndSecondFactorsHold) {
  const Person person = add("li.na");
  ASSERT_TRUE(service->link_outside(person.id, "https://id 1"));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(reason(enter("li.na", password("Wrong-1-word"))), "access.login_failed");
  EXPECT_EQ(reason(outside(comes("1", "x"))), "access.locked");
  EXPECT_TRUE(service->unlock(person.id));
  EXPECT_TRUE(service->lock(person.id));
  EXPECT_EQ(reason(outside(comes("1", "x"))), "access.disabled");
  EXPECT_TRUE(service->unlock(person.id));
  take(service->users().change(person.id, [](User& user) -> Status {
    user.code_confirmed = true;
    return {};
  }));
  const auto opened = take(outside(comes("1", "x")));
  EXPECT_TRUE(opened.session.must_prove) << "there is a code device";
  const auto stepped = take(service->step_up(opened.secret, both(person), now));
  EXPECT_FALSE(stepped.session.must_prove);
  const auto added = take(service->add_user({"billing", "", "", "", true}, now));
  EXPECT_EQ(reason(service->link_outside(added.user.id, "https://id 2")), "access.service_account");
}

// What is decided while the provider's word is looked at counts.
TEST_F(OutsideTest, NobodyComesInOverALockOrAnUnlinking) {
  const Person person = add("li.na");
  ASSERT_EQ(rules({rule("L3", "reader")}), "");
  const auto with = [&](const std::function<void()>& event) {
    EXPECT_TRUE(service->link_outside(person.id, "https://id 1"));
    auto who = comes("1", "x");
    who.has = [&](std::string_view, std::string_view) {
      event();
      return false;
    };
    const auto entered = outside(who);
    EXPECT_EQ(service->sessions().list(person.id, now).size(), entered ? 1u : 0u);
    EXPECT_TRUE(service->unlock(person.id));
    return reason(entered);
  };
  EXPECT_EQ(with([] {}), "");
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->lock(person.id)); }), "access.disabled");
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->sign_out(person.id)); }), "access.ended_meanwhile");
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->unlink_outside(person.id)); }), "access.outside_unknown");
  EXPECT_EQ(with([&] {
              for (int i = 0; i < 5; ++i) enter("li.na", password("Wrong-1-word"));
            }),
            "access.locked");
  // Unlinked and linked again: what was opened by the link before has ended.
  EXPECT_EQ(with([&] {
              ASSERT_TRUE(service->unlink_outside(person.id));
              ASSERT_TRUE(service->link_outside(person.id, "https://id 1"));
            }),
            "access.ended_meanwhile");
}

TEST_F(OutsideTest, TheProviderEndsItsSessionsAndNoOthers) {
  const Person one = add("li.na"), two = add("wang.fang");
  ASSERT_TRUE(service->link_outside(one.id, "https://id 1"));
  ASSERT_TRUE(service->link_outside(two.id, "https://id 2"));
  const auto first = take(outside(comes("1", "x"))), second = take(outside(comes("2", "x")));
  const auto own = take(enter("li.na", both(one)));
  Sessions& sessions = service->sessions();
  EXPECT_EQ(take(sessions.end_outside("office", "sub-1", "", now)), 0u) << "another provider's";
  EXPECT_EQ(take(sessions.end_outside("", "sub-1", "", now)), 0u);
  EXPECT_EQ(take(sessions.end_outside("city", "", "", now)), 0u);
  EXPECT_EQ(take(sessions.end_outside("city", "sub-1", "sid-2", now)), 0u);
  EXPECT_EQ(take(sessions.end_outside("city", "", "sid-1", now)), 1u);
  EXPECT_EQ(reason(sessions.find(first.secret, now)), "auth.invalid");
  EXPECT_EQ(take(sessions.end_outside("city", "sub-2", "", now)), 1u);
  EXPECT_EQ(reason(sessions.find(second.secret, now)), "auth.invalid");
  open();
  EXPECT_EQ(reason(service->sessions().find(second.secret, now)), "auth.invalid");
  EXPECT_EQ(reason(service->sessions().find(own.secret, now)), "");
}

// The provider ends it after it was asked, and before there is a session to end.
TEST_F(OutsideTest, NobodyComesInOverALogoutOfTheProvider) {
  const Person person = add("li.na");
  ASSERT_TRUE(service->link_outside(person.id, "https://id 1"));
  ASSERT_EQ(rules({rule("L3", "reader")}), "");
  Sessions& sessions = service->sessions();
  const auto with = [&](const std::function<void()>& event) {
    auto who = comes("1", "x");
    who.asked_ms = now;
    who.has = [&](std::string_view, std::string_view) {
      event();
      return false;
    };
    const auto entered = outside(who);
    EXPECT_EQ(sessions.list(person.id, now).size(), entered ? 1u : 0u);
    EXPECT_TRUE(service->sign_out(person.id));
    now += kMinute;
    return reason(entered);
  };
  const auto end = [&](const char* provider, const char* sub, const char* sid, int64_t at_ms) {
    return [=, &sessions, this] { EXPECT_EQ(take(sessions.end_outside(provider, sub, sid, at_ms)), 0u); };
  };
  EXPECT_EQ(with(end("city", "sub-1", "", now)), "access.ended_meanwhile");
  EXPECT_EQ(with([] {}), "") << "the provider was asked anew";
  EXPECT_EQ(with(end("city", "", "sid-1", now)), "access.ended_meanwhile");
  EXPECT_EQ(with(end("city", "sub-1", "sid-1", now + 1)), "access.ended_meanwhile");
  EXPECT_EQ(with(end("city", "sub-1", "sid-1", now - 1)), "") << "before it was asked";
  EXPECT_EQ(with(end("city", "sub-1", "sid-2", now)), "");
  EXPECT_EQ(with(end("city", "sub-2", "", now)), "");
  EXPECT_EQ(with(end("office", "sub-1", "", now)), "");
  // Neither others' nor the same one shown again and again take its place.
  EXPECT_EQ(with([&] {
              end("city", "sub-1", "", now)();
              for (int i = 0; i < 6'000; ++i) end("city", fmt::format("other-{}", i).c_str(), "", now)();
              for (int i = 0; i < 6'000; ++i) end("city", "sub-2", "", now)();
            }),
            "access.ended_meanwhile");
}

}  // namespace
}  // namespace chengxin::access::testing
