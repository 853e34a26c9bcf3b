#include <thread>

#include "access/password_cost.h"
#include "access/rig_for_tests.h"

namespace chengxin::access::testing {
namespace {

using SignInTest = AccessTest;

TEST_F(SignInTest, NamesAreUniqueAndNobodysNameIsRefused) {
  add("zhang.wei");
  EXPECT_EQ(reason(service->add_user({"Zhang.Wei", kPassword, "", "", false}, now)), "access.user_exists");
  for (const char* shared : {"admin", "ROOT", "guest", "operator"})
    EXPECT_EQ(reason(service->add_user({shared, kPassword, "", "", false}, now)), "access.shared_name");
  for (const char* bad : {"", "a", "a b", "x\ny", "a/b"})
    EXPECT_EQ(reason(service->add_user({bad, kPassword, "", "", false}, now)), "access.user_name");
}

TEST_F(SignInTest, PasswordsFollowTheRules) {
  const std::pair<const char*, const char*> cases[] = {{"Ab1-xyz", "access.password_short"},
                                                       {"abcdefgh1", "access.password_classes"},
                                                       {"abcdefgh", "access.password_classes"},
                                                       {"Li.Na-2026", "access.password_name"}};
  for (auto [password, expected] : cases)
    EXPECT_EQ(reason(service->add_user({"li.na", password, "", "", false}, now)), expected) << password;
  EXPECT_EQ(reason(service->add_user({"li.na", std::string(129, 'x') + "A1", "", "", false}, now)),
            "access.password_long");
}

TEST_F(SignInTest, TheFirstPasswordMustBeChangedAndOldOnesDoNotComeBack) {
  add("li.na");
  auto session = take(enter("li.na", password()));
  EXPECT_TRUE(session.session.must_change);
  EXPECT_EQ(reason(service->change_password(session.secret, kPassword, kPassword, now)),
            "access.password_history");
  EXPECT_EQ(reason(service->change_password(session.secret, "wrong-One-1", "Another-1-word", now)),
            "access.login_failed");
  auto changed = take(service->change_password(session.secret, kPassword, "Another-1-word", now));
  EXPECT_FALSE(changed.session.must_change);
  EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "auth.invalid") << "a new identifier";
  for (int i = 0; i < 5; ++i) {
    const std::string before = i == 0 ? "Another-1-word" : fmt::format("Another-1-word{}", i);
    changed =
        take(service->change_password(changed.secret, before, fmt::format("Another-1-word{}", i + 1), now));
    if (i < 4) {
      EXPECT_EQ(reason(service->change_password(changed.secret, fmt::format("Another-1-word{}", i + 1),
                                                kPassword, now)),
                "access.password_history");
    }
  }
  EXPECT_TRUE(service->change_password(changed.secret, "Another-1-word5", kPassword, now))
      << "five later it may";
}

TEST_F(SignInTest, APasswordExpires) {
  add("li.na");
  auto session = take(enter("li.na", password()));
  take(service->change_password(session.secret, kPassword, "Another-1-word", now));
  now += 89 * kDay;
  EXPECT_FALSE(take(enter("li.na", password("Another-1-word"))).session.must_change);
  now += kDay;
  EXPECT_TRUE(take(enter("li.na", password("Another-1-word"))).session.must_change);
}

TEST_F(SignInTest, FiveFailuresLockWhetherOrNotThereIsSuchAUser) {
  Person person = add("li.na");
  for (const char* name : {"li.na", "nobody.here"}) {
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(reason(enter(name, password("wrong-One-1"))), "access.login_failed") << name;
    EXPECT_EQ(reason(enter(name, password())), "access.locked") << name;
  }
  now += 29 * kMinute;
  EXPECT_EQ(reason(enter("li.na", password())), "access.locked");
  open();
  EXPECT_EQ(reason(enter("li.na", password())), "access.locked") << "after a restart too";
  EXPECT_EQ(reason(enter("nobody.here", password())), "access.locked");
  ASSERT_TRUE(service->unlock(person.id));
  EXPECT_TRUE(enter("li.na", password()));
  for (int i = 0; i < 5; ++i) enter("li.na", password("wrong-One-1"));
  now += 31 * kMinute;
  EXPECT_TRUE(enter("LI.NA", password())) << "by itself after half an hour";
}

TEST_F(SignInTest, FailuresAtOnceAllCount) {
  add("li.na");
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) threads.emplace_back([&] { enter("li.na", password("wrong-One-1")); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(reason(enter("li.na", password())), "access.locked");
}

// No clock is looked at: the same work, the same answer, the same count of failures.
TEST_F(SignInTest, WhatIsRefusedCostsTheSameWhoeverItIs) {
  add("li.na");
  take(service->add_user({"billing", "", "", "", true}, now));
  uint64_t before = iterations_spent();
  EXPECT_EQ(reason(enter("li.na", password("wrong-One-1"))), "access.login_failed");
  const uint64_t one = iterations_spent() - before;
  EXPECT_GT(one, 0u);
  for (const char* name : {"nobody.here", "billing", "li.na"}) {
    before = iterations_spent();
    auto refused = enter(name, password("wrong-One-1"));
    EXPECT_EQ(iterations_spent() - before, one) << name;
    EXPECT_EQ(refused.error().reason, "access.login_failed") << name;
    EXPECT_EQ(refused.error().detail, "") << name;
    EXPECT_EQ(refused.error().code, Code::unauthenticated) << name;
  }
}

TEST_F(SignInTest, SuccessForgetsFailures) {
  add("li.na");
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) enter("li.na", password("wrong-One-1"));
    EXPECT_TRUE(enter("li.na", password()));
  }
}

