#pragma once
#include <random>

#include "format/consortium.h"
#include "ledger/ledger.h"

// What the simulator makes chains of: keys that are the same in every run, a genesis, transactions.
namespace chengxin::simulator {

using Random = std::mt19937_64;
using EngineKey = std::array<uint8_t, 32>;

inline constexpr size_t kMembers = 9, kKeysEach = 3;
inline constexpr int64_t kStartMs = 1'700'000'000'000;

struct Signer {
  crypto::Sm2PrivateKey key;
  format::KeyId id{};
};

struct Member {
  std::vector<crypto::Sm2PrivateKey> keys;  // of certificates: the first, and what it may be replaced with
  std::vector<EngineKey> engine_keys;       // the same of the engine
  crypto::Sm2Point service_key{};
  std::array<uint8_t, 20> engine_id{};
  format::Node node(size_t number) const;  // with the first of each
};

struct Material {
  std::vector<Member> members;
  Signer governor, writer;
  Bytes root;
};
const Material& material();  // made once for the process

// A chain of the first members, with a weight each.
format::Consortium make_consortium(const std::vector<uint64_t>& weights);
format::Genesis make_genesis(const format::Consortium& consortium);
ledger::Options ledger_options();

struct Window {
  int64_t from_ms = 0, until_ms = 0;
};
Bytes make_transaction(const Digest& chain, const Signer& signer, Window window,
                       std::vector<format::Call> calls, const std::vector<Bytes>& attachments,
                       Random& random);
format::Call evidence_call(ByteView items);  // 32 bytes each

}  // namespace chengxin::simulator
