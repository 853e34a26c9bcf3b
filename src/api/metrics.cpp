#include "api/metrics.h"

#include <unistd.h>

#include <fstream>

#include <prometheus/text_serializer.h>

namespace chengxin::api {
namespace {
const prometheus::Histogram::BucketBoundaries kSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                          0.1,    0.25,  0.5,    1,     2.5,  10};

// Resident bytes of this process, from /proc/self/statm.
double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long total = 0, resident = 0;
  statm >> total >> resident;
  return double(resident) * double(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Metrics::Metrics(const std::vector<Route>& routes) {
  requests_ = &prometheus::BuildCounter()
                   .Name("chengxin_http_requests_total")
                   .Help("Requests by route and status class")
                   .Register(registry_);
  latencies_ = &prometheus::BuildHistogram()
                    .Name("chengxin_http_request_seconds")
                    .Help("From header read to answer ready")
                    .Register(registry_);
  for (const Route& route : routes)
    rows_[&route] = make_row(std::string(method_name(route.method)), route.path);
  unmatched_ = make_row("", "");
  commit_ = &prometheus::BuildHistogram()
                 .Name("chengxin_commit_seconds")
                 .Help("From submission to durable receipt")
                 .Register(registry_)
                 .Add({}, kSeconds);
  connections_ = &prometheus::BuildGauge()
                      .Name("chengxin_http_connections")
                      .Help("Open connections")
                      .Register(registry_)
                      .Add({});
  gauge("process_resident_memory_bytes", "Resident memory", [] {
    return std::vector<Sample>{{{}, resident_bytes()}};
  });
}

Metrics::Row Metrics::make_row(const std::string& method, const std::string& path) {
  Row row;
  for (int i = 1; i <= 5; ++i)
    row.by_class[i] =
        &requests_->Add({{"method", method}, {"route", path}, {"status", std::to_string(i) + "xx"}});
  row.seconds = &latencies_->Add({{"method", method}, {"route", path}}, kSeconds);
  return row;
}

void Metrics::observe(const Route* route, int status, double seconds) {
  auto found = rows_.find(route);
  const Row& row = found == rows_.end() ? unmatched_ : found->second;
  row.by_class[std::clamp(status / 100, 1, 5)]->Increment();
  row.seconds->Observe(seconds);
}

void Metrics::gauge(std::string name, std::string help, Read read) {
  lazy_.push_back({prometheus::MetricType::Gauge, std::move(name), std::move(help), std::move(read)});
}

void Metrics::counter(std::string name, std::string help, Read read) {
  lazy_.push_back({prometheus::MetricType::Counter, std::move(name), std::move(help), std::move(read)});
}

std::string Metrics::text() const {
  auto families = registry_.Collect();
  for (const Lazy& lazy : lazy_) {
    prometheus::MetricFamily family{lazy.name, lazy.help, lazy.type, {}};
    for (auto& [labels, value] : lazy.read()) {
      prometheus::ClientMetric metric;
      for (auto& [name, text] : labels) metric.label.push_back({name, text});
      (lazy.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
      family.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace chengxin::api
