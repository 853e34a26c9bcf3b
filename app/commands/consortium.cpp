#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"
#include "format/header.h"
#include "format/protocol.h"

// Organisations that run chains together: a client of /api/v1/consortium (docs/consortium.md).
namespace chengxin::app {
namespace {

const std::string kBase = "/api/v1/consortium";

struct Options {
  std::string chain = "home", organisation, title, node, address, role = "observer", why, name, id, rule;
  fs::path file;
  int64_t days = 7, weight = 1, watch_s = 0;
  uint64_t number = 0, version = 0, height = 0;
  uint32_t protocol = format::kNewestProtocol;
  std::string answer;
  std::vector<std::string> serials, roles, without;
};

std::string on_chain(const std::string& path, const Options& options) {
  return kBase + path + "?chain=" + percent_encode(options.chain);
}

std::string text_of(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? visible(json[name].get<std::string>()) : "";
}

Result<Json> json_of(Result<client::Response> response) {
  if (!response) return tl::unexpected(response.error());
  return parse_json(response->body);
}

// Without a body: what the platform refuses is a body where none is taken.
Result<Json> bare(client::Client& platform, const char* method, const std::string& path) {
  return json_of(platform.send(method, path));
}

Result<int> shown(const Context& context, Result<Json> answer,
                  const std::function<void(const Json&)>& lines) {
  if (!answer) return tl::unexpected(answer.error());
  print(context, *answer, [&] { lines(*answer); });
  return kDone;
}

void print_identity(const Json& identity) {
  line("机构 organisation  {} ({})", text_of(identity, "organisation"), text_of(identity, "title"));
  line("节点 node          {}  {}", text_of(identity, "node"), text_of(identity, "address"));
  line("公钥 key           {}", text_of(identity, "key"));
  line("治理 governs       {}", identity.value("governs", false) ? "是 yes" : "否 no");
  line("证书到期 until     {}", format_time(identity.value("certificate_until_ms", int64_t(0))));
  for (const Json& chain : identity.at("chains"))
    line("链 chain           {}  {}", text_of(chain, "name"), text_of(chain, "id"));
}

void print_outcome(const Json& outcome) {
  line("提案 proposal {}: {}", outcome.value("proposal", uint64_t(0)), text_of(outcome, "state"));
  for (const Json& warning : outcome.value("warnings", Json::array())) {
    const std::string reason = text_of(warning, "reason");
    line("  ! {}", texts::reason(reason, texts::Language::zh));
    line("    {} {}", texts::reason(reason, texts::Language::en), text_of(warning, "detail"));
  }
}

Result<int> propose(const Context& context, const Options& options, Json action) {
  ASSIGN(auto platform, context.connect());
  Json body = {{"actions", Json::array({std::move(action)})}};
  if (!options.why.empty()) body["why"] = options.why;
  return shown(context, platform.post(on_chain("/proposals", options), body), print_outcome);
}

Result<int> init(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context,
               platform.post(kBase, {{"organisation", options.organisation},
                                     {"title", options.title.empty() ? options.organisation : options.title},
                                     {"node", options.node},
                                     {"address", options.address},
                                     {"chain", options.chain},
                                     {"protocol", options.protocol}}),
               [&](const Json& identity) {
                 print_identity(identity);
                 line("下一步 next: chengxin consortium invite --organisation NAME --out FILE");
               });
}

Result<int> identity(const Context& context) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(kBase), print_identity);
}

Result<int> show(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(on_chain("/members", options)), [](const Json& answer) {
    const Json& consortium = answer.at("consortium");
    line("{}  高度 height {}  规则 rule {} ({} 票 votes)  协议 protocol {}", text_of(answer, "chain"),
         answer.at("height").get<uint64_t>(), text_of(consortium, "approval"),
         answer.at("votes_needed").get<uint64_t>(), answer.at("protocol").at("version").get<uint64_t>());
    for (const Json& each : consortium.at("organisations")) {
      line("机构 {:<20} {}", text_of(each, "name"), text_of(each, "title"));
      for (const Json& node : consortium.at("nodes"))
        if (node.at("organisation") == each.at("name"))
          line("  节点 {:<18} {:<9} 权重 weight {:<4} {}", text_of(node, "name"), text_of(node, "role"),
               node.at("weight").get<uint64_t>(), text_of(node, "address"));
    }
    for (const Json& each : answer.at("revocations"))
      line("已吊销 revoked {:<18} {}", text_of(each, "node"), text_of(each, "why"));
  });
}

