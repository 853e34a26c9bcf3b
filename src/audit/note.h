#pragma once
#include "audit/entry.h"
#include "base/file.h"
#include "crypto/sm2.h"

// Entries of commands that work on an installation without its API.
namespace chengxin::audit {

// Durable when it returns: in the log when no other process has it open, else in a signed note beside it that
// this process takes over within seconds. Errors: audit.stopped, file.*.
Status leave_note(const fs::path& data, const crypto::Sm2PrivateKey& installation_key, Entry entry);

Result<Entry> decode_note(ByteView bytes,
                          const crypto::Sm2PublicKey& key);  // audit.malformed, audit.signature

}  // namespace chengxin::audit
