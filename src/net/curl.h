#pragma once
#include <curl/curl.h>

#include <string>

// What all requests over libcurl have in common.
namespace chengxin::net {

struct CurlCloser {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

void start_curl();  // before anything else of it; once or often, from any thread

// Only http and https, no redirect, no proxy, no signals; https by the roots of that PEM file alone, or by
// the system's when empty.
void set_careful(CURL* curl, const std::string& roots);

}  // namespace chengxin::net
