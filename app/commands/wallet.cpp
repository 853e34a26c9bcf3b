#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "base/clock.h"
#include "commands.h"
#include "credential/wallet.h"

// The holder's side: keys and credentials in one encrypted file.
namespace chengxin::app {
namespace {

using credential::Wallet;

struct Options {
  fs::path wallet = "wallet.json", passphrase_file, out;
  std::string name, algorithm = "SM2SM3", text, tx_code, audience, nonce;
  std::vector<std::string> claims, credentials;
  std::vector<std::string> trusted_hosts;
  bool yes = false;
};

// From a file, the environment, or the terminal without an echo.
Result<crypto::Secret> passphrase(const Options& options) {
  if (!options.passphrase_file.empty()) {
    ASSIGN(Bytes bytes, read_file(options.passphrase_file, 4096));
    while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.pop_back();
    crypto::Secret out = crypto::to_secret(bytes);
    crypto::secure_zero(bytes.data(), bytes.size());
    return out;
  }
  if (const char* value = std::getenv("CHENGXIN_PASSPHRASE"))
    return crypto::to_secret(view(std::string_view(value)));
  if (!::isatty(STDIN_FILENO))
    return fail(Code::invalid_argument, "wallet.passphrase_missing",
                "--passphrase-file or CHENGXIN_PASSPHRASE");
  std::fprintf(stderr, "口令 passphrase: ");
  termios before{};
  ::tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~tcflag_t(ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  std::string line_read;
  std::getline(std::cin, line_read);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  std::fprintf(stderr, "\n");
  crypto::Secret out = crypto::to_secret(view(line_read));
  crypto::secure_zero(line_read.data(), line_read.size());
  return out;
}

Result<Wallet> open(const Options& options) {
  ASSIGN(const auto secret, passphrase(options));
  return Wallet::open(options.wallet, text(ByteView(secret)));
}

// One connection for each address that is asked; roots are those of the command line.
Result<std::string> send(const Context& context, const credential::HttpRequest& request) {
  const size_t scheme = request.url.find("://");
  const size_t path = scheme == std::string::npos ? scheme : request.url.find('/', scheme + 3);
  if (path == std::string::npos) return fail(Code::invalid_argument, "client.url", "{}", request.url);
  client::Options options;
  options.url = request.url.substr(0, path);
  options.token = request.bearer;
  if (!context.root.empty()) {
    ASSIGN(const Bytes pem, read_file(context.root, 256 << 10));
    options.root_pem = to_string(pem);
  }
  client::Client client(std::move(options));
  ASSIGN(auto answer,
         client.send(request.method, request.url.substr(path), view(request.body), request.content_type));
  return std::move(answer.body);
}

credential::Http http(const Context& context) {
  return [&context](const credential::HttpRequest& request) { return send(context, request); };
}

Json describe(const Wallet::Key& key) {
  return {{"name", key.name},
          {"algorithm", credential::name(key.key.algorithm())},
          {"did", key.did()},
          {"jwk", key.key.public_key().jwk()}};
}

Json describe(const Wallet::Held& held) {
  return {{"id", held.id},         {"issuer", held.issuer}, {"type", held.type},
          {"format", held.format}, {"key", held.key},       {"received_ms", held.received_ms}};
}

Result<int> create(const Context& context, const Options& options) {
  ASSIGN(const auto secret, passphrase(options));
  ASSIGN(auto wallet, Wallet::create(options.wallet, text(ByteView(secret))));
  TRY(wallet.add_key("holder", *credential::algorithm_of(options.algorithm)));
  TRY(wallet.save());
  const Json made = describe(wallet.keys()[0]);
  print(context, made, [&] {
    line("已建立钱包 wallet made: {}", options.wallet.string());
    line("  {}", made["did"].get<std::string>());
  });
  return kDone;
}

Result<int> add_key(const Context& context, const Options& options) {
  ASSIGN(auto wallet, open(options));
  TRY(wallet.add_key(options.name, *credential::algorithm_of(options.algorithm)));
  TRY(wallet.save());
  const Json made = describe(wallet.keys().back());
  print(context, made, [&] { line("{}", made["did"].get<std::string>()); });
  return kDone;
}

Result<int> list(const Context& context, const Options& options) {
  ASSIGN(const auto wallet, open(options));
  Json keys = Json::array(), held = Json::array();
  for (const auto& each : wallet.keys()) keys.push_back(describe(each));
  for (const auto& each : wallet.held()) held.push_back(describe(each));
  print(context, {{"keys", keys}, {"credentials", held}}, [&] {
    for (const Json& key : keys)
      line("密钥 key        {:<12} {}", visible(key["name"].get<std::string>()),
           key["did"].get<std::string>());
    for (const Json& one : held)
      line("凭证 credential {:<12} {}  {}", one["id"].get<std::string>(),
           visible(one["type"].get<std::string>()), visible(one["issuer"].get<std::string>()));
  });
  return kDone;
}

Result<int> show(const Context& context, const Options& options) {
  ASSIGN(const auto wallet, open(options));
  ASSIGN(const Wallet::Held* held, wallet.find(options.name));
  ASSIGN(const Json claims, claims_of(*held));
  Json out = describe(*held);
  out["claims"] = claims;
  print(context, out, [&] { line("{}", visible(out.dump(2))); });
  return kDone;
}

Result<int> keep(const Context& context, Wallet& wallet, const std::string& content, const std::string& key) {
  ASSIGN(const auto held, wallet.add(content, key, now_ms()));
  TRY(wallet.save());
  print(context, describe(held), [&] { line("已收存 kept: {}", held.id); });
  return kDone;
}

Result<int> import(const Context& context, const Options& options) {
  ASSIGN(auto wallet, open(options));
  ASSIGN(const Bytes bytes, read_file(options.text, 4 << 20));
  std::string content = to_string(bytes);
  while (content.ends_with('\n')) content.pop_back();
  ASSIGN(const auto* key, wallet.find_key(options.name));
  return keep(context, wallet, content, key->name);
}

Result<int> accept(const Context& context, const Options& options) {
  ASSIGN(auto wallet, open(options));
  ASSIGN(const auto held,
         credential::accept_offer(wallet, {options.text, options.tx_code, options.name, now_ms()},
                                  http(context)));
  print(context, describe(held), [&] {
    line("已领取 received: {}  {}", held.id, visible(held.type));
    line("  签发者 issuer: {}", visible(held.issuer));
  });
  return kDone;
}

Result<int> remove(const Context& context, const Options& options) {
  ASSIGN(auto wallet, open(options));
  TRY(wallet.remove(options.name));
  TRY(wallet.save());
  print(context, {{"removed", options.name}}, [&] { line("已删除 removed: {}", options.name); });
  return kDone;
}

// Names joined by dots: address.street, nationalities.0; * stands for each element.
Result<std::vector<credential::ClaimPath>> paths_of(const std::vector<std::string>& texts) {
  std::vector<credential::ClaimPath> out;
  for (const std::string& text : texts) {
    Json path = Json::array();
    std::stringstream stream(text);
    for (std::string part; std::getline(stream, part, '.');) {
      const bool digits =
          !part.empty() && part.size() < 6 && part.find_first_not_of("0123456789") == part.npos;
      path.push_back(part == "*" ? Json() : digits ? Json(std::stoul(part)) : Json(part));
    }
    ASSIGN(auto parsed, credential::parse_claim_path(path));
    out.push_back(std::move(parsed));
  }
  return out;
}

Result<int> present(const Context& context, const Options& options) {
  ASSIGN(const auto wallet, open(options));
  ASSIGN(const Wallet::Held* held, wallet.find(options.name));
  ASSIGN(const auto claims, paths_of(options.claims));
  ASSIGN(const std::string made,
         credential::present(wallet, *held, claims, {options.audience, options.nonce, now_ms()}));
  if (!options.out.empty()) TRY(write_durable(options.out, view(made), 0600));
  print(context, {{"presentation", made}}, [&] {
    if (options.out.empty()) line("{}", made);
  });
  return kDone;
}

// What may be said on the command line so that an address is asked after all.
Error advised(Error error) {
  const size_t scheme = error.detail.find("://");
  if (scheme == error.detail.npos || !error.reason.starts_with("fetch.")) return error;
  const std::string host = error.detail.substr(scheme + 3, error.detail.find('/', scheme + 3) - scheme - 3);
  if (error.reason == "fetch.address_forbidden")
    error.detail += fmt::format("\n确认可信时 if you trust it: --trusted-host {}", host);
  if (error.reason == "fetch.unreachable")
    error.detail += fmt::format(
        "\n证书不属于系统信任的根时 when its certificate leads to none of the system's roots: --root FILE"
        "\n本机上不加密的平台 a platform on this machine without TLS: --trusted-host {}",
        host);
  return error;
}

bool agreed() {
  if (!::isatty(STDIN_FILENO)) return false;
  std::fprintf(stderr, "出示?show it? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<int> respond(const Context& context, const Options& options) {
  ASSIGN(const auto wallet, open(options));
  credential::Resolvers resolvers;
  resolvers.add("key", credential::key_resolver(), 0);
  resolvers.add("web", credential::web_resolver({options.trusted_hosts, context.root}), 0);
  ASSIGN(const auto asked, credential::read_request(options.text, resolvers, now_ms(), http(context))
                               .map_error([](Error error) { return advised(std::move(error)); }));
  if (!context.json) {
    line("请求者 verifier: {}", visible(asked.client_id));
    line("  {} {}", visible(asked.title), visible(asked.purpose));
    for (const Json& query : asked.dcql["credentials"])
      line("  {}", visible(query.value("claims", Json::array()).dump()));
  }
  if (!options.yes && !agreed())
    return fail(Code::forbidden, "wallet.declined", "nothing was shown (--yes agrees)");
  ASSIGN(const auto shown,
         credential::answer_request(wallet, asked, {options.credentials, now_ms()}, http(context)));
  Json list = Json::array();
  for (const auto& each : shown)
    list.push_back({{"query", each.query}, {"credential", each.credential}, {"claims", each.claims}});
  print(context, {{"verifier", asked.client_id}, {"shown", list}},
        [&] { line("已出示 shown: {}", list.dump()); });
  return kDone;
}

using Work = Result<int> (*)(const Context&, const Options&);

}  // namespace

void add_wallet(CLI::App& app, Context& context) {
  auto* noun =
      app.add_subcommand("wallet", "凭证钱包(加密文件) · a wallet of credentials in an encrypted file");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto verb = [&context, options, noun](const char* name, const char* about, Work work) {
    auto* command = noun->add_subcommand(name, about);
    command->add_option("--wallet", options->wallet, "钱包文件 · the file (wallet.json)");
    command->add_option(
        "--passphrase-file", options->passphrase_file,
        "口令文件;否则 CHENGXIN_PASSPHRASE 或终端输入 · else CHENGXIN_PASSPHRASE or the terminal");
    command->callback([=, &context] { run(context, [&] { return work(context, *options); }); });
    return command;
  };
  auto algorithm = [&](CLI::App* command) {
    command->add_option("--algorithm", options->algorithm, "SM2SM3 或 or ES256")
        ->check(CLI::IsMember({"SM2SM3", "ES256"}));
  };
  algorithm(verb("create", "建立钱包和第一个密钥 · make a wallet and its first key", create));
  auto* key = verb("key", "再加一个密钥 · add a key", add_key);
  key->add_option("name", options->name, "名称 · name")->required();
  algorithm(key);
  verb("list", "列出密钥和凭证 · keys and credentials", list);
  verb("show", "显示一份凭证的全部声明 · all claims of a credential", show)
      ->add_option("id", options->name, "凭证 · id")
      ->required();
  verb("remove", "删除一份凭证 · remove a credential", remove)
      ->add_option("id", options->name, "凭证 · id")
      ->required();
  auto* accept_command = verb("accept", "领取凭证 · receive what was offered (OpenID4VCI)", accept);
  accept_command->add_option("offer", options->text, "openid-credential-offer://…")->required();
  accept_command->add_option("--tx-code", options->tx_code, "交易码 · transaction code");
  auto* import_command = verb("import", "收存文件中的凭证 · keep a credential from a file", import);
  import_command->add_option("file", options->text, "文件 · file")->required();
  for (auto* each : {accept_command, import_command})
    each->add_option("--key", options->name,
                     "绑定的密钥,默认第一个 · key to bind it to; the first when left out");
  auto* present_command =
      verb("present", "选择声明并出示 · show chosen claims to whoever gave a nonce", present);
  present_command->add_option("id", options->name, "凭证 · id")->required();
  present_command->add_option("--claim", options->claims,
                              "声明,如 address.street · a claim, such as address.street");
  present_command->add_option("--audience", options->audience, "出示对象 · for whom")->required();
  present_command->add_option("--nonce", options->nonce, "随机数 · the nonce")->required();
  present_command->add_option("--out", options->out, "写入文件 · write it to a file");
  auto* respond_command =
      verb("respond", "回应出示请求 · answer a presentation request (OpenID4VP)", respond);
  respond_command->add_option("request", options->text, "openid4vp://…")->required();
  respond_command->add_option("--credential", options->credentials,
                              "只从这些凭证中选 · choose from these only");
  respond_command->add_option("--trusted-host", options->trusted_hosts,
                              "允许的内网或本机地址 · host:port that may be at a private address");
  respond_command->add_flag("--yes", options->yes, "不再询问 · agree without being asked");
}

}  // namespace chengxin::app
