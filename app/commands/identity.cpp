#include <cstdlib>

#include "base/clock.h"
#include "base/percent.h"
#include "crypto/random.h"
#include "format/header.h"
#include "identity/calls.h"
#include "identity_commands.h"
#include "user_key.h"

// Identities on a chain: enrolled and looked after by registrars with the platform's account, changed by who
// they are with a key of the user (--key).
namespace chengxin::app {
namespace {

struct Options {
  std::string chain = "default", key, new_key, id, other, kind = "natural", parent, public_key, unique, why,
              scope, arguments, purpose, method, recovery, relation = "agent";
  std::vector<std::string> ids, rights, kinds, scopes, data;
  fs::path file;
  uint64_t amount = 0, limit = 0, number = 0, not_after_ms = 0, until_ms = 0, uses = 0;
  uint32_t registrars = 0;
  bool unlimited = false, keep = false;
};

std::string chain_path(const Options& options, std::string_view rest = {}) {
  return "/api/v1/chains/" + percent_encode(options.chain) + std::string(rest);
}
std::string identity_path(const Options& options, std::string_view id, std::string_view rest = {}) {
  return chain_path(options, "/identities/" + percent_encode(id) + std::string(rest));
}

// ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────

constexpr int64_t kBackdateMs = 60'000, kValidMs = 5 * 60'000;

Result<Digest> chain_id(client::Client& platform, const Options& options) {
  ASSIGN(const Json chain, platform.get(chain_path(options)));
  return unhex_digest(chain.at("id").get<std::string>());
}

// Signed here, with a key of the user's: the platform only hands it on.
Result<Json> send_signed(client::Client& platform, const Options& options, const crypto::Sm2PrivateKey& key,
                         format::Call call) {
  format::TransactionBody body;
  ASSIGN(body.chain, chain_id(platform, options));
  body.signer = format::key_id(key.public_key().point());
  body.valid_from_ms = uint64_t(now_ms() - kBackdateMs);
  body.valid_until_ms = uint64_t(now_ms() + kValidMs);
  crypto::random_fill(body.nonce);
  body.calls = {std::move(call)};
  ASSIGN(const Bytes envelope, format::sign_transaction(body, key, {}));
  ASSIGN(const auto answer,
         platform.send("POST", chain_path(options, "/transactions"), envelope, "application/x-protobuf"));
  ASSIGN(Json receipt, parse_json(answer.body));
  if (!receipt.contains("accepted")) return receipt;  // 202
  ASSIGN(const Json made,
         platform.get(chain_path(options, "/transactions/" + receipt.at("transaction").get<std::string>())));
  ASSIGN(const Bytes output, unbase64(made.at("output").get<std::string>()));
  if (!receipt.at("accepted").get<bool>()) {
    const bool forbids = receipt.at("status").get<uint32_t>() == uint32_t(format::ReceiptStatus::forbidden);
    return tl::unexpected(Error{forbids ? Code::forbidden : Code::conflict, to_string(output), {}});
  }
  Json out = {{"transaction", receipt["transaction"]},
              {"height", receipt["height"]},
              {"time_ms", receipt["time_ms"]}};
  if (output.size() == 8) out["number"] = get_be<uint64_t>(output.data());
  return out;
}

Result<Json> send(const Context& context, client::Client& platform, const Options& options,
                  std::string_view method, const Json& arguments) {
  if (options.key.empty())
    return platform.post(
        chain_path(options, method == "set_registrar" ? "/identity/registrars"
                                                      : "/identity/acts/" + std::string(method)),
        arguments, {{"Idempotency-Key", hex(crypto::random_bytes(16))}});
  ASSIGN(const auto key, user_key(context, options.key));
  ASSIGN(auto call, identity::call_of(method, arguments));
  return send_signed(platform, options, key, std::move(call));
}

std::string shown(const Json& json, const char* member) {
  const auto found = json.find(member);
  if (found == json.end()) return {};
  return found->is_string() ? visible(found->get<std::string>()) : found->dump();
}

void print_done(const Json& answer) {
  line("已完成 done");
  for (const Json& each : answer.value("identities", Json::array()))
    line("  身份 identity     {}", each.get<std::string>());
  if (answer.contains("number")) line("  编号 number       {}", shown(answer, "number"));
  line("  交易 transaction  {}", shown(answer, "transaction"));
  if (answer.contains("height")) line("  高度 height       {}", shown(answer, "height"));
}

Result<int> act(const Context& context, const Options& options, std::string_view method,
                const Json& arguments) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, send(context, platform, options, method, arguments));
  print(context, answer, [&] { print_done(answer); });
  return kDone;
}

