#include "base/cpu.h"
#include "sm2/impl/engine.h"
#include "sm2/impl/sign_engine.h"

namespace chengxin::sm2 {

std::string_view name(Path path) {
  constexpr std::string_view kNames[] = {"portable", "adx", "ifma"};
  return kNames[int(path)];
}

// Asked of the processor alone: an engine and its tables are made when somebody uses it.
bool available(Path path) { return path == Path::portable || (path == Path::adx ? cpu().adx : cpu().ifma); }

Path best_path() {
  if (available(Path::ifma)) return Path::ifma;
  return available(Path::adx) ? Path::adx : Path::portable;
}

namespace impl {

const Engine* engine_of(Path path) {
  return path == Path::portable ? portable_engine() : path == Path::adx ? adx_engine() : ifma_engine();
}

const SignEngine* sign_engine_of(Path path) {
  return path == Path::portable ? portable_sign_engine()
         : path == Path::adx    ? adx_sign_engine()
                                : ifma_sign_engine();
}

}  // namespace impl
}  // namespace chengxin::sm2
