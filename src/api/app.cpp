#include "api/app.h"

#include "api/openapi.h"
#include "api/resources.h"
#include "api/storage.h"
#include "base/clock.h"
#include "base/log.h"
#include "host/host.h"
#include "mirror/mirror.h"

namespace chengxin::api {

App::App(Options given, Services handed) : App(given, handed, all_resources(given, handed)) {}

App::App(Options given, Services handed, Resource table)
    : options(std::move(given)),
      services(std::move(handed)),
      routes(std::move(table.routes)),
      schemas(std::move(table.schemas)),
      router(routes),
      openapi(openapi_document(routes, schemas, options.version).dump(2)),
      metrics(routes),
      tokens(options.owner_token, services.database),
      idempotency(services.database),
      workers(options.worker_threads, options.max_queued_work),
      verifying(1, 16),
      streams(options.max_streams, options.max_streams) {}

Status App::open() {
  if (services.host) {
    services.host->subscribe(
        [bell = bell](const host::ChainPtr& chain, uint64_t) { bell->ring(chain->name); });
    add_chain_gauges();
  }
  if (!services.database) return {};
  TRY(prepare_storage(*services.database));
  TRY(tokens.refresh());
  return idempotency.purge(now_ms());
}

void App::add_chain_gauges() {
  metrics.gauge("chengxin_receipts_awaited", "Transactions submitted here whose receipt is awaited", [this] {
    return std::vector<Metrics::Sample>{{{}, double(waiting)}};
  });
  metrics.gauge("chengxin_work_queued", "Blocking work that waits for a thread", [this] {
    return std::vector<Metrics::Sample>{{{}, double(workers.queued())}};
  });
  metrics.gauge("chengxin_block_height", "Height of a chain", [this] {
    std::vector<Metrics::Sample> samples;
    for (auto& chain : services.host->list())
      samples.push_back({{{"chain", chain->name}}, double(chain->ledger->head().header.height)});
    return samples;
  });
  if (!services.mirror) return;
  metrics.gauge("chengxin_mirror_lag_blocks", "Blocks that the mirror lacks", [this] {
    std::vector<Metrics::Sample> samples;
    for (auto& one : services.mirror->status())
      samples.push_back({{{"chain", one.name}}, double(one.lag_blocks)});
    return samples;
  });
}

void App::maintain() {
  if (!services.database || maintaining_.exchange(true)) return;
  bool posted = workers.post([this] {
    if (auto status = tokens.refresh(); !status)
      log::warn("api.tokens", {{"error", status.error().to_string()}});
    if (++rounds_ % 300 == 0) {
      if (auto status = idempotency.purge(now_ms()); !status)
        log::warn("api.idempotency", {{"error", status.error().to_string()}});
    }
    maintaining_ = false;
  });
  if (!posted) maintaining_ = false;
}

}  // namespace chengxin::api
