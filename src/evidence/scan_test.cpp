#include "evidence/scan.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "crypto/sha256.h"
#include "crypto/sm3.h"

namespace chengxin::evidence {
namespace {

class ScanTest : public ::testing::Test {
 protected:
  ScanTest() {
    std::string name = (fs::temp_directory_path() / "chengxin-scan-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ScanTest() override {
    std::error_code ignored;
    fs::permissions(folder_ / "tree" / "closed", fs::perms::owner_all, ignored);
    fs::remove_all(folder_, ignored);
  }
  fs::path put(const fs::path& relative, std::string_view content) {
    fs::path path = folder_ / relative;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::map<std::string, std::string> reasons(const Scan& scan) {
    std::map<std::string, std::string> out;
    for (const Problem& problem : scan.problems)
      out[fs::path(problem.path).filename().string()] = problem.error.reason;
    return out;
  }
  fs::path folder_;
};

TEST_F(ScanTest, HashesFilesAndFoldersUnderTheirTitles) {
  put("tree/b.txt", "bee");
  put("tree/a/deep.txt", "deep");
  put("tree/empty", "");
  fs::path alone = put("合同.pdf", "contract");
  Scan scan = evidence::scan({folder_ / "tree", alone}, true);
  EXPECT_TRUE(scan.problems.empty());
  ASSERT_EQ(scan.files.size(), 4u);
  std::vector<std::string> titles;
  for (const auto& file : scan.files) titles.push_back(file.found.title);
  EXPECT_EQ(titles, (std::vector<std::string>{"tree/a/deep.txt", "tree/b.txt", "tree/empty", "合同.pdf"}));
  EXPECT_EQ(scan.files[1].digests.sm3, crypto::sm3(view("bee")));
  EXPECT_EQ(scan.files[1].digests.sha256, crypto::Sha256().update(view("bee")).finish());
  EXPECT_EQ(scan.files[2].digests.sm3, crypto::sm3(ByteView()));
  EXPECT_GT(scan.files[0].found.modified_ms, 1'600'000'000'000);
  // A folder named with a slash at its end, or by its insides, has the same titles.
  EXPECT_EQ(evidence::scan({folder_ / "tree" / ""}, false).files[1].found.title, "tree/b.txt");
  EXPECT_EQ(evidence::scan({folder_ / "tree" / "a" / ".."}, false).files[1].found.title, "tree/b.txt");
  EXPECT_FALSE(evidence::scan({alone}, false).files[0].digests.sha256);
}

TEST_F(ScanTest, ReportsWhatItCannotTakeAndGoesOn) {
  put("tree/good", "good");
  fs::path secret = put("outside/secret", "secret");
  fs::create_directory_symlink(folder_ / "outside", folder_ / "tree" / "out");
  fs::create_directory_symlink("..", folder_ / "tree" / "loop");
  fs::create_symlink("nowhere", folder_ / "tree" / "dangling");
  ASSERT_EQ(::mkfifo((folder_ / "tree" / "pipe").c_str(), 0600), 0);
  int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string socket_path = (folder_ / "tree" / "socket").string();
  ASSERT_LT(socket_path.size(), sizeof address.sun_path);
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);

  Scan scan = evidence::scan({folder_ / "tree", folder_ / "missing", "/dev/zero"}, false);
  ASSERT_EQ(scan.files.size(), 1u);
  EXPECT_EQ(scan.files[0].found.title, "tree/good");
  EXPECT_EQ(reasons(scan), (std::map<std::string, std::string>{{"out", "scan.symlink"},
                                                               {"loop", "scan.symlink"},
                                                               {"dangling", "scan.symlink"},
                                                               {"pipe", "file.not_regular"},
                                                               {"socket", "file.not_regular"},
                                                               {"missing", "file.not_found"},
                                                               {"zero", "file.not_regular"}}));
}

TEST_F(ScanTest, ReportsUnreadableEntries) {
  put("tree/good", "good");
  fs::path closed_file = put("tree/closed-file", "closed");
  put("tree/closed/inner", "inner");
  fs::permissions(closed_file, fs::perms::none);
  fs::permissions(folder_ / "tree" / "closed", fs::perms::none);
  if (::geteuid() == 0) {  // root reads everything: look as somebody else, in a child
    fs::permissions(folder_, fs::perms::all);
    pid_t child = ::fork();
    if (child == 0) {
      if (::setuid(65534) != 0) ::_exit(3);
      Scan scan = evidence::scan({folder_ / "tree"}, false);
      auto seen = reasons(scan);
      ::_exit(scan.files.size() == 1 && seen["closed-file"] == "file.denied" &&
                      seen["closed"] == "file.denied"
                  ? 0
                  : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return;
  }
  Scan scan = evidence::scan({folder_ / "tree"}, false);
  EXPECT_EQ(scan.files.size(), 1u);
  EXPECT_EQ(reasons(scan)["closed-file"], "file.denied");
  EXPECT_EQ(reasons(scan)["closed"], "file.denied");
}

TEST_F(ScanTest, SpellsOddNames) {
  put("tree/line\nbreak", "1");
  put("tree/\xff\xfe", "2");
  put("tree/a\\b", "3");
  put("tree/plain 空格", "4");
  put("tree/\xc2\x9b", "5");  // a C1 control: starts a sequence in some terminals
  Scan scan = evidence::scan({folder_ / "tree"}, false);
  std::set<std::string> titles;
  for (const auto& file : scan.files) titles.insert(file.found.title);
  EXPECT_EQ(titles, (std::set<std::string>{"tree/line\\x0abreak", "tree/\\xff\\xfe", "tree/a\\b",
                                           "tree/plain 空格", "tree/\\xc2\\x9b"}));
  ASSERT_EQ(scan.problems.size(), 3u);
  for (const Problem& problem : scan.problems) {
    EXPECT_EQ(problem.error.reason, "scan.name_spelled");
    EXPECT_FALSE(problem.skipped);
  }
  EXPECT_EQ(spelled("\xed\xa0\x80\\"), "\\xed\\xa0\\x80\\\\");  // a surrogate is not UTF-8
  EXPECT_EQ(spelled("\xc0\xaf"), "\\xc0\\xaf");                 // nor is an overlong '/'
}

TEST_F(ScanTest, TakesNothingTwice) {
  fs::path file = put("tree/file", "once");
  Scan scan = evidence::scan({folder_ / "tree", file, folder_ / "tree" / ".." / "tree"}, false);
  EXPECT_EQ(scan.files.size(), 1u);
  ASSERT_EQ(scan.problems.size(), 2u);
  EXPECT_EQ(scan.problems[0].error.reason, "scan.twice");
}

TEST_F(ScanTest, StopsAtADepth) {
  fs::path deep = folder_ / "tree";
  for (int i = 0; i < kMaxFolderDepth + 2; ++i) deep /= "d";
  fs::create_directories(deep);
  std::ofstream(deep / "bottom") << "x";
  Scan scan = evidence::scan({folder_ / "tree"}, false);
  EXPECT_TRUE(scan.files.empty());
  ASSERT_EQ(scan.problems.size(), 1u);
  EXPECT_EQ(scan.problems[0].error.reason, "scan.too_deep");
}

TEST_F(ScanTest, NoticesAFileThatGrowsWhileItIsRead) {
  fs::path file = put("growing", std::string(3 << 20, 'g'));
  bool grown = false;
  Scan scan = evidence::scan({file}, false, [&](const ScanProgress& progress) {
    EXPECT_EQ(progress.files, 1u);
    if (!grown) std::ofstream(file, std::ios::app) << "more";
    grown = true;
  });
  EXPECT_TRUE(grown);
  EXPECT_TRUE(scan.files.empty());
  EXPECT_EQ(reasons(scan)["growing"], "file.changed");
}

TEST_F(ScanTest, StreamsALargeFile) {
  fs::path file = put("large", "");
  // CHENGXIN_SCAN_MIB=20480 takes a file of 20 GiB; sparse, so it needs no space.
  const char* mebibytes = ::getenv("CHENGXIN_SCAN_MIB");
  const uint64_t size = (mebibytes ? std::stoull(mebibytes) : 300) << 20;
  fs::resize_file(file, size);
  uint64_t last = 0;
  Scan scan = evidence::scan({file}, false, [&](const ScanProgress& progress) {
    EXPECT_GT(progress.bytes_done, last);
    last = progress.bytes_done;
    EXPECT_EQ(progress.bytes, size);
  });
  ASSERT_EQ(scan.files.size(), 1u);
  EXPECT_EQ(last, size);
  crypto::Sm3 expected;
  Bytes zeros(1 << 20);
  for (uint64_t i = 0; i < size >> 20; ++i) expected.update(zeros);
  EXPECT_EQ(scan.files[0].digests.sm3, expected.finish());
}

}  // namespace
}  // namespace chengxin::evidence
