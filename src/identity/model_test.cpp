#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "identity/testing.h"

// Random calls of many parties, several to a block, with versions that are right and wrong; after each block
// what the contract promises is looked at whole.
namespace chengxin::identity {
namespace {

using namespace testing;

class Interleavings {
 public:
  explicit Interleavings(uint64_t seed) : random_(seed) {
    on.appoint();
    for (Kind kind :
         {Kind::public_body, Kind::legal, Kind::natural, Kind::natural, Kind::official, Kind::device}) {
      parties_.push_back(on.enrol(kind));
      kinds_[parties_.back().id] = kind;
    }
  }

  void block() {
    std::vector<Bytes> envelopes;
    std::vector<format::KeyId> signers;
    for (size_t count = 1 + below(6); count > 0; --count) {
      auto [signer, call] = next();
      Bytes envelope = on.setup.envelope(*signer, on.chain->time_ms, {std::move(call)});
      if (on.chain->ledger->admit(envelope, on.chain->time_ms)) envelopes.push_back(std::move(envelope));
    }
    const auto done = on.chain->add_block(envelopes);
    ASSERT_TRUE(done) << done.error().to_string();
    for (const auto& each : done->included) {
      const auto record = on.chain->ledger->transaction(each->hash).value();
      ++outcomes[record.receipt.status == 0 ? "" : to_string(record.output)];
      if (record.receipt.status == 0) note(record);
    }
    look();
  }

  IdentityChain on;
  std::map<std::string, int> outcomes;

 private:
  size_t below(size_t most) { return size_t(random_() % most); }
  Party& any() { return parties_[below(parties_.size())]; }
  Expected guess(const Party& of) {
    Expected out = on.now(of.id);
    if (below(5) == 0) out.version += below(3) - 1;
    return out;
  }

  std::pair<const Signer*, format::Call> next() {
    Party& one = any();
    Party& other = any();
    const Signer* own = below(4) == 0 ? &other.key : &one.key;
    const Signer* above = below(3) == 0 ? &on.other_registrar : &on.registrar;
    switch (below(12)) {
      case 0:
        return {above, on.call("suspend", ChangeStatus{{guess(one)}, ""})};
      case 1:
      case 2:
        return {above, on.call("restore", ChangeStatus{{guess(one), guess(other)}, ""})};
      case 3:
        return {own, on.call("set_services", SetServices{guess(one), {{"a", "b", "c"}}})};
      case 4: {
        const Expected of = guess(one);
        fresh_.emplace_back();
        return {own, on.call("set_keys", SetKeys{of, {on.proven(of, fresh_.back())}, {}})};
      }
      case 5:
        return {own,
                on.call("grant", Grant{guess(one), other.id, {RelationKind::agent, {"x"}, 5, false, 0, 0}})};
      case 6:
        return {own, on.call("accept", Numbered{other.id, 1 + below(3)})};
      case 7:
        return {own, on.call("end", Numbered{below(2) ? one.id : other.id, 1 + below(3)})};
      case 8: {
        const uint64_t until = uint64_t(on.chain->time_ms) + 1 + below(50);
        return {own,
                on.call("consent", GiveConsent{guess(one), {other.id, {"d"}, "p", 0, until, 1 + below(2)}})};
      }
      case 9:
        return {own, on.call("use_consent", UseConsent{other.id, 1 + below(4), {"d"}, "p", {}})};
      case 10:
        return {above,
                on.call("register_pseudonyms",
                        RegisterPseudonyms{"s", {{Digest{uint8_t(below(40))}, Digest{uint8_t(below(40))}}}})};
      default: {
        std::optional<SubjectId> parent;
        if (below(3)) parent = parties_[below(2)].id;
        return {above, on.call("update", UpdateMany{{{guess(one), parent, {}, ""}}})};
      }
    }
  }

  // What an accepted call must have changed.
  void note(const ledger::TransactionRecord& record) {
    const format::Call& call = record.transaction.body.calls.front();
    if (call.method == "use_consent") {
      const auto use = decode<UseConsent>(call.arguments).value();
      ++uses_[{use.subject, use.number}];
    }
    for (const format::Event& event : record.events)
      if (event.data.size() == 28 && (call.method != "accept" && call.method != "end"))
        ++versions_[std::string(text(event.data).substr(0, 20))];
  }

