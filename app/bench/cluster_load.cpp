#include "bench/cluster_load.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <thread>

#include "client/client.h"
#include "consortium/identity.h"
#include "format/proposal.h"
#include "install/install.h"

namespace chengxin::app::bench {
namespace {

struct Door {
  uint16_t port = 0;
  std::string token;
};

Result<Door> door_of(const cluster::Node& node) {
  ASSIGN(const Bytes address, read_file(node.data() / "run" / "address", 4096));
  const std::string url = to_string(address);
  Door door;
  door.port = uint16_t(std::strtoul(url.c_str() + url.rfind(':') + 1, nullptr, 10));
  ASSIGN(door.token, install::owner_token(node.data()));
  return door;
}

// Of all: they ran at the same time.
LoadResult together(std::vector<LoadResult> parts) {
  LoadResult out;
  for (LoadResult& part : parts) {
    out.succeeded += part.succeeded;
    out.failed += part.failed;
    if (out.first_failure.empty()) out.first_failure = part.first_failure;
    out.seconds = std::max(out.seconds, part.seconds);
    out.cpu_seconds += part.cpu_seconds;
    out.latencies_us.insert(out.latencies_us.end(), part.latencies_us.begin(), part.latencies_us.end());
  }
  std::sort(out.latencies_us.begin(), out.latencies_us.end());
  return out;
}

using Generate = std::function<Result<LoadResult>(const Door& door, std::span<const Bytes> share)>;

Result<ClusterResult> on_each(const Nodes& nodes, std::span<const Bytes> envelopes,
                              const Generate& generate) {
  std::vector<Door> doors;
  for (const cluster::Node* node : nodes) {
    ASSIGN(Door door, door_of(*node));
    doors.push_back(std::move(door));
  }
  ClusterResult out;
  for (const cluster::Node* node : nodes) out.cpu_seconds -= cpu_seconds(*node);
  std::vector<Result<LoadResult>> results(nodes.size());
  std::vector<std::thread> running;
  for (size_t i = 0; i < nodes.size(); ++i)
    running.emplace_back([&, i] {
      const size_t from = envelopes.size() * i / nodes.size();
      const size_t to = envelopes.size() * (i + 1) / nodes.size();
      nodes[i]->inside([&] { results[i] = generate(doors[i], envelopes.subspan(from, to - from)); });
    });
  for (std::thread& thread : running) thread.join();
  for (const cluster::Node* node : nodes) out.cpu_seconds += cpu_seconds(*node);
  std::vector<LoadResult> parts;
  for (auto& result : results) {
    if (!result) return tl::unexpected(std::move(result).error());
    parts.push_back(std::move(*result));
  }
  out.load = together(std::move(parts));
  return out;
}

Result<consortium::Identity> identity_of(const cluster::Node& node) {
  ASSIGN(const auto installation, install::open(node.data()));
  return consortium::Identity::open(node.data() / "consortium", installation.validator_key);
}

constexpr int kReceiptPatienceMs = 60'000;

// Its receipt, also when the platform's patience (202) was shorter than ours.
Result<Json> receipt_of(client::Client& platform, const std::string& transactions, ByteView envelope) {
  ASSIGN(const auto answer,
         platform.send("POST", transactions + "?wait=receipt", envelope, "application/x-protobuf"));
  ASSIGN(Json receipt, parse_json(answer.body));
  if (answer.status != 202) return receipt;
  const std::string place = transactions + "/" + receipt.at("transaction").get<std::string>() + "/receipt";
  TRY(cluster::wait_until(
      "a receipt",
      [&]() -> Result<bool> {
        ASSIGN(receipt, platform.get(place));
        return true;
      },
      kReceiptPatienceMs));
  return receipt;
}

// A transaction of the node's organisation, in a block before this returns.
Status govern(const cluster::Node& node, const std::string& chain, const Digest& id,
              std::vector<format::Call> calls) {
  ASSIGN(const auto identity, identity_of(node));
  ASSIGN(const Door door, door_of(node));
  const Bytes envelope = transaction(id, signer_of(identity.governor()), std::move(calls));
  Status done;
  node.inside([&] {
    client::Client platform({"http://127.0.0.1:" + std::to_string(door.port), {}, door.token});
    auto receipt = receipt_of(platform, "/api/v1/chains/" + chain + "/transactions", envelope);
    if (!receipt)
      done = tl::unexpected(std::move(receipt).error());
    else if (!receipt->value("accepted", false))
      done = fail(Code::conflict, "cluster.story", "{} has a receipt of {}", node.name(), receipt->dump());
  });
  return done;
}

Result<std::vector<uint64_t>> open_proposals(const cluster::Node& node, const std::string& chain) {
  ASSIGN(const Json proposals, node.run({"consortium", "proposals", "--chain", chain}));
  std::vector<uint64_t> out;
  for (const Json& each : proposals.at("items"))
    if (each.at("state") == "open") out.push_back(each.at("number").get<uint64_t>());
  return out;
}

std::vector<std::string> words_of(const fs::path& file) {
  std::ifstream in(file);
  std::string text;
  std::getline(in, text);
  text.erase(0, std::min(text.rfind(')') + 2, text.size()));  // the name may hold spaces
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// The platform, its engines.
std::vector<std::string> processes_of(const cluster::Node& node) {
  std::vector<std::string> out{std::to_string(node.pid())};
  std::error_code ignored;
  for (const auto& each : fs::directory_iterator("/proc", ignored)) {
    const std::string name = each.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto words = words_of(each.path() / "stat");
    if (words.size() > 1 && words[1] == out.front()) out.push_back(name);
  }
  return out;
}

}  // namespace

Result<std::vector<Signer>> voted_signers(cluster::Story& story, size_t count) {
  const auto& nodes = story.nodes();
  ASSIGN(const Json shown, nodes[0]->run({"chain", "show", story.chain()}));
  ASSIGN(const Digest id, unhex_digest(shown.at("id").get<std::string>()));
  ASSIGN(auto signers, new_signers(count));
  for (size_t at = 0; at < count;) {
    std::vector<format::Call> proposals;
    while (at < count && proposals.size() < 4) {
      format::Propose propose;
      for (; at < count && propose.actions.size() < format::kMaxActions; ++at)
        propose.actions.push_back(format::RegisterAccount{signers[at].key.public_key().point(), {"writer"}});
      proposals.push_back({"consortium", "propose", propose.encode()});
    }
    TRY(govern(*nodes[0], story.chain(), id, std::move(proposals)));
    ASSIGN(const auto open, open_proposals(*nodes[0], story.chain()));
    std::vector<format::Call> votes;
    for (uint64_t number : open)
      votes.push_back({"consortium", "vote", format::VoteOn{number, true}.encode()});
    for (size_t i = 1; i + 1 < nodes.size(); ++i) TRY(govern(*nodes[i], story.chain(), id, votes));
  }
  ASSIGN(const uint64_t height, nodes[0]->height(story.chain()));
  for (const auto& node : nodes) TRY(node->reach(story.chain(), height));
  return signers;
}

Result<ClusterResult> stream_to(const Nodes& nodes, const std::string& chain, size_t streams_each,
                                double rate_per_second, std::span<const Bytes> envelopes) {
  return on_each(nodes, envelopes, [&](const Door& door, std::span<const Bytes> share) {
    return run_stream_load({door.port, "/api/v1/chains/" + chain + "/transactions/stream", door.token,
                            streams_each, rate_per_second / double(nodes.size()), share});
  });
}

Result<ClusterResult> call(const Nodes& nodes, const std::string& chain, size_t connections_each,
                           double rate_per_second, std::span<const Bytes> envelopes) {
  return on_each(nodes, envelopes, [&](const Door& door, std::span<const Bytes> share) {
    std::vector<std::string> requests;
    for (const Bytes& envelope : share)
      requests.push_back(http_request("POST", "/api/v1/chains/" + chain + "/transactions?wait=receipt",
                                      door.token, "application/x-protobuf", text(envelope)));
    Load load;
    load.port = door.port;
    load.connections = connections_each;
    load.rate_per_second = rate_per_second / double(nodes.size());
    load.count = requests.size();
    load.request = [&](size_t i) -> const std::string& { return requests[i]; };
    return run_load(load);
  });
}

double cpu_seconds(const cluster::Node& node) {
  double ticks = 0;
  for (const std::string& process : processes_of(node)) {
    const auto words = words_of("/proc/" + process + "/stat");
    if (words.size() > 12)
      ticks += std::strtod(words[11].c_str(), nullptr) + std::strtod(words[12].c_str(), nullptr);
  }
  return ticks / double(::sysconf(_SC_CLK_TCK));
}

uint64_t resident_bytes(const cluster::Node& node) {
  uint64_t out = 0;
  for (const std::string& process : processes_of(node)) {
    std::ifstream in("/proc/" + process + "/smaps_rollup");
    for (std::string text; std::getline(in, text);)
      if (text.starts_with("Pss:")) out += std::strtoull(text.c_str() + 4, nullptr, 10) * 1024;
  }
  return out;
}

uint64_t disk_bytes(const cluster::Node& node) {
  uint64_t out = 0;
  std::error_code ignored;
  for (const auto& each : fs::recursive_directory_iterator(node.data(), ignored))
    if (each.is_regular_file(ignored)) out += each.file_size(ignored);
  return out;
}

}  // namespace chengxin::app::bench
