#include <fstream>

#include "api/access_rig_for_tests.h"
#include "api/authorise.h"

namespace chengxin::api {
namespace {

// Who is a column of the matrix, in its order.
const std::vector<std::string> kColumns = {"nobody",
                                           "owner",
                                           "token:integrator",
                                           "token:reader",
                                           "token:regulator",
                                           "system-administrator",
                                           "security-administrator",
                                           "audit-administrator",
                                           "regulator",
                                           "official",
                                           "registrar",
                                           "issuer",
                                           "reader",
                                           "no role",
                                           "service:integrator"};
const fs::path kFile = fs::path(CHENGXIN_SOURCE_DIR) / "src/api/access_matrix.tsv";

using Row = std::map<std::string, std::string>;  // column to cell
using Matrix = std::map<std::string, Row>;       // "METHOD path" to row

struct AccessMatrix : AccessPlatformTest {
  std::map<std::string, std::string> tokens;

  void SetUp() override {
    AccessPlatformTest::SetUp();
    for (const char* role : {"integrator", "reader", "regulator"}) {
      Reply made = call("POST", "/api/v1/tokens", kToken, {{"name", role}, {"role", role}});
      ASSERT_EQ(made.status, 201) << made.body;
      tokens[std::string("token:") + role] = made.json()["token"];
    }
    tokens["owner"] = kToken;
  }

  // What a call is answered to when nothing else is right about it: who is not allowed learns nothing more.
  static bool denied(const Reply& reply) {
    if (reply.status == 401) return true;
    const std::string reason = reply.reason();
    return reply.status == 403 && (reason == "auth.owner_only" || reason == "access.not_allowed");
  }
  Reply try_out(const std::string& column, const std::string& method, const std::string& target) {
    if (column == "nobody") return ask(port(), {.method = method, .target = target});
    if (column == "service:integrator") return signed_call(method, target, "");
    if (auto token = tokens.find(column); token != tokens.end()) return call(method, target, token->second);
    Person& who = people.at(column == "no role" ? "nobody" : column);
    Reply reply = call(method, target, who.token);
    if (target == "/api/v1/sessions" && method == "DELETE") sign_in(who);
    return reply;
  }
  Reply signed_call(const std::string& method, const std::string& target, const std::string& body) {
    const Person& service = people.at("service");
    auto fields = take(access::sign_message(service.key, service.id, method, "http://localhost" + target,
                                            view(body), now_ms()));
    return ask(port(), {.method = method,
                        .target = target,
                        .headers = {{"Content-Digest", fields.content_digest},
                                    {"Signature-Input", fields.signature_input},
                                    {"Signature", fields.signature}}});
  }
  static std::string target_of(std::string path) {
    for (size_t at; (at = path.find('{')) != path.npos;) {
      const std::string name = path.substr(at + 1, path.find('}') - at - 1);
      const bool digest = name == "digest" || name == "hash" || name == "key";
      path.replace(at, name.size() + 2,
                   digest                            ? std::string(64, '0')
                   : name == "id" || name == "chain" ? "none"
                                                     : "1");
    }
    return path;
  }
};

std::string cell(const std::optional<access::Grant>& grant, const Route& route, bool token) {
  if (!grant) return "-";
  return route.records && !grant->all_rows && !token ? "own" : "+";
}

// As the table of routes and the roles say; every row, whether its services are there or not.
Matrix from_the_table() {
  Matrix out;
  auto policy = *access::Policy::read(access::Policy::beginning());
  for (const Route& route : every_route()) {
    Row& row = out[fmt::format("{}\t{}", route.path, method_name(route.method))];
    const access::Action action = action_of(route);
    for (const auto& column : kColumns) {
      const std::string role = column.substr(column.find(':') == column.npos ? 0 : column.find(':') + 1);
      if (column == "nobody")
        row[column] = route.access == Access::open ? "+" : "-";
      else if (column == "owner" || route.access == Access::open || route.access == Access::self)
        row[column] = "+";
      else
        row[column] = cell(policy.decide_role(role, action), route, column.starts_with("token:"));
    }
  }
  return out;
}

std::string text_of(const Matrix& matrix) {
  std::string out = "path\tmethod";
  for (const auto& column : kColumns) out += "\t" + column;
  out += "\n";
  for (const auto& [name, row] : matrix) {
    out += name;
    for (const auto& column : kColumns) out += "\t" + row.at(column);
    out += "\n";
  }
  return out;
}

TEST_F(AccessMatrix, IsTheFile) {
  const std::string text = text_of(from_the_table());
  if (const char* renew = std::getenv("CHENGXIN_RENEW")) {
    std::ofstream(renew) << text;
    return;
  }
  auto kept = read_file(kFile, 1 << 20);
  ASSERT_TRUE(kept);
  EXPECT_EQ(to_string(*kept), text) << "look whether each change is meant, then: CHENGXIN_RENEW="
                                    << kFile.string() << " api_test --gtest_filter=AccessMatrix.IsTheFile";
}

TEST_F(AccessMatrix, HoldsForEveryRouteAndEveryRoleOverHttp) {
  const Matrix matrix = from_the_table();
  const Json document = Json::parse(server->openapi());
  size_t calls = 0;
  for (auto& [path, methods] : document["paths"].items())
    for (auto& [name, operation] : methods.items()) {
      std::string method = name;
      for (char& c : method) c = char(std::toupper(c));
      auto row = matrix.find(path + "\t" + method);
      ASSERT_NE(row, matrix.end()) << path;
      for (const auto& column : kColumns) {
        if (column == "service:integrator" && path == "/api/v1/originals" && method == "POST")
          continue;  // streamed
        const Reply reply = try_out(column, method, target_of(path));
        ++calls;
        EXPECT_NE(reply.status, 0) << method << ' ' << path << " as " << column;
        EXPECT_EQ(denied(reply), row->second.at(column) == "-")
            << method << ' ' << path << " as " << column << ": " << reply.status << ' '
            << reply.body.substr(0, 200);
      }
    }
  EXPECT_GT(calls, 500u);
}

}  // namespace
}  // namespace chengxin::api
