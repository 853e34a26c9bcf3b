#pragma once
#include "contract/local_chain.h"
#include "project/impl/values.h"
#include "project/scenario.h"

namespace chengxin::project {

// One scenario's chain, and the contracts on it.
class Stage {
 public:
  Stage(const std::string& file, const std::string& own, const BuiltOf& built,
        const contract::Engines& engines, const TestOptions& options, TestReport& report);

  Status accounts(const Yaml& accounts);
  // What is not as expected is a difference; an Error says that the step cannot be taken.
  Status step(const Yaml& step, Differences& out);

 private:
  struct Ended {
    format::ReceiptStatus status = format::ReceiptStatus::accepted;
    Bytes output;
    std::vector<format::Event> events;
    uint64_t gas = 0;
  };
  struct Target {
    std::string contract;
    const contract::Entry* function = nullptr;
  };

  Status deploy(const Yaml& step, const std::string& name, Differences& out);
  Status call(const Yaml& step, const std::string& target, bool read_only, Differences& out);
  Status move(const Yaml& step, const std::string& verb, const std::string& name, Differences& out);
  Status advance(const Yaml& step, const Yaml& by);

  Result<std::string> account_of(const Yaml& step) const;
  Result<Target> target_of(const Yaml& step, const std::string& target) const;
  Status judge(const Yaml& step, const Target& target, const Ended& ended, Differences& out);
  void judge_returns(const Yaml& step, const Target& target, const Ended& ended, Differences& out);
  void judge_revert(const Yaml& expected, const Ended& ended, const std::string& where, Differences& out);
  void judge_events(const Yaml& expected, const Target& target, const Ended& ended, const std::string& where,
                    Differences& out);

  struct Told {
    std::string contract;  // empty: of the language
    contract::Entry entry;
    Json values;
  };
  std::optional<Told> error_in(ByteView data) const;
  std::optional<Told> event_in(const format::Event& event) const;
  std::string ending_of(const Ended& ended) const;  // for people
  void count(const Ended& ended);                   // errors and events that were reached
  tl::unexpected<Error> bad(const Yaml& step, std::string_view what) const;
  std::string where(const Yaml& step, std::string_view what) const;

  const std::string file_, own_;
  const BuiltOf& built_;
  TestReport& report_;
  contract::LocalChain chain_;
  Names names_;
  std::vector<std::string> accounts_;
  std::map<std::string, contract::Interface> interfaces_;  // by contract
};

}  // namespace chengxin::project
