#include "comet/messages.h"

#include <algorithm>

namespace chengxin::comet {
namespace {

// The place of a message's type in the variant, plus one, is its kind.
template <typename T>
void put_blob(Bytes& out, const T& bytes) {
  put_be(out, uint32_t(bytes.size()));
  append(out, bytes);
}

void put_envelopes(Bytes& out, const std::vector<Bytes>& envelopes) {
  put_be(out, uint32_t(envelopes.size()));
  for (const Bytes& each : envelopes) put_blob(out, each);
}

struct Writer {
  Bytes& out;
  void operator()(const Broadcast& message) const { put_envelopes(out, message.envelopes); }
  void operator()(const Give& message) const { put_envelopes(out, message.envelopes); }
  void operator()(const Ask& message) const {
    put_be(out, uint32_t(message.ids.size()));
    for (const Digest& id : message.ids) append(out, id);
  }
  void operator()(const AskBlocks& message) const {
    put_be(out, message.request);
    put_be(out, message.height);
    put_be(out, message.first);
    put_be(out, message.max_bytes);
  }
  void operator()(const GiveBlocks& message) const {
    put_be(out, message.request);
    put_be(out, uint32_t(message.parts.size()));
    for (const BlockPart& part : message.parts) {
      put_be(out, part.height);
      put_be(out, part.first);
      put_be(out, part.total);
      put_envelopes(out, part.envelopes);
    }
  }
  void operator()(const HeadNotice& message) const {
    put_be(out, message.ledger_height);
    put_be(out, message.oldest_height);
    put_be(out, message.engine_height);
    put_be(out, message.time_ms);
    put_blob(out, view(message.software));
    put_blob(out, message.header);
    put_blob(out, message.certificate);
  }
  void operator()(const AskLightBlock& message) const {
    put_be(out, message.request);
    put_be(out, message.height);
  }
  void operator()(const GiveLightBlock& message) const { put_found(message); }
  void operator()(const AskMembers& message) const { put_be(out, message.request); }
  void operator()(const GiveMembers& message) const { put_found(message); }
  template <typename Found>
  void put_found(const Found& message) const {
    put_be(out, message.request);
    put_be(out, uint8_t(message.bytes.has_value()));
    if (message.bytes) append(out, *message.bytes);
  }
};

// Of a transaction: ids, nonce and signature take more.
constexpr size_t kLeastEnvelope = 128;

// Envelopes are counted before there is memory for them.
std::vector<Bytes> take_envelopes(Reader& in) {
  const uint32_t count = in.be<uint32_t>();
  if (count > in.remaining() / (4 + kLeastEnvelope)) {
    in.take(SIZE_MAX);  // not ok from here on
    return {};
  }
  std::vector<Bytes> out;
  out.reserve(count);
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    const uint32_t length = in.be<uint32_t>();
    out.push_back(to_bytes(in.take(length < kLeastEnvelope ? SIZE_MAX : length)));
  }
  return out;
}

Bytes take_snippet(Reader& in, size_t most) {
  const uint32_t length = in.be<uint32_t>();
  return to_bytes(in.take(length <= most ? length : SIZE_MAX));
}

Message read_ask(Reader& in) {
  Ask out;
  const uint32_t count = in.be<uint32_t>();
  if (count > kMaxAskedContents || count * size_t(32) != in.remaining()) {
    in.take(SIZE_MAX);
    return out;
  }
  out.ids.reserve(count);
  for (uint32_t i = 0; i < count; ++i) out.ids.push_back(in.digest());
  return out;
}

Message read_blocks(Reader& in) {
  GiveBlocks out;
  out.request = in.be<uint32_t>();
  const uint32_t count = in.be<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    BlockPart part{in.be<uint64_t>(), in.be<uint32_t>(), in.be<uint32_t>(), take_envelopes(in)};
    // Within its block.
    if (part.first > part.total || part.envelopes.size() > part.total - part.first) in.take(SIZE_MAX);
    out.parts.push_back(std::move(part));
  }
  return out;
}

Message read_head(Reader& in) {
  HeadNotice out;
  out.ledger_height = in.be<uint64_t>();
  out.oldest_height = in.be<uint64_t>();
  out.engine_height = in.be<uint64_t>();
  out.time_ms = in.be<int64_t>();
  out.software = to_string(take_snippet(in, 40));
  out.header = take_snippet(in, format::kHeaderBytes);
  out.certificate = take_snippet(in, kMaxSnippetBytes);
  const bool printable =
      std::all_of(out.software.begin(), out.software.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable || (!out.header.empty() && out.header.size() != format::kHeaderBytes)) in.take(SIZE_MAX);
  return out;
}

template <typename Found>
Message read_found(Reader& in) {
  Found out;
  out.request = in.be<uint32_t>();
  const uint8_t present = in.be<uint8_t>();
  if (present == 1) out.bytes = to_bytes(in.take(in.remaining()));
  if (present > 1) in.take(SIZE_MAX);
  return out;
}

}  // namespace

Bytes encode(const Message& message) {
  Bytes out = {uint8_t(message.index() + 1)};
  std::visit(Writer{out}, message);
  return out;
}

Result<Message> decode(ByteView bytes) {
  Reader in(bytes);
  const uint8_t kind = in.be<uint8_t>();
  Message out;
  if (kind == 1) {
    out = Broadcast{take_envelopes(in)};
  } else if (kind == 2) {
    out = read_ask(in);
  } else if (kind == 3) {
    out = Give{take_envelopes(in)};
  } else if (kind == 4) {
    out = AskBlocks{in.be<uint32_t>(), in.be<uint64_t>(), in.be<uint32_t>(), in.be<uint32_t>()};
  } else if (kind == 5) {
    out = read_blocks(in);
  } else if (kind == 6) {
    out = read_head(in);
  } else if (kind == 7) {
    out = AskLightBlock{in.be<uint32_t>(), in.be<uint64_t>()};
  } else if (kind == 8) {
    out = read_found<GiveLightBlock>(in);
  } else if (kind == 9) {
    out = AskMembers{in.be<uint32_t>()};
  } else if (kind == 10) {
    out = read_found<GiveMembers>(in);
  } else if (in.ok()) {
    return fail(Code::unsupported, "content.unknown_kind", "{}", kind);
  }
  if (!in.done()) return fail(Code::invalid_argument, "content.malformed", "a message of kind {}", kind);
  return out;
}

}  // namespace chengxin::comet
