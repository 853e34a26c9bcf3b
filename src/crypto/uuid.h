#pragma once
#include <optional>

#include "base/bytes.h"

// UUID version 7 (RFC 9562 section 5.7): ids that sort by the time they were made at.
namespace chengxin::crypto {

using Id = std::array<uint8_t, 16>;

std::string to_text(const Id& id);                  // 8-4-4-4-12 hexadecimal, lower case
std::optional<Id> parse_id(std::string_view text);  // that form only
int64_t id_time_ms(const Id& id);
Id first_id_at(int64_t time_ms);  // not above any id of that millisecond

// Strictly ascending ids. Not thread-safe.
class IdSource {
 public:
  Id next(int64_t now_ms);

 private:
  int64_t last_ms_ = 0;
  uint16_t counter_ = 0;  // the 12 bits after the time (RFC 9562 section 6.2, method 1)
};

}  // namespace chengxin::crypto
