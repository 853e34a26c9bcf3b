#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "authority/login.h"
#include "base/clock.h"
#include "commands.h"
#include "user_key.h"

// Logins to hosts with an SM2 certificate in the place of a password (docs/operations-access.md). Neither
// verb needs a platform or a data folder.
namespace chengxin::app {
namespace {

struct Options {
  fs::path key, folder = "/etc/chengxin/login";
  std::string host, user;
};

std::string this_host() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Result<int> answer(const Context& context, const Options& options) {
  ASSIGN(const auto key, key_in(options.key));
  ASSIGN(const std::string made, authority::login_answer(key, options.host, options.user, now_ms()));
  print(context, {{"answer", made}}, [&] { line("{}", made); });
  return kDone;
}

// A user's name becomes part of a path.
Status check_user(const std::string& user) {
  const bool good = !user.empty() && user.size() <= 64 && user[0] != '.' &&
                    std::all_of(user.begin(), user.end(), [](unsigned char c) {
                      return std::isalnum(c) || c == '_' || c == '-' || c == '.';
                    });
  return good ? Status() : fail(Code::unauthenticated, "login.signature", "no such user");
}

Result<authority::LoginPlace> place_in(const Options& options, const std::string& user) {
  authority::LoginPlace out{options.host.empty() ? this_host() : options.host, user, {}, {}, {}};
  auto own = read_file(options.folder / "users" / (user + ".pem"), 256 << 10);
  if (!own) return fail(Code::unauthenticated, "login.signature", "no certificate for {}", user);
  ASSIGN(out.certificates, crypto::certificates_from_pem(text(*own)));
  ASSIGN(const Bytes roots, read_file(options.folder / "root.pem", 256 << 10));
  ASSIGN(out.roots, crypto::certificates_from_pem(text(roots)));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options.folder / "lists", error)) {
    ASSIGN(const Bytes bytes, read_file(entry.path(), 64 << 20));
    auto crl = text(bytes).starts_with("-----BEGIN") ? crypto::Crl::from_pem(text(bytes))
                                                     : crypto::Crl::from_der(bytes);
    if (!crl) return tl::unexpected(crl.error());
    out.crls.push_back(std::move(*crl));
  }
  return out;
}

// The answer comes on standard input, as pam_exec hands it on: perhaps with a zero byte behind it.
std::string answer_in() {
  std::string out(256, 0);
  std::cin.read(out.data(), std::streamsize(out.size()));
  out.resize(size_t(std::cin.gcount()));
  return out.substr(0, out.find_first_of(std::string_view("\0\r\n", 3)));
}

Result<int> check(const Context& context, const Options& options) {
  const char* pam_user = std::getenv("PAM_USER");
  const std::string user = !options.user.empty() ? options.user : pam_user ? pam_user : "";
  const std::string given = answer_in();
  TRY(check_user(user));
  ASSIGN(const auto place, place_in(options, user));
  TRY(authority::check_login(given, place, now_ms()));
  TRY(authority::take_login(given, options.folder / "seen", now_ms()));
  print(context, {{"user", user}},
        [&] { line("已确认 confirmed: {}", place.certificates.front().subject_text()); });
  return kDone;
}

}  // namespace

void add_login(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("login", "以 SM2 证书登录主机 · log in to hosts with an SM2 certificate");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* verb =
      noun->add_subcommand("answer", "一次性口令,用私钥签出 · a one-time answer, signed with one's key");
  verb->add_option("--key", options->key, "签名私钥文件 · file of the signing key")->required();
  verb->add_option("--host", options->host, "主机名 · name of the host, as hostname prints it there")
      ->required();
  verb->add_option("--user", options->user, "用户名 · user there")->required();
  verb->callback([=, &context] { run(context, [&] { return answer(context, *options); }); });
  verb = noun->add_subcommand("check", "主机上核对口令(PAM 调用) · check an answer, for PAM on the host");
  verb->add_option("--folder", options->folder,
                   "root.pem、users/、lists/ 所在目录 · folder with root.pem, users, lists");
  verb->add_option("--host", options->host, "本机名 · this host (hostname)");
  verb->add_option("--user", options->user, "用户名 · user (PAM_USER)");
  verb->callback([=, &context] { run(context, [&] { return check(context, *options); }); });
}

}  // namespace chengxin::app
