#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"
#include "pack/files.h"
#include "user_key.h"

// Packs of a running platform: a client of /api/v1/packs.
namespace chengxin::app {
namespace {

const std::string kBase = "/api/v1/packs";

struct Options {
  fs::path place, key;
  std::string name;
  std::vector<std::string> lose;
  bool yes = false;
};

// Something that is done in two steps: a dry one that shows the plan, and then itself.
struct Change {
  std::string method, path;
  Bytes body = {};
};

std::string text_of(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? visible(json[name].get<std::string>()) : "";
}

// A .cxpack as it is, or a folder packed up.
Result<Bytes> archive_at(const Options& options) {
  std::error_code error;
  if (!fs::is_directory(options.place, error)) return read_file(options.place, pack::kMostBytes * 2);
  pack::Findings findings;
  const pack::Files files = pack::read_folder(options.place, findings);
  if (!findings.empty()) {
    const pack::Finding first = findings.shown().front();
    return fail(Code::invalid_argument, first.reason, "{}:{}:{}; chengxin pack check {}", first.file,
                first.at.line, first.at.column, options.place.string());
  }
  std::optional<crypto::Sm2PrivateKey> key;
  if (!options.key.empty()) {
    ASSIGN(key, key_in(options.key));
  }
  return pack::write_packed(files.content, key ? &*key : nullptr);
}

Result<Json> send(client::Client& platform, const Change& change, const Options& options, bool dry) {
  std::string query = dry ? "?dry=true" : "?dry=false";
  if (!options.lose.empty()) {
    query += "&lose=";
    for (size_t i = 0; i < options.lose.size(); ++i)
      query += (i ? "," : "") + percent_encode(options.lose[i]);
  }
  ASSIGN(const auto answer, platform.send(change.method, change.path + query, change.body,
                                          change.body.empty() ? "" : "application/octet-stream"));
  return parse_json(answer.body, {.max_bytes = 64 << 20, .max_depth = 64});
}

struct KindWords {
  std::string_view kind, zh, en;
};
constexpr KindWords kKinds[] = {{"create", "新建", "created"},
                                {"add", "增加", "added"},
                                {"convert", "转换", "converted"},
                                {"fill", "填入缺省值", "filled"},
                                {"compute", "重新计算", "computed anew"},
                                {"unique", "须唯一", "has to be unique"},
                                {"return", "恢复", "comes back"},
                                {"drop", "停用", "dropped"},
                                {"required", "须填写", "has to be filled in"},
                                {"code", "代码", "codes"},
                                {"state", "状态", "states"}};

std::string words_of(const std::string& kind) {
  for (const KindWords& each : kKinds)
    if (each.kind == kind) return fmt::format("{} {}", each.zh, each.en);
  return visible(kind);
}

void print_step(const Json& step) {
  const std::string member = text_of(step, "member"), reason = step.value("reason", "");
  line("{} {:<40} {}  {} 条 records{}", reason.empty() ? ' ' : '!',
       text_of(step, "object") + (member.empty() ? "" : "." + member), words_of(step.at("kind")),
       step.at("rows").get<int64_t>(), step.at("loss") == true ? "  [丢失数据 loses data]" : "");
  if (reason.empty()) return;
  line("      {} {}", texts::reason(reason, texts::Language::zh), texts::reason(reason, texts::Language::en));
  std::string examples;
  for (const Json& each : step.value("examples", Json::array()))
    examples += " " + visible(each.get<std::string>());
  if (!examples.empty()) line("      例如 such as{}", examples);
}

void print_plan(const Json& report) {
  const auto version = [&](const char* name) {
    const std::string text = text_of(report, name);
    return text.empty() ? std::string("-") : text;
  };
  line("{}  {} > {}", text_of(report, "pack"), version("before"), version("after"));
  for (const Json& step : report.at("steps")) print_step(step);
  line("变更 changes {}, 步骤 steps {}, 丢失数据 losses {}", report.value("changes", Json::array()).size(),
       report.at("steps").size(), report.at("losses").size());
}

// What stands against doing it.
Status demand_possible(const Json& report, const std::vector<std::string>& lose) {
  for (const Json& step : report.at("steps"))
    if (const std::string reason = step.value("reason", ""); !reason.empty())
      return fail(Code::conflict, "record.in_the_way", "{}{}{}: {}", text_of(step, "object"),
                  step.contains("member") ? "." : "", text_of(step, "member"), reason);
  std::vector<std::string> missing;
  for (const Json& each : report.at("losses")) {
    const std::string name = each;
    const auto agreed = [&](const std::string& one) { return one == name || name.starts_with(one + "."); };
    if (std::none_of(lose.begin(), lose.end(), agreed)) missing.push_back("--lose " + visible(name));
  }
  if (missing.empty()) return {};
  return fail(Code::conflict, "record.would_lose", "{}", fmt::join(missing, " "));
}

// On a terminal; a script says --yes.
Status demand_yes(const Options& options) {
  if (options.yes) return {};
  if (!::isatty(STDIN_FILENO)) return fail(Code::invalid_argument, "cli.usage", "--yes");
  std::cout << "执行？ do it? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return fail(Code::forbidden, "cli.usage", "nothing was changed");
}

Result<int> carry_out(const Context& context, const Options& options, const Change& change) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json planned, send(platform, change, options, true));
  if (!context.json) print_plan(planned);
  TRY(demand_possible(planned, options.lose));
  TRY(demand_yes(options));
  ASSIGN(const Json done, send(platform, change, options, false));
  print(context, done, [&] { line("已完成，未重启 done, and nothing was restarted"); });
  return kDone;
}

