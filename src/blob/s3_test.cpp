#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/descriptor.h"
#include "blob/impl/s3_client.h"
#include "blob/place_for_tests.h"

// What only a service can do: refuse, go away in the middle, be slow, be somebody else.
namespace chengxin::blob {
namespace {

const Bytes kKey(32, 7);

class S3Test : public ::testing::Test {
 protected:
  static S3 fresh() {
    static int count = 0;
    return bucket_of(shared_minio(), fmt::format("s3-{}/", ++count));
  }
  static std::unique_ptr<Store> open(const S3& s3) { return Store::open_s3(s3, kKey).value(); }
  static std::string refused(const S3& s3) { return reason_of(Store::open_s3(s3, kKey)); }
  // A file of credentials beside the server's.
  static fs::path credentials(std::string_view name, std::string_view content, unsigned mode = 0600) {
    fs::path file = shared_minio().credentials().parent_path() / name;
    fs::remove(file);
    EXPECT_TRUE(write_durable(file, view(content), mode));
    return file;
  }
  // Uploads under way on the server, of this prefix.
  static size_t uploads(const S3& s3) {
    auto client = S3Client::make(s3).value();
    auto answer = client->call({.query = {{"uploads", ""}}}).value();
    size_t count = 0;
    for (const std::string& key : elements(answer.body, "Key")) count += key.starts_with(s3.prefix);
    return count;
  }
};

// Answers each connection's one request with the next of the texts, then closes it.
class Scripted {
 public:
  explicit Scripted(std::vector<std::string> answers) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    EXPECT_EQ(::bind(listener_.get(), address, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listener_.get(), address, &size), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this, answers = std::move(answers)] {
      for (const std::string& answer : answers) serve(answer);
    });
  }
  // Only after the client had all answers.
  ~Scripted() { thread_.join(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  const std::string& heard() const { return heard_; }

 private:
  void serve(const std::string& answer) {
    Descriptor connection(::accept(listener_.get(), nullptr, nullptr));
    for (char buffer[65536]; heard_.find("\r\n\r\n", from_) == heard_.npos;) {
      const ssize_t count = ::recv(connection.get(), buffer, sizeof buffer, 0);
      if (count <= 0) break;
      heard_.append(buffer, size_t(count));
    }
    from_ = heard_.size();
    EXPECT_EQ(::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL), ssize_t(answer.size()));
  }
  Descriptor listener_;
  int port_ = 0;
  size_t from_ = 0;
  std::string heard_;
  std::thread thread_;
};

std::string http(std::string_view status, std::string_view body, std::string_view headers = "") {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}", status, headers,
                     body.size(), body);
}
const std::string kNoUploads = http("200 OK", "<R><IsTruncated>false</IsTruncated></R>");

TEST_F(S3Test, WrongSettingsAreNamed) {
  EXPECT_EQ(refused(fresh()), "ok");
  for (std::string url : {"", "ftp://127.0.0.1", "http://user:pass@127.0.0.1", "http://127.0.0.1/path",
                          "http://127.0.0.1?x=1", "127.0.0.1:9000"}) {
    S3 s3 = fresh();
    s3.url = url;
    EXPECT_EQ(refused(s3), "blob.s3_settings") << url;
  }
  for (std::string bucket : {"", "ab", "UPPER", "a/b", "with space"}) {
    S3 s3 = fresh();
    s3.bucket = bucket;
    EXPECT_EQ(refused(s3), "blob.s3_settings") << bucket;
  }
  for (std::string prefix : {"/a", "a//b"}) {
    S3 s3 = fresh();
    s3.prefix = prefix;
    EXPECT_EQ(refused(s3), "blob.s3_settings") << prefix;
  }
  S3 region = fresh();
  region.region = "us east";
  EXPECT_EQ(refused(region), "blob.s3_settings");
  S3 bucket = fresh();
  bucket.bucket = "missing";
  EXPECT_EQ(refused(bucket), "blob.s3_bucket");
}

