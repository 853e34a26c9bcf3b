#include "base/clock.h"
#include "base/percent.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "directory/pseudonyms.h"
#include "identity/calls.h"
#include "identity_commands.h"
#include "job.h"
#include "keys/own_keys.h"
#include "user_key.h"

// Verbs of identity that hold what is not on the chain: a directory's entries, personal data, the key of
// pseudonyms.
namespace chengxin::app {
namespace {

struct Options {
  std::string chain = "default", source = "directory", id, purpose, key, scene, manager, plan;
  std::vector<std::string> fields, people;
  fs::path file;
  uint64_t number = 0;
};

std::string shown(const Json& json, const char* member) {
  const auto found = json.find(member);
  if (found == json.end()) return {};
  return found->is_string() ? visible(found->get<std::string>()) : found->dump();
}

std::string jobs_of(const Options& options) {
  return "/api/v1/chains/" + percent_encode(options.chain) + "/identity/jobs";
}

// ── Directory ──────────────────────────────────────────────────────────────────────────────────────────────

void print_plan(const Json& plan, bool applied) {
  line("{}  {}", applied ? "已执行 applied" : "差异 differences", shown(plan, "total"));
  for (const auto& [action, count] : plan["counts"].items()) line("  {:<10} {}", action, count.dump());
  for (const Json& each : plan["differences"])
    line("  {:<10} {}  {}", shown(each, "action"), shown(each, "external"), shown(each, "why"));
  if (!applied) line("  方案 plan  {}   执行 to apply: --apply {}", shown(plan, "plan"), shown(plan, "plan"));
}

Result<int> sync(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  Json arguments = {{"source", options.source}, {"file", fs::absolute(options.file).string()}};
  const bool applied = !options.plan.empty();
  if (applied) arguments["plan"] = options.plan;
  ASSIGN(const Json answer,
         run_job(platform, applied ? "apply" : "plan", arguments, "同步 synchronising", jobs_of(options)));
  print(context, answer, [&] { print_plan(answer, applied); });
  return kDone;
}

// ── Personal data ──────────────────────────────────────────────────────────────────────────────────────────

Result<Json> opened(const Context& context, const Options& options, const Json& answer) {
  if (answer.at("masked").get<bool>()) return answer;
  ASSIGN(const auto key, named_key(context, options.key));
  ASSIGN(const Bytes sealed, unbase64(answer.at("sealed").get<std::string>()));
  ASSIGN(const Bytes plain, key.decrypt(sealed));
  ASSIGN(Json out, parse_json(text(plain)));
  out["masked"] = false;
  return out;
}

Result<int> personal(const Context& context, const Options& options) {
  Json arguments = {{"identity", options.id}, {"purpose", options.purpose}};
  if (!options.fields.empty()) arguments["fields"] = options.fields;
  if (!options.key.empty()) {
    ASSIGN(const Bytes point, user_key_file(context, options.key, ".pub"));
    arguments["public_key"] = to_string(point);
  }
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, run_job(platform, "personal", arguments, "读取 reading", jobs_of(options)));
  ASSIGN(const Json out, opened(context, options, answer));
  print(context, out, [&] {
    for (const auto& [name, value] : out["data"].items())
      line("{:<16} {}", visible(name), visible(value.get<std::string>()));
  });
  return kDone;
}

Result<int> simple_job(const Context& context, const Options& options, const char* kind) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer, run_job(platform, kind, {{"identity", options.id}}, kind, jobs_of(options)));
  print(context, answer, [&] { line("{}", visible(answer.dump())); });
  return kDone;
}

// ── Pseudonyms ─────────────────────────────────────────────────────────────────────────────────────────────

constexpr size_t kManagerBytes = 32;

std::string manager_name(const Options& options) { return "user/" + options.manager + ".cid"; }

Result<int> make_manager(const Context& context, const Options& options) {
  TRY(check_key_name(options.manager));
  keys::OwnKeys keys(context.data);
  if (Status made = keys.make_secret(manager_name(options), kManagerBytes); !made) {
    if (made.error().reason == "keys.exists")
      return fail(Code::conflict, "key.exists", "{}", options.manager);
    return tl::unexpected(made.error());
  }
  print(context, {{"manager", options.manager}},
        [&] { line("已生成管理密钥 manager's key made: {}", options.manager); });
  return kDone;
}

Result<directory::PseudonymManager> manager_of(const Context& context, const Options& options) {
  TRY(check_key_name(options.manager));
  keys::OwnKeys keys(context.data);
  if (!keys.has_secret(manager_name(options)))
    return fail(Code::not_found, "file.not_found", "keys/{}", manager_name(options));
  ASSIGN(const auto secret, keys.secret(manager_name(options), kManagerBytes));
  return directory::PseudonymManager(secret);
}

Result<Json> send(client::Client& platform, const Options& options, std::string_view method,
                  const Json& arguments) {
  return platform.post(
      "/api/v1/chains/" + percent_encode(options.chain) + "/identity/acts/" + std::string(method), arguments,
      {{"Idempotency-Key", hex(crypto::random_bytes(16))}});
}

Result<int> register_pseudonyms(const Context& context, const Options& options) {
  ASSIGN(const auto manager, manager_of(context, options));
  identity::RegisterPseudonyms call{options.scene, {}};
  for (const std::string& person : options.people)
    call.pseudonyms.push_back(manager.derive(options.scene, person));
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json answer, send(platform, options, "register_pseudonyms", identity::to_json(call)));
  answer["pseudonyms"] = Json::array();
  for (const auto& each : call.pseudonyms) answer["pseudonyms"].push_back(hex(each.pseudonym));
  print(context, answer, [&] {
    for (const Json& each : answer["pseudonyms"]) line("匿名标识 pseudonym  {}", each.get<std::string>());
  });
  return kDone;
}

