#include "audit.h"
#include "backup/backup.h"
#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"
#include "evidence/contract.h"
#include "install/install.h"
#include "job.h"
#include "ledger/ledger.h"
#include "restore.h"
#include "sql/dump.h"

namespace chengxin::app {
namespace {

struct Options {
  std::string name, id, chain = "default", target, role = "integrator";
  int days = 0;
};

Result<int> create_token(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  Json request = {{"name", options.name}, {"role", options.role}};
  if (options.days > 0) request["expires_ms"] = now_ms() + int64_t(options.days) * 24 * 3600 * 1000;
  ASSIGN(Json token, platform.post("/api/v1/tokens", request));
  print(context, token, [&] {
    line("令牌(只显示这一次)token, shown this once:");
    line("{}", token.at("token").get<std::string>());
    line("用法 use: CHENGXIN_TOKEN=… chengxin --server URL …");
  });
  return kDone;
}

Result<int> list_tokens(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json tokens, platform.get("/api/v1/tokens"));
  print(context, tokens, [&] {
    for (const Json& token : tokens.at("items"))
      line("{}  {}  {:<12} {}", token.at("id").get<std::string>(),
           format_time(token.at("created_ms").get<int64_t>()), token.at("role").get<std::string>(),
           token.at("name").get<std::string>());
  });
  return kDone;
}

Result<int> revoke_token(const Context& context, const std::string& id) {
  ASSIGN(auto platform, context.connect());
  auto answer = platform.send("DELETE", "/api/v1/tokens/" + percent_encode(id));
  if (!answer) return tl::unexpected(answer.error());
  print(context, {{"revoked", id}}, [&] { line("已作废 revoked: {}", id); });
  return kDone;
}

Result<int> mirror_status(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json status, platform.get("/api/v1/mirror"));
  print(context, status, [&] {
    for (const Json& chain : status.at("chains"))
      line("{:<16} {}/{}  落后 lag {} 块 blocks, {} ms {}", chain.at("chain").get<std::string>(),
           chain.at("height").get<uint64_t>(), chain.at("head").get<uint64_t>(),
           chain.at("lag_blocks").get<uint64_t>(), chain.at("lag_ms").get<int64_t>(),
           chain.value("error", ""));
  });
  return kDone;
}

Result<int> mirror_rebuild(const Context& context, const std::string& chain) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json done, run_job(platform, "mirror.rebuild", {{"chain", chain}}, "重建镜像 rebuilding"));
  print(context, done, [&] { line("镜像已重建 mirror rebuilt: {}", chain); });
  return kDone;
}

Result<int> create_backup(const Context& context, const std::string& target) {
  ASSIGN(auto platform, context.connect());
  fs::path absolute = fs::absolute(target);
  ASSIGN(Json done, run_job(platform, "backup", {{"target", absolute.string()}}, "备份 backing up"));
  print(context, done, [&] {
    line("备份完成 backup: {}  ({} 个文件 files)", done.at("target").get<std::string>(),
         done.at("files").get<uint64_t>());
    line("其中含有私钥,请妥善保管 it holds private keys: keep it where those may be");
  });
  return kDone;
}

Result<int> restore_backup(const Context& context, const std::string& from) {
  Progress progress("恢复 restoring");
  ASSIGN(Json restored,
         restore(from, context.data, [&](uint64_t done, uint64_t total) { progress.show(done, total); }));
  print(context, restored, [&] {
    line("已恢复并校验 restored and verified: {}", context.data.string());
    for (const auto& [name, chain] : restored.at("chains").items())
      line("  {:<16} 高度 height {}  {}", name, chain.at("height").get<uint64_t>(),
           chain.at("header_hash").get<std::string>());
    line("  备份签名密钥 signed by {}", restored.at("key").get<std::string>());
  });
  return kDone;
}

}  // namespace

void add_token(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("token", "访问令牌 · tokens for others than the owner");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* make = noun->add_subcommand("create", "新建 · make one, shown once");
  make->add_option("name", options->name, "名称 · name")->required();
  make->add_option("--days", options->days, "有效天数 · days until it expires")->check(CLI::Range(1, 36500));
  make->add_option("--role", options->role, "角色 · integrator, reader or regulator")
      ->check(CLI::IsMember({"integrator", "reader", "regulator"}));
  make->callback([=, &context] { run(context, [&] { return create_token(context, *options); }); });
  noun->add_subcommand("list", "列出 · list")->callback([&context] {
    run(context, [&] { return list_tokens(context); });
  });
  auto* revoke = noun->add_subcommand("revoke", "作废 · revoke");
  revoke->add_option("id", options->id, "编号 · id")->required();
  revoke->callback([=, &context] { run(context, [&] { return revoke_token(context, options->id); }); });
}

void add_mirror(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("mirror", "SQL 镜像 · the mirror in SQL");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  noun->add_subcommand("status", "进度与落后 · how far it is")->callback([&context] {
    run(context, [&] { return mirror_status(context); });
  });
  auto* rebuild = noun->add_subcommand("rebuild", "由链重建 · make it anew from the chain");
  rebuild->add_option("chain", options->chain, "链 · chain");
  rebuild->callback([=, &context] { run(context, [&] { return mirror_rebuild(context, options->chain); }); });
}

void add_backup(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("backup", "备份与恢复 · backups");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* create = noun->add_subcommand("create", "在线备份到目录 · back up a running platform to a folder");
  create->add_option("target", options->target, "目录 · folder, not there yet")->required();
  create->callback([=, &context] { run(context, [&] { return create_backup(context, options->target); }); });
  auto* restore = noun->add_subcommand(
      "restore",
      "恢复到 --data；平台密钥受口令保护时须给出 CHENGXIN_KEYS_PIN_FILE · restore into the folder of "
      "--data; of a protected platform with CHENGXIN_KEYS_PIN_FILE");
  restore->add_option("from", options->target, "备份目录 · the backup")->required();
  restore->callback([=, &context] {
    run(context, [&] {
      return audited(context, "backup.restore", options->target,
                     [&] { return restore_backup(context, options->target); });
    });
  });
}

}  // namespace chengxin::app
