#include "identity/contract.h"

#include <gtest/gtest.h>

#include "identity/testing.h"

namespace chengxin::identity {
namespace {

using namespace testing;

class IdentityTest : public ::testing::Test {
 protected:
  void SetUp() override { on.appoint(); }
  Answer may(const SubjectId& actor, const SubjectId& principal, std::string scope, uint64_t amount = 0,
             uint64_t time_ms = 0) const {
    if (time_ms == 0) time_ms = uint64_t(on.chain->time_ms);
    return may_act(on.read(), {actor, principal, std::move(scope), amount, time_ms}).value();
  }
  IdentityChain on;
};

TEST(IdentityProtocol, BeforeItsVersionTheContractIsUnknown) {
  IdentityChain on(3);
  const SetRegistrar call{on.admin.id, {{Right::admin}, Flags<Kind>::all()}};
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", call), "contract.unknown");
  const uint64_t from = on.chain->ledger->head().header.height + 2;
  EXPECT_EQ(on.run(on.setup.governor, {"governance", "set_protocol", format::encode_set_protocol({4, from})}),
            "");
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", call), "");
  EXPECT_EQ(on.run(on.setup.governor, "there_is_none", call), "contract.unknown_method");
  EXPECT_TRUE(on.chain->ledger->verify(nullptr));
}

TEST(IdentityRegistrars, NobodyRegistersUntilAGovernorNamedTheFirst) {
  IdentityChain on;
  Party person;
  const Register one{{on.made(person)}};
  const auto all = Flags<Kind>::all();
  EXPECT_EQ(on.run(on.registrar, "register", one), "identity.no_right");
  EXPECT_EQ(on.run(on.setup.governor, "register", one), "identity.no_right") << "a governor is no registrar";
  EXPECT_EQ(on.run(on.admin, "set_registrar", SetRegistrar{on.admin.id, {{Right::admin}, all}}),
            "identity.no_right");
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", SetRegistrar{on.registrar.id, {{Right::enrol}, all}}),
            "identity.no_admin");
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", SetRegistrar{KeyId{1}, {{Right::admin}, all}}),
            "identity.no_account");
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", SetRegistrar{on.admin.id, {{Right::admin}, all}}), "");
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", SetRegistrar{on.registrar.id, {{Right::admin}, all}}),
            "identity.no_right")
      << "from then on admins do";
  EXPECT_EQ(on.run(on.admin, "register", one), "identity.no_right") << "an admin names, and no more";
  EXPECT_EQ(on.run(on.admin, "set_registrar", SetRegistrar{on.registrar.id, {{Right::enrol}, {Kind::legal}}}),
            "");
  EXPECT_EQ(on.run(on.registrar, "register", one), "identity.kind");
  EXPECT_EQ(on.run(on.admin, "set_registrar", SetRegistrar{on.admin.id, {}}), "identity.last_admin");
}

TEST(IdentityRegistrars, GovernorsStepInWhenNoAdminCanSign) {
  IdentityChain on;
  on.appoint();
  const SetRegistrar next{on.other_registrar.id, {{Right::admin}, Flags<Kind>::all()}};
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", next), "identity.no_right");
  EXPECT_EQ(on.run(on.setup.governor, {"governance", "revoke_key", format::encode_revoke_key(on.admin.id)}),
            "");
  EXPECT_EQ(on.run(on.setup.governor, "set_registrar", next), "");
  EXPECT_FALSE(on.chain->ledger->state(registrar_key(on.admin.id)).value());
}

