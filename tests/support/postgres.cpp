#include "support/postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

namespace chengxin::test {
namespace {

namespace fs = std::filesystem;
const fs::path kPrograms = "/usr/lib/postgresql/15/bin";

void become(const passwd* user) {
  if (!user) return;
  if (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) ::_exit(126);
}

const passwd* server_user() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }

// Starts a program as the server's user with its output in `log`.
pid_t spawn(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const passwd* user = server_user();
  pid_t pid = ::fork();
  if (pid != 0) return pid;
  int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::setsid();
  become(user);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after the change of user, which resets it
  if (::chdir("/") == 0) ::execv(argv[0], argv.data());
  ::_exit(127);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

Result<std::unique_ptr<Postgres>> Postgres::start(bool durable) {
  if (!fs::exists(kPrograms / "initdb"))
    return fail(Code::unavailable, "test.postgresql_missing",
                "PostgreSQL 15 is not installed: apt-get install postgresql");
  auto server = std::unique_ptr<Postgres>(new Postgres);
  std::string pattern = (fs::temp_directory_path() / "cx-pg-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) return fail(Code::unavailable, "test.postgresql", "no temporary folder");
  server->folder_ = pattern;
  server->durable_ = durable;
  if (const passwd* user = server_user(); user && ::chown(pattern.c_str(), user->pw_uid, user->pw_gid) != 0)
    return fail(Code::unavailable, "test.postgresql", "the temporary folder cannot be handed over");
  // Another locale than "C" on purpose: the tables' own collation must be what counts.
  pid_t init = spawn({kPrograms / "initdb", "-D", server->folder_ / "data", "-A", "trust", "-U", "chengxin",
                      "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"},
                     server->folder_ / "log");
  if (int code = wait_for(init); code != 0)
    return fail(Code::unavailable, "test.postgresql", "initdb ended with {}: see {}", code,
                (server->folder_ / "log").string());
  TRY(server->launch());
  return server;
}

Status Postgres::launch() {
  pid_ =
      spawn({kPrograms / "postgres", "-D", folder_ / "data", "-k", folder_, "-c", "listen_addresses=", "-c",
             "shared_buffers=32MB", "-c", "max_connections=40", "-c", durable_ ? "fsync=on" : "fsync=off"},
            folder_ / "log");
  for (int i = 0; i < 600; ++i) {
    if (sql("select 1")) return {};
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return fail(Code::unavailable, "test.postgresql", "the server does not start: see {}",
              (folder_ / "log").string());
}

Status Postgres::sql(const std::string& statement) const {
  pid_t psql = spawn(
      {kPrograms / "psql", "-X", "-q", "-h", folder_, "-U", "chengxin", "-d", "postgres", "-c", statement},
      folder_ / "psql.log");
  if (wait_for(psql) == 0) return {};
  return fail(Code::unavailable, "test.postgresql", "psql failed: see {}", (folder_ / "psql.log").string());
}

Result<std::string> Postgres::create_database() {
  std::string name = "test" + std::to_string(++databases_);
  TRY(sql("create database " + name));
  return "host=" + folder_.string() + " user=chengxin dbname=" + name;
}

void Postgres::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGQUIT);  // "immediate": no checkpoint, no farewell to clients; recovery from the log at the
                          // next start
  wait_for(pid_);
  pid_ = -1;
}

Status Postgres::restart() {
  kill();
  return launch();
}

Postgres::~Postgres() {
  kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace chengxin::test
