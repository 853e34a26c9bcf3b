#include "proof/bundle.h"

#include "base/json.h"
#include "merkle/state_tree.h"

namespace chengxin::proof {
namespace {

constexpr uint8_t kMagic[8] = {'C', 'X', 'P', 'R', 'O', 'O', 'F', 1};
constexpr size_t kMaxPath = 63;
constexpr size_t kMaxTransitions = 1024;
constexpr size_t kMaxSignatures = 16'384;

enum Section : uint16_t {
  item = 1,
  inner_path = 2,
  body = 3,
  signer = 4,
  receipt = 5,
  log_path = 6,
  header = 7,
  certificate = 8,
  genesis = 9,
  transitions = 10,
  timestamp = 11,
  record = 12,
  last = record,
};

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "proof.malformed", "{}", why);
}

void put_path(Bytes& out, const merkle::Path& path) {
  put_be(out, uint8_t(path.size()));
  for (const Digest& digest : path) append(out, digest);
}

bool take_path(Reader& in, merkle::Path& path) {
  size_t count = in.be<uint8_t>();
  if (count > kMaxPath) return false;
  for (size_t i = 0; i < count; ++i) path.push_back(in.digest());
  return in.done();
}

void put_section(Bytes& out, Section type, ByteView payload) {
  put_be(out, uint16_t(type));
  put_sized(out, payload);
}

Status decode_transitions(ByteView payload, std::vector<Transition>& out) {
  Reader in(payload);
  size_t count = in.be<uint16_t>();
  if (count < 1 || count > kMaxTransitions) return malformed("not 1 to 1024 transitions");
  for (size_t i = 0; i < count && in.ok(); ++i) {
    Transition transition;
    transition.header = to_bytes(in.take(format::kHeaderBytes));
    transition.certificate = to_bytes(in.take_sized());
    transition.next_validators = to_bytes(in.take_sized());
    transition.state_proof = to_bytes(in.take_sized());
    if (!in.ok() || !format::Header::decode(transition.header) ||
        !format::Certificate::decode(transition.certificate) ||
        !format::ValidatorSet::decode(transition.next_validators) ||
        !merkle::StateProof::decode(transition.state_proof))
      return malformed("a transition does not parse");
    out.push_back(std::move(transition));
  }
  if (!in.done()) return malformed("the transitions do not parse");
  return {};
}

// Verifying costs a signature check each, so their number is bounded.
Status check_signature_count(const Bundle& bundle) {
  size_t count = format::Certificate::decode(bundle.certificate)->entries.size();
  for (const Transition& transition : bundle.transitions)
    count += format::Certificate::decode(transition.certificate)->entries.size();
  if (count > kMaxSignatures)
    return malformed(fmt::format("{} signatures in certificates, the limit is {}", count, kMaxSignatures));
  return {};
}

Status decode_section(uint16_t type, ByteView payload, Bundle& out) {
  Reader in(payload);
  switch (type) {
    case item:
      if (payload.size() != 32 && payload.size() != 64) return malformed("an item has 32 or 64 bytes");
      out.item = to_bytes(payload);
      return {};
    case inner_path:
      out.call = in.be<uint16_t>();
      out.index = in.be<uint64_t>();
      out.count = in.be<uint64_t>();
      return take_path(in, out.inner_path) ? Status() : malformed("the inner path does not parse");
    case body:
      if (payload.size() > format::kMaxBodyBytes) return malformed("the body is larger than 64 KiB");
      out.body = to_bytes(payload);
      return {};
    case signer:
      out.signer_key = in.array<65>();
      out.signature = in.array<64>();
      return in.done() ? Status() : malformed("the signer section has 129 bytes");
    case receipt:
      if (!format::Receipt::decode(payload)) return malformed("the receipt does not parse");
      out.receipt = to_bytes(payload);
      return {};
    case log_path:
      out.log_index = in.be<uint64_t>();
      return take_path(in, out.log_path) ? Status() : malformed("the log path does not parse");
    case header:
      if (!format::Header::decode(payload)) return malformed("the header does not parse");
      out.header = to_bytes(payload);
      return {};
    case certificate:
      if (!format::Certificate::decode(payload)) return malformed("the certificate does not parse");
      out.certificate = to_bytes(payload);
      return {};
    case genesis:
      out.genesis = to_string(payload);
      return {};
    case transitions:
      return decode_transitions(payload, out.transitions);
    case timestamp:
      out.timestamp = to_bytes(payload);
      return {};
    case record: {
      auto entries = format::decode_record(payload);
      if (!entries) return malformed(entries.error().detail);
      out.record = std::move(*entries);
      return {};
    }
    default:
      return malformed(fmt::format("unknown section {}", type));
  }
}

}  // namespace

