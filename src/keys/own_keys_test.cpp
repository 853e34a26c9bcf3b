#include "keys/own_keys.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "crypto/sm2_delegate.h"
#include "keys/rig_for_tests.h"

namespace {

int steps_left = -1;  // negative: without end
bool to_disk =
    true;  // a process that is killed loses nothing of what it wrote; power that fails is not tested here

// A process that is killed between two things that it makes durable.
void step() {
  if (steps_left >= 0 && steps_left-- == 0) ::_exit(77);
}

}  // namespace

// In the place of the C library's, for this program.
extern "C" int fsync(int fd) {
  step();
  return to_disk ? int(::syscall(SYS_fsync, fd)) : 0;
}
extern "C" int rename(const char* from, const char* to) noexcept {
  step();
  return int(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0u));
}

namespace chengxin::keys {
namespace {

constexpr std::string_view kPassphrase = "correct horse battery";

struct OwnKeysTest : Folder {
  fs::path data = folder / "data";

  OwnKeysTest() {
    EXPECT_TRUE(write_durable(folder / "pin", view(kPassphrase), 0600));
    give_pin();
  }
  ~OwnKeysTest() override { ::unsetenv("CHENGXIN_KEYS_PIN_FILE"); }
  void give_pin() const { ::setenv("CHENGXIN_KEYS_PIN_FILE", (folder / "pin").c_str(), 1); }

  Status protect() const { return OwnKeys(data).protect(view(kPassphrase), kFewIterations); }

