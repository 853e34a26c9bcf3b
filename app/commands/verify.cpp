#include "base/clock.h"
#include "commands.h"
#include "crypto/sm3.h"
#include "proof/bundle.h"

namespace chengxin::app {
namespace {

struct Options {
  fs::path bundle, file, anchor;
};

Result<Digest> digest_of(const fs::path& path) {
  crypto::Sm3 hash;
  Progress progress("SM3");
  TRY(stream_file(
      path,
      [&](ByteView chunk) {
        hash.update(chunk);
        return Status();
      },
      [&](uint64_t done, uint64_t total) { progress.show(done >> 20, total >> 20, "MiB"); }));
  return hash.finish();
}

Json to_json(const proof::Facts& facts, bool file_checked) {
  Json json = {{"verified", true},
               {"digest", hex(facts.digest)},
               {"chain", hex(facts.chain)},
               {"chain_name", facts.chain_name},
               {"transaction", hex(facts.transaction)},
               {"block_height", facts.block_height},
               {"block_time", format_time(facts.block_time_ms)},
               {"certified_height", facts.certified_height},
               {"certified_time", format_time(facts.certified_time_ms)},
               {"signer", hex(facts.signer)},
               {"validators", facts.validators},
               {"anchor_matched", facts.anchored},
               {"file_matched", file_checked},
               {"withheld_fields", facts.withheld_fields}};
  if (facts.timestamp_ms)
    json["timestamp"] = {{"time", format_time(*facts.timestamp_ms)},
                         {"authority", facts.timestamp_authority}};
  for (const auto& [name, value] : facts.record) json["record"][name] = Json::parse(value);
  return json;
}

void print_facts(const proof::Facts& facts, bool file_checked) {
  line("验证通过 VERIFIED");
  line("  摘要 SM3 digest      {}", hex(facts.digest));
  line("  原文 original        {}", file_checked ? "与摘要一致 matches" : "未提供 not given (--file)");
  line("  链 chain             {} {}", facts.chain_name, hex(facts.chain));
  line("  区块 block           {}  {}", facts.block_height, format_time(facts.block_time_ms));
  line("  交易 transaction     {}", hex(facts.transaction));
  line("  证书 certified by    {} 个验证者 validators, 区块 block {}", facts.validators,
       facts.certified_height);
  if (facts.timestamp_ms)
    line("  时间戳 time-stamp    {}  {}", format_time(*facts.timestamp_ms), facts.timestamp_authority);
  else
    line("  时间戳 time-stamp    无 none");
  for (const auto& [name, value] : facts.record) line("  {:<20} {}", name, value);
  if (facts.withheld_fields) line("  未披露字段 withheld  {}", facts.withheld_fields);
  if (facts.anchored)
    line("  信任锚 anchor        一致 matched");
  else
    line(
        "  信任锚 anchor        未提供:请核对上面的链号 none given: compare the chain id above with one from "
        "elsewhere");
}

Result<int> verify(const Context& context, const Options& options) {
  ASSIGN(Bytes bundle, read_file(options.bundle, proof::kMaxBundleBytes));
  std::optional<proof::Anchor> anchor;
  if (!options.anchor.empty()) {
    ASSIGN(Bytes document, read_file(options.anchor, 1 << 20));
    ASSIGN(anchor, proof::Anchor::decode(text(document)));
  }
  std::optional<Digest> digest;
  if (!options.file.empty()) {
    ASSIGN(digest, digest_of(options.file));
  }
  auto facts = proof::verify(bundle, anchor, digest);
  if (!facts) {
    report(context, facts.error());
    if (!context.json) line("验证未通过 NOT VERIFIED");
    return kNotVerified;
  }
  print(context, to_json(*facts, digest.has_value()), [&] { print_facts(*facts, digest.has_value()); });
  return kDone;
}

// One JSON object a line: {"bundle": base64, "anchor": base64?} in, {"ok", "reason"} out. For checking many
// at once.
Result<int> verify_batch() {
  std::string input;
  while (std::getline(std::cin, input)) {
    Json answer = {{"ok", false}, {"reason", "proof.malformed"}};
    auto json = parse_json(input, {.max_bytes = size_t(64) << 20});
    auto bundle = json && json->contains("bundle") ? unbase64((*json)["bundle"].get<std::string>())
                                                   : Result<Bytes>(Bytes());
    std::optional<proof::Anchor> anchor;
    Status anchor_read;
    if (json && json->contains("anchor")) {
      auto document = unbase64((*json)["anchor"].get<std::string>());
      auto decoded = document ? proof::Anchor::decode(text(*document)) : tl::unexpected(document.error());
      if (decoded)
        anchor = *decoded;
      else
        answer["reason"] = "proof.anchor_malformed", anchor_read = tl::unexpected(decoded.error());
    }
    if (bundle && anchor_read) {
      auto facts = proof::verify(*bundle, anchor);
      answer = {{"ok", facts.has_value()}, {"reason", facts ? Json(nullptr) : Json(facts.error().reason)}};
    }
    line(std::string_view(answer.dump()));
  }
  return kDone;
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("verify", "离线验证证据包 · verify a proof bundle offline");
  auto options = std::make_shared<Options>();
  auto batch = std::make_shared<bool>(false);
  command->add_option("bundle", options->bundle, "证据包 · bundle (.cxproof)");
  command->add_option("--file", options->file, "原文 · the original");
  command->add_option("--anchor", options->anchor, "信任锚 · trust anchor (.cxanchor)");
  command->add_flag("--batch", *batch, "逐行读入 JSON · one JSON object a line on standard input");
  command->footer("退出码 · exit: 0 通过 verified, 1 未通过 not verified, 其他见 others: docs/cli.md");
  command->callback([=, &context] {
    run(context, [&]() -> Result<int> {
      if (*batch) return verify_batch();
      if (options->bundle.empty()) return fail(Code::invalid_argument, "cli.usage", "verify needs a bundle");
      return verify(context, *options);
    });
  });
}

}  // namespace chengxin::app
