#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/clock.h"

namespace chengxin::log {
namespace {

bool as_text = ::isatty(STDERR_FILENO);

spdlog::logger& logger() {
  static auto instance = [] {
    auto made =
        std::make_shared<spdlog::logger>("chengxin", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                 spdlog::level::warn, spdlog::level::err};
constexpr int64_t kWindowNs = 10'000'000'000;
constexpr unsigned kToldInWindow = 5;
constexpr size_t kMaxSources = 4096;

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

}  // namespace

void configure(Level level, std::string_view format) {
  logger().set_level(kLevels[int(level)]);
  as_text = format == "text" || (format == "auto" && ::isatty(STDERR_FILENO));
}

bool enabled(Level level) { return logger().should_log(kLevels[int(level)]); }

void write(Level level, std::string_view event, const nlohmann::json& fields) {
  if (!enabled(level)) return;
  auto dump = [](const nlohmann::json& value) {
    return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  };
  std::string time = format_time(now_ms());
  if (as_text) {
    std::string line = fmt::format("{} {} {}", time, kNames[int(level)], event);
    for (auto it = fields.begin(); it != fields.end(); ++it)
      line += fmt::format(" {}={}", it.key(), dump(*it));
    logger().log(kLevels[int(level)], "{}", line);
    return;
  }
  nlohmann::ordered_json record = {{"time", time}, {"level", kNames[int(level)]}, {"event", event}};
  for (auto it = fields.begin(); it != fields.end(); ++it) record[it.key()] = *it;
  logger().log(kLevels[int(level)], "{}",
               record.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

void Sparing::warn(std::string_view event, const std::string& source, nlohmann::json fields) {
  {
    std::lock_guard lock(mutex_);
    if (counts_.size() >= kMaxSources && !counts_.count(source)) counts_.clear();
    Count& count = counts_[source];
    const int64_t now = steady_ns();
    if (count.since_ns == 0 || now - count.since_ns > kWindowNs) {
      if (count.silent) fields["not_told"] = count.silent;
      count = {now, 0, 0};
    }
    if (count.told >= kToldInWindow) {
      ++count.silent;
      return;
    }
    ++count.told;
  }
  log::warn(event, fields);
}

}  // namespace chengxin::log
