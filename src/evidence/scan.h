#pragma once
#include <optional>

#include "base/file.h"

// Finds and hashes the files that somebody wants to notarise. Nothing that is found stops it: what cannot be
// taken is reported beside what can. Named paths may be links; inside folders no link is followed, so nothing
// outside a folder and nothing twice is taken and there are no loops.
namespace chengxin::evidence {

struct FoundFile {
  fs::path path;
  // UTF-8 without control characters: the name of a named file; of a file in a folder, the folder's name and
  // the path below it, with '/'. Other bytes are spelled \xNN.
  std::string title;
  uint64_t size = 0;
  int64_t modified_ms = 0;
};

// Reasons: scan.symlink, scan.too_deep, scan.twice (named before), scan.name_spelled (taken, under a spelled
// title), scan.name_too_long, file.not_found, file.denied, file.not_regular (pipe, device, socket),
// file.changed, file.io.
struct Problem {
  std::string path;  // spelled as titles are
  Error error;
  bool skipped = true;  // false: the file was taken nevertheless
};

struct Found {
  std::vector<FoundFile> files;  // in the order of the paths, inside a folder by name
  std::vector<Problem> problems;
  uint64_t bytes = 0;
};

inline constexpr int kMaxFolderDepth = 128;
inline constexpr size_t kMaxTitleBytes = 4096;

// Spells what is not printable UTF-8 as \xNN, and then also a backslash, as two.
std::string spelled(std::string_view name);

Found walk(const std::vector<fs::path>& paths);

struct FileDigests {
  Digest sm3{};
  std::optional<std::array<uint8_t, 32>> sha256;
  uint64_t size = 0;
};

// One pass over the file in constant memory. Errors: file.changed and those of stream_file.
Result<FileDigests> hash_file(const fs::path& path, bool with_sha256,
                              const std::function<void(uint64_t done)>& on_progress = nullptr);

struct ScannedFile {
  FoundFile found;
  FileDigests digests;
};

struct Scan {
  std::vector<ScannedFile> files;
  std::vector<Problem> problems;
};

struct ScanProgress {
  size_t files_done = 0, files = 0;
  uint64_t bytes_done = 0, bytes = 0;
  const std::string& title;  // of the file being read
};

// walk() and then hash_file() of each. on_progress is called for every mebibyte.
Scan scan(const std::vector<fs::path>& paths, bool with_sha256,
          const std::function<void(const ScanProgress&)>& on_progress = nullptr);

}  // namespace chengxin::evidence
