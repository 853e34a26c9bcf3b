#include "keys/ring.h"

#include <random>

#include "keys/rig_for_tests.h"

namespace chengxin::keys {
namespace {

const Custodians kWho = {"王五", "赵六"};

struct Rings : Folder {
  std::shared_ptr<Provider> provider;
  std::unique_ptr<Ring> ring;
  int64_t time = 1'700'000'000'000;
  std::vector<crypto::Secret> passphrases = {crypto::to_secret(view("holder one")),
                                             crypto::to_secret(view("holder two")),
                                             crypto::to_secret(view("holder three"))};

  void SetUp() override { open("software"); }
  void open(const std::string& kind, std::string journal_key = "journal") {
    ring.reset();
    auto opened = open_provider(kind, folder);
    ASSERT_TRUE(opened) << opened.error().to_string();
    provider = *opened;
    ASSERT_TRUE(provider->unlock(pin_of(kind)));
    auto made = reopened(kind == "software" ? "kek" : "", journal_key);
    ASSERT_TRUE(made) << made.error().to_string();
    ring = std::move(*made);
  }
  Result<std::unique_ptr<Ring>> reopened(std::string seal_key = "kek", std::string journal_key = "journal") {
    ring.reset();
    return Ring::open(provider, folder / "ring",
                      {.custodians = 2, .journal_key = journal_key, .seal_key = seal_key, .now_ms = [this] {
                         return ++time;
                       }});
  }
  Digest digest(uint8_t value) const { return Digest{value}; }
};

// Generation, backup, loss, restoration, rotation, revocation, destruction: threat 14.
TEST_F(Rings, TheLifeOfAKey) {
  auto made = ring->generate("seal-of-city", Kind::sm2, kWho);
  ASSERT_TRUE(made) << made.error().to_string();
  const auto first_key = made->current()->public_key;
  auto shares = ring->backup("seal-of-city", passphrases, kWho, {.k = 2, .iterations = 5});
  ASSERT_TRUE(shares);
  const Digest e = digest(1);
  const auto old_signature = ring->sign("seal-of-city", {&e, 1})->at(0);

  ASSERT_TRUE(provider->destroy(made->current()->id));  // the disk is lost
  EXPECT_EQ(reason(ring->sign("seal-of-city", {&e, 1})), "keys.not_found");
  auto restored = ring->restore("seal-of-city", std::array{(*shares)[2], (*shares)[0]},
                                std::array{passphrases[2], passphrases[0]}, kWho);
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(restored->current()->public_key, first_key);
  EXPECT_TRUE(ring->sign("seal-of-city", {&e, 1}));
  EXPECT_EQ(reason(ring->restore("seal-of-city", *shares, passphrases, kWho)), "keys.exists");

  auto rotated = ring->rotate("seal-of-city", kWho);
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->versions[0].state, State::retired);
  EXPECT_EQ(rotated->current()->number, 2u);
  EXPECT_TRUE(verify_link(rotated->current()->link));
  Json forged = rotated->current()->link;
  forged["statement"]["to"] = hex(first_key);
  EXPECT_FALSE(verify_link(forged));
  EXPECT_FALSE(verify_link({{"statement", 5}}));
  // The old one still verifies what it signed, and what was encrypted to it opens.
  const sm2::DigestCheck check{&first_key, &old_signature, e};
  uint8_t holds = 0;
  crypto::strangers_verifier().verify({&check, 1}, {&holds, 1});
  EXPECT_TRUE(holds);
  const Bytes cipher = *crypto::Sm2PublicKey::from_point(first_key)->encrypt(view("old"));
  EXPECT_EQ(text(*ring->decrypt("seal-of-city", 1, cipher)), "old");

  ASSERT_TRUE(ring->revoke("seal-of-city", 1, "a share was lost", kWho));
  EXPECT_EQ(reason(ring->decrypt("seal-of-city", 1, cipher)), "keys.revoked");
  ASSERT_TRUE(ring->destroy("seal-of-city", 1, kWho));
  EXPECT_EQ(reason(ring->decrypt("seal-of-city", 1, cipher)), "keys.destroyed");
  EXPECT_EQ(reason(ring->destroy("seal-of-city", 1, kWho)), "keys.destroyed");
  ASSERT_TRUE(ring->revoke("seal-of-city", 2, "stolen", kWho));
  EXPECT_EQ(reason(ring->sign("seal-of-city", {&e, 1})), "keys.revoked");
  EXPECT_EQ(reason(ring->rotate("seal-of-city", kWho)), "keys.revoked");

