#pragma once
#include <string>
#include <utility>
#include <vector>

#include "access/policy.h"
#include "access/sessions.h"
#include "api/coroutine.h"
#include "base/bytes.h"
#include "base/json.h"

namespace chengxin::api {

class App;
struct Route;

struct Principal {
  enum class Kind : uint8_t { nobody, owner, token, session, service };
  std::string id;  // "owner", "token:…", "user:…" or "service:…"; empty: nobody
  bool owner = false;
  Kind kind = Kind::nobody;
  std::string role;          // of a token
  std::string user;          // account of a session or of a service
  std::string organisation;  // of that account, by the policy
  access::Session session = {};
  std::string secret = {};   // identifier of the session: never in a log
  bool cookie = false;       // it came as one
  access::Grant grant = {};  // what answers may show
};

// The body of a request as it arrives.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual Task<Result<std::string_view>> next() = 0;  // empty at the end; the view holds until the next call
  // The same until a steady time of the caller's (api.timeout), in place of the limits of bodies.
  virtual Task<Result<std::string_view>> next(int64_t until_ns) = 0;
};

// The body of an answer whose length is not known before. write() returns when the bytes are with the kernel;
// a peer that does not take them in time is cut off, and write() then gives api.client_gone.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual Task<Status> write(std::string_view bytes) = 0;
  virtual void abort() = 0;  // cuts the peer off: what reads from it or writes to it fails from now on
};

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // Instead of body. It may go on reading the request's body meanwhile, on a coroutine of its own; what it
  // wrote is then sent also when the server stops, but reading ends with api.stopping.
  std::function<Task<Status>(BodySink&)> stream;
  // The reason key, of what is refused with more than a problem's members or in the form of another protocol.
  std::string refusal = {};
};

inline Response json_response(const Json& value, int status = 200) {
  return {status, "application/json", value.dump(-1, ' ', false, Json::error_handler_t::replace), {}, {}};
}

// Checked parameters: every value has the type that the row declares.
class Values {
 public:
  void set(std::string_view name, Json value) { values_.emplace_back(name, std::move(value)); }
  const Json* find(std::string_view name) const {
    for (auto& [key, value] : values_)
      if (key == name) return &value;
    return nullptr;
  }
  std::string text(std::string_view name, std::string_view fallback = {}) const {
    auto* value = find(name);
    return value ? value->get<std::string>() : std::string(fallback);
  }
  int64_t number(std::string_view name, int64_t fallback = 0) const {
    auto* value = find(name);
    return value ? value->get<int64_t>() : fallback;
  }
  bool flag(std::string_view name, bool fallback = false) const {
    auto* value = find(name);
    return value ? value->get<bool>() : fallback;
  }

 private:
  std::vector<std::pair<std::string_view, Json>> values_;  // names are those of the table
};

// One request on its way through its handler.
struct Call {
  App& app;
  const Route& route;
  std::string request_id;
  Principal principal;
  Values path, query;
  std::string media;             // of the body, without parameters
  std::string body;              // whole, unless the row is streamed
  Json json;                     // the parsed and checked body, when it is JSON
  BodySource* stream = nullptr;  // when the row is streamed
  bool changes = false;      // something may be changed: its audit entry is durable before the answer leaves
  std::string audit_detail;  // for the entry, beside the path: never a secret
  bool head = false;         // only the header of the answer will be sent
  std::string_view target, last_event_id, idempotency_key, authorization, cookie, agent, peer;
};

// Errors become problem details. A handler never blocks: what may goes through Workers.
using Handler = std::function<Task<Result<Response>>(Call&)>;

}  // namespace chengxin::api
