#include "audit.h"

#include <fstream>

#include "audit/search.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"

namespace chengxin::app {
namespace {

struct Options {
  std::string subject, action, outcome, object, source, from, to, format = "ndjson", reason, key;
  uint64_t sequence = 0;
  size_t limit = 50;
  bool anchors = false;
  fs::path out, file, anchor;
};

// "2026-11-23", "2026-11-23T08:00" or milliseconds.
Result<int64_t> time_of(const std::string& text, bool end) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos && text.size() > 8)
    return std::stoll(text);
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%d", &parts);
  const bool day = rest && !*rest;
  if (rest && *rest == 'T') rest = ::strptime(rest, "T%H:%M", &parts);
  if (rest && *rest == ':') rest = ::strptime(rest, ":%S", &parts);
  if (rest && *rest == 'Z') ++rest;
  if (!rest || *rest)
    return fail(Code::invalid_argument, "cli.usage", "\"{}\" is no time like 2026-11-23 or 2026-11-23T08:00Z",
                text);
  return int64_t(::timegm(&parts)) * 1000 + (end ? (day ? audit::kDayMs : 1000) - 1 : 0);
}

Result<std::string> query_text(const Options& options) {
  std::string out;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("{}{}={}", out.empty() ? "?" : "&", name, percent_encode(value));
  };
  add("subject", options.subject);
  add("action", options.action);
  add("outcome", options.outcome);
  add("object", options.object);
  add("source", options.source);
  if (!options.from.empty()) {
    ASSIGN(int64_t from, time_of(options.from, false));
    add("from_ms", std::to_string(from));
  }
  if (!options.to.empty()) {
    ASSIGN(int64_t to, time_of(options.to, true));
    add("to_ms", std::to_string(to));
  }
  return out;
}

void print_entry(const Json& entry) {
  const auto text = [&](const char* name) { return visible(entry.value(name, "")); };
  const uint64_t count = entry.value("count", uint64_t(1));
  line("{:>8}  {}  {:<14} {:<24} {:<24} {} {}{}", entry.at("sequence").get<uint64_t>(), text("time"),
       text("subject").empty() ? "-" : text("subject"), text("action"), text("outcome"), text("object"),
       text("detail"), count > 1 ? fmt::format(" ×{}", count) : "");
}

Result<int> list(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(std::string query, query_text(options));
  Json items = Json::array();
  std::string cursor;
  while (items.size() < options.limit) {
    const size_t wanted = std::min<size_t>(500, options.limit - items.size());
    ASSIGN(Json page,
           platform.get(fmt::format("/api/v1/audit/entries{}{}limit={}{}", query, query.empty() ? "?" : "&",
                                    wanted, cursor.empty() ? "" : "&cursor=" + cursor)));
    for (Json& item : page.at("items")) items.push_back(std::move(item));
    if (!page.contains("next")) break;
    cursor = page["next"].get<std::string>();
  }
  print(context, {{"items", items}}, [&] {
    for (const Json& item : items) print_entry(item);
    if (items.empty()) line("没有符合条件的条目 no entries");
  });
  return kDone;
}

Result<int> show(const Context& context, uint64_t sequence) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json entry, platform.get(fmt::format("/api/v1/audit/entries/{}", sequence)));
  print(context, entry, [&] {
    for (const auto& [name, value] : entry.items())
      line("  {:<12} {}", name, value.is_string() ? visible(value.get<std::string>()) : value.dump());
  });
  return kDone;
}

Result<int> status(const Context& context) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json head, platform.get("/api/v1/audit/head"));
  const bool running = head.value("running", false);
  print(context, head, [&] {
    line("{}", running ? "审计正常 the audit log runs"
                       : "审计已停止,更改被阻止 THE AUDIT LOG IS STOPPED: changes are refused");
    if (!running)
      line("  原因 why     {} {}", visible(head["stopped"].value("reason", "")),
           visible(head["stopped"].value("detail", "")));
    line("  条目 entries {}", head.at("sequence").get<uint64_t>());
    line("  末端 head    {}  {}", head.at("head").get<std::string>(),
         format_time(head.at("head_ms").get<int64_t>()));
    if (head.contains("anchor"))
      line("  上链 anchor  到条目 up to entry {} {}", head["anchor"].value("sequence", uint64_t(0)),
           visible(head["anchor"].value("error", "")));
  });
  return running ? kDone : kUnavailable;
}

