#pragma once
#include <map>

#include "base/file.h"
#include "base/json.h"

namespace chengxin::consortium {

// JSON documents of one kind, a file each, owner-only; names are those of valid_name or hexadecimal.
class Files {
 public:
  explicit Files(fs::path folder) : folder_(std::move(folder)) {}
  // consortium.identity_damaged names a file that does not parse.
  Result<std::map<std::string, Json>> all() const;
  Status put(const std::string& name, const Json& value) const;
  void remove(const std::string& name) const;

 private:
  fs::path folder_;
};

}  // namespace chengxin::consortium