TEST_F(SignInTest, ACodeIsTheSecondFactor) {
  Person person = add("li.na");
  for (auto algorithm : {CodeAlgorithm::sm3, CodeAlgorithm::sha1, CodeAlgorithm::sha256}) {
    take(service->begin_code(person.id, algorithm));
    const crypto::Secret secret = take(service->users().get(person.id)).code_secret;
    const auto code = [&] { return one_time_code(algorithm, secret, now / kCodeStepMs); };
    EXPECT_TRUE(enter("li.na", password())) << "it counts from its confirmation on";
    EXPECT_EQ(reason(service->confirm_code(person.id, "000000", now)), "access.code_wrong");
    ASSERT_TRUE(service->confirm_code(person.id, code(), now));
    EXPECT_EQ(reason(service->begin_code(person.id, algorithm)), "access.code_device");
    Proofs proofs = password();
    EXPECT_EQ(reason(enter("li.na", proofs)), "access.second_factor_required");
    proofs.code = code();
    EXPECT_EQ(reason(enter("li.na", proofs)), "access.code_used") << "the confirmation used it";
    now += kCodeStepMs;
    proofs.code = code();
    EXPECT_EQ(take(enter("li.na", proofs)).session.factors, access::kPassword | kOneTimeCode);
    EXPECT_EQ(reason(enter("li.na", proofs)), "access.code_used") << "replayed";
    now += kDay;
    EXPECT_EQ(reason(enter("li.na", proofs)), "access.code_clock");
    take(service->reset(person.id, true, now));
    ASSERT_TRUE(service->users().change(person.id, [](User& user) -> Status {
      user.password = hash_password(kPassword, 200);
      return {};
    }));
  }
}

TEST_F(SignInTest, CodeSecretsAreNotReadableOnDisk) {
  Person person = add("li.na");
  take(service->begin_code(person.id, CodeAlgorithm::sha1));
  const User user = take(service->users().get(person.id));
  service.reset();
  database.reset();
  std::string all;
  for (const auto& entry : fs::directory_iterator(folder))
    all += to_string(*read_file(entry.path(), 64 << 20));
  for (const std::string& form :
       {to_string(user.code_secret), hex(user.code_secret), base64(user.code_secret), kPassword})
    EXPECT_EQ(all.find(form), std::string::npos);
  database = take(sql::Database::open({.url = "sqlite:" + (folder / "test.db").string()}));
}