  const Json before = describe(*ring->find("seal-of-city"));
  ring = *reopened();
  EXPECT_EQ(describe(*ring->find("seal-of-city")), before);  // the journal is all that there is
  const Json records = *journal_records(folder / "ring");
  std::vector<std::string> actions;
  for (const Json& line : records) actions.push_back(line["record"]["action"]);
  EXPECT_EQ(actions, (std::vector<std::string>{"begin", "generate", "backup", "restore", "rotate", "revoke",
                                               "destroy", "revoke"}));
  for (size_t i = 1; i < records.size(); ++i) EXPECT_EQ(records[i]["record"]["custodians"], Json(kWho));
}

TEST_F(Rings, WhatWasRevokedComesBackAsRevoked) {
  const auto key = ring->generate("a", Kind::sm2, kWho)->current()->public_key;
  const auto shares = *ring->backup("a", passphrases, kWho, {.k = 2, .iterations = 5});
  const Bytes cipher = *crypto::Sm2PublicKey::from_point(key)->encrypt(view("secret"));
  ASSERT_TRUE(ring->revoke("a", 1, "", kWho));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(ring->destroy("a", 1, kWho)) << round;
    auto restored = ring->restore("a", shares, passphrases, kWho);
    ASSERT_TRUE(restored) << restored.error().to_string();
    EXPECT_EQ(restored->versions[0].state, State::revoked) << round;
    EXPECT_EQ(reason(ring->decrypt("a", 1, cipher)), "keys.revoked");
  }
  ring = *reopened();
  EXPECT_EQ(ring->find("a")->versions[0].state, State::revoked);
  EXPECT_EQ(reason(ring->decrypt("a", 1, cipher)), "keys.revoked");
}

TEST_F(Rings, CustodiansAreNamedAndDifferent) {
  for (const Custodians& who :
       {Custodians{}, Custodians{"王五"}, Custodians{"王五", "王五"}, Custodians{"王五", ""}}) {
    EXPECT_EQ(reason(ring->generate("k", Kind::sm2, who)), "keys.custodians");
    EXPECT_EQ(ring->records(), 1u);
  }
  ASSERT_TRUE(ring->generate("k", Kind::sm2, kWho));
  EXPECT_EQ(reason(ring->rotate("k", {"王五"})), "keys.custodians");
  EXPECT_EQ(reason(ring->revoke("k", 1, "", {"王五"})), "keys.custodians");
  EXPECT_EQ(reason(ring->destroy("k", 1, {"王五"})), "keys.custodians");
  EXPECT_TRUE(ring->find("k")->current());
  EXPECT_EQ(provider->list()->size(), 3u);  // nothing half made: the journal's, the wrapping and this one
}

TEST_F(Rings, SharesOfAnotherKeyDoNotRestoreIt) {
  ASSERT_TRUE(ring->generate("a", Kind::sm2, kWho));
  ASSERT_TRUE(ring->generate("b", Kind::sm2, kWho));
  auto of_a = *ring->backup("a", passphrases, kWho, {.k = 2, .iterations = 5});
  EXPECT_EQ(reason(ring->restore("b", of_a, passphrases, kWho)), "keys.shares_wrong");
  EXPECT_EQ(reason(ring->backup("a", std::span(passphrases).first(1), kWho, {.k = 2, .iterations = 5})),
            "keys.shares_threshold");
  // On another machine, with nothing but the shares.
  const auto key = ring->find("a")->current()->public_key;
  fs::remove_all(folder / "store");
  fs::remove_all(folder / "ring");
  open("software");
  auto restored =
      ring->restore("a", std::array{of_a[1], of_a[2]}, std::array{passphrases[1], passphrases[2]}, kWho);
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(restored->current()->public_key, key);
}

TEST_F(Rings, DataKeysAreRotatedAndErased) {
  ASSERT_TRUE(ring->generate("records", Kind::sm4, kWho));
  const std::string id = ring->find("records")->current()->id;
  const Bytes bytes = *ring->sealed()->seal(id, {}, view("x"));
  ASSERT_TRUE(ring->rotate("records", kWho));
  EXPECT_NE(ring->find("records")->current()->id, id);
  EXPECT_EQ(text(*ring->sealed()->unseal(id, {}, bytes)), "x");
  ASSERT_TRUE(ring->destroy("records", 1, kWho));
  EXPECT_EQ(reason(ring->sealed()->unseal(id, {}, bytes)), "keys.erased");
  const Digest e = digest(1);
  EXPECT_EQ(reason(ring->sign("records", {&e, 1})), "keys.unsupported");
}

