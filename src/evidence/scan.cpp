#include "evidence/scan.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "crypto/sha256.h"
#include "crypto/sm3.h"

namespace chengxin::evidence {
namespace {

// Length of the UTF-8 sequence at the front of `rest` (RFC 3629), 0 when there is none.
size_t sequence_length(std::string_view rest) {
  auto byte = [&](size_t i) { return i < rest.size() ? uint8_t(rest[i]) : uint8_t(0); };
  uint8_t first = byte(0);
  if (first < 0x80) return 1;
  size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                  : first >= 0xe0 && first <= 0xef ? 3
                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                   : 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  bool beyond = (first == 0xed && byte(1) >= 0xa0) || (first == 0xf4 && byte(1) >= 0x90);
  return overlong || beyond ? 0 : length;
}

bool is_control(std::string_view sequence) {
  uint8_t first = uint8_t(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && uint8_t(sequence[1]) < 0xa0;  // C1 controls
}

bool is_odd(std::string_view name) {
  while (!name.empty()) {
    size_t length = sequence_length(name);
    if (length == 0 || is_control(name.substr(0, length))) return true;
    name.remove_prefix(length);
  }
  return false;
}

class Walker {
 public:
  void named(const fs::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return problem(path, file_error(path, errno));
    std::error_code error;
    fs::path whole = fs::canonical(path, error);
    if (error) return problem(path, file_error(path, error.value()));
    take(path, whole.filename().string(), info, 0);
  }

  Found found;

 private:
  void take(const fs::path& path, const std::string& title, const struct stat& info, int depth) {
    if (S_ISLNK(info.st_mode))
      return problem(path, {Code::invalid_argument, "scan.symlink", "links inside folders are not followed"});
    if (S_ISDIR(info.st_mode)) return folder(path, title, depth);
    if (!S_ISREG(info.st_mode))
      return problem(path, {Code::invalid_argument, "file.not_regular", "neither a file nor a folder"});
    std::error_code error;
    if (!seen_.insert(fs::weakly_canonical(path, error).string()).second)
      return problem(path, {Code::conflict, "scan.twice", "named more than once"});
    file(path, title, info);
  }

  void file(const fs::path& path, const std::string& title, const struct stat& info) {
    std::string shown = spelled(title);
    if (shown.size() > kMaxTitleBytes)
      return problem(path, {Code::invalid_argument, "scan.name_too_long",
                            fmt::format("{} bytes, the limit is {}", shown.size(), kMaxTitleBytes)});
    if (is_odd(title))
      found.problems.push_back(
          {shown, {Code::invalid_argument, "scan.name_spelled", "taken under this title"}, false});
    int64_t modified_ms = int64_t(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
    found.files.push_back({path, std::move(shown), uint64_t(info.st_size), modified_ms});
    found.bytes += uint64_t(info.st_size);
  }

  void folder(const fs::path& path, const std::string& title, int depth) {
    if (depth > kMaxFolderDepth)
      return problem(
          path, {Code::invalid_argument, "scan.too_deep", fmt::format("deeper than {}", kMaxFolderDepth)});
    std::vector<std::string> names;
    DIR* opened = ::opendir(path.c_str());
    if (!opened) return problem(path, file_error(path, errno));
    errno = 0;
    while (dirent* entry = ::readdir(opened)) {
      std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    int failed = errno;
    ::closedir(opened);
    if (failed != 0) problem(path, file_error(path, failed));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      fs::path below = path / name;
      struct stat info {};
      if (::lstat(below.c_str(), &info) != 0)
        problem(below, file_error(below, errno));
      else
        take(below, title.empty() ? name : title + "/" + name, info, depth + 1);
    }
  }

  void problem(const fs::path& path, Error error) {
    error.detail = spelled(error.detail);
    found.problems.push_back({spelled(path.string()), std::move(error)});
  }

  std::set<std::string> seen_;
};

}  // namespace

std::string spelled(std::string_view name) {
  if (!is_odd(name)) return std::string(name);
  std::string out;
  while (!name.empty()) {
    size_t length = sequence_length(name);
    if (length == 0 || is_control(name.substr(0, length))) {
      out += fmt::format("\\x{:02x}", uint8_t(name[0]));
      name.remove_prefix(1);
    } else {
      out += name[0] == '\\' ? "\\\\" : name.substr(0, length);
      name.remove_prefix(length);
    }
  }
  return out;
}

Found walk(const std::vector<fs::path>& paths) {
  Walker walker;
  for (const fs::path& path : paths) walker.named(path);
  return std::move(walker.found);
}

Result<FileDigests> hash_file(const fs::path& path, bool with_sha256,
                              const std::function<void(uint64_t done)>& on_progress) {
  crypto::Sm3 sm3;
  crypto::Sha256 sha256;
  FileDigests digests;
  TRY(stream_file(path, [&](ByteView chunk) -> Status {
    sm3.update(chunk);
    if (with_sha256) sha256.update(chunk);
    digests.size += chunk.size();
    if (on_progress) on_progress(digests.size);
    return {};
  }));
  digests.sm3 = sm3.finish();
  if (with_sha256) digests.sha256 = sha256.finish();
  return digests;
}

Scan scan(const std::vector<fs::path>& paths, bool with_sha256,
          const std::function<void(const ScanProgress&)>& on_progress) {
  Found found = walk(paths);
  Scan out;
  out.problems = std::move(found.problems);
  uint64_t bytes_before = 0;
  for (size_t i = 0; i < found.files.size(); ++i) {
    FoundFile& file = found.files[i];
    auto digests = hash_file(file.path, with_sha256, [&](uint64_t done) {
      if (on_progress) on_progress({i, found.files.size(), bytes_before + done, found.bytes, file.title});
    });
    bytes_before += file.size;
    if (!digests) {
      Error error = std::move(digests).error();
      error.detail = spelled(error.detail);
      out.problems.push_back({spelled(file.path.string()), std::move(error)});
    } else if (digests->size != file.size) {
      out.problems.push_back(
          {spelled(file.path.string()),
           {Code::conflict, "file.changed", "its size changed since the folder was listed"}});
    } else {
      out.files.push_back({std::move(file), *digests});
    }
  }
  return out;
}

}  // namespace chengxin::evidence