TEST_F(SignInTest, ACertificateSignsIn) {
  Person person = add("li.na");
  EXPECT_EQ(take(enter("li.na", both(person))).session.factors, access::kPassword | kCertificate);
  Proofs proofs = both(person);
  EXPECT_TRUE(enter("li.na", proofs));
  EXPECT_EQ(reason(enter("li.na", proofs)), "access.challenge") << "replayed";
  proofs = both(person);
  now += 2 * kMinute;
  EXPECT_EQ(reason(enter("li.na", proofs)), "access.challenge") << "too late";
  proofs = both(person);
  proofs.signature[5] ^= 1;
  EXPECT_EQ(reason(enter("li.na", proofs)), "access.certificate_signature");
  Person other = add("wang.fang");
  proofs = both(other);
  EXPECT_EQ(reason(enter("li.na", proofs)), "access.certificate_signature") << "signed for another name";
  proofs.challenge = service->challenge(now);
  proofs.signature = to_bytes(*other.key.sign(view(service->login_message("li.na", proofs.challenge))));
  EXPECT_EQ(reason(enter("li.na", proofs)), "access.login_failed") << "somebody else's certificate";
}

TEST_F(SignInTest, OfTooManyNamesThatNobodyHasTheOldestIsForgotten) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(reason(enter("nobody.new", password())), "access.login_failed");
  EXPECT_EQ(reason(enter("nobody.new", password())), "access.locked");
  const auto count = [&](const std::string& where) {
    int64_t out = 0;
    EXPECT_TRUE(database->read([&](sql::Session& session) -> Status {
      ASSIGN(auto row, session.row("select count(*) from access_stranger " + where));
      out = row->integer(0);
      return {};
    }));
    return out;
  };
  ASSERT_TRUE(database->transaction([&](sql::Session& session) -> Status {
    for (int i = 1; i < 20'000; ++i)
      TRY(
          session.run("insert into access_stranger (name_key, failures, locked_until_ms, noted_ms) values "
                      "(?, 1, 0, ?)",
                      fmt::format("old{}", i), now - 20'000 + i));
    return {};
  }));
  EXPECT_EQ(count(""), 20'000);
  EXPECT_EQ(reason(enter("old7", password())), "access.login_failed") << "is known: nothing goes for him";
  EXPECT_EQ(count(""), 20'000);
  EXPECT_EQ(reason(enter("nobody.else", password())), "access.login_failed");
  EXPECT_EQ(count(""), 20'000);
  EXPECT_EQ(count("where name_key = 'old1'"), 0);
  EXPECT_EQ(count("where name_key = 'old2'"), 1);
  EXPECT_EQ(reason(enter("nobody.new", password())), "access.locked");
}

// Whoever knows a name can try passwords for it.
TEST_F(SignInTest, StrangersKeepNobodyOutWhoHasHisCertificate) {
  Person person = add("li.na");
  const Person thief = add("wang.fang");
  const auto with = [](Proofs proofs, std::string_view text) {
    proofs.password = crypto::to_secret(view(text));
    return proofs;
  };
  const auto stranger = [&] {
    Proofs out = both(thief);
    out.signature = to_bytes(*thief.key.sign(view(service->login_message("li.na", out.challenge))));
    return out;
  };
  auto before = take(enter("li.na", both(person)));
  for (int i = 0; i < 5; ++i) {
    const uint64_t spent = iterations_spent();
    EXPECT_EQ(reason(enter("li.na", stranger())), "access.login_failed");
    EXPECT_EQ(iterations_spent(), spent) << "nothing is hashed for who shows another's certificate";
  }
  EXPECT_EQ(reason(enter("li.na", stranger())), "access.locked");
  EXPECT_EQ(reason(enter("li.na", password())), "access.locked");
  EXPECT_EQ(reason(enter("li.na", both(person))), "");
  before = take(service->change_password(before.secret, kPassword, "Another-1-word", now));
  EXPECT_EQ(reason(service->step_up(before.secret, password("Another-1-word"), now)), "")
      << "he signed in with it";
  EXPECT_EQ(reason(enter("li.na", password("Another-1-word"))), "access.locked") << "for passwords alone";

  ASSERT_TRUE(service->unlock(person.id));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(reason(enter("li.na", with(both(person), "wrong-One-1"))), "access.login_failed");
  EXPECT_EQ(reason(enter("li.na", with(both(person), "Another-1-word"))), "access.locked");
  open();
  EXPECT_EQ(reason(enter("li.na", with(both(person), "Another-1-word"))), "access.locked")
      << "after a restart too";
  EXPECT_EQ(reason(enter("li.na", password("Another-1-word"))), "");
  now += 31 * kMinute;
  EXPECT_EQ(reason(enter("li.na", with(both(person), "Another-1-word"))), "");
  for (int i = 0; i < 5; ++i) enter("li.na", with(both(person), "wrong-One-1"));
  ASSERT_TRUE(service->unlock(person.id));
  EXPECT_EQ(reason(enter("li.na", with(both(person), "Another-1-word"))), "");
}

// Challenges are open to anybody.
TEST_F(SignInTest, ManyChallengesKeepNobodyOut) {
  Person person = add("li.na");
  const Proofs first = both(person);
  for (int i = 0; i < 20'500; ++i) service->challenge(now);
  EXPECT_TRUE(enter("li.na", first)) << "of before";
  EXPECT_TRUE(enter("li.na", both(person))) << "of after";
  for (size_t at : {size_t(0), size_t(20), size_t(60)}) {  // end, nonce, MAC
    Proofs bent = both(person);
    bent.challenge[at] = bent.challenge[at] == '0' ? '1' : '0';
    bent.signature = to_bytes(*person.key.sign(view(service->login_message("li.na", bent.challenge))));
    EXPECT_EQ(reason(enter("li.na", bent)), "access.challenge") << at;
  }
  Proofs none = both(person);
  for (const char* challenge : {"", "00", "x"}) {
    none.challenge = challenge;
    ASSERT_TRUE(service->unlock(person.id));
    EXPECT_EQ(reason(enter("li.na", none)), "access.challenge") << challenge;
  }
  ASSERT_TRUE(service->unlock(person.id));
  const Proofs before = both(person);
  open();
  EXPECT_EQ(reason(enter("li.na", before)), "access.challenge") << "of another process";
}

TEST_F(SignInTest, BadCertificatesAreRefusedEachWithItsReason) {
  Person person = add("li.na");
  const auto with = [&](const crypto::Certificate& certificate) {
    Proofs proofs = both(person);
    proofs.certificate_pem = certificate.to_pem();
    EXPECT_TRUE(service->unlock(person.id));
    return reason(enter("li.na", proofs));
  };
  const auto& own_key = person.key.public_key();
  EXPECT_EQ(with(certificate("li.na", own_key, crypto::Purpose::client, -9, -1)),
            "crypto.certificate_expired");
  EXPECT_EQ(with(certificate("li.na", own_key, crypto::Purpose::client, 1, 9)),
            "crypto.certificate_not_yet_valid");
  EXPECT_EQ(with(certificate("li.na", own_key, crypto::Purpose::timestamp)), "crypto.certificate_usage");
  EXPECT_EQ(with(certificate("li.na", own_key)), "access.login_failed") << "not the one that was registered";
  auto stranger =
      *crypto::Authority::create_root({"CN", "", "", "self-made"}, {now - kDay, now + kDay}, person.key);
  EXPECT_EQ(with(*stranger.issue(
                {crypto::Purpose::client, {"CN", "", "", "li.na"}, {}, {now - 1000, now + 1000}}, own_key)),
            "crypto.certificate_untrusted");
  auto own = *crypto::Certificate::from_pem(person.certificate);
  crls = {*authority.issue_crl({{own.serial, now - 1000, 1}}, 1, {now - kDay, now + kDay})};
  EXPECT_EQ(with(own), "crypto.certificate_revoked");
  crls = {*authority.issue_crl({}, 2, {now - 9 * kDay, now - kDay})};
  EXPECT_EQ(with(own), "crypto.crl_expired");
}

TEST_F(SignInTest, AdministratorsNeedACertificateAndASecondFactor) {
  Person person = first("zhao.lei", "system-administrator");
  EXPECT_EQ(reason(enter("zhao.lei", password())), "access.certificate_required");
  Proofs only = both(person);
  only.password.clear();
  EXPECT_EQ(reason(enter("zhao.lei", only)), "access.second_factor_required");
  EXPECT_TRUE(enter("zhao.lei", both(person)));
}

TEST_F(SignInTest, WhoRegistersCertificatesDoesNotBecomeAnAdministratorByIt) {
  Person person = first("qian.yu", "security-administrator"), thief = keyed("qian.yu");
  thief.id = person.id;
  ASSERT_TRUE(service->set_certificate(person.id, thief.certificate, now));
  EXPECT_EQ(reason(enter("qian.yu", both(thief))), "access.certificate_other");
  EXPECT_EQ(reason(enter("qian.yu", both(person))), "access.login_failed");
  ASSERT_TRUE(service->set_certificate(person.id, person.certificate, now));
  EXPECT_TRUE(enter("qian.yu", both(person)));
}

TEST_F(SignInTest, ALockedAccountIsOutAtOnce) {
  Person person = add("li.na");
  auto session = take(enter("li.na", password()));
  ASSERT_TRUE(service->lock(person.id));
  EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "auth.invalid");
  EXPECT_EQ(reason(enter("li.na", password())), "access.disabled");
  EXPECT_EQ(reason(enter("li.na", password("wrong-One-1"))), "access.login_failed")
      << "told only to who knows the password";
}

// Proving takes its time: what is decided in it counts.
TEST_F(SignInTest, WhatHappensWhileSomebodySignsInIsNotLost) {
  Person person = add("li.na");
  const auto with = [&](const std::function<void()>& event) {
    const Proofs proofs = both(person);
    meanwhile = event;
    auto entered = enter("li.na", proofs);
    EXPECT_FALSE(meanwhile);
    EXPECT_TRUE(entered || service->sessions().list(person.id, now).empty());
    return reason(entered);
  };
  EXPECT_EQ(with([] {}), "");
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->lock(person.id)); }), "access.disabled");
  ASSERT_TRUE(service->unlock(person.id));
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->sign_out(person.id)); }), "access.ended_meanwhile");
  EXPECT_EQ(with([&] {
              for (int i = 0; i < 5; ++i) {
                Proofs wrong = both(person);
                wrong.password = crypto::to_secret(view("wrong-One-1"));
                enter("li.na", wrong);
              }
            }),
            "access.locked");
  ASSERT_TRUE(service->unlock(person.id));
  const Person other = keyed("li.na");
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->set_certificate(person.id, other.certificate, now)); }),
            "access.login_failed");
  ASSERT_TRUE(service->set_certificate(person.id, person.certificate, now));
  auto session = take(enter("li.na", both(person)));
  meanwhile = [&] { take(service->change_password(session.secret, kPassword, "Another-1-word", now)); };
  EXPECT_EQ(reason(enter("li.na", both(person))), "access.login_failed");
  EXPECT_EQ(service->sessions().list(person.id, now).size(), 1u) << "the one that changed it";
  EXPECT_EQ(with([&] { take(service->reset(person.id, false, now)); }), "access.login_failed");
}