TEST_F(S3Test, CredentialsAreTheirOwnersAndRight) {
  S3 s3 = fresh();
  const std::string& user = shared_minio().user();
  s3.credentials = credentials("open", user + "\n" + shared_minio().password(), 0640);
  EXPECT_EQ(refused(s3), "blob.s3_credentials");
  for (std::string content : {"", "one line", "\n\n", "a b\nsecret"}) {
    s3.credentials = credentials("odd", content);
    EXPECT_EQ(refused(s3), "blob.s3_credentials") << content;
  }
  s3.credentials = "/nonexistent";
  EXPECT_EQ(refused(s3), "blob.s3_credentials");
  s3.credentials = credentials("windows", user + "\r\n" + shared_minio().password() + "\r\n");
  EXPECT_EQ(refused(s3), "ok");
  for (const std::string& content : {user + "\nwrong-secret-key", "nobody\n" + shared_minio().password()}) {
    s3.credentials = credentials("wrong", content);
    auto opened = Store::open_s3(s3, kKey);
    EXPECT_EQ(reason_of(opened), "blob.s3_denied");
    EXPECT_EQ(opened.error().detail.find("wrong-secret"), std::string::npos);
  }
}

TEST_F(S3Test, AnotherClientFindsTheSealedBytes) {
  const S3 s3 = fresh();
  const Bytes plain = random_bytes_of(9 * kMiB, 1);
  const std::string id = put(*open(s3), plain).value().id;
  const fs::path out = shared_minio().credentials().parent_path() / "fetched";
  const std::string command = fmt::format(
      "curl -sf -o {} --user {}:{} --aws-sigv4 aws:amz:us-east-1:s3 {}/chengxin/{}{}/{}", out.string(),
      shared_minio().user(), shared_minio().password(), s3.url, s3.prefix, id.substr(0, 2), id);
  ASSERT_EQ(std::system(command.c_str()), 0);
  Bytes sealed;
  EXPECT_TRUE(open_s3_objects(s3).value()->read(id, [&](ByteView bytes) -> Status {
    append(sealed, bytes);
    return {};
  }));
  EXPECT_EQ(read_file(out, 20 * kMiB).value(), sealed);
  EXPECT_EQ(sealed.size(), plain.size() + 9 * 16 + 24);
}

TEST_F(S3Test, TheBucketMayBeInTheHost) {
  S3 s3 = fresh();
  s3.url = fmt::format("http://localhost:{}", shared_minio().port());
  s3.bucket_in_host = true;
  auto store = open(s3);
  const Bytes plain = random_bytes_of(9 * kMiB, 2);
  const std::string id = put(*store, plain).value().id;
  s3.bucket_in_host = false;
  EXPECT_EQ(get(*open(s3), id).value(), plain);
  EXPECT_EQ(ids_of(*store), std::vector<std::string>{id});
}

TEST_F(S3Test, ListsPageAfterPageAndOnlyItsOwn) {
  const S3 s3 = fresh();
  auto store = open(s3);
  auto objects = open_s3_objects(s3).value();
  std::vector<std::string> ids;
  auto store_one = [&](const std::string& id) {
    auto upload = objects->create(id).value();
    EXPECT_TRUE(upload->write(view("x")) && upload->finish());
  };
  for (int i = 0; i < 1100; ++i) {
    ids.push_back(fmt::format("{:032x}", i * 7919));
    store_one(ids.back());
  }
  std::sort(ids.begin(), ids.end());
  auto client = S3Client::make(s3).value();
  for (const std::string& foreign : {s3.prefix + "00/readme", s3.prefix + ids[0], s3.prefix + "zz/" + ids[5]})
    EXPECT_TRUE(client->call({.method = "PUT", .name = foreign, .body = view("x")}));
  EXPECT_EQ(ids_of(*store), ids);
}

TEST_F(S3Test, DropsUploadsThatNobodyFinishes) {
  S3 s3 = fresh();
  auto client = S3Client::make(s3).value();
  const std::string id(32, 'b'), foreign = "others-" + s3.prefix + "file";
  for (const std::string& name : {s3.prefix + "bb/" + id, s3.prefix + "file", foreign})
    EXPECT_TRUE(client->call({.method = "POST", .name = name, .query = {{"uploads", ""}}}));
  open(s3);  // a younger one may be somebody's
  EXPECT_EQ(uploads(s3), 2u);
  s3.abandoned_after_s = 0;
  open(s3);
  EXPECT_EQ(uploads(s3), 1u) << "what is named like no original stays";
  s3.prefix = foreign;
  EXPECT_EQ(uploads(s3), 1u);
}

