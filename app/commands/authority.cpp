#include "base/clock.h"
#include "base/percent.h"
#include "bench/authority_bench.h"
#include "commands.h"
#include "crypto/enveloped_key.h"
#include "crypto/ocsp.h"
#include "crypto/random.h"
#include "crypto/signing_request.h"
#include "user_key.h"

// The certificate authority: a client of /api/v1/authority, and the holder's side (keys and requests).
namespace chengxin::app {
namespace {

const std::string kBase = "/api/v1/authority";
constexpr size_t kMaxFile = 48 << 20;

struct Options {
  std::string organization, country, unit, name, profile, reason = "unspecified", state, part,
                                                          purpose = "any", url, serial;
  std::vector<std::string> ids, hosts;
  std::vector<fs::path> files;
  fs::path file, out, key, crl, passphrase_file;
  std::string id, renews;
  int64_t days = 0, limit = 50, count = 5000;
  int root_years = 20, issuing_years = 10;
  bool root = false, renew = false, list = false;
};

std::string text_of(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? visible(json[name].get<std::string>()) : "";
}

Result<std::string> read_text(const fs::path& path) {
  ASSIGN(const Bytes bytes, read_file(path, kMaxFile));
  return to_string(bytes);
}

// The first line of a file: never on the command line, which others can see.
Result<std::string> passphrase_in(const fs::path& path) {
  if (path.empty()) return std::string();
  ASSIGN(std::string text, read_text(path));
  return text.substr(0, text.find_first_of("\r\n"));
}

Result<int> shown(const Context& context, const Result<Json>& answer,
                  const std::function<void(const Json&)>& lines) {
  if (!answer) return tl::unexpected(answer.error());
  print(context, *answer, [&] { lines(*answer); });
  return kDone;
}

// Answers without a document.
Result<int> done(const Context& context, Result<client::Response> answer, std::string_view what) {
  if (!answer) return tl::unexpected(answer.error());
  print(context, {{"done", true}}, [&] { line(what); });
  return kDone;
}

Result<client::Response> send(client::Client& platform, const char* method, const std::string& path,
                              const Json& body) {
  return platform.send(method, kBase + path, view(body.dump()), "application/json");
}

void print_overview(const Json& answer) {
  line("签发机构 issuing  {}", text_of(answer, "subject"));
  line("到期 until        {}", format_time(answer.at("not_after_ms").get<int64_t>()));
  line("吊销列表 list     第 {} 号,至 No. {} until {}", answer.at("crl_number").get<int64_t>(),
       answer.at("crl_number").get<int64_t>(), format_time(answer.at("crl_until_ms").get<int64_t>()));
  line("根列表 root list  {}", format_time(answer.at("root_crl_until_ms").get<int64_t>()));
  for (const auto& [state, count] : answer.at("counts").items())
    line("  {:<10} {}", state, count.get<int64_t>());
}

void print_holder(const Json& holder) {
  line("{}  {:<13} {:<9} {}  {}", text_of(holder, "id"), text_of(holder, "profile"), text_of(holder, "state"),
       holder.contains("not_after_ms") ? format_time(holder["not_after_ms"].get<int64_t>()).substr(0, 10)
                                       : "          ",
       text_of(holder, "common_name"));
}

void print_holders(const Json& answer) {
  for (const Json& each : answer.at("items")) print_holder(each);
  if (answer.at("items").empty()) line("没有 none");
}

Result<int> init(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const std::string passphrase, passphrase_in(options.passphrase_file));
  return shown(context,
               platform.post(kBase, {{"organization", options.organization},
                                     {"country", options.country},
                                     {"passphrase", passphrase},
                                     {"root_years", options.root_years},
                                     {"issuing_years", options.issuing_years}}),
               print_overview);
}

// A key of the holder's and a request for it. A key that is there is used; a new one is under
// CHENGXIN_PASSPHRASE when that is set.
Result<std::string> new_request(const Options& options) {
  std::error_code error;
  const bool made = fs::exists(options.key, error);
  ASSIGN(const auto key, made ? key_in(options.key) : crypto::Sm2PrivateKey::generate());
  ASSIGN(const auto request, crypto::make_signing_request(
                                 {options.country, options.organization, options.unit, options.name}, key));
  if (made) return request.to_pem();
  ASSIGN(const std::string pem, key.to_pem(user_passphrase()));
  TRY(write_durable(options.key, view(pem), 0600));
  return request.to_pem();
}

Result<int> csr(const Context& context, const Options& options) {
  ASSIGN(const std::string pem, new_request(options));
  TRY(write_durable(options.out, view(pem)));
  print(context, {{"key", options.key.string()}, {"csr", options.out.string()}}, [&] {
    line("私钥 key      {}{}", options.key.string(),
         user_passphrase().empty() ? "  (未加密 not encrypted: CHENGXIN_PASSPHRASE)" : "");
    line("申请 request  {}", options.out.string());
  });
  return kDone;
}

Result<int> request(const Context& context, const Options& options) {
  Json items = Json::array();
  for (const fs::path& file : options.files) {
    ASSIGN(const std::string pem, read_text(file));
    Json item = {
        {"profile", options.profile}, {"csr", pem}, {"hosts", options.hosts}, {"days", options.days}};
    if (!options.renews.empty()) item["renews"] = options.renews;
    items.push_back(std::move(item));
  }
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.post(kBase + "/requests", {{"items", items}}), [](const Json& answer) {
    for (const Json& id : answer.at("ids")) line("{}", id.get<std::string>());
    line("待另一人批准 another officer approves: chengxin ca approve ID");
  });
}

