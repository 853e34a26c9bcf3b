#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "api/pack_people.h"

namespace chengxin::app {

// Once a second: what falls due in cases, messages to their readers, cases to newer packs. What is refused,
// and by what reason, is a line at error once for each case.
class CaseRunner {
 public:
  // Both must outlive this.
  CaseRunner(cases::Desk& desk, api::PackPeople& people);
  ~CaseRunner();  // lets the round under way end
  CaseRunner(const CaseRunner&) = delete;

 private:
  void run();
  void look();
  void note(std::string_view what, const Status& status);

  cases::Desk& desk_;
  api::PackPeople& people_;
  std::set<std::pair<int64_t, std::string>> told_;   // cases and reasons; of look()
  std::map<std::string_view, std::string> failing_;  // reasons of what fails as a whole
  int64_t rounds_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace chengxin::app
