// Comparing the export of a chain-management system with the accounts and the policy that are there, and
// decisions under a policy of that size. Beside it, in the same run, what nlohmann-json takes to parse the
// same export.
//   access_bench [PEOPLE…]
#include <fmt/format.h>

#include "access/sync.h"
#include "crypto/sm2.h"
#include "stopwatch.h"

namespace chengxin {
namespace {

using access::Policy;

const std::vector<access::Action>& actions() {
  static const std::vector<access::Action> all = [] {
    std::vector<access::Action> out = {access::add_user_action(), access::propose_action(),
                                       access::approve_action(),  {"listJobs", "jobs"},
                                       {"readAudit", "audit"},    {"configureAudit", "audit", true}};
    for (int i = 0; i < 200; ++i)
      out.push_back({fmt::format("call{}", i), "evidence", i % 2 == 0, true, true});
    return out;
  }();
  return all;
}

// Twenty people an organisation, five organisations beneath one; each an official for one of ten chains.
Json export_of(size_t people) {
  Json organisations = Json::array(), users = Json::array(), chains = Json::array();
  for (size_t i = 0; i * 20 < people; ++i) {
    organisations.push_back({{"id", fmt::format("o{}", i)}, {"title", fmt::format("单位 {}", i)}});
    if (i >= 5) organisations.back()["parent"] = fmt::format("o{}", i / 5);
  }
  for (size_t i = 0; i < 10; ++i) chains.push_back({{"name", fmt::format("c{}", i)}});
  for (size_t i = 0; i < people; ++i)
    users.push_back({{"name", fmt::format("person.{}", i)},
                     {"organisation", fmt::format("o{}", i / 20)},
                     {"roles", {i % 3 == 0 ? "reader" : "official"}},
                     {"chains", {fmt::format("c{}", i % 10)}}});
  return {{"format", access::kExportFormat},
          {"source", "city"},
          {"organisations", std::move(organisations)},
          {"users", std::move(users)},
          {"chains", std::move(chains)}};
}

access::User account(std::string id, std::string name) {
  access::User out;
  out.id = std::move(id);
  out.name = std::move(name);
  out.certificate = {1};
  return out;
}

Result<int> measure(size_t people) {
  const std::string text = export_of(people).dump();
  bench::Stopwatch watch;
  const Json parsed = *watch.run([&] { return parse_json(text, {.max_bytes = size_t(256) << 20}); });
  const double parse_us = watch.us(1);

  Json document = Policy::beginning();
  document["version"] = 1;
  std::vector<access::User> accounts;
  for (const char* duty : {"system-administrator", "security-administrator", "audit-administrator"}) {
    ASSIGN(const auto key, crypto::Sm2PrivateKey::generate());
    document["users"][duty] = {
        {"name", duty}, {"organisation", "root"}, {"key", hex(key.public_key().point())}};
    document["assignments"].push_back({{"to", fmt::format("user:{}", duty)}, {"role", duty}});
    accounts.push_back(account(duty, duty));
  }
  ASSIGN(const Policy before, Policy::read(document));
  std::set<std::string> chains;
  for (int i = 0; i < 10; ++i) chains.insert(fmt::format("c{}", i));
  const auto compared = [&](const Policy& policy) {
    return watch.run([&]() -> Result<access::Comparison> {
      ASSIGN(const auto exported, access::read_export(parsed));
      return access::compare(exported, {policy, accounts, chains, actions()});
    });
  };
  for (size_t i = 0; i < people; ++i)
    accounts.push_back(account(fmt::format("u{}", i), fmt::format("person.{}", i)));
  Json next = compared(before)->document;
  const double new_us = watch.us(1);
  next["version"] = 2;
  ASSIGN(const Policy after, Policy::read(next));
  const auto again = compared(after);
  const double same_us = watch.us(1);
  if (!again->policy.empty() || !again->accounts.empty())
    return fail(Code::internal, "bench.differs", "the second time");

  constexpr size_t kDecisions = 200'000;
  size_t allowed = 0;
  watch.run([&]() -> Result<int> {
    for (size_t i = 0; i < kDecisions; ++i)
      allowed += after
                     .decide(fmt::format("u{}", i * 7919 % people), actions()[6 + i % 200], 1,
                             fmt::format("c{}", i % 10))
                     .has_value();
    return 0;
  });
  const double decision_us = watch.us(kDecisions);
  fmt::print(
      "{:>7} people: parsed {:8.1f} ms; compared, all new {:8.1f} ms ({:.1f} of parsing), all there {:8.1f} "
      "ms ({:.1f}); "
      "a decision {:.2f} us ({:.0f} % allowed)\n",
      people, parse_us / 1e3, new_us / 1e3, new_us / parse_us, same_us / 1e3, same_us / parse_us, decision_us,
      100.0 * double(allowed) / kDecisions);
  return 0;
}

}  // namespace
}  // namespace chengxin

int main(int argc, char** argv) {
  std::vector<size_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoul(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {1'000, 10'000, 100'000};
  for (const size_t people : sizes)
    if (const auto done = chengxin::measure(people); !done) {
      fmt::print(stderr, "{}\n", done.error().to_string());
      return 1;
    }
}
