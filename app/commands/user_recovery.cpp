#include "base/clock.h"
#include "commands.h"
#include "crypto/sm2_delegate.h"
#include "install/install.h"
#include "keys/journal.h"
#include "keys/shares.h"
#include "keys_helper.h"
#include "user_policy.h"

// A lost administrator is replaced by people who hold shares of the recovery key (docs/access.md). The key
// itself is never kept: it is in memory while it is split, and while enough shares sign one replacement.
namespace chengxin::app {
namespace {

struct Options {
  std::string name, role, instead_of, key, why;
  fs::path out;
  std::vector<std::string> holders, shares;
  uint64_t need = 2;
};

// What was done with the recovery key on this host, signed with the installation's key.
Result<std::unique_ptr<keys::Journal>> ceremony(const Context& context) {
  ASSIGN(const auto key, install::installation_key(context.data));
  const fs::path folder = context.data / "keys" / "recovery";
  TRY(make_folder(folder));
  return keys::Journal::open(
      folder, key.public_key().point(), [key](ByteView message) { return key.sign(message); },
      [](const Json&) { return Status(); }, now_ms);
}

struct Joined {
  crypto::Sm2PrivateKey key;
  Json holders = Json::array();  // whose shares they are, as the policy says
};

// The key from shares, which must be those of the policy.
Result<Joined> join(const std::vector<std::string>& given, const Json& recovery) {
  ASSIGN(const NamedSecrets shares, named_secrets(given));
  ASSIGN(const auto texts, share_texts(shares));
  ASSIGN(const Bytes point, unhex(recovery.at("key").get<std::string>()));
  Joined out;
  for (const std::string& text : texts) {
    ASSIGN(const keys::Share share, keys::read_share(text));
    if (share.fingerprint != keys::fingerprint_of(point))
      return fail(Code::forbidden, "keys.shares_wrong", "not of the recovery key in force");
    if (share.x >= 1 && share.x <= recovery["holders"].size())
      out.holders.push_back(recovery["holders"][share.x - 1]);
  }
  ASSIGN(const crypto::Secret scalar, keys::join_shares(texts, shares.secrets));
  ASSIGN(out.key, crypto::Sm2PrivateKey::from_scalar(scalar));
  return out;
}

Result<int> split(const Context& context, const Options& options) {
  ASSIGN(const NamedSecrets holders, named_secrets(options.holders));
  ASSIGN(const auto proposer, user_key(context, options.key));
  ASSIGN(auto platform, context.connect());
  ASSIGN(auto record, ceremony(context));
  ASSIGN(const auto key, crypto::Sm2PrivateKey::generate());
  ASSIGN(const crypto::Secret scalar, crypto::scalar_of(key));
  const auto& point = key.public_key().point();
  PolicyChange change;
  change.recovery = {{"key", hex(point)}, {"need", options.need}, {"holders", holders.names}};
  ASSIGN(const Json document, next_document(platform, change));
  ASSIGN(const std::string signature, sign_policy(proposer, "propose", document));  // checks the document too
  ASSIGN(const auto shares, keys::make_shares(scalar, point, holders.secrets, {.k = size_t(options.need)}));
  TRY(make_folder(options.out));
  Json files = Json::array();
  for (size_t i = 0; i < shares.size(); ++i) {
    const fs::path file = options.out / fmt::format("share-{}-of-{}.txt", i + 1, shares.size());
    TRY(write_durable(file, view(shares[i]), 0600));
    files.push_back({{"holder", holders.names[i]}, {"file", file.string()}});
  }
  ASSIGN([[maybe_unused]] const Json noted, record->append("split", change.recovery));
  ASSIGN(const Json done,
         platform.post("/api/v1/access/proposals",
                       {{"document", document}, {"signature", signature}, {"why", options.why}}));
  print(context, {{"proposal", done["id"]}, {"shares", files}, {"journal_head", hex(record->head())}}, [&] {
    for (const Json& each : files)
      line("{}  {}", visible(each["holder"].get<std::string>()), each["file"].get<std::string>());
    line("请交给各保管人打印后删除文件 hand each to its holder, print it, then delete the file");
    line("由另一位管理员批准后生效 another administrator approves: chengxin user approve {} --key …",
         done.at("id").get<std::string>());
    line("日志 journal: 链头 head {}", hex(record->head()));
  });
  return kDone;
}

// The document in which the lost one's administrator roles are the other's.
Result<Json> replacement(client::Client& platform, const Options& options) {
  ASSIGN(const Json policy, platform.get("/api/v1/access/policy"));
  ASSIGN(const Accounts all, accounts(platform));
  ASSIGN(const Json lost, all.find(options.instead_of));
  const std::string id = lost.at("id");
  PolicyChange change;
  for (const Json& one : policy.at("document").at("assignments")) {
    const std::string role = one.at("role");
    if (one.at("to") != "user:" + id || (!options.role.empty() && role != options.role)) continue;
    const std::string what = "=" + role + chains_text(one);
    change.withdraw.push_back(id + what);
    change.assign.push_back(options.name + what);
  }
  if (change.assign.empty())
    return fail(Code::not_found, "access.role_unknown", "{} has no such role", options.instead_of);
  ASSIGN(Json document, next_document(platform, change));
  std::erase_if(document["delegations"].get_ref<Json::array_t&>(),
                [&](const Json& one) { return one["from"] == id || one["to"] == id; });
  return document;
}

Result<int> recover(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(const Json document, replacement(platform, options));
  if (!document.contains("recovery")) return fail(Code::conflict, "access.no_recovery_key");
  ASSIGN(const Joined joined, join(options.shares, document["recovery"]));
  ASSIGN(auto record, ceremony(context));
  ASSIGN(const std::string signature, sign_policy(joined.key, "recover", document));
  ASSIGN([[maybe_unused]] const Json noted, record->append("recover", {{"version", document["version"]},
                                                                       {"instead_of", options.instead_of},
                                                                       {"name", options.name},
                                                                       {"holders", joined.holders}}));
  ASSIGN(const Json done,
         platform.post("/api/v1/access/recover", {{"document", document}, {"signature", signature}}));
  print(context,
        {{"version", done["version"]}, {"holders", joined.holders}, {"journal_head", hex(record->head())}},
        [&] {
          line("已由 {} 接任 {} takes over from {}", visible(options.name), visible(options.name),
               visible(options.instead_of));
          line(
              "版本 version {} 由恢复密钥签名,历史可查 is signed with the recovery key, and the history "
              "shows it",
              done.at("version").get<int64_t>());
          line("日志 journal: 链头 head {}", hex(record->head()));
        });
  return kDone;
}

}  // namespace

void add_recovery_verbs(CLI::App& user, Context& context) {
  auto options = std::make_shared<Options>();
  auto* make = user.add_subcommand(
      "shares",
      "恢复密钥分片:日后由多名保管人替换失联管理员 · shares of the recovery key, whose holders together can "
      "replace a lost administrator");
  make->add_option("--holder", options->holders,
                   "保管人=口令文件,每人一份 · NAME=FILE with a passphrase; a share for each")
      ->required();
  make->add_option("--need", options->need, "恢复所需份数,至少两份 · shares needed, two at least")
      ->check(CLI::Range(2, 16));
  make->add_option("--out", options->out, "分片文件目录 · folder for the shares")->required();
  make->add_option("--key", options->key, "提案人的密钥 · the proposer's key")->required();
  make->add_option("--why", options->why, "理由 · why");
  make->callback([=, &context] { run(context, [&] { return split(context, *options); }); });
  auto* lost = user.add_subcommand("recover",
                                   "管理员失联:在主机上由保管人共同替换 · on the host, by holders of shares: "
                                   "replace a lost administrator");
  lost->add_option("name", options->name, "接任者 · who takes over")->required();
  lost->add_option("--instead-of", options->instead_of, "失联者 · who is lost")->required();
  lost->add_option("--role", options->role, "只移交此角色 · this role only; else all that he has");
  lost->add_option("--share", options->shares,
                   "分片文件=口令文件,各来自不同保管人 · FILE=FILE: a share and its holder's passphrase")
      ->required();
  lost->callback([=, &context] { run(context, [&] { return recover(context, *options); }); });
}

}  // namespace chengxin::app