// The identity as it stands: a change names the version that it changes.
Result<Json> expected(client::Client& platform, const Options& options, const std::string& id) {
  ASSIGN(const Json one, platform.get(identity_path(options, id)));
  return Json{{"subject", id}, {"version", one.at("version")}};
}

// ── Registrars ─────────────────────────────────────────────────────────────────────────────────────────────

const std::vector<std::string> kRights = {"admin",   "enrol",     "suspend", "restore", "revoke",
                                          "recover", "pseudonym", "order",   "approve"};
const std::vector<std::string> kKinds = {"natural",  "legal",       "public_body", "unit",
                                         "official", "application", "device"};

// Without a key it is this platform's own account, with all that is not given.
Result<int> set_registrar(const Context& context, const Options& options) {
  Json registrar = {{"rights", options.rights}, {"kinds", options.kinds}};
  if (!options.id.empty())
    return act(context, options, "set_registrar", {{"key", options.id}, {"registrar", std::move(registrar)}});
  if (!options.key.empty())
    return fail(Code::invalid_argument, "cli.usage", "with --key, name the registrar's account");
  if (options.rights.empty()) registrar["rights"] = kRights;
  if (options.kinds.empty()) registrar["kinds"] = kKinds;
  return act(context, options, "set_registrar", {{"registrar", std::move(registrar)}});
}

Result<Json> public_key_of(const Context& context, const Options& options) {
  if (!options.public_key.empty()) return Json(options.public_key);
  ASSIGN(const Bytes point, user_key_file(context, options.new_key, ".pub"));
  return Json(to_string(point));
}

Result<int> enrol(const Context& context, const Options& options) {
  Json body;
  if (!options.file.empty()) {
    ASSIGN(const Bytes document, read_file(options.file, 1 << 20));
    ASSIGN(body, parse_json(text(document)));
    if (body.is_array()) body = Json{{"subjects", body}};
  } else {
    Json subject = {{"kind", options.kind}};
    if (!options.parent.empty()) subject["parent"] = options.parent;
    if (!options.unique.empty()) subject["unique"] = options.unique;
    if (!options.public_key.empty() || !options.new_key.empty()) {
      ASSIGN(const Json key, public_key_of(context, options));
      subject["keys"] = {{{"public_key", key}, {"purposes", {"authenticate", "assertion", "agreement"}}}};
    }
    body = {{"subjects", {subject}}};
  }
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, platform.post(chain_path(options, "/identities"), body,
                                          {{"Idempotency-Key", hex(crypto::random_bytes(16))}}));
  print(context, answer, [&] { print_done(answer); });
  return kDone;
}

Result<int> move(const Context& context, const Options& options, std::string_view method) {
  ASSIGN(auto platform, context.connect());
  Json subjects = Json::array();
  for (const std::string& id : options.ids) {
    ASSIGN(Json one, expected(platform, options, id));
    subjects.push_back(std::move(one));
  }
  ASSIGN(const Json answer,
         send(context, platform, options, method, {{"subjects", subjects}, {"why", options.why}}));
  print(context, answer, [&] { print_done(answer); });
  return kDone;
}

// ── Keys ───────────────────────────────────────────────────────────────────────────────────────────────────

Result<identity::Expected> expected_now(client::Client& platform, const Options& options) {
  ASSIGN(const Json one, expected(platform, options, options.id));
  return identity::from_json<identity::Expected>(one);
}

Result<identity::ProvenKey> proven(const Digest& chain, const identity::Expected& of,
                                   const crypto::Sm2PrivateKey& key) {
  identity::ProvenKey out;
  out.key.public_key = key.public_key().point();
  out.key.purposes = identity::Flags<identity::Purpose>::all();
  ASSIGN(out.possession, key.sign(identity::possession_message(chain, of, out.key.id())));
  return out;
}

