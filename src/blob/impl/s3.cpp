#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/percent.h"
#include "blob/impl/objects.h"
#include "blob/impl/s3_client.h"

// An object appears when its one PUT, or the completion of its parts, is through: S3 shows nothing earlier.
// What stops before leaves at most parts, which no listing of objects shows, and which are dropped later.
namespace chengxin::blob {
namespace {

constexpr size_t kPartBytes = 8 << 20;  // S3 takes 5 MiB and more, and 10,000 of them
constexpr size_t kMostParts = 10'000;

using Client = std::shared_ptr<S3Client>;

class S3Upload final : public Upload {
 public:
  S3Upload(Client client, std::string name) : client_(std::move(client)), name_(std::move(name)) {}

  ~S3Upload() override {
    if (finished_) return;
    if (!upload_.empty())
      (void)client_->once({.method = "DELETE", .name = name_, .query = {{"uploadId", upload_}}});
    // The last request may have done its work though no answer came.
    if (finishing_) (void)client_->once({.method = "DELETE", .name = name_});
  }

  Status write(ByteView bytes) override {
    while (!bytes.empty()) {
      if (part_.size() == kPartBytes) TRY(send_part());
      const size_t count = std::min(bytes.size(), kPartBytes - part_.size());
      if (part_.size() + count > kPartBytes / 4) part_.reserve(kPartBytes);
      append(part_, bytes.first(count));
      bytes = bytes.subspan(count);
    }
    return {};
  }

  Status finish() override {
    if (upload_.empty()) {
      finishing_ = true;
      TRY(client_->call({.method = "PUT", .name = name_, .body = part_}));
    } else {
      TRY(send_part());
      finishing_ = true;
      TRY(complete());
    }
    finished_ = true;
    return {};
  }

 private:
  Status begin() {
    ASSIGN(auto answer, client_->call({.method = "POST", .name = name_, .query = {{"uploads", ""}}}));
    upload_ = element(answer.body, "UploadId");
    if (upload_.empty()) return fail(Code::unavailable, "blob.s3_answer", "an upload without an id");
    return {};
  }

  Status send_part() {
    if (upload_.empty()) TRY(begin());
    if (etags_.size() == kMostParts)
      return fail(Code::too_large, "blob.too_large", "above {} bytes", kMostParts * kPartBytes);
    ASSIGN(auto answer,
           client_->call({.method = "PUT",
                          .name = name_,
                          .query = {{"partNumber", std::to_string(etags_.size() + 1)}, {"uploadId", upload_}},
                          .body = part_}));
    if (answer.etag.empty()) return fail(Code::unavailable, "blob.s3_answer", "a part without an ETag");
    etags_.push_back(std::move(answer.etag));
    sent_ += part_.size();
    part_.clear();
    return {};
  }

  Status complete() {
    std::string list = "<CompleteMultipartUpload>";
    for (size_t i = 0; i < etags_.size(); ++i)
      list += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etags_[i]);
    list += "</CompleteMultipartUpload>";
    auto done = client_->call(
        {.method = "POST", .name = name_, .query = {{"uploadId", upload_}}, .body = view(list)});
    if (done) return {};
    // An attempt whose answer was lost has ended the upload.
    if (done.error().reason == "blob.s3_upload_gone" && is_whole()) return {};
    return tl::unexpected(done.error());
  }

  bool is_whole() {
    auto first = client_->call({.name = name_, .headers = {{"range", "bytes=0-0"}}, .wanted = 206});
    return first && first->content_range == fmt::format("bytes 0-0/{}", sent_);
  }

  const Client client_;
  const std::string name_;
  Bytes part_;
  std::string upload_;  // empty: no part was sent
  std::vector<std::string> etags_;
  uint64_t sent_ = 0;
  bool finishing_ = false, finished_ = false;
};

class S3Objects final : public Objects {
 public:
  explicit S3Objects(Client client) : client_(std::move(client)) {}

  Result<std::unique_ptr<Upload>> create(const std::string& id) override {
    return std::make_unique<S3Upload>(client_, name_of(id));
  }

