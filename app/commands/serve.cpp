#include <csignal>

#include "base/clock.h"
#include "base/log.h"
#include "commands.h"
#include "platform.h"

namespace chengxin::app {
namespace {

// Signals are taken from a descriptor, so that nothing but this thread ever sees them.
class StopSignal {
 public:
  StopSignal() {
    sigemptyset(&set_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  int wait() {
    int signal = 0;
    sigwait(&set_, &signal);
    return signal;
  }

 private:
  sigset_t set_;
};

Result<int> serve(const Context& context, const std::string& listen) {
  StopSignal stop;
  int64_t started = steady_ns();
  // The lock first: two first starts at once must not both make keys.
  auto waiting = std::make_optional<Waiting>("启动中 starting");
  TRY(make_folder(context.data));
  ASSIGN(auto lock, install::Lock::take(context.data));
  TRY(install::create(context.data));
  ASSIGN(auto platform, Platform::start(std::move(lock), context.data, listen));
  waiting.reset();
  log::info("platform.started", {{"url", platform->url()},
                                 {"data", context.data.string()},
                                 {"ms", (steady_ns() - started) / 1'000'000}});
  int signal = stop.wait();
  log::info("platform.stopping", {{"signal", signal}});
  platform.reset();
  log::info("platform.stopped");
  return kDone;
}

}  // namespace

void add_serve(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("serve", "启动平台 · run the platform until Ctrl-C");
  auto listen = std::make_shared<std::string>();
  command->add_option("--listen", *listen, "监听地址 · ADDR:PORT (127.0.0.1:8080)");
  command->callback([=, &context] { run(context, [&] { return serve(context, *listen); }); });
}

}  // namespace chengxin::app