Result<int> rotate(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  identity::SetKeys call;
  ASSIGN(call.of, expected_now(platform, options));
  ASSIGN(const auto fresh, user_key(context, options.new_key));
  ASSIGN(const Digest chain, chain_id(platform, options));
  ASSIGN(auto added, proven(chain, call.of, fresh));
  call.add.push_back(std::move(added));
  if (!options.keep) {
    ASSIGN(const auto old, user_key(context, options.key));
    call.remove.push_back(format::key_id(old.public_key().point()));
  }
  return act(context, options, "set_keys", identity::to_json(call));
}

Result<int> recover(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  identity::Recover call;
  ASSIGN(call.of, expected_now(platform, options));
  ASSIGN(const auto fresh, user_key(context, options.new_key));
  ASSIGN(const Digest chain, chain_id(platform, options));
  ASSIGN(auto added, proven(chain, call.of, fresh));
  call.keys.push_back(std::move(added));
  if (!options.recovery.empty()) {
    ASSIGN(const auto recovery, user_key(context, options.recovery));
    call.recovery_key = recovery.public_key().point();
    ASSIGN(call.signature, recovery.sign(identity::recovery_message(chain, call.of, call.keys)));
  }
  return act(context, options, "recover", identity::to_json(call));
}

Result<int> set_recovery(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  identity::SetRecovery call;
  ASSIGN(call.of, expected_now(platform, options));
  call.registrars = options.registrars;
  if (!options.recovery.empty()) {
    ASSIGN(const auto recovery, user_key(context, options.recovery));
    call.key = format::key_id(recovery.public_key().point());
  }
  return act(context, options, "set_recovery", identity::to_json(call));
}

// ── Relations, consents ────────────────────────────────────────────────────────────────────────────────────

Result<int> grant(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json principal, expected(platform, options, options.id));
  return act(context, options, "grant",
             {{"principal", principal},
              {"other", options.other},
              {"authority",
               {{"kind", options.relation},
                {"scopes", options.scopes},
                {"limit", options.limit},
                {"unlimited", options.unlimited},
                {"not_after_ms", options.not_after_ms}}}});
}

Json numbered(const Options& options) { return {{"subject", options.id}, {"number", options.number}}; }

Result<int> may(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer,
         platform.get(identity_path(
             options, options.id,
             fmt::format("/authority?principal={}&scope={}&amount={}", percent_encode(options.other),
                         percent_encode(options.scope), options.amount))));
  const bool allowed = answer.at("may").get<bool>();
  print(context, answer, [&] {
    line("{}", allowed ? "可以 yes" : "不可以 no");
    if (!allowed) line("  原因 reason  {}", shown(answer, "reason"));
    if (answer.contains("relation")) line("  授权 by relation {}", shown(answer, "relation"));
  });
  return allowed ? kDone : kNotVerified;
}

Result<int> consent(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json of, expected(platform, options, options.id));
  return act(context, options, "consent",
             {{"of", of},
              {"terms",
               {{"verifier", options.other},
                {"data", options.data},
                {"purpose", options.purpose},
                {"until_ms", options.until_ms},
                {"most_uses", options.uses}}}});
}

Result<int> use_consent(const Context& context, const Options& options) {
  Json arguments = numbered(options);
  arguments.update({{"data", options.data}, {"purpose", options.purpose}});
  return act(context, options, "use_consent", arguments);
}

// ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────

