// contract_determinism [--golden FILE [--renew]] {NAME wasm|evm INTERFACE CODE}…: the same 10,000
// transactions, recorded from a seed, through chains with 1, 2 and 4 threads, with what was loaded before and
// with nothing, closed and opened again, and as a copy made of a chain's parts. All must end in the same
// block; with a golden file, in the one that it names, with the gas that it names (--renew writes it: what
// makes that necessary is a new version of the protocol). The contracts are samples: token or notary, by the
// beginning of the name.
#include <fstream>

#include "base/check.h"
#include "deployed_chain.h"
#include "evidence/contract.h"
#include "ledger/importer.h"

using namespace chengxin;
using namespace chengxin::contract;
using contract::testing::Built;
using ledger::testing::Signer;

namespace {

constexpr size_t kBlocks = 100, kInBlock = 100, kWriters = 24;
constexpr int64_t kStart = 1'700'000'100'000;

struct FixedChain : ledger::testing::TestChain {
  std::vector<Signer> writers{kWriters};
  FixedChain() : TestChain("determinism") {
    uint8_t number = 0;
    const auto fix = [&](Signer& signer) {
      Bytes scalar(32);
      scalar.back() = ++number;
      signer.key = crypto::Sm2PrivateKey::from_scalar(scalar).value();
      signer.id = format::key_id(signer.key.public_key().point());
    };
    for (Signer* each : {&validator, &governor, &writer}) fix(*each);
    for (Signer& each : writers) fix(each);
    genesis.protocol = kContractsProtocol;
    genesis.validators.members = {{validator.key.public_key().point(), 1}};
    genesis.accounts = {{governor.key.public_key().point(), {"governor", "writer"}}};
    for (const Signer& each : writers)
      genesis.accounts.push_back({each.key.public_key().point(), {"writer"}});
  }
};

// Envelopes by block. Their signatures differ from run to run, which no block is made of.
struct Recording {
  const FixedChain& setup;
  const std::vector<Built>& codes;
  std::mt19937_64 random{1};
  std::vector<std::vector<Bytes>> blocks;
  const Digest chain = setup.chain();

