#include "api/impl/connection.h"

#include <boost/asio/write.hpp>

#include "access/service.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "net/fetch.h"

namespace chengxin::api {
namespace {

constexpr size_t kReadBytes = 64 << 10, kKeepBytes = 256 << 10, kMinBodyBytesPerSecond = 1024;
constexpr int kLingerMs = 2000;

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), made once a second.
const std::string& http_date() {
  static thread_local std::string text;
  static thread_local std::time_t made = 0;
  std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[40];
    std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text = buffer;
    made = now;
  }
  return text;
}

bool is_local(const asio::ip::address& address) {
  if (address.is_v4()) return address.is_loopback();
  const auto bytes = address.to_v6().to_bytes();
  return net::is_loopback_address(bytes);  // those that embed an IPv4 address too
}

}  // namespace

Connection::Connection(App& app, Socket socket, std::string id)
    : app_(app), socket_(std::move(socket)), id_(std::move(id)), buffer_(2 * kReadBytes) {
  boost::system::error_code ignored;
  const auto address = socket_.remote_endpoint(ignored).address();
  peer_ = address.to_string();
  exposed_ = !app.options.tls && !is_local(address);
}

void Connection::enter(Phase phase, int timeout_ms) {
  phase_ = phase;
  deadline_ns_ = timeout_ms ? steady_ns() + int64_t(timeout_ms) * 1'000'000 : 0;
}

void Connection::sweep(int64_t now) {
  bool late = deadline_ns_ && now > deadline_ns_;
  if (phase_ == Phase::body && body_deadline_ns_ &&
      now > body_deadline_ns_ + int64_t(body_bytes_ / kMinBodyBytesPerSecond) * 1'000'000'000)
    late = true;
  const bool write_late = write_deadline_ns_ && now > write_deadline_ns_;
  if (!late && !write_late) return;
  expired_ |= late;
  write_expired_ |= write_late;
  cancel();
}

void Connection::cancel() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::begin_stop() {
  stopping_ = true;
  if (idle()) return abort();
  if (!both_ways_) return;
  expired_ = true;  // for the body only
  cancel();
}

void Connection::abort() {
  expired_ = write_expired_ = close_ = true;
  cancel();
}

// Clients are asked for certificates by what is trusted now.
Task<Status> Connection::begin_session() {
  const bool required = app_.options.client_certificates == ClientCertificates::required;
  std::shared_ptr<const crypto::TlsTrust> trust;
  if (app_.options.client_certificates != ClientCertificates::off) {
    auto found = co_await blocking(app_, [&] { return app_.services.access->trust(); });
    if (found)
      trust = std::move(*found);
    else if (required || found.error().reason != "access.no_roots")
      co_return tl::unexpected(found.error());
  }
  secure_ = std::make_unique<SecureSocket>(socket_, app_.options.tls->accept(trust, !required));
  co_return Status();
}

// Refused certificates are what an operator asks about; other noise of the network is not.
Task<void> Connection::note_handshake(const Error& error) {
  const std::string_view reason = error.reason;
  if (reason.starts_with("crypto.tls_") && reason != "crypto.tls_pair") {
    log::debug("api.handshake", {{"reason", reason}, {"detail", error.detail}});
    co_return;
  }
  log::warn("api.handshake", {{"reason", reason}, {"detail", error.detail}, {"source", peer_}});
  audit::Entry entry;
  entry.action = "handshake";
  entry.outcome = error.reason;
  entry.detail = error.detail;
  entry.status = 403;
  entry.source = peer_;
  entry.request_id = id_;
  co_await app_.trail.record(std::move(entry), false);
}

Task<bool> Connection::shake_hands() {
  enter(Phase::header, app_.options.header_timeout_ms);
  auto status = co_await begin_session();
  if (status) status = co_await secure_->shake_hands();
  if (!status) co_await note_handshake(status.error());
  co_return status.has_value();
}

Task<size_t> Connection::read_some(asio::mutable_buffer into, boost::system::error_code& error) {
  size_t count = 0;
  if (secure_)
    count = co_await secure_->read_some(into, error);
  else
    count = co_await socket_.async_read_some(into, asio::redirect_error(use_task, error));
  co_return count;
}

Task<size_t> Connection::write_some(std::span<const asio::const_buffer> parts,
                                    boost::system::error_code& error) {
  size_t count = 0;
  if (secure_)
    count = co_await secure_->write_some(parts, error);
  else
    count = co_await socket_.async_write_some(parts, asio::redirect_error(use_task, error));
  co_return count;
}

Task<bool> Connection::fill() {
  boost::system::error_code error;
  size_t room = std::min(kReadBytes, buffer_.max_size() - buffer_.size());
  while (!expired_) {
    size_t count = co_await read_some(buffer_.prepare(room), error);
    buffer_.commit(count);
    if (error != asio::error::operation_aborted) co_return !error && count > 0;
  }
  co_return false;
}

Error Connection::parse_error(const boost::system::error_code& error) const {
  if (error == http::error::header_limit) {
    bool in_line = head_.target.empty();
    return {in_line ? Code::invalid_argument : Code::too_large,
            in_line ? "api.uri_too_long" : "api.header_too_large",
            {}};
  }
  if (error == http::error::body_limit) return {Code::too_large, "api.body_too_large", {}};
  if (error == http::error::bad_version) return {Code::unsupported, "api.http_version", {}};
  return {Code::invalid_argument, "api.malformed", error.message()};
}

Task<Result<bool>> Connection::read_header() {
  parser_.emplace(head_, chunk_, app_.options.max_header_bytes);
  enter(Phase::idle, app_.options.idle_timeout_ms);
  for (;;) {
    if (buffer_.size() > 0) {
      if (phase_ == Phase::idle) enter(Phase::header, app_.options.header_timeout_ms);
      boost::system::error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error && error != http::error::need_more) co_return tl::unexpected(parse_error(error));
      if (parser_->is_header_done()) break;
      if (!error) continue;  // one more step of the parser
      if (buffer_.size() > app_.options.max_header_bytes)
        co_return tl::unexpected(parse_error(http::error::header_limit));
    }
    bool was_idle = phase_ == Phase::idle;
    if (!co_await fill()) {
      if (was_idle) co_return false;
      if (expired_ && !close_)
        co_return fail(Code::invalid_argument, "api.timeout", "the header took too long");
      co_return fail(Code::invalid_argument, "api.malformed", "the request ended early");
    }
  }
  head_.keep_alive = parser_->keep_alive();
  head_.chunked = parser_->chunked();
  if (auto length = parser_->content_length()) head_.content_length = *length;
  parser_->eager(true);
  co_return true;
}