TEST_F(IdentityTest, ABatchIsEnrolledWholeOrNotAtAll) {
  std::vector<Party> people(300);
  Register batch;
  for (const Party& each : people) batch.subjects.push_back(on.made(each));
  batch.subjects[7].commitment = Digest{7};
  batch.subjects[7].unique = Digest{8};
  ASSERT_EQ(on.run(on.registrar, "register", batch), "");
  EXPECT_EQ(on.number(), 300u);
  const SubjectId id = on.id_of(batch.subjects[7]);
  const Subject seventh = on.subject(id);
  EXPECT_EQ(seventh.commitment, Digest{7});
  EXPECT_EQ(seventh.version, 1u);
  EXPECT_EQ(seventh.registrar, on.registrar.id);
  EXPECT_EQ(seventh.change.action, "register");
  EXPECT_EQ(totals_of(on.read())->natural, (Count{300, 0, 0, 0}));
  EXPECT_EQ(subject_of_key(on.read(), people[7].key.id).value(), id);
  EXPECT_EQ(on.chain->ledger->account(people[7].key.id).value()->roles, std::vector<std::string>{"subject"});

  Party fresh, second;
  const auto refused = [&](auto change) {
    Register two{{on.made(second), on.made(fresh)}};
    change(two.subjects[1]);
    return on.run(on.registrar, "register", two);
  };
  EXPECT_EQ(refused([&](NewSubject& it) { it.seed = batch.subjects[3].seed; }), "identity.exists");
  EXPECT_EQ(refused([&](NewSubject& it) { it.unique = Digest{8}; }), "identity.not_unique");
  EXPECT_EQ(refused([&](NewSubject& it) { it.keys = batch.subjects[3].keys; }), "identity.key_used");
  EXPECT_EQ(refused([&](NewSubject& it) { it.keys = {on.key_of(on.admin)}; }), "identity.key_has_account")
      << "who enrols the admin's key could suspend it";
  EXPECT_EQ(refused([&](NewSubject& it) { it.keys[0].public_key[5] ^= 1; }), "identity.public_key");
  EXPECT_EQ(refused([&](NewSubject& it) { it.keys[0].purposes = {}; }), "identity.key_purpose");
  EXPECT_EQ(refused([&](NewSubject& it) { it.seed.resize(15); }), "identity.seed");
  EXPECT_EQ(refused([&](NewSubject& it) { it.parent = SubjectId{1}; }), "identity.no_parent");
  EXPECT_EQ(refused([&](NewSubject& it) { it.parent = id; }), "identity.parent_kind");
  EXPECT_EQ(refused([&](NewSubject& it) { it.services = {{"a", "t", ""}}; }), "identity.service");
  EXPECT_EQ(refused([&](NewSubject& it) { it.keys.assign(17, it.keys[0]); }), "identity.key_used");
  EXPECT_EQ(on.run(on.registrar, "register", Register{}), "identity.batch");
  EXPECT_EQ(on.run(on.registrar, {"identity", "register", {0x0a}}), "transaction.arguments_malformed");
  EXPECT_EQ(totals_of(on.read())->natural.total(), 300u) << "none of the refused batches left anything";
  EXPECT_EQ(refused([](NewSubject&) {}), "");
}

TEST_F(IdentityTest, SuspensionHoldsFromTheNextBlockOn) {
  const Party person = on.enrol();
  const SetServices services{on.now(person.id), {{"home", "web", "https://example.org"}}};
  ASSERT_EQ(on.run(person.key, "set_services", services), "");
  EXPECT_EQ(on.run(on.registrar, "suspend", ChangeStatus{{{person.id, 1}}, "lost"}), "identity.version");
  ASSERT_EQ(on.run(on.registrar, "suspend", ChangeStatus{{on.now(person.id)}, "lost"}), "");
  EXPECT_EQ(on.subject(person.id).change.why, "lost");
  EXPECT_EQ(on.run(person.key, "set_services", SetServices{on.now(person.id), {}}),
            "identity.subject_suspended");
  EXPECT_EQ(check_signer(on.read(), person.key.id).error().reason, "identity.subject_suspended");
  EXPECT_EQ(on.run(on.registrar, "suspend", ChangeStatus{{on.now(person.id)}, ""}), "identity.status");
  ASSERT_EQ(on.run(on.registrar, "restore", ChangeStatus{{on.now(person.id)}, ""}), "");
  EXPECT_EQ(on.run(person.key, "set_services", SetServices{on.now(person.id), {}}), "");
  ASSERT_EQ(on.run(on.registrar, "revoke", ChangeStatus{{on.now(person.id)}, ""}), "");
  EXPECT_EQ(on.run(person.key, "set_services", SetServices{on.now(person.id), {}}),
            "transaction.signer_revoked");
  EXPECT_EQ(on.run(on.registrar, "restore", ChangeStatus{{on.now(person.id)}, ""}), "identity.status")
      << "for ever";
  EXPECT_EQ(on.run(on.registrar, "update", UpdateMany{{{on.now(person.id), {}, {}, ""}}}),
            "identity.subject_revoked");
  EXPECT_EQ(totals_of(on.read())->natural, (Count{0, 0, 1, 0}));
  std::vector<std::string> actions;
  const auto changes = history_of(on.read(), person.id).value();
  for (const Change& each : changes) actions.push_back(each.action);
  EXPECT_EQ(actions, (std::vector<std::string>{"register", "set_services", "suspend", "restore",
                                               "set_services", "revoke"}));
}

