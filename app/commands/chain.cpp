#include "base/clock.h"
#include "base/percent.h"
#include "client/transaction_stream.h"
#include "commands.h"
#include "contracts.h"
#include "host/host.h"
#include "install/install.h"
#include "job.h"
#include "ledger/ledger.h"

namespace chengxin::app {
namespace {

std::string path_of(const std::string& chain) { return "/api/v1/chains/" + percent_encode(chain); }

void print_chain(const Json& chain) {
  line("{:<16} 高度 height {}  交易 transactions {}", chain.at("name").get<std::string>(),
       chain.at("height").get<uint64_t>(), chain.at("log_size").get<uint64_t>());
  line("  链号 chain id  {}", chain.at("id").get<std::string>());
  line("  区块头 header  {}", chain.at("header_hash").get<std::string>());
  line("  磁盘 on disk   {}", human_bytes(chain.value("disk_bytes", uint64_t(0))));
}

struct Founding {
  bool consortium = false;
  std::vector<std::string> members;
  std::string approval = "two_thirds", from = "home";
};

Result<int> create(const Context& context, const std::string& name, const Founding& founding) {
  ASSIGN(auto platform, context.connect());
  if (founding.consortium) {
    ASSIGN(Json offer, platform.post("/api/v1/consortium/offers", {{"name", name},
                                                                   {"organisations", founding.members},
                                                                   {"approval", founding.approval},
                                                                   {"from", founding.from}}));
    print(context, offer, [&] {
      print_offer(offer);
      line("各节点接受后建链 the chain begins when each has accepted: chengxin consortium accept {}", name);
    });
    return kDone;
  }
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
  ASSIGN(const Contracts contracts, open_contracts(context.data));
  const ledger::Options options = with_contracts(contracts);
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
  ASSIGN(const Contracts contracts, open_contracts(context.data));
  const ledger::Options options = with_contracts(contracts);
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

constexpr size_t kShownRefusals = 20;

// A file of prepared envelopes, or standard input, as its bytes go out.
class Source {
 public:
  static Result<Source> open(const fs::path& file) {
    Source out;
    if (file == "-") {
      out.file_.reset(stdin);
    } else {
      out.file_.reset(std::fopen(file.c_str(), "rb"));
      std::error_code unknown;  // of a pipe
      out.total_ = fs::file_size(file, unknown);
      if (unknown) out.total_ = 0;
    }
    if (!out.file_) return tl::unexpected(file_error(file, errno));
    const int first = std::fgetc(out.file_.get());
    if (first != EOF) std::ungetc(first, out.file_.get());
    // What lines may begin with. A length that begins so would be above any limit.
    const bool lines =
        first != EOF && std::string_view("{ \t\r\n").find(char(first)) != std::string_view::npos;
    out.form_ = lines ? client::StreamForm::lines : client::StreamForm::binary;
    return out;
  }
  client::StreamForm form() const { return form_; }
  Result<size_t> read(std::span<uint8_t> into, Progress& progress) {
    const size_t count = std::fread(into.data(), 1, into.size(), file_.get());
    if (count == 0 && std::ferror(file_.get())) return fail(Code::unavailable, "file.io", "cannot read");
    done_ += count;
    if (total_ > 0) progress.show(done_, total_, " B");
    return count;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
  uint64_t done_ = 0, total_ = 0;
  client::StreamForm form_ = client::StreamForm::binary;
};

Result<int> submit(const Context& context, const std::string& name, const fs::path& file) {
  ASSIGN(auto source, Source::open(file));
  ASSIGN(auto platform, context.connect());
  Progress progress("提交 submitting");
  Json refused = Json::array();
  uint64_t height = 0;
  auto on_result = [&](const client::StreamResult& result) {
    height = std::max(height, result.height);
    if (result.reason.empty() && result.status == 0) return;
    if (refused.size() >= kShownRefusals) return;
    Json one = {{"index", result.index}, {"status", result.status}, {"height", result.height}};
    if (!result.reason.empty())
      one = {{"index", result.index}, {"reason", result.reason}, {"detail", result.detail}};
    refused.push_back(std::move(one));
  };
  ASSIGN(auto summary, client::stream_transactions(
                           platform, name, source.form(),
                           [&](std::span<uint8_t> into) { return source.read(into, progress); }, on_result));
  if (!summary.reason.empty()) {
    const bool stopping = summary.reason == "api.stopping" || summary.reason == "order.stopping";
    return tl::unexpected(Error{stopping ? Code::unavailable : Code::invalid_argument, summary.reason,
                                fmt::format("{} ({} accepted, {} rejected before)", summary.detail,
                                            summary.accepted, summary.failed + summary.rejected)});
  }
  print(context,
        {{"accepted", summary.accepted},
         {"failed", summary.failed},
         {"rejected", summary.rejected},
         {"bytes", summary.bytes},
         {"height", height},
         {"refusals", refused}},
        [&] {
          for (const Json& one : refused)
            line("第 {} 笔未通过 item {}", one["index"].get<uint64_t>(), visible(one.dump()));
          line("已入块 in a block: {}  执行失败 failed: {}  被拒 rejected: {}", summary.accepted,
               summary.failed, summary.rejected);
        });
  if (summary.failed + summary.rejected == 0) return kDone;
  return summary.accepted > 0 ? kPartly : kFailed;
}

struct Options {
  std::string name = "default", target;
  uint64_t before = 0;
  fs::path file;
  Founding founding;
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
  auto* make = with_name(verb("create", "创建 · make one",
                              [=, &context] { return create(context, options->name, options->founding); }),
                         true);
  make->add_flag("--consortium", options->founding.consortium,
                 "与其他机构共建 · together with other organisations");
  make->add_option("--members", options->founding.members, "机构,默认全部 · organisations; default: all")
      ->delimiter(',');
  make->add_option("--approval", options->founding.approval, "two_thirds | majority | all")
      ->check(CLI::IsMember({"two_thirds", "majority", "all"}));
  make->add_option("--from", options->founding.from, "成员取自此链 · whose members they are; default: home");
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

  auto* send = with_name(verb("submit", "流式提交已签名的交易 · submit signed transactions in a stream",
                              [=, &context] { return submit(context, options->name, options->file); }),
                         false);
  send->add_option(
          "--stream", options->file,
          "文件或 -:带长度前缀的交易,或每行一个 JSON(docs/formats/stream.md)· file or -: length-prefixed "
          "envelopes, or a JSON object a line")
      ->required();

  auto* block = app.add_subcommand("block", "区块 · blocks");
  block->require_subcommand(1);
  auto* show_block = block->add_subcommand("show", "查看 · show one");
  show_block->add_option("height", options->target, "高度 · height")->required();
  show_block->add_option("--chain", options->name, "链 · chain");
  show_block->callback([=, &context] {
    run(context,
        [&] { return show(context, path_of(options->name) + "/blocks/" + percent_encode(options->target)); });
  });
  auto* tx = app.add_subcommand("tx", "交易 · transactions");
  tx->require_subcommand(1);
  auto* show_tx = tx->add_subcommand("show", "查看 · show one");
  show_tx->add_option("hash", options->target, "交易哈希 · hash")->required();
  show_tx->add_option("--chain", options->name, "链 · chain");
  show_tx->callback([=, &context] {
    run(context, [&] {
      return show(context, path_of(options->name) + "/transactions/" + percent_encode(options->target));
    });
  });
}

}  // namespace chengxin::app
