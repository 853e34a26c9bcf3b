#pragma once
// A platform with people of every role, two organisations and a service.
#include "api/platform_for_tests.h"
#include "api/resources.h"
#include "crypto/authority.h"

namespace chengxin::api {

inline const std::string kPassword = "Rain-and-7-boats";

struct Person {
  std::string id, name, certificate, token;
  crypto::Sm2PrivateKey key;
};

struct AccessPlatformTest : PlatformTest {
  static constexpr int64_t kDayMs = 86'400'000;
  crypto::Authority authority = *crypto::Authority::create_root({"CN", "城市 city", "", "root"},
                                                                {now_ms() - kDayMs, now_ms() + 900 * kDayMs});
  crypto::Sm2PrivateKey installation = *crypto::Sm2PrivateKey::generate();
  crypto::Secret row_key = crypto::random_secret(32);
  std::vector<crypto::Crl> crls;
  std::map<std::string, Person> people;  // by role or name
  std::function<void()> certificate_looked_at;

  void open_access() override {
    oidc = take(oidc::RelyingParty::open({{}, "", row_key}));
    access::Options options_of_access;
    options_of_access.key = row_key;
    options_of_access.installation = installation;
    options_of_access.actions = all_actions();
    options_of_access.iterations = 200;
    options_of_access.started_ms = now_ms() - 60'000;
    options_of_access.trust = [this]() -> Result<std::shared_ptr<const access::Trust>> {
      if (certificate_looked_at) certificate_looked_at();
      return std::make_shared<const access::Trust>(
          access::Trust{{authority.certificate()}, crls, false, {}, true});
    };
    access = take(access::Service::open(*database, std::move(options_of_access)));
  }

  Person keyed(const std::string& name) {
    Person out{"", name, "", "", *crypto::Sm2PrivateKey::generate()};
    out.certificate =
        authority
            .issue({crypto::Purpose::client, {"CN", "", "", name}, {}, {now_ms() - 1000, now_ms() + kDayMs}},
                   out.key.public_key())
            ->to_pem();
    return out;
  }
  // Somebody who has changed his first password.
  Person& person(const std::string& as, const std::string& name, const std::string& first_role = {}) {
    Person out = keyed(name);
    const access::NewUser asked{name, kPassword, out.certificate, "", false};
    auto added = first_role.empty() ? access->add_user(asked, now_ms())
                                    : access->add_first(asked, first_role, now_ms());
    EXPECT_TRUE(added) << added.error().to_string();
    out.id = added->user.id;
    EXPECT_TRUE(access->users().change(out.id, [](access::User& user) -> Status {
      user.must_change = false;
      return {};
    }));
    return people[as] = out;
  }
  Json proofs(const Person& one) {
    const std::string challenge = access->challenge(now_ms());
    return {{"name", one.name},
            {"password", kPassword},
            {"certificate", one.certificate},
            {"challenge", challenge},
            {"signature", hex(*one.key.sign(view(access->login_message(one.name, challenge))))}};
  }
  void sign_in(Person& one) {
    Reply reply = call("POST", "/api/v1/sessions", "", proofs(one));
    ASSERT_EQ(reply.status, 201) << reply.body;
    one.token = reply.json()["token"];
  }
  Reply call(const std::string& method, const std::string& target, const std::string& token,
             const Json& body = {}, std::map<std::string, std::string> headers = {}) {
    TestRequest request{.method = method, .target = target, .token = token, .headers = std::move(headers)};
    if (!body.is_null()) {
      request.type = "application/json";
      request.body = body.dump();
    }
    return ask(port(), request);
  }
  Reply as(const std::string& who, const std::string& method, const std::string& target,
           const Json& body = {}) {
    return call(method, target, people.at(who).token, body);
  }

  // The document after the one in force.
  Json next_policy(const std::function<void(Json&)>& change) {
    auto policy = access->policies().current();
    Json document = policy->document();
    change(document);
    document["version"] = policy->version() + 1;
    document["previous"] = hex(policy->digest());
    document["made_ms"] = now_ms();
    return document;
  }
  // The policy as four eyes make it.
  void apply(const std::function<void(Json&)>& change) {
    const Json document = next_policy(change);
    Reply proposed =
        as("security-administrator", "POST", "/api/v1/access/proposals",
           {{"document", document}, {"signature", signature("security-administrator", "propose", document)}});
    ASSERT_EQ(proposed.status, 201) << proposed.body;
    Reply approved = as("audit-administrator", "POST",
                        "/api/v1/access/proposals/" + proposed.json()["id"].get<std::string>() + "/approve",
                        {{"signature", signature("audit-administrator", "approve", document)}});
    ASSERT_EQ(approved.status, 200) << approved.body;
  }
  std::string signature(const std::string& who, const std::string& kind, const Json& document) {
    auto policy = *access::Policy::read(document);
    return hex(
        *people.at(who).key.sign(view(access::policy_message(kind, policy.version(), policy.digest()))));
  }
  void enrol(Json& document, const std::string& who, const std::string& role,
             const std::string& organisation) {
    const Person& one = people.at(who);
    document["users"][one.id] = {{"name", one.name},
                                 {"organisation", organisation},
                                 {"key", hex(one.key.public_key().point())},
                                 {"service", who == "service"}};
    if (!role.empty()) document["assignments"].push_back({{"to", "user:" + one.id}, {"role", role}});
  }

  void SetUp() override {
    PlatformTest::SetUp();
    for (const char* role : {"system-administrator", "security-administrator", "audit-administrator"})
      sign_in(person(role, std::string("a.") + role, role));
    for (const char* name : {"regulator", "official", "registrar", "issuer", "reader", "neighbour", "nobody"})
      person(name, std::string("b.") + name);
    Person service = keyed("c.service");
    service.id = take(access->add_user({service.name, "", "", "", true}, now_ms())).user.id;
    people["service"] = service;
    apply([&](Json& document) {
      document["organisations"]["east"] = {{"name", "东区"}, {"parent", "root"}};
      document["organisations"]["west"] = {{"name", "西区"}, {"parent", "root"}};
      enrol(document, "regulator", "regulator", "root");
      enrol(document, "official", "official", "east");
      enrol(document, "registrar", "registrar", "east");
      enrol(document, "issuer", "issuer", "east");
      enrol(document, "reader", "reader", "east");
      enrol(document, "neighbour", "official", "west");
      enrol(document, "nobody", "", "root");
      enrol(document, "service", "integrator", "west");
    });
    for (const char* name : {"regulator", "official", "registrar", "issuer", "reader", "neighbour", "nobody"})
      sign_in(people[name]);
  }
};

}  // namespace chengxin::api
