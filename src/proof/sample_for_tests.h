#pragma once
#include <map>

#include "crypto/authority.h"
#include "crypto/timestamp.h"
#include "merkle/state_tree.h"
#include "proof/bundle.h"

// Bundles made from the formats alone, without a ledger: every part can be bent in a test.
namespace chengxin::proof {

struct SampleOptions {
  bool record = true, timestamp = true;
  size_t transitions = 0, items = 7, transactions = 11;
  std::vector<uint64_t> weights = {1};
};

class Sample {
 public:
  explicit Sample(SampleOptions options = {});

  Bundle bundle;
  Anchor anchor;
  Digest file_digest{};

  // Makes the parts that depend on others anew after a test has bent one: log, header, certificate,
  // time-stamp.
  void seal();
  void sign_body();
  void sign_raw(Bytes body_bytes);                           // a body of any bytes, well signed
  void set_record(std::vector<format::RecordEntry> record);  // well committed to, whatever it says

  format::TransactionBody body;
  format::Receipt receipt;
  format::Header header;
  format::Genesis genesis;

 private:
  struct Members {
    std::vector<crypto::Sm2PrivateKey> keys;
    format::ValidatorSet set;
  };
  static Members make_members(const std::vector<uint64_t>& weights);
  static Bytes certify(const Members& members, const Digest& header_hash);
  void make_item();
  void make_transitions();

  SampleOptions options_;
  crypto::Sm2PrivateKey signer_;
  Members members_;
  std::shared_ptr<crypto::TimestampAuthority> authority_;
  Bytes root_der_;
};

}  // namespace chengxin::proof
