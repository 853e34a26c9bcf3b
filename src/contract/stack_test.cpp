#include "contract/stack.h"

#include <gtest/gtest.h>
#include <pthread.h>

namespace chengxin::contract {
namespace {

size_t default_bytes() {
  pthread_attr_t attributes;
  size_t out = 0;
  EXPECT_EQ(pthread_getattr_default_np(&attributes), 0);
  EXPECT_EQ(pthread_attr_getstacksize(&attributes, &out), 0);
  pthread_attr_destroy(&attributes);
  return out;
}

void set_default(size_t bytes) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_getattr_default_np(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, bytes), 0);
  ASSERT_EQ(pthread_setattr_default_np(&attributes), 0);
  pthread_attr_destroy(&attributes);
}

TEST(Stack, ThreadsHaveWhatContractsNeed) {
  const size_t before = default_bytes();
  for (const size_t bytes : {size_t(2) << 20, size_t(16) << 20}) {
    set_default(bytes);
    ASSERT_EQ(default_bytes(), bytes);
    provide_stacks();
    EXPECT_EQ(default_bytes(), std::max(bytes, kStackBytes));
  }
  set_default(before);
}

}  // namespace
}  // namespace chengxin::contract
