#include "keys_helper.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <csignal>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"
#include "keys/configured.h"

// HTTP on 127.0.0.1 only, one request at a time (docs/keys.md). A page is let in by three things: its origin
// stands on the list, the Host field names this loopback address (so that no other name was bent to it), and
// the user typed the one-time code from the helper's window into it. What is signed is a tag, the page's
// origin and the challenge: no page obtains a signature over anything else, nor one that holds for another
// page. The device is opened and unlocked for each signature and locked after it; the PIN is kept nowhere.
namespace chengxin::app {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using Body =
    http::vector_body<uint8_t, crypto::ZeroingAllocator<uint8_t>>;  // crypto::Secret: a PIN may stand in it
using Request = http::request<Body>;
using Answer = http::response<http::string_body>;

constexpr char kTag[] = "chengxin/login/v1";
constexpr size_t kMostBody = 64 << 10, kMostSessions = 32;
constexpr int kCodeTries = 5;
constexpr int64_t kCodeMs = 5 * 60'000, kSessionMs = 12 * 3600'000;

struct Options {
  uint16_t port = 0;
  std::vector<std::string> origins;
  std::string pin_file;
  bool pin_from_page = false;
};

struct Session {
  std::string origin;
  int64_t until_ms = 0;
};

class Helper {
 public:
  Helper(fs::path folder, Options options) : folder_(std::move(folder)), options_(std::move(options)) {}

