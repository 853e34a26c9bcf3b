#include "audit.h"

#include <pwd.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "api/contract_submission.h"
#include "audit/note.h"
#include "base/clock.h"
#include "merkle/item_tree.h"

namespace chengxin::app {
namespace {

constexpr int kAnchorWaitMs = 10'000, kLockWaitMs = 5'000;

std::string user_name() {
  const passwd* user = ::getpwuid(::geteuid());
  return "user:" + (user ? std::string(user->pw_name) : std::to_string(::geteuid()));
}

// Waits for the transaction's block.
Status put_on(const host::Chain& chain, const crypto::Sm2PrivateKey& key, const Digest& digest) {
  const Bytes items = to_bytes(digest);
  const Digest root = merkle::Items::root(merkle::Items::group_hashes(items, 32));
  ASSIGN(Bytes envelope,
         api::signed_envelope(chain, key, {"evidence", "add", format::encode_evidence_add({root, 1, 32})},
                              std::array{items}));
  auto promise = std::make_shared<std::promise<Status>>();
  auto settled = promise->get_future();
  const auto on_outcome = [promise](Result<order::Committed> outcome) {
    promise->set_value(outcome ? Status() : tl::unexpected(outcome.error()));
  };
  TRY(chain.admission->submit("audit", {std::move(envelope), on_outcome}));
  if (settled.wait_for(std::chrono::milliseconds(kAnchorWaitMs)) != std::future_status::ready)
    return fail(Code::unavailable, "audit.anchor", "no block in time");
  return settled.get();
}

}  // namespace

Result<std::unique_ptr<audit::Log>> open_audit(const install::Installation& installation) {
  const auto& config = installation.config;
  audit::Options options = audit::options_for(installation.data, installation.installation_key);
  options.now_ms = now_ms;
  options.enabled = config.audit_enabled;
  options.segment_bytes = uint64_t(config.audit_segment_mb) << 20;
  options.retention_ms = config.audit_retention_days * audit::kDayMs;
  for (const int64_t until = steady_ns() + int64_t(kLockWaitMs) * 1'000'000;;) {
    auto log = audit::Log::open(options);
    if (log || log.error().reason != "audit.in_use" || steady_ns() > until) return log;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // a command that leaves an entry
  }
}

audit::Anchoring::Anchor anchor_on(host::Host& host, evidence::Service& evidence, crypto::Sm2PrivateKey key,
                                   std::string chain) {
  return [&host, &evidence, key = std::move(key),
          chain = std::move(chain)](const Digest& digest) -> Result<Bytes> {
    ASSIGN(const auto found, host.find(chain));
    TRY(put_on(*found, key, digest));
    for (const int64_t until = steady_ns() + int64_t(kAnchorWaitMs) * 1'000'000;;) {
      auto bundle = evidence.bundle_of_item(chain, digest, {});
      if (bundle || bundle.error().reason != "ledger.not_certified_yet" || steady_ns() > until) return bundle;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  };
}

std::vector<install::Finding> audit_findings(const audit::Log& log, const audit::Anchoring* anchoring) {
  std::vector<install::Finding> out;
  const auto standing = log.standing();
  if (standing.stopped) {
    const bool damaged = standing.stopped->code == Code::data_loss;
    out.push_back(
        {"audit.stopped",
         fmt::format("since {}: {}", format_time(standing.stopped_ms), standing.stopped->to_string()),
         damaged ? "chengxin audit verify names the place; then stop the platform and: chengxin audit reopen "
                   "--reason TEXT"
         : standing.stopped->reason == "audit.off"
             ? "remove audit.enabled: false, then: chengxin install seal"
             : "make room or bring the folder back: it goes on by itself"});
  }
  if (!anchoring || !out.empty()) return out;  // what is stopped cannot be anchored either
  if (const auto state = anchoring->state(); state.error)
    out.push_back({"audit.anchor", state.error->to_string(), "look at the chain that audit.chain names"});
  return out;
}

Status note(const Context& context, std::vector<audit::Entry> entries) {
  std::error_code error;
  if (entries.empty() || !fs::exists(context.data / "VERSION", error)) return {};
  ASSIGN(const auto key, install::installation_key(context.data));
  for (audit::Entry& entry : entries) {
    entry.subject = user_name();
    entry.action = "cli." + entry.action;
    TRY(audit::leave_note(context.data, key, std::move(entry)));
  }
  return {};
}

Result<int> audited(const Context& context, std::string action, std::string object,
                    const std::function<Result<int>()>& work) {
  auto done = work();
  audit::Entry entry;
  entry.action = std::move(action);
  entry.object = std::move(object);
  if (!done) entry.outcome = done.error().reason;
  if (auto recorded = note(context, {std::move(entry)}); !recorded && done) {
    recorded.error().detail += "; the command was carried out";
    return tl::unexpected(recorded.error());
  }
  return done;
}

}  // namespace chengxin::app
