#pragma once
#include <string_view>
#include <vector>

// Written by CMakeLists.txt.
namespace chengxin::project {

struct BundleRow {
  std::string_view language, path;
  const std::string_view* content;
};
extern const std::vector<BundleRow> sdk_rows, template_rows;

}  // namespace chengxin::project
