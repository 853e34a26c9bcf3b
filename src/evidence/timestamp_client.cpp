#include "evidence/timestamp_client.h"

#include "crypto/timestamp.h"
#include "net/fetch.h"

namespace chengxin::evidence {
namespace {

net::Request request_to(const TimestampServer& server) {
  return {.url = server.url,
          .method = "POST",
          .headers = {"Content-Type: application/timestamp-query"},
          .reach = server.allow_private ? net::Reach::any : net::Reach::public_only,
          .timeout_ms = server.timeout_ms,
          .realm = "timestamp"};
}

}  // namespace

Result<std::function<Result<Bytes>(const Digest&)>> timestamp_client(TimestampServer server) {
  TRY(net::check_url(request_to(server)));
  return [server = std::move(server)](const Digest& imprint) -> Result<Bytes> {
    auto request = crypto::TimestampRequest::make(imprint);
    net::Request question = request_to(server);
    question.body = request.to_der();
    ASSIGN(const net::Answer answer, net::fetch(question));
    if (answer.status != 200)
      return fail(Code::unavailable, "timestamp.http_status", "status {}", answer.status);
    ASSIGN(Bytes token, crypto::parse_timestamp_response(answer.body, request));
    auto verified = crypto::verify_timestamp(token, imprint, server.roots);
    if (!verified) return tl::unexpected(verified.error());
    return token;
  };
}

}  // namespace chengxin::evidence
