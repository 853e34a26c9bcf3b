#pragma once
#include "api/app.h"
#include "api/impl/request_parser.h"

namespace chengxin::api {

// A request whose header has arrived.
struct Incoming {
  const Head& head;
  std::string request_id;
  BodySource& source;
  std::string& body;  // where read_whole() gathers
};

struct Outgoing {
  Response response;
  const Route* route = nullptr;
};

// Everything between a header and an answer: host, route, credential, parameters, body, handler. Never fails:
// errors are problem details.
Task<Outgoing> dispatch(App& app, Incoming& incoming);

}  // namespace chengxin::api
