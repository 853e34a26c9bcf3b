#pragma once
#include <string>
#include <vector>

#include "base/file.h"

namespace chengxin::comet {

// A child process and our ends of its streams, which do not block and are not inherited by other children.
struct Process {
  int pid = -1;
  int input = -1;  // a socket: writing to a process that died is an error and no signal
  int output = -1, errors = -1;
};

// In a process group of its own: what is typed at a terminal is for this process, which ends the child.
// engine.died
Result<Process> spawn_process(const fs::path& binary, const std::vector<std::string>& arguments);

// Waits for its end and kills it after wait_ms. The status is that of waitpid.
int reap_process(int pid, int wait_ms);

void close_end(int& fd);

}  // namespace chengxin::comet
