#include "bench/figures.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "cli.h"

namespace chengxin::app::bench {
namespace {

// Of this thread: what others do on the machine is not our time.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

std::string number(double value, const std::string& unit) {
  return unit == "GB/s" ? fmt::format("{:.3f}", value) : fmt::format("{:.0f}", value);
}

}  // namespace

double seconds_of(const std::function<void()>& work) {
  const double started = processor_seconds();
  work();
  return processor_seconds() - started;
}

int pin_to_a_core() {
  const int core = int(::sysconf(_SC_NPROCESSORS_ONLN)) - 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::sched_setaffinity(0, sizeof set, &set);
  return core;
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string text; std::getline(info, text);)
    if (text.starts_with("model name")) return text.substr(text.find(':') + 2);
  return "?";
}

fs::path peer_program(const std::string& name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path() / "peers" / name;
  return fs::exists(program, error) ? program : fs::path();
}

double Figure::median() const {
  auto sorted = rates;
  std::sort(sorted.begin(), sorted.end());
  return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}
double Figure::lowest() const { return rates.empty() ? 0 : *std::min_element(rates.begin(), rates.end()); }
double Figure::highest() const { return rates.empty() ? 0 : *std::max_element(rates.begin(), rates.end()); }

void Figures::add(Json labels, std::string text, std::string unit, std::function<double()> work) {
  figures_.push_back({std::move(labels), std::move(text), std::move(unit), std::move(work)});
}

void Figures::measure(double seconds, const std::function<void(size_t done)>& progress) {
  for (size_t i = 0; i < figures_.size(); ++i) {
    Figure& figure = figures_[i];
    if (!figure.work) continue;
    figure.work();
    const double started = processor_seconds();
    double done = 0, passed = 0;
    while (passed < seconds) {
      done += figure.work();
      passed = processor_seconds() - started;
    }
    figure.rates.push_back(done / passed);
    progress(i + 1);
  }
}

bool Figures::measure_peer(const std::string& name, double seconds) {
  const fs::path program = peer_program(name);
  if (program.empty()) return false;
  const std::string command = fmt::format("GOMAXPROCS=1 '{}' --seconds {}", program.string(), seconds);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> answers(::popen(command.c_str(), "r"), ::pclose);
  char text[1024];
  while (answers && std::fgets(text, sizeof text, answers.get()))
    if (auto json = parse_json(text); json && json->is_object() && json->contains("per_second")) take(*json);
  return true;
}

void Figures::take(const Json& answer) {
  Json labels = answer;
  labels.erase("per_second");
  auto known =
      std::find_if(figures_.begin(), figures_.end(), [&](const Figure& f) { return f.labels == labels; });
  if (known == figures_.end()) {
    auto word = [&](const char* name) { return answer.value(name, ""); };
    const std::string what = word("what");
    const char* unit = what == "sign"               ? "sign/s"
                       : what.starts_with("verify") ? "verify/s"
                       : what == "sm3_1k"           ? "GB/s"
                                                    : "nodes/s";
    figures_.push_back(
        {labels, fmt::format("{} {} {}: {}", word("peer"), word("version"), what, word("included")), unit});
    known = figures_.end() - 1;
  }
  const double rate = answer["per_second"];
  known->rates.push_back(known->unit == "GB/s" ? rate * 1024 / 1e9
                                               : rate);  // they count messages of 1024 bytes
}

double Figures::rate_of(const Json& labels) const {
  for (const Figure& figure : figures_) {
    bool all = true;
    for (auto& [name, value] : labels.items())
      all &= figure.labels.contains(name) && figure.labels[name] == value;
    if (all) return figure.median();
  }
  return 0;
}

Json Figures::to_json() const {
  Json out = Json::array();
  for (const Figure& figure : figures_) {
    Json one = figure.labels;
    one["unit"] = figure.unit;
    one["median"] = figure.median();
    one["low"] = figure.lowest();
    one["high"] = figure.highest();
    out.push_back(std::move(one));
  }
  return out;
}

void Figures::print() const {
  for (const Figure& figure : figures_)
    line("{:>10} {:<8} ({} … {})  {}", number(figure.median(), figure.unit), figure.unit,
         number(figure.lowest(), figure.unit), number(figure.highest(), figure.unit), figure.text);
}

}  // namespace chengxin::app::bench