Bytes encode(const Bundle& bundle) {
  Bytes out(kMagic, kMagic + sizeof kMagic);
  put_section(out, item, bundle.item);
  Bytes inner;
  put_be(inner, bundle.call);
  put_be(inner, bundle.index);
  put_be(inner, bundle.count);
  put_path(inner, bundle.inner_path);
  put_section(out, inner_path, inner);
  put_section(out, body, bundle.body);
  Bytes signed_by = to_bytes(bundle.signer_key);
  append(signed_by, bundle.signature);
  put_section(out, signer, signed_by);
  put_section(out, receipt, bundle.receipt);
  Bytes log;
  put_be(log, bundle.log_index);
  put_path(log, bundle.log_path);
  put_section(out, log_path, log);
  put_section(out, header, bundle.header);
  put_section(out, certificate, bundle.certificate);
  put_section(out, genesis, view(bundle.genesis));
  if (!bundle.transitions.empty()) {
    Bytes all;
    put_be(all, uint16_t(bundle.transitions.size()));
    for (const Transition& transition : bundle.transitions) {
      append(all, transition.header);
      put_sized(all, transition.certificate);
      put_sized(all, transition.next_validators);
      put_sized(all, transition.state_proof);
    }
    put_section(out, transitions, all);
  }
  if (!bundle.timestamp.empty()) put_section(out, timestamp, bundle.timestamp);
  if (!bundle.record.empty()) put_section(out, record, format::encode_record(bundle.record));
  return out;
}

Result<Bundle> decode(ByteView bytes) {
  if (bytes.size() > kMaxBundleBytes) return malformed("larger than 16 MiB");
  Reader in(bytes);
  if (!equal(in.take(sizeof kMagic), kMagic)) return malformed("not a .cxproof file");
  Bundle out;
  uint16_t previous = 0;
  unsigned seen = 0;
  while (in.remaining() > 0) {
    uint16_t type = in.be<uint16_t>();
    ByteView payload = in.take_sized();
    if (!in.ok()) return malformed("cut short");
    if (type <= previous) return malformed("sections are not in ascending order");
    TRY(decode_section(type, payload, out));
    previous = type;
    seen |= 1u << type;
  }
  for (unsigned type = item; type <= genesis; ++type)
    if (!(seen & 1u << type)) return malformed(fmt::format("section {} is missing", type));
  if ((seen >> timestamp & 1) && out.timestamp.empty()) return malformed("an empty time-stamp");
  if ((out.item.size() == 64) != bool(seen >> record & 1))
    return malformed("the record section does not fit the item");
  TRY(check_signature_count(out));
  return out;
}

std::string Anchor::encode() const {
  Json roots = Json::array();
  for (const Bytes& root : timestamp_roots) roots.push_back(base64(root));
  return canonical_json({{"format", "chengxin/anchor/v1"},
                         {"chain", hex(chain)},
                         {"name", name},
                         {"timestamp_roots", roots}})
      .value();
}

Result<Anchor> Anchor::decode(std::string_view document) {
  auto bad = [](std::string_view why) {
    return fail(Code::invalid_argument, "proof.anchor_malformed", "{}", why);
  };
  auto json = parse_json(document);
  if (!json) return bad(json.error().to_string());
  try {
    Anchor out;
    auto chain = unhex_digest(json->at("chain").get<std::string>());
    if (!chain) return bad("the chain is not 64 hexadecimal digits");
    out.chain = *chain;
    out.name = json->at("name").get<std::string>();
    for (const Json& entry : json->at("timestamp_roots")) {
      auto root = unbase64(entry.get<std::string>());
      if (!root) return bad("a time-stamp root is not base64");
      out.timestamp_roots.push_back(std::move(*root));
    }
    if (out.encode() != document) return bad("not the canonical spelling");
    return out;
  } catch (const Json::exception& error) {
    return bad("a member is missing or of another type");
  }
}

}  // namespace chengxin::proof
