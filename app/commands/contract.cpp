#include <thread>

#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"
#include "crypto/random.h"
#include "format/contract.h"

// Contracts on a running platform's chains: from a proposal to retirement, and what they are asked.
namespace chengxin::app {
namespace {

constexpr int kPatienceMs = 60'000;
constexpr size_t kMaxPackageBytes = 16 << 20;

struct Options {
  std::string chain = "default", name, function, arguments, why, caller;
  fs::path package, out;
  uint32_t version = 0;
  uint64_t gas = 0;
  bool dry_run = false;
};

std::string path_of(const Options& options, std::string_view rest = {}) {
  std::string out = "/api/v1/chains/" + percent_encode(options.chain) + "/contracts";
  if (!options.name.empty()) out += "/" + percent_encode(options.name);
  return out + std::string(rest);
}

std::string text_of(const Json& json, const char* member) {
  const auto found = json.find(member);
  if (found == json.end()) return {};
  return found->is_string() ? visible(found->get<std::string>()) : found->dump();
}

// Names of states, as people read them.
std::string state_text(const std::string& state) {
  static const std::map<std::string, std::string> texts = {
      {"proposed", "待审批"}, {"active", "运行中"},       {"frozen", "已冻结"},
      {"retired", "已退役"},  {"approved", "已批准"},     {"rejected", "已驳回"},
      {"deployed", "已部署"}, {"superseded", "已被取代"}, {"unfrozen", "已解冻"}};
  const auto found = texts.find(state);
  return found == texts.end() ? visible(state) : found->second + " " + state;
}

// The answer of a POST that makes a transaction; one that did not come in time is waited for.
Result<Json> settled(client::Client& platform, const Options& options, Json answer) {
  if (answer.contains("height")) return answer;
  const std::string path = "/api/v1/chains/" + percent_encode(options.chain) + "/transactions/" +
                           answer.at("transaction").get<std::string>();
  for (const int64_t deadline = steady_ns() + int64_t(kPatienceMs) * 1'000'000;;) {
    auto found = platform.get(path);
    if (found) {
      const Json& receipt = found->at("receipt");
      if (!receipt.at("accepted").get<bool>())
        return fail(Code::conflict, "contract.refused", "{}", found->at("hash").get<std::string>());
      return Json{{"transaction", found->at("hash")},
                  {"height", found->at("height")},
                  {"gas", receipt.at("gas")},
                  {"contract", options.name}};
    }
    if (found.error().reason != "ledger.no_transaction" || steady_ns() > deadline)
      return tl::unexpected(std::move(found).error());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Result<Json> send(client::Client& platform, const Options& options, std::string_view verb, const Json& body) {
  ASSIGN(Json answer, platform.post(path_of(options, verb.empty() ? "" : "/" + std::string(verb)), body,
                                    {{"Idempotency-Key", hex(crypto::random_bytes(16))}}));
  return settled(platform, options, std::move(answer));
}

void print_act(const Json& answer) {
  line("{}  {}", text_of(answer, "contract"), state_text(text_of(answer, "state")));
  if (answer.contains("version"))
    line("  版本 version      {}  {}", text_of(answer, "version"),
         state_text(text_of(answer, "version_state")));
  if (answer.contains("address")) line("  地址 address      {}", text_of(answer, "address"));
  line("  交易 transaction  {}", text_of(answer, "transaction"));
  line("  高度 height       {}   燃料 gas {}", text_of(answer, "height"), text_of(answer, "gas"));
}

Result<int> act(const Context& context, const Options& options, std::string_view verb, const Json& body) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, send(platform, options, verb, body));
  print(context, answer, [&] { print_act(answer); });
  return kDone;
}

// A package's file, or a project's folder with the package that was built of it.
Result<fs::path> package_file(const fs::path& given) {
  std::error_code error;
  if (!fs::is_directory(given, error)) return given;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(given / "build", error))
    if (entry.path().extension() == ".cxc") found.push_back(entry.path());
  if (found.size() == 1) return found[0];
  return fail(Code::not_found, "file.not_found", "{}: {} packages (.cxc); chengxin contract build makes one",
              (given / "build").string(), found.size());
}

Result<Bytes> read_package(const Options& options) {
  ASSIGN(const fs::path file, package_file(options.package));
  ASSIGN(Bytes bytes, read_file(file, kMaxPackageBytes));
  if (auto package = format::ContractPackage::decode(bytes); !package)
    return fail(Code::invalid_argument, "format.contract_package", "{}", file.string());
  return bytes;
}

Result<Json> propose_now(client::Client& platform, const Options& options, const Bytes& package) {
  Options all = options;
  all.name.clear();
  ASSIGN(Json answer, send(platform, all, "", {{"name", options.name}, {"package", base64(package)}}));
  if (!answer.contains("version")) {  // it came late
    ASSIGN(const Json one, platform.get(path_of(options)));
    answer["version"] = one.at("latest");
  }
  return answer;
}

Result<int> propose(const Context& context, const Options& options) {
  ASSIGN(const Bytes package, read_package(options));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, propose_now(platform, options, package));
  print(context, answer, [&] { print_act(answer); });
  return kDone;
}

