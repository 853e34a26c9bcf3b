#include "cli.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "base/clock.h"
#include "install/install.h"

namespace chengxin::app {

int exit_code(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::too_large:
    case Code::unsupported:
      return kUsage;
    case Code::unauthenticated:
    case Code::forbidden:
      return kDenied;
    case Code::not_found:
    case Code::gone:
      return kNotFound;
    case Code::conflict:
      return kConflict;
    case Code::busy:
      return kBusy;
    case Code::unavailable:
      return kUnavailable;
    case Code::data_loss:
      return kDamaged;
    case Code::internal:
      return kFailed;
  }
  return kFailed;
}

Result<client::Client> Context::connect() const {
  auto address = read_file(data / "run" / "address", 4096);
  std::string own = address ? to_string(*address) : "";
  client::Options options;
  options.url = server.empty() ? own : server;
  if (options.url.empty())
    return fail(Code::unavailable, "client.unreachable",
                "no platform is known to run on {}; start one: chengxin serve --data {}", data.string(),
                data.string());
  if (const char* token = std::getenv("CHENGXIN_TOKEN")) {
    options.token = token;
  } else if (options.url == own) {  // the owner's credential goes to the owner's platform and to nobody else
    ASSIGN(options.token, install::owner_token(data));
  }
  fs::path root_file = root;
  if (const char* set = std::getenv("CHENGXIN_ROOT"); root_file.empty() && set) root_file = set;
  if (root_file.empty() && options.url == own && own.rfind("http://", 0) != 0)
    root_file = data / "run" / "root.pem";
  if (!root_file.empty()) {
    ASSIGN(Bytes pem, read_file(root_file, 256 << 10));
    options.root_pem = to_string(pem);
  }
  fs::path own_certificates = certificates;
  if (const char* set = std::getenv("CHENGXIN_CERTIFICATES"); own_certificates.empty() && set)
    own_certificates = set;
  if (!own_certificates.empty()) {
    ASSIGN(options.certificates, client::Certificates::read(own_certificates));
  }
  return client::Client(std::move(options));
}

int report(const Context& context, const Error& error, std::optional<int> exit) {
  int code = exit.value_or(exit_code(error.code));
  auto zh = texts::reason(error.reason, texts::Language::zh);
  auto en = texts::reason(error.reason, texts::Language::en);
  if (context.json) {
    Json problem = {
        {"reason", error.reason}, {"title", zh}, {"title_en", en}, {"detail", error.detail}, {"exit", code}};
    std::printf("%s\n",
                Json{{"error", problem}}.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::fprintf(stderr, "%s\n", fmt::format("错误 {}\nerror {} [{}]", zh, en, error.reason).c_str());
    std::string detail;  // a detail may have several lines of its own
    for (size_t from = 0; from < error.detail.size();) {
      size_t end = std::min(error.detail.find('\n', from), error.detail.size());
      detail += (from ? "\n  " : "") + visible(error.detail.substr(from, end - from));
      from = end + 1;
    }
    if (!error.detail.empty()) std::fprintf(stderr, "  %s\n", detail.c_str());
  }
  return code;
}

void print(const Context& context, const Json& value, const std::function<void()>& lines) {
  if (context.json)
    line(std::string_view(value.dump(-1, ' ', false, Json::error_handler_t::replace)));
  else
    lines();
}

void line(std::string_view text) { std::printf("%.*s\n", int(text.size()), text.data()); }

void Progress::show(uint64_t done, uint64_t total, std::string_view unit) {
  int64_t now = steady_ns();
  if (started_ns_ == 0) started_ns_ = now;
  static const bool terminal = ::isatty(STDERR_FILENO);
  if (!terminal || now - started_ns_ < 2'000'000'000 || now - shown_ns_ < 100'000'000) return;
  shown_ns_ = now;
  visible_ = true;
  double share = total ? double(done) / double(total) : 0;
  int filled = int(share * 30);
  double seconds = double(now - started_ns_) / 1e9;
  double left = share > 0 ? seconds / share - seconds : 0;
  std::fprintf(stderr, "\r\033[K%s",
               fmt::format("{} [{:=<{}}{: <{}}] {:3.0f}% {}/{}{} {:.0f}s", title_, "", filled, "",
                           30 - filled, share * 100, done, total, unit, left)
                   .c_str());
}

Progress::~Progress() {
  if (visible_) std::fprintf(stderr, "\r\033[K");
}

Waiting::Waiting(std::string what) {
  if (!::isatty(STDERR_FILENO)) return;
  thread_ = std::jthread([what = std::move(what)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    ended.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    if (!stop.stop_requested()) std::fprintf(stderr, "%s …\n", what.c_str());
  });
}

std::string visible(std::string_view text) {
  // The values of this file are UTF-8: C0, DEL, C1 (C2 80…9F), and U+200E, 200F, 2028–202E, 2066–2069 (E2
  // 80|81 …).
  std::string out;
  for (size_t i = 0; i < text.size();) {
    auto at = [&](size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u; };
    size_t hidden = 0;
    if (at(0) < 0x20 || at(0) == 0x7f) hidden = 1;
    if (at(0) == 0xc2 && at(1) >= 0x80 && at(1) <= 0x9f) hidden = 2;
    if (at(0) == 0xe2 && at(1) == 0x80 &&
        (at(2) == 0x8e || at(2) == 0x8f || (at(2) >= 0xa8 && at(2) <= 0xae)))
      hidden = 3;
    if (at(0) == 0xe2 && at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9) hidden = 3;
    if (hidden) {
      out += "\xef\xbf\xbd";
      i += hidden;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

Result<fs::path> temporary_folder(std::string_view name) {
  std::string pattern = (fs::temp_directory_path() / fmt::format("chengxin-{}.XXXXXX", name)).string();
  if (!::mkdtemp(pattern.data())) return tl::unexpected(file_error(pattern, errno));
  return fs::path(pattern);
}

std::string human_bytes(uint64_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit < 4) value /= 1024, ++unit;
  return unit ? fmt::format("{:.1f} {}", value, units[unit]) : fmt::format("{} B", bytes);
}

}  // namespace chengxin::app
