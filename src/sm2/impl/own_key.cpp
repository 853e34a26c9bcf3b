#include "sm2/impl/own_key.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace chengxin::sm2::impl {
namespace {
constexpr auto kAlignment = std::align_val_t(64);
}

void OwnKey::Free::operator()(uint8_t* table) const { ::operator delete(table, kAlignment); }

bool OwnKey::hold(std::span<Question> signatures) {
  CHECK(signatures.size() <= kTogether);
  const uint8_t* table = table_.load(std::memory_order_acquire);
  if (!table) {
    const uint64_t before = checked_.fetch_add(signatures.size());
    if (before < kUnaided && before + signatures.size() >= kUnaided)
      table = build();  // one thread only comes by
  }
  for (Question& question : signatures) {
    question.key = key_;
    question.table = table;
  }
  uint8_t verdicts[kTogether] = {};
  if (table) {
    engine_.verify_known(Tier::large, signatures, verdicts);
  } else {
    engine_.verify_unknown(signatures, verdicts);
  }
  return std::all_of(verdicts, verdicts + signatures.size(), [](uint8_t verdict) { return verdict == 1; });
}

const uint8_t* OwnKey::build() {
  memory_.reset(static_cast<uint8_t*>(::operator new(engine_.table_bytes(Tier::large), kAlignment)));
  uint8_t* const table = memory_.get();
  uint8_t good = 0;
  engine_.build(Tier::large, {&key_, 1}, &table, &good);
  if (!good) return nullptr;
  table_.store(table, std::memory_order_release);
  return table;
}

}  // namespace chengxin::sm2::impl
