#include "consortium/impl/calls.h"

#include <chrono>

#include "format/consortium.h"

namespace chengxin::consortium {
namespace {

constexpr size_t kMaxQueue = 256;
constexpr link::Topic kMember{{}, link::Purpose::member};

Bytes message_of(const Json& json) {
  return to_bytes(view(json.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Result<Json> parse_message(const Bytes& message) {
  ASSIGN(Json json, parse_json(text(message), {kMaxCallBytes, 32}));
  if (!json.is_object() || !json.contains("id") || !json["id"].is_number_unsigned())
    return fail(Code::invalid_argument, "consortium.message", "not a question or an answer");
  return json;
}

Code code_of(std::string_view name) {
  for (Code code :
       {Code::invalid_argument, Code::unauthenticated, Code::forbidden, Code::not_found, Code::conflict,
        Code::gone, Code::too_large, Code::busy, Code::unavailable, Code::data_loss, Code::unsupported})
    if (code_name(code) == name) return code;
  return Code::internal;
}

Result<Json> answer_of(const Json& json) {
  if (json.contains("result")) return json["result"];
  try {
    const Json& error = json.at("error");
    return tl::unexpected(Error{code_of(error.at("code").get<std::string>()),
                                error.at("reason").get<std::string>(),
                                error.at("detail").get<std::string>()});
  } catch (const Json::exception&) {
    return fail(Code::invalid_argument, "consortium.message", "an answer without result or error");
  }
}

Result<link::Address> address_of(const std::string& text) {
  if (!format::valid_address(text)) return fail(Code::invalid_argument, "consortium.names", "{}", text);
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  return link::Address{std::move(host), uint16_t(std::stoul(text.substr(colon + 1)))};
}

}  // namespace

// The first outcome stands.
struct Asked::Shared {
  std::mutex mutex;
  std::promise<Result<Json>> promise;
  bool done = false;
  link::Peer peer;
  void finish(Result<Json> outcome, const link::Peer* from = nullptr) {
    std::lock_guard lock(mutex);
    if (std::exchange(done, true)) return;
    if (from) peer = *from;
    promise.set_value(std::move(outcome));
  }
};

Asked::Asked(link::Links& links, const Place& place, std::string_view call, Json with, Heard heard)
    : shared_(std::make_shared<Shared>()), answer_(shared_->promise.get_future()) {
  auto address = address_of(place.address);
  if (!address) {
    shared_->finish(tl::unexpected(address.error()));
    return;
  }
  const Bytes question = message_of({{"id", 1}, {"call", call}, {"with", std::move(with)}});
  link::Handlers handlers;
  handlers.on_open = [shared = shared_, question](const link::ConnectionPtr& connection) {
    if (auto sent = connection->send(question); !sent) shared->finish(tl::unexpected(sent.error()));
  };
  handlers.on_message = [shared = shared_, heard](const link::ConnectionPtr& connection, Bytes message) {
    auto json = parse_message(message);
    auto answer = json ? answer_of(*json) : Result<Json>(tl::unexpected(json.error()));
    if (answer && heard) heard(connection->peer(), *answer);
    shared->finish(std::move(answer), &connection->peer());
    connection->close("answered");
  };
  handlers.on_close = [shared = shared_](const link::ConnectionPtr&, const Error& why) {
    shared->finish(tl::unexpected(why));
  };
  keeper_ = links.dial(kMember, *address, place.key, std::move(handlers));
}

Result<Json> Asked::wait() {
  if (answer_.wait_for(std::chrono::milliseconds(kCallMs)) != std::future_status::ready)
    return fail(Code::unavailable, "consortium.no_answer", "no answer within {} ms", kCallMs);
  return answer_.get();
}

link::Peer Asked::peer() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->peer;
}

bool is_final(const Error& error) {
  return error.code != Code::unavailable && error.code != Code::busy && !error.reason.starts_with("link.") &&
         !error.reason.starts_with("crypto.");
}

Answering::Answering(Handler handler) : handler_(std::move(handler)) {
  shared_->answering = this;
  thread_ = std::thread([this] { work(); });
}

Answering::~Answering() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->answering = nullptr;
  }
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

link::Handlers Answering::handlers() {
  link::Handlers out;
  out.on_open = [](const link::ConnectionPtr&) {};
  out.on_message = [shared = shared_](const link::ConnectionPtr& connection, Bytes message) {
    std::lock_guard lock(shared->mutex);
    if (shared->answering) shared->answering->take(connection, message);
  };
  out.on_close = [](const link::ConnectionPtr&, const Error&) {};
  return out;
}

void Answering::take(const link::ConnectionPtr& connection, const Bytes& message) {
  auto json = parse_message(message);
  if (!json || !json->contains("call") || !(*json)["call"].is_string() || !json->contains("with")) {
    connection->close("not a question");
    return;
  }
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() < kMaxQueue) {
      queue_.push_back(
          {connection, (*json)["id"].get<uint64_t>(), (*json)["call"].get<std::string>(), (*json)["with"]});
      changed_.notify_all();
      return;
    }
  }
  connection->close("too many questions");
}

void Answering::work() {
  while (true) {
    Question question;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      question = std::move(queue_.front());
      queue_.pop_front();
    }
    Result<Json> outcome = fail(Code::invalid_argument, "consortium.message");
    try {
      outcome = handler_(question.connection->peer(), question.call, question.with);
    } catch (const Json::exception& error) {  // a member that is not there, or of another type
      outcome = fail(Code::invalid_argument, "consortium.message", "{}", error.what());
    }
    Json answer = {{"id", question.id}};
    if (outcome)
      answer["result"] = std::move(*outcome);
    else
      answer["error"] = {{"code", code_name(outcome.error().code)},
                         {"reason", outcome.error().reason},
                         {"detail", outcome.error().detail}};
    if (!question.connection->send(message_of(answer))) question.connection->close("cannot answer");
  }
}

}  // namespace chengxin::consortium
