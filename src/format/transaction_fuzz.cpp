#include "base/check.h"
#include "format/genesis.h"
#include "format/record.h"
#include "format/transaction.h"

// Every decoder of what a stranger may send; what decodes must encode to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::format;
  ByteView bytes(data, size);
  if (auto transaction = decode_transaction(bytes))
    CHECK(encode_body(transaction->body) == transaction->body_bytes);
  if (auto body = decode_body(bytes)) CHECK(equal(encode_body(*body), bytes));
  if (auto call = decode_evidence_add(bytes)) CHECK(equal(encode_evidence_add(*call), bytes));
  if (auto events = decode_events(bytes)) CHECK(equal(encode_events(*events), bytes));
  if (auto set = ValidatorSet::decode(bytes)) CHECK(equal(set->encode(), bytes));
  if (auto certificate = Certificate::decode(bytes)) CHECK(equal(certificate->encode(), bytes));
  if (auto record = decode_record(bytes)) CHECK(equal(encode_record(*record), bytes));
  if (auto genesis = Genesis::decode(text(bytes))) CHECK(genesis->encode() == text(bytes));
  (void)Receipt::decode(bytes);
  (void)Header::decode(bytes);
  (void)Account::decode(bytes);
  return 0;
}