Result<int> show(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json one, platform.get(identity_path(options, options.id)));
  for (const char* list : {"history", "relations", "acting", "consents"}) {
    ASSIGN(const Json items,
           platform.get(identity_path(options, options.id, "/" + std::string(list) + "?limit=500")));
    one[list] = items.at("items");
  }
  print(context, one, [&] {
    line("{}  {}  {}", shown(one, "id"), shown(one, "kind"), shown(one, "status"));
    line("  版本 version    {}", shown(one, "version"));
    if (one.contains("parent")) line("  上级 parent     {}", shown(one, "parent"));
    for (const Json& key : one["keys"])
      line("  密钥 key        {}  {}", shown(key, "id"), key["purposes"].dump());
    for (const Json& each : one["services"])
      line("  服务 service    {}  {}", shown(each, "name"), shown(each, "endpoint"));
    for (const Json& each : one["relations"])
      line("  授权 relation   {} → {}  {}  {}", shown(each, "number"), shown(each, "other"),
           shown(each, "status"), each["authority"]["scopes"].dump());
    for (const Json& each : one["consents"])
      line("  同意 consent    {} → {}  {}/{}", shown(each, "number"), shown(each["terms"], "verifier"),
           shown(each, "uses"), shown(each["terms"], "most_uses"));
    for (const Json& each : one["history"])
      line("  变更 change     {}  {}  {}  {}", shown(each, "version"), shown(each, "action"),
           shown(each, "height"), shown(each, "why"));
  });
  return kDone;
}

Result<int> find(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  std::string path = chain_path(options, "/identities?limit=100");
  for (const auto& [name, value] :
       {std::pair("key", &options.public_key), {"unique", &options.unique}, {"parent", &options.parent}})
    if (!value->empty()) path += fmt::format("&{}={}", name, percent_encode(*value));
  ASSIGN(const Json answer, platform.get(path));
  print(context, answer, [&] {
    for (const Json& each : answer["items"])
      line("{}  {}  {}", shown(each, "id"), shown(each, "kind"), shown(each, "status"));
    if (answer["items"].empty()) line("没有身份 no identities");
  });
  return kDone;
}

Result<int> list_of(const Context& context, const Options& options, std::string_view what) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, platform.get(chain_path(options, fmt::format("/identity/{}?limit=500", what))));
  print(context, answer, [&] {
    for (const Json& each : answer["items"]) line("{}", visible(each.dump()));
  });
  return kDone;
}

Result<int> stats(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, platform.get(chain_path(options, "/identity/statistics")));
  print(context, answer, [&] {
    const Json& identities = answer["identities"];
    line("身份 identities    {}  (有效 active {})", shown(identities, "total"),
         shown(identities["all"], "active"));
    for (const auto& [kind, count] : identities["kinds"].items())
      line("  {:<14} 有效 active {}  暂停 suspended {}  吊销 revoked {}  注销 deactivated {}", kind,
           shown(count, "active"), shown(count, "suspended"), shown(count, "revoked"),
           shown(count, "deactivated"));
    line("链 chains {}  节点 nodes {}  合约 contracts {}  交易 transactions {}",
         shown(answer["chains"], "count"), shown(answer, "nodes"), shown(answer, "contracts"),
         shown(answer, "transactions"));
  });
  return kDone;
}

// ── Verbs ──────────────────────────────────────────────────────────────────────────────────────────────────

using Work = std::function<Result<int>(const Options&)>;

struct Verbs {
  CLI::App* noun;
  Context& context;
  std::shared_ptr<Options> options = std::make_shared<Options>();

  CLI::App* add(const std::string& name, const std::string& help, Work work) {
    CLI::App* out = noun->add_subcommand(name, help);
    out->callback([this_options = options, &context = context, work = std::move(work)] {
      run(context, [&] { return work(*this_options); });
    });
    out->add_option("--chain", options->chain, "链,默认 default · chain");
    return out;
  }
  CLI::App* signed_by(CLI::App* verb) {
    verb->add_option("--key", options->key,
                     "用户密钥名,以其签名;否则用平台账户 · a key of yours; default: the platform's account");
    return verb;
  }
  CLI::App* of_one(CLI::App* verb, const char* help = "身份 · identity") {
    verb->add_option("id", options->id, help)->required();
    return verb;
  }
  CLI::App* with_other(CLI::App* verb, const char* help) {
    verb->add_option("other", options->other, help)->required();
    return verb;
  }
  CLI::App* with_number(CLI::App* verb) {
    of_one(verb)->add_option("number", options->number, "编号 · number")->required();
    return verb;
  }
};

