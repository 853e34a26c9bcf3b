#include "api/app.h"

#include "access/service.h"
#include "api/openapi.h"
#include "api/resources.h"
#include "api/storage.h"
#include "base/clock.h"
#include "base/log.h"
#include "contract/query.h"
#include "credential/service.h"
#include "gateway/gateway.h"
#include "host/host.h"
#include "mirror/mirror.h"

namespace chengxin::api {

namespace {

void add_gateway_metrics(Metrics& metrics, const gateway::Gateway& gateway) {
  const auto by_route = [&gateway](auto value) {
    return [&gateway, value] {
      std::vector<Metrics::Sample> samples;
      for (const auto& route : gateway.routes())
        if (route.buffered) samples.push_back({{{"route", route.name}}, double(value(route.name))});
      return samples;
    };
  };
  metrics.gauge("chengxin_gateway_waiting", "Writes that the gateway holds, parked ones too",
                by_route([&gateway](const std::string& route) { return gateway.waiting(route); }));
  metrics.gauge("chengxin_gateway_parked", "Writes that the gateway could not deliver",
                by_route([&gateway](const std::string& route) { return gateway.parked(route); }));
}

}  // namespace

App::App(Options given, Services handed) : App(given, handed, all_resources(given, handed)) {}

App::App(Options given, Services handed, Resource table)
    : options(std::move(given)),
      services(std::move(handed)),
      routes(std::move(table.routes)),
      schemas(std::move(table.schemas)),
      router(routes),
      openapi(openapi_document(routes, schemas, options.version).dump(2)),
      metrics(routes),
      trail(services.audit),
      tokens(options.owner_token, services.database),
      idempotency(services.database),
      workers(options.worker_threads, options.max_queued_work),
      sign_ins(2, 64),
      known_sign_ins(2, 64),
      verifying(1, 16),
      streams(options.max_streams, options.max_streams),
      contract_work(2, 64, contract::kStackBytes),
      ethereum_sends(8, 64, contract::kStackBytes) {}

Status App::open() {
  if (services.audit) add_audit_metrics();
  if (services.gateway) add_gateway_metrics(metrics, *services.gateway);
  if (services.access_changes)
    metrics.gauge("chengxin_access_changes", "What differs from the baseline of access control", [this] {
      return std::vector<Metrics::Sample>{{{}, double(services.access_changes())}};
    });
  if (services.host) {
    services.host->subscribe(
        [bell = bell](const host::ChainPtr& chain, uint64_t) { bell->ring(chain->name); });
    add_chain_gauges();
    add_admission_metrics();
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
  metrics.gauge("chengxin_transaction_streams", "Transaction streams that are open", [this] {
    return std::vector<Metrics::Sample>{{{}, double(transaction_streams.taken())}};
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

void App::add_admission_metrics() {
  using Samples = std::vector<Metrics::Sample>;
  // A sample for each source of each chain.
  auto by_source = [this](auto value) {
    return [this, value] {
      Samples samples;
      for (auto& chain : services.host->list())
        for (auto& source : chain->admission->statistics().sources)
          samples.push_back({{{"chain", chain->name}, {"source", source.name}}, double(value(source))});
      return samples;
    };
  };
  metrics.gauge("chengxin_admission_queued", "Transactions that wait to be admitted, by who submitted them",
                by_source([](auto& source) { return source.queued; }));
  metrics.counter("chengxin_admission_admitted_total", "Transactions admitted, by who submitted them",
                  by_source([](auto& source) { return source.admitted; }));
  metrics.counter(
      "chengxin_admission_rejected_total", "Transactions not admitted, by source and reason", [this] {
        Samples samples;
        for (auto& chain : services.host->list())
          for (auto& source : chain->admission->statistics().sources)
            for (auto& [reason, count] : source.rejected)
              samples.push_back(
                  {{{"chain", chain->name}, {"source", source.name}, {"reason", reason}}, double(count)});
        return samples;
      });
  metrics.counter(
      "chengxin_admission_batches_total", "Batches admitted, by the most items that they may hold", [this] {
        Samples samples;
        for (auto& chain : services.host->list()) {
          const auto batches = chain->admission->statistics().batches;
          for (size_t i = 0; i < batches.size(); ++i)
            samples.push_back(
                {{{"chain", chain->name}, {"items", std::to_string(size_t(1) << i)}}, double(batches[i])});
        }
        return samples;
      });
  metrics.counter(
      "chengxin_signatures_total", "Signatures of transactions: checked, or known from before", [this] {
        Samples samples;
        for (auto& chain : services.host->list()) {
          const auto counts = chain->ledger->signature_counts();
          samples.push_back({{{"chain", chain->name}, {"verdict", "checked"}}, double(counts.checked)});
          samples.push_back({{{"chain", chain->name}, {"verdict", "remembered"}}, double(counts.remembered)});
        }
        return samples;
      });
}

void App::add_audit_metrics() {
  const auto of = [this](auto value) {
    return [this, value] {
      return std::vector<Metrics::Sample>{{{}, double(value(services.audit->standing()))}};
    };
  };
  metrics.gauge("chengxin_audit_stopped", "1 while the audit log cannot be written, which blocks changes",
                of([](const audit::Standing& standing) { return standing.stopped ? 1 : 0; }));
  metrics.gauge("chengxin_audit_waiting", "Entries of the audit log that are not durable yet",
                of([](const audit::Standing& standing) { return standing.waiting; }));
  metrics.counter("chengxin_audit_entries_total", "Entries of the audit log written since the start",
                  of([](const audit::Standing& standing) { return standing.written; }));
  metrics.counter("chengxin_audit_lost_total", "Entries that a stopped audit log could not keep",
                  of([](const audit::Standing& standing) { return standing.lost; }));
}

void App::maintain() {
  trail.maintain();
  if (!services.database || maintaining_.exchange(true)) return;
  bool posted = workers.post([this] {
    if (auto status = tokens.refresh(); !status)
      log::warn("api.tokens", {{"error", status.error().to_string()}});
    if (services.access)
      if (auto status = services.access->maintain(now_ms()); !status)
        log::warn("api.access", {{"error", status.error().to_string()}});
    if (++rounds_ % 300 == 0) {
      if (auto status = idempotency.purge(now_ms()); !status)
        log::warn("api.idempotency", {{"error", status.error().to_string()}});
      if (auto* credentials = services.credentials ? services.credentials->load() : nullptr)
        credentials->maintain();
    }
    maintaining_ = false;
  });
  if (!posted) maintaining_ = false;
}

}  // namespace chengxin::api
