#include "comet/impl/host.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "base/log.h"
#include "comet/impl/messages.h"

namespace chengxin::comet {
namespace {

void fold(const Json& event) {
  Json fields = event.value("fields", Json::object());
  fields["chain"] = text_of(event, "chain");
  fields["message"] = text_of(event, "message");
  if (event.contains("dropped")) fields["dropped"] = event["dropped"];
  const std::string level = text_of(event, "level");
  log::write(level == "warn"   ? log::Level::warn
             : level == "info" ? log::Level::info
                               : log::Level::debug,
             "engine.says", fields);
}

}  // namespace

Host::~Host() {
  std::lock_guard lock(door_->mutex);
  door_->child = nullptr;
}

Status Host::launch() {
  ChildOptions child;
  child.binary = binary_;
  child.arguments = {"--log", log::enabled(log::Level::debug) ? "debug" : "info"};
  child.stop_ms = options_.stop_ms;
  child.restart_ms = options_.restart_ms;
  child.restart_max_ms = options_.restart_max_ms;
  child.on_start = [this] { start_again(); };
  child.on_event = [this](const Json& event) { take_event(event); };
  std::unique_lock lock(mutex_);  // on_start needs child_
  ASSIGN(child_, Child::start(std::move(child)));
  door_->child = child_.get();
  return {};
}

bool Host::has(const Digest& chain) const {
  std::lock_guard lock(mutex_);
  return chains_.contains(chain);
}

// What runs is known on the child's thread, before anything that happens to the process later.
Result<uint16_t> Host::start(const EngineChain& chain) {
  struct Attempt {
    std::promise<Result<uint16_t>> done;
    std::atomic<bool> abandoned = false;
  };
  auto attempt = std::make_shared<Attempt>();
  auto done = attempt->done.get_future();
  child_->ask("start", start_json(chain), [this, attempt, chain](Result<Json> answer) {
    if (!answer) return attempt->done.set_value(tl::unexpected(std::move(answer).error()));
    const uint16_t port = port_of(*answer);
    if (attempt->abandoned) {
      child_->ask("stop", {{"chain", name_of(chain.genesis.chain)}}, [](Result<Json>) {});
    } else {
      std::lock_guard lock(mutex_);
      EngineChain& kept = chains_[chain.genesis.chain] = chain;
      kept.port = port;
    }
    attempt->done.set_value(port);
  });
  if (done.wait_for(std::chrono::milliseconds(options_.start_ms)) == std::future_status::ready)
    return done.get();
  attempt->abandoned = true;
  return fail(Code::unavailable, "engine.no_answer", "to start within {} ms", options_.start_ms);
}

// Told or not, it is not started again after this.
Status Host::stop(const Digest& chain) {
  {
    std::lock_guard lock(mutex_);
    chains_.erase(chain);
  }
  const auto stopped = child_->ask("stop", {{"chain", name_of(chain)}}, options_.stop_ms);
  if (stopped || stopped.error().reason == "engine.not_running" || stopped.error().reason == "engine.died")
    return {};
  log::warn("engine.killed", {{"chain", name_of(chain)}, {"why", stopped.error().to_string()}});
  child_->kill();
  return {};
}

Status Host::set_peers(const Digest& chain, const std::vector<EnginePeer>& add,
                       const std::vector<EngineId>& remove) {
  Json removed = Json::array();
  for (const EngineId& id : remove) removed.push_back(hex(id));
  {
    std::lock_guard lock(mutex_);
    const auto found = chains_.find(chain);
    if (found == chains_.end()) return fail(Code::not_found, "engine.not_running");
    auto& peers = found->second.peers;
    const auto gone = [&](const EnginePeer& peer) {
      return std::find(remove.begin(), remove.end(), peer.id) != remove.end() ||
             std::any_of(add.begin(), add.end(),
                         [&](const EnginePeer& added) { return added.id == peer.id; });
    };
    std::erase_if(peers, gone);
    peers.insert(peers.end(), add.begin(), add.end());
  }
  const auto done =
      child_->ask("peers", {{"chain", name_of(chain)}, {"add", peers_json(add)}, {"remove", removed}},
                  options_.answer_ms);
  // A process that is being started again gets them then.
  if (!done && done.error().reason != "engine.died") return tl::unexpected(done.error());
  return {};
}

void Host::start_again() {
  std::map<Digest, EngineChain> chains;
  {
    std::lock_guard lock(mutex_);
    chains = chains_;
  }
  for (const auto& [digest, chain] : chains)
    child_->ask("start", start_json(chain), [this, digest = digest](Result<Json> answer) {
      if (answer) return log::info("engine.started_again", {{"chain", name_of(digest)}});
      if (answer.error().reason != "engine.died") failed(digest, answer.error());
    });
}

void Host::take_event(const Json& event) {
  const std::string kind = text_of(event, "event");
  if (kind == "log") return fold(event);
  const auto chain = unhex_digest(text_of(event, "chain"));
  if (kind == "twin" && chain) {
    log::error("engine.twin", {{"chain", name_of(*chain)}});
    if (options_.on_twin) options_.on_twin(*chain);
  } else if (kind == "failed" && chain) {
    failed(*chain, engine_error(text_of(event, "reason"), text_of(event, "detail")));
    if (event.value("stuck", false)) child_->kill();
  } else if (kind == "want_light_block" && chain) {
    want_light_block(*chain, event);
  }
}

void Host::want_light_block(const Digest& chain, const Json& event) {
  auto give = [door = door_, chain, want = event.value("want", uint64_t(0))](std::optional<Bytes> block) {
    Json command = {{"do", "light_block"}, {"chain", name_of(chain)}, {"want", want}};
    if (block)
      command["light_block"] = base64(*block);
    else
      command["missing"] = true;
    std::lock_guard lock(door->mutex);
    if (door->child) door->child->tell(command.dump());
  };
  if (!options_.on_want_light_block) return give(std::nullopt);
  options_.on_want_light_block(chain, event.value("height", uint64_t(0)), event.value("attempt", 0),
                               std::move(give));
}

void Host::failed(const Digest& chain, const Error& why) {
  log::error("engine.failed", {{"chain", name_of(chain)}, {"why", why.to_string()}});
  {
    std::lock_guard lock(mutex_);
    chains_.erase(chain);
  }
  if (options_.on_failed) options_.on_failed(chain, why);
}

}  // namespace chengxin::comet