void add_registrars(Verbs& verbs) {
  auto& context = verbs.context;
  auto* set = verbs.add("registrar", "任命登记员;无权限则免去 · name a registrar; without rights: dismiss it",
                        [&](const Options& o) { return set_registrar(context, o); });
  set->add_option(
      "id", verbs.options->id,
      "登记员账户的密钥标识;不写则为本平台的账户,默认全部权限 · key id of the registrar's account; "
      "without it this platform's own, with all rights");
  verbs.signed_by(set);
  set->add_option("--rights", verbs.options->rights,
                  fmt::format("权限,逗号分隔 · {}", fmt::join(kRights, ",")))
      ->delimiter(',');
  set->add_option("--kinds", verbs.options->kinds,
                  fmt::format("身份种类,逗号分隔 · {}", fmt::join(kKinds, ",")))
      ->delimiter(',');
  verbs.add("registrars", "登记员 · registrars",
            [&](const Options& o) { return list_of(context, o, "registrars"); });
  auto* enrolling = verbs.add("register", "登记身份 · enrol an identity",
                              [&](const Options& o) { return enrol(context, o); });
  enrolling->add_option("--kind", verbs.options->kind, "种类,默认 natural · kind");
  enrolling->add_option("--new", verbs.options->new_key, "用户密钥名 · name of a key of yours");
  enrolling->add_option("--public-key", verbs.options->public_key, "公钥(130 位十六进制)· public key");
  enrolling->add_option("--parent", verbs.options->parent, "上级组织 · parent organisation");
  enrolling->add_option("--unique", verbs.options->unique,
                        "唯一标记(64 位十六进制)· a mark that nobody else may have");
  enrolling->add_option("--file", verbs.options->file,
                        "批量登记的 JSON 文件,最多 500 个 · a file with up to 500");
  const std::pair<const char*, const char*> moves[] = {
      {"suspend", "暂停,下一区块起生效 · suspend, from the next block on"},
      {"restore", "恢复 · restore"},
      {"revoke", "吊销,不可恢复 · revoke, for ever"},
      {"deactivate", "本人注销 · give it up oneself"}};
  for (const auto& [name, help] : moves) {
    auto* verb =
        verbs.signed_by(verbs.add(name, help, [&context, method = std::string(name)](const Options& o) {
          return move(context, o, method);
        }));
    verb->add_option("ids", verbs.options->ids, "身份 · identities")->required();
    verb->add_option("--why", verbs.options->why, "理由 · why");
  }
}

void add_keys(Verbs& verbs) {
  auto& context = verbs.context;
  const auto with_new = [&](CLI::App* verb) {
    verb->add_option("--new", verbs.options->new_key, "新密钥名 · name of the new key")->required();
    return verb;
  };
  const auto with_recovery = [&](CLI::App* verb) {
    verb->add_option("--recovery", verbs.options->recovery, "恢复密钥名 · name of the recovery key");
    return verb;
  };
  auto* rotating = with_new(
      verbs.of_one(verbs.signed_by(verbs.add("rotate", "更换密钥 · take a new key in place of one",
                                             [&](const Options& o) { return rotate(context, o); }))));
  rotating->get_option("--key")->required();
  rotating->add_flag("--keep", verbs.options->keep, "保留旧密钥 · keep the old one too");
  with_recovery(
      verbs.of_one(verbs.signed_by(verbs.add("recovery", "设置如何恢复 · how it may be recovered",
                                             [&](const Options& o) { return set_recovery(context, o); }))))
      ->add_option("--registrars", verbs.options->registrars,
                   "须同意的登记员数 · registrars that must agree");
  with_recovery(with_new(verbs.of_one(
      verbs.signed_by(verbs.add("recover", "密钥丢失后恢复 · recover it after its keys were lost",
                                [&](const Options& o) { return recover(context, o); })))));
}

