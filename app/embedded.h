#pragma once
#include <string_view>

namespace chengxin::app::embedded {
extern const std::string_view surface;  // docs/surface.tsv
}
