#include <atomic>
#include <condition_variable>
#include <thread>

#include "base/check.h"
#include "sm2/impl/digest.h"

// A batch on its way: keys to tables, messages to digests, questions sorted by the table that they use, each
// sort through the engine, verdicts back to their places.
namespace chengxin::sm2 {
namespace {

using namespace impl;

constexpr size_t kChunk = 512;       // checks at a time
constexpr size_t kBuildAtOnce = 64;  // tables, between two looks at whether to stop

struct Sorted {
  std::vector<Question> questions;
  std::vector<size_t> places;
  std::vector<uint8_t> verdicts;
};

}  // namespace

struct Verifier::Impl {
  explicit Impl(const VerifierOptions& options)
      : path(options.path),
        engine(*engine_of(options.path)),
        alone(path == Path::ifma && available(Path::adx) ? *adx_engine() : engine),
        tables(engine, options) {
    if (options.background && options.table_bytes > 0)
      builder = std::thread([this] { build_in_background(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    if (builder.joinable()) builder.join();
  }

  void build_in_background() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return stopping || due; });
      if (stopping) return;
      due = false;
      lock.unlock();
      while (!stopping && tables.build(kBuildAtOnce) > 0) {
      }
      lock.lock();
    }
  }

  void tables_are_due() {
    if (!builder.joinable()) return;
    {
      std::lock_guard lock(mutex);
      due = true;
    }
    wake.notify_one();
  }

  // Of either kind of check. What it needs stays in the second-level cache.
  template <typename Any>
  void verify(std::span<const Any> checks, std::span<uint8_t> verdicts) {
    CHECK(checks.size() == verdicts.size());
    for (size_t at = 0; at < checks.size(); at += kChunk) {
      const size_t count = std::min(kChunk, checks.size() - at);
      verify_chunk(checks.subspan(at, count), verdicts.subspan(at, count));
    }
  }

  template <typename Any>
  void verify_chunk(std::span<const Any> checks, std::span<uint8_t> verdicts) {
    std::vector<const Point*> keys;
    keys.reserve(checks.size());
    for (const Any& check : checks) keys.push_back(check.key);
    std::vector<Table*> found(checks.size());
    tables.find(keys, found);
    judge(checks, found, verdicts);
    if (tables.release(keys, found, verdicts)) tables_are_due();
  }

  void judge(std::span<const Check> checks, std::span<Table* const> found, std::span<uint8_t> verdicts) {
    std::vector<Digest> e(checks.size());
    std::vector<uint8_t> fits(checks.size());
    digests_of(checks, found, e, fits);
    std::vector<DigestCheck> numbers;
    numbers.reserve(checks.size());
    for (size_t i = 0; i < checks.size(); ++i) numbers.push_back({checks[i].key, checks[i].signature, e[i]});
    judge(numbers, found, verdicts);
    for (size_t i = 0; i < checks.size(); ++i) verdicts[i] &= fits[i];
  }

  void judge(std::span<const DigestCheck> checks, std::span<Table* const> found,
             std::span<uint8_t> verdicts) {
    Sorted unknown, known[2];
    for (size_t i = 0; i < checks.size(); ++i) {
      const DigestCheck& check = checks[i];
      Question question{from_big_endian(check.signature->data()),
                        from_big_endian(check.signature->data() + 32),
                        from_big_endian(check.e.data()),
                        {},
                        nullptr};
      Sorted* sorted = &unknown;
      if (found[i]) {
        sorted = &known[int(found[i]->tier)];
        question.table = found[i]->memory;
      } else if ((*check.key)[0] == 4) {
        question.key = affine_of(*check.key);
      }  // else the key stays (0, 0), which is not on the curve
      sorted->questions.push_back(question);
      sorted->places.push_back(i);
    }
    answer(unknown, verdicts, [&](const Sorted& s, uint8_t* out) {
      (s.questions.size() == 1 ? alone : engine).verify_unknown(s.questions, out);
    });
    for (Tier tier : {Tier::small, Tier::large})
      answer(known[int(tier)], verdicts,
             [&](const Sorted& s, uint8_t* out) { engine.verify_known(tier, s.questions, out); });
  }

  template <typename Ask>
  static void answer(Sorted& sorted, std::span<uint8_t> verdicts, Ask ask_engine) {
    if (sorted.questions.empty()) return;
    sorted.verdicts.resize(sorted.questions.size());
    ask_engine(sorted, sorted.verdicts.data());
    for (size_t i = 0; i < sorted.places.size(); ++i) verdicts[sorted.places[i]] = sorted.verdicts[i];
  }

  const Path path;
  const Engine& engine;
  const Engine& alone;  // for one question of an unknown key: it would fill one lane of eight
  KeyTables tables;

  std::mutex mutex;
  std::condition_variable wake;
  bool due = false;
  std::atomic<bool> stopping = false;
  std::thread builder;  // last: it uses all the others
};

Verifier::Verifier(VerifierOptions options) {
  CHECK(available(options.path));
  impl_ = std::make_unique<Impl>(options);
}

Verifier::~Verifier() = default;

Path Verifier::path() const { return impl_->path; }

void Verifier::verify(std::span<const Check> checks, std::span<uint8_t> verdicts) const {
  impl_->verify(checks, verdicts);
}

void Verifier::verify(std::span<const DigestCheck> checks, std::span<uint8_t> verdicts) const {
  impl_->verify(checks, verdicts);
}

bool Verifier::verify(const Check& check) const {
  uint8_t verdict = 0;
  verify(std::span(&check, 1), std::span(&verdict, 1));
  return verdict == 1;
}

void Verifier::expect(const Point& key) const {
  impl_->tables.expect(key);
  impl_->tables_are_due();
}

size_t Verifier::build_tables(size_t most) const { return impl_->tables.build(most); }

TableStatistics Verifier::statistics() const { return impl_->tables.statistics(); }

}  // namespace chengxin::sm2
