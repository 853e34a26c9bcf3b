#pragma once
// An installation's accounts in a temporary database, with an authority, a clock that stands, and people.
#include <gtest/gtest.h>

#include <cstdlib>

#include "access/service.h"
#include "crypto/authority.h"
#include "crypto/random.h"

namespace chengxin::access::testing {

inline constexpr int64_t kMinute = 60'000, kDay = 24 * 60 * kMinute;
inline const std::string kPassword = "Rain-and-7-boats";

// The actions of a small platform.
inline std::vector<Action> actions() {
  return {{"listUsers", "users", false, false},
          add_user_action(),
          {"getPolicy", "access", false, false},
          propose_action(),
          approve_action(),
          {"listJobs", "jobs", false, false},
          {"startJob", "jobs", true, false},
          {"readAudit", "audit", false, false},
          {"configureAudit", "audit", true, false},
          {"getEvidence", "evidence", false, true},
          {"addEvidence", "evidence", true, true}};
}

struct Person {
  std::string id, name, certificate;  // PEM
  crypto::Sm2PrivateKey key;
};

struct AccessTest : ::testing::Test {
  fs::path folder;
  int64_t now = 1'790'000'000'000;
  crypto::Sm2PrivateKey installation = *crypto::Sm2PrivateKey::generate();
  crypto::Secret key = crypto::random_secret(32);
  crypto::Authority authority =
      *crypto::Authority::create_root({"CN", "城市 city", "", "root"}, {now - 90 * kDay, now + 900 * kDay});
  std::vector<crypto::Crl> crls;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<Service> service;
  std::vector<int64_t> applied;
  std::vector<Action> known = actions();
  std::function<void()> meanwhile;  // is called once, while somebody's certificate is looked at

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-access-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    database = take(sql::Database::open({.url = "sqlite:" + (folder / "test.db").string()}));
    open();
  }
  void TearDown() override {
    service.reset();
    database.reset();
    fs::remove_all(folder);
  }
  void open() {
    service.reset();
    Options options;
    options.key = key;
    options.installation = installation;
    options.actions = known;
    options.iterations = 200;
    options.trust = [this]() -> Result<std::shared_ptr<const Trust>> {
      if (auto event = std::exchange(meanwhile, nullptr)) event();
      return std::make_shared<const Trust>(Trust{{authority.certificate()}, crls, false, {}, true});
    };
    options.policy_applied = [this](int64_t version, const Digest&) { applied.push_back(version); };
    service = take(Service::open(*database, std::move(options)));
  }

  crypto::Certificate certificate(const std::string& name, const crypto::Sm2PublicKey& owner,
                                  crypto::Purpose purpose = crypto::Purpose::client, int64_t from_days = -1,
                                  int64_t to_days = 300) {
    return *authority.issue(
        {purpose, {"CN", "", "", name}, {}, {now + from_days * kDay, now + to_days * kDay}}, owner);
  }
  Person keyed(const std::string& name) {
    Person out{"", name, "", *crypto::Sm2PrivateKey::generate()};
    out.certificate = certificate(name, out.key.public_key()).to_pem();
    return out;
  }
  Person add(const std::string& name) {
    Person out = keyed(name);
    auto added = service->add_user({name, kPassword, out.certificate, "", false}, now);
    EXPECT_TRUE(added) << added.error().to_string();
    out.id = added->user.id;
    return out;
  }
  Person first(const std::string& name, const std::string& role) {
    Person out = keyed(name);
    auto added = service->add_first({name, kPassword, out.certificate, "", false}, role, now);
    EXPECT_TRUE(added) << added.error().to_string();
    if (added) out.id = added->user.id;
    return out;
  }
  Proofs both(const Person& person) {
    Proofs out;
    out.password = crypto::to_secret(view(kPassword));
    out.certificate_pem = person.certificate;
    out.challenge = service->challenge(now);
    out.signature = to_bytes(*person.key.sign(view(service->login_message(person.name, out.challenge))));
    return out;
  }
  static Proofs password(std::string_view text = kPassword) {
    return {crypto::to_secret(view(text)), "", "", "", {}};
  }
  Result<Sessions::Opened> enter(const std::string& name, Proofs proofs) {
    return service->sign_in({name, std::move(proofs), "test", "127.0.0.1"}, now);
  }

  // The document after the one in force.
  Json next(const std::function<void(Json&)>& change) {
    auto policy = service->policies().current();
    Json document = policy->document();
    change(document);
    document["version"] = policy->version() + 1;
    document["previous"] = policy->version() == 0 ? "" : hex(policy->digest());
    document["made_ms"] = now;
    return document;
  }
  static Bytes sign(const crypto::Sm2PrivateKey& key, std::string_view kind, const Json& document) {
    auto policy = Policy::read(document);
    const Digest digest = policy ? policy->digest() : Digest{};
    return to_bytes(*key.sign(view(policy_message(kind, document["version"].get<int64_t>(), digest))));
  }
  Result<Proposal> propose(const Person& who, const Json& document) {
    return service->policies().propose(who.id, document, sign(who.key, "propose", document), "",
                                       service->usable_check(), now);
  }
  Result<Proposal> approve(const Person& who, const Proposal& proposal) {
    return service->policies().approve(who.id, proposal.id, sign(who.key, "approve", proposal.document),
                                       service->usable_check(), now);
  }

  template <typename T>
  T take(Result<T> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().to_string());
    return std::move(*result);
  }
  template <typename T>
  static std::string reason(const Result<T>& result) {
    return result ? "" : result.error().reason;
  }
};

// The same, after its beginning: the three administrators are there.
struct AdministeredTest : AccessTest {
  Person system, security, audit;

  void SetUp() override {
    AccessTest::SetUp();
    system = first("zhao.lei", "system-administrator");
    security = first("qian.yu", "security-administrator");
    audit = first("sun.bo", "audit-administrator");
  }
  // What `change` makes of the policy in force, proposed by one administrator and approved by another.
  void apply(const std::function<void(Json&)>& change) {
    take(approve(audit, take(propose(security, next(change)))));
  }
};

}  // namespace chengxin::access::testing
