#pragma once
#include "contract/engine.h"
#include "project/project.h"

// Scenarios: what an author expects of contracts, run on a chain in memory (docs/contracts.md, "Scenarios").
namespace chengxin::project {

struct ScenarioResult {
  std::string file, name;
  int line = 0;
  std::vector<std::string> differences;  // with their lines; none: it passed
  bool passed() const { return differences.empty(); }
};

struct Reached {
  std::map<std::string, bool> functions, errors, events;  // by signature
};
struct TestedContract {
  std::map<std::string, std::vector<uint64_t>> gas;  // by function; of those calls that returned
  std::vector<uint64_t> deployments;                 // gas
  size_t code_bytes = 0;
  Reached reached;
  std::map<std::string, bool> code;  // functions or lines (coverage.h), where they were asked for
};
struct TestReport {
  std::vector<ScenarioResult> scenarios;
  std::map<std::string, TestedContract> contracts;
  size_t failed() const;
};

// A contract to deploy: its name and, where the scenario names one, the folder of another version's project.
using BuiltOf =
    std::function<Result<std::shared_ptr<const Built>>(const std::string& name, const std::string& from)>;

struct TestOptions {
  std::string only;  // scenarios whose name has this in it
  uint64_t gas = 0;  // of a transaction; 0: as on a chain
};
// Of all files. project.yaml, project.scenario with file and line, project.value, what BuiltOf said.
Result<TestReport> run_scenarios(const std::vector<fs::path>& files, const std::string& own,
                                 const BuiltOf& built, const contract::Engines& engines,
                                 const TestOptions& options = {});
std::vector<fs::path> scenario_files(const Project& project);

Json to_json(const TestReport& report);
std::string to_junit(const TestReport& report, const std::string& suite);

}  // namespace chengxin::project
