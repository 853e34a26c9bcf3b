#pragma once
#include "identity/contract.h"
#include "identity/reads.h"
#include "ledger/testing.h"

// A chain with identities, for tests of this module and of those above it.
namespace chengxin::identity::testing {

using ledger::testing::LiveChain;
using ledger::testing::Signer;
using ledger::testing::TestChain;

// An identity of a test: its id and the keys that it has.
struct Party {
  SubjectId id{};
  Signer key;
};

struct IdentityChain {
  TestChain setup;
  Signer second_governor, admin, registrar, other_registrar;
  std::unique_ptr<LiveChain> chain;
  uint64_t seeds = 0;

  explicit IdentityChain(uint32_t protocol = kIdentityProtocol) {
    for (const Signer* each : {&second_governor, &admin, &registrar, &other_registrar}) {
      const bool governs = each == &second_governor;
      setup.genesis.accounts.push_back({each->key.public_key().point(), {governs ? "governor" : "writer"}});
    }
    chain = std::make_unique<LiveChain>(setup);
    chain->ledger.reset();
    fs::remove_all(chain->path());
    setup.genesis.protocol = protocol;
    chain->ledger = ledger::Ledger::create(chain->path(), setup.document(), options()).value();
  }
  ledger::Options options() const {
    ledger::Options out;
    out.contracts = contract();
    out.highest_protocol = kIdentityProtocol;
    return out;
  }
  void open() {
    chain->ledger.reset();
    chain->ledger = ledger::Ledger::open(chain->path(), options()).value();
  }

  template <typename T>
  static format::Call call(std::string method, const T& arguments) {
    return {"identity", std::move(method), encode(arguments)};
  }
  // The reason of a transaction in a block of its own, or why it was not admitted; empty: accepted.
  std::string run(const Signer& signer, format::Call made) {
    auto block = chain->add(signer, {std::move(made)});
    if (!block) return block.error().reason;
    const auto record = chain->ledger->transaction(block->included.at(0)->hash).value();
    output = record.output;
    if (record.receipt.status == uint32_t(format::ReceiptStatus::accepted)) return {};
    return to_string(record.output);
  }
  template <typename T>
  std::string run(const Signer& signer, std::string method, const T& arguments) {
    return run(signer, call(std::move(method), arguments));
  }
  uint64_t number() const { return get_be<uint64_t>(output.data()); }  // that the last call gave

  Read read() const { return reader(*chain->ledger); }
  Subject subject(const SubjectId& id) const { return subject_of(read(), id).value(); }
  Expected now(const SubjectId& id) const { return {id, subject(id).version}; }

  // An admin, and a registrar who may do everything else to every kind.
  void appoint() {
    const auto all = Flags<Kind>::all();
    SetRegistrar first{admin.id, {{Right::admin}, all}};
    SetRegistrar second{registrar.id, {Flags<Right>::all(), all}};
    second.registrar.rights.bits &= ~Flags<Right>::bit(Right::admin);
    SetRegistrar third = second;
    third.key = other_registrar.id;
    for (const auto& [signer, each] :
         {std::pair(&setup.governor, &first), {&admin, &second}, {&admin, &third}})
      if (run(*signer, "set_registrar", *each) != "") std::abort();
  }
  Bytes seed() {
    Bytes out(16);
    for (size_t i = 0; i < 8; ++i) out[8 + i] = uint8_t(seeds >> (8 * i));
    ++seeds;
    return out;
  }
  static Key key_of(const Signer& signer, Flags<Purpose> purposes = Flags<Purpose>::all()) {
    return {signer.key.public_key().point(), purposes, {}};
  }
  NewSubject made(const Party& party, Kind kind = Kind::natural) {
    NewSubject out;
    out.kind = kind;
    out.seed = seed();
    out.keys = {key_of(party.key)};
    return out;
  }
  SubjectId id_of(const NewSubject& made) const { return subject_id(setup.chain(), registrar.id, made.seed); }
  Party enrol(Kind kind = Kind::natural, std::optional<SubjectId> parent = {}) {
    Party out;
    NewSubject subject = made(out, kind);
    subject.parent = parent;
    out.id = id_of(subject);
    if (run(registrar, "register", Register{{subject}}) != "") std::abort();
    return out;
  }
  ProvenKey proven(const Expected& of, const Signer& key,
                   Flags<Purpose> purposes = Flags<Purpose>::all()) const {
    return {key_of(key, purposes), key.key.sign(possession_message(setup.chain(), of, key.id)).value()};
  }

  Bytes output;
};

}  // namespace chengxin::identity::testing
