#include "base/percent.h"
#include "commands.h"

// Credentials on a platform: templates, issuing, states, verifying, other domains. The holder's side is
// wallet.cpp.
namespace chengxin::app {
namespace {

struct Options {
  std::string kind = "credential", id, claims = "{}", holder, state, why, audience, nonce,
              algorithm = "SM2SM3";
  fs::path file, out;
  bool with_code = false;
  std::string filter_state, filter_template;
};

constexpr size_t kMaxFile = 4 << 20;

Result<Json> json_file(const fs::path& path) {
  ASSIGN(const Bytes bytes, read_file(path, kMaxFile));
  return parse_json(text(bytes), {.max_bytes = kMaxFile});
}

// JSON, or @FILE that holds it.
Result<Json> json_argument(const std::string& text) {
  return text.starts_with('@') ? json_file(text.substr(1)) : parse_json(text);
}

std::string templates_path(const Options& options) {
  return options.kind == "presentation" ? "/api/v1/presentation-templates" : "/api/v1/credential-templates";
}

Result<int> put_template(const Context& context, const Options& options) {
  ASSIGN(const Json json, json_file(options.file));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json kept, platform.post(templates_path(options), json));
  print(context, kept, [&] {
    line("已登记模板 template registered: {} {}", visible(kept["id"].get<std::string>()),
         kept["version"].get<int64_t>());
  });
  return kDone;
}

Result<int> list_templates(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json listed, platform.get(templates_path(options)));
  print(context, listed, [&] {
    for (const Json& one : listed["items"])
      line("{:<24} {:>3}  {}", visible(one["id"].get<std::string>()), one["version"].get<int64_t>(),
           visible(one["title"].get<std::string>()));
    if (listed["items"].empty()) line("没有模板 no templates");
  });
  return kDone;
}

Result<int> issue(const Context& context, const Options& options) {
  Json request = {{"template", options.id}};
  ASSIGN(request["claims"], json_argument(options.claims));
  if (!options.holder.empty()) {
    request["holder"] = options.holder;
    if (!options.holder.starts_with("did:")) {
      ASSIGN(request["holder"], json_argument(options.holder));
    }
  }
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json issued, platform.post("/api/v1/credentials", request));
  const std::string credential = issued["credential"];
  if (!options.out.empty()) TRY(write_durable(options.out, view(credential), 0600));
  print(context, issued, [&] {
    line("已签发 issued: {}", issued["id"].get<std::string>());
    if (options.out.empty()) line("{}", credential);
  });
  return kDone;
}

Result<int> offer(const Context& context, const Options& options) {
  Json request = {{"template", options.id}, {"with_code", options.with_code}};
  ASSIGN(request["claims"], json_argument(options.claims));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json made, platform.post("/api/v1/credential-offers", request));
  print(context, made, [&] {
    line("{}", made["uri"].get<std::string>());
    if (made.contains("tx_code"))
      line("交易码(另行告知持有者)transaction code, to be told another way: {}",
           made["tx_code"].get<std::string>());
  });
  return kDone;
}

Result<int> list_issued(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  std::string path = "/api/v1/credentials?limit=100";
  if (!options.filter_state.empty()) path += "&state=" + percent_encode(options.filter_state);
  if (!options.filter_template.empty()) path += "&template=" + percent_encode(options.filter_template);
  ASSIGN(const Json listed, platform.get(path));
  print(context, listed, [&] {
    for (const Json& one : listed["items"])
      line("{:<24} {:<12} {:<10} {}", one["id"].get<std::string>(),
           visible(one["template"].get<std::string>()), one["state"].get<std::string>(),
           visible(one["holder"].get<std::string>()));
    if (listed["items"].empty()) line("没有凭证 no credentials");
  });
  return kDone;
}

