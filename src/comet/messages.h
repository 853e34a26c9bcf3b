#pragma once
#include <variant>

#include "comet/pool.h"

// What the nodes of a chain say to each other on their links of Purpose::content (docs/formats/content.md).
// Decoders take the one spelling that the page gives, and nothing else.
namespace chengxin::comet {

inline constexpr size_t kMaxAskedContents = 100'000, kMaxSnippetBytes = 64 << 10;

struct Broadcast {
  std::vector<Bytes> envelopes;
};
struct Ask {
  std::vector<Digest> ids;
};
struct Give {
  std::vector<Bytes> envelopes;
};
struct AskBlocks {
  uint32_t request = 0;
  uint64_t height = 0;
  uint32_t first = 0;  // transaction of that block
  uint32_t max_bytes = 0;
};
struct BlockPart {
  uint64_t height = 0;
  uint32_t first = 0, total = 0;  // transactions of the block
  std::vector<Bytes> envelopes;
};
struct GiveBlocks {
  uint32_t request = 0;
  std::vector<BlockPart> parts;
};
// Of a node: where it stands.
struct HeadNotice {
  uint64_t ledger_height = 0, oldest_height = 0, engine_height = 0;
  int64_t time_ms = 0;   // of its clock
  std::string software;  // at most 40 printable characters of ASCII
  Bytes header;          // the newest certified one, empty before the first
  Bytes certificate;     // its
};
struct AskLightBlock {
  uint32_t request = 0;
  uint64_t height = 0;
};
struct GiveLightBlock {
  uint32_t request = 0;
  std::optional<Bytes> bytes;  // none: not here
};
struct AskMembers {
  uint32_t request = 0;
};
struct GiveMembers {
  uint32_t request = 0;
  std::optional<Bytes> bytes;  // comet/impl/proven_members.h
};
using Message = std::variant<Broadcast, Ask, Give, AskBlocks, GiveBlocks, HeadNotice, AskLightBlock,
                             GiveLightBlock, AskMembers, GiveMembers>;

Bytes encode(const Message& message);
// content.malformed; content.unknown_kind (unsupported) for a kind that a later version may bring.
Result<Message> decode(ByteView bytes);

}  // namespace chengxin::comet
