#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"
#include "user_outside.h"
#include "user_policy.h"
#include "user_sync.h"

namespace chengxin::app {
namespace {

struct Options {
  std::string name, role, provider, outside, certificate, key, code, id, why, algorithm = "sha1";
  bool service = false, everywhere = false, with_code = false;
  PolicyChange change;
};

// From the environment, else typed without being shown.
Result<std::string> secret(const char* variable, const char* title) {
  if (const char* set = std::getenv(variable)) return std::string(set);
  if (!isatty(STDIN_FILENO)) return fail(Code::invalid_argument, "cli.usage", "set {}", variable);
  std::fprintf(stderr, "%s: ", title);
  termios shown{};
  tcgetattr(STDIN_FILENO, &shown);
  termios hidden = shown;
  hidden.c_lflag &= tcflag_t(~ECHO);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string out;
  std::getline(std::cin, out);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::fprintf(stderr, "\n");
  return out;
}

Result<std::string> pem_of(const std::string& file) {
  ASSIGN(Bytes bytes, read_file(file, 64 << 10));
  return to_string(bytes);
}

std::string path_of(const Json& user, const std::string& rest = {}) {
  return "/api/v1/users/" + percent_encode(user.at("id").get<std::string>()) + rest;
}

std::string list_of(const Json& texts) {
  std::string out;
  for (const Json& one : texts) out += (out.empty() ? "" : ",") + one.get<std::string>();
  return out;
}

Result<int> add(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  Json request = {{"name", options.name}};
  if (!options.role.empty()) request["role"] = options.role;
  if (!options.outside.empty()) request["outside"] = options.outside;
  if (options.service) request["service"] = true;
  if (!options.certificate.empty()) {
    ASSIGN(request["certificate"], pem_of(options.certificate));
  }
  if (const char* password = std::getenv("CHENGXIN_NEW_PASSWORD")) request["password"] = password;
  ASSIGN(Json user, platform.post("/api/v1/users", request));
  print(context, user, [&] {
    line("已建立 added: {}  {}", user.at("id").get<std::string>(), visible(options.name));
    if (user.contains("password"))
      line("临时口令(只显示这一次,首次登录须修改)temporary password, shown this once: {}",
           user["password"].get<std::string>());
  });
  return kDone;
}

Result<int> list(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(auto users, accounts(platform));
  print(context, {{"items", users.all}}, [&] {
    for (const Json& user : users.all)
      line("{}  {:<20} {:<12} {}{}", user.at("id").get<std::string>(),
           visible(user.at("name").get<std::string>()), user.value("organisation", "-"),
           list_of(user.at("roles")),
           user.at("disabled") == true                  ? "  停用 locked out"
           : user.contains("certified_locked_until_ms") ? "  锁定 locked"
           : user.contains("locked_until_ms")           ? "  口令锁定 password locked"
                                                        : "");
  });
  return kDone;
}

// lock, unlock, reset.
Result<int> act(const Context& context, const Options& options, const std::string& verb) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(auto users, accounts(platform));
  ASSIGN(Json user, users.find(options.name));
  Json done;
  if (verb == "reset") {
    ASSIGN(done, platform.post(path_of(user, "/reset"), {{"code", options.with_code}}));
  } else if (verb == "certificate") {
    ASSIGN(std::string pem, pem_of(options.certificate));
    const std::string body = Json{{"certificate", pem}}.dump();
    ASSIGN(auto answer, platform.send("PUT", path_of(user, "/certificate"), view(body), "application/json"));
    ASSIGN(done, parse_json(answer.body));
  } else {
    ASSIGN(auto answer, platform.send("POST", path_of(user, "/" + verb)));
    ASSIGN(done, parse_json(answer.body));
  }
  print(context, done, [&] {
    line("完成 done: {} {}", verb, visible(options.name));
    if (done.contains("password"))
      line("临时口令 temporary password: {}", done["password"].get<std::string>());
  });
  return kDone;
}

Result<int> login(const Context& context, const Options& options) {
  if (options.name.empty()) return fail(Code::invalid_argument, "cli.usage", "a name, or --provider");
  ASSIGN(auto platform, context.connect());
  Json request = {{"name", options.name}};
  if (!options.code.empty()) request["code"] = options.code;
  if (!options.certificate.empty()) {
    ASSIGN(request["certificate"], pem_of(options.certificate));
    ASSIGN(auto key, user_key(context, options.key));
    ASSIGN(Json asked, platform.post("/api/v1/sessions/challenge", {{"name", options.name}}));
    const std::string message = asked.at("message");
    // Only what is a sign-in is signed, whatever the platform asks for.
    if (!message.starts_with("chengxin-login-1\n")) return fail(Code::unavailable, "client.protocol");
    ASSIGN(auto signature, key.sign(view(message)));
    request["challenge"] = asked.at("challenge");
    request["signature"] = hex(signature);
  }
  ASSIGN(std::string password, secret("CHENGXIN_PASSWORD", "口令 password"));
  if (!password.empty()) request["password"] = password;
  ASSIGN(Json session, platform.post("/api/v1/sessions", request));
  print(context, session, [&] {
    line("已登录 signed in; 用法 use:");
    line("export CHENGXIN_TOKEN={}", session.at("token").get<std::string>());
    if (session.at("must_change") == true)
      line("请先修改口令 change the password first: chengxin user password");
  });
  return kDone;
}

Result<Json> put(client::Client& platform, const std::string& path, const Json& body) {
  const std::string text = body.dump();
  ASSIGN(auto answer, platform.send("PUT", path, view(text), "application/json"));
  if (answer.body.empty()) return Json::object();
  return parse_json(answer.body);
}

Result<int> password(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(std::string before, secret("CHENGXIN_PASSWORD", "原口令 present password"));
  ASSIGN(std::string after, secret("CHENGXIN_NEW_PASSWORD", "新口令 new password"));
  ASSIGN(Json session, put(platform, "/api/v1/me/password", {{"old", before}, {"new", after}}));
  print(context, session, [&] {
    line("口令已修改,其他登录已退出 changed; every other sign-in has ended");
    line("export CHENGXIN_TOKEN={}", session.at("token").get<std::string>());
  });
  return kDone;
}

Result<int> logout(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  auto answer = platform.send("DELETE", options.everywhere ? "/api/v1/sessions" : "/api/v1/sessions/current");
  if (!answer) return tl::unexpected(answer.error());
  print(context, {{"ended", true}}, [] { line("已退出 signed out"); });
  return kDone;
}

Result<int> show_me(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json me, platform.get("/api/v1/me"));
  print(context, me, [&] {
    line("{}  {}", me.at("id").get<std::string>(), visible(me.value("name", "")));
    if (me.contains("roles")) line("角色 roles: {}", list_of(me["roles"]));
    line("可调用 may call: {} ", me.at("actions").size());
  });
  return kDone;
}