  Status serve() {
    boost::system::error_code error;
    const tcp::endpoint here(asio::ip::address_v4::loopback(), options_.port);
    tcp::acceptor acceptor(context_);
    acceptor.open(here.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(here, error);
    if (error) return fail(Code::conflict, "api.port_in_use", "127.0.0.1:{}", options_.port);
    acceptor.listen(16);
    port_ = acceptor.local_endpoint().port();
    new_code();
    line("签名助手 signing helper: http://127.0.0.1:{}", port_);
    say_code();
    for (;;) {
      tcp::socket socket(context_);
      acceptor.accept(socket, error);
      if (!error) answer_one(socket);
    }
  }

 private:
  void new_code() {
    uint64_t number = 0;
    do number = get_be<uint64_t>(crypto::random_bytes(8).data()) >> 4;
    while (number >= (uint64_t(1) << 60) / 100'000'000 * 100'000'000);
    code_ = fmt::format("{:08}", number % 100'000'000);
    code_tries_ = 0;
    code_until_ms_ = now_ms() + kCodeMs;
  }
  void say_code() const {
    line("配对码 pairing code: {}", code_);
    std::fflush(stdout);
  }

  void answer_one(tcp::socket& socket) {
    const timeval limit{10, 0};  // who connects and says nothing does not hold the others up for longer
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    boost::beast::basic_flat_buffer<crypto::ZeroingAllocator<char>> buffer;
    http::request_parser<Body> parser;
    parser.body_limit(kMostBody);
    parser.header_limit(16 << 10);
    boost::system::error_code error;
    http::read(socket, buffer, parser, error);
    if (error) return;
    Request request = parser.release();
    Answer answer = handle(request);
    crypto::secure_zero(request.body().data(),
                        request.body().size());  // a PIN may stand in it, and in what was read
    crypto::secure_zero(const_cast<void*>(buffer.data().data()), buffer.data().size());
    answer.prepare_payload();
    http::write(socket, answer, error);
    socket.shutdown(tcp::socket::shutdown_both, error);
  }

  bool allowed(const std::string& origin) const {
    return std::find(options_.origins.begin(), options_.origins.end(), origin) != options_.origins.end();
  }

  Answer handle(Request& request) {
    const std::string origin(request[http::field::origin]), host(request[http::field::host]);
    Answer out{http::status::ok, 11};
    out.set(http::field::content_type, "application/json");
    out.set(http::field::cache_control, "no-store");
    out.set(http::field::vary, "Origin");
    out.keep_alive(false);
    const bool ours =
        host == fmt::format("127.0.0.1:{}", port_) || host == fmt::format("localhost:{}", port_);
    if (!ours || !allowed(origin)) {
      put(out, {Code::forbidden, "helper.origin", origin});
      return out;
    }
    out.set(http::field::access_control_allow_origin, origin);
    if (request.method() == http::verb::options) {
      out.set(http::field::access_control_allow_methods, "GET, POST");
      out.set(http::field::access_control_allow_headers, "Authorization, Content-Type");
      out.set("Access-Control-Allow-Private-Network", "true");
      out.result(http::status::no_content);
      return out;
    }
    auto body = work(request, origin);
    if (body)
      out.body() = body->dump();
    else
      put(out, body.error());
    return out;
  }

  static void put(Answer& out, const Error& error) {
    out.result(error.code == Code::forbidden || error.code == Code::unauthenticated ? http::status::forbidden
               : error.code == Code::not_found                                      ? http::status::not_found
               : error.code == Code::invalid_argument ? http::status::bad_request
                                                      : http::status::service_unavailable);
    out.body() = Json{{"reason", error.reason},
                      {"title", texts::reason(error.reason, texts::Language::zh)},
                      {"title_en", texts::reason(error.reason, texts::Language::en)},
                      {"detail", error.detail}}
                     .dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  Result<Json> work(Request& request, const std::string& origin) {
    const bool get = request.method() == http::verb::get, post = request.method() == http::verb::post;
    const std::string target(request.target());
    if (get && target == "/v1/status")
      return Json{{"helper", "chengxin"}, {"paired", bool(session_of(request, origin))}};
    Json body;
    crypto::Secret pin;
    if (post) {
      pin = take_pin(request.body());
      ASSIGN(body, parse_json(text(request.body()), {.max_bytes = kMostBody}));
      if (!body.is_object()) return bad("it is no object");
    }
    if (post && target == "/v1/pair") return pair(body, origin);
    TRY(session_of(request, origin));
    if (get && target == "/v1/keys") return list();
    if (post && target == "/v1/sign") return sign(body, pin, origin);
    return fail(Code::not_found, "helper.request", "{}", target);
  }

  static tl::unexpected<Error> bad(std::string_view why) {
    return fail(Code::invalid_argument, "helper.request", "{}", why);
  }
  static std::string member(const Json& body, const char* name) {
    auto at = body.find(name);
    return at != body.end() && at->is_string() ? at->get<std::string>() : "";
  }

  Status session_of(const Request& request, const std::string& origin) {
    const std::string_view given(request[http::field::authorization]);
    constexpr std::string_view scheme = "Bearer ";
    const int64_t now = now_ms();
    std::erase_if(sessions_, [&](const auto& each) { return each.second.until_ms < now; });
    for (const auto& [token, session] : sessions_)
      if (given.starts_with(scheme) && session.origin == origin &&
          crypto::constant_time_equal(view(given.substr(scheme.size())), view(token)))
        return {};
    return fail(Code::unauthenticated, "helper.session");
  }

  // A code is good for once, and a new one comes after five wrong ones or five minutes.
  Result<Json> pair(const Json& body, const std::string& origin) {
    const bool late = now_ms() > code_until_ms_;
    const bool right = !late && crypto::constant_time_equal(view(member(body, "code")), view(code_));
    if (!right && !late && ++code_tries_ < kCodeTries) return fail(Code::forbidden, "helper.pairing");
    new_code();
    say_code();
    if (!right) return fail(Code::forbidden, "helper.pairing");
    if (sessions_.size() >= kMostSessions) sessions_.clear();
    const std::string token = hex(crypto::random_bytes(32));
    sessions_[token] = {origin, now_ms() + kSessionMs};
    return Json{{"session", token}, {"pin", options_.pin_from_page ? "page" : "helper"}};
  }

  Result<std::shared_ptr<keys::Provider>> device() const {
    ASSIGN(const Json configuration, keys::read_configuration(folder_));
    return keys::open_configured(folder_, configuration);
  }

  Result<Json> list() const {
    ASSIGN(const auto own, device());
    ASSIGN(const auto all, own->list());
    Json items = Json::array();
    for (const auto& key : all)
      if (key.held)
        items.push_back({{"id", key.id},
                         {"algorithm", keys::algorithm_name(key.algorithm)},
                         {"public_key", hex(key.public_key)}});
    return Json{{"keys", items}};
  }

  // Out of the text before it is parsed, because a parser leaves copies behind: blanks stand there then. One
  // with a backslash or a quotation mark cannot be handed in.
  static crypto::Secret take_pin(crypto::Secret& body) {
    const std::string_view whole = text(body);
    constexpr std::string_view name = "\"pin\"";
    size_t at = whole.find(name);
    if (at == whole.npos) return {};
    at = whole.find_first_not_of(" \t\r\n:", at + name.size());
    if (at == whole.npos || whole[at] != '"') return {};
    const size_t end = whole.find_first_of("\"\\", at + 1);
    if (end == whole.npos) return {};
    crypto::Secret out(body.begin() + long(at) + 1, body.begin() + long(end));
    std::fill(body.begin() + long(at) + 1, body.begin() + long(end), ' ');
    return out;
  }

  Result<crypto::Secret> pin_of(const crypto::Secret& from_page) const {
    if (options_.pin_from_page) {
      if (from_page.empty()) return bad("\"pin\" is missing");
      return from_page;
    }
    if (!options_.pin_file.empty()) return keys::read_pin(options_.pin_file);
    return ask_pin("PIN");
  }

  Result<Json> sign(const Json& body, const crypto::Secret& from_page, const std::string& origin) const {
    const std::string id = member(body, "key");
    ASSIGN(const Bytes challenge, unbase64(member(body, "challenge")));
    if (id.empty() || challenge.size() < 16 || challenge.size() > 1024)
      return bad("\"key\", or a challenge of 16 to 1,024 bytes, is missing");
    if (!options_.pin_from_page)
      line("网页请求签名 a page asks for a signature: {} · {}", visible(origin), visible(id));
    std::fflush(stdout);
    ASSIGN(const auto pin, pin_of(from_page));
    Bytes message(kTag, kTag + sizeof kTag);
    append(message, view(origin));
    message.push_back(0);
    append(message, challenge);
    ASSIGN(const auto own, device());
    TRY(own->unlock(pin));
    ASSIGN(const auto key, own->find(id));
    auto signature = own->sign_message(id, message);
    own->lock();
    if (!signature) return tl::unexpected(signature.error());
    return Json{{"algorithm", keys::algorithm_name(key.algorithm)},
                {"public_key", hex(key.public_key)},
                {"signature", hex(*signature)}};
  }

  const fs::path folder_;
  const Options options_;
  asio::io_context context_;
  uint16_t port_ = 0;
  std::string code_;
  int code_tries_ = 0;
  int64_t code_until_ms_ = 0;
  std::map<std::string, Session> sessions_;
};

Result<int> serve(const Context& context, const Options& options) {
  if (options.origins.empty())
    return fail(Code::invalid_argument, "helper.origin", "--origin https://… names the pages that may ask");
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGPIPE, SIG_IGN);
  TRY(Helper(context.data / "keys", options).serve());
  return kDone;
}

}  // namespace

void add_keys_helper(CLI::App& noun, Context& context) {
  auto options = std::make_shared<Options>();
  auto* verb =
      noun.add_subcommand("helper", "UKey 签名助手,供网页登录使用 · signing helper for logins by UKey");
  verb->add_option("--port", options->port, "端口,默认任意 · port; any when left out");
  verb->add_option("--origin", options->origins,
                   "允许的网页来源 · origin of a page that may ask (https://host)");
  verb->add_option("--pin-file", options->pin_file, "PIN 所在文件 · file with the PIN");
  verb->add_flag("--pin-from-page", options->pin_from_page,
                 "由网页提交 PIN,默认在助手窗口输入 · the page hands in the PIN; otherwise it is asked here");
  verb->callback([=, &context] { run(context, [&] { return serve(context, *options); }); });
}

}  // namespace chengxin::app