  // Goes on where a connection was lost, if the object is the same still.
  Status read(const std::string& id, const std::function<Status(ByteView)>& on_bytes) const override {
    uint64_t got = 0;
    std::string etag;
    for (int attempt = 1;; ++attempt) {
      const uint64_t before = got;
      S3Call call{.name = name_of(id), .wanted = 200};
      if (got > 0) {
        call.wanted = 206;
        call.headers = {{"range", fmt::format("bytes={}-", got)}, {"if-match", etag}};
      }
      call.on_body = [&](ByteView bytes) -> Status {
        got += bytes.size();
        return on_bytes(bytes);
      };
      call.etag = &etag;
      auto answer = client_->once(call);
      if (answer) return {};
      if (got > before) attempt = 1;
      if (!S3Client::may_pass(answer.error()) || attempt >= client_->settings().attempts)
        return tl::unexpected(answer.error());
      client_->wait(attempt);
    }
  }

  Result<bool> exists(const std::string& id) const override {
    // Its first byte and not HEAD, whose answers do not say what is missing, object or bucket.
    auto first = client_->call({.name = name_of(id), .headers = {{"range", "bytes=0-0"}}});
    if (first) return true;
    if (first.error().reason == "blob.not_found") return false;
    return tl::unexpected(first.error());
  }

  Status remove(const std::string& id) override {
    ASSIGN(bool there, exists(id));
    if (!there) return missing(id);
    TRY(client_->call({.method = "DELETE", .name = name_of(id)}));
    return {};
  }

  Status list(const std::function<Status(const std::string&)>& on_object) const override {
    Query query = {{"list-type", "2"}, {"prefix", client_->settings().prefix}, {"encoding-type", "url"}};
    for (;;) {
      ASSIGN(auto page, client_->call({.query = query}));
      std::string last;
      for (const std::string& key : elements(page.body, "Key")) {
        last = percent_decode(key, true).value_or("");
        if (is_ours(last)) TRY(on_object(id_of(last)));
      }
      if (element(page.body, "IsTruncated") != "true") return {};
      TRY(next(query, "start-after", last));
    }
  }

  // Uploads that were begun long ago and not finished. Their names are compared here: services differ in what
  // a prefix means to this request.
  Status drop_abandoned() {
    const std::string limit = format_time(now_ms() - client_->settings().abandoned_after_s * 1000);
    Query query = {{"uploads", ""}, {"encoding-type", "url"}};
    for (;;) {
      ASSIGN(auto page, client_->call({.query = query}));
      std::string name, upload;
      for (const std::string& one : elements(page.body, "Upload")) {
        name = percent_decode(element(one, "Key"), true).value_or("");
        upload = element(one, "UploadId");
        if (!is_ours(name) || element(one, "Initiated") > limit) continue;
        auto dropped = client_->call({.method = "DELETE", .name = name, .query = {{"uploadId", upload}}});
        if (!dropped && dropped.error().reason != "blob.s3_upload_gone")
          return tl::unexpected(dropped.error());
        log::info("blob.upload_dropped", {{"name", name}});
      }
      if (element(page.body, "IsTruncated") != "true") return {};
      TRY(next(query, "key-marker", name));
      TRY(next(query, "upload-id-marker", upload));
    }
  }

 private:
  std::string name_of(const std::string& id) const {
    return client_->settings().prefix + id.substr(0, 2) + "/" + id;
  }

  static std::string id_of(const std::string& name) { return name.substr(name.rfind('/') + 1); }
  bool is_ours(const std::string& name) const { return is_id(id_of(name)) && name == name_of(id_of(name)); }

  // Lets the next page begin behind `last`.
  static Status next(Query& query, const std::string& parameter, const std::string& last) {
    if (last.empty()) return fail(Code::unavailable, "blob.s3_answer", "a page without an end");
    std::erase_if(query, [&](const auto& one) { return one.first == parameter; });
    query.emplace_back(parameter, last);
    return {};
  }

  const Client client_;
};

}  // namespace

Result<std::unique_ptr<Objects>> open_s3_objects(const S3& s3) {
  ASSIGN(Client client, S3Client::make(s3));
  auto objects = std::make_unique<S3Objects>(std::move(client));
  TRY(objects->drop_abandoned());
  return objects;
}

}  // namespace chengxin::blob
