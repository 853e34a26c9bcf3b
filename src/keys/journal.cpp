#include "keys/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/log.h"
#include "crypto/sm3.h"
#include "keys/impl/files.h"

namespace chengxin::keys {
namespace {

constexpr char kTag[] = "chengxin/ceremony/v1", kHeadFormat[] = "chengxin/ceremony-head/v1";
constexpr size_t kMostBytes = 256 << 20;

tl::unexpected<Error> broken(size_t number, std::string_view why) {
  return fail(Code::data_loss, "keys.journal_broken", "journal.jsonl line {}: {}", number, why);
}

Result<Digest> hash_of(const Json& record) {
  ASSIGN(const std::string canonical, canonical_json(record));
  return crypto::sm3({view({kTag, sizeof kTag}), view(canonical)});
}

Status append_durably(const fs::path& path, std::string_view line) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return tl::unexpected(file_error(path, errno));
  const int fd = file.get();
  const off_t before = ::lseek(fd, 0, SEEK_END);
  const bool done = ::write(fd, line.data(), line.size()) == ssize_t(line.size()) && ::fsync(fd) == 0;
  const int error = errno;
  if (!done && ::ftruncate(fd, before) != 0) log::error("keys.journal", {{"error", "half a line stays"}});
  return done ? Status() : tl::unexpected(file_error(path, error));
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const fs::path& folder, const crypto::Sm2Point& key, Sign sign,
                                               const std::function<Status(const Json&)>& on_record,
                                               std::function<int64_t()> now_ms) {
  TRY(make_folder(folder));
  std::unique_ptr<Journal> out(new Journal());
  out->path_ = folder / "journal.jsonl";
  out->head_path_ = folder / "journal.head";
  ASSIGN(out->key_, crypto::Sm2PublicKey::from_point(key));
  out->sign_ = std::move(sign);
  out->now_ms_ = std::move(now_ms);
  TRY(out->read(on_record));
  if (out->size_ == 0) {
    ASSIGN(const Json first, out->append("begin", {{"journal_key", hex(key)}}));
    TRY(on_record(first));
  }
  return out;
}

Status Journal::check(std::string_view line, size_t number, Json& record) {
  auto json = parse_json(line, {.max_bytes = 1 << 20});
  if (!json || !json->is_object() || !json->contains("record") || !(*json)["record"].is_object() ||
      json->dump() != line)
    return broken(number, "it is no record");
  record = (*json)["record"];
  ASSIGN(const Digest hash, hash_of(record));
  const auto text_of = [&](const char* name) {
    return json->value(name, Json()).is_string() ? (*json)[name].get<std::string>() : "";
  };
  if (record.value("seq", Json()) != size_ || record.value("previous", Json()) != hex(head_))
    return broken(number, "it does not follow the one before");
  if (text_of("hash") != hex(hash)) return broken(number, "it was changed");
  const auto signature = unhex(text_of("signature"));
  // Another spelling of the same bytes is a change too.
  if (!signature || hex(*signature) != text_of("signature") || !key_.verify(hash, *signature))
    return broken(number, "its signature does not hold");
  head_ = hash;
  ++size_;
  return {};
}

Status Journal::read(const std::function<Status(const Json&)>& on_record) {
  auto bytes = read_file(path_, kMostBytes);
  if (!bytes && bytes.error().reason != "file.not_found") return tl::unexpected(bytes.error());
  auto head = read_checked(head_path_, kHeadFormat);
  if (!head && head.error().reason != "file.not_found") return tl::unexpected(head.error());
  const uint64_t told =
      head && head->value("size", Json()).is_number_unsigned() ? (*head)["size"].get<uint64_t>() : 0;
  const std::string all = bytes ? to_string(*bytes) : "";
  size_t from = 0;
  for (size_t end; (end = all.find('\n', from)) != all.npos; from = end + 1) {
    Json record;
    TRY(check(std::string_view(all).substr(from, end - from), size_ + 1, record));
    TRY(on_record(record));
    if (size_ == told && (*head)["hash"] != hex(head_)) return broken(size_, "the head names another");
  }
  if (size_ < told)
    return fail(Code::data_loss, "keys.journal_cut", "{} records are here, the head counts {}", size_, told);
  if (size_ > told + 1 || (size_ > 0 && !head && size_ != 1))
    return broken(told + 2, "the head does not know it");
  if (from < all.size() && ::truncate(path_.c_str(), off_t(from)) != 0)  // torn by a crash
    return tl::unexpected(file_error(path_, errno));
  return size_ > told ? write_head() : Status();
}

Status Journal::write_head() {
  return write_checked(head_path_, {{"format", kHeadFormat}, {"size", size_}, {"hash", hex(head_)}});
}

Result<Json> Journal::append(const std::string& action, Json members) {
  members["action"] = action;
  members["seq"] = size_;
  members["time_ms"] = now_ms_();
  members["previous"] = hex(head_);
  ASSIGN(const Digest hash, hash_of(members));
  ASSIGN(const auto signature, sign_(hash));
  const Json line = {{"record", members}, {"hash", hex(hash)}, {"signature", hex(signature)}};
  TRY(append_durably(path_, line.dump() + "\n"));
  head_ = hash;
  ++size_;
  TRY(write_head());
  return members;
}

Result<Json> journal_records(const fs::path& folder) {
  ASSIGN(const Bytes bytes, read_file(folder / "journal.jsonl", kMostBytes));
  Json out = Json::array();
  const std::string_view all = text(bytes);
  size_t from = 0;
  for (size_t end; (end = all.find('\n', from)) != all.npos; from = end + 1) {
    ASSIGN(Json line, parse_json(all.substr(from, end - from)));
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace chengxin::keys
