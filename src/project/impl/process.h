#pragma once
#include <map>
#include <optional>

#include "base/file.h"

// Other people's compilers and linters: run to their end, with what they say kept.
namespace chengxin::project {

struct Command {
  fs::path program;
  std::vector<std::string> words;
  fs::path folder;                                 // it runs in
  std::map<std::string, std::string> environment;  // besides ours, and before it
  std::string input;
  int timeout_ms = 600'000;
};
struct Ran {
  int exit = 0;
  std::string output, errors;
};
// project.toolchain when it cannot be started, project.timeout.
Result<Ran> run(const Command& command);

std::optional<fs::path> find_program(std::string_view name);  // on PATH
std::string first_line(std::string_view text);

// A folder that goes away with this.
class Scratch {
 public:
  static Result<Scratch> make();
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~Scratch();
  const fs::path& path() const { return path_; }

 private:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

}  // namespace chengxin::project
