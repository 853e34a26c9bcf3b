#include "base/clock.h"
#include "commands.h"
#include "evidence/contract.h"
#include "host/host.h"
#include "install/install.h"
#include "job.h"
#include "ledger/ledger.h"

namespace chengxin::app {
namespace {

std::string path_of(const std::string& chain) { return "/api/v1/chains/" + client::url_encode(chain); }

void print_chain(const Json& chain) {
  line("{:<16} 高度 height {}  交易 transactions {}", chain.at("name").get<std::string>(),
       chain.at("height").get<uint64_t>(), chain.at("log_size").get<uint64_t>());
  line("  链号 chain id  {}", chain.at("id").get<std::string>());
  line("  区块头 header  {}", chain.at("header_hash").get<std::string>());
  line("  磁盘 on disk   {}", human_bytes(chain.value("disk_bytes", uint64_t(0))));
}

Result<int> create(const Context& context, const std::string& name) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json chain, platform.post("/api/v1/chains", {{"name", name}}));
  print(context, chain, [&] { print_chain(chain); });
  return kDone;
}

Result<int> list(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json chains, platform.get("/api/v1/chains"));
  print(context, chains, [&] {
    for (const Json& chain : chains.at("items")) print_chain(chain);
  });
  return kDone;
}

// GET of something with a place of its own, shown as it is.
Result<int> show(const Context& context, const std::string& path) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json value, platform.get(path));
  print(context, value, [&] { line("{}", value.dump(2)); });
  return kDone;
}

// With a platform running it does the work, as it holds the chain; else the chain's folder is opened here.
Result<Json> verify_chain(const Context& context, const std::string& name) {
  auto lock = install::Lock::take(context.data);
  if (!context.server.empty() || (!lock && lock.error().reason == "install.in_use")) {
    ASSIGN(auto platform, context.connect());
    return run_job(platform, "verify", {{"chain", name}}, "校验 verifying " + name);
  }
  if (!lock) return tl::unexpected(lock.error());
  if (!host::valid_name(name)) return fail(Code::invalid_argument, "chain.name", "{}", name);
  ledger::Options options;
  options.contracts = evidence::contract();
  ASSIGN(auto chain, ledger::Ledger::open(context.data / "chains" / name, options));
  Progress progress("校验 verifying " + name);
  TRY(chain->verify([&](const ledger::VerifyProgress& at) { progress.show(at.height, at.head); }));
  auto head = chain->head();
  return Json{{"id", hex(chain->id())},
              {"height", head.header.height},
              {"header_hash", hex(head.header_hash)},
              {"log_size", head.header.log_size},
              {"log_root", hex(head.header.log_root)},
              {"state_root", hex(head.header.state_root)}};
}

Result<int> verify(const Context& context, const std::string& name) {
  auto verified = verify_chain(context, name);
  if (!verified) {
    bool damaged = verified.error().code == Code::data_loss;
    return report(context, verified.error(), damaged ? std::optional<int>(kNotVerified) : std::nullopt);
  }
  print(context, *verified, [&] {
    line("校验通过 the chain holds: {} 高度 height {}", name, (*verified)["height"].get<uint64_t>());
    line("  日志根 log root   {}", (*verified)["log_root"].get<std::string>());
    line("  状态根 state root {}", (*verified)["state_root"].get<std::string>());
  });
  return kDone;
}

Result<int> job(const Context& context, const std::string& kind, const Json& arguments,
                const std::string& title) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json result, run_job(platform, kind, arguments, title));
  print(context, result, [&] { line("{}", result.dump(2)); });
  return kDone;
}

