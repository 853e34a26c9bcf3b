#include <gtest/gtest.h>

#include <random>
#include <set>

#include "crypto/sm3.h"
#include "format/genesis.h"
#include "format/record.h"
#include "format/transaction.pb.h"

namespace chengxin::format {
namespace {

Digest digest_of(uint64_t seed) {
  Bytes bytes;
  put_be(bytes, seed);
  return crypto::sm3(bytes);
}

TransactionBody sample_body() {
  TransactionBody body;
  body.chain = digest_of(1);
  body.signer.fill(7);
  body.valid_from_ms = 1000;
  body.valid_until_ms = 2000;
  body.nonce.fill(9);
  body.calls = {{"evidence", "add", {1, 2, 3}}, {"governance", "revoke_key", {}}};
  return body;
}

TEST(Transaction, BodyRoundTrips) {
  TransactionBody body = sample_body();
  auto again = decode_body(encode_body(body)).value();
  EXPECT_EQ(again.chain, body.chain);
  EXPECT_EQ(again.calls, body.calls);
  EXPECT_EQ(again.valid_until_ms, 2000u);
}

TEST(Transaction, OnlyTheCanonicalSpellingIsTaken) {
  Bytes good = encode_body(sample_body());
  Bytes unknown_field = good;
  append(unknown_field, Bytes{0x78, 0x01});  // field 15, varint 1
  EXPECT_FALSE(decode_body(unknown_field));
  Bytes repeated_default = good;
  append(repeated_default, Bytes{0x18, 0x00});  // valid_from_ms again, zero: last one wins in protobuf
  EXPECT_FALSE(decode_body(repeated_default));
  // Swapping the order of two fields parses to the same message, so only a second spelling distinguishes it.
  Bytes reordered(good.begin() + 34, good.end());
  append(reordered, ByteView(good).first(34));
  pb::TransactionBody parsed;
  ASSERT_TRUE(parsed.ParseFromArray(reordered.data(), int(reordered.size())));
  EXPECT_FALSE(decode_body(reordered));
  TransactionBody no_calls = sample_body();
  no_calls.calls.clear();
  EXPECT_FALSE(decode_body(encode_body(no_calls)));
}

// The library's idea of canonical: what it parses and writes again in the same bytes.
template <typename Message>
bool is_canonical(ByteView bytes, Message& message) {
  if (!message.ParseFromArray(bytes.data(), int(bytes.size()))) return false;
  message.DiscardUnknownFields();
  return equal(view(message.SerializeAsString()), bytes);
}

bool library_takes(ByteView bytes) {
  pb::TransactionBody message;
  return is_canonical(bytes, message) && message.chain().size() == 32 && message.signer().size() == 16 &&
         message.nonce().size() == 16 && message.calls_size() >= 1 && message.calls_size() <= int(kMaxCalls);
}

// A byte changed, put in, taken out or repeated; mostly where lengths and tags are.
Bytes bent(Bytes bytes, std::mt19937_64& random) {
  static constexpr uint8_t kTelling[] = {0,    1,    0x0a, 0x12, 0x18, 0x1a, 0x20, 0x2a, 0x32, 0x3a,
                                         0x7f, 0x80, 0x81, 0xc0, 0xed, 0xa0, 0xf4, 0x90, 0xff};
  const auto any = [&] {
    return random() % 2 ? kTelling[random() % std::size(kTelling)] : uint8_t(random());
  };
  for (size_t times = random() % 3; times > 0 && !bytes.empty(); --times) {
    const auto at = bytes.begin() + std::ptrdiff_t(random() % bytes.size());
    switch (random() % 5) {
      case 0:
        *at = any();
        break;
      case 1:
        bytes.insert(at, any());
        break;
      case 2:
        bytes.erase(at);
        break;
      case 3:  // a longer varint of the same value
        *at |= 0x80;
        bytes.insert(at + 1, uint8_t(0));
        break;
      default:
        append(bytes, Bytes(at, bytes.end()));
    }
  }
  return bytes;
}

TEST(Transaction, TakesWhatTheLibraryFindsCanonicalAndNothingElse) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  static const std::string kNames[] = {"",           "evidence",          "存证", std::string(200, 'x'),
                                       "\U0001f4dc", std::string(1, '\0')};
  size_t taken = 0;
  for (int i = 0; i < 60'000; ++i) {
    TransactionBody body = sample_body();
    body.calls.resize(random() % 3);
    for (Call& call : body.calls)
      call = {kNames[random() % 6], kNames[random() % 6], Bytes(random() % 3 * 70, uint8_t(random()))};
    body.valid_from_ms = random() % 4 ? random() >> random() % 64 : 0;
    const Bytes bytes = bent(encode_body(body), random);
    ASSERT_EQ(decode_body(bytes).has_value(), library_takes(bytes)) << hex(bytes);
    taken += library_takes(bytes);

    const Bytes arguments =
        bent(encode_evidence_add({digest_of(uint64_t(i)), random() >> random() % 64, 32}), random);
    pb::EvidenceAdd add;
    ASSERT_EQ(decode_evidence_add(arguments).has_value(),
              is_canonical(arguments, add) && add.root().size() == 32 && add.count() != 0 &&
                  (add.item_bytes() == 32 || add.item_bytes() == 64))
        << hex(arguments);
    const Bytes role = bent(encode_register_key({4}, {kNames[random() % 6], "writer"}), random);
    pb::RegisterKey key;
    ASSERT_EQ(decode_register_key(role).has_value(), is_canonical(role, key) && key.public_key().size() == 65)
        << hex(role);
  }
  EXPECT_GT(taken, 5'000u);
}

// The envelope may be in any spelling.
TEST(Transaction, EnvelopesAreReadAsTheLibraryReadsThem) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const Bytes body = encode_body(sample_body());
  size_t taken = 0;
  for (int i = 0; i < 30'000; ++i) {
    const Bytes envelope =
        bent(encode_transaction(body, {7}, std::vector<Bytes>(random() % 3, Bytes(random() % 3, 5))), random);
    pb::Transaction message;
    const bool read = message.ParseFromArray(envelope.data(), int(envelope.size())) &&
                      message.GetReflection()->GetUnknownFields(message).empty() &&
                      message.signature().size() == 64 && decode_body(view(message.body()));
    const auto decoded = decode_transaction(envelope);
    ASSERT_EQ(decoded.has_value(), read) << hex(envelope);
    if (!read) continue;
    ++taken;
    EXPECT_EQ(text(decoded->body_bytes), message.body());
    EXPECT_EQ(text(decoded->signature), message.signature());
    ASSERT_EQ(decoded->attachments.size(), size_t(message.attachments_size()));
    for (size_t k = 0; k < decoded->attachments.size(); ++k)
      EXPECT_EQ(text(decoded->attachments[k]), message.attachments(int(k)));
  }
  EXPECT_GT(taken, 5'000u);
}

TEST(Transaction, HashCoversBodyAndNotSignature) {
  auto key = crypto::Sm2PrivateKey::generate().value();
  auto first = decode_transaction(sign_transaction(sample_body(), key, {}).value()).value();
  auto second = decode_transaction(sign_transaction(sample_body(), key, {}).value()).value();
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_NE(first.signature, second.signature);
  EXPECT_TRUE(key.public_key().verify(signed_message(first.body_bytes), first.signature));
}

template <typename T>
void expect_fixed_size(const T& value, size_t size) {
  Bytes bytes = value.encode();
  EXPECT_EQ(bytes.size(), size);
  EXPECT_EQ(T::decode(bytes).value().encode(), bytes);
  bytes.push_back(0);
  EXPECT_FALSE(T::decode(bytes));
  bytes.resize(size - 1);
  EXPECT_FALSE(T::decode(bytes));
}

TEST(Header, FixedLayouts) {
  Header header{1, digest_of(1), 2, 3, digest_of(4), 5, digest_of(6), digest_of(7), digest_of(8)};
  expect_fixed_size(header, kHeaderBytes);
  EXPECT_EQ(Header::decode(header.encode()).value(), header);
  expect_fixed_size(Receipt{3, 4, 5, 6, digest_of(1), digest_of(2)}, kReceiptBytes);
}

TEST(Header, EventsRoundTripAndRefuseEveryCut) {
  std::vector<Event> events = {{"evidence", "added", {1, 2}}, {"", "", {}}, {"c", "t", Bytes(70000, 5)}};
  Bytes bytes = encode_events(events);
  EXPECT_EQ(decode_events(bytes).value(), events);
  for (size_t cut : {size_t(0), size_t(1), size_t(5), size_t(20), bytes.size() - 1})
    EXPECT_FALSE(decode_events(ByteView(bytes).first(cut))) << cut;
}

struct Members {
  std::vector<crypto::Sm2PrivateKey> keys;
  ValidatorSet set;
};

Members members_of(std::vector<uint64_t> weights) {
  std::vector<crypto::Sm2PrivateKey> keys;
  for (size_t i = 0; i < weights.size(); ++i) keys.push_back(crypto::Sm2PrivateKey::generate().value());
  std::sort(keys.begin(), keys.end(),
            [](const auto& a, const auto& b) { return a.public_key().point() < b.public_key().point(); });
  Members out{keys, {}};
  for (size_t i = 0; i < keys.size(); ++i)
    out.set.members.push_back({keys[i].public_key().point(), weights[i]});
  return out;
}

// A bundle names validators that its author made up, and anybody may have one checked.
TEST(Certificate, TeachesTheVerifierOfRegisteredSignersNothing) {
  Members members = members_of(std::vector<uint64_t>(40, 1));
  const Digest header_hash = digest_of(5);
  Certificate certificate;
  for (uint16_t i = 0; i < 40; ++i)
    certificate.entries.push_back({i, members.keys[i].sign(certificate_message(header_hash)).value()});
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(verify_certificate(certificate, members.set, header_hash));
  crypto::sm2_verifier()->build_tables(1000);
  const auto learnt = crypto::sm2_verifier()->statistics();
  EXPECT_EQ(learnt.unknown_checks + learnt.small_checks + learnt.large_checks, 0u);
  EXPECT_EQ(learnt.built, 0u);
}

TEST(Certificate, NeedsMoreThanTwoThirdsOfTheWeight) {
  Members members = members_of({1, 1, 1, 3});
  Digest header_hash = digest_of(5);
  auto certify = [&](std::vector<uint16_t> indexes) {
    Certificate certificate;
    for (uint16_t i : indexes)
      certificate.entries.push_back({i, members.keys[i].sign(certificate_message(header_hash)).value()});
    return certificate;
  };
  EXPECT_TRUE(verify_certificate(certify({0, 1, 3}), members.set, header_hash));
  EXPECT_FALSE(verify_certificate(certify({1, 3}), members.set, header_hash));  // exactly two thirds
  EXPECT_FALSE(verify_certificate(certify({}), members.set, header_hash));
  EXPECT_FALSE(verify_certificate(certify({0, 1, 3}), members.set, digest_of(6)));
  Certificate swapped = certify({0, 1, 3});
  std::swap(swapped.entries[0].signature, swapped.entries[1].signature);
  EXPECT_FALSE(verify_certificate(swapped, members.set, header_hash));
  Certificate bent = certify({0, 1, 3});
  bent.entries[2].signature[40] ^= 1;
  EXPECT_NE(verify_certificate(bent, members.set, header_hash).error().detail.find("member 3"),
            std::string::npos);
  Certificate outside = certify({0, 1, 3});
  outside.entries[2].index = 4;
  EXPECT_FALSE(verify_certificate(outside, members.set, header_hash));
  Certificate twice = certify({3, 3, 3});
  EXPECT_FALSE(Certificate::decode(twice.encode()));
}

TEST(ValidatorSet, OnlyOneSpelling) {
  ValidatorSet set = members_of({1, 2, 3}).set;
  EXPECT_EQ(ValidatorSet::decode(set.encode()).value(), set);
  ValidatorSet swapped = set;
  std::swap(swapped.members[0], swapped.members[1]);
  EXPECT_FALSE(ValidatorSet::decode(swapped.encode()));
  ValidatorSet weightless = set;
  weightless.members[1].weight = 0;
  EXPECT_FALSE(ValidatorSet::decode(weightless.encode()));
  ValidatorSet heavy = set;
  heavy.members[0].weight = heavy.members[1].weight = uint64_t(1) << 61;
  EXPECT_FALSE(ValidatorSet::decode(heavy.encode()));
  EXPECT_FALSE(ValidatorSet::decode(ValidatorSet{}.encode()));
}

TEST(Genesis, OnlyItsCanonicalDocumentIsTaken) {
  Genesis genesis;
  genesis.name = "存证";
  genesis.created_ms = 1795320000000;
  genesis.validators = members_of({1}).set;
  genesis.accounts = {{genesis.validators.members[0].public_key, {"governor", "writer"}}};
  std::string document = genesis.encode();
  EXPECT_EQ(Genesis::decode(document).value().encode(), document);
  EXPECT_EQ(document.find("protocol"), std::string::npos) << "as documents of before were";
  genesis.protocol = 3;
  const std::string later = genesis.encode();
  EXPECT_EQ(Genesis::decode(later).value().protocol, 3u);
  for (const std::string_view wrong : {"0", "1", "-3", "4294967299", "\"3\"", "null"}) {
    std::string other = later;
    other.replace(other.find("\"protocol\":") + 11, 1, wrong);
    EXPECT_FALSE(Genesis::decode(other)) << other;
  }
  std::string spaced = document;
  spaced.insert(1, " ");
  EXPECT_FALSE(Genesis::decode(spaced));
  std::string extra = document;
  extra.insert(1, "\"a\":1,");
  EXPECT_FALSE(Genesis::decode(extra));
  std::string short_key = document;
  short_key.erase(short_key.find("\"public_key\":\"04") + 20, 2);
  EXPECT_FALSE(Genesis::decode(short_key));
  std::string huge = document;
  huge.replace(huge.find("\"max_block_bytes\":") + 18, 1, "-");
  EXPECT_FALSE(Genesis::decode(huge));
  huge.replace(huge.find("\"max_block_bytes\":") + 18, 1, "99999999999999999");
  EXPECT_FALSE(Genesis::decode(huge));
  EXPECT_FALSE(Genesis::decode("{}"));
  EXPECT_FALSE(Genesis::decode("[]"));
}

Record sample_record() {
  Record record;
  for (std::string name : {"title", "holder", "amount", "签发"}) {
    RecordField field;
    Digest salt = digest_of(record.size());
    std::copy_n(salt.begin(), 16, field.salt.begin());
    field.value = "\"value of " + name + "\"";
    record[name] = field;
  }
  return record;
}

Genesis consortium_genesis() {
  auto point = [](uint8_t fill) {
    crypto::Sm2Point out;
    out.fill(fill);
    return out;
  };
  Consortium consortium;
  for (uint8_t i = 1; i <= 2; ++i)
    consortium.organisations.push_back({fmt::format("org-{}", i), "标题", {1, 2, 3}, point(i)});
  for (uint8_t i = 0; i < 5; ++i) {
    Node node;
    node.name = fmt::format("node-{}", i);
    node.organisation = i % 2 ? "org-1" : "org-2";
    node.key = point(uint8_t(0x90 - i));  // not in the order of the names
    node.service_key = i == 0 ? point(0x40) : crypto::Sm2Point{};
    node.engine_key.fill(i);
    node.engine_id.fill(i);
    node.address = "[::1]:7443";
    node.role = i == 4 ? NodeRole::observer : NodeRole::voter;
    node.weight = i + 1u;
    consortium.nodes.push_back(node);
  }
  Genesis genesis;
  genesis.name = "of several";
  genesis.validators = consortium.validators();
  genesis.accounts = {
      {point(1), {"governor"}}, {point(2), {"writer", "governor"}}, {point(0x40), {"writer"}}};
  genesis.consortium = consortium;
  return genesis;
}

TEST(Genesis, HoldsAConsortiumWhoseVotersAreItsValidators) {
  const Genesis genesis = consortium_genesis();
  ASSERT_EQ(genesis.validators.members.size(), 4u);
  auto again = Genesis::decode(genesis.encode());
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->consortium, genesis.consortium);
  EXPECT_EQ(again->encode(), genesis.encode());
  auto bent = [](auto change) {
    Genesis out = consortium_genesis();
    change(out);
    auto decoded = Genesis::decode(out.encode());
    return decoded ? "" : decoded.error().reason;
  };
  EXPECT_EQ(bent([](Genesis& g) { g.consortium->nodes[4].weight = 9; }), "") << "an observer has no vote";
  EXPECT_EQ(bent([](Genesis& g) { g.consortium->nodes[3].weight = 9; }), "format.genesis");
  EXPECT_EQ(bent([](Genesis& g) { g.consortium->nodes[3].role = NodeRole::observer; }), "format.genesis");
  EXPECT_EQ(bent([](Genesis& g) { g.validators.members.pop_back(); }), "format.genesis");
  EXPECT_EQ(bent([](Genesis& g) { g.accounts[0].roles = {"writer"}; }), "format.genesis");
  EXPECT_EQ(bent([](Genesis& g) { g.accounts.pop_back(); }), "format.genesis");
  EXPECT_EQ(bent([](Genesis& g) { g.consortium->organisations.pop_back(); }), "format.genesis");
  EXPECT_EQ(bent([](Genesis& g) { g.consortium->nodes[1].organisation = "else"; }), "format.genesis");
  Genesis without = genesis;
  without.consortium.reset();
  EXPECT_EQ(without.encode().find("consortium"), std::string::npos) << "as it was before there were any";
}

TEST(Record, WithholdingFieldsKeepsTheRootAndHidesTheirValues) {
  Record record = sample_record();
  for (auto names : std::vector<std::vector<std::string>>{{}, {"title"}, {"amount", "签发"}}) {
    auto entries = disclose(record, names);
    Bytes bytes = encode_record(entries);
    auto again = decode_record(bytes).value();
    EXPECT_EQ(record_root(again), record_root(record));
    for (const auto& [name, field] : record) {
      bool shown = std::find(names.begin(), names.end(), name) != names.end();
      EXPECT_EQ(to_string(bytes).find(field.value) != std::string::npos, shown) << name;
    }
  }
  Record changed = record;
  changed["title"].value = "\"other\"";
  EXPECT_NE(record_root(changed), record_root(record));
}

TEST(Record, RefusesOtherSpellings) {
  Record record = sample_record();
  record["title"].value = "{\"b\":1, \"a\":2}";
  EXPECT_FALSE(decode_record(encode_record(disclose(record, std::nullopt))));
  Bytes bytes = encode_record(disclose(sample_record(), std::nullopt));
  bytes.push_back(0);
  EXPECT_FALSE(decode_record(bytes));
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    Bytes mutated = encode_record(disclose(sample_record(), std::vector<std::string>{"title"}));
    mutated[random() % mutated.size()] ^= uint8_t(1 << random() % 8);
    auto decoded = decode_record(mutated);
    EXPECT_TRUE(!decoded || record_root(*decoded) != record_root(sample_record()));
  }
}