Result<int> decide(const Context& context, const Options& options, const char* path, std::string_view what) {
  ASSIGN(auto platform, context.connect());
  Json body = {{"ids", options.ids}};
  if (std::string_view(path) == "/revocations") body["reason"] = options.reason;
  return done(context, send(platform, "POST", path, body), what);
}

// What a holder gets, as files: sign.pem, encrypt.pem with the chain behind each, encrypt.key when the
// signing key opens the envelope.
Status deliver(const Json& holder, const fs::path& folder, const fs::path& key_file) {
  TRY(make_folder(folder));
  const std::string chain = holder.at("chain").get<std::string>();
  const std::string enveloped = holder.at("enveloped_key").get<std::string>();
  TRY(write_durable(folder / "sign.pem", view(holder.at("sign").get<std::string>() + chain)));
  TRY(write_durable(folder / "encrypt.pem", view(holder.at("encrypt").get<std::string>() + chain)));
  TRY(write_durable(folder / "chain.pem", view(chain)));
  ASSIGN(const Bytes envelope, unbase64(enveloped));
  if (key_file.empty()) return write_durable(folder / "encrypt.envelope", envelope, 0600);
  ASSIGN(const auto key, key_in(key_file));
  ASSIGN(const auto inner, crypto::open_enveloped_key(envelope, key));
  ASSIGN(const auto certificate, crypto::Certificate::from_pem(holder.at("encrypt").get<std::string>()));
  if (!certificate.public_key || certificate.public_key->point() != inner.public_key().point())
    return fail(Code::forbidden, "crypto.enveloped_key", "not the key of the certificate");
  ASSIGN(const std::string inner_pem, inner.to_pem(user_passphrase()));
  return write_durable(folder / "encrypt.key", view(inner_pem), 0600);
}

Result<int> issue(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, platform.post(kBase + "/issues", {{"ids", options.ids}}));
  if (!options.out.empty())
    for (const Json& holder : answer.at("items"))
      TRY(deliver(holder, options.out / holder.at("id").get<std::string>(), {}));
  print(context, answer, [&] { print_holders(answer); });
  return kDone;
}

Result<int> show(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  if (options.id.empty()) return shown(context, platform.get(kBase), print_overview);
  ASSIGN(const Json holder, platform.get(kBase + "/holders/" + percent_encode(options.id)));
  if (!options.out.empty()) {
    if (!holder.contains("sign"))
      return fail(Code::conflict, "authority.state", "{}", text_of(holder, "state"));
    TRY(deliver(holder, options.out, options.key));
  }
  print(context, holder, [&] {
    print_holder(holder);
    for (const char* field :
         {"organization", "unit", "requested_by", "decided_by", "reason", "renews", "renewed_by"})
      if (!text_of(holder, field).empty()) line("  {:<13} {}", field, text_of(holder, field));
    if (!options.out.empty()) line("已写入 written: {}", options.out.string());
  });
  return kDone;
}

