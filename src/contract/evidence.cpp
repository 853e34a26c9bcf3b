#include "contract/evidence.h"

#include <algorithm>

#include "proof/bundle.h"

namespace chengxin::contract {

bool proves(const FrameContext& frame, const Digest& digest, ByteView bundle) {
  auto read = proof::decode(bundle);
  if (!read) return false;
  const auto known = [&](ByteView encoded) {
    const auto header = format::Header::decode(encoded);
    return header && header->version <= frame.protocol;
  };
  if (!known(read->header) || !std::all_of(read->transitions.begin(), read->transitions.end(),
                                           [&](const proof::Transition& each) { return known(each.header); }))
    return false;
  // Before the signatures, of which anybody can make as many as a bundle holds on a chain of his own.
  if (format::Genesis::chain_id(read->genesis) != frame.chain ||
      !std::equal(digest.begin(), digest.end(), read->item.begin()))
    return false;
  read->timestamp.clear();
  return proof::verify(proof::encode(*read), proof::Anchor{frame.chain, {}, {}}, digest).has_value();
}

}  // namespace chengxin::contract
