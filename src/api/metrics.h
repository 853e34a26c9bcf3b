#pragma once
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <functional>
#include <vector>

#include "api/route.h"

namespace chengxin::api {

// Counters of the API, in Prometheus' text format at /metrics. Those of a row are looked up once, at start.
class Metrics {
 public:
  explicit Metrics(const std::vector<Route>& routes);
  void observe(const Route* route, int status, double seconds);  // route null: none was found
  prometheus::Histogram& commit_seconds() { return *commit_; }
  prometheus::Gauge& connections() { return *connections_; }

  // Those that are read only when somebody asks.
  using Sample = std::pair<std::map<std::string, std::string>, double>;
  using Read = std::function<std::vector<Sample>()>;
  void gauge(std::string name, std::string help, Read read);
  void counter(std::string name, std::string help, Read read);
  std::string text() const;

 private:
  struct Row {
    std::array<prometheus::Counter*, 6> by_class{};  // 1xx … 5xx
    prometheus::Histogram* seconds = nullptr;
  };
  struct Lazy {
    prometheus::MetricType type;
    std::string name, help;
    Read read;
  };
  Row make_row(const std::string& method, const std::string& path);

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>* requests_;
  prometheus::Family<prometheus::Histogram>* latencies_;
  std::map<const Route*, Row> rows_;
  Row unmatched_;
  prometheus::Histogram* commit_;
  prometheus::Gauge* connections_;
  std::vector<Lazy> lazy_;
};

}  // namespace chengxin::api
