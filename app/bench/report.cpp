#include "bench/report.h"

#include <cstdio>

namespace chengxin::app::bench {

void Report::say(Json figure, const std::string& text) {
  if (!context_.json) line(std::string_view(text));
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

Status Report::load(std::string_view name, double per_request, std::string_view unit,
                    const LoadResult& result, double platform_cpu_seconds) {
  const double units = double(result.succeeded) * per_request;
  const double cores = platform_cpu_seconds / result.seconds;
  const double us = platform_cpu_seconds * 1e6 / std::max(units, 1.0);
  say({{"figure", name},
       {"unit", unit},
       {"per_second", result.per_second() * per_request},
       {"requests", result.succeeded + result.failed},
       {"failed", result.failed},
       {"seconds", result.seconds},
       {"platform_cores", cores},
       {"platform_us_per_unit", us},
       {"load_generator_cores", result.cpu_seconds / result.seconds},
       {"p50_ms", result.percentile_ms(0.5)},
       {"p99_ms", result.percentile_ms(0.99)},
       {"max_ms", result.percentile_ms(1)}},
      fmt::format(
          "{}: {:.0f} {}/s  ({} requests, {} failed, {:.1f} s; platform {:.2f} cores, {:.1f} us each, "
          "load generator {:.2f} cores; latency p50 {:.1f} p99 {:.1f} max {:.1f} ms)",
          name, result.per_second() * per_request, unit, result.succeeded + result.failed, result.failed,
          result.seconds, cores, us, result.cpu_seconds / result.seconds, result.percentile_ms(0.5),
          result.percentile_ms(0.99), result.percentile_ms(1)));
  if (result.failed) return fail(Code::internal, "bench.failed_requests", "{}", result.first_failure);
  return {};
}

void Report::finish() const {
  if (context_.json) print(context_, {{"figures", figures_}}, nullptr);
}

}  // namespace chengxin::app::bench