TEST_F(IdentityTest, OfTwoChangesThatRaceOneFails) {
  const Party person = on.enrol();
  const Expected now = on.now(person.id);
  const Bytes blocks[] = {
      on.setup.envelope(person.key, on.chain->time_ms,
                        {on.call("set_services", SetServices{now, {{"a", "b", "c"}}})}),
      on.setup.envelope(on.registrar, on.chain->time_ms, {on.call("suspend", ChangeStatus{{now}, ""})}),
      on.setup.envelope(person.key, on.chain->time_ms, {on.call("set_services", SetServices{now, {}})})};
  const auto block = on.chain->add_block(blocks).value();
  std::vector<std::string> outputs;
  for (const auto& each : block.included)
    outputs.push_back(to_string(on.chain->ledger->transaction(each->hash)->output));
  EXPECT_EQ(outputs, (std::vector<std::string>{"", "identity.version", "identity.version"}));
}

TEST_F(IdentityTest, ASubjectChangesItsOwnKeysAndNobodyElseDoes) {
  const Party person = on.enrol(), stranger = on.enrol();
  const Signer next;
  const Expected now = on.now(person.id);
  const SetKeys rotate{now, {on.proven(now, next)}, {person.key.id}};
  EXPECT_EQ(on.run(stranger.key, "set_keys", rotate), "identity.not_controller");
  EXPECT_EQ(on.run(on.registrar, "set_keys", rotate), "identity.not_a_subject");
  EXPECT_EQ(on.run(person.key, "set_keys", SetKeys{now, {}, {person.key.id}}), "identity.last_key");
  EXPECT_EQ(on.run(person.key, "set_keys",
                   SetKeys{now, {on.proven(now, next, {Purpose::assertion})}, {person.key.id}}),
            "identity.last_key")
      << "a key that only asserts is no way in";
  EXPECT_EQ(on.run(person.key, "set_keys", SetKeys{now, {on.proven({now.subject, 2}, next)}, {}}),
            "identity.possession");
  EXPECT_EQ(on.run(person.key, "set_keys", SetKeys{now, {}, {next.id}}), "identity.no_key");
  ProvenKey stolen = on.proven(now, next);
  stolen.key = on.key_of(on.admin);
  EXPECT_EQ(on.run(person.key, "set_keys", SetKeys{now, {stolen}, {}}), "identity.possession");
  ASSERT_EQ(on.run(person.key, "set_keys", rotate), "");
  EXPECT_EQ(on.run(person.key, "set_keys", rotate), "transaction.signer_revoked");
  EXPECT_EQ(on.run(next, "set_keys", rotate), "identity.version") << "a replay";
  EXPECT_FALSE(subject_of_key(on.read(), person.key.id).value());
  NewSubject again = on.made(person);
  EXPECT_EQ(on.run(on.registrar, "register", Register{{again}}), "identity.key_used")
      << "a key is one subject's for ever";
  ASSERT_EQ(on.run(next, "deactivate", ChangeStatus{{on.now(person.id)}, "leaving"}), "");
  EXPECT_EQ(on.subject(person.id).status, SubjectStatus::deactivated);
}

TEST_F(IdentityTest, AnAccountThatWasThereJoinsByItsOwnSignature) {
  const Party person = on.enrol();
  const Expected now = on.now(person.id);
  ASSERT_EQ(on.run(person.key, "set_keys", SetKeys{now, {on.proven(now, on.setup.writer)}, {}}), "");
  ASSERT_EQ(on.run(on.registrar, "revoke", ChangeStatus{{on.now(person.id)}, ""}), "");
  EXPECT_TRUE(on.chain->ledger->account(on.setup.writer.id).value()->active)
      << "the contract did not make it";
  EXPECT_EQ(on.run(on.setup.writer, "register", Register{}), "identity.subject_revoked");
}