TEST(Account, RoundTrips) {
  Account account{members_of({1}).set.members[0].public_key, false, {"writer"}};
  auto again = Account::decode(account.encode()).value();
  EXPECT_EQ(again.public_key, account.public_key);
  EXPECT_FALSE(again.active);
  EXPECT_TRUE(again.has_role("writer"));
  EXPECT_FALSE(again.has_role("governor"));
  EXPECT_FALSE(Account::decode(Bytes{1, 2}));
}

}  // namespace
TEST(HeaderTest, HashesOfManyAreThoseOfEach) {
  std::mt19937_64 random(5);
  std::vector<Bytes> texts;
  std::vector<Digest> digests;
  for (size_t i = 0; i < 40; ++i) {
    Bytes& text = texts.emplace_back(random() % 200);
    for (uint8_t& byte : text) byte = uint8_t(random());
    digests.push_back(crypto::sm3(text));
  }
  const std::vector<ByteView> views(texts.begin(), texts.end());
  const auto events = events_digests(views), outputs = output_digests(views),
             receipts = receipt_hashes(views);
  const auto leaves = log_leaf_hashes(digests, receipts);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(events[i], events_digest(texts[i]));
    EXPECT_EQ(outputs[i], output_digest(texts[i]));
    EXPECT_EQ(receipts[i], Receipt::hash(texts[i]));
    EXPECT_EQ(leaves[i], log_leaf_hash(digests[i], receipts[i]));
  }
}

}  // namespace chengxin::format
