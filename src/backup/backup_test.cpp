#include "backup/backup.h"

#include <gtest/gtest.h>

#include <random>

namespace chengxin::backup {
namespace {

struct Backup : testing::Test {
  fs::path root = fs::path(testing::TempDir()) / ("backup-" + std::to_string(std::random_device{}()));
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  std::vector<Part> parts = {{"one",
                              [](const fs::path& folder) -> Result<Json> {
                                TRY(make_folder(folder / "deep"));
                                TRY(write_durable(folder / "a", view("first")));
                                TRY(write_durable(folder / "deep" / "b", Bytes(100'000, 7)));
                                return Json{{"height", 5}};
                              }},
                             {"two", [](const fs::path& folder) -> Result<Json> {
                                TRY(write_durable(folder / "empty", {}));
                                return Json::object();
                              }}};

  Backup() { fs::create_directories(root); }
  ~Backup() override { fs::remove_all(root); }
};

TEST_F(Backup, RestoresWhatWasThere) {
  auto manifest = create(root / "b", parts, key, 1, nullptr).value();
  EXPECT_EQ(manifest["parts"]["one"]["height"], 5);
  auto checked = check(root / "b", nullptr).value();
  EXPECT_EQ(checked.key, key.public_key().point());
  ASSERT_TRUE(restore_part(root / "b", checked.manifest, "one", root / "out"));
  EXPECT_EQ(read_file(root / "out/a", 100).value(), to_bytes(view("first")));
  EXPECT_EQ(read_file(root / "out/deep/b", 1 << 20)->size(), 100'000u);
  EXPECT_FALSE(fs::exists(root / "out/empty"));
  EXPECT_EQ(create(root / "b", parts, key, 1, nullptr).error().reason, "backup.exists");
}

TEST_F(Backup, AFailedPartLeavesNothing) {
  parts.push_back(
      {"bad", [](const fs::path&) -> Result<Json> { return fail(Code::unavailable, "some.reason"); }});
  EXPECT_EQ(create(root / "b", parts, key, 1, nullptr).error().reason, "some.reason");
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(Backup, EveryDamageIsNamed) {
  ASSERT_TRUE(create(root / "b", parts, key, 1, nullptr));
  auto bend = [&](const std::string& name, auto change) {
    fs::remove_all(root / "c");
    fs::copy(root / "b", root / "c", fs::copy_options::recursive);
    change(root / "c" / name);
    auto checked = check(root / "c", nullptr);
    return checked ? "ok"
                   : checked.error().reason +
                         (checked.error().detail.find(name) != std::string::npos ? " named" : "");
  };
  auto truncate = [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); };
  auto flip = [](const fs::path& file) {
    Bytes bytes = read_file(file, 1 << 20).value();
    bytes[bytes.size() / 2] ^= 4;
    ASSERT_TRUE(write_durable(file, bytes));
  };
  auto remove = [](const fs::path& file) { fs::remove(file); };
  EXPECT_EQ(bend("one/deep/b", truncate), "backup.damaged named");
  EXPECT_EQ(bend("one/deep/b", flip), "backup.damaged named");
  EXPECT_EQ(bend("two/empty", remove), "backup.damaged named");
  EXPECT_EQ(bend("backup.json", truncate), "backup.damaged named");
  EXPECT_EQ(bend("backup.sig", flip), "backup.signature");
  EXPECT_EQ(bend("backup.sig", remove), "backup.signature");
  EXPECT_EQ(bend("backup.json", remove), "backup.missing named");
}

}  // namespace
}  // namespace chengxin::backup