Result<Json> arguments_of(const Options& options) {
  if (options.arguments.empty()) return Json::array();
  return parse_json(options.arguments);
}

Json version_body(const Options& options) {
  return options.version ? Json{{"version", options.version}} : Json::object();
}

// What a version still lacks, and who may give it.
Result<int> tell_missing(const Context& context, client::Client& platform, const Options& options) {
  ASSIGN(const Json one, platform.get(path_of(options)));
  Json version;
  for (const Json& each : one.at("versions"))
    if (each.at("version") == options.version) version = each;
  const size_t given = version.at("approvals").size();
  Json out = {{"contract", options.name},
              {"version", options.version},
              {"version_state", version.at("state")},
              {"state", one.at("state")},
              {"approvals", given},
              {"approvals_needed", one.at("approvals_needed")},
              {"deployed", false}};
  print(context, out, [&] {
    line("{} 版本 version {} 尚未部署 is not deployed yet", options.name, options.version);
    line("  审批 approvals {} / {}", given, text_of(one, "approvals_needed"));
    for (const Json& each : version.at("approvals"))
      line("    {} {}", text_of(each, "account"), text_of(each, "organisation"));
    line("  其余治理方批准后 when others who govern have approved:");
    line("    chengxin contract approve {} --version {} --chain {}", options.name, options.version,
         options.chain);
    line("    chengxin contract deploy {} --version {} --chain {}", options.name, options.version,
         options.chain);
  });
  return kPartly;
}

// Proposes and approves where that is to be done here, and deploys when the version is approved.
Result<int> deploy(const Context& context, Options options) {
  Bytes package;
  if (!options.package.empty()) {
    ASSIGN(package, read_package(options));
  }
  ASSIGN(Json arguments, arguments_of(options));
  ASSIGN(auto platform, context.connect());
  if (!package.empty()) {
    ASSIGN(const Json proposed, propose_now(platform, options, package));
    options.version = proposed.at("version");
    auto approved = send(platform, options, "approve", version_body(options));
    if (!approved && approved.error().code != Code::forbidden)
      return tl::unexpected(std::move(approved).error());
    if (!approved || approved->value("version_state", "approved") != "approved")
      return tell_missing(context, platform, options);
  }
  Json body = version_body(options);
  body["arguments"] = std::move(arguments);
  ASSIGN(const Json answer, send(platform, options, "deploy", body));
  print(context, answer, [&] { print_act(answer); });
  return kDone;
}

