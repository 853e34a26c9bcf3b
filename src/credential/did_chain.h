#pragma once
#include "credential/did.h"
#include "identity/reads.h"

namespace chengxin::credential {

// did:chengxin:CHAIN:SUBJECT, subjects of the native contract `identity`: CHAIN is the first 16 to 64
// hexadecimal digits of the chain's id, SUBJECT the 40 of the subject's. A key's fragment is its key id. What
// is suspended, revoked or deactivated is deactivated to whoever resolves it, with its status in the
// metadata.
struct ChainReader {
  std::shared_ptr<const void> kept;  // what `read` reads from
  identity::Read read;
};
// The chain whose id begins so; did.not_found. Thread-safe.
using FindChain = std::function<Result<ChainReader>(std::string_view beginning)>;
std::unique_ptr<Resolver> chain_resolver(FindChain find);

std::string chain_did(ByteView chain_id, const identity::SubjectId& subject);

}  // namespace chengxin::credential
