#include "evidence/contract.h"

#include <gtest/gtest.h>

#include "format/transaction.h"
#include "merkle/log_tree.h"

namespace chengxin::evidence {
namespace {

// The contract touches no state: any access fails the test.
struct NoState : ledger::StateView {
  Result<std::optional<Bytes>> get(std::string_view) override {
    ADD_FAILURE();
    return std::nullopt;
  }
  void put(std::string_view, Bytes) override { ADD_FAILURE(); }
  void erase(std::string_view) override { ADD_FAILURE(); }
  Result<ledger::StateRows> range(std::string_view, std::string_view, size_t) override {
    return ledger::StateRows();
  }
};

Bytes items(size_t count, size_t item_bytes) {
  Bytes out(count * item_bytes);
  for (size_t i = 0; i < out.size(); ++i) out[i] = uint8_t(i * 31 + i / 251);
  return out;
}

// The root by the definition of RFC 9162 section 2.1.1, leaf by leaf.
Digest plain_root(ByteView attachment, size_t item_bytes) {
  std::vector<Digest> leaves;
  for (size_t at = 0; at < attachment.size(); at += item_bytes)
    leaves.push_back(merkle::Log::leaf_hash(attachment.subspan(at, item_bytes)));
  return merkle::Log::root_of(leaves);
}

ledger::CallResult run(ByteView arguments, ByteView attachment) {
  format::Account account;
  NoState state;
  ledger::CallContext context{{}, account, 1, 1000, arguments, attachment, state};
  auto method = contract().front();
  auto result = method.run(context);
  EXPECT_TRUE(result);
  return *result;
}

// Admission refuses just what the call itself would, when it is about the attachment.
std::string refusal(const format::EvidenceAdd& call, ByteView attachment) {
  auto result = run(format::encode_evidence_add(call), attachment);
  EXPECT_EQ(contract()[0].stands_for(format::encode_evidence_add(call), attachment),
            result.status == format::ReceiptStatus::accepted);
  if (result.status == format::ReceiptStatus::accepted) return "accepted";
  EXPECT_EQ(result.status, format::ReceiptStatus::refused);
  EXPECT_EQ(result.indexed_item_bytes, 0u);
  EXPECT_TRUE(result.events.empty());
  return to_string(result.output);
}

TEST(EvidenceContract, DeclaresWhatItNeeds) {
  auto table = contract();
  ASSERT_EQ(table.size(), 1u);
  EXPECT_EQ(table[0].contract + "." + table[0].name, "evidence.add");
  EXPECT_EQ(table[0].role, "writer");
  EXPECT_TRUE(table[0].stands_for);
  EXPECT_TRUE(table[0].reads.empty());
  EXPECT_TRUE(table[0].writes.empty());
}

TEST(EvidenceContract, AcceptsRootsOfEveryShape) {
  for (size_t item_bytes : {32, 64})
    for (size_t count : {1, 2, 3, 15, 16, 17, 33, 255, 256, 257, 1000}) {
      Bytes attachment = items(count, item_bytes);
      Digest root = plain_root(attachment, item_bytes);
      auto result = run(format::encode_evidence_add({root, count, uint32_t(item_bytes)}), attachment);
      EXPECT_EQ(result.status, format::ReceiptStatus::accepted) << count << " of " << item_bytes;
      EXPECT_EQ(result.indexed_item_bytes, item_bytes);
      ASSERT_EQ(result.events.size(), 1u);
      Bytes expected = to_bytes(root);
      put_be(expected, uint64_t(count));
      EXPECT_EQ(result.events[0], (format::Event{"evidence", "added", expected}));
    }
}

TEST(EvidenceContract, AnyOtherByteIsAnotherRoot) {
  Bytes attachment = items(37, 32);
  Digest root = plain_root(attachment, 32);
  for (size_t i = 0; i < attachment.size(); i += 7) {
    attachment[i] ^= 1;
    EXPECT_EQ(refusal({root, 37, 32}, attachment), "evidence.root_mismatch") << i;
    attachment[i] ^= 1;
  }
  EXPECT_EQ(refusal({root, 37, 32}, attachment), "accepted");
}

TEST(EvidenceContract, RefusesOtherCountsAndLengths) {
  Bytes attachment = items(4, 32);
  Digest root = plain_root(attachment, 32);
  EXPECT_EQ(run(format::encode_evidence_add({root, 0, 32}), {}).status, format::ReceiptStatus::bad_arguments);
  EXPECT_EQ(run(format::encode_evidence_add({root, 4, 48}), attachment).status,
            format::ReceiptStatus::bad_arguments);
  EXPECT_EQ(refusal({root, kMaxItemsPerCall + 1, 32}, items(kMaxItemsPerCall + 1, 32)), "evidence.count");
  EXPECT_EQ(refusal({root, 3, 32}, attachment), "evidence.attachment_length");
  EXPECT_EQ(refusal({root, 5, 32}, attachment), "evidence.attachment_length");
  EXPECT_EQ(refusal({root, 4, 32}, ByteView(attachment).first(127)), "evidence.attachment_length");
  EXPECT_EQ(refusal({root, 4, 64}, attachment), "evidence.attachment_length");
  // Four items of 32 read as two of 64 have another root: the length of an item cannot be confused.
  EXPECT_EQ(refusal({root, 2, 64}, attachment), "evidence.root_mismatch");
  EXPECT_EQ(refusal({root, uint64_t(1) << 59, 32}, {}),
            "evidence.count");  // count × item_bytes would wrap to 0
}

TEST(EvidenceContract, TakesTheMostItems) {
  Bytes attachment = items(kMaxItemsPerCall, 32);
  EXPECT_EQ(refusal({plain_root(attachment, 32), kMaxItemsPerCall, 32}, attachment), "accepted");
}

TEST(EvidenceContract, MalformedArgumentsAreSaidSo) {
  Bytes good = format::encode_evidence_add({plain_root(items(1, 32), 32), 1, 32});
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(run(ByteView(good).first(size), items(1, 32)).status, format::ReceiptStatus::accepted) << size;
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(run(longer, items(1, 32)).status, format::ReceiptStatus::bad_arguments);
}

}  // namespace
}  // namespace chengxin::evidence