TEST_F(Rings, OverADeviceWhoseKeysStayThere) {
  fs::remove_all(folder / "ring");
  open("sdf", "1");
  ASSERT_TRUE(ring->adopt("node", "2", kWho));
  EXPECT_EQ(reason(ring->adopt("other", "9", kWho)), "keys.not_found");
  EXPECT_EQ(reason(ring->generate("new", Kind::sm2, kWho)), "keys.unsupported");
  EXPECT_EQ(reason(ring->backup("node", passphrases, kWho, {})), "keys.unsupported");
  const Digest e = digest(3);
  EXPECT_TRUE(ring->sign("node", {&e, 1}));
  EXPECT_EQ(reason(reopened("", "nowhere")), "keys.no_journal_key");
}

TEST_F(Rings, OverAUKey) {
  fs::remove_all(folder / "ring");
  open("skf");
  ASSERT_TRUE(ring->generate("login", Kind::sm2, kWho));
  auto rotated = ring->rotate("login", kWho);
  ASSERT_TRUE(rotated) << rotated.error().to_string();
  EXPECT_TRUE(verify_link(rotated->current()->link));
  EXPECT_TRUE(ring->destroy("login", 1, kWho));
  EXPECT_EQ(provider->list()->size(), 2u);
}

// Changed, cut, left out, put in another order: each is found, with its line.
TEST_F(Rings, TheJournalShowsWhatWasDoneToIt) {
  ASSERT_TRUE(ring->generate("a", Kind::sm2, kWho));
  ASSERT_TRUE(ring->rotate("a", kWho));
  ASSERT_TRUE(ring->revoke("a", 1, "old", kWho));
  const fs::path path = folder / "ring" / "journal.jsonl";
  const std::string whole = to_string(*read_file(path, 1 << 20));
  std::vector<std::string> lines;
  for (size_t from = 0, end; (end = whole.find('\n', from)) != whole.npos; from = end + 1)
    lines.push_back(whole.substr(from, end - from + 1));
  ASSERT_EQ(lines.size(), 4u);
  const auto with = [&](const std::string& content) {
    EXPECT_TRUE(write_durable(path, view(content), 0600));
    auto out = reopened();
    return out ? std::string("ok") : out.error().to_string();
  };
  std::string changed = whole;
  changed.replace(changed.rfind("old"), 3, "new");
  EXPECT_NE(with(changed).find("keys.journal_broken: journal.jsonl line 4"), std::string::npos)
      << with(changed);
  EXPECT_NE(with(lines[0] + lines[2] + lines[3]).find("keys.journal_broken: journal.jsonl line 2"),
            std::string::npos);
  EXPECT_NE(with(lines[0] + lines[2] + lines[1] + lines[3]).find("line 2"), std::string::npos);
  EXPECT_NE(with(lines[0] + lines[1] + lines[2]).find("keys.journal_cut"), std::string::npos);
  EXPECT_NE(with("").find("keys.journal_cut"), std::string::npos);
  EXPECT_NE(with(whole + lines[3]).find("line 5"), std::string::npos);
  EXPECT_EQ(with(whole + "{\"half"), "ok");  // torn by a crash: the head never named it
  EXPECT_EQ(with(whole), "ok");
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < 200; ++i) {
    std::string bent = whole;
    bent[random() % (whole.size() - 1)] ^= char(1 << random() % 7);
    EXPECT_NE(with(bent), "ok");
  }
}

TEST_F(Rings, ACrashBetweenRecordAndDestructionIsFinished) {
  ASSERT_TRUE(ring->generate("a", Kind::sm2, kWho));
  const std::string id = ring->find("a")->current()->id;
  const crypto::Secret scalar = *provider->reveal(id);
  ASSERT_TRUE(ring->destroy("a", 1, kWho));
  ASSERT_TRUE(provider->import_private(id, scalar));  // as if the destruction had not come to be
  ring = *reopened();
  EXPECT_EQ(reason(provider->find(id)), "keys.not_found");
}

// The record is on the disk, the head is not: the step counts.
TEST_F(Rings, ACrashBetweenRecordAndHead) {
  const Bytes head = *read_file(folder / "ring" / "journal.head", 4096);
  ASSERT_TRUE(ring->generate("a", Kind::sm2, kWho));
  ASSERT_TRUE(write_durable(folder / "ring" / "journal.head", head, 0600));
  ring = *reopened();
  EXPECT_TRUE(ring->find("a"));
  EXPECT_EQ(ring->records(), 2u);
}

}  // namespace
}  // namespace chengxin::keys
