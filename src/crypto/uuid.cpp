#include "crypto/uuid.h"

#include <algorithm>

#include "crypto/random.h"

namespace chengxin::crypto {
namespace {

Id with_time(int64_t time_ms) {
  Id id{};
  for (int i = 0; i < 6; ++i) id[i] = uint8_t(time_ms >> (40 - 8 * i));
  return id;
}

}  // namespace

std::string to_text(const Id& id) {
  std::string digits = hex(id);
  for (size_t at : {20, 16, 12, 8}) digits.insert(at, 1, '-');
  return digits;
}

std::optional<Id> parse_id(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string digits(text);
  for (size_t at : {23, 18, 13, 8}) {
    if (digits[at] != '-') return std::nullopt;
    digits.erase(at, 1);
  }
  auto bytes = unhex(digits);
  if (!bytes) return std::nullopt;
  Id id{};
  std::copy(bytes->begin(), bytes->end(), id.begin());
  return to_text(id) == text ? std::optional(id) : std::nullopt;
}

int64_t id_time_ms(const Id& id) {
  int64_t time_ms = 0;
  for (int i = 0; i < 6; ++i) time_ms = time_ms << 8 | id[i];
  return time_ms;
}

Id first_id_at(int64_t time_ms) { return with_time(std::clamp<int64_t>(time_ms, 0, (int64_t(1) << 48) - 1)); }

Id IdSource::next(int64_t now_ms) {
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    counter_ = 0;
  } else if (++counter_ == 0x1000) {  // more than 4,096 in one millisecond: run ahead of the clock
    ++last_ms_;
    counter_ = 0;
  }
  Id id = with_time(last_ms_);
  crypto::random_fill(std::span(id).subspan(8));
  id[6] = uint8_t(0x70 | counter_ >> 8);
  id[7] = uint8_t(counter_);
  id[8] = uint8_t(0x80 | (id[8] & 0x3f));
  return id;
}

}  // namespace chengxin::crypto