  void look() {
    const Read read = on.read();
    Totals counted;
    std::map<KeyId, SubjectId> owners;
    for (const Party& party : parties_) {
      const Subject subject = on.subject(party.id);
      ++counted.of(subject.kind).of(subject.status);
      ASSERT_EQ(subject.version, 1 + versions_[to_string(party.id)]) << "each accepted change is one version";
      ASSERT_EQ(history_of(read, party.id)->size(), subject.version);
      for (const Key& key : subject.keys) {
        ASSERT_TRUE(owners.emplace(key.id(), party.id).second) << "a key of two subjects";
        ASSERT_EQ(subject_of_key(read, key.id()).value(), party.id);
      }
      for (uint64_t number = 1; number <= subject.consents; ++number) {
        const auto consent = read_record<Consent>(read, consent_key(party.id, number)).value();
        ASSERT_LE(consent->uses, consent->terms.most_uses);
        ASSERT_EQ(consent->uses, (uses_[{party.id, number}])) << "each use is counted";
      }
      check_tree(party.id);
    }
    const Totals totals = totals_of(read).value();
    ASSERT_EQ(encode(totals), encode(counted));
    std::map<Digest, int> people;
    for (uint8_t each = 0; each < 40; ++each)
      if (const auto there = read_record<Pseudonym>(read, pseudonym_key("s", Digest{each})).value())
        ASSERT_EQ(++people[there->nullifier], 1) << "one person with two pseudonyms";
  }

  void check_tree(const SubjectId& id) {
    size_t depth = 0;
    for (auto at = on.subject(id).parent; at; at = on.subject(*at).parent) ASSERT_LE(++depth, kMaxDepth);
  }

  std::mt19937_64 random_;
  std::vector<Party> parties_;
  std::map<SubjectId, Kind> kinds_;
  std::deque<Signer> fresh_;
  std::map<std::string, uint64_t> versions_;
  std::map<std::pair<SubjectId, uint64_t>, uint64_t> uses_;
};

TEST(IdentityModel, InvariantsHoldUnderRandomInterleavings) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Interleavings run(seed);
  for (int round = 0; round < 150 && !::testing::Test::HasFatalFailure(); ++round) {
    run.block();
    if (round == 75) run.on.open();  // a restart
  }
  EXPECT_GT(run.outcomes[""], 50);
  EXPECT_GT(run.outcomes["identity.version"], 5);
  EXPECT_GT(run.outcomes["identity.subject_suspended"], 5);
  EXPECT_GT(run.outcomes["identity.not_controller"], 5);
  const auto verified = run.on.chain->ledger->verify(nullptr);
  EXPECT_TRUE(verified) << verified.error().to_string();
}

// Every spelling that is taken is the one that is written.
TEST(IdentityModel, BytesHaveOneSpelling) {
  Subject subject;
  subject.keys = {{crypto::Sm2Point{4}, {Purpose::assertion}, Digest{1}}, {}};
  subject.services = {{"a", "b", "c"}, {}};
  subject.parent = SubjectId{7};
  subject.change.action = "register";
  const Bytes bytes = encode(subject);
  EXPECT_EQ(encode(decode<Subject>(bytes).value()), bytes);
  EXPECT_EQ(to_json(from_json<Subject>(to_json(subject)).value()), to_json(subject));
  std::mt19937_64 random(5);
  size_t taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes bent = bytes;
    for (size_t flips = 1 + random() % 3; flips > 0; --flips)
      bent[random() % bent.size()] = uint8_t(random());
    if (random() % 4 == 0) bent.resize(random() % bent.size());
    const auto read = decode<Subject>(bent);
    if (!read) continue;
    ++taken;
    ASSERT_EQ(encode(*read), bent);
  }
  EXPECT_GT(taken, 1000u);
}

TEST(IdentityModel, JsonThatDoesNotFitIsNamed) {
  const auto refused = [](const Json& json) {
    const auto read = from_json<Grant>(json);
    return read ? std::string() : read.error().reason + ": " + read.error().detail;
  };
  EXPECT_EQ(refused({{"principal", {{"subject", "00"}}}}), "format.identity: principal");
  EXPECT_EQ(refused({{"authority", {{"kind", "king"}}}}), "format.identity: authority");
  EXPECT_EQ(refused({{"authority", {{"limit", -1}}}}), "format.identity: authority");
  EXPECT_EQ(refused({{"extra", 1}}), "format.identity: a member that is not known");
  EXPECT_EQ(refused(Json::array()), "format.identity: ");
  EXPECT_EQ(refused({{"authority", {{"kind", "agent"}, {"scopes", {"a"}}}}}), "");
}

}  // namespace
}  // namespace chengxin::identity
