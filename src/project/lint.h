#pragma once
#include "contract/engine.h"
#include "project/project.h"

// What is wrong with a contract before it is proposed: the chain's own scan, known bad patterns of each
// language, and the language's own linter where it is installed (docs/contracts.md, "Lint").
namespace chengxin::project {

struct LintFinding {
  std::string tool;    // scan, patterns, rustc, clippy, go vet, solhint, solc
  std::string reason;  // contract.scan.…, lint.…; of another tool its own rule behind the tool's name
  std::string file;
  int line = 0;         // 0: of the whole
  bool severe = false;  // of the scan, and what makes nodes or calls disagree
  std::string message;
};
struct LintReport {
  std::vector<LintFinding> findings;
  std::vector<std::string> ran, missing;  // tools
  size_t severe() const;
};
Result<LintReport> lint(const Project& project, const Built& built, const contract::Engines& engines);

// Of one file; what stands in comments and texts is not looked at.
std::vector<LintFinding> known_patterns(Language language, const std::string& file, std::string_view source);

Json to_json(const LintReport& report);
Json to_sarif(const LintReport& report);  // SARIF 2.1.0

}  // namespace chengxin::project