Result<int> list(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  std::string query = fmt::format("?limit={}", options.limit);
  for (const auto& [name, value] : {std::pair("state", options.state),
                                    {"profile", options.profile},
                                    {"name", options.part},
                                    {"serial", options.serial}})
    if (!value.empty()) query += fmt::format("&{}={}", name, percent_encode(value));
  return shown(context, platform.get(kBase + "/holders" + query), print_holders);
}

Result<int> due(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context,
               platform.get(fmt::format("{}/due?days={}&limit=500", kBase, options.days ? options.days : 30)),
               print_holders);
}

Result<int> crl(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  if (options.renew) {
    ASSIGN(const std::string passphrase, passphrase_in(options.passphrase_file));
    auto renewed = send(platform, "POST", "/lists", {{"root", options.root}, {"passphrase", passphrase}});
    if (!renewed) return tl::unexpected(renewed.error());
  }
  ASSIGN(const auto answer, platform.send("GET", kBase + "/crl" + (options.root ? "?root=true" : "")));
  ASSIGN(const auto list, crypto::Crl::from_der(view(answer.body)));
  if (!options.out.empty()) TRY(write_durable(options.out, list.der));
  Json json = {{"this_update_ms", list.this_update_ms},
               {"next_update_ms", list.next_update_ms},
               {"revoked", Json::array()}};
  for (const auto& each : list.revoked)
    json["revoked"].push_back(
        {{"serial", hex(each.serial)}, {"time_ms", each.time_ms}, {"reason", each.reason}});
  print(context, json, [&] {
    line("有效 valid {} … {}", format_time(list.this_update_ms), format_time(list.next_update_ms));
    for (const auto& each : list.revoked)
      line("  {}  {}  {}", hex(each.serial), format_time(each.time_ms), each.reason);
    line("吊销 revoked: {}", list.revoked.size());
  });
  return kDone;
}

// Asks as any client would: a request with a nonce, an answer that the issuing authority's responder signed.
Result<int> ocsp(const Context& context, const Options& options) {
  ASSIGN(const std::string pem, read_text(options.file));
  ASSIGN(const auto certificate, crypto::Certificate::from_pem(pem));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const auto issuing_answer, platform.send("GET", kBase + "/certificates/issuing"));
  ASSIGN(const auto issuing, crypto::Certificate::from_der(view(issuing_answer.body)));
  crypto::OcspRequest question;
  question.ids = {crypto::OcspId::of(issuing, certificate.serial)};
  question.nonce = crypto::random_bytes(16);
  ASSIGN(const auto raw,
         platform.send("POST", kBase + "/ocsp", question.to_der(), "application/ocsp-request"));
  ASSIGN(const auto answer, crypto::verify_ocsp_response(view(raw.body), issuing, now_ms()));
  if (answer.nonce != question.nonce || answer.answers.size() != 1 ||
      answer.answers[0].id.serial != certificate.serial)
    return fail(Code::forbidden, "crypto.ocsp_malformed", "it answers another question");
  constexpr const char* kNames[] = {"good", "revoked", "unknown"};
  const auto& one = answer.answers[0];
  Json json = {{"status", kNames[int(one.status)]}, {"serial", hex(certificate.serial)}};
  if (one.status == crypto::OcspStatus::revoked)
    json.update({{"revoked_ms", one.revoked_ms}, {"reason", one.reason}});
  print(context, json, [&] { line("{}  {}", kNames[int(one.status)], certificate.subject_text()); });
  return one.status == crypto::OcspStatus::good ? kDone : kNotVerified;
}

void print_anchor(const Json& anchor) {
  line("{}  {}  {}", text_of(anchor, "id"),
       anchor.contains("crl_until_ms") ? format_time(anchor["crl_until_ms"].get<int64_t>())
                                       : "(无列表 no list)",
       text_of(anchor, "subject"));
  if (!text_of(anchor, "crl_error").empty())
    line("  ! {}", texts::reason(text_of(anchor, "crl_error"), texts::Language::zh));
}

Result<Json> crl_body(const Options& options) {
  Json body = Json::object();
  if (options.crl.empty()) return body;
  ASSIGN(const Bytes bytes, read_file(options.crl, kMaxFile));
  body["crl"] = text(bytes).starts_with("-----BEGIN") ? to_string(bytes) : base64(bytes);
  return body;
}

