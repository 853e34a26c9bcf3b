#pragma once
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "crypto/sm2.h"

// What the simulators of SDF and SKF keep on the disk: a folder ($CHENGXIN_SIMULATOR_STATE) in which a test,
// in this process or another, says what happens to the device:
//   pin     the PIN (123456)         tries   how many are left
//   pulled  while it is there, the device is not        slow    while it is there, calls do not come back
//   NAME.key   private keys, in the clear: these are simulators
namespace chengxin::keys::simulator {

class State {
 public:
  explicit State(fs::path folder) : folder_(std::move(folder)) {}
  static State current() {
    const char* folder = std::getenv("CHENGXIN_SIMULATOR_STATE");
    return State(folder ? folder : "simulator-state");
  }

  bool has(const std::string& name) const {
    std::error_code error;
    return fs::exists(folder_ / name, error);
  }
  std::string text(const std::string& name, const std::string& otherwise) const {
    std::ifstream file(folder_ / name);
    std::string out;
    return file && std::getline(file, out) ? out : otherwise;
  }
  void set_text(const std::string& name, const std::string& value) const {
    (void)make_folder(folder_);
    (void)write_durable(folder_ / name, view(value), 0600);
  }
  // Waits while the device is slow.
  void wait() const {
    while (has("slow")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  bool pulled() const { return has("pulled"); }

  enum class Pin { right, wrong, locked };
  Pin verify(std::string_view pin, int limit, int& left) const {
    left = std::stoi(text("tries", std::to_string(limit)));
    if (left == 0) return Pin::locked;
    const bool right = pin == text("pin", "123456");
    left = right ? limit : left - 1;
    set_text("tries", std::to_string(left));
    return right ? Pin::right : left == 0 ? Pin::locked : Pin::wrong;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error))
      if (entry.path().extension() == ".key") out.push_back(entry.path().stem().string());
    return out;
  }
  Result<crypto::Sm2PrivateKey> key(const std::string& name) const {
    ASSIGN(const Bytes pem, read_file(folder_ / (name + ".key"), 4096));
    return crypto::Sm2PrivateKey::from_pem(chengxin::text(pem));
  }
  Result<crypto::Sm2PrivateKey> make(const std::string& name) const {
    ASSIGN(auto made, crypto::Sm2PrivateKey::generate());
    ASSIGN(const std::string pem, made.to_pem());
    TRY(make_folder(folder_));
    TRY(write_durable(folder_ / (name + ".key"), view(pem), 0600));
    return made;
  }
  void remove(const std::string& name) const {
    std::error_code error;
    fs::remove(folder_ / (name + ".key"), error);
  }

 private:
  fs::path folder_;
};

}  // namespace chengxin::keys::simulator
