#include "install/install.h"

#include "audit.h"
#include "commands.h"

namespace chengxin::app {
namespace {

Result<int> init(const Context& context) {
  std::error_code error;
  const bool there = fs::exists(context.data / "VERSION", error);
  const auto make = [&]() -> Result<int> {
    TRY(make_folder(context.data));
    ASSIGN(auto lock, install::Lock::take(context.data));
    TRY(install::create(context.data));
    return kDone;
  };
  auto made = there ? make() : audited(context, "init", "", make);
  if (!made) return made;
  print(context, {{"data", context.data.string()}}, [&] {
    line("安装就绪 installation ready: {}", context.data.string());
    line("下一步 next: chengxin serve --data {}", context.data.string());
  });
  return kDone;
}

Result<int> seal(const Context& context) {
  const auto work = [&]() -> Result<int> {
    TRY(install::seal(context.data));
    return kDone;
  };
  auto sealed = audited(context, "install.seal", "", work);
  if (!sealed) return sealed;
  print(context, {{"sealed", true}}, [] { line("已重新签署清单 manifest signed"); });
  return kDone;
}

Result<int> doctor(const Context& context) {
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
  noun->add_subcommand("seal",
                       "为当前程序与配置签署清单 · sign the manifest anew after an upgrade or an edit")
      ->callback([&context] { run(context, [&] { return seal(context); }); });
  app.add_subcommand("doctor", "检查安装与配置,列出全部问题 · check the installation, name every mistake")
      ->callback([&context] { run(context, [&] { return doctor(context); }); });
}

}  // namespace chengxin::app
