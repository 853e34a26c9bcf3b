#include "keys/impl/library.h"

#include <dlfcn.h>

namespace chengxin::keys {

Result<Library> Library::load(const fs::path& path) {
  Library out;
  out.path_ = path;
  if (!path.is_absolute())  // not whatever stands first on some search path
    return fail(Code::invalid_argument, "keys.library", "{}: name it by its absolute path", path.string());
  out.handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!out.handle_) return fail(Code::unavailable, "keys.library", "{}", ::dlerror());
  return out;
}

void* Library::address(const char* name) const { return ::dlsym(handle_, name); }

tl::unexpected<Error> Library::lacks(std::string_view name) const {
  return fail(Code::unavailable, "keys.library", "{} has no function {}", path_.string(), name);
}

}  // namespace chengxin::keys
