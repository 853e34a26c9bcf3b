#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

// Figures that are measured in turn, round after round, on one core: what disturbs the machine disturbs all
// of them, and the median of the rounds stands.
namespace chengxin::app::bench {

// A program of tools/peers, beside this one; empty: it was not built.
fs::path peer_program(const std::string& name);

double seconds_of(const std::function<void()>& work);

// This thread, and the processes that it starts, stay on the highest core from now on; its number.
int pin_to_a_core();
std::string processor_name();

struct Figure {
  Json labels;                        // what was measured: path, kind, batch, peer …
  std::string text, unit;             // of the same for people
  std::function<double()> work = {};  // one piece of work: how many units were done
  std::vector<double> rates = {};     // units a second, of each round

  double median() const;
  double lowest() const;
  double highest() const;
};

class Figures {
 public:
  void add(Json labels, std::string text, std::string unit, std::function<double()> work);
  // One round of all that have work: each for `seconds`.
  void measure(double seconds, const std::function<void(size_t done)>& progress);
  // The answers of a program of tools/peers, run for `seconds` for each figure; false where it does not stand
  // in the folder `peers` beside this program.
  bool measure_peer(const std::string& name, double seconds);

  size_t size() const { return figures_.size(); }
  // The median of the first figure that has all these labels; 0 when there is none.
  double rate_of(const Json& labels) const;
  Json to_json() const;
  void print() const;

 private:
  void take(const Json& answer);
  std::vector<Figure> figures_;
};

}  // namespace chengxin::app::bench
