#include "admission/gatherer.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "admission/impl/fair_queue.h"
#include "base/clock.h"

namespace chengxin::admission {
namespace {

constexpr size_t kMaxSources = 1024;  // above it, those that nobody holds any more are forgotten

Error stopping() { return {Code::unavailable, "order.stopping", {}}; }

}  // namespace

// Batches are numbered as they are taken and handed on in that order, so that two threads keep the order
// within a lane.
struct Gatherer::Impl : std::enable_shared_from_this<Impl> {
  struct Known {
    std::shared_ptr<Source> source;
    LanePtr common;
    // By a lane that is open, by the queue or a call: forgotten now, it would come again beside itself, and
    // with two shares. Under the mutex, without which nobody begins to hold one.
    bool held() const { return source.use_count() > 2 || common.use_count() > 1; }
  };

  Impl(Admit admit_many, order::Sequencer& to, std::function<int64_t()> clock, Options given)
      : admit(std::move(admit_many)),
        sequencer(to),
        now_ms(std::move(clock)),
        options(given),
        queue(given.max_items, given.max_bytes) {}

  const Admit admit;
  order::Sequencer& sequencer;
  const std::function<int64_t()> now_ms;
  const Options options;

  mutable std::mutex mutex;
  std::condition_variable changed;  // something to take, or the end
  std::condition_variable turn;     // a batch was handed on
  FairQueue queue;
  std::unordered_map<std::string, Known> sources;
  size_t forget_at = kMaxSources;
  bool stopped = false;
  uint64_t taken = 0, handed = 0;  // batches
  int64_t last_taken_ns = 0;
  double us_per_item = 0;  // at the pace of the last batches
  Statistics counts;
  std::atomic<size_t> ahead_items = 0, ahead_bytes = 0;
  std::atomic<bool> held_back = false;  // somebody waits for room ahead

  std::mutex join_mutex;
  std::vector<std::thread> threads;

  const Known& known(std::string_view name) {
    auto found = sources.find(std::string(name));
    if (found != sources.end()) return found->second;
    if (sources.size() >= forget_at) {
      std::erase_if(sources, [](const auto& each) { return !each.second.held(); });
      forget_at = std::max(kMaxSources, 2 * sources.size());  // so that looking costs little a source
    }
    auto source = std::make_shared<Source>(std::string(name));
    return sources.emplace(name, Known{source, std::make_shared<Lane>(source)}).first->second;
  }

  bool room_ahead() const {
    return ahead_items < options.max_ahead_items && ahead_bytes < options.max_ahead_bytes;
  }

  // For who waits: when it is false, settled() will tell.
  bool room_or_hold() {
    held_back = true;
    if (!room_ahead()) return false;
    held_back = false;
    return true;
  }

