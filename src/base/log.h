#pragma once
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// Structured logs: one JSON object a line on standard error, or short text when standard error is a terminal.
// Control characters in values are escaped, so nothing that a stranger sends can forge a line. Never log
// secrets.
namespace chengxin::log {

enum class Level { debug, info, warn, error };

// level: debug | info | warn | error; format: auto | json | text.
void configure(Level level, std::string_view format);

bool enabled(Level level);

// event is a stable dotted name ("chain.opened"), fields are its facts.
void write(Level level, std::string_view event, const nlohmann::json& fields = {});
inline void debug(std::string_view event, const nlohmann::json& fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, const nlohmann::json& fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, const nlohmann::json& fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, const nlohmann::json& fields = {}) {
  write(Level::error, event, fields);
}

// Warnings that others can provoke: of each source five in ten seconds, and then, as `not_told`, how many
// were kept back. Thread-safe.
class Sparing {
 public:
  void warn(std::string_view event, const std::string& source, nlohmann::json fields);

 private:
  struct Count {
    int64_t since_ns = 0;
    unsigned told = 0, silent = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Count> counts_;
};

}  // namespace chengxin::log