Result<int> import(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  const std::string one = kBase + "/anchors/" + percent_encode(options.id);
  if (options.list)
    return shown(context, platform.get(kBase + "/anchors"), [](const Json& answer) {
      for (const Json& anchor : answer.at("items")) print_anchor(anchor);
      if (answer.at("items").empty()) line("没有 none");
    });
  ASSIGN(Json body, crl_body(options));
  if (!options.id.empty() && options.renew)
    return shown(context, platform.post(one + "/crl", body), print_anchor);
  if (!options.id.empty()) return done(context, platform.send("DELETE", one), "已移除 removed");
  if (options.file.empty())
    return fail(Code::invalid_argument, "cli.usage", "FILE, --list, --remove or --renew");
  ASSIGN(body["certificate"], read_text(options.file));
  if (!options.url.empty()) body["crl_url"] = options.url;
  return shown(context, platform.post(kBase + "/anchors", body), print_anchor);
}

Result<int> check(const Context& context, const Options& options) {
  ASSIGN(std::string pem, read_text(options.file));
  for (const fs::path& further : options.files) {
    ASSIGN(const std::string more, read_text(further));
    pem += more;
  }
  ASSIGN(auto platform, context.connect());
  auto answer = platform.post(kBase + "/checks", {{"certificates", pem}, {"purpose", options.purpose}});
  if (!answer && answer.error().code == Code::forbidden) return report(context, answer.error(), kNotVerified);
  return shown(context, answer, [](const Json& json) {
    for (const Json& subject : json.at("path")) line("{}", visible(subject.get<std::string>()));
    line("可信 trusted");
  });
}

struct Verbs {
  CLI::App* noun;
  Context& context;
  std::shared_ptr<Options> options = std::make_shared<Options>();

  CLI::App* add(const char* name, const char* help,
                std::function<Result<int>(const Context&, const Options&)> work) {
    auto* verb = noun->add_subcommand(name, help);
    auto& where = context;
    verb->callback([work = std::move(work), options = options, &where] {
      chengxin::app::run(where, [&] { return work(where, *options); });
    });
    return verb;
  }
  void ids(CLI::App* verb) {
    verb->add_option("ids", options->ids, "申请或证书的标识 · ids of requests or holders")->required();
  }
  void decision(const char* name, const char* help, const char* path, const char* what) {
    ids(add(name, help,
            [path, what](const Context& c, const Options& o) { return decide(c, o, path, what); }));
  }
};

void add_holder_verbs(Verbs& v) {
  auto& o = *v.options;
  auto* verb = v.add("csr", "持有人:生成私钥与申请 · the holder's side: a key and a request for it", csr);
  verb->add_option("--key", o.key, "私钥文件,没有则新建 · file of the key, made when it is not there")
      ->required();
  verb->add_option("--out", o.out, "申请文件 · file of the request")->required();
  verb->add_option("--name", o.name, "通用名 · common name")->required();
  verb->add_option("--organization", o.organization, "单位 · organization");
  verb->add_option("--unit", o.unit, "部门 · unit");
  verb->add_option("--country", o.country, "国家代码 · country, two capital letters");
  verb = v.add("request", "申请证书 · ask for certificates", request);
  verb->add_option("files", o.files, "申请文件(PKCS#10) · files of requests")->required();
  verb->add_option("--profile", o.profile, "node | application | administrator | personal")->required();
  verb->add_option("--host", o.hosts, "节点的主机名 · names of a node");
  verb->add_option("--days", o.days, "有效天数 · days");
  verb->add_option("--renews", o.renews, "更新哪份证书 · id of the holder that is renewed");
  v.decision("approve", "批准申请(须另一人) · approve requests of another officer", "/approvals",
             "已批准 approved");
  v.decision("reject", "驳回申请 · reject requests", "/rejections", "已驳回 rejected");
  verb = v.add("issue", "签发已批准的证书 · issue what was approved", issue);
  v.ids(verb);
  verb->add_option("--out", o.out, "输出目录 · folder, one below it for each");
  verb = v.add("show", "机构概况,或一份证书 · the authority, or one holder", show);
  verb->add_option("id", o.id, "标识 · id");
  verb->add_option("--out", o.out, "把证书写入目录 · write its certificates into a folder");
  verb->add_option("--key", o.key,
                   "持有人的签名私钥,用来取出加密私钥 · the holder's signing key, to open the envelope");
  verb = v.add("list", "列出申请与证书 · requests and certificates", list);
  verb->add_option("--state", o.state,
                   "requested | approved | issued | suspended | revoked | renewed | rejected | expired");
  verb->add_option("--profile", o.profile, "类别 · profile");
  verb->add_option("--name", o.part, "名称包含 · part of the name");
  verb->add_option("--serial", o.serial, "序列号 · serial number, hexadecimal");
  verb->add_option("--limit", o.limit, "条数 · how many")->check(CLI::Range(1, 500));
  v.decision("hold", "冻结 · suspend", "/suspensions", "已冻结 suspended");
  v.decision("release", "解冻 · release", "/releases", "已解冻 released");
  verb = v.add("revoke", "吊销 · revoke", [](const Context& c, const Options& options) {
    return decide(c, options, "/revocations", "已吊销 revoked");
  });
  v.ids(verb);
  verb->add_option(
      "--reason", o.reason,
      "key_compromise | affiliation_changed | superseded | cessation | privilege_withdrawn | unspecified");
  verb = v.add("due", "即将到期的证书 · certificates that end soon", due);
  verb->add_option("--days", o.days, "天数 · within so many days (30)");
}

