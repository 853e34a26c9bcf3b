#pragma once
#include <cstdint>
#include <random>
#include <string>

// What the shim was asked to do, from the environment variable CHENGXIN_FAULTS:
//   root=DIR;mode=count|fail|slow|powercut;…        (docs/faults.md lists the rest)
// and the count of operations so far. Everything here is called with the shim's lock held.
namespace faults {

enum class Mode { off, count, fail, slow, powercut };
enum class Kind { open, write, sync, name };  // name: rename, unlink, link, mkdir, rmdir

struct Plan {
  Mode mode = Mode::off;
  std::string root;       // canonical, without a slash at the end
  uint64_t at = 0;        // the operation that fails or at which the power goes; 0: none
  std::string kinds;      // fail: the kinds that count, of "open,write,sync,name"; empty: all
  int error_number = 5;   // EIO
  bool forever = false;   // fail: that operation and every later one
  bool lying = false;     // powercut: a disk that says "synced" and is not: shows that a harness can fail
  unsigned delay_us = 0;  // slow: at most so long for each write and sync; other files wait meanwhile
  std::string report;     // file for the count or for what the power cut did
  std::string graves;     // folder beside the root for removed files that a power cut may bring back
  std::mt19937_64 random{1};
  uint64_t operations = 0;

  bool counts(Kind kind) const;
  // Counts an operation and tells whether it is the one (or, with forever, one of those) chosen.
  bool reached(Kind kind);
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : random() % bound; }
  bool coin() { return (random() & 1) != 0; }
};

Plan read_plan();

void write_report(const Plan& plan, const std::string& text);

}  // namespace faults
