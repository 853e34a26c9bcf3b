#include "credential/impl/gzip.h"

#include <zlib.h>

#include "base/check.h"

namespace chengxin::credential {
namespace {
constexpr int kGzipWindow = 15 + 16;
}

Bytes gzip(ByteView bytes) {
  z_stream stream{};
  CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, uLong(bytes.size())));
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = uInt(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = uInt(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::optional<Bytes> gunzip(ByteView bytes, size_t most) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return std::nullopt;
  Bytes out;
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = uInt(bytes.size());
  int state = Z_OK;
  while (state == Z_OK && out.size() <= most) {
    const size_t had = out.size();
    out.resize(std::min(most + 1, had + (256 << 10)));
    stream.next_out = out.data() + had;
    stream.avail_out = uInt(out.size() - had);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (state == Z_OK && out.size() == had) break;  // no progress: cut short
  }
  const bool whole = state == Z_STREAM_END && stream.avail_in == 0 && out.size() <= most;
  inflateEnd(&stream);
  return whole ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace chengxin::credential