void add_status_verbs(Verbs& v) {
  auto& o = *v.options;
  auto* verb = v.add("crl", "吊销列表 · the revocation list", crl);
  verb->add_option("--out", o.out, "写入文件(DER) · write it");
  verb->add_flag("--root", o.root, "根机构的列表 · that of the root");
  verb->add_flag("--renew", o.renew, "先签发新的 · sign a new one first");
  verb->add_option("--passphrase-file", o.passphrase_file,
                   "根私钥口令文件 · file with the passphrase of the root's key");
  verb = v.add("ocsp", "查询证书状态 · ask for the status of a certificate", ocsp);
  verb->add_option("file", o.file, "证书 · certificate, PEM")->required();
  verb = v.add("import", "信任外部证书机构 · trust outside authorities", import);
  verb->add_option("file", o.file, "机构证书 · certificate of the authority, PEM");
  verb->add_option("--crl", o.crl, "吊销列表文件 · file of its list");
  verb->add_option("--crl-url", o.url,
                   "吊销列表地址(https 或本机) · address of its list (https, or loopback)");
  verb->add_flag("--list", o.list, "列出 · those that are trusted");
  auto* remove = verb->add_option("--remove", o.id, "移除 · trust it no longer");
  verb->add_option_function<std::string>(
          "--renew",
          [&o](const std::string& id) {
            o.id = id;
            o.renew = true;
          },
          "更新其吊销列表 · give or fetch a newer list")
      ->excludes(remove);
  verb = v.add("check", "验证证书 · whether a certificate is to be believed", check);
  verb->add_option("file", o.file, "证书(其后可有上级) · certificate, PEM, others behind it")->required();
  verb->add_option("--chain", o.files, "上级证书 · certificates above it");
  verb->add_option("--purpose", o.purpose, "any | ca | tls_sign | tls_encrypt | client | timestamp");
  verb = v.add("bench", "签发速度 · how fast certificates are issued",
               [](const Context& c, const Options& options) {
                 return bench::authority_bench(c, size_t(options.count));
               });
  verb->add_option("--holders", o.count, "多少持有人 · how many holders")->check(CLI::Range(1000, 1'000'000));
}

}  // namespace

void add_authority(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("ca", "证书机构 · the certificate authority");
  noun->require_subcommand(1);
  Verbs v{noun, context};
  auto& o = *v.options;
  auto* verb = v.add("init", "建立根与签发机构 · make a root and an issuing authority", init);
  verb->add_option("--organization", o.organization, "单位 · organization")->required();
  verb->add_option("--country", o.country, "国家代码 · country, two capital letters");
  verb->add_option("--passphrase-file", o.passphrase_file,
                   "根私钥的口令文件 · file with a passphrase for the root's key");
  verb->add_option("--root-years", o.root_years, "根的年限 · years of the root");
  verb->add_option("--issuing-years", o.issuing_years, "签发机构的年限 · years of the issuing authority");
  add_holder_verbs(v);
  add_status_verbs(v);
}

}  // namespace chengxin::app
