#pragma once
#include "api/auth.h"
#include "api/metrics.h"
#include "api/route.h"
#include "api/schema.h"
#include "api/server.h"
#include "api/workers.h"

namespace chengxin::api {

// What all requests share: the table made ready, the services, and the pools.
class App {
 public:
  App(Options options, Services services);

  const Options options;
  const Services services;
  const std::vector<Route> routes;  // nothing may move it: the router and the metrics point into it
  const Schemas schemas;
  const Router router;
  const std::string openapi;
  Metrics metrics;
  Tokens tokens;
  Workers workers;  // short blocking work: SQL, proofs
  Workers streams;  // one thread for each download under way

 private:
  App(Options options, Services services, Resource table);
};

// Runs blocking `work` (it returns a Result) off the io threads.
template <typename Work>
auto blocking(App& app, Work work) {
  return app.workers.run(std::move(work));
}

}  // namespace chengxin::api
