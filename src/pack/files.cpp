#include "pack/files.h"

#include <algorithm>

namespace chengxin::pack {
namespace {

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '_' || c == '-';
         });
}

std::string shown_path(const std::string& label, std::string_view path) {
  return path.empty() ? label : fmt::format("{}/{}", label, path);
}

// Which paths a pack may hold: the same for folders and archives.
class Gate {
 public:
  Gate(const std::string& label, Findings& findings) : label_(label), findings_(findings) {}

  // Whether the file is of the pack; what is neither that nor allowed is a finding.
  bool admits(const std::string& path) {
    if (!has_good_names(path)) return wrong("pack.path", path);
    std::string folded = path;
    std::transform(folded.begin(), folded.end(), folded.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    if (!folded_.insert(folded).second) return wrong("pack.file_case", path);
    if (folded_.size() > kMostFiles) return wrong("pack.too_many", "", std::to_string(kMostFiles));
    const bool explains = path.ends_with(".md") && path.find('/') == std::string::npos;
    return explains || kind_of(path) || wrong("pack.file_unknown", path, {}, mend(path));
  }

  bool takes(const std::string& path, size_t bytes) {
    if (bytes > kMostFileBytes) return wrong("pack.file_too_large", path, std::to_string(bytes));
    total_ += bytes;
    return total_ <= kMostBytes || wrong("pack.too_large", "", std::to_string(kMostBytes));
  }

  bool wrong(std::string_view reason, std::string_view path, std::string_view about = {},
             std::string mend_text = {}) {
    findings_.wrong(reason, shown_path(label_, path), {}, about, std::move(mend_text));
    return false;
  }

 private:
  static bool has_good_names(std::string_view path) {
    for (;;) {
      const size_t end = path.find('/');
      if (!is_file_name(path.substr(0, end))) return false;
      if (end == std::string_view::npos) return true;
      path.remove_prefix(end + 1);
    }
  }

  static std::string mend(const std::string& path) {
    std::vector<std::string> folders;
    for (const FileKind& kind : file_kinds())
      if (!kind.folder.empty()) folders.emplace_back(kind.folder);
    const std::string folder = path.substr(0, path.find('/'));
    const std::string meant = nearest(folder, folders);
    if (meant.empty() || meant == folder)
      return fmt::format("pack.yaml, *.md, {{{}}}/*.yaml", fmt::join(folders, ","));
    return fmt::format("{}/*.yaml", meant);
  }

  const std::string& label_;
  Findings& findings_;
  std::set<std::string> folded_;
  size_t total_ = 0;
};

class FolderReader {
 public:
  FolderReader(const fs::path& root, Files& out, Findings& findings)
      : root_(root), out_(out), findings_(findings), gate_(out.label, findings) {}

  // A folder of the second level holds nothing that is of a pack: it is named, and not entered.
  void walk(const fs::path& folder, int depth) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      if (entries.size() > kMostFiles) break;  // the gate says so
      if (!at->path().filename().string().starts_with('.')) entries.push_back(*at);
    }
    if (error) findings_.wrong(file_error(folder, error.value()), out_.label);
    std::sort(entries.begin(), entries.end());
    for (const fs::directory_entry& entry : entries) take(entry, depth);
  }

 private:
  void take(const fs::directory_entry& entry, int depth) {
    const std::string path = entry.path().lexically_relative(root_).generic_string();
    std::error_code error;
    const fs::file_status status = entry.symlink_status(error);
    if (fs::is_symlink(status)) {
      gate_.wrong("pack.link", path);
    } else if (fs::is_directory(status)) {
      if (depth == 0)
        walk(entry.path(), depth + 1);
      else
        gate_.wrong("pack.file_unknown", path);
    } else if (!fs::is_regular_file(status)) {
      gate_.wrong("pack.not_a_file", path);
    } else if (gate_.admits(path)) {
      read(entry.path(), path);
    }
  }

  void read(const fs::path& file, const std::string& path) {
    auto content = read_file(file, kMostFileBytes);
    if (!content && content.error().reason == "file.too_large")
      gate_.wrong("pack.file_too_large", path);
    else if (!content)
      findings_.wrong(content.error(), shown_path(out_.label, path));
    else if (gate_.takes(path, content->size()))
      out_.content[path] = std::move(*content);
  }

  const fs::path& root_;
  Files& out_;
  Findings& findings_;
  Gate gate_;
};

void want_pack_file(const Files& files, Findings& findings) {
  if (!files.content.contains("pack.yaml")) findings.wrong("pack.missing", files.label, {}, "pack.yaml");
}

}  // namespace

Files read_folder(const fs::path& folder, Findings& findings) {
  Files out{.label = folder.lexically_normal().generic_string(), .content = {}};
  if (out.label.size() > 1 && out.label.ends_with('/')) out.label.pop_back();
  const fs::path root = out.label;
  FolderReader(root, out, findings).walk(root, 0);
  want_pack_file(out, findings);
  return out;
}

Files read_packed(const Packed& packed, const std::string& label, Findings& findings) {
  Files out{.label = label, .content = {}};
  Gate gate(label, findings);
  for (const auto& [path, content] : packed.content)
    if (gate.admits(path) && gate.takes(path, content.size())) out.content[path] = content;
  want_pack_file(out, findings);
  return out;
}

}  // namespace chengxin::pack