  Recording(const FixedChain& fixed, const std::vector<Built>& all) : setup(fixed), codes(all) {
    blocks.resize(kBlocks);
    for (const Built& code : codes) begin(code);
    for (size_t i = 0; i < kBlocks; ++i) {
      if (i == kBlocks / 3)
        for (const Built& code : codes) upgrade(code, i);
      while (blocks[i].size() < kInBlock) add(i, some_writer(), {something(i)});
    }
  }
  uint64_t pick(uint64_t bound) { return random() % bound; }
  const Signer& some_writer() { return setup.writers[pick(kWriters)]; }
  std::string address_of(const Signer& signer) const {
    return "0x" + hex(format::account_address(signer.key.public_key().point()));
  }
  Bytes noise(size_t size) {
    Bytes out(size);
    for (uint8_t& byte : out) byte = uint8_t(random());
    return out;
  }
  void add(size_t block, const Signer& signer, std::pair<format::Call, std::vector<Bytes>> what) {
    format::TransactionBody body;
    body.chain = chain;
    body.signer = signer.id;
    body.valid_from_ms = uint64_t(kStart);
    body.valid_until_ms = uint64_t(kStart + 60'000);
    const Bytes nonce = noise(body.nonce.size());
    std::copy(nonce.begin(), nonce.end(), body.nonce.begin());
    body.calls = {std::move(what.first)};
    blocks[block].push_back(format::sign_transaction(body, signer.key, what.second).value());
  }
  void govern(size_t block, std::string method, Bytes arguments, std::vector<Bytes> attachments = {}) {
    add(block, setup.governor,
        {{"contract", std::move(method), std::move(arguments)}, std::move(attachments)});
  }
  void propose(size_t block, const Built& code, uint32_t version, uint8_t source) {
    const Bytes package =
        format::ContractPackage{code.engine, code.code, code.interface.json(), Digest{source}, "test"}
            .encode();
    govern(block, "propose", format::ContractPropose{code.name, crypto::sm3(package)}.encode(), {package});
    format::ContractVersionRef call{code.name, version, {}};
    govern(block, "approve", call.encode());
    for (const Entry& entry : code.interface.entries)
      if (entry.kind == Entry::Kind::constructor)
        call.input = encode(entry.inputs, Json::array({"Token", "T", "1000000"})).value();
    govern(block, "deploy", call.encode());
  }
  void begin(const Built& code) {
    propose(0, code, 1, 1);
    if (!code.name.starts_with("token")) return;
    for (const Signer& each : setup.writers)
      add(0, setup.governor, {code.call("transfer", Json::array({address_of(each), "1000"})), {}});
  }
  void upgrade(const Built& code, size_t block) { propose(block, code, 2, 2); }

  std::pair<format::Call, std::vector<Bytes>> something(size_t block) {
    const Built& code = codes[pick(codes.size())];
    const uint64_t kind = pick(100);
    if (kind < 2) {
      govern(block, pick(4) ? "unfreeze" : "freeze", format::ContractReason{code.name, "to see"}.encode());
    } else if (kind < 4) {
      const Digest key = crypto::sm3(noise(8));
      add(block, setup.governor,
          {{"governance", "register_key",
            format::encode_register_key(crypto::Sm2PrivateKey::from_scalar(key).value().public_key().point(),
                                        {"writer"})},
           {}});
    } else if (kind < 34) {
      const size_t count = 1 + pick(kind == 4 ? 2000 : 20);
      const Bytes items = noise(32 * count);
      return {{"evidence", "add",
               format::encode_evidence_add(
                   {merkle::Items::root(merkle::Items::group_hashes(items, 32)), count, 32})},
              {items}};
    }
    if (code.name.starts_with("notary"))
      return {code.call("record", Json::array({"0x" + hex(crypto::sm3(Bytes{uint8_t(pick(200))})),
                                               std::string(pick(60), 'x')})),
              {}};
    const Json transfer = Json::array({address_of(some_writer()), std::to_string(pick(400))});
    if (kind < 45) return {code.call("approve", transfer), {}};
    if (kind < 55)
      return {code.call("transferFrom", Json::array({address_of(some_writer()), transfer[0], transfer[1]})),
              {}};
    return {code.call("transfer", transfer), {}};
  }
};

// Where a chain ends, and the gas that was used, by contract.
struct End {
  Digest header{};
  std::map<std::string, uint64_t> gas;
  uint64_t transactions = 0, accepted = 0;
  bool operator==(const End&) const = default;
  std::string text() const {
    std::string out =
        fmt::format("header {}\ntransactions {}\naccepted {}\n", hex(header), transactions, accepted);
    for (const auto& [name, used] : gas) out += fmt::format("gas {} {}\n", name, used);
    return out;
  }
};

class Run {
 public:
  Run(FixedChain& setup, std::shared_ptr<const Registry> registry, size_t threads)
      : setup_(setup), threads_(threads), chain_(setup) {
    open(std::move(registry));
  }
  ledger::Options options(const std::shared_ptr<const Registry>& registry) const {
    auto out = contract::testing::with_contracts(setup_.options(), registry, threads_);
    for (auto& row : evidence::contract()) out.contracts.push_back(std::move(row));
    return out;
  }
  void open(std::shared_ptr<const Registry> registry) {
    chain_.ledger.reset();
    chain_.ledger = ledger::Ledger::open(chain_.path(), options(registry)).value();
  }
  void play(const std::vector<std::vector<Bytes>>& blocks, size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      const std::vector<ByteView> views(blocks[i].begin(), blocks[i].end());
      std::vector<ledger::AdmittedTransaction> admitted;
      for (auto& each : chain_.ledger->admit(views, kStart)) admitted.push_back(each.value());
      const auto block = chain_.ledger->execute(admitted, kStart + int64_t(i) + 1).value();
      CHECK(block.dropped.empty());
      CHECK(chain_.ledger->commit(
          block, ledger::testing::certify(block, chain_.ledger->head().next_validators, chain_.signers)));
      for (size_t k = 0; k < block.included.size(); ++k) {
        const auto receipt = format::Receipt::decode(block.receipts[k]).value();
        const auto& call = block.included[k]->body.calls[0];
        end_.gas[call.contract] += receipt.gas;
        ++end_.transactions;
        end_.accepted += receipt.status == 0;
      }
    }
    end_.header = chain_.ledger->head().header_hash;
  }
  // The chain goes on as a copy that was made of its parts.
  void become_copy(const std::shared_ptr<const Registry>& registry) {
    const fs::path copy = chain_.folder.path / "copy";
    auto importer = ledger::Importer::open(copy, setup_.document(), options(registry)).value();
    const auto parts = chain_.ledger->chunks().value();
    for (const auto& part : parts) CHECK(importer->take(chain_.ledger->read_chunk(part).value()));
    CHECK(importer->finish({}));
    importer.reset();
    chain_.ledger.reset();
    fs::remove_all(chain_.path());
    fs::rename(copy, chain_.path());
    open(registry);
  }
  bool verified() const { return bool(chain_.ledger->verify({})); }
  const End& end() const { return end_; }

