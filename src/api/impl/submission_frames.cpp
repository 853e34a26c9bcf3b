#include "api/impl/submission_frames.h"

#include "format/transaction.h"

namespace chengxin::api {
namespace {

class BinaryFrames final : public FrameReader {
 public:
  explicit BinaryFrames(size_t max_envelope) : max_(max_envelope) {}

  Result<size_t> feed(std::string_view bytes, std::vector<Frame>& out, size_t most) override {
    size_t at = 0;
    while (out.size() < most) {
      for (; prefix_ < kPrefix && at < bytes.size(); ++prefix_) length_ = length_ << 8 | uint8_t(bytes[at++]);
      if (prefix_ < kPrefix) break;
      if (length_ > max_)
        return fail(Code::too_large, "transaction.too_large", "an item of {} bytes; the chain takes {}",
                    length_, max_);
      const auto some = view(bytes.substr(at, length_ - item_.size()));
      item_.insert(item_.end(), some.begin(), some.end());
      at += some.size();
      if (item_.size() < length_) break;
      out.push_back(std::exchange(item_, {}));
      prefix_ = 0;
    }
    return at;
  }

  Status finish(std::vector<Frame>&) override {
    if (held() == 0) return {};
    return fail(Code::invalid_argument, "api.malformed", "the body ended within an item");
  }

  size_t held() const override { return prefix_ + item_.size(); }

 private:
  static constexpr size_t kPrefix = 4;

  const size_t max_;
  size_t prefix_ = 0;    // bytes of the length that were read
  uint32_t length_ = 0;  // of the item; what it held before goes out at the top
  Bytes item_;
};

class LineFrames final : public FrameReader {
 public:
  LineFrames(size_t max_envelope, const Schemas& schemas)
      : max_line_(max_envelope / 3 * 4 + kJsonAround), schemas_(schemas) {}

  Result<size_t> feed(std::string_view bytes, std::vector<Frame>& out, size_t most) override {
    const size_t all = bytes.size();
    while (out.size() < most) {
      const size_t end = bytes.find('\n');
      if (line_.size() + std::min(end, bytes.size()) > max_line_) {
        line_.clear();
        skipping_ = true;
      }
      if (!skipping_) line_.append(bytes.substr(0, end));
      if (end == bytes.npos) return all;
      bytes.remove_prefix(end + 1);
      end_line(out);
    }
    return all - bytes.size();
  }

  Status finish(std::vector<Frame>& out) override {
    end_line(out);
    return {};
  }

  size_t held() const override { return skipping_ ? 1 : line_.size(); }

 private:
  static constexpr size_t kJsonAround = 16 << 10;

  void end_line(std::vector<Frame>& out) {
    if (std::exchange(skipping_, false))
      out.push_back(fail(Code::too_large, "transaction.too_large", "a line takes {} bytes", max_line_));
    else if (line_.find_first_not_of(" \t\r") != line_.npos)
      out.push_back(parse());
    line_.clear();
  }

  Frame parse() const {
    ASSIGN(Json json, parse_json(line_, {.max_bytes = max_line_}));
    const bool encoded = json.is_object() && json.contains("envelope");
    TRY(validate(json, reference(encoded ? kEncodedTransaction : kNewTransaction), schemas_));
    return encoded ? unbase64(json["envelope"].get_ref<const std::string&>()) : envelope_of(json);
  }

  const size_t max_line_;
  const Schemas& schemas_;
  std::string line_;
  bool skipping_ = false;
};

}  // namespace

std::unique_ptr<FrameReader> binary_frames(size_t max_envelope) {
  return std::make_unique<BinaryFrames>(max_envelope);
}

std::unique_ptr<FrameReader> line_frames(size_t max_envelope, const Schemas& schemas) {
  return std::make_unique<LineFrames>(max_envelope, schemas);
}

Result<Bytes> envelope_of(const Json& json) {
  ASSIGN(Bytes body, unbase64(json["body"].get_ref<const std::string&>()));
  ASSIGN(Bytes signature, unbase64(json["signature"].get_ref<const std::string&>()));
  if (signature.size() != 64)
    return fail(Code::invalid_argument, "transaction.malformed", "/signature: must be 64 bytes");
  crypto::Sm2Signature fixed;
  std::copy(signature.begin(), signature.end(), fixed.begin());
  std::vector<Bytes> attachments;
  for (const auto& text : json.value("attachments", Json::array())) {
    ASSIGN(Bytes attachment, unbase64(text.get_ref<const std::string&>()));
    attachments.push_back(std::move(attachment));
  }
  return format::encode_transaction(body, fixed, attachments);
}

}  // namespace chengxin::api