Result<crypto::Sm2PublicKey> key_of(const Context& context, const std::string& given) {
  if (!given.empty()) {
    ASSIGN(Bytes point, unhex(given));
    return crypto::Sm2PublicKey::from_point(point);
  }
  ASSIGN(auto key, install::installation_key(context.data));
  return key.public_key();
}

void print_report(const audit::Report& report, bool anchors) {
  if (report.findings.empty())
    line("审计日志完整 THE AUDIT LOG HOLDS: 条目 entries {}–{}, 分段 segments {}", report.first, report.last,
         report.segments);
  else
    line("审计日志不完整 THE AUDIT LOG DOES NOT HOLD:");
  for (const audit::Finding& finding : report.findings) {
    line("✗ {} [{}]", texts::reason(finding.reason, texts::Language::zh), finding.reason);
    line("  {}", texts::reason(finding.reason, texts::Language::en));
    line("  分段 segment {}, 条目 entry {}, 字节 byte {}: {}", finding.segment, finding.sequence,
         finding.offset, visible(finding.detail));
  }
  line("  末端 head    {}  {}", hex(report.head), format_time(report.head_ms));
  if (report.removed) line("  期满移除 removed segments {}", report.removed);
  if (report.unacknowledged_bytes)
    line("  未确认的尾部 unacknowledged tail {} 字节 bytes", report.unacknowledged_bytes);
  if (report.anchors)
    line("  上链证明 proofs {}:条目 entries 1–{} 早于 before {}, 链 chain {}", report.anchors,
         report.anchored, format_time(report.anchored_ms), report.anchored_chain);
  else
    line("  上链证明 proofs {}", anchors ? "没有 none" : "未校验 not looked at (--anchors)");
}

Result<int> verify(const Context& context, const Options& options) {
  audit::VerifyOptions what;
  what.folder = context.data / "audit";
  what.marker = context.data / "audit.marker";
  ASSIGN(what.key, key_of(context, options.key));
  what.anchors = options.anchors || !options.anchor.empty();
  if (!options.anchor.empty()) {
    ASSIGN(Bytes document, read_file(options.anchor, 1 << 20));
    ASSIGN(what.trust, proof::Anchor::decode(text(document)));
  }
  ASSIGN(auto report, audit::verify(what));
  print(context, audit::describe(report), [&] { print_report(report, what.anchors); });
  return report.findings.empty() ? kDone : kNotVerified;
}

fs::path beside(const fs::path& file) {
  fs::path out = file;
  out += ".manifest.json";
  return out;
}

Result<int> export_entries(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(std::string query, query_text(options));
  ASSIGN(Json made, platform.get(fmt::format("/api/v1/audit/export{}{}format={}", query,
                                             query.empty() ? "?" : "&", options.format)));
  const Json manifest = {{"manifest", made.at("manifest")}, {"signature", made.at("signature")}};
  TRY(write_durable(options.out, view(made.at("content").get_ref<const std::string&>()), 0600));
  TRY(write_durable(beside(options.out), view(manifest.dump()), 0600));
  const Json facts = Json::parse(made.at("manifest").get_ref<const std::string&>());
  const bool more = made.contains("next");
  print(context, {{"file", options.out.string()}, {"entries", facts.at("entries")}, {"more", more}}, [&] {
    line("已导出 exported: {} ({} 条 entries) + {}", options.out.string(),
         facts.at("entries").get<uint64_t>(), beside(options.out).filename().string());
    if (more)
      line("更早的条目未包含在内 older entries were left out: --to {}", facts.value("first", uint64_t(0)));
  });
  return more ? kPartly : kDone;
}

Result<int> verify_export(const Context& context, const Options& options) {
  ASSIGN(Bytes content, read_file(options.file, size_t(1) << 30));
  ASSIGN(Bytes document, read_file(beside(options.file), 1 << 20));
  ASSIGN(Json parsed, parse_json(text(document)));
  if (!parsed.is_object() || !parsed.value("manifest", Json()).is_string() ||
      !parsed.value("signature", Json()).is_string())
    return fail(Code::data_loss, "audit.export", "the manifest does not parse");
  ASSIGN(Bytes signature, unhex(parsed["signature"].get<std::string>()));
  std::optional<crypto::Sm2Point> key;
  if (!options.key.empty()) {
    ASSIGN(auto given, key_of(context, options.key));
    key = given.point();
  }
  auto manifest =
      audit::verify_export(text(content), parsed["manifest"].get_ref<const std::string&>(), signature, key);
  if (!manifest) return report(context, manifest.error(), kNotVerified);
  print(context, *manifest, [&] {
    line("导出文件完整 THE EXPORT HOLDS: {} 条 entries", manifest->at("entries").get<uint64_t>());
    line("  签名密钥 signed by {}{}", manifest->at("key").get<std::string>(),
         key ? "" : "  (请与安装的公钥核对 compare it with the installation's: --key)");
  });
  return kDone;
}