Task<Result<std::string_view>> Connection::next() {
  if (!body_deadline_ns_) body_deadline_ns_ = steady_ns() + int64_t(app_.options.body_timeout_ms) * 1'000'000;
  enter(Phase::body, app_.options.body_timeout_ms);
  auto chunk = co_await next_chunk();
  enter(Phase::handling, 0);
  co_return chunk;
}

Task<Result<std::string_view>> Connection::next(int64_t until_ns) {
  deadline_ns_ = until_ns;
  auto chunk = co_await next_chunk();
  deadline_ns_ = 0;
  co_return chunk;
}

Task<Result<std::string_view>> Connection::next_chunk() {
  chunk_.clear();
  if (expect_continue_) {
    expect_continue_ = false;
    if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n", {}))
      co_return fail(Code::invalid_argument, "api.client_gone");
  }
  while (chunk_.empty() && !parser_->is_done()) {
    boost::system::error_code error = http::error::need_more;
    if (buffer_.size() > 0) buffer_.consume(parser_->put(buffer_.data(), error));
    if (error && error != http::error::need_more) {
      close_ = true;
      co_return tl::unexpected(parse_error(error));
    }
    if (!chunk_.empty() || parser_->is_done() || !error) continue;
    if (buffer_.size() >= kReadBytes) {
      close_ = true;
      co_return fail(Code::invalid_argument, "api.malformed", "a chunk header without end");
    }
    if (!co_await fill()) {
      close_ = true;
      if (both_ways_ && stopping_) co_return fail(Code::unavailable, "api.stopping");
      if (expired_) co_return fail(Code::invalid_argument, "api.timeout", "the body took too long");
      co_return fail(Code::invalid_argument, "api.malformed", "the body ended early");
    }
    expired_ = both_ways_ && stopping_;
  }
  body_bytes_ += chunk_.size();
  co_return std::string_view(chunk_);
}

Task<bool> Connection::send(std::string_view head, std::string_view body, std::string_view tail) {
  boost::system::error_code error;
  std::array<asio::const_buffer, 3> parts = {asio::buffer(head), asio::buffer(body), asio::buffer(tail)};
  size_t sent = 0, total = head.size() + body.size() + tail.size();
  write_expired_ = write_expired_ && close_;  // of an abort
  while (sent < total && !error) {
    if (write_expired_) {
      error = asio::error::operation_aborted;
      break;
    }
    write_deadline_ns_ = steady_ns() + int64_t(app_.options.write_timeout_ms) * 1'000'000;
    size_t count = co_await write_some(parts, error);
    if (error == asio::error::operation_aborted) error.clear();
    sent += count;
    for (auto& part : parts) {
      size_t taken = std::min(count, part.size());
      part += taken;
      count -= taken;
    }
  }
  write_deadline_ns_ = 0;
  if (error) abort();
  co_return !error;
}