void print_answer(const Json& answer) {
  if (answer.contains("result") && !answer["result"].is_null())
    line("{}", visible(answer["result"].is_string() ? answer["result"].get<std::string>()
                                                    : answer["result"].dump(2)));
  if (answer.contains("data")) line("{}", text_of(answer, "data"));
  for (const Json& event : answer.value("events", Json::array()))
    line("  事件 event {} {}", text_of(event, "name"), visible(event.value("arguments", event).dump()));
  if (answer.contains("transaction")) line("  交易 transaction  {}", text_of(answer, "transaction"));
  line("  高度 height       {}   燃料 gas {}", text_of(answer, "height"), text_of(answer, "gas"));
}

Result<int> ask(const Context& context, const Options& options, bool query) {
  ASSIGN(const Json arguments, arguments_of(options));
  ASSIGN(auto platform, context.connect());
  std::string path = path_of(options, (query ? "/query/" : "/call/") + percent_encode(options.function));
  char separator = '?';
  const auto with = [&](const char* name, const std::string& value) {
    path += std::exchange(separator, '&') + std::string(name) + "=" + percent_encode(value);
  };
  if (options.gas > 0) with("gas", std::to_string(options.gas));
  if (!options.caller.empty()) with("caller", options.caller);
  if (options.dry_run) with("dry_run", "true");
  std::map<std::string, std::string> headers;
  if (!query) headers["Idempotency-Key"] = hex(crypto::random_bytes(16));
  ASSIGN(Json answer, platform.post(path, arguments, headers));
  if (!query) {
    ASSIGN(answer, settled(platform, options, std::move(answer)));
  }
  print(context, answer, [&] { print_answer(answer); });
  return kDone;
}

Result<int> list(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  Json items = Json::array();
  for (std::string cursor;;) {
    ASSIGN(Json page, platform.get(path_of(options, "?limit=500") +
                                   (cursor.empty() ? "" : "&cursor=" + percent_encode(cursor))));
    for (Json& each : page["items"]) items.push_back(std::move(each));
    if (!page.contains("next")) break;
    cursor = page["next"];
  }
  print(context, {{"items", items}}, [&] {
    for (const Json& each : items)
      line("{:<24} {}  版本 version {}", text_of(each, "name"), state_text(text_of(each, "state")),
           text_of(each, "current"));
  });
  return kDone;
}

Result<int> show(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json one, platform.get(path_of(options)));
  if (auto figures = platform.get(path_of(options, "/figures"))) one["figures"] = std::move(*figures);
  print(context, one, [&] {
    line("{}  {}", text_of(one, "name"), state_text(text_of(one, "state")));
    if (one.contains("why")) line("  原因 why      {}", text_of(one, "why"));
    line("  地址 address  {}", text_of(one, "address"));
    for (const Json& each : one.at("versions")) {
      line("  版本 version {}  {}  审批 approvals {}/{}", text_of(each, "version"),
           state_text(text_of(each, "state")), each.at("approvals").size(), text_of(one, "approvals_needed"));
      line("    合约包 package {}", text_of(each, "package"));
      if (each.contains("source"))
        line("    源码 source    {}\n    工具 toolchain {}  {} {} B", text_of(each, "source"),
             text_of(each, "toolchain"), text_of(each, "engine"), text_of(each, "code_bytes"));
    }
    if (!one.contains("figures")) return;
    const Json& figures = one["figures"];
    line("  最近调用 newest calls {}  失败 failed {}  燃料 gas {}  调用者 callers {}",
         text_of(figures, "calls"), text_of(figures, "failed"), text_of(figures, "gas"),
         text_of(figures, "callers"));
  });
  return kDone;
}

Result<int> history(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json page, platform.get(path_of(options, "/history?limit=500")));
  print(context, page, [&] {
    for (const Json& each : page.at("items"))
      line("高度 height {:<8} {}  版本 version {}  {} {}", text_of(each, "height"),
           state_text(text_of(each, "event")), text_of(each, "version"), text_of(each, "signer"),
           text_of(each, "why"));
  });
  return kDone;
}