Result<int> set_state(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  const Json body = {{"state", options.state}, {"why", options.why}};
  ASSIGN(const auto answer,
         platform.send("PUT", "/api/v1/credentials/" + percent_encode(options.id) + "/state",
                       view(body.dump()), "application/json"));
  ASSIGN(const Json changed, parse_json(answer.body));
  print(context, changed, [&] { line("{} {}", options.id, changed["state"].get<std::string>()); });
  return kDone;
}

void print_verdict(const Json& verdict) {
  line(verdict["valid"] == true ? "验证通过 VALID" : "验证未通过 NOT VALID");
  for (const Json& check : verdict["checks"])
    line("  {:<24} {:<8} {} {}", visible(check["check"].get<std::string>()),
         check["outcome"].get<std::string>(), check.value("reason", ""), visible(check.value("detail", "")));
  if (verdict["valid"] == true) line("  {}", visible(verdict["claims"].dump()));
}

Result<int> verify(const Context& context, const Options& options) {
  ASSIGN(const Bytes bytes, read_file(options.file, kMaxFile));
  std::string content = to_string(bytes);
  while (content.ends_with('\n')) content.pop_back();
  Json request = {{options.nonce.empty() ? "credential" : "presentation", content}};
  if (!options.nonce.empty()) {
    request["nonce"] = options.nonce;
    request["audience"] = options.audience;
  }
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json verdict, platform.post("/api/v1/credentials/verification", request));
  print(context, verdict, [&] { print_verdict(verdict); });
  return verdict["valid"] == true ? kDone : kNotVerified;
}

Result<int> ask(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json made, platform.post("/api/v1/presentation-requests",
                                        {{"template", options.id}, {"algorithm", options.algorithm}}));
  print(context, made, [&] {
    line("{}", made["uri"].get<std::string>());
    line("结果 what became of it: chengxin credential result {}", made["id"].get<std::string>());
  });
  return kDone;
}

Result<int> result(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json found, platform.get("/api/v1/presentation-requests/" + percent_encode(options.id)));
  print(context, found, [&] {
    line("{}", found["state"].get<std::string>());
    if (found.contains("verdict")) print_verdict(found["verdict"]);
  });
  return found["state"] == "verified" || found["state"] == "open" ? kDone : kNotVerified;
}

Result<int> resolve(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json found, platform.get("/api/v1/dids/" + percent_encode(options.id)));
  print(context, found, [&] { line("{}", visible(found.dump(2))); });
  return found["didDocument"].is_null() ? kNotFound : kDone;
}

Result<int> put_domain(const Context& context, const Options& options) {
  ASSIGN(const Json json, json_file(options.file));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json kept, platform.post("/api/v1/trusted-domains", json));
  print(context, kept,
        [&] { line("已登记互认域 domain recognised: {}", visible(kept["id"].get<std::string>())); });
  return kDone;
}

Result<int> list_domains(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json listed, platform.get("/api/v1/trusted-domains"));
  print(context, listed, [&] {
    for (const Json& one : listed["items"])
      line("{:<20} {}", visible(one["id"].get<std::string>()), visible(one["dids"].dump()));
    if (listed["items"].empty()) line("没有互认域 no domains");
  });
  return kDone;
}

Result<int> check_domain(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const auto answer,
         platform.send("POST", "/api/v1/trusted-domains/" + percent_encode(options.id) + "/check"));
  ASSIGN(const Json report, parse_json(answer.body));
  print(context, report, [&] { line("{}", visible(report.dump(2))); });
  return report["consistent"] == true ? kDone : kNotVerified;
}

using Work = Result<int> (*)(const Context&, const Options&);

}  // namespace

