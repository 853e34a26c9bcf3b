#include "blob/store.h"

#include <algorithm>

#include "blob/impl/objects.h"
#include "crypto/random.h"
#include "crypto/sealed_blob.h"
#include "crypto/sm3.h"

namespace chengxin::blob {
namespace {

// Binds the sealed bytes to their id: an object under another one's name does not open.
Bytes context_of(const std::string& id) { return to_bytes(view("blob/" + id)); }

class SealingWriter final : public Writer {
 public:
  SealingWriter(std::string id, ByteView key, std::unique_ptr<Upload> upload)
      : id_(std::move(id)),
        upload_(std::move(upload)),
        sealer_(key, context_of(id_), [this](ByteView sealed) { return upload_->write(sealed); }) {}

  Status write(ByteView bytes) override {
    sm3_.update(bytes);
    size_ += bytes.size();
    return sealer_.update(bytes);
  }

  Result<Written> finish() override {
    TRY(sealer_.finish());
    TRY(upload_->finish());
    return Written{id_, sm3_.finish(), size_};
  }

 private:
  const std::string id_;
  const std::unique_ptr<Upload> upload_;
  crypto::BlobSealer sealer_;
  crypto::Sm3 sm3_;
  uint64_t size_ = 0;
};

class SealingStore final : public Store {
 public:
  SealingStore(std::unique_ptr<Objects> objects, ByteView key)
      : objects_(std::move(objects)), key_(crypto::to_secret(key)) {}

  Result<std::unique_ptr<Writer>> create() override {
    std::string id = hex(crypto::random_bytes(kIdBytes));
    ASSIGN(auto upload, objects_->create(id));
    return std::make_unique<SealingWriter>(std::move(id), key_, std::move(upload));
  }

  Status read(const std::string& id, const std::function<Status(ByteView)>& on_chunk) const override {
    if (!is_id(id)) return missing(id);
    crypto::BlobOpener opener(key_, context_of(id), on_chunk);
    Status opened = objects_->read(id, [&](ByteView sealed) { return opener.update(sealed); });
    if (opened) opened = opener.finish();
    bool damaged = !opened && (opened.error().reason == "crypto.decrypt" ||
                               opened.error().reason == "crypto.sealed_format");
    if (damaged) return fail(Code::data_loss, "blob.damaged", "{}: {}", id, opened.error().to_string());
    return opened;
  }

  Result<bool> exists(const std::string& id) const override {
    if (!is_id(id)) return false;
    return objects_->exists(id);
  }

  Status remove(const std::string& id) override {
    if (!is_id(id)) return missing(id);
    return objects_->remove(id);
  }

  Status list(const std::function<Status(const std::string&)>& on_blob) const override {
    return objects_->list(on_blob);
  }

  Objects& objects() const { return *objects_; }

 private:
  const std::unique_ptr<Objects> objects_;
  const crypto::Secret key_;
};

// Every store is one.
Objects& objects_of(const Store& store) { return static_cast<const SealingStore&>(store).objects(); }

Status check_key(ByteView key) {
  if (key.size() >= 16) return {};
  return fail(Code::invalid_argument, "crypto.key_length", "a key of {} bytes", key.size());
}

}  // namespace

bool is_id(std::string_view id) {
  return id.size() == 2 * kIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

tl::unexpected<Error> missing(const std::string& id) {
  return fail(Code::not_found, "blob.not_found", "{}", id);
}

Result<std::unique_ptr<Store>> Store::open_folder(const fs::path& folder, ByteView key) {
  TRY(check_key(key));
  ASSIGN(auto objects, open_folder_objects(folder));
  return std::make_unique<SealingStore>(std::move(objects), key);
}

Result<std::unique_ptr<Store>> Store::open_s3(const S3& s3, ByteView key) {
  TRY(check_key(key));
  ASSIGN(auto objects, open_s3_objects(s3));
  return std::make_unique<SealingStore>(std::move(objects), key);
}

Result<uint64_t> copy_objects(const Store& from, Store& to) {
  Objects &source = objects_of(from), &target = objects_of(to);
  uint64_t copied = 0;
  const auto copy = [&](const std::string& id) -> Status {
    ASSIGN(const bool there, target.exists(id));
    if (there) return {};
    ASSIGN(auto upload, target.create(id));
    const Status read = source.read(id, [&](ByteView sealed) { return upload->write(sealed); });
    if (!read && read.error().reason == "blob.not_found") return {};  // removed meanwhile
    TRY(read);
    ++copied;
    return upload->finish();
  };
  TRY(source.list(copy));
  return copied;
}

}  // namespace chengxin::blob
