#pragma once
#include "world.h"

namespace chengxin::rules::world {

// Texts of rules that give true or false over a manifest of this world. Nearly all are well typed; some have
// no form in SQL.
class RandomRules {
 public:
  explicit RandomRules(Random& random) : random_(random) {}
  std::string condition() { return truth(1 + int(random_() % 4)); }

 private:
  std::string of(std::initializer_list<const char*> choices) {
    return choices.begin()[random_() % choices.size()];
  }
  std::string any(const std::vector<std::string>& choices) { return choices[random_() % choices.size()]; }
  size_t below(size_t end) { return random_() % end; }

  std::string truth(int depth);
  std::string simple_truth();
  std::string compared(int depth);
  std::string quantified(int depth);
  std::string known(int depth);
  std::string integer(int depth);
  std::string decimal(int depth);
  std::string text(int depth);
  std::string day(int depth);
  std::string lines(int depth);
  // With a name for a line that the body may use.
  std::string over_lines(int depth, const char* macro, std::string (RandomRules::*body)(int));

  Random& random_;
  // Besides those that are always there.
  std::vector<std::string> integers_, texts_, lines_;
};

}  // namespace chengxin::rules::world
