#include "contract/stack.h"

#include <pthread.h>

#include "base/check.h"

namespace chengxin::contract {

void provide_stacks() {
  pthread_attr_t attributes;
  size_t bytes = 0;
  CHECK(pthread_getattr_default_np(&attributes) == 0);
  CHECK(pthread_attr_getstacksize(&attributes, &bytes) == 0);
  if (bytes < kStackBytes) {
    CHECK(pthread_attr_setstacksize(&attributes, kStackBytes) == 0);
    CHECK(pthread_setattr_default_np(&attributes) == 0);
  }
  pthread_attr_destroy(&attributes);
}

}  // namespace chengxin::contract