  static Result<crypto::Secret> scalar(OwnKeys& keys, const OwnKeys::Row& row) {
    if (row.algorithm == Algorithm::es256) {
      ASSIGN(const auto key, keys.es256(row.name));
      return key.scalar();
    }
    ASSIGN(const auto key, keys.sm2(row.name));
    return crypto::scalar_of(key);
  }
  // Of all rows and secrets, as `keys` gives them; the reason where it gives none.
  using All = std::map<std::string, crypto::Secret>;
  static All all(OwnKeys keys) {
    All out;
    const auto note = [&](std::string_view name, const Result<crypto::Secret>& secret) {
      out[std::string(name)] = secret ? *secret : crypto::to_secret(view(secret.error().to_string()));
    };
    for (const OwnKeys::Row& row : OwnKeys::rows()) note(row.name, scalar(keys, row));
    note("blob.key", keys.secret("blob.key", 16));
    note("user/city.cid", keys.secret("user/city.cid", 32));
    return out;
  }
  // Everything that a platform has, in files; and the keystore without a passphrase that its first start
  // makes.
  All fill() const {
    OwnKeys keys(data);
    for (const OwnKeys::Row& row : OwnKeys::rows())
      EXPECT_TRUE(row.algorithm == Algorithm::es256 ? keys.make_es256(row.name).has_value()
                                                    : keys.make_sm2(row.name).has_value());
    EXPECT_TRUE(keys.make_secret("blob.key", 16));
    EXPECT_TRUE(keys.make_secret("user/city.cid", 32));
    EXPECT_EQ(keys.make_secret("blob.key", 16).error().reason, "keys.exists");
    EXPECT_TRUE(Keystore::create(data / "keys" / "keystore", {}));
    return all(OwnKeys(data));
  }
  // Files that hold one of them, in the forms in which keys are written.
  std::vector<std::string> holding(const All& secrets) const {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(data)) {
      if (!entry.is_regular_file()) continue;
      const std::string content = to_string(*read_file(entry.path(), 1 << 20));
      for (const auto& [name, secret] : secrets)
        for (const std::string& form : {to_string(secret), hex(secret), std::string("BEGIN PRIVATE KEY")})
          if (content.find(form) != content.npos)
            out.push_back(entry.path().filename().string() + " " + name);
    }
    return out;
  }
};

TEST_F(OwnKeysTest, AreWhatTheyWereAfterTheyMoved) {
  const All before = fill();
  EXPECT_FALSE(holding(before).empty());
  EXPECT_EQ(OwnKeys(data).in_clear().size(), OwnKeys::rows().size() + 1);
  ASSERT_TRUE(protect());
  EXPECT_EQ(all(OwnKeys(data)), before);
  EXPECT_EQ(holding(before), std::vector<std::string>{});
  EXPECT_EQ(OwnKeys(data).in_clear(), std::vector<std::string>{});
  ASSERT_TRUE(protect());
  EXPECT_EQ(all(OwnKeys(data)), before);
  ::unsetenv("CHENGXIN_KEYS_PIN_FILE");
  for (const auto& [name, said] : all(OwnKeys(data)))
    EXPECT_TRUE(to_string(said).starts_with("keys.locked")) << name << " " << to_string(said);
  EXPECT_EQ(reason(OwnKeys(data).has("validator")), "keys.locked");
  give_pin();
  EXPECT_EQ(OwnKeys(data).protect(view("another passphrase"), kFewIterations).error().reason,
            "keys.passphrase");
}

TEST_F(OwnKeysTest, KilledAtAnyStepTheMoveLosesNothing) {
  to_disk = false;
  const All before = fill();
  const fs::path pristine = folder / "pristine";
  fs::rename(data, pristine);
  int steps = 0;
  for (;; ++steps) {
    fs::remove_all(data);
    fs::copy(pristine, data, fs::copy_options::recursive);
    const pid_t child = ::fork();
    if (child == 0) {
      steps_left = steps;
      ::_exit(protect() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 77) << steps;
    ASSERT_EQ(all(OwnKeys(data)), before) << steps;
    // What is made just then is what counts, before and after the rest of the move.
    ASSERT_TRUE(OwnKeys(data).make_sm2("authority.ocsp"));
    All now = all(OwnKeys(data));
    EXPECT_NE(now["authority.ocsp"], before.at("authority.ocsp"));
    ASSERT_TRUE(protect()) << steps;
    ASSERT_EQ(all(OwnKeys(data)), now) << steps;
    now["former"] = before.at("authority.ocsp");
    ASSERT_EQ(holding(now), std::vector<std::string>{}) << steps;
    for (const auto& entry : fs::recursive_directory_iterator(data))
      ASSERT_FALSE(entry.path().extension() == ".tmp" || entry.path().extension() == ".destroyed")
          << entry.path();
  }
  to_disk = true;
  EXPECT_GT(steps, 80);  // several for each key
  EXPECT_EQ(all(OwnKeys(data)), before);
}

TEST_F(OwnKeysTest, WhatIsMadeLaterIsNeverInAFile) {
  OwnKeys early(data);
  ASSERT_TRUE(early.make_sm2("validator"));
  ASSERT_TRUE(protect());
  OwnKeys keys(data);
  EXPECT_FALSE(*keys.has("authority.issuing"));
  EXPECT_EQ(reason(keys.sm2("authority.issuing")), "install.damaged");
  const auto issuing = *keys.make_sm2("authority.issuing");
  const auto p256 = *keys.make_es256("credential.p256");
  ASSERT_TRUE(keys.make_secret("user/city.cid", 32));
  EXPECT_EQ(reason(keys.secret("user/other.cid", 32)), "install.damaged");
  EXPECT_EQ(keys.in_clear(), std::vector<std::string>{});
  OwnKeys again(data);
  EXPECT_TRUE(*again.has("authority.issuing"));
  EXPECT_EQ(again.sm2("authority.issuing")->public_key().point(), issuing.public_key().point());
  EXPECT_EQ(again.es256("credential.p256")->public_key(), p256.public_key());
  EXPECT_EQ(*again.secret("user/city.cid", 32), *keys.secret("user/city.cid", 32));
  ASSERT_TRUE(again.make_sm2("authority.issuing"));  // in place of the former
  EXPECT_NE(OwnKeys(data).sm2("authority.issuing")->public_key().point(), issuing.public_key().point());
}

TEST_F(OwnKeysTest, AKeyUnderItsOwnPassphraseStaysUnderIt) {
  OwnKeys keys(data);
  const auto root = *keys.make_sm2("authority.root", "of the officer");
  ASSERT_TRUE(protect());
  OwnKeys again(data);
  EXPECT_EQ(reason(again.sm2("authority.root")), "crypto.passphrase");
  EXPECT_EQ(again.sm2("authority.root", "of the officer")->public_key().point(), root.public_key().point());
  EXPECT_EQ(again.in_clear(), std::vector<std::string>{});
  const auto without = *again.make_sm2("authority.root");
  EXPECT_FALSE(fs::exists(data / "keys/ca/root.pem"));
  EXPECT_EQ(OwnKeys(data).sm2("authority.root")->public_key().point(), without.public_key().point());
}

TEST_F(OwnKeysTest, WhatIsLeftInTheClearIsNamed) {
  const auto key = *crypto::Sm2PrivateKey::generate();
  const auto put = [&](const char* file, const std::string& content) {
    fs::create_directories((data / file).parent_path());
    ASSERT_TRUE(write_durable(data / file, view(content), 0600));
  };
  put("keys/user/me.pem", *key.to_pem());
  put("keys/user/mine.pem", *key.to_pem("a passphrase of mine"));
  put("keys/user/me.pub", key.public_key().to_pem());
  put("consortium/joinings/x.json", Json{{"encrypt_key", *key.to_pem()}}.dump());
  put("consortium/engine-keys/home/validator.json", R"({"priv_key": {"type": "t", "value": "v"}})");
  put("keys/ec.pem", "-----BEGIN EC PRIVATE KEY-----\n");
  ASSERT_TRUE(protect());
  const std::vector<std::string> left = {"consortium/engine-keys/home/validator.json",
                                         "consortium/joinings/x.json", "keys/ec.pem", "keys/user/me.pem"};
  EXPECT_EQ(OwnKeys(data).in_clear(), left);
}

TEST_F(OwnKeysTest, WhatIsNoKeyIsNamedAndNothingIsMoved) {
  const All before = fill();
  ASSERT_TRUE(write_durable(data / "keys/issuer.p256.pem", view("bent"), 0600));
  EXPECT_EQ(reason(OwnKeys(data).es256("credential.p256")), "install.damaged");
  const Status refused = protect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "install.damaged");
  EXPECT_NE(refused.error().detail.find("keys/issuer.p256.pem"), std::string::npos);
  EXPECT_TRUE(fs::exists(data / "keys/validator.pem"));
  ::unsetenv("CHENGXIN_KEYS_PIN_FILE");
  EXPECT_EQ(*scalar(*std::make_unique<OwnKeys>(data), OwnKeys::rows()[0]), before.at("validator"));
}

// Keys of a device that provider.json names: they sign there, and none is made beside them.
TEST_F(OwnKeysTest, ADevicesKeysAreUsedWhereTheyAre) {
  fs::create_directories(data / "keys");
  const Json sdf = {{"provider", "sdf"},
                    {"library", SDF_SIMULATOR},
                    {"indices", {1}},
                    {"platform", {{"authority.issuing", "1"}}}};
  ASSERT_TRUE(write_durable(data / "keys/provider.json", view(sdf.dump()), 0600));
  ASSERT_TRUE(write_durable(folder / "pin", view("123456"), 0600));
  OwnKeys keys(data);
  const auto issuing = keys.make_sm2("authority.issuing");
  ASSERT_TRUE(issuing) << issuing.error().to_string();
  EXPECT_TRUE(crypto::is_delegated(*issuing));
  EXPECT_TRUE(issuing->public_key().verify(view("m"), *issuing->sign(view("m"))));
  EXPECT_EQ(OwnKeys(data).sm2("authority.issuing")->public_key().point(), issuing->public_key().point());
  EXPECT_FALSE(*keys.has("authority.ocsp"));
  ASSERT_TRUE(keys.make_sm2("authority.ocsp"));  // not named: in a file
  EXPECT_EQ(keys.in_clear(), std::vector<std::string>{"keys/ca/ocsp.pem"});
  EXPECT_EQ(protect().error().reason, "keys.unsupported");
}

TEST_F(OwnKeysTest, AnEs256KeyOfATokenSignsCredentials) {
  fs::create_directories(data / "keys");
  auto token = *open_device("pkcs11");
  ASSERT_TRUE(token->unlock(pin_of("pkcs11")));
  const Key made = *token->generate("credentials", Algorithm::es256);
  token.reset();
  const Json pkcs11 = {{"provider", "pkcs11"},
                       {"library", "/usr/lib/softhsm/libsofthsm2.so"},
                       {"token", softhsm_token()},
                       {"platform", {{"credential.p256", made.id}}}};
  ASSERT_TRUE(write_durable(data / "keys/provider.json", view(pkcs11.dump()), 0600));
  ASSERT_TRUE(write_durable(folder / "pin", view("123456"), 0600));
  const auto key = OwnKeys(data).es256("credential.p256");
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->public_key(), made.public_key);
  EXPECT_TRUE(crypto::es256_verify(key->public_key(), view("m"), *key->sign(view("m"))));
  EXPECT_EQ(reason(key->scalar()), "crypto.key_held");
}

}  // namespace
}  // namespace chengxin::keys