void Connection::write_head(const Response& response, bool keep, bool chunked) {
  out_.clear();
  fmt::format_to(std::back_inserter(out_),
                 "HTTP/1.1 {} {}\r\nDate: {}\r\nX-Request-Id: {}-{}\r\nX-Content-Type-Options: nosniff\r\n",
                 response.status, status_text(response.status).en, http_date(), id_, count_);
  bool cached = false;
  for (auto& [name, value] : response.headers) {
    fmt::format_to(std::back_inserter(out_), "{}: {}\r\n", name, value);
    cached = cached || name == "Cache-Control";
  }
  if (!cached) out_ += "Cache-Control: no-store\r\n";
  if (response.status != 204) fmt::format_to(std::back_inserter(out_), "Content-Type: {}\r\n", response.type);
  if (chunked)
    out_ += "Transfer-Encoding: chunked\r\n";
  else if (response.status != 204 && !response.stream)  // else the end of the connection ends it (HTTP/1.0)
    fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", response.body.size());
  out_ += keep ? "\r\n" : "Connection: close\r\n\r\n";
}

Task<Status> Connection::write(std::string_view bytes) {
  if (bytes.empty() || head_only_) co_return Status();
  if (both_ways_ ? write_expired_ : stopping_ || close_) co_return fail(Code::unavailable, "api.stopping");
  const std::string frame = head_.http11 ? fmt::format("{:x}\r\n", bytes.size()) : std::string();
  if (!co_await send(frame, bytes, head_.http11 ? "\r\n" : ""))
    co_return fail(Code::unavailable, "api.client_gone");
  co_return Status();
}

Task<void> Connection::answer(Outgoing& outgoing) {
  enter(Phase::handling, 0);
  Response& response = outgoing.response;
  bool unread = parser_ && !parser_->is_done();
  bool chunked = response.stream && head_.http11;
  bool keep = head_.keep_alive && !close_ && !stopping_ && !unread && (!response.stream || chunked);
  write_head(response, keep, chunked);
  if (response.stream && unread && std::exchange(expect_continue_, false))
    out_.insert(0, "HTTP/1.1 100 Continue\r\n\r\n");
  both_ways_ = response.stream && unread;
  expired_ = both_ways_ && stopping_;
  bool sent = co_await send(out_, head_only_ || response.stream ? std::string_view() : response.body);
  if (sent && response.stream && !head_only_) {
    auto status = co_await response.stream(*this);
    if (!status) keep = false;  // without the last chunk, so that the client sees that it is cut short
    if (status && chunked) sent = co_await send("0\r\n\r\n", {});
  }
  both_ways_ = false;
  close_ = close_ || !keep;
  if (sent && parser_ && !parser_->is_done()) co_await linger();
}

void Connection::wipe_read() {
  wipe(body_);
  wipe(chunk_);
  if (buffer_.size() > 0) return;  // the next request has come: it is written over
  const auto room = buffer_.prepare(buffer_.capacity());
  crypto::secure_zero(room.data(), room.size());
}

Task<void> Connection::linger() {
  boost::system::error_code error;
  if (secure_) secure_->finish();
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  buffer_.clear();
  expired_ = false;
  enter(Phase::closing, kLingerMs);
  for (size_t read = 0; !error && !expired_ && read < (4 << 20);) {
    read +=
        co_await socket_.async_read_some(buffer_.prepare(kReadBytes), asio::redirect_error(use_task, error));
  }
}

Task<void> Connection::run() {
  if (app_.options.tls) close_ = !co_await shake_hands();
  while (!close_ && !stopping_) {
    ++count_;
    body_bytes_ = 0;
    body_deadline_ns_ = 0;
    auto header = co_await read_header();
    if (header && !*header) break;
    int64_t begun = steady_ns();
    Outgoing outgoing;
    BodyShare share(app_);
    head_only_ = head_.method == "HEAD";
    if (header) {
      enter(Phase::handling, 0);
      expect_continue_ = head_.http11 && !head_.field("Expect").empty() && buffer_.size() == 0;
      Incoming incoming{head_, fmt::format("{}-{}", id_, count_),   peer_,   *this, body_,
                        share, secure_ ? secure_->peer() : nullptr, exposed_};
      outgoing = co_await dispatch(app_, incoming);
    } else {
      close_ = true;
      outgoing.response = problem(header.error(), fmt::format("{}-{}", id_, count_));
      audit::Entry entry;
      entry.action = "unrouted";
      entry.outcome = header.error().reason;
      entry.status = outgoing.response.status;
      entry.source = peer_;
      entry.request_id = fmt::format("{}-{}", id_, count_);
      co_await app_.trail.record(std::move(entry), false);
    }
    if (outgoing.route && outgoing.route->secret) wipe_read();
    int status = outgoing.response.status;
    app_.metrics.observe(outgoing.route, status, double(steady_ns() - begun) / 1e9);
    if (log::enabled(log::Level::debug))
      log::debug("api.request", {{"request_id", fmt::format("{}-{}", id_, count_)},
                                 {"method", head_.method},
                                 {"route", outgoing.route ? outgoing.route->path : ""},
                                 {"status", status},
                                 {"us", (steady_ns() - begun) / 1000}});
    co_await answer(outgoing);
    body_.clear();
    if (body_.capacity() > kKeepBytes) body_.shrink_to_fit();
  }
  boost::system::error_code ignored;
  if (secure_) secure_->finish();
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace chengxin::api
