// contract_bench MODULE.wasm INTERFACE [CALLS]: records of a notary, each a signed transaction, through
// admission, execution and a durable commit of a ledger; blocks of 1,000. Run it on one core: taskset -c 1.
#include "chain.h"

using namespace chengxin;
using namespace chengxin::contract;

namespace {
constexpr size_t kBlock = 1000;
}

int main(int count, char** words) {
  if (count < 3) return 2;
  const size_t calls = count > 3 ? std::stoul(words[3]) : 20'000;
  const Bytes code = read_file(words[1], 16 << 20).value();
  const Interface interface = parse_interface(text(read_file(words[2], 1 << 20).value())).value();
  Chain bench;
  const Time begin = Time::now();
  if (const auto why = bench.deploy(format::ContractEngine::wasm, "notary", 1, code, interface.json());
      !why.empty())
    return fmt::print(stderr, "{}\n", why), 1;
  fmt::print("{} of {} bytes proposed, scanned, approved and deployed in {:.2f} s\n", words[1], code.size(),
             (Time::now() - begin).wall);

  const Entry* record = interface.function("record");
  bench.admission = bench.execution = bench.commit = {};
  uint64_t gas = 0;
  for (size_t done = 0; done < calls; done += kBlock) {
    std::vector<Bytes> envelopes;
    for (size_t i = 0; i < kBlock; ++i) {
      Digest digest{};
      std::memcpy(digest.data(), &(const uint64_t&)(done + i + 1), 8);
      const Bytes arguments =
          encode(record->inputs, Json::array({"0x" + hex(digest), "an entry of the bench"})).value();
      envelopes.push_back(bench.envelope(bench.setup.writer, {"notary", "record", arguments}));
    }
    gas = bench.add_accepted(envelopes);
  }
  const auto rate = [&](Time time) { return double(calls) / time.wall; };
  Time all = bench.admission;
  all += bench.execution;
  all += bench.commit;
  fmt::print(
      "{} calls of record, {} gas each: {:.0f}/s in all; admission {:.0f}/s, execution {:.0f}/s, commit "
      "{:.0f}/s\n",
      calls, gas, rate(all), rate(bench.admission), rate(bench.execution), rate(bench.commit));
}
