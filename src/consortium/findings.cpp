#include "consortium/findings.h"

namespace chengxin::consortium {
namespace {

constexpr const char* kStopOneTwin =
    "stop one of the two at once; if none of them is yours: chengxin consortium node revoke";

std::string seconds(int64_t ms) {
  return fmt::format("{}{}.{} s", ms < 0 ? "-" : "", std::abs(ms) / 1000, std::abs(ms) % 1000 / 100);
}

// What to do about a node that gave a reason instead of its row.
std::string advice_for(const std::string& reason) {
  if (reason == "consortium.other_genesis")
    return "the two nodes began different chains of this name: compare the ids of `chengxin chain show`; one "
           "of them has to leave";
  if (reason == "link.not_a_member" || reason == "link.revoked" || reason == "link.organisation_unknown")
    return "it does not take this node for a member: compare `chengxin consortium show` on both";
  if (reason == "link.other_key")
    return "another node answers at that address: correct it with `chengxin consortium node move`";
  if (reason.find("expired") != std::string::npos) return "its operator renews it: chengxin consortium renew";
  if (reason == "chain.not_found")
    return "its operator begins the chain there: chengxin consortium joinings, offers";
  return "see that it runs, and that its address is reached from here";
}

void look_at(std::string_view chain, const Json& row, std::vector<install::Finding>& out) {
  const std::string node = row.at("node").get<std::string>();
  auto tell = [&](std::string_view reason, std::string detail, std::string advice) {
    out.push_back({std::string(reason), fmt::format("{} on {}: {}", node, chain, detail), std::move(advice)});
  };
  if (row.at("reached") != true) {
    const std::string reason = row.at("reason").get<std::string>();
    tell(reason,
         fmt::format("{} at {}", row.at("detail").get<std::string>(), row.at("address").get<std::string>()),
         advice_for(reason));
    return;
  }
  const int64_t apart = row.value("clock_ahead_ms", int64_t(0));
  if (std::abs(apart) > kClockApartMs)
    tell("consortium.clock", fmt::format("its clock is {} from ours", seconds(apart)),
         "set both clocks by a time server; a node whose clock is apart cannot propose blocks that others "
         "take");
  if (row.value("twin", false))
    tell("consortium.twin", "two processes speak with its key by turns", kStopOneTwin);
  if (row.value("asker_twin", false))
    out.push_back({"consortium.twin",
                   fmt::format("this node on {}: {} hears another process speak with its key", chain, node),
                   kStopOneTwin});
  if (row.at("reported_key") != row.at("key"))
    tell("consortium.node_key",
         fmt::format("the chain counts weight {} for a key that the node does not have",
                     row.at("weight").get<uint64_t>()),
         "restore its key, or vote on the new one: chengxin consortium node rotate-keys");
  // It replays what it lacks, and has another reason when that takes too long.
  if (row.value("running", true) == false && row.value("trouble", "") != "order.starting")
    tell("consortium.not_running", "its engine does not run: " + row.value("trouble", ""),
         "on that node: chengxin doctor, then its log");
  if (row.value("lag", uint64_t(0)) > kFarBehind)
    tell("consortium.behind", fmt::format("{} blocks behind", row.at("lag").get<uint64_t>()),
         "it catches up by itself while it reaches others; see its peers");
  if (row.contains("disk_free_bytes") && row.at("disk_free_bytes").get<uint64_t>() < kDiskNearlyFullBytes)
    tell("consortium.disk", fmt::format("{} MiB are free", row.at("disk_free_bytes").get<uint64_t>() >> 20),
         "make room, or prune: chengxin chain prune");
}

}  // namespace

std::vector<install::Finding> record_findings(const Record& record, const Identity& identity) {
  std::vector<install::Finding> out;
  const auto& names = identity.names();
  const format::Node* node = record.consortium.find_node(names.node);
  auto tell = [&](std::string_view reason, std::string detail, std::string advice) {
    out.push_back({std::string(reason), fmt::format("{}: {}", record.name, detail), std::move(advice)});
  };
  if (!node || node->organisation != names.organisation) {
    tell("consortium.not_a_member",
         fmt::format("the chain does not name {} of {}", names.node, names.organisation),
         "ask a member for an invitation: chengxin consortium invite");
    return out;
  }
  bool has_key = false;
  for (const auto& key : identity.signing_keys()) has_key = has_key || key.public_key().point() == node->key;
  if (!has_key)
    tell("consortium.node_key", "the chain has another key for this node: its votes do not count",
         "restore the key from a backup, or vote on this one: chengxin consortium node rotate-keys");
  if (node->address != names.address)
    tell("consortium.address",
         fmt::format("the chain has {}, this node was set up for {}", node->address, names.address),
         "chengxin consortium node move");
  const auto* organisation = record.consortium.find_organisation(names.organisation);
  if (organisation && identity.next_root() && organisation->root_certificate == identity.next_root()->der)
    tell("consortium.root_differs", "it names the next root, which waits for another chain of this node",
         "vote on it there; where it was voted down, once more: chengxin consortium organisation "
         "replace-root");
  else if (organisation && organisation->root_certificate != identity.root().der)
    tell("consortium.root_differs", "the chain has another root for this organisation",
         "vote on this one, or restore the other from a backup");
  for (const Warning& warning : warnings(record.consortium, record.consortium))
    tell(warning.reason, warning.detail, "spread the weight over more nodes: chengxin consortium node role");
  return out;
}

std::vector<install::Finding> row_findings(std::string_view chain, const Json& rows) {
  std::vector<install::Finding> out;
  std::string version;
  for (const Json& row : rows)
    if (row.value("self", false)) version = row.value("version", "");
  for (const Json& row : rows) {
    look_at(chain, row, out);
    const std::string other = row.value("version", "");
    // Before the chain has come to where it names this node its own row is not among them.
    if (row.at("reached") == true && !version.empty() && !other.empty() && other != version)
      out.push_back({"consortium.version",
                     fmt::format("{} on {} runs {}, this node {}", row.at("node").get<std::string>(), chain,
                                 other, version),
                     "fine during an upgrade, node by node; finish it before the protocol is changed"});
  }
  return out;
}

install::Finding engine_finding(const Error& why) {
  if (why.reason == "engine.home_of_other_chain")
    return {why.reason, why.detail,
            "put back the chain's engine folder that belongs to this node, from a backup"};
  if (why.reason == "engine.home_of_other_version")
    return {why.reason, why.detail, "run the chengxin-engine of that series, which comes with its chengxin"};
  return {why.reason, why.detail,
          "build the engine of this release (tools/setup), put chengxin-engine beside chengxin or name it in "
          "CHENGXIN_ENGINE, then start again"};
}

install::Finding links_finding(std::string_view address, const Error& why) {
  return {
      why.reason, fmt::format("no links for {}: {}", address, why.detail),
      why.reason == "link.listen"
          ? "give server.listen and the node's address each a port of its own, or end what else holds it: "
            "links begin by themselves then"
          : "chengxin consortium renew"};
}

install::Finding twin_finding(std::string_view chain, std::string_view node) {
  return {"consortium.twin", fmt::format("{}: another process votes with the key of {}", chain, node),
          kStopOneTwin};
}

install::Finding silent_finding(std::string_view chain) {
  return {
      "consortium.silent", fmt::format("{}: this node's key may have signed what it does not know of", chain),
      "nothing: it votes again after two more blocks. When the chain stands because too many nodes wait like "
      "this: docs/consortium.md, a lost disk"};
}

install::Finding disk_finding(const fs::path& folder, uint64_t free_bytes) {
  return {"consortium.disk", fmt::format("{} MiB are free below {}", free_bytes >> 20, folder.string()),
          "make room, or prune: chengxin chain prune"};
}

}  // namespace chengxin::consortium
