#pragma once
#include "bench/load.h"
#include "cli.h"

// Figures of a benchmark: each printed as it comes, or all of them at the end for --json.
namespace chengxin::app::bench {

class Report {
 public:
  explicit Report(const Context& context) : context_(context) {}

  void say(Json figure, const std::string& text);
  // What a load was answered, with the processor time that the platform used meanwhile. A request holds
  // `per_request` of the unit. bench.failed_requests: some were refused; the first one's words.
  Status load(std::string_view name, double per_request, std::string_view unit, const LoadResult& result,
              double platform_cpu_seconds);
  void finish() const;

 private:
  const Context& context_;
  Json figures_ = Json::array();
};

}  // namespace chengxin::app::bench