TEST_F(IdentityTest, LostKeysAreRecovered) {
  const Signer recovery, next;
  const Party person = on.enrol();
  EXPECT_EQ(on.run(on.registrar, "set_recovery", SetRecovery{on.now(person.id), recovery.id, 0}),
            "identity.not_a_subject");
  ASSERT_EQ(on.run(person.key, "set_recovery", SetRecovery{on.now(person.id), recovery.id, 2}), "");
  const auto recover = [&](const Signer& key, const Signer& with) {
    const Expected now = on.now(person.id);
    Recover out{now, {on.proven(now, key)}, with.key.public_key().point(), {}};
    out.signature = with.key.sign(recovery_message(on.setup.chain(), now, out.keys)).value();
    return out;
  };
  EXPECT_EQ(on.run(on.setup.writer, "recover", recover(next, next)), "identity.recovery_key");
  Recover bent = recover(next, recovery);
  bent.keys[0].key.purposes = {Purpose::authenticate};
  EXPECT_EQ(on.run(on.setup.writer, "recover", bent), "identity.recovery_signature");
  ASSERT_EQ(on.run(on.setup.writer, "recover", recover(next, recovery)), "") << "whoever hands it in";
  EXPECT_EQ(on.subject(person.id).keys.size(), 1u);
  EXPECT_EQ(on.subject(person.id).keys[0].id(), next.id);

  // By two registrars, also while it is suspended, and it stays so.
  ASSERT_EQ(on.run(on.registrar, "suspend", ChangeStatus{{on.now(person.id)}, ""}), "");
  const Signer third;
  const Expected now = on.now(person.id);
  const Recover plain{now, {on.proven(now, third)}, {}, {}};
  EXPECT_EQ(on.run(on.setup.writer, "recover", plain), "identity.no_right");
  ASSERT_EQ(on.run(on.registrar, "recover", plain), "");
  EXPECT_EQ(on.run(on.registrar, "recover", plain), "identity.approved_already");
  EXPECT_EQ(on.subject(person.id).keys[0].id(), next.id) << "one is not enough";
  const Signer fourth;
  const Recover another{now, {on.proven(now, fourth)}, {}, {}};
  ASSERT_EQ(on.run(on.other_registrar, "recover", another), "") << "of something else it is the first again";
  ASSERT_EQ(on.run(on.registrar, "recover", another), "");
  EXPECT_EQ(on.subject(person.id).keys[0].id(), fourth.id);
  EXPECT_EQ(on.subject(person.id).status, SubjectStatus::suspended);
}

TEST_F(IdentityTest, TheTreeOfOrganisationsHasNoCycle) {
  const Party city = on.enrol(Kind::public_body), bureau = on.enrol(Kind::unit, city.id),
              desk = on.enrol(Kind::unit, bureau.id);
  const auto move = [&](const Party& unit, std::optional<SubjectId> to) {
    return on.run(on.registrar, "update", UpdateMany{{{on.now(unit.id), to, {}, "reform"}}});
  };
  EXPECT_EQ(move(bureau, desk.id), "identity.parent_cycle");
  EXPECT_EQ(move(bureau, bureau.id), "identity.parent_cycle");
  EXPECT_EQ(move(desk, city.id), "");
  EXPECT_FALSE(on.chain->ledger->state(child_key(bureau.id, desk.id)).value());
  EXPECT_TRUE(on.chain->ledger->state(child_key(city.id, desk.id)).value());
  EXPECT_EQ(move(bureau, desk.id), "");
  ASSERT_EQ(on.run(on.registrar, "suspend", ChangeStatus{{on.now(city.id)}, ""}), "");
  EXPECT_EQ(move(desk, city.id), "") << "it is there already";
  EXPECT_EQ(move(bureau, city.id), "identity.subject_suspended");
}

