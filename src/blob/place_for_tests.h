#pragma once
#include <gtest/gtest.h>

#include <random>

#include "blob/impl/objects.h"
#include "support/minio.h"

// What the tests of stores share: a place that is a folder or a prefix in a bucket of the program's MinIO.
namespace chengxin::blob {

constexpr size_t kMiB = 1 << 20;

// Started when first needed.
inline test::Minio& shared_minio() {
  static std::unique_ptr<test::Minio> server = test::Minio::start().value();
  return *server;
}

inline S3 bucket_of(const test::Minio& server, std::string prefix) {
  S3 out;
  out.url = server.url();
  out.bucket = "chengxin";
  out.prefix = std::move(prefix);
  out.credentials = server.credentials();
  out.stall_timeout_s = 2;
  out.first_wait_ms = 20;
  return out;
}

inline Bytes random_bytes_of(size_t size, uint32_t seed) {
  std::mt19937 engine(seed);
  Bytes out(size);
  for (uint8_t& byte : out) byte = uint8_t(engine());
  return out;
}

inline Result<Written> put(Store& store, ByteView bytes, size_t piece = kMiB) {
  ASSIGN(auto writer, store.create());
  for (size_t at = 0; at < bytes.size(); at += piece)
    TRY(writer->write(bytes.subspan(at, std::min(piece, bytes.size() - at))));
  return writer->finish();
}

inline Result<Bytes> get(const Store& store, const std::string& id) {
  Bytes out;
  TRY(store.read(id, [&](ByteView chunk) -> Status {
    EXPECT_LE(chunk.size(), kMiB);
    append(out, chunk);
    return {};
  }));
  return out;
}

inline std::vector<std::string> ids_of(const Store& store) {
  std::vector<std::string> out;
  const Status listed = store.list([&](const std::string& id) -> Status {
    out.push_back(id);
    return {};
  });
  EXPECT_TRUE(listed) << listed.error().to_string();
  return out;
}

template <typename T>
std::string reason_of(const Result<T>& result) {
  return result ? "ok" : result.error().reason;
}

}  // namespace chengxin::blob
