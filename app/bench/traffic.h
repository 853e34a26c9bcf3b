#pragma once
#include <functional>
#include <string>

#include "format/transaction.h"

// What load generators send: signed transactions with digests that nobody else has.
namespace chengxin::app::bench {

struct Signer {
  crypto::Sm2PrivateKey key;
  format::KeyId id;
};
Signer signer_of(const crypto::Sm2PrivateKey& key);
Result<std::vector<Signer>> new_signers(size_t count);

Digest digest_of(uint64_t number);

// Runs work(i) for i in [0, count) on as many threads as there are cores.
void parallel(size_t count, const std::function<void(size_t)>& work);

// Transactions of a chain, valid from a minute ago for an hour.
Bytes transaction(const Digest& chain, const Signer& signer, std::vector<format::Call> calls,
                  std::span<const Bytes> attachments = {});
// That adds these digests to the evidence of the chain.
Bytes addition(const Digest& chain, const Signer& signer, std::span<const Digest> digests);

}  // namespace chengxin::app::bench
