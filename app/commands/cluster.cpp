#include <atomic>
#include <csignal>
#include <thread>

#include "cluster/story.h"
#include "commands.h"

namespace chengxin::app {
namespace {

struct Options {
  fs::path folder;
  bool once = false, keep = false;
};

std::atomic<bool> interrupted = false;

// The nodes as each of them sees itself, until Ctrl-C, which the nodes take for their end too.
void show_table(cluster::Story& story) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, [](int) { interrupted = true; });
  while (!interrupted) {
    std::printf("\033[H\033[2J");
    line("{:<10} {:<8} {:>8} {:>10} {:>8} {:>6}  {}", "节点 node", "state", "height", "certified", "engine",
         "peers", "address");
    auto rows = story.nodes()[0]->run({"consortium", "status", "--chain", story.chain()});
    if (!rows) line("{}", rows.error().to_string());
    for (const Json& row : rows ? rows->at("items") : Json::array())
      line("{:<10} {:<8} {:>8} {:>10} {:>8} {:>6}  {}", row.value("node", ""),
           row.value("reached", false) ? "✓" : "✗", row.value("height", uint64_t(0)),
           row.value("certified_height", uint64_t(0)), row.value("engine_height", uint64_t(0)),
           row.value("peers", uint64_t(0)), row.value("address", ""));
    line("");
    line("Ctrl-C 结束 ends it. 在某节点上执行命令 a command on a node: --data {}/orgN",
         story.folder().string());
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

Result<int> demo(const Context& context, Options options) {
  std::error_code ignored;
  const bool own_folder = options.folder.empty();
  if (own_folder) {
    ASSIGN(options.folder, temporary_folder("cluster"));
  }
  options.folder = fs::absolute(options.folder);
  Json steps = Json::array();
  auto tell = [&](const std::string& step) {
    steps.push_back(step);
    if (!context.json) line("✓ {}", step);
    std::fflush(stdout);
  };
  auto story = cluster::Story::begin(options.folder, tell);
  Status held = story ? Status() : Status(tl::unexpected(story.error()));
  if (held) held = (*story)->found();
  if (held) held = (*story)->prove();
  if (held) held = (*story)->survive();
  if (held && !options.once) show_table(**story);
  if (held) held = (*story)->offline();
  if (!held) {
    if (!context.json) line("  文件留在 what the nodes wrote is in {}", options.folder.string());
    return tl::unexpected(std::move(held).error());
  }
  story->reset();
  if (own_folder && !options.keep) fs::remove_all(options.folder, ignored);
  print(context, {{"steps", steps}}, [] { line("全部成立 all of it held"); });
  return kDone;
}

}  // namespace

void add_cluster(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("cluster", "本机演示联盟 · a consortium on this machine");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* command = noun->add_subcommand(
      "demo", "四个机构,各在自己的网络命名空间 · four organisations, each in a network namespace of its own");
  command->add_option("--folder", options->folder,
                      "数据目录,默认临时目录 · folder; default: a temporary one");
  command->add_flag("--once", options->once,
                    "走完全程后退出,全部成立则为 0 · runs the story and exits 0 when all of it held");
  command->add_flag("--keep", options->keep, "保留临时目录 · keep the temporary folder");
  command->callback([=, &context] { run(context, [&] { return demo(context, *options); }); });
}

}  // namespace chengxin::app
