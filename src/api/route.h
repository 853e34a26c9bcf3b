#pragma once
#include <map>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/schema.h"

// The table of the API. From its rows come routing, validation, authorisation, metrics, the OpenAPI document
// and the documentation page. A resource is one header, one source and one row in resources.cpp.
namespace chengxin::api {

struct Words {
  std::string zh, en;
};

enum class Method { get, post, put, del };
std::string_view method_name(Method method);

// open: anybody. self: anybody who is known, about himself. The others are for whom the policy allows it
// (authorise.h); for programs, token: with the role integrator, owner: with the installation's own
// credential.
enum class Access { open, self, token, owner };

// A query parameter. `schema` is of the subset in schema.h; arrays are written as comma-separated lists.
struct Parameter {
  std::string name;
  Json schema;
  Words words;
  bool required = false;
  // The member of what is answered that it asks about, where that has another name: a role that masks the one
  // may not ask by the other.
  std::string about = {};
};

// A media type that the body may have. JSON bodies are parsed and checked against `schema`; others are handed
// on as bytes.
struct Media {
  std::string type;
  Json schema;
};

struct Answer {
  int status = 200;
  std::string type = "application/json";
  Json schema;
  Words words;
};

struct Route {
  Method method = Method::get;
  std::string path;  // "/api/v1/chains/{chain}"; the schemas of path parameters stand in path_parameters()
  std::string id;    // operationId
  Words summary;
  std::string tag;
  Access access = Access::token;
  std::vector<Parameter> query;
  std::vector<Media> body;  // empty: a body is refused
  std::vector<Answer> answers;
  std::vector<std::string> reasons;  // that the handler may give, besides those of every call
  Handler handler;
  size_t max_body_bytes = 1 << 20;
  bool streamed = false;  // the handler reads the body itself through Call::stream
  bool reads =
      false;  // a POST that changes nothing: no wait for the audit log, and it works while that is stopped
  bool raw = false;         // a JSON body is handed on as bytes too: it has errors of its own
  bool idempotent = false;  // takes Idempotency-Key
  bool secret = false;      // its body holds a password: what is kept of it is wiped after the call
  // The only path parameter, the last, is all that is left of the target, its query too: percent-decoded once
  // (RFC 6960 appendix A.1).
  bool takes_rest = false;
  bool any_query = false;  // parameters that the row does not name are let be (RFC 6749 section 4.1.2)
  bool records = false;    // its path or its answer names records that have labels (access/labels.h)
  // Its path names no chain, and it keeps to the chains that the caller's roles are for (grant_on). Whoever
  // has roles for some chains only may call no other route without a {chain}.
  bool by_chain = false;
};

struct PathParameter {
  Json schema;
  Words words;
};
const std::map<std::string, PathParameter, std::less<>>& path_parameters();

// What a resource adds to the API.
struct Resource {
  std::vector<Route> routes;
  std::map<std::string, Json> schemas;  // named components
};

// Finds the row for a request.
class Router {
 public:
  struct Match {
    const Route* route = nullptr;     // null: none
    std::vector<std::string> values;  // of the path parameters, in order
    std::vector<Method> allowed;      // when the path exists but not for this method
  };
  explicit Router(const std::vector<Route>& routes);
  Match find(Method method, const std::vector<std::string>& segments) const;
  // For routes that take the rest, before the target is taken apart; route null: none of them. api.bad_path.
  Result<Match> find_rest(Method method, std::string_view target) const;
  static std::vector<std::string> parameter_names(std::string_view path);

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::map<Method, const Route*> routes;
  };
  Node root_;
  std::vector<std::pair<std::string_view, const Route*>> rest_;  // by what stands before the parameter
};

// A request target taken apart: percent-decoded segments and query pairs. api.bad_path for anything that
// could be read in two ways: dot segments, empty segments, encoded slashes, backslashes, control characters,
// bad escapes, not UTF-8.
struct Target {
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;
};
Result<Target> parse_target(std::string_view target);

}  // namespace chengxin::api
