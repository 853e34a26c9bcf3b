#include <gtest/gtest.h>

#include <random>

#include "api/impl/submission_frames.h"
#include "format/transaction.h"

namespace chengxin::api {
namespace {

constexpr size_t kMost = 4096;
const Schemas kSchemas = {{"EncodedTransaction",
                           {{"type", "object"},
                            {"properties", {{"envelope", {{"type", "string"}, {"format", "base64"}}}}},
                            {"required", {"envelope"}},
                            {"additionalProperties", false}}},
                          {"NewTransaction",
                           {{"type", "object"},
                            {"properties",
                             {{"body", {{"type", "string"}, {"format", "base64"}}},
                              {"signature", {{"type", "string"}, {"format", "base64"}}}}},
                            {"required", {"body", "signature"}},
                            {"additionalProperties", false}}}};

// What comes out of `bytes` in pieces of these sizes, so many items at a time: items, or their reasons, and
// how it ends.
std::vector<std::string> read(FrameReader& reader, std::string_view bytes,
                              const std::function<size_t()>& piece, size_t most = SIZE_MAX) {
  std::vector<Frame> frames;
  Status status;
  while (!bytes.empty() && status) {
    const size_t some = std::min(bytes.size(), piece());
    std::vector<Frame> slice;
    auto used = reader.feed(bytes.substr(0, some), slice, most);
    EXPECT_LE(slice.size(), most);
    EXPECT_TRUE(!used || *used == some || slice.size() == most) << "it stops short only when it is full";
    for (Frame& frame : slice) frames.push_back(std::move(frame));
    if (used)
      bytes.remove_prefix(*used);
    else
      status = tl::unexpected(used.error());
  }
  if (status) status = reader.finish(frames);
  std::vector<std::string> out;
  for (const Frame& frame : frames) out.push_back(frame ? "=" + to_string(*frame) : frame.error().reason);
  out.push_back(status ? "end" : status.error().reason);
  return out;
}

TEST(SubmissionFrames, CutAnywhereTheSameComesOut) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string binary, lines;
    std::vector<std::string> items;
    for (unsigned i = 0; i < random() % 12; ++i) {
      std::string item(random() % 4 ? random() % 300 : random() % (kMost + 1), '\0');
      for (char& c : item) c = char(random());
      Bytes prefix;
      put_be(prefix, uint32_t(item.size()));
      binary += to_string(prefix) + item;
      lines += R"({"envelope":")" + base64(view(item)) + "\"}" + (random() % 3 ? "\n" : " \r\n\n");
      items.push_back("=" + item);
    }
    std::vector<std::string> whole = items;
    whole.push_back("end");
    auto any = [&] { return size_t(1 + random() % (random() % 2 ? 7 : 900)); };
    const size_t most = random() % 2 ? 1 + random() % 4 : SIZE_MAX;
    EXPECT_EQ(read(*binary_frames(kMost), binary, any, most), whole);
    EXPECT_EQ(read(*line_frames(kMost, kSchemas), lines, any, most), whole);
    if (binary.empty()) continue;
    // Cut short: the items before the cut, and the end says so unless it fell between two.
    const size_t keep = random() % binary.size();
    auto cut = read(*binary_frames(kMost), std::string_view(binary).substr(0, keep), any);
    const std::string ending = cut.back();
    cut.pop_back();
    ASSERT_LE(cut.size(), items.size());
    EXPECT_TRUE(std::equal(cut.begin(), cut.end(), items.begin()));
    size_t used = 0;
    for (const auto& item : cut) used += 4 + item.size() - 1;
    EXPECT_EQ(ending, used == keep ? "end" : "api.malformed");
  }
}

TEST(SubmissionFrames, BadLinesAreItemsAndBadLengthsAreTheEnd) {
  auto reader = line_frames(kMost, kSchemas);
  const std::string lines =
      "[]\n1\n{}\n{\"envelope\":1}\n{\"envelope\":\"A\"}\n{\"envelope\":\"\",\"envelope\":\"\"}\n" +
      std::string(100'000, 'x') + "\n{\"envelope\":\"\"}";
  EXPECT_EQ(read(*reader, lines, [] { return size_t(1000); }),
            (std::vector<std::string>{"api.wrong_type", "api.wrong_type", "api.missing_field",
                                      "api.wrong_type", "api.bad_format", "json.duplicate_key",
                                      "transaction.too_large", "=", "end"}));
  EXPECT_EQ(reader->held(), 0u);

  Bytes above;
  put_be(above, uint32_t(0));
  put_be(above, uint32_t(kMost + 1));
  EXPECT_EQ(read(*binary_frames(kMost), text(above), [] { return size_t(3); }),
            (std::vector<std::string>{"=", "transaction.too_large"}));
}

}  // namespace
}  // namespace chengxin::api
