#include "keys/sealed.h"

#include "keys/rig_for_tests.h"

namespace chengxin::keys {
namespace {

struct SealedTest : Folder, testing::WithParamInterface<std::string> {
  std::shared_ptr<Provider> provider;
  Sealed::Options options;
  std::shared_ptr<Sealed> sealed;

  void SetUp() override {
    provider = *open_provider(GetParam(), folder);
    ASSERT_TRUE(provider->unlock(pin_of(GetParam())));
    if (GetParam() == "software") {
      for (const char* id : {"kek1", "kek2", "signer"}) ASSERT_TRUE(provider->generate(id, Algorithm::sm2));
      options = {"kek1", "signer"};
    } else {
      options = {"1e", "1"};
    }
    reopen();
  }
  void reopen() {
    auto opened = Sealed::open(provider, folder / "data", options);
    ASSERT_TRUE(opened) << opened.error().to_string();
    sealed = *opened;
  }
  std::string second_kek() const { return GetParam() == "software" ? "kek2" : "2e"; }
  std::string opened(const std::string& name, ByteView bytes, std::string_view context = "record 1") {
    auto plain = sealed->unseal(name, view(context), bytes);
    return plain ? to_string(*plain) : plain.error().reason;
  }
};

TEST_P(SealedTest, OpensUnderItsNameAndContextOnly) {
  ASSERT_TRUE(sealed->create("tenant-a"));
  ASSERT_TRUE(sealed->create("tenant-b"));
  EXPECT_EQ(sealed->create("tenant-a").error().reason, "keys.exists");
  const Bytes bytes = *sealed->seal("tenant-a", view("record 1"), view("张三"));
  EXPECT_EQ(bytes.size(), view("张三").size() + 36);
  EXPECT_EQ(opened("tenant-a", bytes), "张三");
  EXPECT_EQ(opened("tenant-b", bytes), "crypto.decrypt");
  EXPECT_EQ(opened("tenant-a", bytes, "record 2"), "crypto.decrypt");
  EXPECT_EQ(opened("tenant-c", bytes), "keys.not_found");
  for (size_t at = 0; at < bytes.size(); ++at) {
    Bytes bent = bytes;
    bent[at] ^= 1;
    EXPECT_EQ(opened("tenant-a", bent), "crypto.decrypt") << at;
    EXPECT_EQ(opened("tenant-a", ByteView(bytes).first(at)), "crypto.decrypt") << at;
  }
  reopen();
  EXPECT_EQ(opened("tenant-a", bytes), "张三");
}

// Threat 24.
TEST_P(SealedTest, AnErasedTenantIsUnreadableForGood) {
  ASSERT_TRUE(sealed->create("tenant-a"));
  const Bytes bytes = *sealed->seal("tenant-a", view("record 1"), view("secret"));
  const Bytes file = *read_file(folder / "data" / "tenant-a.dk", 1 << 20);
  ASSERT_TRUE(sealed->erase("tenant-a"));
  EXPECT_TRUE(sealed->erase("tenant-a"));
  EXPECT_EQ(opened("tenant-a", bytes), "keys.erased");
  EXPECT_EQ(reason(sealed->seal("tenant-a", {}, {})), "keys.erased");
  EXPECT_EQ(sealed->create("tenant-a").error().reason, "keys.exists");  // the name does not come back
  reopen();
  EXPECT_EQ(opened("tenant-a", bytes), "keys.erased");
  const Json wrapped = parse_json(text(file)).value()["versions"][0];
  for (const auto& entry : fs::directory_iterator(folder / "data"))
    EXPECT_EQ(to_string(*read_file(entry.path(), 1 << 20)).find(wrapped.get<std::string>()),
              std::string::npos);
}

TEST_P(SealedTest, ANewKekTouchesNoDataAndANewVersionKeepsTheOld) {
  ASSERT_TRUE(sealed->create("tenant-a"));
  const Bytes first = *sealed->seal("tenant-a", view("record 1"), view("first"));
  ASSERT_TRUE(sealed->renew("tenant-a"));
  const Bytes second = *sealed->seal("tenant-a", view("record 1"), view("second"));
  EXPECT_EQ(sealed->change_kek(second_kek()).value(), 1u);
  EXPECT_EQ(sealed->change_kek(second_kek()).value(), 0u);
  EXPECT_EQ(reason(sealed->change_kek("nowhere")), "keys.not_found");
  reopen();  // the folder says which KEK, whatever the options say
  EXPECT_EQ(sealed->kek(), second_kek());
  if (GetParam() == "software") {
    ASSERT_TRUE(provider->destroy("kek1"));
  }
  EXPECT_EQ(opened("tenant-a", first), "first");
  EXPECT_EQ(opened("tenant-a", second), "second");
  EXPECT_EQ(*sealed->derive("tenant-a", "mac", 32), *sealed->derive("tenant-a", "mac", 32));
  EXPECT_NE(*sealed->derive("tenant-a", "mac", 32), *sealed->derive("tenant-a", "other", 32));
}

TEST_P(SealedTest, ADataKeyOfSomebodyElsesIsRefused) {
  ASSERT_TRUE(sealed->create("tenant-a"));
  ASSERT_TRUE(sealed->create("tenant-b"));
  const fs::path file = folder / "data" / "tenant-a.dk";
  fs::copy_file(folder / "data" / "tenant-b.dk", file, fs::copy_options::overwrite_existing);
  reopen();
  EXPECT_EQ(reason(sealed->seal("tenant-a", {}, {})), "keys.damaged");
  // One that was made by who knows the KEK's public half, and put there with a checksum that fits, has no
  // signature.
  auto other = Sealed::open(provider, folder / "theirs", options);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->create("tenant-a"));
  fs::copy_file(folder / "theirs" / "tenant-a.dk", file, fs::copy_options::overwrite_existing);
  reopen();
  EXPECT_EQ(reason(sealed->seal("tenant-a", {}, {})), "ok");  // the same signer made it
}

TEST_P(SealedTest, ALockedProviderOpensNothingNew) {
  ASSERT_TRUE(sealed->create("tenant-a"));
  const Bytes bytes = *sealed->seal("tenant-a", view("record 1"), view("x"));
  sealed->forget();
  provider->lock();
  EXPECT_EQ(opened("tenant-a", bytes), "keys.locked");
}

INSTANTIATE_TEST_SUITE_P(All, SealedTest, testing::Values("software", "sdf"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace chengxin::keys