// Without a code: begins; with one: confirms.
Result<int> code(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  if (!options.code.empty()) {
    ASSIGN(Json done, put(platform, "/api/v1/me/code", {{"code", options.code}}));
    print(context, {{"confirmed", true}}, [] { line("动态口令已启用 the code device counts from now on"); });
    return kDone;
  }
  ASSIGN(Json begun, platform.post("/api/v1/me/code", {{"algorithm", options.algorithm}}));
  print(context, begun, [&] {
    line("在口令应用中加入 add to an authenticator (shown this once):");
    line("{}", begun.at("address").get<std::string>());
    line("再 then: chengxin user code --code 123456");
  });
  return kDone;
}

Result<int> roles(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json all, platform.get("/api/v1/access/roles"));
  print(context, all, [&] {
    for (const Json& role : all.at("items"))
      line("{:<24} {:<36} {}", role.at("id").get<std::string>(), role.at("title").get<std::string>(),
           list_of(role.at("permissions")));
  });
  return kDone;
}

std::string proposal_path(const std::string& id) { return "/api/v1/access/proposals/" + percent_encode(id); }

void print_proposal(const Json& one) {
  line("{}  版本 version {}  {}  {}", one.at("id").get<std::string>(), one.at("version").get<int64_t>(),
       one.at("state").get<std::string>(), visible(one.at("why").get<std::string>()));
}

// What a proposal that is open changes in the policy in force, read once for all of them; of one that was
// decided, nothing.
Changes changes_proposed(client::Client& platform, const Json& one, const Result<Json>& in_force) {
  if (one.at("state") != "open") return std::vector<access::Sentence>();
  if (!in_force) return tl::unexpected(in_force.error());
  ASSIGN(const Json whole, platform.get(proposal_path(one.at("id").get<std::string>())));
  return access::changes_of(whole.at("document"), in_force->at("document"));
}