Result<int> propose_order(const Context& context, const Options& options) {
  ASSIGN(const Bytes grounds, read_file(options.file, 64 << 20));
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json answer,
         send(platform, options, "propose_order",
              {{"scene", options.scene}, {"pseudonym", options.id}, {"grounds", hex(crypto::sm3(grounds))}}));
  print(context, answer, [&] { line("还原令编号 order {}", shown(answer, "number")); });
  return kDone;
}

// Only under an order that somebody else approved; that it was carried out stands on the chain before anybody
// is named.
Result<int> reveal(const Context& context, const Options& options) {
  ASSIGN(const auto manager, manager_of(context, options));
  ASSIGN(auto platform, context.connect());
  const std::string path =
      fmt::format("/api/v1/chains/{}/identity/orders?limit=500", percent_encode(options.chain));
  ASSIGN(const Json orders, platform.get(path));
  Json order;
  for (const Json& each : orders.at("items"))
    if (each.at("number") == options.number) order = each;
  if (order.is_null()) return fail(Code::not_found, "identity.no_order");
  if (order.at("status") != "approved") return fail(Code::conflict, "identity.order_not_approved");
  ASSIGN(const Digest pseudonym, unhex_digest(order.at("pseudonym").get<std::string>()));
  for (const std::string& person : options.people) {
    if (!manager.is_of(order.at("scene").get<std::string>(), pseudonym, person)) continue;
    const Bytes salt = crypto::random_bytes(16);
    TRY(send(platform, options, "execute_order",
             {{"number", options.number}, {"outcome", hex(crypto::sm3({ByteView(salt), view(person)}))}}));
    const Json out = {{"person", person}, {"salt", hex(salt)}, {"number", options.number}};
    print(context, out, [&] { line("{}", visible(person)); });
    return kDone;
  }
  return fail(Code::not_found, "directory.nobody");
}

using Work = std::function<Result<int>(const Options&)>;

}  // namespace

void add_identity_directory(CLI::App& identity, Context& context) {
  const auto options = std::make_shared<Options>();
  const auto add = [&](CLI::App* noun, const char* name, const char* help, Work work) {
    CLI::App* out = noun->add_subcommand(name, help);
    out->callback(
        [options, &context, work = std::move(work)] { run(context, [&] { return work(*options); }); });
    out->add_option("--chain", options->chain, "链,默认 default · chain");
    return out;
  };
  auto* syncing =
      add(&identity, "sync",
          "与人员组织目录同步:先列差异,再执行 · bring into step with a directory: plan, then apply",
          [&context](const Options& o) { return sync(context, o); });
  syncing->add_option("file", options->file, "目录文件 CSV 或 JSON · the directory's file")->required();
  syncing->add_option("--source", options->source, "目录名 · name of the directory");
  syncing->add_option("--apply", options->plan, "执行所同意的方案 · apply this plan");
  const auto of_one = [&](CLI::App* verb) {
    verb->add_option("id", options->id, "身份 · identity")->required();
    return verb;
  };
  auto* reading =
      of_one(add(&identity, "personal", "读取个人数据,默认掩码 · personal data, masked by default",
                 [&context](const Options& o) { return personal(context, o); }));
  reading->add_option("--purpose", options->purpose, "用途,记入日志 · what for; it is noted")->required();
  reading->add_option("--field", options->fields, "字段 · fields");
  reading->add_option("--key", options->key,
                      "以此密钥加密返回全文 · all of it, encrypted for this key of yours");
  of_one(add(&identity, "looks", "谁读取过个人数据 · who looked at personal data",
             [&context](const Options& o) { return simple_job(context, o, "looks"); }));
  of_one(add(&identity, "erase",
             "删除个人数据,链上承诺随之失去意义 · erase personal data; the commitment then says nothing",
             [&context](const Options& o) { return simple_job(context, o, "erase"); }));

  CLI::App* cid = identity.add_subcommand("cid", "可控匿名标识 · pseudonyms by scene");
  cid->require_subcommand(1);
  const auto managed = [&](CLI::App* verb) {
    verb->add_option("--manager", options->manager, "管理密钥名 · name of the manager's key")->required();
    return verb;
  };
  const auto in_scene = [&](CLI::App* verb) {
    verb->add_option("--scene", options->scene, "场景 · scene")->required();
    return verb;
  };
  managed(add(cid, "create", "生成管理密钥 · make a manager's key",
              [&context](const Options& o) { return make_manager(context, o); }));
  in_scene(managed(add(cid, "register", "为人员登记场景中的匿名标识 · pseudonyms of people in a scene",
                       [&context](const Options& o) { return register_pseudonyms(context, o); })))
      ->add_option("people", options->people, "人员标识 · identifiers of people")
      ->required();
  of_one(in_scene(add(cid, "order", "申请还原一个匿名标识 · ask who a pseudonym is",
                      [&context](const Options& o) { return propose_order(context, o); })))
      ->add_option("--grounds", options->file, "申请文书 · the document that asks for it")
      ->required();
  auto* revealing =
      managed(add(cid, "reveal", "按已批准的还原令还原 · tell who it is, under an approved order",
                  [&context](const Options& o) { return reveal(context, o); }));
  revealing->add_option("number", options->number, "还原令编号 · number of the order")->required();
  revealing->add_option("people", options->people, "可能的人员标识 · identifiers of people it may be")
      ->required();
}

}  // namespace chengxin::app
