#include "keys/keystore.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/rig_for_tests.h"

namespace chengxin::keys {
namespace {

struct Keystores : Folder {
  fs::path place = folder / "store";
  std::shared_ptr<Keystore> made(std::string_view passphrase = "correct horse") {
    EXPECT_TRUE(Keystore::create(place, view(passphrase), kFewIterations));
    auto store = *Keystore::open(place);
    EXPECT_TRUE(store->unlock(view(passphrase)));
    return store;
  }
  Bytes bytes(const std::string& name) const { return *read_file(place / name, 1 << 20); }
  void write(const std::string& name, ByteView what) const { std::ofstream(place / name) << text(what); }
};

TEST_F(Keystores, OpensWithItsPassphraseAndNoOther) {
  auto store = made();
  const Key key = *store->generate("one", Algorithm::sm2);
  auto again = *Keystore::open(place);
  EXPECT_EQ(again->list()->at(0).public_key, key.public_key);  // the public half needs none
  EXPECT_EQ(again->unlock(view("correct horsf")).error().reason, "keys.passphrase");
  EXPECT_EQ(again->unlock({}).error().reason, "keys.passphrase");
  EXPECT_EQ(reason(again->reveal("one")), "keys.locked");
  EXPECT_TRUE(again->unlock(view("correct horse")));
  EXPECT_EQ(crypto::Sm2PrivateKey::from_scalar(*again->reveal("one"))->public_key().point(), key.public_key);
  EXPECT_EQ(Keystore::create(place, view("correct horse"), kFewIterations).error().reason, "keys.exists");
  EXPECT_EQ(reason(Keystore::open(folder / "elsewhere")), "keys.no_keystore");
  EXPECT_EQ(Keystore::create(folder / "short", view("seven77"), kFewIterations).error().reason,
            "keys.passphrase_short");
}

// Every byte of both files, bent: never another key, never a wrong passphrase where the file is at fault.
TEST_F(Keystores, ABentFileIsNotAWrongPassphrase) {
  made()->generate("one", Algorithm::sm2).value();
  for (std::string name : {"keystore.json", "one.key"}) {
    const Bytes whole = bytes(name);
    for (size_t at = 0; at < whole.size(); ++at) {
      Bytes bent = whole;
      bent[at] ^= 1;
      write(name, bent);
      auto store = Keystore::open(place);
      Status status = store ? (*store)->unlock(view("correct horse")) : Status(tl::unexpected(store.error()));
      if (status) {
        auto secret = (*store)->reveal("one");
        if (!secret) status = tl::unexpected(secret.error());
      }
      // White space may change without a meaning.
      if (status) {
        EXPECT_TRUE(whole[at] == ' ' || whole[at] == '\n') << name << " " << at;
      } else {
        EXPECT_EQ(status.error().reason, "keys.damaged") << name << " " << at;
      }
    }
    for (size_t size : {size_t(0), size_t(1), whole.size() / 2, whole.size() - 3}) {  // torn
      write(name, ByteView(whole).first(size));
      auto store = Keystore::open(place);
      EXPECT_EQ(store ? reason((*store)->reveal("one")) : reason(store), "keys.damaged") << size;
    }
    write(name, whole);
  }
}

TEST_F(Keystores, AKeyOfAnotherStoreDoesNotPass) {
  auto store = made();
  ASSERT_TRUE(store->generate("one", Algorithm::sm2));
  ASSERT_TRUE(Keystore::create(folder / "other", view("correct horse"), kFewIterations));
  fs::copy_file(place / "one.key", folder / "other" / "one.key");
  auto other = *Keystore::open(folder / "other");
  ASSERT_TRUE(other->unlock(view("correct horse")));
  EXPECT_EQ(reason(other->reveal("one")), "keys.damaged");
  fs::copy_file(place / "one.key", place / "two.key");  // nor under another name
  EXPECT_EQ(reason(store->list()), "keys.damaged");
}

TEST_F(Keystores, OthersMayNotReadIt) {
  made()->generate("one", Algorithm::sm2).value();
  for (std::string name : {"keystore.json", "one.key"})
    EXPECT_EQ(unsigned(fs::status(place / name).permissions()), 0600u);
  EXPECT_EQ(unsigned(fs::status(place).permissions()), 0700u);
  ::chmod((place / "keystore.json").c_str(), 0640);
  EXPECT_EQ(reason(Keystore::open(place)), "keys.permissions");
}

TEST_F(Keystores, ANewPassphraseRewritesOneFile) {
  auto store = made();
  ASSERT_TRUE(store->generate("one", Algorithm::sm2));
  const Bytes before = bytes("one.key");
  EXPECT_EQ(store->change_passphrase(view("wrong"), view("battery staple"), kFewIterations).error().reason,
            "keys.passphrase");
  EXPECT_TRUE(store->change_passphrase(view("correct horse"), view("battery staple"), kFewIterations));
  EXPECT_EQ(bytes("one.key"), before);
  auto again = *Keystore::open(place);
  EXPECT_EQ(again->unlock(view("correct horse")).error().reason, "keys.passphrase");
  ASSERT_TRUE(again->unlock(view("battery staple")));
  EXPECT_TRUE(again->reveal("one"));
}

TEST_F(Keystores, NothingSecretStandsInTheFiles) {
  auto store = made();
  ASSERT_TRUE(store->generate("one", Algorithm::sm2));
  const crypto::Secret scalar = *store->reveal("one");
  for (const auto& entry : fs::directory_iterator(place)) {
    const std::string content = to_string(*read_file(entry.path(), 1 << 20));
    EXPECT_EQ(content.find(hex(scalar)), content.npos);
    EXPECT_EQ(content.find(to_string(scalar)), content.npos);
    EXPECT_EQ(content.find("correct horse"), content.npos);
  }
}

TEST_F(Keystores, PublicHalvesOfOthers) {
  auto store = made();
  const auto theirs = crypto::Sm2PrivateKey::generate()->public_key();
  ASSERT_TRUE(store->import_public("theirs", theirs));
  EXPECT_FALSE(store->find("theirs")->held);
  const Digest e{1};
  EXPECT_EQ(reason(store->sign("theirs", {&e, 1})), "keys.unsupported");
  EXPECT_EQ(reason(store->import_public("theirs", theirs)), "keys.exists");
}

TEST_F(Keystores, KeepsEs256KeysToo) {
  auto store = made();
  const Key own = *store->generate("p256", Algorithm::es256);
  ASSERT_TRUE(store->generate("sm2", Algorithm::sm2));
  auto again = *Keystore::open(place);
  EXPECT_EQ(again->find("p256")->algorithm, Algorithm::es256);
  EXPECT_EQ(again->find("sm2")->algorithm, Algorithm::sm2);
  ASSERT_TRUE(again->unlock(view("correct horse")));
  const auto signature = *again->sign_message("p256", view("m"));
  EXPECT_TRUE(crypto::es256_verify(own.public_key, view("m"), signature));
  EXPECT_FALSE(crypto::es256_verify(own.public_key, view("n"), signature));
  EXPECT_EQ(reason(again->decrypt("p256", Bytes(120))), "keys.unsupported");
  EXPECT_EQ(crypto::Es256PrivateKey::from_scalar(*again->reveal("p256"))->public_key(), own.public_key);
  const crypto::Secret zero(32), much(32, 0xff);
  for (ByteView bad : {ByteView(zero), ByteView(much), ByteView(much).first(31)})
    EXPECT_EQ(reason(again->put_private("p256", Algorithm::es256, bad)), "crypto.private_key");
  ASSERT_TRUE(again->put_private("p256", Algorithm::es256, *again->reveal("p256")));
  EXPECT_EQ(reason(again->import_private("p256", *again->reveal("sm2"))), "keys.exists");
}

// A process that is killed while it writes leaves the key whole or not there, and the store usable.
TEST_F(Keystores, KilledAtAnyTimeItStaysWhole) {
  auto store = made();
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0;; ++i) {
        const std::string id = "r" + std::to_string(round) + "-" + std::to_string(i);
        if (!store->generate(id, Algorithm::sm2) || (i % 2 && !store->destroy(id))) ::_exit(1);
      }
    }
    ::usleep(useconds_t(2000 + round * 1500));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto again = *Keystore::open(place);
    ASSERT_TRUE(again->unlock(view("correct horse")));
    auto keys = again->list();
    ASSERT_TRUE(keys) << keys.error().to_string();
    for (const Key& key : *keys)
      EXPECT_EQ(crypto::Sm2PrivateKey::from_scalar(*again->reveal(key.id))->public_key().point(),
                key.public_key);
  }
}

}  // namespace
}  // namespace chengxin::keys
