#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "proof/sample_for_tests.h"

// Both verifiers see the same bundles and must give the same verdict with the same reason. Random bytes alone
// would fail at the first hash, so most cases are bent inside and then hashed, signed and certified anew:
// they reach the later checks.
namespace chengxin::proof {
namespace {

using Random = std::mt19937_64;

void bend(Bytes& bytes, Random& random) {
  if (bytes.empty()) return;
  size_t at = random() % bytes.size();
  switch (random() % 6) {
    case 0:
      bytes[at] ^= uint8_t(1 << random() % 8);
      break;
    case 1:
      bytes[at] = uint8_t(random());
      break;
    case 2:
      bytes.erase(bytes.begin() + long(at));
      break;
    case 3:
      bytes.insert(bytes.begin() + long(at), uint8_t(random()));
      break;
    case 4:
      bytes.resize(at);
      break;
    case 5:
      bytes.insert(bytes.begin() + long(at), bytes.begin() + long(at),
                   bytes.begin() + long(std::min(bytes.size(), at + random() % 9)));
      break;
  }
}

void bend(std::string& text, Random& random) {
  static const std::vector<std::string> pieces = {
      "0",    "-1",  "1e3", "1.0",     "9007199254740992", "\"",      "{",    "}",    "[",        "]",
      ",",    ":",   " ",   "\\u0041", "\\u00e9",          "\\ud83d", "null", "true", "\"a\":1,", "é",
      "\x7f", "\\/", "-0"};
  if (random() % 2) {
    text.insert(random() % (text.size() + 1), pieces[random() % pieces.size()]);
  } else {
    Bytes bytes = to_bytes(view(text));
    bend(bytes, random);
    text = to_string(bytes);
  }
}

Bytes bent_bytes(Random& random) {
  static const Bytes good = encode(Sample({.transitions = 1}).bundle);
  Bytes bytes = good;
  bend(bytes, random);
  return bytes;
}

Bytes bent_body(Random& random) {
  static Sample sample({.timestamp = false});
  Bytes body = format::encode_body(sample.body);
  for (uint64_t i = 0, times = 1 + random() % 2; i < times; ++i) bend(body, random);
  sample.sign_raw(body);
  sample.seal();
  return encode(sample.bundle);
}

Bytes bent_genesis(Random& random) {
  static Sample sample({.timestamp = false});
  static const std::string good = sample.bundle.genesis;
  sample.bundle.genesis = good;
  bend(sample.bundle.genesis, random);
  sample.header.chain = sample.body.chain = format::Genesis::chain_id(sample.bundle.genesis);
  sample.sign_body();
  sample.seal();
  return encode(sample.bundle);
}

Bytes bent_record(Random& random) {
  static Sample sample({.timestamp = false});
  std::vector<format::RecordEntry> entries;
  format::Record record;
  for (std::string name : {"a", "b", "签发"}) record[name].value = R"({"x":[1,"é",null],"y":-3})";
  for (auto& entry : format::disclose(record, std::vector<std::string>{"a", "签发"})) {
    if (entry.disclosed) {
      auto& [name, field] = *entry.disclosed;
      bend(random() % 4 ? field.value : name, random);
      entry.hash = format::record_field_hash(name, field);
    }
    entries.push_back(entry);
  }
  sample.set_record(entries);
  return encode(sample.bundle);
}

Bytes bent_timestamp(Random& random) {
  static const Sample sample;
  Bundle bundle = sample.bundle;
  bend(bundle.timestamp, random);
  return encode(bundle);
}

Bytes bent_validators(Random& random) {
  static const Sample sample({.timestamp = false, .transitions = 2, .weights = {1, 1, 2}});
  Bundle bundle = sample.bundle;
  Transition& transition = bundle.transitions[random() % bundle.transitions.size()];
  switch (random() % 6) {
    case 0:
      bend(transition.certificate, random);
      break;
    case 1:
      bend(transition.next_validators, random);
      break;
    case 2:
      bend(transition.state_proof, random);
      break;
    case 3:
      bend(bundle.certificate, random);
      break;
    case 4:
      transition.header[random() % transition.header.size()] ^= uint8_t(1 << random() % 8);
      break;
    case 5:
      std::swap(bundle.transitions[0], bundle.transitions[1]);
      break;
  }
  return encode(bundle);
}

Bytes bent_numbers(Random& random) {
  static Sample sample({.timestamp = false});
  static const auto header = sample.header;
  static const auto receipt = sample.receipt;
  sample.header = header;
  sample.receipt = receipt;
  auto edge = [&]() -> uint64_t {
    const uint64_t edges[] = {
        0, 1, 4, 5, 6, uint64_t(1) << 53, (uint64_t(1) << 63) - 1, uint64_t(1) << 63, ~uint64_t(0)};
    return edges[random() % std::size(edges)];
  };
  switch (random() % 6) {
    case 0:
      sample.header.height = edge();
      break;
    case 1:
      sample.header.time_ms = int64_t(edge());
      break;
    case 2:
      sample.receipt.height = edge();
      break;
    case 3:
      sample.receipt.time_ms = int64_t(edge());
      break;
    case 4:
      sample.header.version = uint32_t(edge());
      break;
    case 5:
      sample.header.log_size = edge();
      break;
  }
  sample.seal();
  Bundle bundle = sample.bundle;
  if (random() % 3 == 0) bundle.index = edge();
  if (random() % 3 == 0) bundle.log_index = edge();
  return encode(bundle);
}

std::vector<Json> run_node(const std::vector<Bytes>& bundles) {
  fs::path script = fs::path(CHENGXIN_SOURCE_DIR) / "sdk/js/dist/cli.js";
  if (!fs::exists(script)) {
    ADD_FAILURE() << "sdk/js is not built: npm ci && npm run build in sdk/js";
    return {};
  }
  fs::path folder = fs::path(testing::TempDir()) / ("agreement-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  {
    std::ofstream in(folder / "in");
    for (const Bytes& bundle : bundles) in << "{\"bundle\":\"" << base64(bundle) << "\"}\n";
  }
  std::string command = "node " + script.string() + " --batch < " + (folder / "in").string() + " > " +
                        (folder / "out").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::vector<Json> out;
  std::ifstream answers(folder / "out");
  for (std::string line; std::getline(answers, line);) out.push_back(Json::parse(line));
  fs::remove_all(folder);
  return out;
}

TEST(Agreement, BothVerifiersGiveTheSameVerdictAndReason) {
  const char* given = std::getenv("CHENGXIN_SEED");
  const char* rounds = std::getenv("CHENGXIN_ROUNDS");
  uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  size_t count = rounds ? std::strtoull(rounds, nullptr, 10) : 600;
  Random random(seed);
  std::vector<Bytes> bundles;
  for (SampleOptions options : std::vector<SampleOptions>{{},
                                                          {.record = false},
                                                          {.timestamp = false},
                                                          {.transitions = 2, .weights = {1, 2, 3}},
                                                          {.items = 1, .transactions = 1}})
    bundles.push_back(encode(Sample(options).bundle));
  size_t good = bundles.size();
  for (auto make :
       {bent_bytes, bent_body, bent_genesis, bent_record, bent_timestamp, bent_validators, bent_numbers})
    for (size_t i = 0; i < count; ++i) bundles.push_back(make(random));
  auto answers = run_node(bundles);
  ASSERT_EQ(answers.size(), bundles.size());
  std::map<std::string, int> reasons;
  for (size_t i = 0; i < bundles.size(); ++i) {
    auto facts = verify(bundles[i]);
    std::string ours = facts ? "ok" : facts.error().reason;
    std::string theirs = answers[i].at("ok") == true ? "ok" : answers[i].value("reason", "");
    ++reasons[ours];
    if (i < good) EXPECT_EQ(ours, "ok");
    EXPECT_EQ(ours, theirs) << "seed " << seed << " bundle " << i << " kind "
                            << (i < good ? -1 : int((i - good) / count))
                            << (facts ? "" : " " + facts.error().detail);
  }
  for (const auto& [reason, times] : reasons) std::printf("%-30s %d\n", reason.c_str(), times);
  EXPECT_GE(reasons.size(), 12u) << "the cases no longer reach most checks";
}

}  // namespace
}  // namespace chengxin::proof
