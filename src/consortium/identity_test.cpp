#include "consortium/identity.h"

#include <gtest/gtest.h>

#include "ledger/testing.h"

namespace chengxin::consortium {
namespace {

constexpr int64_t kNowMs = 1'790'000'000'000;

struct Roots : ::testing::Test {
  ledger::testing::TemporaryFolder base;
  const fs::path folder = base.path / "consortium";
  const crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  Identity open() { return Identity::open(folder, key).value(); }
  static bool sound(const Identity& identity) { return certificate_findings(identity, kNowMs).empty(); }
  void SetUp() override {
    ASSERT_TRUE(Identity::create(folder, {"city", "City", "city-1", "city:7443"}, key, kNowMs));
  }
};

// However far it came: what open() finds is the old root with its certificates, or the new one with its own.
TEST_F(Roots, TakingOneUpIsFinishedAfterACrash) {
  const Bytes old = open().root().der;
  Bytes next;
  {
    Identity identity = open();
    next = identity.prepare_root(kNowMs).value().der;
    EXPECT_EQ(identity.prepare_root(kNowMs).value().der, next) << "the one that waits";
    EXPECT_EQ(identity.root().der, old);
  }
  EXPECT_EQ(open().root().der, old);
  EXPECT_EQ(open().next_root()->der, next) << "kept";

  const fs::path kept = base.path / "kept";
  fs::copy(folder, kept, fs::copy_options::recursive);
  Identity taking = open();
  ASSERT_TRUE(taking.take_next_root(kNowMs));
  EXPECT_TRUE(sound(taking));
  // As if it had ended after the mark was made, and after each of the files that were put in place.
  const std::vector<const char*> files = {"root.pem", "root.der", "encrypt.der", "sign.der"};
  for (size_t done = 0; done <= files.size(); ++done) {
    const fs::path cut = base.path / std::to_string(done);
    fs::copy(kept, cut, fs::copy_options::recursive);
    fs::permissions(cut, fs::perms::owner_all);
    for (const char* name : files)
      fs::copy_file(folder / name, cut / "next-root" / name, fs::copy_options::overwrite_existing);
    for (size_t i = 0; i < done; ++i)
      fs::copy_file(folder / files[i], cut / files[i], fs::copy_options::overwrite_existing);
    ASSERT_TRUE(write_durable(cut / "next-root" / "taken", {}));
    auto opened = Identity::open(cut, key);
    ASSERT_TRUE(opened) << done << " " << opened.error().to_string();
    EXPECT_EQ(opened->root().der, next);
    EXPECT_FALSE(opened->next_root());
    EXPECT_TRUE(opened->governs() && sound(*opened)) << done;
    EXPECT_FALSE(fs::exists(cut / "next-root"));
  }
  // Or while the folder was taken away, whatever is left of it; what was done since then stays.
  ASSERT_TRUE(Identity::open(folder, key)->revoke({}, kNowMs));
  fs::create_directory(folder / "next-root");
  for (const char* name : {"taken", "sign.der"})
    ASSERT_TRUE(write_durable(folder / "next-root" / name, view("left")));
  auto opened = Identity::open(folder, key);
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_TRUE(sound(*opened) && opened->crls().size() == 1);
  EXPECT_FALSE(fs::exists(folder / "next-root"));
  fs::create_directory(folder / "next-root");
  ASSERT_TRUE(write_durable(folder / "next-root" / "sign.der", view("left")));
  EXPECT_FALSE(Identity::open(folder, key)->next_root());
  // An operator makes the mark where no vote is seen any more.
  fs::permissions(kept, fs::perms::owner_all);
  ASSERT_TRUE(write_durable(kept / "next-root" / "taken", {}));
  opened = Identity::open(kept, key);
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_EQ(opened->root().der, next);
  EXPECT_TRUE(opened->governs() && sound(*opened));
}

// As a power cut within create() leaves it: the file that says that all is there is missing.
TEST_F(Roots, WhatWasLeftOfAnotherIdentityIsNotMixedIn) {
  Identity governing = open();
  ASSERT_TRUE(governing.prepare_governor());
  ASSERT_TRUE(governing.prepare_key(kNowMs));
  ASSERT_TRUE(governing.take_next_key(kNowMs));
  const fs::path other = base.path / "other";
  fs::copy(folder, other, fs::copy_options::recursive);
  fs::permissions(other, fs::perms::owner_all);
  fs::remove(other / "identity.json");
  const auto encrypt_key = crypto::Sm2PrivateKey::generate().value();
  const Names names{"city", "City", "city-2", "city:7444"};
  const auto given =
      issue_node(governing.authority(), names, key.public_key(), encrypt_key.public_key(), kNowMs).value();
  ASSERT_TRUE(Identity::create(other, Identity::Granted{names, governing.root(), given, encrypt_key}));
  const Identity made = Identity::open(other, key).value();
  EXPECT_FALSE(made.governs() || made.has_next_governor());
  EXPECT_TRUE(sound(made));
}

TEST_F(Roots, AnotherNodeTakesOnlyWhatIsItsOwn) {
  Identity governing = open();
  const auto other_key = crypto::Sm2PrivateKey::generate().value();
  const auto encrypt_key = crypto::Sm2PrivateKey::generate().value();
  const Names names{"city", "City", "city-2", "city:7444"};
  auto first =
      issue_node(governing.authority(), names, other_key.public_key(), encrypt_key.public_key(), kNowMs);
  const fs::path other = base.path / "other";
  ASSERT_TRUE(Identity::create(other, Identity::Granted{names, governing.root(), *first, encrypt_key}));
  Identity identity = Identity::open(other, other_key).value();
  EXPECT_EQ(identity.prepare_root(kNowMs).error().reason, "consortium.not_governing");

  const auto root = governing.prepare_root(kNowMs).value();
  format::Node node;
  node.name = names.node;
  node.address = names.address;
  node.key = other_key.public_key().point();
  const auto issued = governing.issue_next(node, encrypt_key.public_key(), kNowMs).value();
  auto reason = [&](const crypto::Certificate& of, const NodeCertificates& certificates) {
    auto status = identity.put_next_root(of, certificates, kNowMs);
    return status ? std::string("ok") : status.error().reason;
  };
  EXPECT_EQ(reason(governing.root(), issued), "consortium.certificates_given") << "of another root";
  EXPECT_EQ(reason(root, {issued.encrypt, issued.sign}), "consortium.certificates_given")
      << "the wrong usage";
  node.key = encrypt_key.public_key().point();
  EXPECT_EQ(reason(root, governing.issue_next(node, encrypt_key.public_key(), kNowMs).value()),
            "consortium.certificates_given")
      << "another key";
  EXPECT_FALSE(identity.next_root());
  EXPECT_EQ(identity.put_certificates(issued, kNowMs).error().reason, "consortium.certificates_given")
      << "of a root that is not in use yet";
  node.key = other_key.public_key().point();
  EXPECT_TRUE(
      identity.put_certificates(governing.issue(node, encrypt_key.public_key(), kNowMs).value(), kNowMs));
  EXPECT_EQ(reason(root, issued), "ok");
  identity = Identity::open(other, other_key).value();
  EXPECT_EQ(identity.root().der, governing.root().der);
  ASSERT_TRUE(identity.take_next_root(kNowMs));
  for (const Identity& each : {identity, Identity::open(other, other_key).value()}) {
    EXPECT_EQ(each.root().der, root.der);
    EXPECT_FALSE(each.governs());
    EXPECT_TRUE(sound(each));
  }
}

}  // namespace
}  // namespace chengxin::consortium
