#pragma once
#include "base/file.h"
#include "base/json.h"
#include "crypto/secret.h"

// JSON files with a checksum and sealed fields, as keystore and data keys keep them.
namespace chengxin::keys {

// Writes `body` and "checksum": SM3 of its canonical form. Owner-only.
Status write_checked(const fs::path& path, Json body);
// keys.permissions when others can read it, keys.damaged when the checksum or `format` is another.
Result<Json> read_checked(const fs::path& path, std::string_view format);

// SM4-GCM under a key of 16 bytes: nonce || cipher || tag, in hexadecimal.
Result<std::string> seal_field(ByteView key, ByteView context, ByteView plain);
// crypto.decrypt when it is not of this key and context.
Result<crypto::Secret> open_field(ByteView key, ByteView context, std::string_view sealed);

// Zeros over what a file holds, in place: before it is replaced or removed.
Status overwrite(const fs::path& path);
Status overwrite(int fd);
// Overwritten and gone; one that is not there is no error. Cut short it leaves at most PATH.destroyed, which
// the next call takes up.
Status destroy_file(const fs::path& path);

tl::unexpected<Error> damaged(const fs::path& path, std::string_view why);

}  // namespace chengxin::keys
