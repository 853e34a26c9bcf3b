#include <csignal>

#include "access/service.h"
#include "api/resources.h"
#include "base/clock.h"
#include "bench/platform_child.h"
#include "commands.h"
#include "crypto/derive.h"
#include "pack/model.h"

// Trying a pack: a platform of its own that is gone afterwards, with somebody for each of its roles.
namespace chengxin::app {
namespace {

struct Guest {
  std::string name, password;  // drawn anew at each try
};

// Blocks Ctrl-C until wait(), in the platform that is started meanwhile not at all.
class Interruption {
 public:
  Interruption() {
    sigemptyset(&set_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  void wait() {
    int signal = 0;
    sigwait(&set_, &signal);
  }

 private:
  sigset_t set_;
};

struct Trial {
  std::string name;
  std::vector<std::string> roles;
  Bytes archive;
};

Result<Trial> read(const fs::path& folder) {
  pack::Findings findings;
  const pack::Files files = pack::read_folder(folder, findings);
  const pack::Pack pack = pack::read_pack(files, findings);
  if (!findings.empty()) {
    const pack::Finding first = findings.shown().front();
    return fail(Code::invalid_argument, first.reason, "{}:{}:{}; chengxin pack check {}", first.file,
                first.at.line, first.at.column, folder.string());
  }
  Trial out{pack.name, pack.roles, {}};
  ASSIGN(out.archive, pack::write_packed(files.content, nullptr));
  return out;
}

// Before the platform starts: at its beginning the installation itself says who has which role.
Result<std::vector<Guest>> invite(const fs::path& data, const Trial& trial) {
  ASSIGN(auto lock, install::Lock::take(data));
  ASSIGN(auto installation, install::open(data));
  ASSIGN(auto database, sql::Database::open({.url = "sqlite:" + (data / "sql" / "chengxin.db").string()}));
  access::Options options;
  options.key = crypto::derived_key(installation.blob_key, "chengxin access", 32);
  options.installation = installation.installation_key;
  options.actions = api::all_actions();
  options.trust = []() -> Result<std::shared_ptr<const access::Trust>> {
    return fail(Code::not_found, "access.no_roots");
  };
  ASSIGN(auto access, access::Service::open(*database, std::move(options)));
  std::vector<Guest> out;
  std::map<std::string, std::string> roles;  // by user
  for (const std::string& role : trial.roles) {
    ASSIGN(auto added, access->add_user({role, "", "", "", false}, now_ms()));
    ASSIGN(const auto changed, access->users().change(added.user.id, [](access::User& user) -> Status {
      user.must_change = false;
      return {};
    }));
    roles[changed.id] = role;
    out.push_back({role, added.password});
  }
  TRY(access->policies().bootstrap(
      [&](Json& document) {
        for (const auto& [user, name] : roles) {
          const std::string role = trial.name + "-" + name;
          document["roles"][role] = {{"title", name}, {"permissions", {"read:records", "write:records"}}};
          document["users"][user] = {{"name", name}, {"organisation", "root"}, {"service", false}};
          document["assignments"].push_back({{"to", "user:" + user}, {"role", role}});
        }
      },
      now_ms()));
  return out;
}

// Removed when it ends, however it ends.
struct Scratch {
  fs::path folder;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

Result<int> try_out(const Context& context, const fs::path& folder) {
  Interruption interruption;
  ASSIGN(const Trial trial, read(folder));
  ASSIGN(const fs::path place, temporary_folder("pack-try"));
  const Scratch scratch{place};
  const fs::path data = place / "data";
  ASSIGN(auto platform, bench::PlatformChild::start(data));
  TRY(platform.stop());
  ASSIGN(const auto guests, invite(data, trial));
  TRY(platform.restart().map([](double) {}));
  ASSIGN(const auto applied,
         platform.connect().send("POST", "/api/v1/packs", trial.archive, "application/octet-stream"));
  const std::string url = fmt::format("http://127.0.0.1:{}", platform.port());
  Json out = {{"url", url}, {"data", data.string()}, {"users", Json::array()}};
  for (const Guest& each : guests) out["users"].push_back({{"name", each.name}, {"password", each.password}});
  print(context, out, [&] {
    line("{}  {}", trial.name, url);
    line("{}/docs", url);
    line("{}/api/v1/packs/{}/openapi.json", url, trial.name);
    for (const Guest& each : guests)
      line("CHENGXIN_PASSWORD={} chengxin --server {} user login {}", each.password, url, each.name);
    line("Ctrl-C 结束并清除 ends it, and all is gone");
  });
  std::fflush(stdout);
  interruption.wait();
  return kDone;
}

}  // namespace

void add_pack_try(CLI::App& group, Context& context) {
  auto folder = std::make_shared<fs::path>();
  CLI::App* verb =
      group.add_subcommand("try",
                           "在临时平台上试用，每个角色一个用户 · try it on a platform of its own, with a "
                           "user for each role");
  verb->add_option("DIR", *folder, "场景包 · the pack")->required();
  verb->callback([&context, folder] { run(context, [&] { return try_out(context, *folder); }); });
}

}  // namespace chengxin::app
