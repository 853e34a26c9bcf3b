#include "project/lint.h"

#include <regex>

#include "project/impl/toolchain.h"

namespace chengxin::project {
namespace {

constexpr JsonLimits kLimits{.max_bytes = 64 << 20, .max_depth = 64};

// The recommended ones, without those of style and for constructors as they are since Solidity 0.7.
constexpr std::string_view kSolhintRules = R"({"extends": "solhint:recommended", "rules": {
  "compiler-version": ["error", "^0.8.20"], "func-visibility": ["warn", {"ignoreConstructors": true}],
  "gas-custom-errors": "off", "gas-indexed-events": "off", "use-natspec": "off"}})";

// A place whose folder has the sources, for tools that other people made.
struct Site {
  const Project& project;
  fs::path folder;
  LintReport& out;
};

bool is_own(const std::string& file) {
  return !file.starts_with("chengxin/") && !file.starts_with("node_modules/");
}

// A diagnostic of rustc, as --error-format=json writes them, one a line.
void take_rustc(const std::string& tool, const Json& told, LintReport& out) {
  if (!told.is_object() || !told.contains("spans") || told["spans"].empty()) return;
  const Json& span = told["spans"][0];
  const Json code = told.value("code", Json());
  std::string rule = code.is_object() ? code.value("code", "") : "";
  if (rule.starts_with("clippy::")) rule.erase(0, 8);
  const std::string file = span.value("file_name", "");
  if (file == "interface.rs") return;  // generated
  out.findings.push_back({tool, tool + "." + (rule.empty() ? "diagnostic" : rule), file,
                          span.value("line_start", 0), told.value("level", "") == "error",
                          told.value("message", "")});
}

Status lint_rust(const Site& site) {
  ASSIGN(const RustCompiler compiler, find_rust());
  const fs::path clippy = compiler.rustc.parent_path() / "clippy-driver";
  const bool has_clippy = fs::exists(clippy);
  const std::vector<std::string> target{"--edition", "2021",       "--target", "wasm32-unknown-unknown",
                                        "-C",        "panic=abort"};
  std::vector<std::string> words = target;
  words.insert(words.end(), {"--crate-type", "rlib", "--crate-name", "chengxin", "chengxin/src/lib.rs", "-o",
                             "libchengxin.rlib"});
  TRY(run_compiler({compiler.rustc, words, site.folder, {}, {}}));
  words = target;
  words.insert(words.end(),
               {"--crate-type", "cdylib", "--crate-name", "contract", "--emit", "metadata",
                "--error-format=json", "--extern", "chengxin=libchengxin.rlib", "-W", "unused", "-W",
                "overflowing_literals", "-W", "unused_must_use", "contract.rs", "-o", "lint.rmeta"});
  const std::string tool = has_clippy ? "clippy" : "rustc";
  if (has_clippy) {  // Debian's knows only cargo's
    ASSIGN(const Ran sysroot, run_compiler({compiler.rustc, {"--print", "sysroot"}, site.folder, {}, {}}));
    words.insert(words.end(), {"--sysroot", first_line(sysroot.output)});
  }
  ASSIGN(const Ran ran, run({has_clippy ? clippy : compiler.rustc, words, site.folder, {}, {}}));
  for (std::string_view rest = ran.errors; !rest.empty();) {
    const std::string line = first_line(rest);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (auto told = parse_json(line, kLimits)) take_rustc(tool, *told, site.out);
  }
  site.out.ran.push_back(has_clippy ? "clippy" : compiler.version);
  if (!has_clippy) site.out.missing.push_back("clippy: apt-get install rust-clippy");
  return {};
}

Status lint_go(const Site& site) {
  ASSIGN(const fs::path go, find_go());
  TRY(run_compiler({go, {"mod", "edit", "-replace=chengxin=./chengxin"}, site.folder, go_environment(), {}}));
  ASSIGN(const Ran ran, run({go, {"vet", "."}, site.folder, go_environment(), {}}));
  static const std::regex said(R"((?:vet: )?(?:\./)?([\w./-]+\.go):(\d+)(?::\d+)?: (.*))");
  for (std::sregex_iterator at(ran.errors.begin(), ran.errors.end(), said), end; at != end; ++at)
    site.out.findings.push_back(
        {"go vet", "go_vet.diagnostic", (*at)[1], std::stoi((*at)[2]), true, (*at)[3]});
  site.out.ran.push_back("go vet");
  return {};
}

// solc's own, in its form for people: a sentence and below it " --> file:line:column:".
void take_solc(const std::string& said, LintReport& out) {
  static const std::regex warning(R"(Warning: ([^\n]*)\n\s*--> ([^:\n]+):(\d+):)");
  for (std::sregex_iterator at(said.begin(), said.end(), warning), end; at != end; ++at)
    if (is_own((*at)[2]))
      out.findings.push_back({"solc", "solc.warning", (*at)[2], std::stoi((*at)[3]), false, (*at)[1]});
  out.ran.push_back("solc");
}

