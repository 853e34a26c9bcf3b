#pragma once
#include <atomic>
#include <memory>

#include "sm2/impl/engine.h"

namespace chengxin::sm2::impl {

// One key that many signatures are checked against: the fault check of a signer. Thread-safe. Everything here
// is public.
class OwnKey {
 public:
  OwnKey(const Engine& engine, const Affine& key) : engine_(engine), key_(key) {}
  // Whether all of them hold, at most kTogether; sets their keys and tables itself. The first kUnaided are
  // checked without a table, then one is made, so that a key that signs once does not pay for it.
  bool hold(std::span<Question> signatures);

  static constexpr size_t kTogether = 64;
  static constexpr uint64_t kUnaided = 16;

 private:
  struct Free {
    void operator()(uint8_t* table) const;
  };
  const uint8_t* build();

  const Engine& engine_;
  const Affine key_;
  std::atomic<uint64_t> checked_ = 0;
  std::unique_ptr<uint8_t, Free> memory_;
  std::atomic<const uint8_t*> table_ = nullptr;
};

}  // namespace chengxin::sm2::impl