// A document of the contract as it comes, to a file or to standard output.
Result<int> document(const Context& context, const Options& options, const std::string& rest) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const auto answer, platform.send("GET", path_of(options, rest)));
  if (options.out.empty()) {
    line(std::string_view(answer.body));
    return kDone;
  }
  TRY(write_durable(options.out, view(answer.body)));
  print(context, {{"file", options.out.string()}}, [&] { line("{}", options.out.string()); });
  return kDone;
}

// Shows it, or sets it; where a consortium governs, proposes it to those who vote.
Result<int> policy(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  const std::string path = "/api/v1/chains/" + percent_encode(options.chain) + "/contract-policy";
  if (options.package.empty()) {
    ASSIGN(const Json now, platform.get(path));
    print(context, now, [&] { line("{}", now.dump(2)); });
    return kDone;
  }
  ASSIGN(const Bytes document, read_file(options.package, 1 << 20));
  ASSIGN(const Json wanted, parse_json(text(document)));
  auto answer = platform.send("PUT", path, view(wanted.dump()), "application/json");
  if (answer) {
    print(context, wanted, [] { line("已生效,自下一区块起 holds from the next block on"); });
    return kDone;
  }
  if (answer.error().reason != "governance.by_vote") return tl::unexpected(std::move(answer).error());
  const Json action = {{"action", "set_contract_policy"}, {"policy", wanted}};
  ASSIGN(const Json proposed,
         platform.post("/api/v1/consortium/proposals?chain=" + percent_encode(options.chain),
                       {{"actions", Json::array({action})}}));
  print(context, proposed, [&] {
    line(
        "已提案 {},各机构投票后生效 proposed; it holds when the organisations have voted: chengxin "
        "consortium vote {} yes --chain {}",
        text_of(proposed, "proposal"), text_of(proposed, "proposal"), options.chain);
  });
  return kDone;
}

struct Verbs {
  CLI::App* noun;
  Context& context;
  std::shared_ptr<Options> options = std::make_shared<Options>();

  CLI::App* add(const char* name, const char* help, std::function<Result<int>(const Options&)> work) {
    CLI::App* out = noun->add_subcommand(name, help);
    out->callback(
        [work, options = options, &context = context] { run(context, [&] { return work(*options); }); });
    out->add_option("--chain", options->chain, "链,默认 default · chain");
    return out;
  }
  CLI::App* named(CLI::App* verb) {
    verb->add_option("name", options->name, "合约名 · the contract's name")->required();
    return verb;
  }
  CLI::App* of_version(CLI::App* verb) {
    named(verb)->add_option("--version", options->version, "版本,默认最新 · version; default: the newest");
    return verb;
  }
  CLI::App* with_package(CLI::App* verb, bool required) {
    verb->add_option("package", options->package,
                     "合约包 .cxc 或项目文件夹 · a package, or a project's folder")
        ->required(required);
    return verb;
  }
  CLI::App* with_arguments(CLI::App* verb) {
    verb->add_option("--args", options->arguments,
                     "参数,JSON 数组或对象 · arguments: a JSON array, or an object by name");
    return verb;
  }
};

