#include "user_sync.h"
#include "base/percent.h"
#include "user_policy.h"

// Bringing accounts, roles and chains into step with the export of a chain-management system
// (docs/formats/access-export.md). The platform says what differs; who carries it out are two people.
namespace chengxin::app {
namespace {

constexpr size_t kMostBytes = 16 << 20;

struct Options {
  fs::path file;
  std::string key, why, plan;
  bool apply = false, propose = false;
};

struct Compared {
  Json exported, accounts;
  Json policy;  // null: not for the caller to see
};

Result<Compared> compare(client::Client& platform, const fs::path& file) {
  ASSIGN(const Bytes bytes, read_file(file, kMostBytes));
  Compared out;
  ASSIGN(out.exported, parse_json(text(bytes), {.max_bytes = kMostBytes}));
  ASSIGN(out.accounts, platform.post("/api/v1/users/comparison", out.exported));
  auto policy = platform.post("/api/v1/access/comparison", out.exported);
  if (policy) out.policy = std::move(*policy);
  if (!policy && policy.error().reason != "access.not_allowed") return tl::unexpected(policy.error());
  return out;
}

void print_part(const char* title, const Json& part, const char* step) {
  if (part.at("differences").empty()) return line("{}: 无差异 no differences", title);
  line("{}: {}", title, part["differences"].size());
  for (const Json& one : part["differences"])
    line("  {:<20} {}  {}", one.at("change").get<std::string>(), visible(one.at("what").get<std::string>()),
         visible(one.value("detail", "")));
  line("  方案 plan {}   {}", part.at("plan").get<std::string>(), step);
}

Result<int> show(const Context& context, const Compared& found) {
  print(context, {{"accounts", found.accounts}, {"policy", found.policy}}, [&] {
    print_part("账户与链 accounts and chains", found.accounts, "系统管理员 system administrator: --apply");
    if (found.policy.is_null())
      line("权限策略 policy: 由安全管理员查看 for the security administrator to see");
    else
      print_part("权限策略 policy", found.policy, "安全管理员 security administrator: --propose --key …");
    for (const Json& note : found.accounts.at("notes")) line("  {}", visible(note.get<std::string>()));
  });
  return kDone;
}

Status agreed(const Options& options, const Json& part) {
  if (options.plan.empty() || options.plan == part.at("plan")) return {};
  return fail(Code::conflict, "access.sync_changed");
}

Result<Json> carry_out(client::Client& platform, const Json& exported, const Json& one) {
  const std::string change = one.at("change"), what = one.at("what");
  if (change == "account-lock") {
    const std::string path = "/api/v1/users/" + percent_encode(one.at("account").get<std::string>());
    ASSIGN(const auto answer, platform.send("POST", path + "/lock"));
    return parse_json(answer.body);
  }
  if (change == "account-add")
    return platform.post("/api/v1/users",
                         {{"name", what}, {"service", one.value("detail", "") == "service"}});
  Json chain = {{"name", what}};
  for (const Json& each : exported.at("chains"))
    if (each.at("name") == what && each.contains("accounts")) chain["accounts"] = each["accounts"];
  return platform.post("/api/v1/chains", chain);
}

// Each by itself: what was refused does not keep the others from being done, and the next time it is all that
// is left.
Result<int> apply(const Context& context, const Options& options, client::Client& platform,
                  const Compared& found) {
  TRY(agreed(options, found.accounts));
  Json items = Json::array();
  bool whole = true;
  for (Json one : found.accounts.at("differences")) {
    auto done = carry_out(platform, found.exported, one);
    if (done && done->contains("password")) one["password"] = (*done)["password"];
    if (!done) one["reason"] = done.error().reason;
    whole = whole && done;
    items.push_back(std::move(one));
  }
  print(context, {{"done", items}}, [&] {
    for (const Json& one : items)
      line("{:<14} {}  {}", one.at("change").get<std::string>(), visible(one.at("what").get<std::string>()),
           one.contains("reason")     ? "未完成 not done: " + one["reason"].get<std::string>()
           : one.contains("password") ? "临时口令 temporary password: " + one["password"].get<std::string>()
                                      : std::string());
    if (items.empty()) line("无差异 no differences");
  });
  return whole ? kDone : kPartly;
}

Result<int> propose(const Context& context, const Options& options, client::Client& platform,
                    const Compared& found) {
  if (found.policy.is_null()) return fail(Code::forbidden, "access.not_allowed");
  TRY(agreed(options, found.policy));
  if (found.policy.at("accounts_first") == true) return fail(Code::conflict, "access.sync_accounts_first");
  if (!found.policy.contains("document")) return show(context, found);
  const Json& document = found.policy["document"];
  ASSIGN(const auto key, user_key(context, options.key));
  // The platform made the document: what is signed is told from the document itself.
  ASSIGN(const auto changes, changes_of(platform, document));
  if (!context.json) print_changes(changes);
  ASSIGN(const std::string signature, sign_policy(key, "propose", document));
  const std::string why =
      options.why.empty() ? "sync " + found.exported.at("source").get<std::string>() : options.why;
  ASSIGN(Json done, platform.post("/api/v1/access/proposals",
                                  {{"document", document}, {"signature", signature}, {"why", why}}));
  done["differences"] = found.policy["differences"];
  print(context, done, [&] {
    print_part("已提出 proposed", found.policy, "");
    line("由另一位管理员批准 another administrator approves: chengxin user approve {} --key …",
         done.at("id").get<std::string>());
  });
  return kDone;
}

Result<int> sync(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Compared found, compare(platform, options.file));
  if (options.apply) return apply(context, options, platform, found);
  if (options.propose) return propose(context, options, platform, found);
  return show(context, found);
}

}  // namespace

void add_user_sync(CLI::App& user, Context& context) {
  auto options = std::make_shared<Options>();
  auto* one = user.add_subcommand(
      "sync",
      "与链管系统的导出同步:先列差异,再分两步由两人执行 · into step with a chain-management system's export: "
      "differences, then two steps by two people");
  one->add_option("file", options->file, "导出文件 JSON · the export")->required();
  auto* apply = one->add_flag("--apply", options->apply,
                              "系统管理员:建账户与链,停用离任者 · add accounts and chains, lock who left");
  auto* propose = one->add_flag("--propose", options->propose,
                                "安全管理员:提出相应的权限策略 · propose the policy that follows");
  propose->excludes(apply);
  auto* key = one->add_option("--key", options->key, "本人的密钥 · one's key")->needs(propose);
  propose->needs(key);
  one->add_option("--why", options->why, "理由 · why")->needs(propose);
  one->add_option("--plan", options->plan, "仅当仍是此方案 · only if this is still the plan");
  one->callback([=, &context] { run(context, [&] { return sync(context, *options); }); });
}

}  // namespace chengxin::app
