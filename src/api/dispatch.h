#pragma once
#include "api/app.h"
#include "api/impl/request_parser.h"

namespace chengxin::api {

// What a request's body takes of the memory that the bodies of all requests may take together.
class BodyShare {
 public:
  explicit BodyShare(App& app) : app_(app) {}
  ~BodyShare() { app_.body_bytes_held -= bytes_; }
  BodyShare(const BodyShare&) = delete;

  // api.busy
  Status take(size_t bytes) { return hold(bytes_ + bytes); }
  Status hold(size_t bytes) {
    const size_t all = app_.body_bytes_held += bytes - bytes_;
    const bool more = bytes > bytes_;
    bytes_ = bytes;
    if (!more || all <= app_.options.max_body_bytes_held) return {};
    return tl::unexpected(Error{Code::busy, "api.busy", "too many large requests at a time", 1000});
  }

 private:
  App& app_;
  size_t bytes_ = 0;
};

// A request whose header has arrived.
struct Incoming {
  const Head& head;
  std::string request_id;
  std::string_view peer;  // its address
  BodySource& source;
  std::string& body;                        // where read_whole() gathers
  BodyShare& share;                         // of `body`
  const crypto::TlsPeer* caller = nullptr;  // the certificates that it showed
  bool exposed = false;  // it came in clear from another host: whoever stands between could read it
};

struct Outgoing {
  Response response;
  const Route* route = nullptr;
};

void wipe(std::string& text);  // and all that it may have held before

// Everything between a header and an answer: host, route, credential, parameters, body, handler. Never fails:
// errors are problem details.
Task<Outgoing> dispatch(App& app, Incoming& incoming);

}  // namespace chengxin::api
