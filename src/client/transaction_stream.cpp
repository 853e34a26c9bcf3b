#include "client/transaction_stream.h"
#include "base/percent.h"

namespace chengxin::client {
namespace {

tl::unexpected<Error> unreadable() {
  return fail(Code::internal, "client.protocol", "the answer is no stream of results");
}

class Results {
 public:
  Results(StreamForm form, const std::function<void(const StreamResult&)>& on_result)
      : form_(form), on_result_(on_result) {}

  Status feed(ByteView bytes) {
    rest_.append(text(bytes));
    size_t at = 0;
    for (std::string_view one = next(at); one.data(); one = next(at))
      TRY(form_ == StreamForm::lines ? take_line(one) : take_record(view(one)));
    rest_.erase(0, at);
    return {};
  }

  std::optional<StreamSummary> summary;

 private:
  // The next whole line or record from `at` on; null when there is none.
  std::string_view next(size_t& at) const {
    const std::string_view rest = std::string_view(rest_).substr(at);
    const size_t prefix = form_ == StreamForm::lines ? 0 : 4;
    size_t length;
    if (form_ == StreamForm::lines) {
      length = rest.find('\n');
      if (length == rest.npos) return {};
    } else {
      if (rest.size() < prefix) return {};
      length = get_be<uint32_t>(view(rest).data());
      if (rest.size() - prefix < length) return {};
    }
    at += prefix + length + (form_ == StreamForm::lines ? 1 : 0);
    return rest.substr(prefix, length);
  }

  Status take_line(std::string_view line) {
    ASSIGN(Json json, parse_json(line));
    if (!json.is_object()) return unreadable();
    auto number = [&](const char* name) {
      auto found = json.find(name);
      return found != json.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
    };
    auto words = [&](const char* name) {
      auto found = json.find(name);
      return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    if (json.contains("end")) {
      summary = StreamSummary{number("accepted"), number("failed"), number("rejected"),
                              number("bytes"),    words("reason"),  words("detail")};
      return {};
    }
    StreamResult result{number("index"), words("reason"), words("detail"), {}, 0, 0};
    if (result.reason.empty()) {
      ASSIGN(result.transaction, unhex_digest(words("transaction")));
      result.height = number("height");
      result.status = uint32_t(number("status"));
    }
    on_result_(result);
    return {};
  }

  Status take_record(ByteView record) {
    Reader in(record);
    auto words = [&] { return to_string(in.take(in.be<uint16_t>())); };
    const uint8_t kind = in.be<uint8_t>();
    if (kind == 4) {
      summary.emplace();
      for (uint64_t* each : {&summary->accepted, &summary->failed, &summary->rejected, &summary->bytes})
        *each = in.be<uint64_t>();
      summary->reason = words();
      summary->detail = words();
    } else if (kind == 1 || kind == 3) {
      StreamResult result;
      result.index = in.be<uint64_t>();
      if (kind == 1) {
        result.transaction = in.digest();
        result.height = in.be<uint64_t>();
        result.status = in.be<uint32_t>();
      } else {
        result.reason = words();
        result.detail = words();
      }
      if (in.ok()) on_result_(result);
    }
    return in.ok() ? Status() : unreadable();
  }

  const StreamForm form_;
  const std::function<void(const StreamResult&)>& on_result_;
  std::string rest_;
};

}  // namespace

Result<StreamSummary> stream_transactions(Client& platform, const std::string& chain, StreamForm form,
                                          const Client::Supply& supply,
                                          const std::function<void(const StreamResult&)>& on_result) {
  Results results(form, on_result);
  const bool lines = form == StreamForm::lines;
  TRY(platform.exchange("/api/v1/chains/" + percent_encode(chain) + "/transactions/stream",
                        lines ? "application/x-ndjson" : "application/vnd.chengxin.transactions", supply,
                        [&](ByteView chunk) { return results.feed(chunk); }));
  if (!results.summary) return unreadable();
  return std::move(*results.summary);
}

}  // namespace chengxin::client
