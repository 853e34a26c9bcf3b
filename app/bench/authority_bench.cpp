#include "bench/authority_bench.h"

#include <openssl/x509.h>

#include <thread>

#include "authority/service.h"
#include "base/clock.h"

namespace chengxin::app::bench {
namespace {

double seconds_since(int64_t from_ns) { return double(steady_ns() - from_ns) / 1e9; }

struct Figures {
  double request_s = 0, approve_s = 0, issue_s = 0;
};

Result<Figures> measure(authority::Service& service, size_t holders, Progress& progress) {
  Figures out;
  // The holders' own work is not the authority's: a few keys, many requests.
  std::vector<authority::Asked> some;
  for (int i = 0; i < 64; ++i) {
    ASSIGN(const auto key, crypto::Sm2PrivateKey::generate());
    ASSIGN(auto request,
           crypto::make_signing_request({"CN", "城信", "市民", fmt::format("市民 {}", i)}, key));
    some.push_back({"personal", std::move(request), {}, 0, ""});
  }
  for (size_t done = 0; done < holders;) {
    const size_t count = std::min(authority::Service::kMostAtOnce, holders - done);
    std::vector<authority::Asked> asked;
    for (size_t i = 0; i < count; ++i) asked.push_back(some[i % some.size()]);
    int64_t at = steady_ns();
    ASSIGN(const auto ids, service.request(asked, "officer-a"));
    out.request_s += seconds_since(at);
    at = steady_ns();
    TRY(service.approve(ids, "officer-b"));
    out.approve_s += seconds_since(at);
    at = steady_ns();
    ASSIGN([[maybe_unused]] const auto made, service.issue(ids));
    out.issue_s += seconds_since(at);
    progress.show(done += count, holders);
  }
  return out;
}

EVP_PKEY* new_key() {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_sm2);
  EVP_PKEY_keygen(context, &key);
  EVP_PKEY_CTX_free(context);
  return key;
}

// The peer: a certificate built field by field and signed with X509_sign, without keys, envelopes or records.
double tongsuo_certificates_per_s(size_t count) {
  EVP_PKEY *issuer = new_key(), *holder = new_key();
  const int64_t at = steady_ns();
  for (size_t i = 0; i < count; ++i) {
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), long(i + 1));
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const uint8_t*>("x"), -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, holder);
    X509_sign(x509, issuer, EVP_sm3());
    X509_free(x509);
  }
  const double seconds = seconds_since(at);
  EVP_PKEY_free(issuer);
  EVP_PKEY_free(holder);
  return double(count) / seconds;
}

}  // namespace

Result<int> authority_bench(const Context& context, size_t holders) {
  ASSIGN(const fs::path folder, temporary_folder("ca-bench"));
  auto work = [&]() -> Result<int> {
    ASSIGN(auto database, sql::Database::open({.url = "sqlite:" + (folder / "bench.db").string()}));
    authority::Options options;
    options.folder = folder / "keys" / "ca";
    options.keys = std::make_shared<keys::OwnKeys>(folder);
    options.public_url = "http://127.0.0.1:8080";
    options.now_ms = now_ms;
    ASSIGN(auto service, authority::Service::open(*database, std::move(options)));
    TRY(service->create({"Bench", "CN", "", 20, 10}));
    Progress progress("签发 issuing");
    ASSIGN(const Figures figures, measure(*service, holders, progress));
    const double peer = tongsuo_certificates_per_s(2000);
    const double issuing = double(holders) / figures.issue_s,
                 whole = double(holders) / (figures.request_s + figures.approve_s + figures.issue_s);
    double load[1] = {0};
    (void)::getloadavg(load, 1);
    Json json = {{"holders", holders},
                 {"issued_per_s", issuing},
                 {"whole_per_s", whole},
                 {"certificates_per_s", 2 * issuing},
                 {"tongsuo_x509_sign_per_s", peer},
                 {"processors", std::thread::hardware_concurrency()},
                 {"load", load[0]}};
    print(context, json, [&] {
      line(
          "持有人 holders {}  处理器 processors {}  负载 load {:.1f}  SQLite,每批一千,一次提交 a commit a "
          "thousand",
          holders, std::thread::hardware_concurrency(), load[0]);
      line(
          "签发 issued              {:>8.0f} 人/秒 holders/s (两证、密钥、信封、入库 pair, key, envelope, "
          "record)",
          issuing);
      line("申请、批准、签发 whole   {:>8.0f} 人/秒 holders/s", whole);
      line(
          "同类 peer                {:>8.0f} 证/秒 certificates/s: Tongsuo X509_sign,单线程,不入库 one "
          "thread, no records",
          peer);
    });
    return kDone;
  };
  auto result = work();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return result;
}

}  // namespace chengxin::app::bench
