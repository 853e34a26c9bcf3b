#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace chengxin {
namespace {

int opened() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, IsClosedOnceByWhoeverHasItLast) {
  const int first = opened(), second = opened();
  {
    Descriptor a(first), b(std::move(a));
    EXPECT_FALSE(a);
    EXPECT_EQ(b.get(), first);
    b = Descriptor(second);
    EXPECT_FALSE(is_open(first));
    EXPECT_TRUE(is_open(second));
  }
  EXPECT_FALSE(is_open(second));
}

TEST(Descriptor, LeavesWhatWasTakenFromIt) {
  int taken = -1;
  {
    Descriptor a(opened());
    taken = a.release();
    EXPECT_FALSE(a);
    a.reset();  // nothing is there
  }
  EXPECT_TRUE(is_open(taken));
  Descriptor again(taken);
  again.reset();
  EXPECT_FALSE(is_open(taken));
}

}  // namespace
}  // namespace chengxin