void print_nodes(const Json& answer) {
  line("{:<16} {:<16} {:<9} {:>9} {:>9} {:>9} {:>5} {:>5} {:>6} {:>8}  {:<8} {}", "节点 node", "机构 org",
       "role", "height", "certified", "engine", "round", "peers", "lag", "clock ms", "version", "证书 until");
  for (const Json& row : answer.at("items")) {
    if (row.at("reached") != true) {
      line("{:<16} {:<16} {:<9} ✗ {} {}", text_of(row, "node"), text_of(row, "organisation"),
           text_of(row, "role"), texts::reason(text_of(row, "reason"), texts::Language::zh),
           text_of(row, "detail"));
      continue;
    }
    line("{:<16} {:<16} {:<9} {:>9} {:>9} {:>9} {:>5} {:>5} {:>6} {:>8}  {:<8} {}", text_of(row, "node"),
         text_of(row, "organisation"), text_of(row, "role"), row.value("height", uint64_t(0)),
         row.value("certified_height", uint64_t(0)), row.value("engine_height", uint64_t(0)),
         row.value("round", 0), row.value("peers", 0), row.value("lag", uint64_t(0)),
         row.value("clock_ahead_ms", int64_t(0)), text_of(row, "version"),
         format_time(row.value("certificate_until_ms", int64_t(0))).substr(0, 10));
  }
}

Result<int> status(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  while (true) {
    auto answer = platform.get(on_chain("/nodes", options));
    if (!answer) return tl::unexpected(answer.error());
    if (options.watch_s > 0 && !context.json) std::printf("\033[H\033[2J");
    print(context, *answer, [&] { print_nodes(*answer); });
    if (options.watch_s <= 0) return kDone;
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(options.watch_s));
  }
}

Result<int> proposals(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(on_chain("/proposals", options)), [](const Json& answer) {
    for (const Json& each : answer.at("items")) {
      size_t yes = 0, no = 0;
      for (const Json& vote : each.at("votes")) ++(vote.at("yes") == true ? yes : no);
      line("{:>4}  {:<9}  赞成 yes {} / {}  反对 no {}  {}  {}", each.at("number").get<uint64_t>(),
           text_of(each, "state"), yes, answer.at("votes_needed").get<uint64_t>(), no,
           text_of(each, "organisation"), visible(each.at("what").at("why").get<std::string>()));
      for (Json action : each.at("what").at("actions")) {
        const std::string name = text_of(action, "action");
        action.erase("action");
        for (const char* part : {"organisation", "node"})  // what people read, without certificates and keys
          if (action.contains(part) && action[part].is_object())
            action[part] = {{"name", action[part]["name"]}, {"title", action[part].value("title", "")}};
        line("        {} {}", name, visible(action.dump()));
      }
      if (each.at("state") == "open")
        line("        截止 until {}", format_time(each.at("until_ms").get<int64_t>()));
      if (!text_of(each, "reason").empty())
        line("        {}", texts::reason(text_of(each, "reason"), texts::Language::zh));
    }
    if (answer.at("items").empty()) line("没有提案 no proposals");
  });
}

Result<int> vote(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context,
               platform.post(on_chain(fmt::format("/proposals/{}/votes", options.number), options),
                             {{"yes", options.answer == "yes"}}),
               print_outcome);
}

Result<int> withdraw(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context,
               bare(platform, "DELETE", on_chain(fmt::format("/proposals/{}", options.number), options)),
               print_outcome);
}