Result<int> propose(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json document, next_document(platform, options.change));
  ASSIGN(auto key, user_key(context, options.key));
  ASSIGN(std::string signature, sign_policy(key, "propose", document));
  if (!context.json) print_changes(changes_of(platform, document));  // JSON has the patch
  ASSIGN(Json done, platform.post("/api/v1/access/proposals",
                                  {{"document", document}, {"signature", signature}, {"why", options.why}}));
  print(context, done, [&] {
    print_proposal(done);
    line("由另一位管理员批准 another administrator approves: chengxin user approve {} --key …",
         done.at("id").get<std::string>());
  });
  return kDone;
}

Result<int> proposals(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json all, platform.get("/api/v1/access/proposals"));
  print(context, all, [&] {
    const auto in_force = platform.get("/api/v1/access/policy");
    for (const Json& one : all.at("items")) {
      print_proposal(one);
      print_changes(changes_proposed(platform, one, in_force));
    }
  });
  return kDone;
}

Result<int> approve(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json proposal, platform.get(proposal_path(options.id)));
  if (const std::string state = proposal.at("state"); state != "open")
    return fail(Code::conflict, "access.proposal_decided", "{}", state);
  ASSIGN(auto key, user_key(context, options.key));
  // What is told is of the document that is signed, against the version that it names: what the platform says
  // of it, or shows as in force, is not believed.
  const Json& document = proposal.at("document");
  ASSIGN(const auto changes, changes_of(platform, document));
  if (!context.json) {
    print_proposal(proposal);
    print_changes(changes);
  }
  ASSIGN(std::string signature, sign_policy(key, "approve", document));
  ASSIGN(Json done, platform.post(proposal_path(options.id) + "/approve", {{"signature", signature}}));
  print(context, done, [&] { print_proposal(done); });
  return kDone;
}

Result<int> reject(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json done, platform.post(proposal_path(options.id) + "/reject", {{"why", options.why}}));
  print(context, done, [&] { print_proposal(done); });
  return kDone;
}

using Shared = std::shared_ptr<Options>;

void add_account_verbs(CLI::App& noun, Context& context, const Shared& options) {
  auto* make =
      noun.add_subcommand("add", "新建 · add one (CHENGXIN_NEW_PASSWORD, else a temporary password)");
  make->add_option("name", options->name, "用户名 · name")->required();
  make->add_option("--role", options->role,
                   "初始化时的角色 · role, until the three administrators are there");
  make->add_option("--certificate", options->certificate, "SM2 证书 · certificate (PEM)");
  make->add_option("--outside", options->outside, "统一身份账户 · outside account: \"ISSUER SUBJECT\"");
  make->add_flag("--service", options->service, "服务账户 · a service, which signs its requests");
  make->callback([=, &context] { run(context, [&] { return add(context, *options); }); });
  noun.add_subcommand("list", "列出 · list")->callback([&context] {
    run(context, [&] { return list(context); });
  });
  for (auto [verb, help] :
       {std::pair("lock", "停用并强制退出 · lock out, ending all sessions"),
        std::pair("unlock", "解锁 · unlock"), std::pair("reset", "重置口令 · give a temporary password"),
        std::pair("certificate", "登记证书 · register a certificate")}) {
    auto* one = noun.add_subcommand(verb, help);
    one->add_option("name", options->name, "用户 · user")->required();
    if (verb == std::string("reset"))
      one->add_flag("--code", options->with_code, "同时解除动态口令 · its code device too");
    if (verb == std::string("certificate"))
      one->add_option("file", options->certificate, "证书 · certificate (PEM)")->required();
    one->callback([=, &context, name = std::string(verb)] {
      run(context, [&] { return act(context, *options, name); });
    });
  }
}

