// A wall clock that is wrong, through LD_PRELOAD: CHENGXIN_CLOCK names a file of 8 bytes, how many
// milliseconds it is ahead (int64, of this machine's byte order). It is mapped, so that a test may move the
// clock while the program runs. Other clocks are not touched.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

const std::atomic<int64_t>* map_clock() {
  const char* name = getenv("CHENGXIN_CLOCK");
  const int fd = name == nullptr ? -1 : int(syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC));
  if (fd < 0) return nullptr;
  void* at = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  return at == MAP_FAILED ? nullptr : static_cast<const std::atomic<int64_t>*>(at);
}

int64_t ahead_ms() {
  static const std::atomic<int64_t>* const clock = map_clock();
  return clock == nullptr ? 0 : clock->load(std::memory_order_relaxed);
}

int read_clock(clockid_t id, timespec* out) {
  const int done = int(syscall(SYS_clock_gettime, id, out));
  if (done != 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return done;
  const int64_t ahead = ahead_ms(), ns = out->tv_nsec + ahead % 1000 * 1'000'000;
  out->tv_sec += ahead / 1000 + (ns >= 1'000'000'000) - (ns < 0);
  out->tv_nsec = (ns + 1'000'000'000) % 1'000'000'000;
  return 0;
}

}  // namespace

#define SEEN extern "C" __attribute__((visibility("default")))

SEEN int clock_gettime(clockid_t id, timespec* out) noexcept { return read_clock(id, out); }
SEEN int gettimeofday(timeval* __restrict out, void* __restrict) noexcept {
  timespec now{};
  read_clock(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}
SEEN time_t time(time_t* out) noexcept {
  timespec now{};
  read_clock(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