TEST_F(SignInTest, NorWhileSomebodyShowsOneMoreFactor) {
  Person person = add("li.na");
  const Person renewed = keyed("li.na");
  const auto with = [&](const std::function<void()>& event) {
    const auto session = take(enter("li.na", password()));
    const Proofs proofs = both(person);
    meanwhile = event;
    const auto stepped = service->step_up(session.secret, proofs, now);
    EXPECT_FALSE(meanwhile);
    EXPECT_EQ(service->sessions().list(person.id, now).size(), stepped ? 1u : 0u);
    EXPECT_TRUE(service->sign_out(person.id));
    return reason(stepped);
  };
  EXPECT_EQ(with([] {}), "");
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->lock(person.id)); }), "auth.invalid");
  ASSERT_TRUE(service->unlock(person.id));
  EXPECT_EQ(with([&] { ASSERT_TRUE(service->set_certificate(person.id, renewed.certificate, now)); }),
            "auth.invalid");
  ASSERT_TRUE(service->set_certificate(person.id, person.certificate, now));
  EXPECT_EQ(with([&] { take(service->reset(person.id, false, now)); }), "auth.invalid");
}

TEST_F(SignInTest, ARowChangedByOtherMeansIsRefused) {
  Person person = add("li.na");
  auto change = [&](const std::string& statement, const std::string& value) {
    ASSERT_TRUE(database->transaction([&](sql::Session& session) -> Status {
      TRY(session.run(statement, value, person.id));
      return {};
    }));
  };
  const User user = take(service->users().get(person.id));
  change("update access_user set body = replace(body, '\"failures\":0', '\"failures\":1' || ?) where id = ?",
         "");
  EXPECT_EQ(reason(enter("li.na", password())), "access.row_bent");
  change("update access_user set body = replace(body, '\"failures\":1', '\"failures\":0' || ?) where id = ?",
         "");
  EXPECT_TRUE(enter("li.na", password()));
  change("update access_user set name_key = ? where id = ?", "wang.fang");
  EXPECT_EQ(reason(enter("wang.fang", password())), "access.row_bent");
}

