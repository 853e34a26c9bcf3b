#include "consortium/impl/files.h"

namespace chengxin::consortium {

constexpr size_t kMaxFileBytes = 4 << 20;

Result<std::map<std::string, Json>> Files::all() const {
  std::map<std::string, Json> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".json") continue;
    ASSIGN(Bytes bytes, read_file(entry.path(), kMaxFileBytes));
    auto json = parse_json(text(bytes), {kMaxFileBytes, 32});
    if (!json || !json->is_object())
      return fail(Code::data_loss, "consortium.identity_damaged", "{} does not parse", entry.path().string());
    out[entry.path().stem().string()] = std::move(*json);
  }
  return out;
}

Status Files::put(const std::string& name, const Json& value) const {
  TRY(make_folder(folder_, 0700));
  return write_durable(folder_ / (name + ".json"), view(value.dump()), 0600);
}

void Files::remove(const std::string& name) const {
  std::error_code ignored;
  fs::remove(folder_ / (name + ".json"), ignored);
}

}  // namespace chengxin::consortium
