#pragma once
#include "api/audit_trail.h"
#include "api/auth.h"
#include "api/events.h"
#include "api/idempotency.h"
#include "api/metrics.h"
#include "api/places.h"
#include "api/route.h"
#include "api/schema.h"
#include "api/server.h"
#include "api/workers.h"
#include "ethereum/endpoint.h"

namespace chengxin::api {

// What all requests share: the table made ready, the services, and the pools.
class App {
 public:
  App(Options options, Services services);
  Status open();    // what needs SQL
  void maintain();  // every second or two: reloads tokens, drops old idempotency keys

  const Options options;
  const Services services;
  const std::vector<Route> routes;  // nothing may move it: the router and the metrics point into it
  const Schemas schemas;
  const Router router;
  const std::string openapi;
  Metrics metrics;
  AuditTrail trail;
  const std::shared_ptr<Bell> bell = std::make_shared<Bell>();  // the host may ring it after we are gone
  std::atomic<bool> stopping = false;
  std::atomic<size_t> body_bytes_held = 0;  // see BodyShare
  std::atomic<int64_t> waiting = 0;         // transactions submitted here whose receipt is awaited
  Places transaction_streams{options.max_transaction_streams};
  Tokens tokens;
  Idempotency idempotency;
  Workers workers;            // short blocking work: SQL, proofs
  Workers sign_ins;           // hashing of passwords, of who shows nothing else: of anybody
  Workers known_sign_ins;     // the same of who shows a certificate, and of who has signed in
  Places sign_in_places{64};  // in the queue of each, by address
  Places known_sign_in_places{32};
  Places own_sign_in_places{16};   // of who has signed in, by user
  Workers comparisons{1, 8};       // of exports with the policy: they may be long
  Workers verifying;               // bundles of strangers: they may take their time, but not that of others
  Workers streams;                 // one thread for each download under way
  Places contract_places{64};      // of queries of contracts, by credential
  Workers contract_work;           // on stacks that contracts fit
  Workers provider_work{8, 256};   // waits for identity providers
  Workers gateway_work{16, 1024};  // waits for what stands behind the gateway
  Workers ethereum_sends;          // on such too: they wait for blocks
  ethereum::Endpoints ethereum;

 private:
  App(Options options, Services services, Resource table);
  void add_chain_gauges();
  void add_admission_metrics();
  void add_audit_metrics();

  std::atomic<bool> maintaining_ = false;
  uint64_t rounds_ = 0;  // of maintenance; by the worker that does it
};

// Runs blocking `work` (it returns a Result) off the io threads.
template <typename Work>
auto blocking(App& app, Work work, Workers::When when = Workers::When::if_room) {
  return app.workers.run(std::move(work), when);
}

}  // namespace chengxin::api