TEST_F(IdentityTest, WhoMayActForWhom) {
  const Party company = on.enrol(Kind::legal), clerk = on.enrol(), other = on.enrol();
  EXPECT_TRUE(may(company.id, company.id, "anything").may);
  EXPECT_EQ(may(clerk.id, company.id, "tax.file").reason, "identity.may_no_relation");
  const uint64_t day = 24 * 3600 * 1000, now = uint64_t(on.chain->time_ms);
  Authority authority{RelationKind::agent, {"tax.*", "seal"}, 500, false, now + day, now + 2 * day};
  EXPECT_EQ(on.run(clerk.key, "grant", Grant{on.now(company.id), clerk.id, authority}),
            "identity.not_controller");
  const Grant grant{on.now(company.id), clerk.id, authority};
  ASSERT_EQ(on.run(company.key, "grant", grant), "");
  EXPECT_EQ(on.run(company.key, "grant", grant), "identity.version") << "a replay";
  EXPECT_EQ(may(clerk.id, company.id, "tax.file", 0, now + day).reason, "identity.may_not_accepted");
  EXPECT_EQ(on.run(other.key, "accept", Numbered{company.id, 1}), "identity.not_controller");
  ASSERT_EQ(on.run(clerk.key, "accept", Numbered{company.id, 1}), "");
  EXPECT_EQ(on.run(clerk.key, "accept", Numbered{company.id, 1}), "identity.relation_accepted");
  EXPECT_EQ(may(clerk.id, company.id, "tax.file").reason, "identity.may_not_yet");
  EXPECT_TRUE(may(clerk.id, company.id, "tax.file", 500, now + day).may);
  EXPECT_TRUE(may(clerk.id, company.id, "seal", 1, now + 2 * day).may) << "the last moment";
  EXPECT_EQ(may(clerk.id, company.id, "tax.file", 0, now + 2 * day + 1).reason, "identity.may_expired");
  EXPECT_EQ(may(clerk.id, company.id, "tax.file", 501, now + day).reason, "identity.may_limit");
  EXPECT_EQ(may(clerk.id, company.id, "taxes", 0, now + day).reason, "identity.may_scope");
  EXPECT_EQ(may(clerk.id, company.id, "seals", 0, now + day).reason, "identity.may_scope");
  EXPECT_EQ(may(company.id, clerk.id, "seal", 0, now + day).reason, "identity.may_no_relation") << "one way";

  const auto refused = [&](auto change) {
    Grant bad{on.now(company.id), other.id, {RelationKind::agent, {"x"}, 0, false, 0, 0}};
    change(bad);
    return on.run(company.key, "grant", bad);
  };
  EXPECT_EQ(refused([](Grant& it) { it.authority.scopes = {}; }), "identity.scope");
  EXPECT_EQ(refused([](Grant& it) { it.authority.scopes = {"A b"}; }), "identity.scope");
  EXPECT_EQ(refused([&](Grant& it) { it.authority.not_after_ms = now - day; }), "identity.dates");
  EXPECT_EQ(refused([](Grant& it) { it.authority.limit = 1, it.authority.unlimited = true; }),
            "identity.limit");
  EXPECT_EQ(refused([&](Grant& it) { it.other = company.id; }), "identity.relation_self");
  EXPECT_EQ(refused([](Grant& it) { it.other = SubjectId{9}; }), "identity.no_subject");

  ASSERT_EQ(on.run(on.registrar, "suspend", ChangeStatus{{on.now(company.id)}, ""}), "");
  EXPECT_EQ(may(clerk.id, company.id, "tax.file", 0, now + day).reason, "identity.subject_suspended");
  ASSERT_EQ(on.run(on.registrar, "restore", ChangeStatus{{on.now(company.id)}, ""}), "");
  EXPECT_EQ(on.run(other.key, "end", Numbered{company.id, 1}), "identity.not_controller");
  ASSERT_EQ(on.run(clerk.key, "end", Numbered{company.id, 1}), "") << "either ends it";
  EXPECT_EQ(may(clerk.id, company.id, "tax.file", 0, now + day).reason, "identity.may_no_relation");
  EXPECT_EQ(on.run(company.key, "end", Numbered{company.id, 1}), "identity.relation_ended");
  EXPECT_EQ(on.run(clerk.key, "accept", Numbered{company.id, 1}), "identity.relation_ended");
}

