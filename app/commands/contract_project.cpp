#include <iostream>

#include "commands.h"
#include "contract/evm.h"
#include "contract/generate.h"
#include "contract/wasm.h"
#include "project/coverage.h"
#include "project/lint.h"
#include "project/scenario.h"

// What a contract's author does on his own machine, without a platform.
namespace chengxin::app {
namespace {

using project::Built;
using project::Language;
using project::Project;

struct Options {
  fs::path folder = ".", package, junit, out;
  std::string language, name, only, target;
  bool coverage = false;
};

fs::path build_folder(const Project& project) { return project.folder / "build"; }
fs::path package_file(const Project& project) { return build_folder(project) / (project.name + ".cxc"); }
fs::path archive_file(fs::path package) { return package.replace_extension(".source.tar"); }

Result<contract::Engines> engines() {
  contract::Engines out;
  ASSIGN(out[format::ContractEngine::wasm], contract::wasm_engine({}));
  out[format::ContractEngine::evm] = contract::evm_engine();
  return out;
}

Result<int> create(const Context& context, const Options& options) {
  ASSIGN(const Language language, project::language_of(options.language));
  ASSIGN(const Project made, project::create_project(options.folder, language, options.name));
  const std::string folder = made.folder.string();
  print(context, {{"name", made.name}, {"language", options.language}, {"folder", folder}}, [&] {
    line("{}", folder);
    if (language == Language::solidity) line("cd {} && npm install", made.name);
    line("chengxin contract test --project {}", made.name);
  });
  return kDone;
}

void tell_glue(const Context& context, const std::vector<std::string>& written) {
  if (context.json) return;
  for (const std::string& file : written) line("已生成 generated: {}", file);
}

Result<Built> build_now(const Context& context, const Project& project) {
  ASSIGN(const auto glue, project::write_glue(project));
  tell_glue(context, glue);
  return project::build(project);
}

Status keep(const Project& project, const Built& built) {
  TRY(make_folder(build_folder(project), 0755));
  TRY(write_durable(package_file(project), built.encoded));
  return write_durable(archive_file(package_file(project)), built.archive);
}

Result<int> check(const Context& context, const Options& options) {
  ASSIGN(const Bytes package, read_file(options.package, 64 << 20));
  ASSIGN(const Bytes archive, read_file(archive_file(options.package), 128 << 20));
  ASSIGN(const auto checked,
         project::check_build(package, archive, fs::absolute(options.package).parent_path()));
  const Json out = {{"same_code", checked.same_code},
                    {"same_interface", checked.same_interface},
                    {"same_toolchain", checked.same_toolchain},
                    {"toolchain", checked.toolchain}};
  print(context, out, [&] {
    line(checked.holds() ? "可复现：代码逐字节相同 reproducible: the code is equal, byte by byte"
                         : "不可复现：代码不同 not reproducible: the code differs");
    if (!checked.same_toolchain) line("工具链不同 another toolchain: {}", checked.toolchain);
  });
  return checked.holds() ? kDone : kNotVerified;
}

Result<int> build(const Context& context, const Options& options) {
  if (!options.package.empty()) return check(context, options);
  ASSIGN(const Project project, project::open_project(options.folder));
  ASSIGN(const Built built, build_now(context, project));
  TRY(keep(project, built));
  const std::string file = package_file(project).string();
  const Json out = {{"package", file},
                    {"digest", hex(built.digest)},
                    {"code_bytes", built.package.code.size()},
                    {"package_bytes", built.encoded.size()},
                    {"source", hex(built.package.source)},
                    {"source_archive", archive_file(file).string()},
                    {"toolchain", built.package.toolchain}};
  print(context, out, [&] {
    line("{}", file);
    line("摘要 digest  {}", hex(built.digest));
    line("源码 source  {}  {}", hex(built.package.source), archive_file(file).filename().string());
    line("大小 size    {} ({})", human_bytes(built.encoded.size()), built.package.toolchain);
  });
  return kDone;
}

// Builds each contract that scenarios deploy, once.
project::BuiltOf builder(const Project& project, bool covered) {
  auto made = std::make_shared<std::map<std::string, std::shared_ptr<const Built>>>();
  return [=](const std::string& name, const std::string& from) -> Result<std::shared_ptr<const Built>> {
    fs::path folder = project.folder;
    if (!from.empty())
      folder /= from;
    else if (auto used = project.uses.find(name); used != project.uses.end())
      folder /= used->second;
    else if (name != project.name)
      return fail(Code::not_found, "project.unknown_contract",
                  "{}: name its project under uses in contract.yaml", name);
    auto& kept = (*made)[folder.lexically_normal().string()];
    if (kept) return kept;
    ASSIGN(const Project other, project::open_project(folder));
    TRY(project::write_glue(other));
    ASSIGN(Built built, project::build(other, covered));
    kept = std::make_shared<const Built>(std::move(built));
    return kept;
  };
}

std::string share(const std::map<std::string, bool>& all) {
  const auto hit = std::count_if(all.begin(), all.end(), [](const auto& each) { return each.second; });
  return fmt::format("{}/{}", hit, all.size());
}

void print_contract(const std::string& name, const project::TestedContract& contract) {
  line("");
  line("{}: 代码 code {} B", name, contract.code_bytes);
  const auto row = [](std::string_view what, std::vector<uint64_t> used) {
    if (used.empty()) return;
    std::sort(used.begin(), used.end());
    line("  {:<44} {:>5} {:>10} {:>10} {:>10}", what, used.size(), used.front(), used[used.size() / 2],
         used.back());
  };
  line("  {:<46} {:>5} {:>10} {:>10} {:>10}", "燃料 gas", "calls", "min", "median", "max");
  row("(deploy)", contract.deployments);
  for (const auto& [function, used] : contract.gas) row(function, used);
  const project::Reached& reached = contract.reached;
  line("  覆盖 reached: 函数 functions {}, 错误 errors {}, 事件 events {}", share(reached.functions),
       share(reached.errors), share(reached.events));
  if (!contract.code.empty()) line("  代码 code {}", share(contract.code));
  for (const auto* all : {&reached.functions, &reached.errors, &reached.events, &contract.code})
    for (const auto& [signature, hit] : *all)
      if (!hit) line("    未覆盖 missed: {}", signature);
}

void print_report(const project::TestReport& report) {
  for (const auto& each : report.scenarios) {
    line("{} {}", each.passed() ? "通过   pass" : "未通过 FAIL", each.name);
    for (const std::string& difference : each.differences) line("    {}", visible(difference));
  }
  for (const auto& [name, contract] : report.contracts) print_contract(name, contract);
  line("");
  line("{} passed, {} failed", report.scenarios.size() - report.failed(), report.failed());
}

Result<int> test(const Context& context, const Options& options) {
  ASSIGN(const Project project, project::open_project(options.folder));
  ASSIGN(const auto glue, project::write_glue(project));
  tell_glue(context, glue);
  ASSIGN(const auto wired, engines());
  ASSIGN(auto report, project::run_scenarios(project::scenario_files(project), project.name,
                                             builder(project, false), wired, {.only = options.only}));
  if (report.scenarios.empty()) return fail(Code::not_found, "project.no_scenario", "{}", project.scenarios);
  if (options.coverage) {
    ASSIGN(auto code, project::code_reached(project::scenario_files(project), project.name,
                                            builder(project, true), {.only = options.only}));
    for (auto& [name, reached] : code) report.contracts[name].code = std::move(reached);
  }
  if (!options.junit.empty())
    TRY(write_durable(
        options.junit,
        view(project::to_junit(report, fmt::format("{}.{}", project.name, name_of(project.language))))));
  print(context, to_json(report), [&] { print_report(report); });
  return report.failed() ? kNotVerified : kDone;
}

Result<int> lint(const Context& context, const Options& options) {
  ASSIGN(const Project project, project::open_project(options.folder));
  ASSIGN(const Built built, build_now(context, project));
  ASSIGN(const auto wired, engines());
  ASSIGN(const auto report, project::lint(project, built, wired));
  TRY(make_folder(build_folder(project), 0755));
  TRY(write_durable(build_folder(project) / "lint.sarif", view(project::to_sarif(report).dump(2))));
  print(context, project::to_json(report), [&] {
    for (const auto& each : report.findings)
      line("{}:{}: {} {} ({})", each.file, each.line, each.severe ? "错误 error" : "警告 warning",
           visible(each.message), each.reason);
    for (const std::string& tool : report.ran) line("已运行 ran: {}", tool);
    for (const std::string& tool : report.missing) line("未安装 not installed: {}", tool);
    line("{} errors, {} warnings", report.severe(), report.findings.size() - report.severe());
  });
  return report.severe() ? kNotVerified : kDone;
}

Result<contract::Interface> interface_of(const Options& options) {
  if (!options.package.empty()) {  // a package, or a text of either notation
    ASSIGN(const Bytes content, read_file(options.package, 64 << 20));
    const auto package = format::ContractPackage::decode(content);
    return contract::parse_interface(package ? std::string_view(package->interface) : text(content));
  }
  ASSIGN(const Project project, project::open_project(options.folder));
  if (project.language != Language::solidity) return project::read_interface(project);
  ASSIGN(const Built built, project::build(project));
  return contract::parse_interface(built.package.interface);
}

Result<int> abi(const Options& options) {
  ASSIGN(const auto interface, interface_of(options));
  line("{}", interface.json());
  return kDone;
}

Result<int> generate(const Context& context, const Options& options) {
  if (options.target.empty()) {
    ASSIGN(const Project project, project::open_project(options.folder));
    ASSIGN(const auto written, project::write_glue(project));
    tell_glue(context, written);
    return kDone;
  }
  std::string name = options.name;
  if (name.empty()) {
    if (!options.package.empty()) {
      name = options.package.stem().string();
    } else {
      ASSIGN(const Project project, project::open_project(options.folder));
      name = project.name;
    }
  }
  ASSIGN(const auto interface, interface_of(options));
  ASSIGN(const std::string made, contract::generate(interface, options.target, name));
  if (!options.out.empty()) {
    TRY(write_durable(options.out, view(made)));
    return kDone;
  }
  std::cout << made;
  return kDone;
}

}  // namespace

void add_contract_project_commands(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* help, auto work) {
    CLI::App* out = group.add_subcommand(name, help);
    out->callback([&context, options, work] { run(context, [&] { return work(context, *options); }); });
    return out;
  };
  const auto with_folder = [&](CLI::App* made) {
    made->add_option("--project", options->folder, "项目文件夹 · the project's folder (.)");
    return made;
  };

