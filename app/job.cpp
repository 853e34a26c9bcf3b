#include "job.h"

#include <thread>

namespace chengxin::app {
namespace {

Code code_named(std::string_view name) {
  for (int code = 0; code <= int(Code::internal); ++code)
    if (code_name(Code(code)) == name) return Code(code);
  return Code::internal;
}

}  // namespace

Result<Json> run_job(client::Client& platform, const std::string& kind, const Json& arguments,
                     const std::string& title, const std::string& at) {
  ASSIGN(Json job, platform.post(at, {{"kind", kind}, {"arguments", arguments}}));
  std::string path = at + "/" + job.at("id").get<std::string>();
  Progress progress(title);
  int wait_ms = 10;
  while (job.at("state") == "waiting" || job.at("state") == "running") {
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    wait_ms = std::min(wait_ms * 2, 500);
    ASSIGN(job, platform.get(path));
    progress.show(job.at("done").get<uint64_t>(), job.at("total").get<uint64_t>());
  }
  if (job.at("state") == "done") return job.at("result");
  const Json& error = job.at("error");
  return tl::unexpected(Error{code_named(error.at("code").get<std::string>()),
                              error.at("reason").get<std::string>(), error.at("detail").get<std::string>()});
}

}  // namespace chengxin::app