 private:
  FixedChain& setup_;
  const size_t threads_;
  ledger::testing::LiveChain chain_;
  End end_;
};

std::string whole(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int main(int count, char** words) {
  std::string golden;
  bool renew = false;
  std::vector<Built> codes;
  for (int i = 1; i < count;) {
    const std::string word = words[i];
    if (word == "--golden" && i + 1 < count) {
      golden = words[i + 1];
      i += 2;
    } else if (word == "--renew") {
      renew = true;
      ++i;
    } else if (i + 3 < count) {
      codes.push_back({word, read_file(words[i + 3], 16 << 20).value(),
                       parse_interface(whole(words[i + 2])).value(),
                       std::string_view(words[i + 1]) == "evm" ? format::ContractEngine::evm
                                                               : format::ContractEngine::wasm});
      i += 4;
    } else {
      return 2;
    }
  }
  FixedChain setup;
  const Recording recording(setup, codes);
  const auto warm = contract::testing::new_registry(), cold = contract::testing::new_registry();
  std::vector<std::pair<std::string, End>> ends;
  const auto run = [&](const char* what, size_t threads, const auto& registry, const auto& half_way) {
    Run one(setup, registry, threads);
    one.play(recording.blocks, 0, kBlocks / 2);
    half_way(one);
    one.play(recording.blocks, kBlocks / 2, kBlocks);
    CHECK(one.verified());
    ends.emplace_back(what, one.end());
  };
  const auto nothing = [](Run&) {};
  run("1 thread", 1, warm, nothing);
  run("2 threads, all loaded", 2, warm, nothing);
  run("4 threads, all loaded", 4, warm, nothing);
  run("4 threads, opened again half way with nothing loaded", 4, warm, [&](Run& one) { one.open(cold); });
  run("2 threads, half way a copy takes its place", 2, cold, [&](Run& one) { one.become_copy(cold); });

  int bad = 0;
  for (const auto& [what, end] : ends) {
    const bool same = end == ends[0].second;
    fmt::print("{}: {}{}\n", what, hex(end.header), same ? "" : "  ANOTHER");
    bad += !same;
  }
  const std::string told = ends[0].second.text();
  fmt::print("{}", told);
  if (renew) std::ofstream(golden) << told;
  if (!golden.empty() && whole(golden) != told) {
    fmt::print("{} says otherwise:\n{}", golden, whole(golden));
    ++bad;
  }
  return bad;
}