void add_session_verbs(CLI::App& noun, Context& context, const Shared& options) {
  auto* enter = noun.add_subcommand("login", "登录 · sign in (CHENGXIN_PASSWORD, else it is asked for)");
  auto* name = enter->add_option("name", options->name, "用户名 · name");
  auto* provider =
      enter->add_option("--provider", options->provider, "外部身份提供方 · outside identity provider");
  provider->excludes(name);
  enter->add_option("--code", options->code, "动态口令 · one-time code");
  auto* certificate =
      enter->add_option("--certificate", options->certificate, "SM2 证书 · certificate (PEM)");
  enter->add_option("--key", options->key, "其密钥 · its key (chengxin key create)")->needs(certificate);
  enter->callback([=, &context] {
    run(context, [&] {
      return options->provider.empty() ? login(context, *options) : login_outside(context, options->provider);
    });
  });
  noun.add_subcommand("providers", "外部身份提供方 · outside identity providers")->callback([&context] {
    run(context, [&] { return list_providers(context); });
  });
  auto* tie = noun.add_subcommand("link", "关联外部账户 · link one's outside account");
  tie->add_option("--provider", options->provider, "外部身份提供方 · outside identity provider")->required();
  tie->callback([=, &context] { run(context, [&] { return link_outside(context, options->provider); }); });
  noun.add_subcommand("unlink", "解除外部账户 · unlink one's outside account")->callback([&context] {
    run(context, [&] { return unlink_outside(context); });
  });
  auto* leave = noun.add_subcommand("logout", "退出 · sign out");
  leave->add_flag("--everywhere", options->everywhere, "全部设备 · on all devices");
  leave->callback([=, &context] { run(context, [&] { return logout(context, *options); }); });
  noun.add_subcommand("password", "修改口令 · change one's password")->callback([&context] {
    run(context, [&] { return password(context); });
  });
  noun.add_subcommand("me", "我的角色与权限 · who one is")->callback([&context] {
    run(context, [&] { return show_me(context); });
  });
  auto* device = noun.add_subcommand("code", "绑定动态口令 · bind a code device");
  device->add_option("--code", options->code, "确认用的口令 · a code, to confirm it");
  device->add_option("--algorithm", options->algorithm, "sm3 | sha1 | sha256")
      ->check(CLI::IsMember({"sm3", "sha1", "sha256"}));
  device->callback([=, &context] { run(context, [&] { return code(context, *options); }); });
}

void add_policy_verbs(CLI::App& noun, Context& context, const Shared& options) {
  noun.add_subcommand("role", "角色 · the roles")->callback([&context] {
    run(context, [&] { return roles(context); });
  });
  auto* make = noun.add_subcommand("propose", "提出权限变更 · propose a change, signed");
  PolicyChange& change = options->change;
  make->add_option("--assign", change.assign,
                   "授予(可限链) · USER=ROLE[=CHAIN,…], organisation:ID=ROLE[=CHAIN,…]");
  make->add_option("--withdraw", change.withdraw, "收回 · USER=ROLE[=CHAIN,…]");
  make->add_option("--organisation", change.organisations, "机构(可带区域) · ID=NAME=PARENT[=REGION]");
  make->add_option("--place", change.place, "所属机构 · USER=ORGANISATION");
  make->add_option("--role", change.roles, "自定义角色 · file of JSON: {\"ID\": {…}}");
  make->add_option("--delegate", change.delegate, "委托 · FROM=TO=ROLE=DAYS");
  make->add_option("--service-key", change.keys, "服务的公钥 · USER=PUBLIC KEY (hexadecimal)");
  make->add_option("--outside", change.rules,
                   "外部账户的角色 · role of who comes from outside: PROVIDER=CLAIM=VALUE=ROLE=ORGANISATION");
  make->add_option("--drop-outside", change.drop_rules, "取消之 · withdraws one");
  make->add_option("--document", change.document, "整份策略 · a file with the whole policy");
  make->add_option("--key", options->key, "本人的密钥 · one's key (chengxin key create)")->required();
  make->add_option("--why", options->why, "理由 · why");
  make->callback([=, &context] { run(context, [&] { return propose(context, *options); }); });
  noun.add_subcommand(
          "proposals",
          "提案及其变更;--json 给出原始补丁 · the proposals and what they change; --json has the raw patch")
      ->callback([&context] { run(context, [&] { return proposals(context); }); });
  auto* yes = noun.add_subcommand("approve", "批准 · approve a proposal of somebody else, signed");
  yes->add_option("id", options->id, "提案 · proposal")->required();
  yes->add_option("--key", options->key, "本人的密钥 · one's key")->required();
  yes->callback([=, &context] { run(context, [&] { return approve(context, *options); }); });
  auto* no = noun.add_subcommand("reject", "驳回 · reject a proposal");
  no->add_option("id", options->id, "提案 · proposal")->required();
  no->add_option("--why", options->why, "理由 · why");
  no->callback([=, &context] { run(context, [&] { return reject(context, *options); }); });
}

}  // namespace

void add_user(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("user", "用户、登录与权限 · users, signing in, roles");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  add_account_verbs(*noun, context, options);
  add_session_verbs(*noun, context, options);
  add_policy_verbs(*noun, context, options);
  add_recovery_verbs(*noun, context);
  add_user_sync(*noun, context);
}

}  // namespace chengxin::app
