#include "user_outside.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/base64url.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "crypto/random.h"
#include "oidc/relying_party.h"

namespace chengxin::app {
namespace {

constexpr int64_t kWaitMs = 10 * 60'000;  // as long as a sign-in may take
constexpr std::string_view kPage =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\nCache-Control: "
    "no-store\r\n\r\n<!doctype html><title>chengxin</title><p>已完成，请回到命令行。 Done: go back to the "
    "terminal.</p>";

// A port of the loopback interface, for one ticket.
class Listener {
 public:
  static Result<Listener> open() {
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (!socket || ::bind(socket.get(), plain, size) != 0 || ::listen(socket.get(), 8) != 0 ||
        ::getsockname(socket.get(), plain, &size) != 0)
      return fail(Code::unavailable, "cli.listen", "no port of this machine could be opened");
    return Listener(std::move(socket), ntohs(address.sin_port));
  }
  int port() const { return port_; }

  // Other requests (a browser asks for an icon too) are passed over.
  Result<std::string> ticket() const {
    const int64_t until = now_ms() + kWaitMs;
    for (int64_t left = kWaitMs; left > 0; left = until - now_ms()) {
      if (!readable(socket_.get(), left)) continue;
      const Descriptor peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) continue;
      const std::string line = first_line(peer.get());
      constexpr std::string_view kWanted = "GET /?ticket=";
      [[maybe_unused]] const auto sent = ::send(peer.get(), kPage.data(), kPage.size(), MSG_NOSIGNAL);
      if (line.starts_with(kWanted)) return line.substr(kWanted.size(), line.find(' ', 4) - kWanted.size());
    }
    return fail(Code::unavailable, "cli.no_ticket", "nobody came back within ten minutes");
  }

 private:
  Listener(Descriptor socket, int port) : socket_(std::move(socket)), port_(port) {}
  static bool readable(int descriptor, int64_t wait_ms) {
    pollfd wanted{descriptor, POLLIN, 0};
    return ::poll(&wanted, 1, int(wait_ms)) > 0;
  }
  static std::string first_line(int peer) {
    std::string out;
    char buffer[1024];
    while (out.size() < 4096 && out.find('\n') == out.npos && readable(peer, 2000)) {
      const auto size = ::recv(peer, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      out.append(buffer, size_t(size));
    }
    return out.substr(0, out.find('\r'));
  }
  Descriptor socket_;
  int port_;
};

Result<Json> find_provider(client::Client& platform, const std::string& name) {
  ASSIGN(const Json all, platform.get("/api/v1/sessions/providers"));
  for (const Json& one : all.at("items"))
    if (one.at("name") == name) return one;
  return fail(Code::not_found, "oidc.no_provider", "{}", name);
}

// The body that proves who began: ticket and verifier.
Result<Json> ticket_of(client::Client& platform, const std::string& name) {
  ASSIGN(const Json provider, find_provider(platform, name));
  ASSIGN(const Listener listener, Listener::open());
  const std::string verifier = base64url(crypto::random_secret(32));
  // On standard error: the output is the session.
  fmt::print(stderr, "请在本机浏览器打开 open in a browser on this machine:\n{}?port={}&challenge={}\n",
             provider.at("begin").get<std::string>(), listener.port(), oidc::challenge_of(verifier));
  ASSIGN(const std::string ticket, listener.ticket());
  return Json{{"ticket", ticket}, {"verifier", verifier}};
}

}  // namespace

Result<int> list_providers(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json all, platform.get("/api/v1/sessions/providers"));
  print(context, all, [&] {
    for (const Json& one : all.at("items"))
      line("{:<16} {}  {}  {}", one.at("name").get<std::string>(),
           visible(one.at("title").get<std::string>()), visible(one.at("title_en").get<std::string>()),
           visible(one.at("issuer").get<std::string>()));
  });
  return kDone;
}

Result<int> login_outside(const Context& context, const std::string& provider) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json body, ticket_of(platform, provider));
  ASSIGN(const Json session, platform.post("/api/v1/sessions/outside", body));
  print(context, session, [&] {
    line("已登录 signed in; 用法 use:");
    line("export CHENGXIN_TOKEN={}", session.at("token").get<std::string>());
  });
  return kDone;
}

Result<int> link_outside(const Context& context, const std::string& provider) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json body, ticket_of(platform, provider));
  const std::string text = body.dump();
  ASSIGN(const auto answer, platform.send("PUT", "/api/v1/me/outside", view(text), "application/json"));
  ASSIGN(const Json done, parse_json(answer.body));
  print(context, done, [&] { line("已关联 linked: {}", visible(done.at("outside").get<std::string>())); });
  return kDone;
}

Result<int> unlink_outside(const Context& context) {
  ASSIGN(auto platform, context.connect());
  const auto answer = platform.send("DELETE", "/api/v1/me/outside");
  if (!answer) return tl::unexpected(answer.error());
  print(context, {{"unlinked", true}}, [] { line("已解除关联 unlinked"); });
  return kDone;
}

}  // namespace chengxin::app
