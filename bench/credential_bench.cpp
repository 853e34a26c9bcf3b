// Verifications of SD-JWT VCs on one core (processor time), each with its status in a list of a million,
// beside the bare signature checks that they hold: `credential_bench [count]`.
#include <cstdio>
#include <cstdlib>

#include "bench/stopwatch.h"
#include "credential/verifier.h"
#include "crypto/sm2.h"

namespace {
using namespace chengxin;
using namespace chengxin::credential;

template <typename T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  std::exit(1);
}

struct Issuer {
  PrivateKey key;
  std::string did = key_did(key.public_key());
  std::vector<Signer> signers = {{key, key_did_url(key.public_key())}};
};

constexpr char kList[] = "https://issuer.example/status/1";

SdJwt issue(const Issuer& issuer, const PrivateKey& holder, size_t number, int64_t now_ms) {
  const Json status = status_entry({kList, StatusPurpose::revocation, number * 7919 % kStatusEntries});
  const Json claims = {{"iss", issuer.did},
                       {"vct", "urn:chengxin:credential:resident"},
                       {"iat", now_ms / 1000},
                       {"exp", now_ms / 1000 + 86'400},
                       {"cnf", {{"jwk", holder.public_key().jwk()}}},
                       {"status", {{"bitstring_status_list", status}}},
                       {"name", "张三"},
                       {"birth_year", 1990},
                       {"district", "north"},
                       {"number", number}};
  const Frame frame{{{"name"}, {"birth_year"}, {"district"}, {"number"}}, 2};
  return need(issue_sd_jwt({{"typ", "dc+sd-jwt"}}, claims, frame, issuer.signers));
}

void say(const char* what, size_t count, int64_t ns) {
  std::printf("%-58s %10.0f/s  %7.1f us\n", what, double(count) * 1e9 / double(ns),
              double(ns) / 1e3 / double(count));
}

void run(Algorithm algorithm, size_t count) {
  const int64_t now = now_ms();
  const Issuer issuer{need(PrivateKey::generate(algorithm))};
  Resolvers resolvers;
  resolvers.add("key", key_resolver(), 3'600'000);
  StatusBits bits;
  for (size_t i = 0; i < kStatusEntries; i += 101) bits.set(i, true);
  const std::string list = need(secure_credential(
      status_list_credential(
          {kList, issuer.did, StatusPurpose::revocation, now - 1000, now + 86'400'000, 300'000}, bits),
      issuer.signers));
  StatusLists lists(resolvers, [&](const std::string&) -> Result<std::string> { return list; });
  const auto replays = replay_guard();
  Verifier verifier(resolvers, lists, *replays);
  const Policy policy{.issuers = {issuer.did}};

  const PrivateKey holder = need(PrivateKey::generate(algorithm));
  std::vector<std::string> credentials, presentations;
  const std::vector<ClaimPath> shown = {{"birth_year"}};
  for (size_t i = 0; i < count; ++i) {
    const SdJwt whole = issue(issuer, holder, i, now);
    credentials.push_back(whole.encode());
    SdJwt some = need(select(whole, shown));
    (void)bind(some, holder, {"did:web:verifier.example", "nonce-" + std::to_string(i), now});
    presentations.push_back(some.encode());
  }
  auto judged = [&](const char* what, auto verify) {
    size_t valid = 0, revoked = 0;
    const int64_t started = bench::cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < count; ++i) {
      const Verdict verdict = verify(i);
      valid += verdict.valid();
      revoked += !verdict.valid() && verdict.failed()->reason == "credential.revoked";
    }
    const int64_t ns = bench::cpu_ns(CLOCK_THREAD_CPUTIME_ID) - started;
    if (valid + revoked != count || revoked > count / 20)
      std::exit((std::fprintf(stderr, "wrong verdicts\n"), 1));
    say(what, count, ns);
  };
  const std::string of(name(algorithm));
  judged((of + " SD-JWT VC, 4 claims, status of 1,000,000").c_str(),
         [&](size_t i) { return verifier.credential(credentials[i], policy, now); });
  judged((of + " the same, presented: 1 claim and key binding").c_str(), [&](size_t i) {
    return verifier.presentation(presentations[i], policy,
                                 {"did:web:verifier.example", "nonce-" + std::to_string(i)}, now);
  });

  // The peer: what the signatures alone cost, of messages as long as those tokens.
  const Bytes message(credentials[0].size(), 7);
  const Signature signature = need(issuer.key.sign(message));
  const PublicKey key = issuer.key.public_key();
  size_t good = 0;
  const int64_t started = bench::cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  for (size_t i = 0; i < count; ++i) good += key.verify(message, signature);
  say((of + " one bare signature of that length (" +
       (algorithm == Algorithm::sm2sm3 ? "src/sm2" : "Tongsuo") + ")")
          .c_str(),
      good, bench::cpu_ns(CLOCK_THREAD_CPUTIME_ID) - started);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  for (auto algorithm : {Algorithm::sm2sm3, Algorithm::es256}) run(algorithm, count);
}
