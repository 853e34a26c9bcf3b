#include "keys/devices.h"

#include <chrono>
#include <thread>

#include "keys/rig_for_tests.h"

// What happens to devices: PINs, tokens that are pulled, calls that do not come back, sessions that are used
// up.
namespace chengxin::keys {
namespace {

struct Devices : Folder {};

TEST_F(Devices, TheUKeyLocksItselfAtTheLimit) {
  auto skf = *open_device("skf");
  for (int left = 5; left >= 1; --left) {
    const auto refused = skf->unlock(view("000000"));
    ASSERT_EQ(refused.error().reason, "keys.pin");
    EXPECT_NE(refused.error().detail.find(std::to_string(left)), std::string::npos) << refused.error().detail;
  }
  EXPECT_EQ(skf->unlock(view("000000")).error().reason, "keys.pin_locked");
  EXPECT_EQ(skf->unlock(view("123456")).error().reason, "keys.pin_locked");  // the right one, too late
  EXPECT_EQ((*open_device("skf"))->unlock(view("123456")).error().reason, "keys.pin_locked");
}

TEST_F(Devices, ARightPinGivesTheTriesBack) {
  auto skf = *open_device("skf");
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(skf->unlock(view("000000")).error().reason, "keys.pin");
    EXPECT_TRUE(skf->unlock(view("123456")));
  }
  EXPECT_EQ(skf->unlock(view(std::string_view("123456\0x", 8))).error().reason, "keys.pin");
}

TEST_F(Devices, ACardCountsTriesOnceAndNotForEachKey) {
  auto sdf = *open_device("sdf");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sdf->unlock(view("000000")).error().reason, "keys.pin");
  EXPECT_TRUE(sdf->unlock(view("123456")));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sdf->unlock(view("000000")).error().reason, "keys.pin");
  EXPECT_EQ(sdf->unlock(view("123456")).error().reason, "keys.pin");
}

TEST_F(Devices, PulledInTheMiddle) {
  auto skf = *open_device("skf");
  ASSERT_TRUE(skf->unlock(view("123456")));
  ASSERT_TRUE(skf->generate("login", Algorithm::sm2));
  const Digest e{7};
  ASSERT_TRUE(skf->sign("login", {&e, 1}));
  put("pulled");
  EXPECT_EQ(reason(skf->sign("login", {&e, 1})), "keys.token_gone");
  EXPECT_EQ(reason(skf->list()), "keys.token_gone");
  EXPECT_EQ(reason(open_device("skf")), "keys.no_device");
  take_away("pulled");
  EXPECT_EQ(reason(skf->sign("login", {&e, 1})), "keys.token_gone");  // what was open on it stays dead
  auto again = *open_device("skf");
  EXPECT_EQ(reason(again->sign("login", {&e, 1})), "keys.locked");  // and the PIN is asked again
  EXPECT_TRUE(again->unlock(view("123456")));
  EXPECT_TRUE(again->sign("login", {&e, 1}));
}

TEST_F(Devices, ACardThatFailsInTheMiddle) {
  auto sdf = *open_device("sdf");
  ASSERT_TRUE(sdf->unlock(view("123456")));
  put("pulled");
  const Digest e{7};
  EXPECT_EQ(reason(sdf->sign("1", {&e, 1})), "keys.token_gone");
  EXPECT_EQ(reason(open_device("sdf")), "keys.no_device");
}

TEST_F(Devices, ACallThatDoesNotComeBackHoldsNobody) {
  auto skf = on_one_thread(*open_device("skf"), 50);
  ASSERT_TRUE(skf->unlock(view("123456")));
  put("slow");
  EXPECT_EQ(reason(skf->list()), "keys.timeout");
  EXPECT_EQ(reason(skf->random(8)), "keys.timeout");  // waits behind it
  take_away("slow");
  Result<Bytes> answer = skf->random(8);
  for (int i = 0; i < 200 && !answer; ++i) answer = skf->random(8);
  EXPECT_TRUE(answer);
  put("slow");
  EXPECT_EQ(reason(skf->list()), "keys.timeout");
  skf.reset();  // does not wait for it either
  take_away("slow");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

TEST_F(Devices, SessionsAreBoundedAndGivenBack) {
  std::vector<std::unique_ptr<Provider>> open;
  for (int i = 0; i < 4; ++i) open.push_back(*open_device("sdf"));
  EXPECT_EQ(reason(open_device("sdf")), "keys.busy");
  open.pop_back();
  EXPECT_TRUE(open_device("sdf"));
}

TEST_F(Devices, LibrariesThatAreNone) {
  EXPECT_EQ(reason(open_skf({.library = "libskf.so"})), "keys.library");  // not from a search path
  EXPECT_EQ(reason(open_skf({.library = folder / "nothing.so"})), "keys.library");
  EXPECT_EQ(reason(open_skf({.library = SDF_SIMULATOR})), "keys.library");  // the wrong standard's
  EXPECT_EQ(reason(open_sdf({.library = SKF_SIMULATOR})), "keys.library");
  EXPECT_EQ(reason(open_pkcs11({.library = SKF_SIMULATOR})), "keys.library");
  EXPECT_EQ(reason(open_skf({.library = SKF_SIMULATOR, .application = "OTHER"})), "keys.no_application");
  EXPECT_EQ(reason(open_skf({.library = SKF_SIMULATOR, .device = "OTHER"})), "keys.no_device");
  softhsm_token();
  EXPECT_EQ(reason(open_pkcs11({.library = "/usr/lib/softhsm/libsofthsm2.so", .token = "other"})),
            "keys.no_device");
}

TEST_F(Devices, AUKeyHasRoomForSoMany) {
  auto skf = *open_device("skf");
  ASSERT_TRUE(skf->unlock(view("123456")));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(skf->generate("k" + std::to_string(i), Algorithm::sm2));
  EXPECT_EQ(reason(skf->generate("k8", Algorithm::sm2)), "keys.full");
  EXPECT_EQ(reason(skf->generate("k9", Algorithm::es256)), "keys.unsupported");
}

}  // namespace
}  // namespace chengxin::keys
