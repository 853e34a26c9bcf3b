#pragma once
// The four kinds of providers for the tests: the keystore, SoftHSM2, and the simulators of SDF and SKF.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "crypto/random.h"
#include "keys/devices.h"
#include "keys/keystore.h"

namespace chengxin::keys {

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "ok" : result.error().reason;
}

inline constexpr uint32_t kFewIterations = 10;  // what is tested is not how long a guess takes

struct Folder : testing::Test {
  fs::path folder;
  Folder() {
    std::string name = (fs::temp_directory_path() / "chengxin-keys-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ::setenv("CHENGXIN_SIMULATOR_STATE", (folder / "device").c_str(), 1);
  }
  ~Folder() override { fs::remove_all(folder); }

  // Of the simulators' state.
  void put(const std::string& name, const std::string& text = "") const {
    fs::create_directories(folder / "device");
    std::ofstream(folder / "device" / name) << text;
  }
  void take_away(const std::string& name) const { fs::remove(folder / "device" / name); }
};

inline ByteView pin_of(const std::string& kind) {
  return view(kind == "software" ? std::string_view("correct horse") : std::string_view("123456"));
}

// One token for the process: SoftHSM2 reads where it is when it is initialised.
inline std::string softhsm_token() {
  static const std::string label = [] {
    static std::string name = (fs::temp_directory_path() / "chengxin-softhsm-XXXXXX").string();
    const fs::path home = ::mkdtemp(name.data());
    std::atexit([] { fs::remove_all(name); });
    fs::create_directories(home / "tokens");
    std::ofstream(home / "softhsm2.conf")
        << "directories.tokendir = " << (home / "tokens").string() << "\nlog.level = ERROR\n";
    ::setenv("SOFTHSM2_CONF", (home / "softhsm2.conf").c_str(), 1);
    const int code = std::system(
        "softhsm2-util --init-token --free --label chengxin --pin 123456 --so-pin 12345678 > /dev/null");
    return code == 0 ? "chengxin" : "";
  }();
  return label;
}

inline Result<std::unique_ptr<Provider>> open_device(const std::string& kind) {
  if (kind == "sdf") return open_sdf({.library = SDF_SIMULATOR, .indices = {}});
  if (kind == "skf") return open_skf({.library = SKF_SIMULATOR, .device = "", .application = ""});
  return open_pkcs11({.library = "/usr/lib/softhsm/libsofthsm2.so", .token = softhsm_token()});
}

inline Result<std::shared_ptr<Provider>> open_provider(const std::string& kind, const fs::path& folder) {
  if (kind == "software") {
    if (!fs::exists(folder / "store")) TRY(Keystore::create(folder / "store", pin_of(kind), kFewIterations));
    ASSIGN(std::shared_ptr<Provider> store, Keystore::open(folder / "store"));
    return store;
  }
  ASSIGN(auto device, open_device(kind));
  return on_one_thread(std::move(device));
}

}  // namespace chengxin::keys