Result<int> invite(const Context& context, const Options& options, bool further_node) {
  ASSIGN(auto platform, context.connect());
  std::string organisation = options.organisation;
  if (further_node) {
    ASSIGN(Json own, platform.get(kBase));
    organisation = own.at("organisation").get<std::string>();
  }
  ASSIGN(Json answer, platform.post(kBase + "/invitations", {{"organisation", organisation},
                                                             {"chain", options.chain},
                                                             {"valid_ms", options.days * 24 * 3600 * 1000}}));
  std::error_code error;
  if (fs::exists(options.file, error))
    return fail(Code::conflict, "file.exists", "{}", options.file.string());
  TRY(write_durable(options.file, view(answer.at("invitation").dump(2) + "\n"), 0600));
  answer.erase("invitation");
  answer["file"] = options.file.string();
  print(context, answer, [&] {
    line("邀请已写入 invitation written: {}", options.file.string());
    line("  有效至 until {}", format_time(answer.at("expires_ms").get<int64_t>()));
    line("  内含一次性密钥,请经安全渠道交付 it holds a one-time key: hand it over safely");
    line("  对方执行 they run: chengxin consortium join FILE --node NAME --address HOST:PORT");
  });
  return kDone;
}

Result<int> invitations(const Context& context) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(kBase + "/invitations"), [](const Json& answer) {
    for (const Json& each : answer.at("items"))
      line("{}  {:<10} {:<16} {:<12} {} {}", text_of(each, "id"), text_of(each, "state"),
           text_of(each, "organisation"), text_of(each, "chain"),
           format_time(each.at("expires_ms").get<int64_t>()), text_of(each, "node"));
  });
}

void print_joining(const Json& joining) {
  line("链 chain {}  {}  提案 proposal {}", text_of(joining, "name"), text_of(joining, "state"),
       joining.value("proposal", uint64_t(0)));
  if (const std::string trouble = text_of(joining, "trouble"); !trouble.empty())
    line("  {} {}", texts::reason(trouble, texts::Language::zh), texts::reason(trouble, texts::Language::en));
}

Result<int> join(const Context& context, const Options& options) {
  ASSIGN(Bytes bytes, read_file(options.file, 4 << 20));
  ASSIGN(Json invitation, parse_json(text(bytes), {4 << 20, 32}));
  ASSIGN(auto platform, context.connect());
  Json body = {{"invitation", std::move(invitation)}, {"role", options.role}, {"weight", options.weight}};
  for (const auto& [name, value] :
       {std::pair("node", options.node), {"address", options.address}, {"title", options.title}})
    if (!value.empty()) body[name] = value;
  return shown(context, platform.post(kBase + "/joinings", body), print_joining);
}

Result<int> joinings(const Context& context) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(kBase + "/joinings"), [](const Json& answer) {
    for (const Json& each : answer.at("items")) print_joining(each);
    if (answer.at("items").empty()) line("没有正在进行的加入 nothing is being joined");
  });
}

Result<int> offers(const Context& context) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.get(kBase + "/offers"), [](const Json& answer) {
    for (const Json& each : answer.at("items")) print_offer(each);
    if (answer.at("items").empty()) line("没有共建提议 no offers");
  });
}

Result<int> answer_offer(const Context& context, const Options& options, bool yes) {
  ASSIGN(auto platform, context.connect());
  const std::string path = kBase + "/offers/" + percent_encode(options.name);
  return shown(context, yes ? bare(platform, "POST", path + "/acceptance") : bare(platform, "DELETE", path),
               print_offer);
}

void print_rotated(const Json& answer) {
  for (const Json& each : answer.at("items"))
    line("{:<16} {}", text_of(each, "chain"),
         each.contains("reason") ? text_of(each, "reason")
         : each.contains("proposal")
             ? fmt::format("提案 proposal {} {}", each["proposal"].get<uint64_t>(), text_of(each, "state"))
             : text_of(each, "state"));
}

Result<int> rotate(const Context& context, const char* what) {
  ASSIGN(auto platform, context.connect());
  return shown(context, bare(platform, "POST", kBase + "/keys/" + what), print_rotated);
}

Result<int> replace_root(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.post(kBase + "/keys/root", {{"without", options.without}}),
               [](const Json& answer) {
                 print_rotated(answer);
                 for (const Json& name : answer.at("without"))
                   line(
                       "  ! {} 未获新根证书,须移除或手动交给 has no certificates of it: remove it, or bring "
                       "them by hand",
                       visible(name.get<std::string>()));
               });
}

