#include "bench/traffic.h"

#include <thread>

#include "base/clock.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "merkle/log_tree.h"

namespace chengxin::app::bench {

Signer signer_of(const crypto::Sm2PrivateKey& key) { return {key, format::key_id(key.public_key().point())}; }

Result<std::vector<Signer>> new_signers(size_t count) {
  std::vector<Signer> signers;
  while (signers.size() < count) {
    ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
    signers.push_back(signer_of(key));
  }
  return signers;
}

Digest digest_of(uint64_t number) {
  Bytes bytes = to_bytes(view("bench"));
  put_be(bytes, number);
  return crypto::sm3(bytes);
}

void parallel(size_t count, const std::function<void(size_t)>& work) {
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> running;
  for (size_t t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      for (size_t i = t; i < count; i += threads) work(i);
    });
  for (std::thread& thread : running) thread.join();
}

Bytes transaction(const Digest& chain, const Signer& signer, std::vector<format::Call> calls,
                  std::span<const Bytes> attachments) {
  format::TransactionBody body;
  body.chain = chain;
  body.signer = signer.id;
  body.valid_from_ms = uint64_t(now_ms() - 60'000);
  body.valid_until_ms = uint64_t(now_ms() + 3600'000);
  crypto::random_fill(body.nonce);
  body.calls = std::move(calls);
  return format::sign_transaction(body, signer.key, attachments).value();
}

Bytes addition(const Digest& chain, const Signer& signer, std::span<const Digest> digests) {
  format::EvidenceAdd add{{}, digests.size(), 32};
  std::vector<Digest> leaves;
  Bytes items;
  for (const Digest& digest : digests) {
    leaves.push_back(merkle::Log::leaf_hash(digest));
    append(items, digest);
  }
  add.root = merkle::Log::root_of(leaves);
  const std::vector<Bytes> attachments{items};
  return transaction(chain, signer, {{"evidence", "add", format::encode_evidence_add(add)}}, attachments);
}

}  // namespace chengxin::app::bench