  CLI::App* made = verb("new", "新建合约项目 · a new project", create);
  made->add_option("NAME", options->name, "合约名 · the contract's name")->required();
  made->add_option("--lang", options->language, "rust, go, solidity")->required();
  made->add_option("--in", options->folder, "放在此文件夹中 · the folder to put it in (.)");

  CLI::App* built = with_folder(verb("build", "构建合约包 · build the package", build));
  built->add_option("--check", options->package,
                    "用其源码存档重新构建并比较 · build this package again from its source archive");

  CLI::App* tested =
      with_folder(verb("test", "在内存链上运行场景 · run the scenarios on a chain in memory", test));
  tested->add_option("--junit", options->junit, "写入 JUnit XML · write JUnit XML");
  tested->add_flag("--coverage", options->coverage, "并测量到达的代码 · also measure which code is reached");
  tested->add_option("--only", options->only, "名称含此文本的场景 · scenarios with this in their name");

  with_folder(verb("lint", "扫描与检查 · the chain's scan, linters and known bad patterns", lint));

  const auto with_interface = [&](CLI::App* into) {
    into->add_option("--of", options->package, "合约包或接口文件 · a package or an interface's file");
    return with_folder(into);
  };
  with_interface(verb("abi", "接口的规范 JSON · the interface, canonical JSON",
                      [](const Context&, const Options& given) { return abi(given); }));
  CLI::App* generated =
      with_interface(verb("generate", "生成代码 · generate code: the project's glue, or a target", generate));
  generated->add_option(
      "TARGET", options->target,
      "rust, go, rust-caller, go-caller, typescript-client, go-client, java-client, cpp-client");
  generated->add_option("--name", options->name, "代码中的合约名 · the contract's name in the code");
  generated->add_option("--out", options->out, "写入文件 · write to a file");
}

}  // namespace chengxin::app