Result<int> reopen(const Context& context, const std::string& reason) {
  ASSIGN(auto key, install::installation_key(context.data));
  audit::Options options = audit::options_for(context.data, std::move(key));
  options.now_ms = now_ms;
  options.accept_damage = reason;
  ASSIGN(auto log, audit::Log::open(std::move(options)));
  TRY(log->state());
  audit::Entry entry;
  entry.action = "cli.audit.reopen";
  entry.detail = reason;
  entry.source = "local";
  TRY(log->record(std::move(entry)));
  print(context, {{"reopened", true}}, [] { line("审计日志已继续 the audit log goes on in a new segment"); });
  return kDone;
}

void add_conditions(CLI::App* command, Options& options) {
  command->add_option("--subject", options.subject, "主体 · who: owner, token:ID, user:NAME, platform");
  command->add_option("--action", options.action, "操作 · operation");
  command->add_option("--outcome", options.outcome,
                      "结果 · ok, refused (任何拒绝 any refusal), 原因键 or a reason key");
  command->add_option("--object", options.object, "对象包含 · text in the object");
  command->add_option("--source", options.source, "来源 · address it came from");
  command->add_option("--from", options.from, "起 · from, 2026-11-23 or 2026-11-23T08:00Z");
  command->add_option("--to", options.to, "止 · to");
}

}  // namespace

void add_audit(CLI::App& app, Context& context) {
  auto* noun =
      app.add_subcommand("audit", "审计日志 · the audit log: who did what, and that nobody changed it");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* entries = noun->add_subcommand("list", "查询(新的在前) · search, newest first");
  add_conditions(entries, *options);
  entries->add_option("--limit", options->limit, "最多条数 · at most")->check(CLI::Range(1, 1'000'000));
  entries->callback([=, &context] { run(context, [&] { return list(context, *options); }); });
  auto* one = noun->add_subcommand("show", "查看一条 · one entry");
  one->add_option("sequence", options->sequence, "条目号 · its number")->required();
  one->callback([=, &context] { run(context, [&] { return show(context, options->sequence); }); });
  noun->add_subcommand("status", "是否在记录、末端与上链情况 · whether it runs, its end and its anchor")
      ->callback([&context] { run(context, [&] { return status(context); }); });
  auto* check = noun->add_subcommand(
      "verify", "校验数据目录中的日志,指出问题位置 · check that of the data folder, naming the place");
  check->add_flag("--anchors", options->anchors, "也校验上链证明 · check the proofs of the chain too");
  check->add_option("--anchor", options->anchor,
                    "证明须属于此链的信任锚 · trust anchor (.cxanchor) of the chain");
  check->add_option("--key", options->key, "安装的公钥 · the installation's public key, hexadecimal");
  check->callback([=, &context] { run(context, [&] { return verify(context, *options); }); });
  auto* out = noun->add_subcommand("export", "导出与签名清单 · to a file, with a signed manifest");
  add_conditions(out, *options);
  out->add_option("--format", options->format, "格式 · ndjson, csv")->check(CLI::IsMember({"ndjson", "csv"}));
  out->add_option("--out", options->out, "文件 · file")->required();
  out->callback([=, &context] { run(context, [&] { return export_entries(context, *options); }); });
  auto* exported = noun->add_subcommand("verify-export", "离线校验导出文件 · check an export offline");
  exported->add_option("file", options->file, "文件 · file, its manifest beside it")->required();
  exported->add_option("--key", options->key, "安装的公钥 · the installation's public key, hexadecimal");
  exported->callback([=, &context] { run(context, [&] { return verify_export(context, *options); }); });
  auto* again = noun->add_subcommand(
      "reopen", "日志损坏后在新分段继续(记录在案) · go on in a new segment after damage, which is recorded");
  again->add_option("--reason", options->reason, "原因 · why")->required();
  again->callback([=, &context] { run(context, [&] { return reopen(context, options->reason); }); });
}

}  // namespace chengxin::app
