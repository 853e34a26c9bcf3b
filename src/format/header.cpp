#include "format/header.h"

#include "crypto/sm3.h"
#include "format/impl/tag.h"
#include "merkle/log_tree.h"
#include "sm3/sm3.h"

namespace chengxin::format {
namespace {

constexpr uint64_t kWeightLimit = uint64_t(1) << 62;

}  // namespace

Bytes Receipt::encode() const {
  Bytes out;
  out.reserve(kReceiptBytes);
  put_be(out, status);
  put_be(out, gas);
  put_be(out, height);
  put_be(out, uint64_t(time_ms));
  append(out, events_digest);
  append(out, output_digest);
  return out;
}

Result<Receipt> Receipt::decode(ByteView bytes) {
  Reader in(bytes);
  Receipt out;
  out.status = in.be<uint32_t>();
  out.gas = in.be<uint64_t>();
  out.height = in.be<uint64_t>();
  out.time_ms = int64_t(in.be<uint64_t>());
  out.events_digest = in.digest();
  out.output_digest = in.digest();
  if (!in.done() || out.time_ms < 0)
    return fail(Code::invalid_argument, "format.receipt", "a receipt has 92 bytes and a time below 2^63");
  return out;
}

Digest Receipt::hash(ByteView encoded) { return crypto::sm3({tag("chengxin/receipt/v1"), encoded}); }

Bytes encode_events(std::span<const Event> events) {
  Bytes out;
  put_be(out, uint16_t(events.size()));
  for (const Event& event : events) {
    put_sized<uint16_t>(out, view(event.contract));
    put_sized<uint16_t>(out, view(event.type));
    put_sized(out, event.data);
  }
  return out;
}

Result<std::vector<Event>> decode_events(ByteView bytes) {
  Reader in(bytes);
  std::vector<Event> out(in.be<uint16_t>());
  for (Event& event : out) {
    event.contract = to_string(in.take(in.be<uint16_t>()));
    event.type = to_string(in.take(in.be<uint16_t>()));
    event.data = to_bytes(in.take_sized());
    if (!in.ok()) break;
  }
  if (!in.done()) return fail(Code::invalid_argument, "format.events", "the events do not parse");
  return out;
}

Digest events_digest(ByteView encoded_events) {
  return crypto::sm3({tag("chengxin/events/v1"), encoded_events});
}
Digest output_digest(ByteView output) { return crypto::sm3({tag("chengxin/output/v1"), output}); }

Digest log_leaf_hash(const Digest& transaction_hash, const Digest& receipt_hash) {
  const uint8_t prefix = 0;
  return crypto::sm3({ByteView(&prefix, 1), transaction_hash, receipt_hash});
}

namespace {

std::vector<Digest> tagged_hashes(ByteView prefix, std::span<const ByteView> all) {
  std::vector<sm3::Message> messages;
  messages.reserve(all.size());
  for (ByteView each : all) messages.push_back({prefix, each, {}});
  std::vector<Digest> out(all.size());
  sm3::hash_many(messages, out);
  return out;
}

}  // namespace

std::vector<Digest> events_digests(std::span<const ByteView> encoded_events) {
  return tagged_hashes(tag("chengxin/events/v1"), encoded_events);
}
std::vector<Digest> output_digests(std::span<const ByteView> outputs) {
  return tagged_hashes(tag("chengxin/output/v1"), outputs);
}
std::vector<Digest> receipt_hashes(std::span<const ByteView> receipts) {
  return tagged_hashes(tag("chengxin/receipt/v1"), receipts);
}

std::vector<Digest> log_leaf_hashes(std::span<const Digest> transactions, std::span<const Digest> receipts) {
  CHECK(transactions.size() == receipts.size());
  static constexpr uint8_t kPrefix[] = {0};
  std::vector<sm3::Message> messages;
  messages.reserve(transactions.size());
  for (size_t i = 0; i < transactions.size(); ++i)
    messages.push_back({kPrefix, transactions[i], receipts[i]});
  std::vector<Digest> out(transactions.size());
  sm3::hash_many(messages, out);
  return out;
}

Bytes Header::encode() const {
  Bytes out;
  out.reserve(kHeaderBytes);
  put_be(out, version);
  append(out, chain);
  put_be(out, height);
  put_be(out, uint64_t(time_ms));
  append(out, previous);
  put_be(out, log_size);
  append(out, log_root);
  append(out, state_root);
  append(out, validators_hash);
  return out;
}

Result<Header> Header::decode(ByteView bytes) {
  Reader in(bytes);
  Header out;
  out.version = in.be<uint32_t>();
  out.chain = in.digest();
  out.height = in.be<uint64_t>();
  out.time_ms = int64_t(in.be<uint64_t>());
  out.previous = in.digest();
  out.log_size = in.be<uint64_t>();
  out.log_root = in.digest();
  out.state_root = in.digest();
  out.validators_hash = in.digest();
  if (!in.done() || out.time_ms < 0)
    return fail(Code::invalid_argument, "format.header", "a header has 188 bytes and a time below 2^63");
  return out;
}

Digest Header::hash(ByteView encoded) { return crypto::sm3({tag("chengxin/header/v1"), encoded}); }

Bytes ValidatorSet::encode() const {
  Bytes out;
  put_be(out, uint16_t(members.size()));
  for (const Validator& member : members) {
    append(out, member.public_key);
    put_be(out, member.weight);
  }
  return out;
}

Result<ValidatorSet> ValidatorSet::decode(ByteView bytes) {
  auto malformed = [](std::string_view why) {
    return fail(Code::invalid_argument, "format.validators", "{}", why);
  };
  Reader in(bytes);
  ValidatorSet out;
  size_t count = in.be<uint16_t>();
  if (count == 0 || in.remaining() != count * 73)
    return malformed("the length does not fit the number of members");
  uint64_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    Validator member{in.array<65>(), in.be<uint64_t>()};
    if (i > 0 && !(out.members.back().public_key < member.public_key))
      return malformed("members are not in ascending order");
    if (member.weight == 0 || member.weight >= kWeightLimit || (total += member.weight) >= kWeightLimit)
      return malformed("a weight, or their sum, is out of range");
    out.members.push_back(member);
  }
  return out;
}