// The chain's folder has the name that its genesis gives it, so it is imported beside the others first.
Result<int> import(const Context& context, const fs::path& file) {
  ASSIGN(auto lock, install::Lock::take(context.data));
  fs::path chains = context.data / "chains", partial = chains / "import.partial";
  std::error_code error;
  fs::remove_all(partial, error);
  ledger::Options options;
  options.contracts = evidence::contract();
  Progress progress("导入 importing");
  TRY(ledger::Ledger::import(file, partial, options,
                             [&](const ledger::VerifyProgress& at) { progress.show(at.height, at.head); }));
  std::string name;
  {
    ASSIGN(auto chain, ledger::Ledger::open(partial, options));
    name = chain->genesis().name;
  }
  bool valid = host::valid_name(name);  // a stranger's document chose it
  if (!valid || fs::exists(chains / name, error)) {
    fs::remove_all(partial, error);
    return valid ? fail(Code::conflict, "chain.exists", "{}", name)
                 : fail(Code::invalid_argument, "chain.name", "the genesis names the chain {}",
                        Json(name).dump());
  }
  fs::rename(partial, chains / name, error);
  if (error) return tl::unexpected(file_error(chains / name, error.value()));
  TRY(sync_folder(chains));
  print(context, {{"chain", name}},
        [&] { line("已导入并逐块校验 imported, every block verified: {}", name); });
  return kDone;
}

struct Options {
  std::string name = "default", target;
  uint64_t before = 0;
  fs::path file;
};

}  // namespace

void add_chain(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("chain", "链 · chains");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto verb = [&](const char* name, const char* help, std::function<Result<int>()> work) {
    auto* command = noun->add_subcommand(name, help);
    command->callback([=, &context] { run(context, work); });
    return command;
  };
  auto with_name = [&](CLI::App* command, bool required) {
    command->add_option("name", options->name, "链名或链号 · name or id")->required(required);
    return command;
  };
  with_name(verb("create", "创建 · make one", [=, &context] { return create(context, options->name); }),
            true);
  verb("list", "列出 · list", [&context] { return list(context); });
  with_name(verb("show", "查看 · show one", [=, &context] { return show(context, path_of(options->name)); }),
            false);
  with_name(verb("verify", "全链校验:重放每个区块 · replay and check everything",
                 [=, &context] { return verify(context, options->name); }),
            false);
  auto* prune =
      with_name(verb("prune", "裁剪至少一天前的交易,证明不受影响 · drop transactions at least a day old",
                     [=, &context] {
                       return job(context, "prune", {{"chain", options->name}, {"before", options->before}},
                                  "裁剪 pruning");
                     }),
                false);
  prune->add_option("--before", options->before, "此高度之前 · blocks below this height")->required();
  auto* out =
      with_name(verb("export", "导出为一个文件 · export to one file",
                     [=, &context] {
                       return job(context, "export",
                                  {{"chain", options->name}, {"file", fs::absolute(options->file).string()}},
                                  "导出 exporting");
                     }),
                false);
  out->add_option("--out", options->file, "文件 · file")->required();
  auto* in = verb("import", "导入并校验(平台停止时)· import and verify, while the platform is stopped",
                  [=, &context] { return import(context, options->file); });
  in->add_option("file", options->file, "文件 · file")->required();

  auto* block = app.add_subcommand("block", "区块 · blocks");
  block->require_subcommand(1);
  auto* show_block = block->add_subcommand("show", "查看 · show one");
  show_block->add_option("height", options->target, "高度 · height")->required();
  show_block->add_option("--chain", options->name, "链 · chain");
  show_block->callback([=, &context] {
    run(context, [&] {
      return show(context, path_of(options->name) + "/blocks/" + client::url_encode(options->target));
    });
  });
  auto* tx = app.add_subcommand("tx", "交易 · transactions");
  tx->require_subcommand(1);
  auto* show_tx = tx->add_subcommand("show", "查看 · show one");
  show_tx->add_option("hash", options->target, "交易哈希 · hash")->required();
  show_tx->add_option("--chain", options->name, "链 · chain");
  show_tx->callback([=, &context] {
    run(context, [&] {
      return show(context, path_of(options->name) + "/transactions/" + client::url_encode(options->target));
    });
  });
}

}  // namespace chengxin::app
