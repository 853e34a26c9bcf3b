#include <algorithm>

#include "bench/stopwatch.h"
#include "identity/testing.h"

// Identities alone, without HTTP: enrolled in batches, each with a key and an account; then looked up one by
// one at that size, by id and by key, in a random order.
//   identity_bench IDENTITIES [PER_CALL [CALLS_PER_BLOCK]]
// Keys are made before the clock runs: they are their owners'. What is timed: signing, admission (signature),
// execution, state, commit with its fsync.
namespace {

using namespace chengxin;
using namespace chengxin::bench;
using namespace chengxin::identity;
using namespace chengxin::identity::testing;

struct Enrolled {
  SubjectId id{};
  KeyId key{};
};

// By the clock on the wall and by the process's processors.
struct Spent {
  double seconds = 0, processor_us = 0;
};

// One block of calls; what was enrolled goes to `all`.
Status enrol_block(IdentityChain& on, size_t calls, size_t per_call, Spent& spent,
                   std::vector<Enrolled>& all) {
  std::vector<Register> batches(calls);
  for (Register& batch : batches)
    for (size_t i = 0; i < per_call; ++i) {
      Party party;
      batch.subjects.push_back(on.made(party));
      batch.subjects.back().commitment = Digest{uint8_t(i)};
      all.push_back({on.id_of(batch.subjects.back()), party.key.id});
    }
  Interval interval;
  std::vector<Bytes> envelopes;
  for (const Register& batch : batches)
    envelopes.push_back(on.setup.envelope(on.registrar, on.chain->time_ms, {on.call("register", batch)}));
  ASSIGN(const auto block, on.chain->add_block(envelopes));
  const auto [processor_us, rate] = interval.take(1);
  spent.seconds += 1 / rate;
  spent.processor_us += processor_us;
  for (const auto& each : block.included) {
    ASSIGN(const auto record, on.chain->ledger->transaction(each->hash));
    if (record.receipt.status != 0) return fail(Code::conflict, to_string(record.output));
  }
  return {};
}

template <typename Look>
void look_up(std::string_view what, std::vector<Enrolled> sample, const Look& look) {
  std::vector<int64_t> times;
  size_t missing = 0;
  for (const Enrolled& each : sample) {
    const int64_t start_ns = steady_ns();
    missing += !look(each);
    times.push_back(steady_ns() - start_ns);
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) { return double(times[size_t(double(times.size() - 1) * share)]) / 1e3; };
  fmt::print("{}: {} look-ups, p50 {:.1f} us, p99 {:.1f} us, most {:.1f} us, {} missing\n", what,
             times.size(), at(0.5), at(0.99), at(1), missing);
}

int measure(size_t identities, size_t per_call, size_t calls) {
  IdentityChain on;
  on.appoint();
  std::vector<Enrolled> all;
  Spent spent;
  size_t told = 0;
  while (all.size() < identities) {
    const Status done = enrol_block(on, calls, per_call, spent, all);
    if (!done) {
      fmt::print(stderr, "{}\n", done.error().to_string());
      return 1;
    }
    if (all.size() - told < 50'000) continue;
    told = all.size();
    fmt::print("{} identities: {:.0f}/s, {:.0f} us of processor each, {:.1f} MB on disk\n", told,
               double(told) / spent.seconds, spent.processor_us / double(told),
               double(on.chain->ledger->disk_bytes()) / 1e6);
  }
  fmt::print(
      "{} identities in {:.1f} s: {:.0f}/s, {:.0f} us of processor each, {} a call, {} calls a block\n",
      all.size(), spent.seconds, double(all.size()) / spent.seconds, spent.processor_us / double(all.size()),
      per_call, calls);
  on.open();  // nothing is in memory
  std::shuffle(all.begin(), all.end(), std::mt19937_64(7));
  all.resize(std::min<size_t>(all.size(), 20'000));
  const Read read = on.read();
  look_up("by id, right after opening", all,
          [&](const Enrolled& each) { return subject_of(read, each.id).has_value(); });
  look_up("by id", all, [&](const Enrolled& each) { return subject_of(read, each.id).has_value(); });
  look_up("by key", all, [&](const Enrolled& each) {
    const auto id = subject_of_key(read, each.key);
    return id && *id && subject_of(read, **id);
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int at, size_t otherwise) {
    return argc > at ? size_t(std::stoul(argv[at])) : otherwise;
  };
  return measure(number(1, 400'000), number(2, 300), number(3, 4));
}
