#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "commands.h"
#include "identity_commands.h"
#include "keys_helper.h"

int main(int argc, char** argv) {
  using namespace chengxin::app;
  Context context;
  const char* data = std::getenv("CHENGXIN_DATA");
  context.data = data ? data : "data";

  CLI::App app(
      "城信:每条记录都能离线证明的城市区块链平台\nChengxin: a city's blockchain platform whose records prove "
      "themselves offline");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "全部命令的帮助 · help of all commands");
  app.set_version_flag("--version", "chengxin " CHENGXIN_VERSION);
  // Absolute from here on: other programs of ours, the engines, have folders of their own to start from.
  const auto absolute = [](const std::string& folder) { return std::filesystem::absolute(folder).string(); };
  context.data = absolute(context.data.string());
  app.add_option("--data", context.data, "数据目录 · data folder (CHENGXIN_DATA, ./data)")
      ->transform(absolute);
  app.add_option("--server", context.server, "平台地址 · address of a platform (http://127.0.0.1:8080)");
  app.add_option("--root", context.root,
                 "平台的根证书 · root certificate of the platform, for https and tlcp");
  app.add_option("--certificates", context.certificates,
                 "TLCP 客户端证书目录 · folder with the TLCP certificates to show: sign.pem, sign.key, "
                 "encrypt.pem, encrypt.key");
  app.add_flag("--json", context.json, "输出 JSON · print JSON");
  app.footer(
      "退出码 exit codes: 0 完成 done, 1 验证未通过 not verified, 2 用法 usage, 3 不可用 unavailable, 4 "
      "未找到 not found,\n"
      "  5 拒绝 denied, 6 冲突 conflict, 7 损坏 damaged, 8 繁忙 busy, 9 故障 failed, 10 部分完成 partly "
      "done");

  add_install(app, context);
  add_serve(app, context);
  add_evidence(app, context);
  add_verify(app, context);
  add_chain(app, context);
  add_contract(app, context);
  add_pack(app, context);
  add_identity(app, context);
  add_consortium(app, context);
  add_authority(app, context);
  add_gateway(app, context);
  add_login(app, context);
  add_cluster(app, context);
  add_key(app, context);
  add_keys(app, context);
  add_crypto(app, context);
  add_user(app, context);
  add_credential(app, context);
  add_wallet(app, context);
  add_token(app, context);
  add_mirror(app, context);
  add_backup(app, context);
  add_originals(app, context);
  add_audit(app, context);
  add_bench(app, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help and version
    context.json |=
        std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--json"; });
    return report(context, {chengxin::Code::invalid_argument, "cli.usage", error.what()});
  }
  return context.exit;
}