using SessionTest = AccessTest;

TEST_F(SessionTest, EndIdleAndAtLast) {
  add("li.na");
  auto session = take(enter("li.na", password()));
  for (int i = 0; i < 60; ++i) {
    now += 12 * kMinute;
    const bool good = i < 59;
    EXPECT_EQ(service->sessions().find(session.secret, now).has_value(), good) << i;
    if (!good) {
      EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "access.session_over");
    }
  }
  session = take(enter("li.na", password()));
  now += 15 * kMinute;
  EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "access.session_idle");
  ASSERT_TRUE(service->maintain(now));
  EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "auth.invalid");
}

TEST_F(SessionTest, SurviveARestartAndAreKeptAsHashes) {
  Person person = add("li.na");
  auto session = take(enter("li.na", password()));
  now += kMinute;
  ASSERT_TRUE(service->sessions().find(session.secret, now));
  ASSERT_TRUE(service->maintain(now));
  open();
  EXPECT_EQ(take(service->sessions().find(session.secret, now)).user, person.id);
  ASSERT_TRUE(database->read([&](sql::Session& work) -> Status {
    ASSIGN(auto rows, work.rows("select hash, body from access_session"));
    EXPECT_EQ(rows.size(), 1u);
    for (const auto& row : rows) EXPECT_EQ(row.text(1).find(session.secret.substr(4)), std::string::npos);
    return {};
  }));
}

