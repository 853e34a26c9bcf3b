// The vector half of the engine; compiled for AVX-512 (CMakeLists.txt). Includes no header but its own.
#if defined(__x86_64__)
#include "sm2/impl/ifma_build.h"

namespace chengxin::sm2::impl {

const IfmaKernel& ifma_kernel() {
  static constexpr IfmaKernel kernel = {verify_unknown,           verify_known<kSmallComb>,
                                        verify_known<kLargeComb>, build_keys<kSmallComb>,
                                        build_keys<kLargeComb>,   build_base};
  return kernel;
}

}  // namespace chengxin::sm2::impl
#endif
