#pragma once
#include <gtest/gtest.h>

#include <future>

#include "base/clock.h"
#include "blob/store.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/timestamp.h"
#include "evidence/service.h"
#include "proof/bundle.h"
#include "sql/database.h"

// A whole embedded platform below one folder: a host with a chain "main", a blob store, a time-stamp
// authority and the service. It can be stopped and opened again on what it left.
namespace chengxin::evidence {

using Added = Result<std::vector<Evidence>>;

class Rig {
 public:
  Rig(fs::path folder, std::string url) : folder_(std::move(folder)), url_(std::move(url)) {
    int64_t now = now_ms() / 1000 * 1000;  // certificates hold whole seconds
    crypto::Validity validity{now - 1000, now + 1'000'000'000};
    auto root = crypto::Authority::create_root({"CN", "Test", "", "Root"}, validity).value();
    auto key = crypto::Sm2PrivateKey::generate().value();
    crypto::CertificateRequest request{
        crypto::Purpose::timestamp, {"CN", "Test", "", "Stamps"}, {}, validity};
    auto certificate = root.issue(request, key.public_key()).value();
    authority_ = std::make_unique<crypto::TimestampAuthority>(
        crypto::TimestampAuthority::open(key, {certificate, root.certificate()}).value());
    root_der_ = root.certificate().der;
    writer_ = crypto::Sm2PrivateKey::generate().value();
    validator_ = crypto::Sm2PrivateKey::generate().value();
    open();
  }
  // A key from a file-less caller, so that another process can stand on the same folder.
  Rig(fs::path folder, std::string url, crypto::Sm2PrivateKey writer, crypto::Sm2PrivateKey validator)
      : folder_(std::move(folder)), url_(std::move(url)), writer_(writer), validator_(validator) {
    open();
  }
  ~Rig() { close(); }

  void open() {
    open_parts();
    open_service();
  }
  void open_parts() {
    host::Options options;
    options.root = folder_ / "chains";
    options.validator_key = validator_;
    options.ledger.contracts = contract();
    host = std::make_unique<host::Host>(std::move(options));
    auto opened = host->open_all();
    ASSERT_TRUE(opened) << opened.error().to_string();
    if (!host->find("main")) {
      auto made = host->create("main", {{writer_.public_key().point(), {"writer"}}}, now_ms());
      ASSERT_TRUE(made) << made.error().to_string();
    }
    sql::Options sql_options;
    sql_options.url = url_;
    auto opened_database = sql::Database::open(sql_options);
    ASSERT_TRUE(opened_database) << opened_database.error().to_string();
    database = std::move(*opened_database);
    blobs = blob::Store::open_folder(folder_ / "blobs", Bytes(32, 9)).value();
  }
  void open_service() {
    Options options;
    options.service_key = writer_;
    options.now_ms = now_ms;
    options.max_queue_items = max_queue_items;
    if (authority_) {
      options.timestamp = [this](const Digest& imprint) {
        return authority_->stamp(crypto::TimestampRequest::make(imprint), now_ms());
      };
      options.timestamp_roots = {root_der_};
    }
    auto opened = Service::open(*host, *database, *blobs, std::move(options));
    ASSERT_TRUE(opened) << opened.error().to_string();
    service = std::move(*opened);
  }
  void close() {
    if (service) service->stop();
    service.reset();
    host.reset();
    database.reset();
    blobs.reset();
  }

  host::ChainPtr chain() const { return host->find("main").value(); }
  crypto::Sm2Point writer() const { return writer_.public_key().point(); }
  uint64_t log_size() const { return chain()->ledger->head().header.log_size; }

  // Waits for on_anchored.
  Added add(std::vector<NewEvidence> items, const std::string& to = "main") {
    auto promise = std::make_shared<std::promise<Added>>();  // outlives set_value() on the other thread
    service->add(to, std::move(items), nullptr,
                 [promise](Added added) { promise->set_value(std::move(added)); });
    return promise->get_future().get();
  }
  // Until the state of a record is no longer pending.
  Evidence settled(const std::string& id) {
    for (int i = 0; i < 2000; ++i) {
      Evidence found = service->get(id).value();
      if (found.state != State::pending) return found;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << id << " stays pending";
    return {};
  }
  void sql(std::string_view statement) {
    auto done = database->transaction([&](sql::Session& session) -> Status {
      auto changed = session.run(statement);
      return changed ? Status{} : tl::unexpected(changed.error());
    });
    ASSERT_TRUE(done) << done.error().to_string();
  }

  size_t max_queue_items = 200'000;
  std::unique_ptr<host::Host> host;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<blob::Store> blobs;
  std::unique_ptr<Service> service;

 private:
  fs::path folder_;
  std::string url_;
  std::unique_ptr<crypto::TimestampAuthority> authority_;
  Bytes root_der_;
  crypto::Sm2PrivateKey writer_, validator_;
};

inline NewEvidence note(std::string_view content, std::string title = "note") {
  NewEvidence out;
  out.digest = crypto::sm3(view(content));
  out.size = content.size();
  out.title = std::move(title);
  return out;
}

}  // namespace chengxin::evidence
