#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "base/bytes.h"

// Files, with errors as values: file.not_found, file.denied, file.full (no space or quota), file.not_regular,
// file.too_large, file.io. Everything that must survive a power cut goes through write_durable.
namespace chengxin {

namespace fs = std::filesystem;

// Maps the current errno to an Error about `path`.
Error file_error(const fs::path& path, int error_number);

Result<Bytes> read_file(const fs::path& path, size_t max_bytes);

// Replaces `path` atomically: written beside it, synced, renamed over it, and the folder synced. `mode` is
// that of a new file (0600 for secrets). Never leaves a partial file under the final name.
Status write_durable(const fs::path& path, ByteView bytes, unsigned mode = 0644);

Status sync_folder(const fs::path& folder);

// Creates the folder and its parents; `mode` for those created.
Status make_folder(const fs::path& folder, unsigned mode = 0700);

// Streams a regular file in chunks of at most 1 MiB; constant memory. Fails with file.changed when the file's
// size or modification time differ between opening and the end of reading, or when it yields another number
// of bytes.
Status stream_file(const fs::path& path, const std::function<Status(ByteView)>& on_chunk,
                   const std::function<void(uint64_t done, uint64_t total)>& on_progress = nullptr);

}  // namespace chengxin
