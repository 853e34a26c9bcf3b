#pragma once
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace chengxin::test {

// A MinIO server (third_party/minio) on a port of loopback, its data in a temporary folder, its credentials
// random. It has one bucket, `chengxin`, and dies with the test program.
class Minio {
 public:
  enum class Tls { off, on };
  static Result<std::unique_ptr<Minio>> start(Tls tls = Tls::off);
  ~Minio();
  Minio(const Minio&) = delete;
  Minio& operator=(const Minio&) = delete;

  std::string url() const;
  int port() const { return port_; }
  std::filesystem::path credentials() const { return folder_ / "credentials"; }
  std::filesystem::path roots() const { return folder_ / "certs" / "public.crt"; }
  const std::string& user() const { return user_; }
  const std::string& password() const { return password_; }
  std::filesystem::path data() const { return folder_ / "data"; }

  void kill();       // at once
  Status restart();  // with the data as they were left
  void pause();      // it keeps its connections and answers nothing
  void resume();

 private:
  Minio() = default;
  Status launch();
  Status make_certificate() const;

  std::filesystem::path folder_;
  std::string user_, password_;
  int port_ = 0;
  bool tls_ = false;
  pid_t pid_ = -1;
};

}  // namespace chengxin::test
