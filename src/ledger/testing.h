#pragma once
#include <stdlib.h>

#include <algorithm>
#include <random>

#include "crypto/sm3.h"
#include "format/transaction.h"
#include "ledger/ledger.h"
#include "merkle/item_tree.h"

// What tests of the ledger, and of modules above it, set chains up with.
namespace chengxin::ledger::testing {

// A folder that goes with the object.
struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "chengxin-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

struct Signer {
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  format::KeyId id = format::key_id(key.public_key().point());
};

// test.anchor: arguments are u8 item_bytes; the attachment is items. test.keep: arguments are the SM3 of the
// attachment, which is not looked for later. test.put: arguments are u8 length || key
// || value under "test/"; an empty value deletes. test.fail refuses, test.break is a host fault,
// test.trespass writes elsewhere, test.burn uses all gas it may and is accepted.
inline ContractTable test_contract() {
  auto method = [](std::string name, std::function<Result<CallResult>(const CallContext&)> run) {
    Method out;
    out.contract = "test";
    out.name = std::move(name);
    out.role = "writer";
    out.writes = {"test/"};
    out.run = std::move(run);
    return out;
  };
  Method anchor = method("anchor", [](const CallContext& context) -> Result<CallResult> {
    CallResult result;
    const uint32_t item_bytes = context.arguments.size() == 1 ? context.arguments[0] : 0;
    if ((item_bytes != 32 && item_bytes != 64) || context.attachment.size() % item_bytes != 0) {
      result.status = format::ReceiptStatus::bad_arguments;
      return result;
    }
    result.indexed_item_bytes = item_bytes;
    result.events.push_back({"test", "anchored", to_bytes(context.arguments)});
    return result;
  });
  anchor.stands_for = [](ByteView, ByteView) { return true; };  // the tests give each body one
  Method keep = method("keep", [](const CallContext& context) -> Result<CallResult> {
    CallResult result;
    if (!equal(crypto::sm3(context.attachment), context.arguments))
      result.status = format::ReceiptStatus::bad_arguments;
    return result;
  });
  keep.stands_for = [](ByteView arguments, ByteView attachment) {
    return equal(crypto::sm3(attachment), arguments);
  };
  Method put = method("put", [](const CallContext& context) -> Result<CallResult> {
    CallResult result;
    Reader in(context.arguments);
    const std::string key = "test/" + to_string(in.take(in.be<uint8_t>()));
    const Bytes value = to_bytes(in.take(in.remaining()));
    ASSIGN(auto before, context.state.get(key));
    if (value.empty())
      context.state.erase(key);
    else
      context.state.put(key, value);
    result.output = before.value_or(Bytes());
    return result;
  });
  return {
      std::move(anchor),
      std::move(keep),
      std::move(put),
      method("fail",
             [](const CallContext& context) -> Result<CallResult> {
               context.state.put("test/failed", {1});
               CallResult result;
               result.status = format::ReceiptStatus::refused;
               result.output = to_bytes(view("test.refused"));
               return result;
             }),
      method("break",
             [](const CallContext&) -> Result<CallResult> { return fail(Code::internal, "test.broken"); }),
      method("burn",
             [](const CallContext& context) -> Result<CallResult> {
               CallResult result;
               result.gas = context.gas;
               return result;
             }),
      method("trespass", [](const CallContext& context) -> Result<CallResult> {
        context.state.put("other/key", {1});
        return CallResult();
      })};
}

struct TestChain {
  Signer validator, governor, writer;
  format::Genesis genesis;
  explicit TestChain(std::string name = "test") {
    genesis.name = std::move(name);
    genesis.created_ms = 1'700'000'000'000;
    genesis.validators.members = {{validator.key.public_key().point(), 1}};
    genesis.accounts = {{governor.key.public_key().point(), {"governor"}},
                        {writer.key.public_key().point(), {"writer"}}};
  }
  std::string document() const { return genesis.encode(); }
  Digest chain() const { return format::Genesis::chain_id(document()); }
  Options options() const {
    Options out;
    out.contracts = test_contract();
    return out;
  }

