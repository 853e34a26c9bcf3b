#include "install/install.h"

#include "audit.h"
#include "commands.h"

namespace chengxin::app {
namespace {

Result<int> init(const Context& context) {
  std::error_code error;
  const bool there = fs::exists(context.data / "VERSION", error);
  auto waiting = std::make_optional<Waiting>("创建安装 making the installation");
  const auto make = [&]() -> Result<int> {
    TRY(make_folder(context.data));
    ASSIGN(auto lock, install::Lock::take(context.data));
    TRY(install::create(context.data));
    return kDone;
  };
  auto made = there ? make() : audited(context, "init", "", make);
  waiting.reset();
  if (!made) return made;
  print(context, {{"data", context.data.string()}}, [&] {
    line("安装就绪 installation ready: {}", context.data.string());
    line("下一步 next: chengxin serve --data {}", context.data.string());
  });
  return kDone;
}

// What was accepted of access control stands in the audit log, each by itself, as it was signed.
Result<std::vector<install::AccessChange>> signed_changes(const Context& context) {
  std::vector<install::AccessChange> changes;
  ASSIGN(const int sealed, audited(context, "install.seal", "", [&]() -> Result<int> {
           ASSIGN(changes, install::seal(context.data));
           return kDone;
         }));
  (void)sealed;
  std::vector<audit::Entry> accepted;
  for (const auto& change : changes)
    accepted.push_back({.action = "install.accepted", .object = change.entry, .detail = change.describe()});
  TRY(note(context, std::move(accepted)));
  return changes;
}

Result<int> seal(const Context& context, bool only_show) {
  const Waiting waiting("比对与签署 comparing and signing");
  if (auto loaded = config::load_file(context.data / "chengxin.yaml"); loaded && !only_show)
    TRY(install::check_named_files(context.data, *loaded));
  ASSIGN(const auto changes, only_show ? install::unsealed(context.data) : signed_changes(context));
  Json list = Json::array();
  for (const auto& change : changes)
    list.push_back({{"reason", change.reason},
                    {"entry", change.entry},
                    {"before", change.before},
                    {"after", change.after}});
  print(context, {{"sealed", !only_show}, {"access_changes", list}}, [&] {
    line("访问控制与上次封存的差异 access control since it was last sealed: {}", changes.size());
    for (const auto& change : changes) line("  {}", visible(change.describe()));
    line(only_show ? "未签署 not signed" : "已重新签署清单与基线 manifest and baseline signed");
  });
  return kDone;
}

Result<int> doctor(const Context& context) {
  const Waiting waiting("检查安装 checking the installation");
  Json list = Json::array();
  for (const auto& finding : install::examine(context.data))
    list.push_back({{"reason", finding.reason}, {"detail", finding.detail}, {"advice", finding.advice}});
  auto platform = context.connect();
  Json status = "not running";
  if (platform) {
    auto answer = platform->get("/api/v1/system");
    status = answer ? *answer : Json(answer.error().to_string());
    if (status.contains("findings")) list = status["findings"];  // these, and what only shows while it runs
  }
  print(context, {{"findings", list}, {"platform", status}}, [&] {
    for (const Json& finding : list) {
      const std::string reason = visible(finding.at("reason").get<std::string>());
      line("✗ {} [{}]", texts::reason(reason, texts::Language::zh), reason);
      line("  {}", texts::reason(reason, texts::Language::en));
      line("  {}", visible(finding.at("detail").get<std::string>()));
      line("  → {}", visible(finding.at("advice").get<std::string>()));
    }
    if (list.empty()) line("✓ 安装无误 the installation is in order");
    line("平台 platform: {}",
         status.is_string() ? status.get<std::string>() : "运行中 running at " + platform->url());
  });
  return list.empty() ? kDone : kNotVerified;
}

}  // namespace

void add_install(CLI::App& app, Context& context) {
  app.add_subcommand("init", "创建默认安装 · make an installation in the data folder")->callback([&context] {
    run(context, [&] { return init(context); });
  });
  auto* noun = app.add_subcommand("install", "安装清单 · the installation's manifest");
  noun->require_subcommand(1);
  auto* sealing = noun->add_subcommand("seal",
                                       "为当前程序、配置与访问控制签署清单和基线 · sign manifest and access "
                                       "baseline anew after an upgrade or an edit");
  auto only_show = std::make_shared<bool>(false);
  sealing->add_flag("--show", *only_show, "只列出访问控制的差异 · only show how access control differs");
  sealing->callback([=, &context] { run(context, [&] { return seal(context, *only_show); }); });
  app.add_subcommand("doctor", "检查安装与配置,列出全部问题 · check the installation, name every mistake")
      ->callback([&context] { run(context, [&] { return doctor(context); }); });
}

}  // namespace chengxin::app
