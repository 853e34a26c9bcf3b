#pragma once
#include <string_view>
#include <vector>

// The files of a new pack; made by the build from template/.
namespace chengxin::pack {

struct TemplateRow {
  std::string_view path;
  const std::string_view* content;
};
extern const std::vector<TemplateRow> template_rows;

}  // namespace chengxin::pack
