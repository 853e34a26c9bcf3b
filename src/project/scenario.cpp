#include "project/scenario.h"

#include <algorithm>

#include "project/impl/stage.h"

namespace chengxin::project {
namespace {

Result<ScenarioResult> play(const std::string& file, const std::string& name, const Yaml& accounts,
                            const Yaml& steps, Stage&& stage) {
  ScenarioResult out{file, name, steps.line, {}};
  TRY(stage.accounts(accounts));
  for (const Yaml& step : steps.items) {
    const size_t before = out.differences.size();
    if (Status taken = stage.step(step, out.differences); !taken) {
      const Error& error = taken.error();
      if (error.code != Code::invalid_argument && error.code != Code::not_found) return tl::unexpected(error);
      out.differences.push_back(error.detail.starts_with(file)
                                    ? error.detail
                                    : fmt::format("{}:{} {}", file, step.line, error.to_string()));
    }
    if (out.differences.size() > before) break;  // what follows builds on it
  }
  return out;
}

Json reached_json(const std::map<std::string, bool>& all) {
  Json missed = Json::array();
  size_t hit = 0;
  for (const auto& [signature, reached] : all) {
    hit += reached;
    if (!reached) missed.push_back(signature);
  }
  return {{"reached", hit}, {"of", all.size()}, {"missed", std::move(missed)}};
}

Json gas_json(std::vector<uint64_t> used) {
  std::sort(used.begin(), used.end());
  if (used.empty()) return {{"calls", 0}};
  return {
      {"calls", used.size()}, {"min", used.front()}, {"median", used[used.size() / 2]}, {"max", used.back()}};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n')
      out += c;
  }
  return out;
}

}  // namespace

size_t TestReport::failed() const {
  return size_t(
      std::count_if(scenarios.begin(), scenarios.end(), [](const auto& each) { return !each.passed(); }));
}

std::vector<fs::path> scenario_files(const Project& project) {
  const fs::path place = project.folder / project.scenarios;
  std::vector<fs::path> out;
  std::error_code error;
  if (!fs::is_directory(place, error)) return {place};
  for (const auto& entry : fs::directory_iterator(place, error))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

Result<TestReport> run_scenarios(const std::vector<fs::path>& files, const std::string& own,
                                 const BuiltOf& built, const contract::Engines& engines,
                                 const TestOptions& options) {
  TestReport out;
  for (const fs::path& path : files) {
    const std::string file = path.filename().string();
    ASSIGN(const Bytes content, read_file(path, 4 << 20));
    ASSIGN(const Yaml read, parse_yaml(text(content), file));
    const Yaml *accounts = read.find("accounts"), *scenarios = read.find("scenarios");
    if (!accounts || !scenarios || read.members.size() != 2)
      return fail(Code::invalid_argument, "project.scenario", "{}: accounts and scenarios", file);
    for (const auto& [name, steps] : scenarios->members) {
      if (name.find(options.only) == std::string::npos) continue;
      ASSIGN(auto result, play(file, name, *accounts, steps, Stage(file, own, built, engines, options, out)));
      out.scenarios.push_back(std::move(result));
    }
  }
  return out;
}

Json to_json(const TestReport& report) {
  Json out = {{"scenarios", Json::array()}, {"contracts", Json::object()}, {"failed", report.failed()}};
  for (const ScenarioResult& each : report.scenarios)
    out["scenarios"].push_back({{"file", each.file},
                                {"line", each.line},
                                {"name", each.name},
                                {"passed", each.passed()},
                                {"differences", each.differences}});
  for (const auto& [name, contract] : report.contracts) {
    Json gas = Json::object();
    for (const auto& [function, used] : contract.gas) gas[function] = gas_json(used);
    out["contracts"][name] = {{"code_bytes", contract.code_bytes},
                              {"deployments", gas_json(contract.deployments)},
                              {"functions", std::move(gas)},
                              {"coverage",
                               {{"functions", reached_json(contract.reached.functions)},
                                {"errors", reached_json(contract.reached.errors)},
                                {"events", reached_json(contract.reached.events)}}}};
    if (!contract.code.empty()) out["contracts"][name]["coverage"]["code"] = reached_json(contract.code);
  }
  return out;
}

std::string to_junit(const TestReport& report, const std::string& suite) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" "
      "failures=\"{}\">\n",
      escaped(suite), report.scenarios.size(), report.failed());
  for (const ScenarioResult& each : report.scenarios) {
    out += fmt::format("<testcase classname=\"{}\" name=\"{}\">", escaped(suite + "." + each.file),
                       escaped(each.name));
    if (!each.passed()) {
      std::string all;
      for (const std::string& difference : each.differences) all += difference + "\n";
      out += fmt::format("<failure message=\"{}\">{}</failure>", escaped(each.differences.front()),
                         escaped(all));
    }
    out += "</testcase>\n";
  }
  return out + "</testsuite>\n</testsuites>\n";
}

}  // namespace chengxin::project
