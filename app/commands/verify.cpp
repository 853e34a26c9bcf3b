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
                         {"authority", facts.timestamp_authority},
                         {"pinned", facts.timestamp_pinned}};
  for (const auto& [name, value] : facts.record) json["record"][name] = Json::parse(value);
  return json;
}

void print_facts(const proof::Facts& facts, bool file_checked) {
  line("验证通过 VERIFIED");
  line("  摘要 SM3 digest      {}", hex(facts.digest));
  line("  原文 original        {}", file_checked ? "与摘要一致 matches" : "未提供 not given (--file)");
  line("  链 chain             {} {}", visible(facts.chain_name), hex(facts.chain));
  line("  区块 block           {}  {}", facts.block_height, format_time(facts.block_time_ms));
  line("  交易 transaction     {}", hex(facts.transaction));
  line("  证书 certified by    {} 个验证者 validators, 区块 block {}", facts.validators,
       facts.certified_height);
  if (facts.timestamp_ms)
    line("  时间戳 time-stamp    {}  {}{}", format_time(*facts.timestamp_ms),
         visible(facts.timestamp_authority),
         facts.timestamp_pinned ? ""
                                : "  (签发机构未经信任锚核对 its authority is not vouched for by an anchor)");
  else
    line("  时间戳 time-stamp    无 none");
  for (const auto& [name, value] : facts.record) line("  {:<20} {}", visible(name), visible(value));
  if (facts.withheld_fields) line("  未披露字段 withheld  {}", facts.withheld_fields);
  if (facts.anchored)
    line("  信任锚 anchor        一致 matched");
  else
    line(
        "  信任锚 anchor        未提供:请核对上面的链号 none given: compare the chain id above with one from "
        "elsewhere");
}

int not_verified(const Context& context, const Error& error) {
  report(context, error, kNotVerified);
  if (!context.json) line("验证未通过 NOT VERIFIED");
  return kNotVerified;
}

Result<int> verify(const Context& context, const Options& options) {
  auto read = read_file(options.bundle, proof::kMaxBundleBytes);
  if (!read && read.error().reason == "file.too_large")
    return not_verified(context, {Code::invalid_argument, "proof.malformed", read.error().detail});
  ASSIGN(Bytes bundle, std::move(read));
  std::optional<proof::Anchor> anchor;
  if (!options.anchor.empty()) {
    ASSIGN(Bytes document, read_file(options.anchor, 1 << 20));
    auto decoded = proof::Anchor::decode(text(document));
    if (!decoded) return not_verified(context, decoded.error());
    anchor = std::move(*decoded);
  }
  std::optional<Digest> digest;
  if (!options.file.empty()) {
    ASSIGN(digest, digest_of(options.file));
  }
  auto facts = proof::verify(bundle, anchor, digest);
  if (!facts) return not_verified(context, facts.error());
  print(context, to_json(*facts, digest.has_value()), [&] { print_facts(*facts, digest.has_value()); });
  return kDone;
}

// A member of a line of the batch: base64 text. `cli.batch_line` says what is wrong.
Result<std::optional<Bytes>> bytes_of(const Json& line, const char* name) {
  auto wrong = [&] {
    return fail(Code::invalid_argument, "cli.batch_line", "\"{}\" is not base64 text", name);
  };
  auto it = line.find(name);
  if (it == line.end()) return std::optional<Bytes>();
  if (!it->is_string()) return wrong();
  auto bytes = unbase64(it->get_ref<const std::string&>());
  return bytes ? Result<std::optional<Bytes>>(std::move(*bytes)) : wrong();
}

Result<Json> verify_line(const std::string& text_line) {
  ASSIGN(Json json, parse_json(text_line, {.max_bytes = size_t(64) << 20}));
  if (!json.is_object()) return fail(Code::invalid_argument, "cli.batch_line", "not a JSON object");
  ASSIGN(auto bundle, bytes_of(json, "bundle"));
  ASSIGN(auto anchor_document, bytes_of(json, "anchor"));
  if (!bundle) return fail(Code::invalid_argument, "cli.batch_line", "\"bundle\" is missing");
  std::optional<proof::Anchor> anchor;
  if (anchor_document) {
    auto decoded = proof::Anchor::decode(text(*anchor_document));
    if (!decoded) return Json{{"ok", false}, {"reason", decoded.error().reason}};
    anchor = std::move(*decoded);
  }
  auto facts = proof::verify(*bundle, anchor);
  return Json{{"ok", facts.has_value()}, {"reason", facts ? Json(nullptr) : Json(facts.error().reason)}};
}

// One JSON object a line: {"bundle": base64, "anchor": base64?} in, {"ok", "reason"} out. For checking many
// at once.
Result<int> verify_batch() {
  size_t number = 0;
  for (std::string input; std::getline(std::cin, input);) {
    ++number;
    auto answer = verify_line(input);
    if (!answer)
      return fail(Code::invalid_argument, "cli.batch_line", "line {}: {}", number,
                  answer.error().to_string());
    line(std::string_view(answer->dump()));
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
