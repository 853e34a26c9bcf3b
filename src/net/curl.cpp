#include "net/curl.h"

#include <mutex>

namespace chengxin::net {

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

void set_careful(CURL* curl, const std::string& roots) {
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (roots.empty()) return;
  curl_easy_setopt(curl, CURLOPT_CAINFO, roots.c_str());
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // else the system's folder of roots counts beside it
}

}  // namespace chengxin::net