  Error full(const Source& source) const {
    Error error{
        Code::busy, "order.queue_full",
        fmt::format("{} transactions of this source wait, {} in all", source.counts.queued, queue.items())};
    // Until half of them have been taken, when others take their turns too.
    error.retry_after_ms =
        int(std::clamp(double(queue.items()) * std::max(us_per_item, 1.0) / 2000, 10.0, 10'000.0));
    return error;
  }

  Result<size_t> submit(const LanePtr& lane, std::span<Submission> submissions) {
    size_t count = 0, before = 0;
    {
      std::lock_guard lock(mutex);
      if (stopped) return tl::unexpected(stopping());
      before = queue.items();
      while (count < submissions.size() && queue.push(lane, submissions[count])) ++count;
      if (count == 0 && !submissions.empty()) return tl::unexpected(full(*lane->source));
    }
    const size_t after = before + count;
    if (before == 0 || (before < options.batch_items && after >= options.batch_items)) changed.notify_one();
    return count;
  }

  // Waits until there is a batch to take: whatever is there when the last one is a while ago, so that a
  // lonely transaction does not wait; else a full one, or the end of the pace. False at the end.
  bool wait_for_batch(std::unique_lock<std::mutex>& lock) {
    for (;;) {
      changed.wait(lock, [&] { return stopped || (queue.items() > 0 && room_or_hold()); });
      if (stopped) return false;
      const int64_t early_ns = last_taken_ns + options.pace_us * 1000 - steady_ns();
      if (early_ns <= 0 || queue.items() >= options.batch_items) return true;
      changed.wait_for(lock, std::chrono::nanoseconds(early_ns),
                       [&] { return stopped || queue.items() >= options.batch_items; });
    }
  }

  void run() {
    std::unique_lock lock(mutex);
    while (wait_for_batch(lock)) take_and_admit(lock);
  }

  // Gives the lock up meanwhile.
  size_t take_and_admit(std::unique_lock<std::mutex>& lock) {
    const int64_t started_ns = last_taken_ns = steady_ns();
    const size_t ahead = ahead_items;  // by now perhaps above the bound, after another thread's batch
    const size_t room = ahead < options.max_ahead_items ? options.max_ahead_items - ahead : 1;
    auto batch = queue.take(std::min(options.batch_items, room), options.batch_bytes);
    if (batch.empty()) return 0;
    const uint64_t number = taken++;
    if (queue.items() > 0) changed.notify_one();
    lock.unlock();
    auto verdicts = check(batch);
    lock.lock();
    turn.wait(lock, [&] { return handed == number; });
    lock.unlock();
    hand_on(batch, verdicts);
    lock.lock();
    ++handed;
    turn.notify_all();
    count(batch, verdicts);
    const double us = double(steady_ns() - started_ns) / 1000 / double(batch.size());
    us_per_item = us_per_item == 0 ? us : 0.8 * us_per_item + 0.2 * us;
    return batch.size();
  }

  std::vector<Result<ledger::AdmittedTransaction>> check(const std::vector<FairQueue::Item>& batch) const {
    std::vector<ByteView> envelopes;
    envelopes.reserve(batch.size());
    for (const auto& item : batch) envelopes.push_back(item.submission.envelope);
    return admit(envelopes, now_ms());
  }

  void hand_on(std::vector<FairQueue::Item>& batch,
               std::vector<Result<ledger::AdmittedTransaction>>& verdicts) {
    std::vector<order::Submission> good;
    good.reserve(batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      Submission& submission = batch[i].submission;
      if (!verdicts[i]) {
        submission.on_outcome(tl::unexpected(verdicts[i].error()));
        continue;
      }
      if (submission.on_admitted) submission.on_admitted((*verdicts[i])->hash);
      const size_t bytes = submission.envelope.size();
      ++ahead_items;
      ahead_bytes += bytes;
      good.push_back({std::move(*verdicts[i]),
                      [impl = shared_from_this(), bytes,
                       on_outcome = std::move(submission.on_outcome)](Result<order::Committed> outcome) {
                        on_outcome(std::move(outcome));
                        impl->settled(bytes);
                      }});
    }
    if (!good.empty()) sequencer.submit_many(std::move(good));
  }

  void settled(size_t bytes) {
    --ahead_items;
    ahead_bytes -= bytes;
    if (!held_back || !room_ahead()) return;
    std::lock_guard lock(mutex);  // or a thread could be between looking and waiting
    held_back = false;
    changed.notify_all();
  }

  void count(const std::vector<FairQueue::Item>& batch,
             const std::vector<Result<ledger::AdmittedTransaction>>& verdicts) {
    const size_t bucket = std::min<size_t>(std::bit_width(batch.size() - 1), counts.batches.size() - 1);
    ++counts.batches[bucket];
    counts.items += batch.size();
    for (size_t i = 0; i < batch.size(); ++i) {
      SourceCounts& source = batch[i].source->counts;
      if (verdicts[i])
        ++source.admitted;
      else
        ++source.rejected[verdicts[i].error().reason];
    }
  }

  void stop() {
    std::vector<FairQueue::Item> left;
    {
      std::lock_guard lock(mutex);
      stopped = true;
      left = queue.take(SIZE_MAX, SIZE_MAX);
    }
    changed.notify_all();
    for (auto& item : left) item.submission.on_outcome(tl::unexpected(stopping()));
    std::lock_guard lock(join_mutex);
    for (std::thread& thread : threads)
      if (thread.joinable()) thread.join();
  }
};

Gatherer::Gatherer(Admit admit, order::Sequencer& sequencer, std::function<int64_t()> now_ms, Options options)
    : impl_(std::make_shared<Impl>(std::move(admit), sequencer, std::move(now_ms), options)) {
  for (size_t i = 0; i < options.threads; ++i)
    impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
}

Gatherer::~Gatherer() { stop(); }

LanePtr Gatherer::lane(std::string_view source) {
  std::lock_guard lock(impl_->mutex);
  return std::make_shared<Lane>(impl_->known(source).source);
}

Result<size_t> Gatherer::submit(const LanePtr& lane, std::span<Submission> submissions) {
  return impl_->submit(lane, submissions);
}

Status Gatherer::submit(std::string_view source, Submission submission) {
  LanePtr common;
  {
    std::lock_guard lock(impl_->mutex);
    common = impl_->known(source).common;
  }
  auto taken = impl_->submit(common, {&submission, 1});
  if (taken) return {};
  if (taken.error().code == Code::busy) {  // unlike a stream, which waits, this one is turned away
    std::lock_guard lock(impl_->mutex);
    ++common->source->counts.rejected[taken.error().reason];
  }
  return tl::unexpected(taken.error());
}

size_t Gatherer::work() {
  std::unique_lock lock(impl_->mutex);
  return impl_->stopped || !impl_->room_ahead() ? 0 : impl_->take_and_admit(lock);
}

void Gatherer::stop() { impl_->stop(); }

Statistics Gatherer::statistics() const {
  std::lock_guard lock(impl_->mutex);
  Statistics out = impl_->counts;
  out.queued = impl_->queue.items();
  out.queued_bytes = impl_->queue.bytes();
  out.ahead = impl_->ahead_items;
  for (const auto& [name, known] : impl_->sources) out.sources.push_back(known.source->counts);
  std::sort(out.sources.begin(), out.sources.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace chengxin::admission
