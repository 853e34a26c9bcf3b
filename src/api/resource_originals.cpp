#include "api/resource_originals.h"

#include <condition_variable>

#include "api/describe.h"
#include "base/log.h"
#include "blob/store.h"
#include "evidence/service.h"

namespace chengxin::api {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

Task<Result<Response>> upload(Call& call) {
  App& app = call.app;
  auto writer = co_await blocking(app, [&] { return app.services.blobs->create(); });
  if (!writer) co_return tl::unexpected(writer.error());
  std::string piece;
  for (bool more = true; more;) {
    auto chunk = co_await call.stream->next();
    if (!chunk) co_return tl::unexpected(chunk.error());
    more = !chunk->empty();
    piece.append(*chunk);
    if (piece.empty() || (more && piece.size() < kPieceBytes)) continue;
    auto written = co_await blocking(
        app, [&] { return (*writer)->write(view(piece)); }, Workers::When::always);
    CO_TRY(written);
    piece.clear();
  }
  auto finish = [&]() -> Result<blob::Written> {
    ASSIGN(auto written, (*writer)->finish());
    Status kept = app.services.evidence ? app.services.evidence->keep_original(written) : Status();
    if (kept) return written;
    (void)app.services.blobs->remove(written.id);  // nobody will ever hear of it
    return tl::unexpected(kept.error());
  };
  auto done = co_await blocking(app, finish, Workers::When::always);
  if (!done) co_return tl::unexpected(done.error());
  Response response =
      json_response({{"original", done->id}, {"digest", hex(done->digest)}, {"size", done->size}}, 201);
  response.headers.emplace_back("Location", "/api/v1/originals/" + done->id);
  co_return response;
}

// Brings what a blocking reader pushes to a coroutine that pulls: the reader waits until a piece is asked
// for.
class Pipe {
 public:
  using Piece = Result<std::string>;  // empty: the end

  // The coroutine's side.
  void ask(std::function<void(Piece)> answer) {
    std::lock_guard lock(mutex_);
    wanted_ = std::move(answer);
    changed_.notify_one();
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  // The reader's side.
  Status push(Piece piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || wanted_; });
    if (closed_) return fail(Code::unavailable, "api.client_gone");
    std::exchange(wanted_, nullptr)(std::move(piece));
    return {};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(Piece)> wanted_;
  bool closed_ = false;
};

void read_into(const blob::Store& blobs, const std::string& id, Pipe& pipe) {
  auto status = blobs.read(id, [&](ByteView bytes) { return pipe.push(to_string(bytes)); });
  if (!status && status.error().reason != "api.client_gone")
    log::error("blob.read", {{"original", id}, {"error", status.error().to_string()}});
  (void)pipe.push(status ? Pipe::Piece(std::string()) : Pipe::Piece(tl::unexpected(status.error())));
}

// The coroutine's end. It belongs to the answer and closes the pipe with it, also when not even the head of
// the answer could be sent: the reader must not wait for a coroutine that never comes.
struct PipeEnd {
  const std::shared_ptr<Pipe> pipe;
  explicit PipeEnd(std::shared_ptr<Pipe> shared) : pipe(std::move(shared)) {}
  ~PipeEnd() { pipe->close(); }
};

Task<Status> send(std::shared_ptr<PipeEnd> end, BodySink& sink) {
  for (;;) {
    Outcome<Pipe::Piece> next;
    end->pipe->ask(next.completion());
    auto piece = co_await next.wait();
    if (!piece) co_return tl::unexpected(piece.error());
    if (piece->empty()) co_return Status();
    auto sent = co_await sink.write(*piece);
    CO_TRY(sent);
  }
}

Task<Result<Response>> download(Call& call) {
  App& app = call.app;
  const std::string id = call.path.text("original");
  auto exists = co_await blocking(app, [&] { return app.services.blobs->exists(id); });
  if (!exists) co_return tl::unexpected(exists.error());
  if (!*exists) co_return fail(Code::not_found, "blob.not_found");
  auto pipe = std::make_shared<Pipe>();
  Response response{200, "application/octet-stream", {}, {}, {}};
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"original\"");
  if (call.head) co_return response;
  if (!app.streams.post([&blobs = *app.services.blobs, id, pipe] { read_into(blobs, id, *pipe); }))
    co_return tl::unexpected(Error{Code::busy, "api.busy", "too many downloads at a time", 2000});
  response.stream = [end = std::make_shared<PipeEnd>(pipe)](BodySink& sink) { return send(end, sink); };
  co_return response;
}

}  // namespace

Resource originals_resource() {
  Resource resource;
  resource.schemas["Original"] =
      object_schema({{"original", text_schema()}, {"digest", sm3_schema()}, {"size", integer_schema()}},
                    {"original", "digest", "size"});
  resource.routes = {
      {.method = Method::post,
       .path = "/api/v1/originals",
       .id = "uploadOriginal",
       .summary = {"上传原件（加密保存，流式）", "Upload an original; kept sealed, streamed"},
       .tag = "originals",
       .body = {{"application/octet-stream", {}}},
       .answers = {{201, "application/json", reference("Original"), {}}},
       .reasons = {"file.full", "file.io"},
       .handler = upload,
       .streamed = true,
       .records = true},
      {.path = "/api/v1/originals/{original}",
       .id = "downloadOriginal",
       .summary = {"下载原件", "Download an original"},
       .tag = "originals",
       .answers = {{200, "application/octet-stream", {}, {}}},
       .reasons = {"blob.not_found", "blob.damaged"},
       .handler = download,
       .records = true},
  };
  return resource;
}

}  // namespace chengxin::api
