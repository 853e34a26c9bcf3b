#pragma once
#include <memory>
#include <string>

#include "base/file.h"

namespace chengxin::keys {

// A shared library of a vendor's, loaded for itself (its symbols are nobody else's). Never unloaded: many
// leave threads behind.
class Library {
 public:
  static Result<Library> load(const fs::path& path);  // keys.library
  // Puts the function's address into `out`. False when the library has none of that name.
  template <typename Function>
  bool find(const char* name, Function*& out) const {
    out = reinterpret_cast<Function*>(address(name));
    return out != nullptr;
  }
  tl::unexpected<Error> lacks(std::string_view name) const;  // keys.library

 private:
  void* address(const char* name) const;
  void* handle_ = nullptr;
  fs::path path_;
};

}  // namespace chengxin::keys
