#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/file.h"
#include "document/layout.h"

namespace chengxin::document {

struct Folder {
  Folder() {
    std::string pattern = fs::temp_directory_path() / "chengxin-document-XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;

  std::string keep(std::string_view name, ByteView bytes) const {
    EXPECT_TRUE(write_durable(path / name, bytes));
    return path / name;
  }
  fs::path path;
};

// What a command prints; it must end well.
inline std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  char buffer[4096];
  while (size_t count = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, count);
  EXPECT_EQ(::pclose(pipe), 0) << command << '\n' << out;
  return out;
}

inline const Fonts& fonts() {
  static const Fonts loaded = Fonts::load().value();
  return loaded;
}

template <typename T>
std::string reason_of(const Result<T>& result) {
  return result ? "fine" : result.error().reason;
}

template <typename... Kinds>
std::vector<Block> blocks(Kinds... each) {
  return {Block{std::move(each), {}}...};
}

}  // namespace chengxin::document