Result<int> renew(const Context& context) {
  ASSIGN(auto platform, context.connect());
  return shown(context, bare(platform, "POST", kBase + "/certificates"), print_identity);
}

Result<int> revoke_certificates(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  return shown(context, platform.post(kBase + "/certificates/revocations", {{"serials", options.serials}}),
               [](const Json& answer) {
                 line("吊销列表现有 revoked in all: {}", answer.at("revoked").get<uint64_t>());
                 for (const Json& each : answer.at("published"))
                   line("  {:<16} {}", text_of(each, "chain"),
                        text_of(each, "reason").empty() ? "已公布 published" : text_of(each, "reason"));
               });
}

// The verbs below a noun, each with its options.
struct Nouns {
  Context& context;
  std::shared_ptr<Options> options = std::make_shared<Options>();

  CLI::App* verb(CLI::App* noun, const char* name, const char* help, std::function<Result<int>()> work) {
    auto* command = noun->add_subcommand(name, help);
    Context& at = context;
    command->callback([work = std::move(work), &at] { run(at, work); });
    return command;
  }
  CLI::App* of_chain(CLI::App* command) {
    command->add_option("--chain", options->chain, "链,默认 home · chain; default: home");
    return command;
  }
  CLI::App* action(CLI::App* noun, const char* name, const char* help,
                   std::function<Json(const Options&)> make) {
    auto* command = verb(noun, name, help, [this_options = options, make = std::move(make), &at = context] {
      return propose(at, *this_options, make(*this_options));
    });
    command->add_option("--why", options->why, "理由 · why");
    return of_chain(command);
  }
  CLI::App* with_name(CLI::App* command, const char* help) {
    command->add_option("name", options->name, help)->required();
    return command;
  }
};

void add_node_verbs(CLI::App* noun, Nouns& n) {
  auto options = n.options;
  auto& context = n.context;
  auto* node = noun->add_subcommand("node", "节点:经投票的变更 · nodes: changes that are voted on");
  node->require_subcommand(1);
  auto* add =
      n.of_chain(n.verb(node, "add", "邀请本机构的另一节点 · invite a further node of this organisation",
                        [=, &context] { return invite(context, *options, true); }));
  add->add_option("--out", options->file, "邀请文件 · the invitation's file")->required();
  add->add_option("--days", options->days, "有效天数 · valid for so many days");
  n.with_name(n.action(node, "remove", "移除 · remove",
                       [](const Options& o) {
                         return Json{{"action", "remove_node"}, {"node", o.name}};
                       }),
              "节点 · node");
  auto* revoke = n.with_name(
      n.action(
          node, "revoke", "吊销:密钥与证书永不再用 · revoke: its key is never taken again",
          [](const Options& o) {
            return Json{{"action", "revoke_node"}, {"node", o.name}, {"why", o.why}, {"serials", o.serials}};
          }),
      "节点 · node");
  revoke->add_option("--serial", options->serials, "其证书序列号 · serial numbers of its certificates");
  auto* role = n.with_name(
      n.action(
          node, "role", "投票或观察,及权重 · voter or observer, and its weight",
          [](const Options& o) {
            return Json{{"action", "set_role"}, {"node", o.name}, {"role", o.role}, {"weight", o.weight}};
          }),
      "节点 · node");
  role->add_option("role", options->role, "voter | observer")
      ->required()
      ->check(CLI::IsMember({"voter", "observer"}));
  role->add_option("--weight", options->weight, "权重 · weight");
  auto* move =
      n.with_name(n.action(node, "move", "更改地址 · change the address",
                           [](const Options& o) {
                             return Json{{"action", "move_node"}, {"node", o.name}, {"address", o.address}};
                           }),
                  "节点 · node");
  move->add_option("--address", options->address, "HOST:PORT")->required();
  n.verb(node, "rotate-keys", "更换本节点的密钥(每条链投票)· a new key for this node, voted on on each chain",
         [&context] { return rotate(context, "node"); });
  n.verb(node, "rotate-engine-keys",
         "更换本节点的引擎密钥(每条链投票)· new keys for this node's engines, voted on on each chain",
         [&context] { return rotate(context, "engine"); });
}