TEST_F(IdentityTest, AnAgentActsForItsPrincipalInTheContractToo) {
  const Party company = on.enrol(Kind::legal), manager = on.enrol(), clerk = on.enrol();
  const auto grant = [&](const Signer& signer, const Party& to, std::vector<std::string> scopes) {
    return on.run(signer, "grant",
                  Grant{on.now(company.id),
                        to.id,
                        {RelationKind::legal_representative, std::move(scopes), 0, false, 0, 0}});
  };
  ASSERT_EQ(grant(company.key, manager, {"identity.end", "identity.grant"}), "");
  ASSERT_EQ(on.run(manager.key, "accept", Numbered{company.id, 1}), "");
  ASSERT_EQ(grant(company.key, clerk, {"*"}), "");
  ASSERT_EQ(on.run(clerk.key, "accept", Numbered{company.id, 2}), "");
  ASSERT_EQ(on.run(clerk.key, "set_services", SetServices{on.now(company.id), {}}), "");
  for (const Party* agent : {&manager, &clerk})
    for (const Party* to : {&manager, &clerk})
      EXPECT_EQ(grant(agent->key, *to, {"seal"}), "identity.not_controller") << "whatever the scope";
  EXPECT_EQ(on.run(manager.key, "set_services", SetServices{on.now(company.id), {}}), "identity.may_scope");
  EXPECT_EQ(on.run(manager.key, "set_keys",
                   SetKeys{on.now(company.id), {on.proven(on.now(company.id), Signer())}, {}}),
            "identity.not_controller")
      << "whatever the scope";
  ASSERT_EQ(on.run(manager.key, "end", Numbered{company.id, 2}), "");
  EXPECT_EQ(on.run(clerk.key, "set_services", SetServices{on.now(company.id), {}}),
            "identity.not_controller");
}

TEST_F(IdentityTest, TemplatesGoForwardOnly) {
  const Party issuer = on.enrol(Kind::public_body), agent = on.enrol(Kind::application), other = on.enrol();
  SetTemplate call{issuer.id, "residence", 1, 0, TemplateStatus::draft, Digest{1}, "https://example.org/s",
                   {agent.id}};
  EXPECT_EQ(on.run(other.key, "set_template", call), "identity.not_controller");
  ASSERT_EQ(on.run(issuer.key, "set_template", call), "");
  EXPECT_EQ(on.run(issuer.key, "set_template", call), "identity.version") << "a replay";
  const auto issue = [&](const Party& by) {
    const auto may = may_issue(on.read(), by.id, issuer.id, "residence", 1, uint64_t(on.chain->time_ms));
    return may ? std::string() : may.error().reason;
  };
  EXPECT_EQ(issue(issuer), "identity.template_not_active");
  call.changes = 1;
  call.status = TemplateStatus::active;
  call.schema = Digest{2};
  EXPECT_EQ(on.run(issuer.key, "set_template", call), "identity.template_schema");
  call.schema = Digest{1};
  ASSERT_EQ(on.run(issuer.key, "set_template", call), "");
  EXPECT_EQ(issue(issuer), "");
  EXPECT_EQ(issue(agent), "");
  EXPECT_EQ(issue(other), "identity.may_no_relation");
  call.changes = 2;
  call.status = TemplateStatus::draft;
  EXPECT_EQ(on.run(issuer.key, "set_template", call), "identity.status");
  call.status = TemplateStatus::retired;
  ASSERT_EQ(on.run(issuer.key, "set_template", call), "");
  EXPECT_EQ(issue(agent), "identity.template_not_active");
  SetTemplate next = call;
  next.version = 3, next.changes = 0, next.status = TemplateStatus::active;
  EXPECT_EQ(on.run(issuer.key, "set_template", next), "identity.template_version");
  next.version = 2;
  EXPECT_EQ(on.run(issuer.key, "set_template", next), "");
  EXPECT_EQ(last_template(on.read(), issuer.id, "residence").value(), 2u);
}