void add_relations(Verbs& verbs) {
  auto& context = verbs.context;
  auto* granting = verbs.with_other(
      verbs.of_one(verbs.signed_by(verbs.add("grant", "授权另一身份代为办事 · let another act for it",
                                             [&](const Options& o) { return grant(context, o); }))),
      "被授权的身份 · who may act");
  granting->add_option("--scope", verbs.options->scopes, "事项,如 tax.file、tax.*、* · matters")->required();
  granting->add_option("--as", verbs.options->relation,
                       "legal_representative, agent, employee, member, delegate");
  granting->add_option("--limit", verbs.options->limit, "每次金额上限 · most units of one act");
  granting->add_flag("--unlimited", verbs.options->unlimited, "不限金额 · no limit");
  granting->add_option("--until-ms", verbs.options->not_after_ms, "截止时间(毫秒)· last moment");
  verbs.with_number(
      verbs.signed_by(verbs.add("accept", "接受授权 · accept an authority",
                                [&](const Options& o) { return act(context, o, "accept", numbered(o)); })));
  verbs.with_number(verbs.signed_by(verbs.add("end", "终止授权 · end an authority", [&](const Options& o) {
    return act(context, o, "end", numbered(o));
  })));
  auto* asking = verbs.with_other(verbs.of_one(verbs.add("may", "能否代为办理 · may it act for another",
                                                         [&](const Options& o) { return may(context, o); })),
                                  "被代表的身份 · for whom");
  asking->add_option("scope", verbs.options->scope, "事项 · matter")->required();
  asking->add_option("--amount", verbs.options->amount, "金额 · units");
}

void add_consents(Verbs& verbs) {
  auto& context = verbs.context;
  const auto with_use = [&](CLI::App* verb) {
    verb->add_option("--data", verbs.options->data, "数据项 · data")->required();
    verb->add_option("--purpose", verbs.options->purpose, "用途 · purpose")->required();
    return verb;
  };
  auto* giving = with_use(verbs.with_other(
      verbs.of_one(verbs.signed_by(verbs.add("consent", "同意他人使用数据 · consent to the use of data",
                                             [&](const Options& o) { return consent(context, o); }))),
      "使用者 · who uses them"));
  giving->add_option("--until-ms", verbs.options->until_ms, "截止时间(毫秒)· last moment")->required();
  giving->add_option("--uses", verbs.options->uses, "最多次数,默认不限 · how often at most");
  with_use(verbs.with_number(
      verbs.signed_by(verbs.add("use-consent", "按同意使用一次数据 · use data under a consent",
                                [&](const Options& o) { return use_consent(context, o); }))));
  verbs.with_number(
      verbs.signed_by(verbs.add("revoke-consent", "撤回同意 · take a consent back", [&](const Options& o) {
        return act(context, o, "revoke_consent", numbered(o));
      })));
}

}  // namespace

void add_identity(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("identity", "身份 · identities");
  noun->require_subcommand(1);
  auto verbs = std::make_shared<Verbs>(Verbs{noun, context});
  add_registrars(*verbs);
  add_identity_directory(*noun, context);
  add_keys(*verbs);
  add_relations(*verbs);
  add_consents(*verbs);
  verbs->of_one(verbs->add("show", "身份的状态、密钥、授权与历史 · all about one",
                           [&](const Options& o) { return show(context, o); }));
  auto* finding = verbs->add("find", "按密钥、标记或上级查找 · find by key, mark or parent",
                             [&](const Options& o) { return find(context, o); });
  finding->add_option("--key-id", verbs->options->public_key, "密钥标识 · key id");
  finding->add_option("--unique", verbs->options->unique, "唯一标记 · mark");
  finding->add_option("--parent", verbs->options->parent, "上级组织 · parent");
  verbs->add("orders", "匿名还原令 · orders to tell who a pseudonym is",
             [&](const Options& o) { return list_of(context, o, "orders"); });
  verbs->add("stats", "数量统计 · figures", [&](const Options& o) { return stats(context, o); });
  auto* any = verbs->signed_by(verbs->add("act", "调用身份合约的任一方法 · call any method of the contract",
                                          [&](const Options& o) -> Result<int> {
                                            ASSIGN(const Json arguments, parse_json(o.arguments));
                                            return act(context, o, o.method, arguments);
                                          }));
  any->add_option("method", verbs->options->method, "方法 · method")->required();
  any->add_option("--args", verbs->options->arguments, "参数(JSON)· arguments")->required();
}

}  // namespace chengxin::app