void add_credential(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("credential", "可验证凭证:模板、签发、验证、互认 · credentials");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto verb = [&context, options](CLI::App* parent, const char* name, const char* about, Work work) {
    auto* command = parent->add_subcommand(name, about);
    command->callback([=, &context] { run(context, [&] { return work(context, *options); }); });
    return command;
  };
  auto with_id = [&](CLI::App* command, const char* about) {
    command->add_option("id", options->id, about)->required();
  };

  auto* templates = noun->add_subcommand("template", "凭证与出示模板 · templates");
  templates->require_subcommand(1);
  auto* put = verb(templates, "put", "登记模板或新版本 · register a template or a new version", put_template);
  put->add_option("file", options->file, "JSON 文件 · JSON file")->required();
  auto* list = verb(templates, "list", "列出 · list", list_templates);
  for (auto* each : {put, list})
    each->add_option("--kind", options->kind, "凭证或出示 · credential or presentation")
        ->check(CLI::IsMember({"credential", "presentation"}));

  auto* issue_command = verb(noun, "issue", "签发 · issue one", issue);
  auto* offer_command = verb(noun, "offer", "生成领取邀约 · offer one to a wallet (OpenID4VCI)", offer);
  for (auto* each : {issue_command, offer_command}) {
    with_id(each, "凭证模板 · template");
    each->add_option("--claims", options->claims, "声明:JSON 或 @文件 · claims: JSON or @FILE");
  }
  issue_command->add_option("--holder", options->holder, "持有者:DID、JWK 或 @文件 · DID, JWK or @FILE");
  issue_command->add_option("--out", options->out, "写入文件 · write it to a file");
  offer_command->add_flag("--with-code", options->with_code, "另加六位交易码 · with a code told another way");

  auto* issued = verb(noun, "list", "已签发的凭证 · what was issued", list_issued);
  issued->add_option("--state", options->filter_state, "状态 · state");
  issued->add_option("--template", options->filter_template, "模板 · template");
  for (auto [name, state, about] : {std::tuple{"revoke", "revoked", "撤销,不可恢复 · revoke for good"},
                                    std::tuple{"suspend", "suspended", "暂停 · suspend"},
                                    std::tuple{"restore", "active", "恢复 · restore"}}) {
    auto* command = noun->add_subcommand(name, about);
    with_id(command, "凭证编号 · id of the credential");
    command->add_option("--why", options->why, "原因 · why");
    command->callback([=, &context, state = std::string(state)] {
      options->state = state;
      run(context, [&] { return set_state(context, *options); });
    });
  }

  auto* check = verb(noun, "verify", "验证凭证或出示 · verify a credential or a presentation", verify);
  check->add_option("file", options->file, "文件 · file")->required();
  check->add_option("--nonce", options->nonce, "出示所用随机数 · nonce that a presentation was made for");
  check->add_option("--audience", options->audience, "出示对象 · whom it was made for");
  check->footer("退出码 · exit: 0 通过 valid, 1 未通过 not valid, 其他见 others: docs/cli.md");

  auto* ask_command = verb(noun, "ask", "发起出示请求 · ask for a presentation (OpenID4VP)", ask);
  with_id(ask_command, "出示模板 · presentation template");
  ask_command->add_option("--algorithm", options->algorithm, "请求的签名算法 · SM2SM3 or ES256")
      ->check(CLI::IsMember({"SM2SM3", "ES256"}));
  with_id(verb(noun, "result", "出示请求的结果 · what became of a request", result),
          "请求编号 · id of the request");
  with_id(verb(noun, "resolve", "解析 DID · resolve a DID", resolve), "DID");

  auto* domain = noun->add_subcommand("domain", "互认域 · domains that are recognised");
  domain->require_subcommand(1);
  verb(domain, "put", "登记或更新 · recognise one, or change its entry", put_domain)
      ->add_option("file", options->file, "JSON 文件 · JSON file")
      ->required();
  domain->add_subcommand("list", "列出 · list")->callback([&context] {
    run(context, [&] { return list_domains(context); });
  });
  with_id(verb(domain, "check", "解析、验证并核对 · resolve, verify and compare", check_domain),
          "域 · domain");
}

}  // namespace chengxin::app
