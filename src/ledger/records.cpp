#include "ledger/impl/records.h"

namespace chengxin::ledger {
namespace {

tl::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::data_loss, "ledger.damaged", "a stored {} does not parse", what);
}

}  // namespace

void StoredTransaction::encode(Bytes& out) const {
  put_be(out, height);
  append(out, hash);
  append(out, receipt);
  append(out, signature);
  put_sized(out, body);
  put_sized(out, events);
  put_sized(out, output);
  put_be(out, uint16_t(attachments.size()));
  for (const StoredAttachment& each : attachments) {
    put_be(out, each.bytes);
    put_be(out, each.call);
    out.push_back(each.indexed_item_bytes);
    append(out, each.inlined);
  }
}

Result<StoredTransaction> StoredTransaction::decode(ByteView bytes) {
  Reader in(bytes);
  StoredTransaction out;
  out.height = in.be<uint64_t>();
  out.hash = in.digest();
  out.receipt = in.take(format::kReceiptBytes);
  out.signature = in.array<64>();
  out.body = in.take_sized();
  out.events = in.take_sized();
  out.output = in.take_sized();
  const uint16_t count = in.be<uint16_t>();
  for (uint16_t i = 0; i < count && in.ok(); ++i) {
    StoredAttachment each;
    each.bytes = in.be<uint32_t>();
    each.call = in.be<uint16_t>();
    each.indexed_item_bytes = in.be<uint8_t>();
    if (!each.in_chunks()) each.inlined = in.take(each.bytes);
    out.attachments.push_back(each);
  }
  if (!in.done()) return damaged("transaction");
  return out;
}

Result<Digest> StoredTransaction::hash_of(ByteView bytes) {
  if (bytes.size() < 40) return damaged("transaction");
  return to_digest(bytes.subspan(8, 32));
}

Result<StoredTransaction> StoredTransaction::decode(Bytes&& bytes) {
  ASSIGN(auto out, decode(ByteView(bytes)));
  out.held = std::move(bytes);
  return out;
}

Bytes StoredBlock::encode() const {
  Bytes out = header;
  append(out, certificate);
  return out;
}

Result<StoredBlock> StoredBlock::decode(ByteView bytes) {
  if (bytes.size() < format::kHeaderBytes) return damaged("block");
  return StoredBlock{to_bytes(bytes.first(format::kHeaderBytes)),
                     to_bytes(bytes.subspan(format::kHeaderBytes))};
}

Bytes StoredTransition::encode() const {
  Bytes out;
  put_sized(out, next_validators);
  append(out, state_proof);
  return out;
}

Result<StoredTransition> StoredTransition::decode(ByteView bytes) {
  Reader in(bytes);
  StoredTransition out;
  out.next_validators = to_bytes(in.take_sized());
  out.state_proof = to_bytes(in.take(in.remaining()));
  if (!in.ok()) return damaged("transition");
  return out;
}

Bytes encode_version(const std::optional<Bytes>& value) {
  Bytes out = {uint8_t(value ? 1 : 0)};
  if (value) append(out, *value);
  return out;
}

std::optional<Bytes> decode_version(ByteView bytes) {
  if (bytes.empty() || bytes[0] == 0) return std::nullopt;
  return to_bytes(bytes.subspan(1));
}

Bytes encode_keys(std::span<const Bytes> keys) {
  Bytes out;
  for (const Bytes& key : keys) {
    put_be(out, uint16_t(key.size()));
    append(out, key);
  }
  return out;
}

Result<std::vector<Bytes>> decode_keys(ByteView bytes) {
  Reader in(bytes);
  std::vector<Bytes> out;
  while (in.ok() && in.remaining() > 0) out.push_back(to_bytes(in.take(in.be<uint16_t>())));
  if (!in.done()) return damaged("list of keys");
  return out;
}

}  // namespace chengxin::ledger