std::optional<fs::path> find_solhint(fs::path at) {
  for (;; at = at.parent_path()) {
    if (const fs::path script = at / "node_modules/solhint/solhint.js"; fs::exists(script)) return script;
    if (at == at.parent_path()) break;
  }
  if (const char* named = std::getenv("CHENGXIN_SOLHINT")) return fs::path(named) / "solhint.js";
  return std::nullopt;
}

Status lint_solidity(const Site& site, const std::string& said) {
  take_solc(said, site.out);
  const auto solhint = find_solhint(site.project.folder), node = find_program("node");
  if (!solhint || !node) {
    site.out.missing.push_back("solhint: npm install --save-dev solhint");
    return {};
  }
  const auto own = read_file(site.project.folder / ".solhint.json", 1 << 20);
  TRY(write_durable(site.folder / ".solhint.json", own ? ByteView(*own) : view(kSolhintRules)));
  ASSIGN(const Files files, sources(site.project));
  std::vector<std::string> words{solhint->string(), "--disc", "--noPoster", "-f", "json"};
  for (const auto& [path, content] : files)
    if (path.ends_with(".sol") && is_own(path) && !path.starts_with("@")) words.push_back(path);
  ASSIGN(const Ran ran, run({*node, words, site.folder, {}, {}}));
  const auto told = parse_json(ran.output, kLimits);
  if (!told || !told->is_array())
    return fail(Code::unavailable, "project.toolchain", "solhint: {}", ran.errors);
  for (const Json& each : *told)
    if (each.contains("ruleId"))
      site.out.findings.push_back({"solhint", "solhint." + each.value("ruleId", ""),
                                   each.value("filePath", ""), each.value("line", 0),
                                   each.value("severity", "") == "Error", each.value("message", "")});
  site.out.ran.push_back("solhint");
  return {};
}

Status scan(const Built& built, const contract::Engines& engines, LintReport& out) {
  const auto engine = engines.find(built.package.engine);
  if (engine == engines.end()) {
    out.missing.push_back("the chain's scan: no engine for it in this program");
    return {};
  }
  ASSIGN(const contract::Scan scanned, engine->second->scan(built.package.code));
  for (const contract::Finding& each : scanned.findings)
    out.findings.push_back({"scan", each.reason, "", 0, true, each.detail});
  out.ran.push_back("scan");
  return {};
}

}  // namespace

size_t LintReport::severe() const {
  return size_t(
      std::count_if(findings.begin(), findings.end(), [](const auto& each) { return each.severe; }));
}

Result<LintReport> lint(const Project& project, const Built& built, const contract::Engines& engines) {
  LintReport out;
  TRY(scan(built, engines, out));
  ASSIGN(const Files files, unpack(built.archive));
  for (const auto& [path, content] : files) {
    if (!is_own(path) || path.starts_with("@") || path == "interface.rs" || path == "interface.go") continue;
    if (!path.ends_with(".rs") && !path.ends_with(".go") && !path.ends_with(".sol")) continue;
    for (LintFinding& each : known_patterns(project.language, path, text(content)))
      out.findings.push_back(std::move(each));
  }
  out.ran.push_back("patterns");
  ASSIGN(const Scratch scratch, Scratch::make());
  TRY(lay_out(files, scratch.path()));
  const Site site{project, scratch.path(), out};
  Status linted;
  switch (project.language) {
    case Language::rust:
      linted = lint_rust(site);
      break;
    case Language::go:
      linted = lint_go(site);
      break;
    case Language::solidity:
      linted = lint_solidity(site, built.findings);
      break;
  }
  TRY(linted);
  return out;
}

Json to_json(const LintReport& report) {
  Json findings = Json::array();
  for (const LintFinding& each : report.findings)
    findings.push_back({{"tool", each.tool},
                        {"reason", each.reason},
                        {"file", each.file},
                        {"line", each.line},
                        {"severe", each.severe},
                        {"message", each.message}});
  return {{"findings", std::move(findings)},
          {"ran", report.ran},
          {"missing", report.missing},
          {"severe", report.severe()}};
}

Json to_sarif(const LintReport& report) {
  Json results = Json::array();
  for (const LintFinding& each : report.findings) {
    Json result = {{"ruleId", each.reason},
                   {"level", each.severe ? "error" : "warning"},
                   {"message", {{"text", each.message}}},
                   {"properties", {{"tool", each.tool}}}};
    if (!each.file.empty())
      result["locations"] = Json::array({{{"physicalLocation",
                                           {{"artifactLocation", {{"uri", each.file}}},
                                            {"region", {{"startLine", std::max(each.line, 1)}}}}}}});
    results.push_back(std::move(result));
  }
  return {{"version", "2.1.0"},
          {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"runs", Json::array({{{"tool", {{"driver", {{"name", "chengxin contract lint"}}}}},
                                 {"results", std::move(results)}}})}};
}

}  // namespace chengxin::project
