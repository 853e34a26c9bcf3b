#include "install/impl/host_access.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>

#include "config/config.h"
#include "crypto/sm3.h"

namespace chengxin::install {
namespace {

constexpr size_t kMaxWatched = 4096;  // files of one folder

// The kernel's form of an access list (linux/posix_acl_xattr.h): a version, then tag, rights and id of each
// entry, little-endian. Those of owner, group and others are the mode's.
std::string parse_acl(ByteView bytes) {
  const auto number = [&](size_t at, size_t length) {
    uint32_t out = 0;
    for (size_t i = 0; i < length; ++i) out |= uint32_t(bytes[at + i]) << (8 * i);
    return out;
  };
  std::string out;
  for (size_t at = 4; at + 8 <= bytes.size(); at += 8) {
    const uint32_t tag = number(at, 2), rights = number(at + 2, 2), id = number(at + 4, 4);
    const char* who = tag == 0x02 ? "user" : tag == 0x08 ? "group" : tag == 0x10 ? "mask" : nullptr;
    if (!who) continue;
    out += fmt::format(" {}:{}:{}{}{}", who, tag == 0x10 ? "" : std::to_string(id), rights & 4 ? 'r' : '-',
                       rights & 2 ? 'w' : '-', rights & 1 ? 'x' : '-');
  }
  return out;
}

std::string acl_of(const fs::path& path, const char* attribute, std::string_view title) {
  std::array<uint8_t, 4096> buffer;
  const ssize_t size = ::getxattr(path.c_str(), attribute, buffer.data(), buffer.size());
  if (size < 0) return errno == ERANGE ? fmt::format(" {} too long to list", title) : "";
  const std::string list = parse_acl(ByteView(buffer).first(size_t(size)));
  return list.empty() ? "" : fmt::format(" {}{}", title, list);
}

// A name is bytes, and may be chosen by others: what is not plain ASCII becomes \xNN.
std::string spelled(const fs::path& path) {
  std::string out;
  for (const char c : path.string())
    out += c < 0x20 || c > 0x7e || c == '\\' ? fmt::format("\\x{:02x}", uint8_t(c)) : std::string(1, c);
  return out;
}

// Empty: there is nothing.
std::string value_of(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT || errno == ENOTDIR ? "" : "unread";
  std::string link;
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    link = fmt::format(" link {}", spelled(fs::read_symlink(path, error)));
    if (::stat(path.c_str(), &info) != 0) return "nothing" + link;
  }
  return fmt::format("{}:{} {:04o}{}{}{}", info.st_uid, info.st_gid, unsigned(info.st_mode & 07777), link,
                     acl_of(path, "system.posix_acl_access", "acl"),
                     acl_of(path, "system.posix_acl_default", "default-acl"));
}

std::string digest_of(const fs::path& path) {
  std::error_code error;
  const std::string name = fs::weakly_canonical(path, error).filename().string();
  if (name.starts_with("shadow") || name.starts_with("gshadow")) return "";  // passwords: not even a digest
  crypto::Sm3 hash;
  const auto read = stream_file(path, [&](ByteView chunk) {
    hash.update(chunk);
    return Status();
  });
  return read ? " sm3 " + hex(hash.finish()) : " unread " + read.error().reason;
}

void note_file(const fs::path& path, Entries& out) {
  const std::string value = value_of(path);
  if (value.empty()) return;
  std::error_code error;
  out[spelled(path)] = fs::is_regular_file(path, error) ? value + digest_of(path) : value;
}

bool is_of(const fs::path& path, const fs::path& database) {
  std::error_code error;
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {  // sqlite.org/tempfiles.html
    const fs::path one = database.string() + suffix;
    if (fs::weakly_canonical(path, error) == fs::weakly_canonical(one, error) ||
        fs::equivalent(path, one, error))
      return true;
  }
  return false;
}

std::string kind_of(const fs::path& folder, const fs::directory_entry& entry) {
  std::error_code error;
  const std::string extension = entry.path().extension().string();
  return spelled(folder.filename() / ("*" + extension + (entry.is_directory(error) ? "/" : "")));
}

}  // namespace

Result<Entries> files_access(const fs::path& data, const std::string& watched) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(Code::unavailable, "file.io", "cannot find the executable: {}", error.message());
  Entries out = {{"program", value_of(program)}, {"program folder", value_of(program.parent_path())}};
  if (const auto engine = value_of(program.parent_path() / "chengxin-engine"); !engine.empty())
    out["program chengxin-engine"] = engine;
  for (const std::string& one : config::listed(watched)) {
    const fs::path path = data / one;
    if (path.filename() != "*") {
      note_file(path, out);
      continue;
    }
    note_file(path.parent_path(), out);
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(path.parent_path(), error))
      if (!entry.is_directory(error) && ++count <= kMaxWatched) note_file(entry.path(), out);
    if (count > kMaxWatched)
      return fail(Code::too_large, "install.access_unread", "{} holds more than {} files", path.string(),
                  kMaxWatched);
  }
  return out;
}

Status check_watched(const fs::path& data, const std::string& watched,
                     const std::vector<fs::path>& databases) {
  std::error_code error;
  for (const std::string& one : config::listed(watched)) {
    const fs::path path = data / one;
    std::vector<fs::path> files = {path};
    if (path.filename() == "*") {
      files.clear();
      for (const auto& entry : fs::directory_iterator(path.parent_path(), error))
        files.push_back(entry.path());
    }
    for (const fs::path& database : databases) {
      if (path.filename() == "*") files.push_back(path.parent_path() / database.filename());
      for (const fs::path& file : files)
        if (is_of(file, database))
          return fail(Code::invalid_argument, "install.access_live_file", "{}: of the database {}",
                      spelled(path), spelled(database));
    }
  }
  return {};
}

Kinds folder_access(const fs::path& data) {
  Kinds out;
  const auto note = [&](const std::string& kind, const fs::path& path) {
    // What write_durable() is writing ends in .tmp; what went meanwhile has no value.
    if (path.extension() == ".tmp") return;
    if (const std::string value = value_of(path); !value.empty())
      out[kind].emplace(value, spelled(path.lexically_relative(data)));
  };
  note(".", data);
  std::error_code error;
  for (const auto& top : fs::directory_iterator(data, error)) {
    note(spelled(top.path().filename()), top.path());
    if (!top.is_directory(error) || top.is_symlink(error)) continue;
    for (const auto& entry : fs::directory_iterator(top.path(), error))
      note(kind_of(top.path(), entry), entry.path());
  }
  return out;
}

bool is_private(const std::string& value, const fs::path& data) {
  struct stat info {};
  unsigned owner = 0, group = 0, mode = 0;
  int end = 0;
  return ::stat(data.c_str(), &info) == 0 &&
         std::sscanf(value.c_str(), "%u:%u %o%n", &owner, &group, &mode, &end) == 3 &&
         size_t(end) == value.size() && owner == info.st_uid && (mode & 07077) == 0;
}

}  // namespace chengxin::install
