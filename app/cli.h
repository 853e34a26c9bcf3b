#pragma once
#include <CLI/CLI.hpp>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "client/client.h"
#include "texts/texts.h"

// What all commands share: where the data is, how to speak to a platform, how to print, how to end.
namespace chengxin::app {

// Exit codes, documented in docs/cli.md.
enum Exit : int {
  kDone = 0,
  kNotVerified = 1,  // a bundle, file or chain is not what it should be
  kUsage = 2,
  kUnavailable = 3,
  kNotFound = 4,
  kDenied = 5,
  kConflict = 6,
  kDamaged = 7,
  kBusy = 8,
  kFailed = 9,
  kPartly = 10,  // done, but something that was asked for was left out; the output says what
};
int exit_code(Code code);

struct Context {
  fs::path data;
  std::string server;     // empty: the one that run/address names
  fs::path root;          // PEM; empty: $CHENGXIN_ROOT, for the own platform run/root.pem, else the system's
  fs::path certificates;  // a folder with the TLCP pair to show; empty: $CHENGXIN_CERTIFICATES, else none
  bool json = false;
  int exit = kDone;  // of the command that ran

  Result<client::Client> connect() const;
};

// Prints an error for people, or as JSON, and gives its exit code: that of its Code unless another one is
// given.
int report(const Context& context, const Error& error, std::optional<int> exit = {});

// --json: the value, else the lines.
void print(const Context& context, const Json& value, const std::function<void()>& lines);
void line(std::string_view text);

template <typename... Args>
void line(fmt::format_string<Args...> format, Args&&... args) {
  line(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

// A bar on standard error for work that takes longer than two seconds, when that is a terminal.
class Progress {
 public:
  explicit Progress(std::string title) : title_(std::move(title)) {}
  ~Progress();
  void show(uint64_t done, uint64_t total, std::string_view unit = {});

 private:
  std::string title_;
  int64_t started_ns_ = 0, shown_ns_ = 0;
  bool visible_ = false;
};

// Says on standard error, when that is a terminal, what is being done, once it has taken a second.
class Waiting {
 public:
  explicit Waiting(std::string what);

 private:
  std::jthread thread_;  // stopped and joined when this ends
};

// What a stranger chose, for a terminal: controls and marks that turn the writing direction become U+FFFD.
std::string visible(std::string_view text);

std::string human_bytes(uint64_t bytes);

// A new one, chengxin-NAME.XXXXXX where the system keeps such.
Result<fs::path> temporary_folder(std::string_view name);

// Runs a command's work: its error is reported, its exit code kept.
template <typename Work>
void run(Context& context, Work&& work) {
  Result<int> result = fail(Code::internal, "cli.internal");
  try {
    result = work();
  } catch (const std::exception& thrown) {  // a library's; an answer or a file that is not what it should be
    result = fail(Code::internal, "cli.internal", "{}", thrown.what());
  }
  context.exit = result ? *result : report(context, result.error());
}

}  // namespace chengxin::app