TEST_F(S3Test, NothingRemainsWithoutFinish) {
  const S3 s3 = fresh();
  auto store = open(s3);
  auto writer = store->create().value();
  EXPECT_TRUE(writer->write(random_bytes_of(20 * kMiB, 3)));
  EXPECT_EQ(uploads(s3), 1u);
  writer.reset();
  EXPECT_EQ(uploads(s3), 0u);
}

TEST_F(S3Test, ALostServerInTheMiddle) {
  auto server = test::Minio::start().value();
  S3 s3 = bucket_of(*server, "");
  s3.attempts = 2;
  auto store = open(s3);
  const Bytes plain = random_bytes_of(20 * kMiB, 4);
  const std::string id = put(*store, plain).value().id;

  // Of an upload: nothing of it is seen, then or later.
  auto writer = store->create().value();
  EXPECT_TRUE(writer->write(ByteView(plain).first(10 * kMiB)));
  server->kill();
  Status rest = writer->write(ByteView(plain).subspan(10 * kMiB));
  EXPECT_EQ(rest ? reason_of(writer->finish()) : reason_of(rest), "blob.s3_unreachable");
  writer.reset();
  EXPECT_EQ(reason_of(store->exists(id)), "blob.s3_unreachable");
  EXPECT_EQ(reason_of(get(*store, id)), "blob.s3_unreachable");
  EXPECT_EQ(reason_of(put(*store, plain)), "blob.s3_unreachable");
  ASSERT_TRUE(server->restart());
  s3.attempts = 20;  // a server that has just been started is busy with itself
  s3.first_wait_ms = 50;
  store = open(s3);
  EXPECT_EQ(ids_of(*store), std::vector<std::string>{id});

  // Of a download: it goes on where it was.
  Bytes out;
  bool killed = false;
  EXPECT_EQ(reason_of(store->read(id,
                                  [&](ByteView chunk) -> Status {
                                    append(out, chunk);
                                    if (std::exchange(killed, true)) return {};
                                    return server->restart();
                                  })),
            "ok");
  EXPECT_EQ(out, plain);

  // Of an upload that is tried again.
  writer = store->create().value();
  EXPECT_TRUE(writer->write(ByteView(plain).first(10 * kMiB)));
  ASSERT_TRUE(server->restart());
  EXPECT_TRUE(writer->write(ByteView(plain).subspan(10 * kMiB)));
  EXPECT_EQ(get(*store, writer->finish().value().id).value(), plain);
}

TEST_F(S3Test, AServerThatSaysNothingTimesOut) {
  auto server = test::Minio::start().value();
  S3 s3 = bucket_of(*server, "");
  s3.stall_timeout_s = 1;
  s3.attempts = 1;
  auto store = open(s3);
  const Bytes plain = random_bytes_of(20 * kMiB, 5);
  const std::string id = put(*store, plain).value().id;
  server->pause();
  EXPECT_EQ(reason_of(get(*store, id)), "blob.s3_timeout");
  EXPECT_EQ(reason_of(put(*store, ByteView(plain).first(100))), "blob.s3_timeout");
  server->resume();
  EXPECT_EQ(get(*store, id).value(), plain);
  bool paused = false;
  EXPECT_EQ(reason_of(store->read(id,
                                  [&](ByteView) -> Status {
                                    if (!std::exchange(paused, true)) server->pause();
                                    return {};
                                  })),
            "blob.s3_timeout");
  server->resume();
}

TEST_F(S3Test, TlsByTheGivenRootsAlone) {
  auto server = test::Minio::start(test::Minio::Tls::on).value();
  S3 s3 = bucket_of(*server, "");
  EXPECT_EQ(refused(s3), "blob.s3_tls");
  s3.roots = "/nonexistent.pem";
  EXPECT_EQ(refused(s3), "blob.s3_tls");
  s3.roots = server->roots();
  const Bytes plain = random_bytes_of(9 * kMiB, 6);
  auto store = open(s3);
  EXPECT_EQ(get(*store, put(*store, plain).value().id).value(), plain);
  s3.url = fmt::format("https://127.0.0.1:{}", server->port());  // it has no certificate for this name
  EXPECT_EQ(refused(s3), "blob.s3_tls");
}