TEST_F(SessionTest, OneThatWasPutIntoTheDatabaseOpensNothing) {
  Person person = add("li.na"), other = add("wang.fang");
  auto session = take(enter("li.na", password()));
  ASSERT_TRUE(database->transaction([&](sql::Session& work) -> Status {
    TRY(work.run("update access_session set body = replace(body, ?, ?)", person.id, other.id));
    return {};
  }));
  open();
  EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "auth.invalid");
}

TEST_F(SessionTest, GetANewIdentifierAtEachStep) {
  Person person = add("li.na");
  auto session = take(enter("li.na", password()));
  Proofs proofs = both(person);
  proofs.password.clear();
  auto higher = take(service->step_up(session.secret, proofs, now));
  EXPECT_NE(higher.secret, session.secret);
  EXPECT_EQ(higher.session.factors, access::kPassword | kCertificate);
  EXPECT_EQ(reason(service->sessions().find(session.secret, now)), "auth.invalid");
  EXPECT_EQ(reason(service->step_up(higher.secret, Proofs(), now)), "access.nothing_shown");
  for (const char* forged : {"", "cxs_", "cxs_00", "cxt_00"})
    EXPECT_EQ(reason(service->sessions().find(forged, now)), "auth.invalid");
}

TEST_F(SessionTest, EndOneByOneAndAllTogether) {
  Person person = add("li.na");
  std::vector<Sessions::Opened> all;
  for (int i = 0; i < 3; ++i) all.push_back(take(enter("li.na", password())));
  EXPECT_EQ(service->sessions().list(person.id, now).size(), 3u);
  ASSERT_TRUE(service->sessions().end(person.id, all[1].session.id));
  EXPECT_EQ(reason(service->sessions().end("somebody", all[0].session.id)), "access.no_session");
  EXPECT_FALSE(service->sessions().find(all[1].secret, now));
  EXPECT_TRUE(service->sessions().find(all[0].secret, now));
  ASSERT_TRUE(service->sessions().end_all(person.id));
  for (auto& one : all) EXPECT_FALSE(service->sessions().find(one.secret, now));
  for (int i = 0; i < 25; ++i) all.push_back(take(enter("li.na", password())));
  EXPECT_EQ(service->sessions().list(person.id, now).size(), 20u);
}

}  // namespace
}  // namespace chengxin::access::testing
