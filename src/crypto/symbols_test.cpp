#include <curl/curl.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>

#include <filesystem>

#include "crypto/sm2.h"

// libcurl and libpq bring the system's OpenSSL into the process; Tongsuo must neither take their calls nor
// give them ours.
namespace chengxin::crypto {
namespace {

TEST(Symbols, TheProgramExportsNoneOfTongsuo) {
  std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  FILE* nm = popen(("nm -D --defined-only '" + program + "'").c_str(), "r");
  ASSERT_TRUE(nm);
  char line[1024];
  int lines = 0;
  while (fgets(line, sizeof line, nm)) {
    ++lines;
    std::string text = line;
    for (const char* prefix : {" EVP_", " SSL_", " X509_", " BN_", " EC_", " CRYPTO_", " RAND_", " OPENSSL_"})
      EXPECT_EQ(text.find(prefix), text.npos) << text;
  }
  EXPECT_EQ(pclose(nm), 0);
  EXPECT_GT(lines, 0);
}

TEST(Symbols, BothLibrariesWorkInOneProcess) {
  const std::string ours = OpenSSL_version(OPENSSL_VERSION);
  EXPECT_EQ(ours, OPENSSL_VERSION_TEXT);  // of the headers: Tongsuo names the OpenSSL that it grew from
  EXPECT_NE(std::string(OpenSSL_version(TONGSUO_VERSION)).find("Tongsuo 8."), std::string::npos);
  ASSERT_EQ(curl_global_init(CURL_GLOBAL_ALL), 0);
  std::string curl = curl_version();
  EXPECT_NE(curl.find("OpenSSL/3"), curl.npos) << curl;
  void* system = dlsym(RTLD_DEFAULT, "OpenSSL_version");
  ASSERT_TRUE(system) << "no system OpenSSL is loaded";
  EXPECT_NE(system, reinterpret_cast<void*>(&OpenSSL_version));
  std::string theirs = reinterpret_cast<const char* (*)(int)>(system)(OPENSSL_VERSION);
  EXPECT_NE(theirs, ours);
  std::string release = theirs.substr(8, theirs.find(' ', 8) - 8);  // "OpenSSL 3.0.17 …"
  EXPECT_NE(curl.find("OpenSSL/" + release), curl.npos) << curl << " with " << theirs;

  PQinitOpenSSL(1, 1);
  PGconn* connection = PQconnectdb("host=127.0.0.1 port=1 sslmode=require connect_timeout=1");
  EXPECT_EQ(PQstatus(connection), CONNECTION_BAD);
  PQfinish(connection);
  CURL* transfer = curl_easy_init();
  curl_easy_setopt(transfer, CURLOPT_URL, "https://127.0.0.1:1/");
  EXPECT_EQ(curl_easy_perform(transfer), CURLE_COULDNT_CONNECT);
  curl_easy_cleanup(transfer);

  auto key = Sm2PrivateKey::generate().value();
  EXPECT_TRUE(key.public_key().verify(view("message"), key.sign(view("message")).value()));
  curl_global_cleanup();
}

}  // namespace
}  // namespace chengxin::crypto