Result<int> plan(const Context& context, const Options& options) {
  ASSIGN(Bytes archive, archive_at(options));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json planned, send(platform, {"POST", kBase, std::move(archive)}, options, true));
  print(context, planned, [&] { print_plan(planned); });
  return planned.at("possible") == true ? kDone : kConflict;
}

Result<int> apply(const Context& context, const Options& options) {
  ASSIGN(Bytes archive, archive_at(options));
  return carry_out(context, options, {"POST", kBase, std::move(archive)});
}

std::string path_of(const Options& options) { return kBase + "/" + percent_encode(options.name); }

Result<int> roll_back(const Context& context, const Options& options) {
  return carry_out(context, options, {"POST", path_of(options) + "/rollback"});
}

Result<int> remove(const Context& context, const Options& options) {
  return carry_out(context, options, {"DELETE", path_of(options)});
}

Result<int> list(const Context& context, const Options&) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, platform.get(kBase));
  print(context, answer, [&] {
    for (const Json& each : answer.at("items"))
      line("{:<20} {:<10} {}  {}", text_of(each, "pack"), text_of(each, "version"),
           format_time(each.at("applied_ms").get<int64_t>()), text_of(each, "applied_by"));
    if (answer.at("items").empty()) line("没有 none");
  });
  return kDone;
}

Result<int> history(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, platform.get(path_of(options)));
  print(context, answer, [&] {
    for (const Json& each : answer.at("changes"))
      line("{}  {:<12} {} > {}  {}", format_time(each.at("at_ms").get<int64_t>()), text_of(each, "action"),
           text_of(each, "before"), text_of(each, "after"), text_of(each, "by"));
    for (const Json& each : answer.value("roles", Json::array()))
      line("角色 role  {}", visible(each.get<std::string>()));
  });
  return kDone;
}

}  // namespace

void add_installed_pack_commands(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* help, auto work) {
    CLI::App* out = group.add_subcommand(name, help);
    out->callback([&context, options, work] { run(context, [&] { return work(context, *options); }); });
    return out;
  };
  const auto with_place = [&](CLI::App* of) {
    of->add_option("PACK", options->place, "场景包：文件夹或 .cxpack · the pack: a folder or a .cxpack")
        ->required();
    of->add_option("--key", options->key,
                   "文件夹用此 SM2 私钥（PEM）签名 · sign what a folder holds with this key (PEM)");
    return of;
  };
  const auto with_name = [&](CLI::App* of) {
    of->add_option("NAME", options->name, "场景包名 · name of the pack")->required();
    return of;
  };
  const auto with_consent = [&](CLI::App* of) {
    of->add_option(
        "--lose", options->lose,
        "同意其数据不再可及的实体或字段 · an entity or entity.field whose data may become unreachable");
    of->add_flag("--yes", options->yes, "不再询问 · do it without being asked");
  };
  with_place(verb("plan", "安装会做什么 · what applying it would do", plan));
  with_consent(with_place(verb("apply", "安装，不需重启 · apply it; nothing is restarted", apply)));
  with_consent(with_name(verb("rollback", "退回此前的版本 · go back to the version before", roll_back)));
  with_consent(with_name(verb("remove", "移除 · remove it", remove)));
  verb("list", "已安装的场景包 · the packs that are installed", list);
  with_name(verb("history", "一个场景包的变更 · what was changed of a pack", history));
}

}  // namespace chengxin::app