TEST_F(IdentityTest, StatusListsAreAnchoredOneAfterTheOther) {
  const Party issuer = on.enrol(Kind::public_body), other = on.enrol();
  EXPECT_EQ(on.run(other.key, "anchor_status", AnchorStatus{issuer.id, "one", 1, Digest{1}, ""}),
            "identity.not_controller");
  EXPECT_EQ(on.run(issuer.key, "anchor_status", AnchorStatus{issuer.id, "one", 2, Digest{1}, ""}),
            "identity.sequence");
  EXPECT_EQ(on.run(issuer.key, "anchor_status", AnchorStatus{issuer.id, "one", 1, Digest{1}, ""}), "");
  EXPECT_EQ(on.run(issuer.key, "anchor_status", AnchorStatus{issuer.id, "one", 1, Digest{2}, ""}),
            "identity.sequence");
  EXPECT_EQ(on.run(issuer.key, "anchor_status", AnchorStatus{issuer.id, "one", 2, Digest{2}, ""}), "");
  EXPECT_EQ(read_record<StatusAnchor>(on.read(), anchor_key(issuer.id, "one")).value()->digest, Digest{2});
}

TEST_F(IdentityTest, AConsentIsCheckedAndCountedAtEachUse) {
  const Party person = on.enrol(), bank = on.enrol(Kind::legal), other = on.enrol(Kind::legal);
  const uint64_t now = uint64_t(on.chain->time_ms);
  const ConsentTerms terms{bank.id, {"name", "income"}, "a loan", 0, now + 60'000, 2};
  EXPECT_EQ(on.run(bank.key, "consent", GiveConsent{on.now(person.id), terms}), "identity.not_controller");
  ASSERT_EQ(on.run(person.key, "consent", GiveConsent{on.now(person.id), terms}), "");
  const UseConsent use{person.id, on.number(), {"income"}, "a loan", Digest{1}};
  const auto refused = [&](auto change) {
    UseConsent bad = use;
    change(bad);
    return on.run(bank.key, "use_consent", bad);
  };
  EXPECT_EQ(on.run(other.key, "use_consent", use), "identity.not_controller");
  EXPECT_EQ(refused([](UseConsent& it) { it.purpose = "advertising"; }), "identity.consent_purpose");
  EXPECT_EQ(refused([](UseConsent& it) { it.data = {"name", "address"}; }), "identity.consent_data");
  EXPECT_EQ(refused([](UseConsent& it) { it.data = {}; }), "identity.consent_data");
  EXPECT_EQ(refused([](UseConsent& it) { it.number = 2; }), "identity.no_consent");
  EXPECT_EQ(on.run(bank.key, "use_consent", use), "");
  EXPECT_EQ(on.number(), 1u);
  EXPECT_EQ(on.run(bank.key, "use_consent", use), "");
  EXPECT_EQ(on.run(bank.key, "use_consent", use), "identity.consent_used_up");

  ConsentTerms free = terms;
  free.most_uses = 0;
  free.from_ms = now + 30'000;
  ASSERT_EQ(on.run(person.key, "consent", GiveConsent{on.now(person.id), free}), "");
  UseConsent second = use;
  second.number = on.number();
  EXPECT_EQ(on.run(bank.key, "use_consent", second), "identity.consent_not_yet");
  on.chain->time_ms = int64_t(now + 30'000);
  EXPECT_EQ(on.run(bank.key, "use_consent", second), "");
  ASSERT_EQ(on.run(person.key, "revoke_consent", Numbered{person.id, second.number}), "");
  EXPECT_EQ(on.run(bank.key, "use_consent", second), "identity.consent_revoked");
  free.from_ms = 0;
  ASSERT_EQ(on.run(person.key, "consent", GiveConsent{on.now(person.id), free}), "");
  second.number = on.number();
  on.chain->time_ms = int64_t(now + 60'001);
  EXPECT_EQ(on.run(bank.key, "use_consent", second), "identity.consent_expired");
  EXPECT_EQ(on.run(person.key, "consent", GiveConsent{on.now(person.id), free}), "identity.dates");
}

TEST_F(IdentityTest, OnePersonOnePseudonymInAScene) {
  const Digest person{1}, again{2}, pseudonym{3};
  const RegisterPseudonyms call{"carbon", {{pseudonym, person}}};
  EXPECT_EQ(on.run(on.admin, "register_pseudonyms", call), "identity.no_right");
  ASSERT_EQ(on.run(on.registrar, "register_pseudonyms", call), "");
  EXPECT_EQ(on.run(on.registrar, "register_pseudonyms", RegisterPseudonyms{"carbon", {{again, person}}}),
            "identity.one_pseudonym");
  EXPECT_EQ(on.run(on.registrar, "register_pseudonyms", RegisterPseudonyms{"carbon", {{pseudonym, again}}}),
            "identity.pseudonym_exists");
  EXPECT_EQ(on.run(on.registrar, "register_pseudonyms", RegisterPseudonyms{"waste", {{pseudonym, person}}}),
            "");
  ASSERT_EQ(on.run(on.registrar, "close_pseudonym", ClosePseudonym{"carbon", pseudonym}), "");
  EXPECT_EQ(on.run(on.registrar, "register_pseudonyms", RegisterPseudonyms{"carbon", {{again, person}}}),
            "identity.one_pseudonym")
      << "not even after it was closed";
}

TEST_F(IdentityTest, AnOrderTakesFourEyes) {
  ASSERT_EQ(
      on.run(on.registrar, "register_pseudonyms", RegisterPseudonyms{"carbon", {{Digest{3}, Digest{1}}}}),
      "");
  EXPECT_EQ(on.run(on.registrar, "propose_order", ProposeOrder{"carbon", Digest{4}, Digest{9}}),
            "identity.no_pseudonym");
  ASSERT_EQ(on.run(on.registrar, "propose_order", ProposeOrder{"carbon", Digest{3}, Digest{9}}), "");
  EXPECT_EQ(on.run(on.registrar, "judge_order", JudgeOrder{1, true}), "identity.same_eyes");
  EXPECT_EQ(on.run(on.setup.governor, "judge_order", JudgeOrder{1, true}), "identity.no_right");
  EXPECT_EQ(on.run(on.registrar, "execute_order", ExecuteOrder{1, Digest{5}}), "identity.order_not_approved");
  ASSERT_EQ(on.run(on.other_registrar, "judge_order", JudgeOrder{1, true}), "");
  EXPECT_EQ(on.run(on.other_registrar, "judge_order", JudgeOrder{1, false}), "identity.order_decided");
  ASSERT_EQ(on.run(on.registrar, "execute_order", ExecuteOrder{1, Digest{5}}), "");
  EXPECT_EQ(on.run(on.registrar, "execute_order", ExecuteOrder{1, Digest{5}}), "identity.order_not_approved");
  const auto order = read_record<Order>(on.read(), order_key(1)).value();
  EXPECT_EQ(order->judge, on.other_registrar.id);
  EXPECT_EQ(order->outcome, Digest{5});

  // Two keys of one person are one pair of eyes.
  const Party official = on.enrol(Kind::official);
  for (const Signer* each : {&on.registrar, &on.other_registrar}) {
    const Expected now = on.now(official.id);
    ASSERT_EQ(on.run(official.key, "set_keys", SetKeys{now, {on.proven(now, *each)}, {}}), "");
  }
  ASSERT_EQ(on.run(on.registrar, "propose_order", ProposeOrder{"carbon", Digest{3}, Digest{9}}), "");
  EXPECT_EQ(on.run(on.other_registrar, "judge_order", JudgeOrder{2, true}), "identity.same_eyes");
}

TEST_F(IdentityTest, WhatASubjectWasCanBeProved) {
  const Party person = on.enrol();
  ASSERT_EQ(on.run(person.key, "set_services", SetServices{on.now(person.id), {{"a", "b", "c"}}}), "");
  const auto head = on.chain->ledger->head();
  const auto [value, proof] =
      on.chain->ledger->state_proof(subject_key(person.id), head.header.height).value();
  EXPECT_EQ(*value, encode(on.subject(person.id)));
  const auto changes = history_of(on.read(), person.id).value();
  const Change& first = changes.front();
  const auto before = on.chain->ledger->state_proof(subject_key(person.id), first.height).value().first;
  EXPECT_EQ(crypto::sm3(*before), first.record) << "the history names the record that stood then";
}

}  // namespace
}  // namespace chengxin::identity