void add_life_cycle(Verbs& verbs) {
  auto& context = verbs.context;
  verbs.with_package(verbs.named(verbs.add("propose", "提出一个版本,待审批 · propose a version for approval",
                                           [&](const Options& o) { return propose(context, o); })),
                     true);
  verbs.of_version(verbs.add("approve", "批准 · approve",
                             [&](const Options& o) { return act(context, o, "approve", version_body(o)); }));
  verbs.of_version(verbs.add("reject", "驳回 · reject",
                             [&](const Options& o) { return act(context, o, "reject", version_body(o)); }));
  verbs.with_arguments(verbs.with_package(
      verbs.of_version(verbs.add(
          "deploy", "部署:有合约包则先提出并批准 · deploy; with a package it is proposed and approved first",
          [&](const Options& o) { return deploy(context, o); })),
      false));
  verbs.with_arguments(verbs.with_package(
      verbs.named(verbs.add("upgrade", "升级到合约包中的版本 · upgrade to the version in a package",
                            [&](const Options& o) { return deploy(context, o); })),
      true));
  const std::pair<const char*, const char*> moves[] = {
      {"freeze", "冻结:可查询,不可调用 · freeze: it is read and not called"},
      {"unfreeze", "解冻 · unfreeze"},
      {"retire", "退役,不可恢复 · retire, for ever"}};
  for (const auto& [verb, help] : moves)
    verbs
        .named(verbs.add(verb, help,
                         [&context, verb = std::string(verb)](const Options& o) {
                           return act(context, o, verb, {{"why", o.why}});
                         }))
        ->add_option("--why", verbs.options->why, "原因 · why");
}

void add_asking(Verbs& verbs) {
  auto& context = verbs.context;
  const auto of_function = [&](CLI::App* verb) {
    verbs.with_arguments(verbs.named(verb));
    verb->add_option("function", verbs.options->function, "函数名;重载时为签名 · function, or its signature")
        ->required();
    verb->add_option("--gas", verbs.options->gas, "燃料上限 · gas at most");
    return verb;
  };
  of_function(verbs.add("call", "调用:产生交易 · call: makes a transaction", [&](const Options& o) {
    return ask(context, o, false);
  }))->add_flag("--dry-run", verbs.options->dry_run, "试运行:不产生交易 · no transaction is made");
  of_function(verbs.add("query", "查询:不产生交易 · query: makes none", [&](const Options& o) {
    return ask(context, o, true);
  }))->add_option("--caller", verbs.options->caller, "以此地址为调用者 · the caller's address, 0x…");
}

void add_reading(Verbs& verbs) {
  auto& context = verbs.context;
  verbs.add("list", "列出一条链的合约 · the contracts of a chain",
            [&](const Options& o) { return list(context, o); });
  verbs.named(verbs.add("show", "版本、审批、状态与统计 · versions, approvals, state, figures",
                        [&](const Options& o) { return show(context, o); }));
  verbs.named(
      verbs.add("history", "生命周期 · life cycle", [&](const Options& o) { return history(context, o); }));
  verbs
      .add("policy", "谁可以对合约做什么:显示或设置 · who may do what with contracts: shows it, or sets it",
           [&](const Options& o) { return policy(context, o); })
      ->add_option("--set", verbs.options->package, "策略文件(JSON) · a policy's file");
  const auto out = [&](CLI::App* verb) {
    verb->add_option("--out", verbs.options->out, "文件 · file");
    return verb;
  };
  out(verbs.named(verbs.add("interface", "链上合约的接口(ABI JSON)· the interface of a contract on a chain",
                            [&](const Options& o) { return document(context, o, "/interface"); })));
  out(verbs.named(verbs.add("openapi", "由接口生成的 OpenAPI 描述 · an OpenAPI description of it",
                            [&](const Options& o) { return document(context, o, "/openapi.json"); })));
  out(verbs.of_version(verbs.add("export", "导出合约包 · export a package",
                                 [&](const Options& o) -> Result<int> {
                                   Options found = o;
                                   if (found.version == 0) {
                                     ASSIGN(auto platform, context.connect());
                                     ASSIGN(const Json one, platform.get(path_of(o)));
                                     found.version = one.at("latest");
                                   }
                                   return document(context, found,
                                                   fmt::format("/versions/{}/package", found.version));
                                 })))
      ->get_option("--out")
      ->required();
}

}  // namespace

void add_contract(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("contract", "合约 · contracts");
  noun->require_subcommand(1);
  Verbs verbs{noun, context};
  add_life_cycle(verbs);
  add_asking(verbs);
  add_reading(verbs);
  add_contract_project_commands(*noun, context);
}

}  // namespace chengxin::app
