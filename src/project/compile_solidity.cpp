#include <cstdlib>

#include "project/impl/toolchain.h"

namespace chengxin::project {

extern const std::string_view solc_script;

namespace {

constexpr JsonLimits kLimits{.max_bytes = 64 << 20, .max_depth = 512};

struct Solc {
  fs::path native;   // or
  fs::path package;  // of npm, run by node
};

// $CHENGXIN_SOLC (either), node_modules of the folder or above it, PATH.
Result<Solc> find_solc(const fs::path& folder) {
  if (const char* named = std::getenv("CHENGXIN_SOLC"))
    return fs::is_directory(named) ? Solc{{}, named} : Solc{named, {}};
  for (fs::path at = folder;; at = at.parent_path()) {
    if (const fs::path package = at / "node_modules/solc"; fs::is_directory(package))
      return Solc{{}, package};
    if (at == at.parent_path()) break;
  }
  if (auto native = find_program("solc")) return Solc{*native, {}};
  return fail(Code::unavailable, "project.toolchain",
              "solc 0.8: npm install in the project (Node.js 20 or newer), or solc on PATH");
}

Result<Json> standard_input(const Project& project, bool covered) {
  Json sources = Json::object();
  for (const auto& entry : fs::recursive_directory_iterator(project.folder)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".sol") continue;
    ASSIGN(const Bytes content, read_file(entry.path(), 16 << 20));
    sources[fs::relative(entry.path(), project.folder).generic_string()] = {{"content", to_string(content)}};
  }
  const Json wanted = {"abi", "evm.bytecode.object", "evm.deployedBytecode.object",
                       "evm.deployedBytecode.sourceMap"};
  return Json{{"language", "Solidity"},
              {"sources", std::move(sources)},
              {"settings",
               {{"evmVersion", "cancun"},
                {"viaIR", false},
                {"optimizer", {{"enabled", !covered}, {"runs", 200}}},
                {"metadata", {{"bytecodeHash", "none"}}},
                {"outputSelection", {{"*", {{"*", wanted}, {"", {"ast"}}}}}}}}};
}

struct Answer {
  std::string version;
  Json output;
};

Result<Answer> ask(const Solc& solc, const fs::path& folder, const Json& input) {
  if (!solc.native.empty()) {
    ASSIGN(const Ran version, run_compiler({solc.native, {"--version"}, folder, {}, {}}));
    ASSIGN(const Ran ran, run_compiler({solc.native, {"--standard-json"}, folder, {}, input.dump()}));
    ASSIGN(Json output, parse_json(ran.output, kLimits));
    const size_t at = version.output.find("Version: ");
    return Answer{at == std::string::npos ? "" : first_line(std::string_view(version.output).substr(at + 9)),
                  std::move(output)};
  }
  const auto node = find_program("node");
  if (!node) return fail(Code::unavailable, "project.toolchain", "Node.js 20 or newer, node on PATH");
  const std::string package = fs::absolute(solc.package).string();
  ASSIGN(const Ran ran,
         run_compiler({*node, {"-e", std::string(solc_script), package}, folder, {}, input.dump()}));
  ASSIGN(Json both, parse_json(ran.output, kLimits));
  return Answer{both.at("version"), std::move(both.at("output"))};
}

}  // namespace

Result<Compiled> compile_solidity(const Project& project, bool covered) {
  ASSIGN(const Solc solc, find_solc(project.tools));
  ASSIGN(const Json input, standard_input(project, covered));
  ASSIGN(const Answer answer, ask(solc, project.folder, input));

  Compiled out;
  bool failed = false;
  for (const Json& each : answer.output.value("errors", Json::array())) {
    out.findings += each.value("formattedMessage", "");
    failed |= each.value("severity", "") == "error";
  }
  if (failed) return fail(Code::invalid_argument, "project.compile", "{}", out.findings);
  for (const auto& [file, contracts] : answer.output.at("contracts").items()) {
    auto found = contracts.find(project.contract);
    if (found == contracts.end() || file.starts_with("chengxin/")) continue;
    ASSIGN(out.code, unhex(found->at("evm").at("bytecode").at("object").get<std::string>()));
    out.interface = found->at("abi").dump();
    out.toolchain = "solc " + answer.version;
    out.debug = {{"deployed", found->at("evm").at("deployedBytecode")}, {"sources", Json::object()}};
    for (const auto& [path, source] : answer.output.at("sources").items())
      out.debug["sources"][std::to_string(source.at("id").get<int>())] = path;
    return out;
  }
  return fail(Code::invalid_argument, "project.compile", "no contract {} in the source", project.contract);
}

}  // namespace chengxin::project
