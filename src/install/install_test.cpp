#include "install/install.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "keys/configured.h"

namespace chengxin::install {
namespace {

struct Install : testing::Test {
  fs::path data = fs::path(testing::TempDir()) / ("install-" + std::to_string(std::random_device{}()));
  ~Install() override { fs::remove_all(data); }

  std::string opened() const {
    auto installation = open(data);
    return installation ? "ok" : installation.error().reason;
  }
  std::vector<std::string> findings() const {
    std::vector<std::string> out;
    for (const Finding& finding : examine(data)) out.push_back(finding.reason + " " + finding.detail);
    return out;
  }
};

TEST_F(Install, OpensWhatItMakesAndMakesItOnce) {
  EXPECT_EQ(opened(), "install.missing");
  ASSERT_TRUE(create(data));
  EXPECT_EQ(opened(), "ok");
  auto first = open(data).value();
  ASSERT_TRUE(create(data));
  auto second = open(data).value();
  EXPECT_EQ(first.validator_key.public_key().point(), second.validator_key.public_key().point());
  EXPECT_EQ(first.owner_token, second.owner_token);
  EXPECT_GE(first.owner_token.size(), 64u);
  EXPECT_TRUE(examine(data).empty());
  for (const auto& entry : fs::recursive_directory_iterator(data / "keys"))
    if (entry.path().extension() == ".pem" || entry.path().extension() == ".key")
      EXPECT_EQ(unsigned(fs::status(entry.path()).permissions()), 0600u) << entry.path();
}

TEST_F(Install, AnInterruptedOneIsCompleted) {
  ASSERT_TRUE(create(data));
  auto key = open(data)->validator_key.public_key().point();
  for (const char* lost :
       {"VERSION", "manifest.sig", "manifest.json", "run/credential", "keys/authority/timestamp.der"}) {
    fs::remove(data / "VERSION");
    fs::remove(data / lost);
    ASSERT_TRUE(write_durable(data / "manifest.json.123.tmp", view("half")));
    ASSERT_TRUE(create(data)) << lost;
    EXPECT_EQ(opened(), "ok") << lost;
    EXPECT_EQ(open(data)->validator_key.public_key().point(), key);
  }
}

// A key made anew in silence would be worse than none: chains could not go on, originals would not open.
TEST_F(Install, ALostKeyIsNamedAndNotMadeAnew) {
  ASSERT_TRUE(create(data));
  for (std::string lost : std::vector<std::string>{"keys/validator.pem", "keys/service.pem", "keys/blob.key",
                                                   "keys/authority/timestamp.pem"}) {
    fs::rename(data / lost, data / "aside");
    ASSERT_TRUE(create(data));
    EXPECT_FALSE(fs::exists(data / lost));
    EXPECT_EQ(opened(), "install.damaged") << lost;
    auto found = findings();
    ASSERT_EQ(found.size(), 1u) << lost;
    EXPECT_NE(found[0].find(lost), std::string::npos) << found[0];
    fs::rename(data / "aside", data / lost);
  }
  EXPECT_EQ(opened(), "ok");
}

// Whole installations whose keys are in the keystore: opened with the passphrase, and what is in a file all
// the same is told.
TEST_F(Install, AProtectedOneOpensWithItsPassphraseAndSaysWhatIsLeft) {
  ASSERT_TRUE(create(data));
  const auto before = open(data).value();
  const Bytes validator = read_file(data / "keys/validator.pem", 1 << 16).value();
  ASSERT_TRUE(keys::OwnKeys(data).protect(view("correct horse battery"), 10));
  EXPECT_EQ(opened(), "keys.locked");
  ASSERT_EQ(findings().size(), 1u);
  EXPECT_TRUE(findings()[0].starts_with("keys.locked"));
  const fs::path pin = data.string() + ".pin";
  ASSERT_TRUE(write_durable(pin, view("correct horse battery"), 0600));
  ::setenv("CHENGXIN_KEYS_PIN_FILE", pin.c_str(), 1);
  EXPECT_EQ(opened(), "ok");
  EXPECT_EQ(open(data)->validator_key.public_key().point(), before.validator_key.public_key().point());
  EXPECT_EQ(open(data)->blob_key, before.blob_key);
  EXPECT_TRUE(examine(data).empty());
  ASSERT_TRUE(check_keys(data));
  ASSERT_TRUE(write_durable(data / "keys/validator.pem", validator, 0600));
  EXPECT_EQ(findings(), std::vector<std::string>{"keys.in_clear keys/validator.pem"});
  // As interruptions leave them; an application's own file is none of the platform's.
  fs::rename(data / "keys/validator.pem", data / "keys/validator.pem.destroyed");
  ASSERT_TRUE(write_durable(data / "keys/service.pem.4711.tmp", validator, 0600));
  ASSERT_TRUE(write_durable(data / "keys/blob.key", before.blob_key, 0600));
  ASSERT_TRUE(write_durable(data / "keys/mine.pem", validator, 0600));
  const std::vector<std::string> left = {"keys.in_clear keys/blob.key",
                                         "keys.in_clear keys/service.pem.4711.tmp",
                                         "keys.in_clear keys/validator.pem.destroyed"};
  EXPECT_EQ(findings(), left);
  for (const char* name : {"mine.pem", "service.pem.4711.tmp", "validator.pem.destroyed", "blob.key"})
    fs::remove(data / "keys" / name);
  // The provider is software's when provider.json does not say.
  Json configuration = keys::read_configuration(data / "keys").value();
  configuration.erase("provider");
  ASSERT_TRUE(write_durable(data / "keys/provider.json", view(configuration.dump()), 0600));
  ASSERT_TRUE(write_durable(data / "keys/validator.pem", validator, 0600));
  EXPECT_EQ(findings(), std::vector<std::string>{"keys.in_clear keys/validator.pem"});
  fs::remove(data / "keys/validator.pem");
  fs::remove(data / "keys/keystore/platform-service.key");
  EXPECT_EQ(opened(), "install.damaged");
  EXPECT_EQ(check_keys(data).error().reason, "install.damaged");
  ASSERT_TRUE(create(data));  // makes none in its place
  EXPECT_EQ(opened(), "install.damaged");
  ::unsetenv("CHENGXIN_KEYS_PIN_FILE");
  fs::remove(pin);
}

TEST_F(Install, RefusesWhatItDidNotMake) {
  fs::create_directories(data);
  ASSERT_TRUE(write_durable(data / "somebody's", view("x")));
  EXPECT_EQ(create(data).error().reason, "install.not_empty");
}

TEST_F(Install, EveryExposedSecretIsNamedAtOnce) {
  ASSERT_TRUE(create(data));
  ::chmod((data / "keys/service.pem").c_str(), 0644);
  ::chmod((data / "run/credential").c_str(), 0640);
  EXPECT_EQ(opened(), "install.modes");
  auto found = findings();
  ASSERT_EQ(found.size(), 3u);  // and each is not as it was sealed
  EXPECT_NE(found[0].find("keys/service.pem"), std::string::npos);
  EXPECT_NE(found[0].find("run/credential"), std::string::npos);
  ::chmod((data / "keys/service.pem").c_str(), 0600);
  ::chmod((data / "run/credential").c_str(), 0600);
  fs::create_directory(data / "keys/user");
  ::chmod((data / "keys/user").c_str(), 0700);
  ASSERT_TRUE(write_durable(data / "keys/user/me.pub", view("04"), 0644));  // a public key is no secret
  EXPECT_EQ(opened(), "ok");
  EXPECT_EQ(findings(), std::vector<std::string>());
}

TEST_F(Install, AChangedConfigurationNeedsTheOwnersSeal) {
  ASSERT_TRUE(create(data));
  ASSERT_TRUE(write_durable(data / "chengxin.yaml", view("log.level: warn\n"), 0600));
  EXPECT_EQ(opened(), "install.manifest");
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(open(data)->config.log_level, "warn");
  ASSERT_TRUE(write_durable(data / "chengxin.yaml", view("log.levle: warn\n"), 0600));
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(opened(), "config.invalid");
  Bytes manifest = read_file(data / "manifest.json", 1 << 20).value();
  manifest[manifest.size() / 2] ^= 1;
  ASSERT_TRUE(write_durable(data / "manifest.json", manifest));
  EXPECT_EQ(opened(), "install.manifest");
}

TEST_F(Install, AFileThatTheConfigurationNamesIsThereAndFits) {
  ASSERT_TRUE(create(data));
  const fs::path file = data / "city.pem";
  for (const char* setting : {"access.roots", "access.crls", "credential.roots"}) {
    ASSERT_TRUE(write_durable(data / "chengxin.yaml", view(fmt::format("{}: city.pem\n", setting)), 0600));
    ASSERT_TRUE(seal(data));
    const auto refused = open(data);
    ASSERT_FALSE(refused) << setting;
    EXPECT_EQ(refused.error().reason, "config.file");
    EXPECT_EQ(refused.error().detail,
              fmt::format("{}: {}: No such file or directory", setting, file.string()));
    EXPECT_EQ(findings(), std::vector<std::string>{"config.file " + refused.error().detail});
    const bool list = std::string_view(setting) == "access.crls";
    ASSERT_TRUE(write_durable(file, view("no certificate")));
    EXPECT_EQ(opened(), list ? "ok" : "config.file") << "lists are read when somebody signs in";
    const bool of_tls = std::string_view(setting) == "credential.roots";
    ASSERT_TRUE(write_durable(file, view("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")));
    EXPECT_EQ(opened(), list || of_tls ? "ok" : "config.file") << "forms that TLS alone has to know";
    fs::remove(file);
  }
  ASSERT_TRUE(write_durable(data / "chengxin.yaml", view("server.tls_key: city.pem\n"), 0600));
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(opened(), "ok") << "server.tls is off";
}

TEST_F(Install, ANewerFolderAndASecondProcessAreRefused) {
  ASSERT_TRUE(create(data));
  {
    auto lock = Lock::take(data);
    ASSERT_TRUE(lock);
    EXPECT_EQ(Lock::take(data).error().reason, "install.in_use");
  }
  EXPECT_TRUE(Lock::take(data));
  ASSERT_TRUE(write_durable(data / "VERSION", view("2\n")));
  EXPECT_EQ(opened(), "install.newer_version");
  EXPECT_EQ(create(data).error().reason, "install.newer_version");
}

}  // namespace
}  // namespace chengxin::install
