#include "sm2/impl/digest.h"

namespace chengxin::sm2 {
namespace {

// a, b, xG, yG as they enter Z_A: GB/T 32918.5.
constexpr uint8_t kCurve[128] = {
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,
    0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7,
    0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,
    0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,
    0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
    0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53,
    0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0};

// ENTL || ID || a || b || xG || yG
Bytes head_of(std::string_view id) {
  Bytes head;
  head.reserve(2 + id.size() + sizeof kCurve);
  put_be(head, uint16_t(id.size() * 8));
  append(head, view(id));
  append(head, kCurve);
  return head;
}

const Bytes& default_head() {
  static const Bytes head = head_of(kDefaultId);
  return head;
}

}  // namespace

std::optional<Digest> z_of(const Point& key, std::string_view id) {
  if (id.size() > kMaxIdBytes) return std::nullopt;
  const Bytes head = head_of(id);
  const sm3::Message message{head, ByteView(key).subspan(1), {}};
  Digest z;
  sm3::hash_many({&message, 1}, {&z, 1});
  return z;
}

namespace impl {

void digests_of(std::span<const Check> checks, std::span<Table* const> tables, std::span<Digest> e,
                std::span<uint8_t> fits) {
  // Z_A of those that have no table, or another id, all in one pass.
  std::vector<sm3::Message> messages;
  std::vector<Bytes> heads;  // of other ids; no message may move when it grows
  heads.reserve(checks.size());
  std::vector<size_t> asked;
  std::vector<Digest> z(checks.size());
  for (size_t i = 0; i < checks.size(); ++i) {
    const std::string_view id = checks[i].id;
    fits[i] = id.size() <= kMaxIdBytes;
    if (!fits[i]) continue;
    if (tables[i] && id == kDefaultId) {
      z[i] = tables[i]->z_default;
      continue;
    }
    ByteView head = id == kDefaultId ? ByteView(default_head()) : ByteView(heads.emplace_back(head_of(id)));
    messages.push_back({head, ByteView(*checks[i].key).subspan(1), {}});
    asked.push_back(i);
  }
  if (!asked.empty()) {
    std::vector<Digest> answers(asked.size());
    sm3::hash_many(messages, answers);
    for (size_t i = 0; i < asked.size(); ++i) z[asked[i]] = answers[i];
  }
  messages.clear();
  for (size_t i = 0; i < checks.size(); ++i)
    messages.push_back({z[i], fits[i] ? checks[i].message : ByteView(), {}});
  sm3::hash_many(messages, e);
}

}  // namespace impl
}  // namespace chengxin::sm2
