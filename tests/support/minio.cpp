#include "support/minio.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/file.h"

namespace chengxin::test {
namespace {

tl::unexpected<Error> failed(std::string_view what) {
  return fail(Code::unavailable, "test.minio", "{}", what);
}

std::string random_hex() {
  Bytes bytes(12);
  return ::getrandom(bytes.data(), bytes.size(), 0) == ssize_t(bytes.size()) ? hex(bytes) : "";
}

sockaddr_in loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(uint16_t(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

int free_port() {
  Descriptor one(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  return ::bind(one.get(), address, size) == 0 && ::getsockname(one.get(), address, &size) == 0
             ? ntohs(at.sin_port)
             : 0;
}

bool answers(int port) {
  Descriptor one(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in at = loopback(port);
  return ::connect(one.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
}

// What the script prints: where the program is.
Result<std::string> program() {
  FILE* pipe = ::popen(CHENGXIN_SOURCE_DIR "/third_party/minio/build", "r");
  if (!pipe) return failed("third_party/minio/build cannot be run");
  char line[4096] = "";
  const bool read = ::fgets(line, sizeof line, pipe);
  if (::pclose(pipe) != 0 || !read) return failed("third_party/minio/build failed");
  std::string out = line;
  return out.substr(0, out.find('\n'));
}

}  // namespace

std::string Minio::url() const {
  return fmt::format("{}://{}:{}", tls_ ? "https" : "http", tls_ ? "localhost" : "127.0.0.1", port_);
}

Result<std::unique_ptr<Minio>> Minio::start(Tls tls) {
  auto server = std::unique_ptr<Minio>(new Minio);
  std::string pattern = (fs::temp_directory_path() / "cx-minio-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) return failed("no temporary folder");
  server->folder_ = pattern;
  server->tls_ = tls == Tls::on;
  server->user_ = "cx" + random_hex();
  server->password_ = random_hex();
  TRY(make_folder(server->data() / "chengxin"));
  TRY(make_folder(server->folder_ / "certs"));
  if (server->tls_) TRY(server->make_certificate());
  TRY(write_durable(server->credentials(), view(server->user_ + "\n" + server->password_ + "\n"), 0600));
  server->port_ = free_port();
  TRY(server->launch());
  return server;
}

Status Minio::make_certificate() const {
  const std::string command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
      "-addext "
      "subjectAltName=DNS:localhost,DNS:*.localhost -keyout {0}/private.key -out {0}/public.crt >{0}/log "
      "2>&1",
      (folder_ / "certs").string());
  return std::system(command.c_str()) == 0 ? Status() : failed("openssl made no certificate");
}

Status Minio::launch() {
  ASSIGN(const std::string file, program());
  const std::string address = fmt::format("127.0.0.1:{}", port_), data_folder = data().string(),
                    certs = (folder_ / "certs").string(), user = "MINIO_ROOT_USER=" + user_,
                    password = "MINIO_ROOT_PASSWORD=" + password_, home = "HOME=" + folder_.string();
  const char* arguments[] = {file.c_str(),  "server",      "--quiet",           "--address", address.c_str(),
                             "--certs-dir", certs.c_str(), data_folder.c_str(), nullptr};
  const char* environment[] = {
      user.c_str(),       password.c_str(),         home.c_str(),   "MINIO_BROWSER=off",
      "MINIO_UPDATE=off", "MINIO_DOMAIN=localhost", "GOMAXPROCS=2", nullptr};
  const std::string log = (folder_ / "log").string();
  pid_ = ::fork();
  if (pid_ == 0) {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execve(file.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(127);
  }
  for (int i = 0; i < 1200; ++i) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) break;
    if (answers(port_)) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return failed("the server does not start: see " + log);
}

void Minio::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

Status Minio::restart() {
  kill();
  return launch();
}

void Minio::pause() { ::kill(pid_, SIGSTOP); }
void Minio::resume() { ::kill(pid_, SIGCONT); }

Minio::~Minio() {
  kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace chengxin::test