void add_other_actions(CLI::App* noun, Nouns& n) {
  auto options = n.options;
  auto& context = n.context;
  auto* organisation = noun->add_subcommand("organisation", "机构 · organisations");
  organisation->require_subcommand(1);
  n.with_name(n.action(organisation, "remove", "移除机构及其节点 · remove one with its nodes",
                       [](const Options& o) {
                         return Json{{"action", "remove_organisation"}, {"organisation", o.name}};
                       }),
              "机构 · organisation");
  n.verb(organisation, "rotate-key", "更换治理密钥 · a new governor key",
         [&context] { return rotate(context, "governor"); });
  n.verb(
       organisation, "replace-root",
       "更换本机构的根证书与各节点证书(每条链投票)· a new root, and certificates of it for all nodes of this "
       "organisation; voted on on each chain",
       [&context, options] { return replace_root(context, *options); })
      ->add_option("--without", options->without, "不等待的节点 · a node that it goes on without");

  auto* protocol = noun->add_subcommand("protocol", "协议版本 · the protocol's version");
  protocol->require_subcommand(1);
  auto* set = n.action(protocol, "set", "自某高度起启用 · from a height on", [](const Options& o) {
    return Json{{"action", "set_protocol"}, {"version", o.version}, {"from_height", o.height}};
  });
  set->add_option("version", options->version, "版本 · version")->required();
  set->add_option("--from", options->height, "高度 · height")->required();

  auto* rule = noun->add_subcommand("rule", "表决规则 · how proposals pass");
  rule->require_subcommand(1);
  auto* set_rule = n.action(rule, "set", "更改 · change it", [](const Options& o) {
    return Json{{"action", "set_approval"}, {"approval", o.rule}};
  });
  set_rule->add_option("rule", options->rule, "two_thirds | majority | all")
      ->required()
      ->check(CLI::IsMember({"two_thirds", "majority", "all"}));

  auto* account = noun->add_subcommand("account", "账户 · accounts");
  account->require_subcommand(1);
  auto* add = n.action(account, "register", "登记公钥 · register a key", [](const Options& o) {
    return Json{{"action", "register_key"}, {"public_key", o.id}, {"roles", o.roles}};
  });
  add->add_option("public_key", options->id, "公钥(十六进制)· public key, hexadecimal")->required();
  add->add_option("--role", options->roles, "角色 · role")->required();
  auto* drop = n.action(account, "revoke", "吊销 · revoke one", [](const Options& o) {
    return Json{{"action", "revoke_key"}, {"key_id", o.id}};
  });
  drop->add_option("key_id", options->id, "key id")->required();

  n.verb(noun, "renew", "更新本节点证书 · renew this node's certificates",
         [&context] { return renew(context); });
  auto* certificate = noun->add_subcommand("certificate", "证书 · certificates");
  certificate->require_subcommand(1);
  n.verb(certificate, "revoke",
         "吊销本机构签发的证书并公布 · take back certificates of this organisation, and publish",
         [=, &context] { return revoke_certificates(context, *options); })
      ->add_option("serial", options->serials, "序列号 · serial numbers")
      ->required();
}