TEST_F(S3Test, WhatAServerMayAnswer) {
  struct Case {
    std::string answer, reason;
  };
  const auto coded = [](std::string_view status, std::string_view code) {
    return http(status, fmt::format("<Error><Code>{}</Code></Error>", code));
  };
  for (const Case& one : {
           Case{coded("507 Insufficient Storage", "XMinioStorageFull"), "blob.s3_full"},
           Case{coded("400 Bad Request", "XMinioAdminBucketQuotaExceeded"), "blob.s3_full"},
           Case{coded("403 Forbidden", "RequestTimeTooSkewed"), "blob.s3_clock"},
           Case{http("403 Forbidden", ""), "blob.s3_denied"},
           Case{http("404 Not Found", "no S3"), "blob.s3_answer"},
           Case{http("307 Temporary Redirect", "", "Location: http://127.0.0.1:1/\r\n"), "blob.s3_redirect"},
           Case{http("200 OK", std::string(5 << 20, 'x')), "blob.s3_answer"},
           Case{http("200 OK", "<R><IsTruncated>true</IsTruncated></R>"), "blob.s3_answer"},
       }) {
    Scripted server({one.answer});
    S3 s3 = fresh();
    s3.url = server.url();
    EXPECT_EQ(refused(s3), one.reason) << one.answer.substr(0, 40);
  }
}

TEST_F(S3Test, TriesAgainWhatMayPass) {
  const std::string busy = http("503 Slow Down", "<Error><Code>SlowDown</Code></Error>");
  {
    Scripted server({busy, http("429 Too Many Requests", ""), "",
                     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", kNoUploads});
    S3 s3 = fresh();
    s3.url = server.url();
    EXPECT_EQ(refused(s3), "ok");
  }
  Scripted server({busy, busy});
  S3 s3 = fresh();
  s3.url = server.url();
  s3.attempts = 2;
  EXPECT_EQ(refused(s3), "blob.s3_failed");
  EXPECT_EQ(server.heard().find(shared_minio().password()), std::string::npos) << "the secret key stays here";
}

// The answer to the completion was lost: the next attempt is told that there is no such upload.
TEST_F(S3Test, ACompletionWhoseAnswerWasLostCounts) {
  const size_t sealed = 9 * kMiB + 9 * 16 + 24;
  const std::string gone = http("404 Not Found", "<Error><Code>NoSuchUpload</Code></Error>");
  const std::string part = http("200 OK", "", "ETag: \"e\"\r\n");
  const auto whole = [](size_t size) {
    return http("206 Partial Content", "x", fmt::format("Content-Range: bytes 0-0/{}\r\n", size));
  };
  const auto outcome = [&](std::vector<std::string> last) {
    std::vector<std::string> answers = {kNoUploads, http("200 OK", "<UploadId>u</UploadId>"), part, part};
    answers.insert(answers.end(), last.begin(), last.end());
    Scripted server(std::move(answers));
    S3 s3 = fresh();
    s3.url = server.url();
    return reason_of(put(*open(s3), random_bytes_of(9 * kMiB, 7)));
  };
  const std::string deleted = http("204 No Content", "");
  EXPECT_EQ(outcome({"", gone, whole(sealed)}), "ok");
  EXPECT_EQ(outcome({"", gone, whole(sealed - 1), deleted, deleted}), "blob.s3_upload_gone");
  // A failure that comes after 200.
  const std::string late = http("200 OK", "<Error><Code>InternalError</Code></Error>");
  EXPECT_EQ(outcome({late, http("200 OK", "<CompleteMultipartUploadResult/>")}), "ok");
  EXPECT_EQ(outcome({http("200 OK", "<Error><Code>InvalidPart</Code></Error>"), gone,
                     http("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"), gone, deleted}),
            "blob.s3_upload_gone");
}

// The object was replaced between two halves of a download.
TEST_F(S3Test, ADownloadGoesOnWithTheSameObjectOnly) {
  const S3 s3 = fresh();
  const std::string id = put(*open(s3), random_bytes_of(100, 8)).value().id;
  const std::string changed =
      http("412 Precondition Failed", "<Error><Code>PreconditionFailed</Code></Error>");
  Scripted server(
      {kNoUploads, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 156\r\n\r\nCXSEAL", changed});
  S3 other = s3;
  other.url = server.url();
  EXPECT_EQ(reason_of(get(*open(other), id)), "blob.damaged");
  EXPECT_NE(server.heard().find("if-match: \"a\""), std::string::npos);
  EXPECT_NE(server.heard().find("range: bytes=6-"), std::string::npos);
}

}  // namespace
}  // namespace chengxin::blob
