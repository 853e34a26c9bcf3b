#include "evidence/service.h"

#include "blob/store.h"
#include "evidence/impl/bundles.h"
#include "evidence/impl/intake.h"

namespace chengxin::evidence {
namespace {

constexpr size_t kMaxItemsPerAdd = 10'000;

Result<Id> to_id(const std::string& text) {
  auto id = parse_id(text);
  if (!id) return fail(Code::not_found, "evidence.not_found", "not an id of evidence");
  return *id;
}

class ServiceOnSql final : public Service {
 public:
  ServiceOnSql(host::Host& host, sql::Database& database, blob::Store& blobs, Options options)
      : host_(host),
        database_(database),
        blobs_(blobs),
        options_(std::move(options)),
        bundles_(host, database, blobs, options_),
        intake_(host, database, options_) {}

  void start() { intake_.start(); }
  void stop() override { intake_.stop(); }

  void add(const std::string& chain_name, std::vector<NewEvidence> items, OnAdded on_accepted,
           OnAdded on_anchored) override {
    auto chain = host_.find(chain_name);
    auto prepared = chain ? prepare_all(std::move(items)) : tl::unexpected(chain.error());
    if (prepared)
      return intake_.add(*chain, std::move(*prepared), std::move(on_accepted), std::move(on_anchored));
    for (const OnAdded& callback : {on_accepted, on_anchored})
      if (callback) callback(tl::unexpected(prepared.error()));
  }

  Status keep_original(const blob::Written& original) override {
    return database_.transaction([&](sql::Session& session) {
      return tables::put_original(session, original.id, {original.digest, original.size});
    });
  }