void add_joining(CLI::App* noun, Nouns& n) {
  auto options = n.options;
  auto& context = n.context;
  auto* begin =
      n.verb(noun, "init", "建立机构身份与第一条链 · make an organisation's identity and a first chain",
             [=, &context] { return init(context, *options); });
  begin->add_option("--organisation", options->organisation, "机构名 · its name (a-z 0-9 -)")->required();
  begin->add_option("--title", options->title, "全称 · its title");
  begin->add_option("--node", options->node, "节点名 · this node's name")->required();
  begin->add_option("--address", options->address, "本节点地址 HOST:PORT · where others reach it")
      ->required();
  begin->add_option(
      "--protocol", options->protocol,
      "链开始时的协议版本 · version of the protocol that the chain begins with (newest: the default)");
  n.of_chain(begin);
  n.verb(noun, "identity", "本节点的身份 · this node's identity", [&context] { return identity(context); });

  auto* ask = n.of_chain(n.verb(noun, "invite", "邀请机构 · invite an organisation",
                                [=, &context] { return invite(context, *options, false); }));
  ask->add_option("--organisation", options->organisation, "机构名 · its name")->required();
  ask->add_option("--out", options->file, "邀请文件 · the invitation's file")->required();
  ask->add_option("--days", options->days, "有效天数 · valid for so many days");
  n.verb(noun, "invitations", "发出的邀请 · invitations", [&context] { return invitations(context); });
  n.verb(noun, "uninvite", "作废邀请 · cancel an invitation",
         [=, &context]() -> Result<int> {
           ASSIGN(auto platform, context.connect());
           return shown(
               context, bare(platform, "DELETE", kBase + "/invitations/" + percent_encode(options->id)),
               [](const Json& answer) { line("{} {}", text_of(answer, "id"), text_of(answer, "state")); });
         })
      ->add_option("id", options->id, "编号 · id")
      ->required();

  auto* enter = n.verb(noun, "join", "凭邀请加入 · join by an invitation",
                       [=, &context] { return join(context, *options); });
  enter->add_option("file", options->file, "邀请文件 · the invitation's file")->required();
  enter->add_option("--node", options->node, "节点名 · this node's name");
  enter->add_option("--address", options->address, "本节点地址 HOST:PORT · where others reach it");
  enter->add_option("--title", options->title, "机构全称 · the organisation's title");
  enter->add_option("--role", options->role, "voter | observer(默认 default)")
      ->check(CLI::IsMember({"voter", "observer"}));
  enter->add_option("--weight", options->weight, "权重 · weight");
  n.verb(noun, "joinings", "正在进行的加入 · what is being joined", [&context] { return joinings(context); });

  n.verb(noun, "offers", "共建链的提议 · chains offered", [&context] { return offers(context); });
  n.with_name(n.verb(noun, "accept", "接受共建 · accept an offer",
                     [=, &context] { return answer_offer(context, *options, true); }),
              "链名 · the chain's name");
  n.with_name(n.verb(noun, "refuse", "拒绝共建,或收回 · refuse an offer, or take one back",
                     [=, &context] { return answer_offer(context, *options, false); }),
              "链名 · the chain's name");
}

}  // namespace

void print_offer(const Json& offer) {
  line("{:<16} {}  {} {}", text_of(offer, "name"), text_of(offer, "state"),
       offer.value("founder", false) ? "由本节点发起,自 by this node, from" : "发起节点 by",
       text_of(offer, "from"));
  for (const Json& member : offer.at("members"))
    line("  {:<18} {:<16} {} {}", text_of(member, "node"), text_of(member, "organisation"),
         text_of(member, "state"),
         text_of(member, "trouble").empty() ? ""
                                            : texts::reason(text_of(member, "trouble"), texts::Language::zh));
}

void add_consortium(CLI::App& app, Context& context) {
  auto* noun =
      app.add_subcommand("consortium", "联盟:机构共同运行链 · organisations that run chains together");
  noun->require_subcommand(1);
  Nouns n{context};
  auto options = n.options;
  add_joining(noun, n);
  n.of_chain(n.verb(noun, "show", "机构、节点与规则 · organisations, nodes and rule",
                    [=, &context] { return show(context, *options); }));
  n.of_chain(n.verb(noun, "status", "各节点实时状态 · the nodes, live", [=, &context] {
     return status(context, *options);
   }))->add_option("--watch", options->watch_s, "每隔几秒刷新 · again every so many seconds");
  n.of_chain(
      n.verb(noun, "proposals", "提案 · proposals", [=, &context] { return proposals(context, *options); }));
  auto* cast =
      n.of_chain(n.verb(noun, "vote", "投票 · vote", [=, &context] { return vote(context, *options); }));
  cast->add_option("proposal", options->number, "提案号 · number")->required();
  cast->add_option("answer", options->answer, "yes | no")->required()->check(CLI::IsMember({"yes", "no"}));
  n.of_chain(n.verb(noun, "withdraw", "撤回提案 · withdraw a proposal",
                    [=, &context] { return withdraw(context, *options); }))
      ->add_option("proposal", options->number, "提案号 · number")
      ->required();
  add_node_verbs(noun, n);
  add_other_actions(noun, n);
}

}  // namespace chengxin::app
