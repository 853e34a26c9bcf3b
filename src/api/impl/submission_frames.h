#pragma once
#include <memory>

#include "api/schema.h"
#include "base/bytes.h"

// Takes the body of a transaction stream apart as it arrives (docs/formats/stream.md).
namespace chengxin::api {

// One item, or why this one cannot be read while those behind it can.
using Frame = Result<Bytes>;

class FrameReader {
 public:
  virtual ~FrameReader() = default;
  // Appends what `bytes` complete, up to `most` items in `out`, and says how many bytes that took: all of
  // them unless `out` is full. After an error nothing more can be read; what was appended stands.
  virtual Result<size_t> feed(std::string_view bytes, std::vector<Frame>& out, size_t most) = 0;
  virtual Status finish(std::vector<Frame>& out) = 0;  // at the end of the body
  virtual size_t held() const = 0;                     // bytes of an item that has begun
};

// Each envelope behind its length in four bytes. transaction.too_large for a length above max_envelope, after
// which nobody could tell where the next one begins; api.malformed when the body ends within one.
std::unique_ptr<FrameReader> binary_frames(size_t max_envelope);
// A JSON object a line: {"envelope":base64} or a NewTransaction. A line that is too long or not what it
// should be is one item with an error.
std::unique_ptr<FrameReader> line_frames(size_t max_envelope, const Schemas& schemas);

// {"body", "signature", "attachments"} of a checked NewTransaction as an envelope. transaction.malformed,
// base.base64.
Result<Bytes> envelope_of(const Json& json);

// Names of the schemas of a line.
inline constexpr std::string_view kNewTransaction = "NewTransaction",
                                  kEncodedTransaction = "EncodedTransaction";

}  // namespace chengxin::api