  Result<Evidence> get(const std::string& id_text) const override {
    ASSIGN(Id id, to_id(id_text));
    std::optional<Evidence> found;
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(found, tables::get(session, id));
      return {};
    }));
    if (!found) return fail(Code::not_found, "evidence.not_found", "{}", id_text);
    return std::move(*found);
  }

  Result<std::vector<Evidence>> find(const Query& query) const override {
    std::vector<Evidence> found;
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(found, tables::find(session, query));
      return {};
    }));
    return found;
  }

  Result<std::map<std::string, std::string>> chains_of(std::span<const std::string> ids) const override {
    std::map<std::string, std::string> out;
    TRY(database_.read([&](sql::Session& session) -> Status {
      out.clear();
      for (const std::string& text : ids) {
        const auto id = to_id(text);
        if (!id) continue;
        ASSIGN(auto row, session.row("select chain from evidence where id = ?", *id));
        if (row) out[text] = row->text(0);
      }
      return {};
    }));
    return out;
  }

  Result<Bytes> bundle(const std::string& id_text, const BundleOptions& options) override {
    ASSIGN(Id id, to_id(id_text));
    return bundles_.of_record(id, options);
  }

  Result<Bytes> bundle_of_item(const std::string& chain, const Digest& digest,
                               const BundleOptions& options) override {
    return bundles_.of_item(chain, digest, options);
  }

  Result<std::string> anchor(const std::string& chain_name) const override {
    ASSIGN(auto chain, host_.find(chain_name));
    return proof::Anchor{chain->ledger->id(), chain->name, options_.timestamp_roots}.encode();
  }

  Result<bool> stands(const Evidence& evidence) override {
    ASSIGN(auto chain, host_.find(evidence.chain));
    ASSIGN(const auto locations, chain->ledger->find_items(evidence.content.digest, 1));
    if (!locations.empty()) return true;
    ASSIGN(const Id id, to_id(evidence.id));
    const auto kept = bundles_.of_record(id, {false, std::nullopt});
    if (kept) return true;
    const Code code = kept.error().code;
    if (code == Code::gone || code == Code::not_found || code == Code::conflict || code == Code::data_loss)
      return false;
    return tl::unexpected(kept.error());
  }

  // The original goes first: should the process die in between, the record is still there to be erased again.
  Status erase(const std::string& id_text) override {
    ASSIGN(Evidence found, get(id_text));
    if (found.erased_ms != 0) return {};
    if (found.state == State::pending) return fail(Code::conflict, "evidence.not_anchored", "still pending");
    ASSIGN(Id id, to_id(id_text));
    bool shared = false;
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(shared, tables::is_shared(session, found.content.blob, id));
      return {};
    }));
    if (!found.content.blob.empty() && !shared) {
      Status removed = blobs_.remove(found.content.blob);
      if (!removed && removed.error().code != Code::not_found) return removed;
    }
    return database_.transaction(
        [&](sql::Session& session) { return tables::erase(session, id, options_.now_ms()); });
  }

  Result<size_t> archive_before(const std::string& chain, uint64_t height) override {
    return bundles_.archive_before(chain, height);
  }

  Counters counters() const override {
    Counters out = intake_.counters();
    out.timestamps = bundles_.timestamps();
    out.bundles = bundles_.made();
    return out;
  }

 private:
  Result<std::vector<Prepared>> prepare_all(std::vector<NewEvidence> items) const {
    if (items.empty()) return fail(Code::invalid_argument, "evidence.empty", "nothing to add");
    if (items.size() > kMaxItemsPerAdd)
      return fail(Code::too_large, "evidence.too_many", "{} items, the limit is {}", items.size(),
                  kMaxItemsPerAdd);
    TRY(check_originals(items));
    std::vector<Prepared> out;
    std::set<std::string> links;
    for (NewEvidence& item : items) {
      ASSIGN(Prepared prepared, prepare(std::move(item)));
      const NewEvidence& content = prepared.content;
      links.insert(content.links.begin(), content.links.end());
      out.push_back(std::move(prepared));
    }
    if (!links.empty()) TRY(check_links(links));
    return out;
  }

  // An original must hold what the record says; a size that was not told is the original's.
  Status check_originals(std::vector<NewEvidence>& items) const {
    std::vector<NewEvidence*> with_original;
    for (NewEvidence& item : items) {
      if (item.blob.empty()) continue;
      ASSIGN(const bool there, blobs_.exists(item.blob));
      if (!there) return fail(Code::invalid_argument, "evidence.blob_unknown", "{}", item.blob);
      with_original.push_back(&item);
    }
    if (with_original.empty()) return {};
    return database_.read([&](sql::Session& session) -> Status {
      for (NewEvidence* item : with_original) {
        ASSIGN(auto original, tables::original(session, item->blob));
        if (!original) return fail(Code::invalid_argument, "evidence.blob_unknown", "{}", item->blob);
        if (item->size == 0) item->size = original->size;
        if (item->digest != original->digest || item->size != original->size)
          return fail(Code::invalid_argument, "evidence.original_mismatch",
                      "the original {} has {} bytes and the digest {}", item->blob, original->size,
                      hex(original->digest));
      }
      return {};
    });
  }

  // Rows are never deleted, so what exists now still exists when the item is inserted.
  Status check_links(const std::set<std::string>& links) const {
    return database_.read([&](sql::Session& session) -> Status {
      for (const std::string& link : links) {
        ASSIGN(auto target, tables::stored(session, *parse_id(link)));
        if (!target) return fail(Code::invalid_argument, "evidence.link_unknown", "{}", link);
      }
      return {};
    });
  }

  host::Host& host_;
  sql::Database& database_;
  blob::Store& blobs_;
  const Options options_;
  Bundles bundles_;
  Intake intake_;
};

}  // namespace

Result<std::unique_ptr<Service>> Service::open(host::Host& host, sql::Database& database, blob::Store& blobs,
                                               Options options) {
  TRY(tables::migrate(database));
  auto service = std::make_unique<ServiceOnSql>(host, database, blobs, std::move(options));
  service->start();
  return service;
}

Status migrate(sql::Database& database) { return tables::migrate(database); }

}  // namespace chengxin::evidence