Digest ValidatorSet::hash() const { return crypto::sm3({tag("chengxin/validators/v1"), encode()}); }

uint64_t ValidatorSet::total_weight() const {
  uint64_t total = 0;
  for (const Validator& member : members) total += member.weight;
  return total;
}

Bytes Certificate::encode() const {
  Bytes out;
  put_be(out, uint16_t(entries.size()));
  for (const CertificateEntry& entry : entries) {
    put_be(out, entry.index);
    append(out, entry.signature);
  }
  return out;
}

Result<Certificate> Certificate::decode(ByteView bytes) {
  auto malformed = [](std::string_view why) {
    return fail(Code::invalid_argument, "format.certificate", "{}", why);
  };
  Reader in(bytes);
  Certificate out;
  size_t count = in.be<uint16_t>();
  if (!in.ok() || in.remaining() != count * 66)
    return malformed("the length does not fit the number of signatures");
  for (size_t i = 0; i < count; ++i) {
    CertificateEntry entry{in.be<uint16_t>(), in.array<64>()};
    if (i > 0 && entry.index <= out.entries.back().index)
      return malformed("members are not in ascending order");
    out.entries.push_back(entry);
  }
  return out;
}

Bytes certificate_message(const Digest& header_hash) {
  Bytes message = to_bytes(tag("chengxin/certificate/v1"));
  append(message, header_hash);
  return message;
}

Status verify_certificate(const Certificate& certificate, const ValidatorSet& set,
                          const Digest& header_hash) {
  auto invalid = [](const std::string& why) {
    return fail(Code::data_loss, "format.certificate_invalid", "{}", why);
  };
  const Bytes message = certificate_message(header_hash);
  uint64_t weight = 0;
  std::vector<sm2::Check> checks;
  for (const CertificateEntry& entry : certificate.entries) {
    if (entry.index >= set.members.size()) return invalid(fmt::format("there is no member {}", entry.index));
    const Validator& member = set.members[entry.index];
    checks.push_back({&member.public_key, &entry.signature, message});
    weight += member.weight;
  }
  std::vector<uint8_t> verdicts(checks.size());
  crypto::strangers_verifier().verify(checks, verdicts);
  for (size_t i = 0; i < verdicts.size(); ++i)
    if (!verdicts[i])
      return invalid(fmt::format("the signature of member {} does not hold", certificate.entries[i].index));
  uint64_t total = set.total_weight();
  // 3·weight > 2·total; both sides stay below 2^64 because weights sum to less than 2^62.
  if (!(3 * weight > 2 * total))
    return invalid(fmt::format("weight {} of {} is not more than two thirds", weight, total));
  return {};
}

}  // namespace chengxin::format
