#pragma once
#include <mutex>

#include "comet/impl/standing.h"

// Signatures of blocks that wait for their certificates, as they came in vote extensions. Only such that hold
// are kept, and of the two newest blocks only. Thread-safe.
namespace chengxin::comet {

class Signatures {
 public:
  // Whether the extension of that voter is as it must be: the signature of `block` with the voter's key, or
  // nothing when there is no block. Depends on nothing else.
  Status check(const std::optional<Uncertified>& block, const EngineAddress& voter, ByteView extension);

  // The certificate of `block` out of what is held and of these extensions, of which any may be bad: bad ones
  // are left out. comet.certificate_short: too few are good.
  struct Given {
    EngineAddress voter;
    ByteView extension;
  };
  Result<format::Certificate> certificate(const Uncertified& block, std::span<const Given> given);

  void forget_below(uint64_t height);

 private:
  void keep(uint64_t height, uint16_t index, const crypto::Sm2Signature& signature);
  std::map<uint16_t, crypto::Sm2Signature> held(uint64_t height) const;

  mutable std::mutex mutex_;
  std::map<uint64_t, std::map<uint16_t, crypto::Sm2Signature>> held_;  // by height, by index in the set
};

}  // namespace chengxin::comet
