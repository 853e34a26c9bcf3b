#pragma once
#include "format/transaction.h"
#include "merkle/state_tree.h"
#include "store/database.h"

// Keys of a chain's store, as docs/formats/store.md lists them. Integers are big-endian, so byte order is
// numeric order.
namespace chengxin::ledger::keys {

inline constexpr uint32_t kStoreVersion = 1;

// main
inline Bytes named(std::string_view name) { return to_bytes(view(name)); }  // "format", "genesis", "oldest"

inline Bytes numbered(char kind, uint64_t number) {
  Bytes key = {uint8_t(kind)};
  put_be(key, number);
  return key;
}
inline Bytes block(uint64_t height) { return numbered('B', height); }
inline Bytes transition(uint64_t height) { return numbered('V', height); }
inline Bytes tile(uint8_t level, uint64_t index) {
  Bytes key = {'L', level};
  put_be(key, index);
  return key;
}

// log
enum class Part : uint8_t { record = 0, attachment = 1, item_hashes = 2 };

inline Bytes record(uint64_t log_index) {
  Bytes key;
  put_be(key, log_index);
  key.push_back(uint8_t(Part::record));
  return key;
}
inline Bytes chunk(uint64_t log_index, Part part, uint16_t attachment, uint32_t number) {
  Bytes key;
  put_be(key, log_index);
  key.push_back(uint8_t(part));
  put_be(key, attachment);
  put_be(key, number);
  return key;
}

// index
using Place = std::array<uint8_t, 33>;
inline Place place(const Digest& transaction_hash) {
  Place key{'T'};
  std::memcpy(key.data() + 1, transaction_hash.data(), transaction_hash.size());
  return key;
}
inline Bytes by_hash(const Digest& transaction_hash) {
  const Place key = place(transaction_hash);
  return {key.begin(), key.end()};
}
using PlaceValue = std::array<uint8_t, 8>;  // the log index
inline PlaceValue place_value(uint64_t log_index) {
  PlaceValue out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = uint8_t(log_index >> (56 - 8 * i));
  return out;
}
inline constexpr size_t kItemKeyBytes = 33 + 6 + 1 + 4;
using ItemKey = std::array<uint8_t, kItemKeyBytes>;
// 'D' || digest || log index (48 bits) || call || position
inline ItemKey item(const uint8_t* digest, uint64_t log_index, uint16_t call, uint32_t position) {
  ItemKey key;
  key[0] = 'D';
  std::memcpy(key.data() + 1, digest, 32);
  for (int i = 0; i < 6; ++i) key[33 + i] = uint8_t(log_index >> (40 - 8 * i));
  key[39] = uint8_t(call);
  for (int i = 0; i < 4; ++i) key[40 + i] = uint8_t(position >> (24 - 8 * i));
  return key;
}
struct ItemPlace {
  uint64_t log_index;
  uint16_t call;
  uint32_t position;
};
inline ItemPlace item_place(ByteView key) {
  return {uint64_t(get_be<uint16_t>(&key[33])) << 32 | get_be<uint32_t>(&key[35]), key[39],
          get_be<uint32_t>(&key[40])};
}

// state
inline Bytes node(ByteView node_key) {
  Bytes key = {'N'};
  append(key, node_key);
  return key;
}
inline Bytes value(ByteView state_key) {
  Bytes key = {'K'};
  append(key, state_key);
  return key;
}
// Values by version, the newest first: for proofs at earlier heights.
inline Bytes value_at(const Digest& state_path, uint64_t version) {
  Bytes key = {'O'};
  append(key, state_path);
  put_be(key, ~version);
  return key;
}
// Keys of deployed contracts that have a value or had one: what a range at an earlier height looks through.
inline Bytes ever(ByteView state_key) {
  Bytes key = {'E'};
  append(key, state_key);
  return key;
}
inline Bytes stale(uint64_t version) { return numbered('S', version); }

}  // namespace chengxin::ledger::keys