  format::TransactionBody body(const Signer& signer, int64_t now_ms, std::vector<format::Call> calls) const {
    format::TransactionBody out;
    out.chain = chain();
    out.signer = signer.id;
    out.valid_from_ms = uint64_t(now_ms - 1000);
    out.valid_until_ms = uint64_t(now_ms + 60'000);
    static std::mt19937_64 random(std::random_device{}());
    for (uint8_t& byte : out.nonce) byte = uint8_t(random());
    out.calls = std::move(calls);
    return out;
  }
  Bytes envelope(const Signer& signer, int64_t now_ms, std::vector<format::Call> calls,
                 const std::vector<Bytes>& attachments = {}) const {
    return format::sign_transaction(body(signer, now_ms, std::move(calls)), signer.key, attachments).value();
  }
};

inline format::Call anchor_call(uint8_t item_bytes = 32) { return {"test", "anchor", {item_bytes}}; }
inline format::Call keep_call(ByteView attachment) {
  return {"test", "keep", to_bytes(crypto::sm3(attachment))};
}
inline format::Call put_call(std::string_view key, ByteView value) {
  Bytes arguments = {uint8_t(key.size())};
  append(arguments, view(key));
  append(arguments, value);
  return {"test", "put", arguments};
}

// In the order of a set.
inline std::vector<format::Validator> equal_validators(std::initializer_list<const Signer*> signers) {
  std::vector<format::Validator> out;
  for (const Signer* each : signers) out.push_back({each->key.public_key().point(), 1});
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.public_key < b.public_key; });
  return out;
}

// Signs with every key, which must be members of the set.
inline format::Certificate certify(const Ledger::Executed& executed, const format::ValidatorSet& set,
                                   std::span<const Signer> signers) {
  format::Certificate out;
  for (size_t i = 0; i < set.members.size(); ++i)
    for (const Signer& signer : signers)
      if (set.members[i].public_key == signer.key.public_key().point())
        out.entries.push_back(
            {uint16_t(i), signer.key.sign(format::certificate_message(executed.header_hash)).value()});
  return out;
}

// A chain in a temporary folder, with a clock of its own that each block moves by a millisecond.
struct LiveChain {
  explicit LiveChain(TestChain& test) : setup(test) {
    ledger = Ledger::create(path(), setup.document(), setup.options()).value();
  }
  fs::path path() const { return folder.path / "chain"; }
  Status reopen() {
    ledger.reset();
    ASSIGN(ledger, Ledger::open(path(), setup.options()));
    return {};
  }
  Result<Ledger::Executed> add_block(std::span<const Bytes> envelopes) {
    std::vector<AdmittedTransaction> transactions;
    for (const Bytes& envelope : envelopes) {
      ASSIGN(auto admitted, ledger->admit(envelope, time_ms));
      transactions.push_back(std::move(admitted));
    }
    ASSIGN(auto executed, ledger->execute(transactions, ++time_ms));
    TRY(ledger->commit(executed, certify(executed, ledger->head().next_validators, signers)));
    return executed;
  }
  Result<Ledger::Executed> add(const Signer& signer, std::vector<format::Call> calls,
                               const std::vector<Bytes>& attachments = {}) {
    const Bytes envelope = setup.envelope(signer, time_ms, std::move(calls), attachments);
    return add_block(std::span(&envelope, 1));
  }
  Bytes items(size_t count, size_t item_bytes = 32) {
    Bytes out(count * item_bytes);
    for (uint8_t& byte : out) byte = uint8_t(random());
    return out;
  }

  TestChain& setup;
  TemporaryFolder folder;
  std::vector<Signer> signers = {setup.validator};
  int64_t time_ms = 1'700'000'100'000;
  std::mt19937_64 random{7};
  std::unique_ptr<Ledger> ledger;
};

}  // namespace chengxin::ledger::testing
