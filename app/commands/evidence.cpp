#include <pwd.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "base/percent.h"
#include "commands.h"
#include "crypto/random.h"
#include "evidence/scan.h"

namespace chengxin::app {
namespace {

constexpr size_t kBatch = 500;
constexpr int kAnchorTimeoutMs = 60'000, kCertificateTimeoutMs = 30'000;

struct AddOptions {
  std::vector<fs::path> paths;
  std::string chain = "default", title, type, holder;
  std::vector<std::string> tags, links;
  bool wait = false, keep = false, sha256 = false;
  fs::path out;
};

std::string quoted(const std::string& text) { return percent_encode(text); }

// Who took it, where from, how, and what the clock said.
Json capture_of(const evidence::ScannedFile& file) {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  const passwd* user = ::getpwuid(::geteuid());
  return {{"tool", "chengxin " CHENGXIN_VERSION},
          {"method", "file"},
          {"host", host},
          {"user", user ? user->pw_name : std::to_string(::geteuid())},
          {"captured_ms", now_ms()},
          {"modified_ms", file.found.modified_ms},
          {"clock", "system"}};
}

Json to_json(const evidence::ScannedFile& file, const AddOptions& options) {
  Json json = {
      {"digest", hex(file.digests.sm3)},
      {"size", file.digests.size},
      {"title", options.title.empty() || options.paths.size() != 1 ? file.found.title : options.title},
      {"capture", capture_of(file)}};
  if (!options.type.empty()) json["type"] = options.type;
  if (!options.holder.empty()) json["holder"] = options.holder;
  if (!options.tags.empty()) json["tags"] = options.tags;
  if (!options.links.empty()) json["links"] = options.links;
  if (file.digests.sha256) json["further_digests"] = {{"sha256", hex(*file.digests.sha256)}};
  return json;
}

// The name of a bundle: that of the original without its folders, unlike any that is there.
fs::path bundle_path(const fs::path& folder, const std::string& title, std::set<std::string>& taken) {
  std::string name = title;
  std::replace(name.begin(), name.end(), '/', '_');
  if (name.size() > 200) name.resize(200);
  std::string candidate = name;
  std::error_code error;
  auto there = [&] { return fs::exists(fs::symlink_status(folder / (candidate + ".cxproof"), error)); };
  for (int i = 2; there() || !taken.insert(candidate).second; ++i) candidate = name + "-" + std::to_string(i);
  return folder / (candidate + ".cxproof");
}

Result<Json> wait_for_anchor(client::Client& platform, Json item) {
  int64_t deadline = steady_ns() + int64_t(kAnchorTimeoutMs) * 1'000'000;
  while (item.at("state") == "pending") {
    if (steady_ns() > deadline)
      return fail(Code::unavailable, "evidence.not_anchored", "{} is still pending",
                  item.at("id").get<std::string>());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ASSIGN(item, platform.get("/api/v1/evidence/" + item.at("id").get<std::string>()));
  }
  return item;
}

// Seals the originals on the platform; what arrives there must be what was hashed here.
Status upload_original(client::Client& platform, const evidence::ScannedFile& file, Json& item) {
  Progress progress(file.found.title);
  ASSIGN(Json kept,
         platform.upload("POST", "/api/v1/originals", file.found.path, [&](uint64_t done, uint64_t total) {
           progress.show(done >> 20, total >> 20, "MiB");
         }));
  if (kept.at("digest") != item.at("digest"))
    return fail(Code::conflict, "file.changed", "{} changed while it was read", file.found.title);
  item["original"] = kept.at("original");
  return {};
}

Result<Json> send_batch(client::Client& platform, const AddOptions& options, Json items) {
  bool wait = options.wait || !options.out.empty();
  Json request = {{"chain", options.chain}, {"items", std::move(items)}};
  ASSIGN(Json answer,
         platform.post(std::string("/api/v1/evidence/batch?wait=") + (wait ? "receipt" : "accepted"), request,
                       {{"Idempotency-Key", hex(crypto::random_bytes(16))}}));
  Json out = Json::array();
  for (Json& item : answer.at("items")) {
    if (wait) {
      ASSIGN(item, wait_for_anchor(platform, std::move(item)));
    }
    out.push_back(std::move(item));
  }
  return out;
}

Json problem_json(const std::string& path, const Error& error, bool skipped) {
  return {{"path", path}, {"reason", error.reason}, {"detail", error.detail}, {"skipped", skipped}};
}

// On a chain of several nodes a block has its certificate a moment after it is decided.
Status export_bundle(client::Client& platform, const std::string& path, const fs::path& file) {
  for (const int64_t deadline = steady_ns() + int64_t(kCertificateTimeoutMs) * 1'000'000;;) {
    auto answer = platform.send("GET", path);
    if (answer) return write_durable(file, view(answer->body));
    if (answer.error().reason != "ledger.not_certified_yet" || steady_ns() > deadline)
      return tl::unexpected(std::move(answer).error());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// What is on the chain stays told of when its bundle cannot be had: that is one of the problems.
Status export_all(client::Client& platform, const AddOptions& options, Json& result) {
  TRY(make_folder(options.out, 0755));
  Json& items = result["items"];
  std::set<std::string> taken;
  Progress progress("证据包 bundles");
  for (size_t i = 0; i < items.size(); ++i) {
    Json& item = items[i];
    if (item.at("state") != "anchored") continue;
    fs::path file = bundle_path(options.out, item.at("title").get<std::string>(), taken);
    const Status done =
        export_bundle(platform, "/api/v1/evidence/" + item.at("id").get<std::string>() + "/bundle", file);
    if (done)
      item["bundle"] = file.string();
    else
      result["problems"].push_back(problem_json(file.string(), done.error(), true));
    progress.show(i + 1, items.size());
  }
  ASSIGN(auto anchor, platform.send("GET", "/api/v1/chains/" + quoted(options.chain) + "/anchor"));
  return write_durable(options.out / (options.chain + ".cxanchor"), view(anchor.body));
}

Json problems_json(const std::vector<evidence::Problem>& problems) {
  Json out = Json::array();
  for (const auto& problem : problems)
    out.push_back(problem_json(problem.path, problem.error, problem.skipped));
  return out;
}

void print_added(const Json& result) {
  for (const Json& item : result.at("items")) {
    std::string state = item.at("state").get<std::string>();
    const char* mark = state == "anchored" ? "✓ 已上链" : state == "pending" ? "… 待上链" : "✗ 被拒绝";
    line("{}  {}  {}", mark, item.at("id").get<std::string>(), visible(item.value("title", "")));
    if (item.contains("refusal")) {
      std::string reason = item["refusal"].get<std::string>();
      line("    {} / {} [{}]", texts::reason(reason, texts::Language::zh),
           texts::reason(reason, texts::Language::en), reason);
    }
    line("    SM3 {}", item.at("digest").get<std::string>());
    if (item.contains("same_digest") && !item["same_digest"].empty())
      line("    同一内容已存证过 the same content was notarised before: {}",
           item["same_digest"][0].get<std::string>());
    if (item.contains("bundle")) line("    证据包 bundle {}", item["bundle"].get<std::string>());
  }
  for (const Json& problem : result.at("problems")) {
    std::string reason = problem.at("reason").get<std::string>();
    line("{} {}: {} / {} [{}]", problem.at("skipped").get<bool>() ? "✗ 跳过" : "! 注意",
         problem.at("path").get<std::string>(), texts::reason(reason, texts::Language::zh),
         texts::reason(reason, texts::Language::en), reason);
  }
}

Result<int> add(const Context& context, const AddOptions& options) {
  ASSIGN(auto platform, context.connect());
  evidence::Scan scan;
  {
    Progress progress("SM3");
    scan = evidence::scan(options.paths, options.sha256, [&](const evidence::ScanProgress& at) {
      progress.show(at.bytes_done >> 20, at.bytes >> 20, "MiB");
    });
  }
  Json result = {{"items", Json::array()}, {"problems", problems_json(scan.problems)}};
  Progress progress("存证 notarising");
  for (size_t from = 0; from < scan.files.size(); from += kBatch) {
    size_t to = std::min(scan.files.size(), from + kBatch);
    Json batch = Json::array();
    std::vector<const evidence::ScannedFile*> files;
    for (size_t i = from; i < to; ++i) {
      Json item = to_json(scan.files[i], options);
      Status kept = options.keep ? upload_original(platform, scan.files[i], item) : Status();
      if (!kept && kept.error().reason != "file.changed") return tl::unexpected(kept.error());
      if (!kept) {
        result["problems"].push_back(
            problem_json(scan.files[i].found.title, {Code::conflict, "file.changed", ""}, true));
        continue;
      }
      batch.push_back(std::move(item));
      files.push_back(&scan.files[i]);
    }
    if (batch.empty()) continue;
    ASSIGN(Json added, send_batch(platform, options, std::move(batch)));
    for (size_t i = 0; i < added.size(); ++i) {
      added[i]["path"] = files[i]->found.path.string();
      result["items"].push_back(std::move(added[i]));
    }
    progress.show(to, scan.files.size());
  }
  if (!options.out.empty()) TRY(export_all(platform, options, result));
  bool skipped = false;
  for (const Json& problem : result["problems"]) skipped |= problem.at("skipped").get<bool>();
  for (const Json& item : result["items"]) skipped |= item.at("state") == "refused";
  print(context, result, [&] {
    print_added(result);
    line("{} 件 items, {} 个问题 problems", result["items"].size(), result["problems"].size());
  });
  if (result["items"].empty() && !scan.problems.empty()) return exit_code(scan.problems.front().error.code);
  return skipped ? kPartly : kDone;
}

Result<int> show(const Context& context, const std::string& id) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(Json item, platform.get("/api/v1/evidence/" + quoted(id)));
  print(context, item, [&] { line("{}", item.dump(2)); });
  return kDone;
}

struct ListOptions {
  std::string chain, digest, holder, tag, type, title, from, to;
  int limit = 50;
  std::string cursor;
};

Result<int> list(const Context& context, const ListOptions& options) {
  ASSIGN(auto platform, context.connect());
  std::string query = "?limit=" + std::to_string(options.limit);
  auto filter = [&](const char* name, const std::string& value) {
    if (!value.empty()) query += std::string("&") + name + "=" + quoted(value);
  };
  filter("chain", options.chain);
  filter("digest", options.digest);
  filter("holder", options.holder);
  filter("tag", options.tag);
  filter("type", options.type);
  filter("title", options.title);
  filter("from_ms", options.from);
  filter("to_ms", options.to);
  filter("cursor", options.cursor);
  ASSIGN(Json page, platform.get("/api/v1/evidence" + query));
  print(context, page, [&] {
    for (const Json& item : page.at("items"))
      line("{}  {}  {:<8}  {}", item.at("id").get<std::string>(),
           format_time(item.at("added_ms").get<int64_t>()), item.at("state").get<std::string>(),
           item.value("title", ""));
    if (page.contains("next")) line("更多 more: --cursor {}", page["next"].get<std::string>());
  });
  return kDone;
}

struct ExportOptions {
  std::string id, digest, chain = "default", disclose;
  fs::path out;
  bool no_timestamp = false;
};

Result<int> export_one(const Context& context, const ExportOptions& options) {
  if (options.id.empty() == options.digest.empty())
    return fail(Code::invalid_argument, "cli.usage", "give an id, or --digest");
  ASSIGN(auto platform, context.connect());
  std::string path = options.id.empty() ? "/api/v1/chains/" + quoted(options.chain) + "/items/" +
                                              quoted(options.digest) + "/proof"
                                        : "/api/v1/evidence/" + quoted(options.id) + "/bundle";
  std::string query;
  if (options.no_timestamp) query += "&timestamp=false";
  if (!options.disclose.empty()) query += "&disclose=" + quoted(options.disclose);
  if (!query.empty()) query[0] = '?';
  fs::path file = options.out.empty()
                      ? fs::path((options.id.empty() ? options.digest : options.id) + ".cxproof")
                      : options.out;
  TRY(export_bundle(platform, path + query, file));
  print(context, {{"bundle", file.string()}}, [&] { line("证据包 bundle: {}", file.string()); });
  return kDone;
}

void add_list(CLI::App& noun, Context& context) {
  auto* verb = noun.add_subcommand("list", "查询 · search");
  auto options = std::make_shared<ListOptions>();
  verb->add_option("--chain", options->chain, "链 · chain");
  verb->add_option("--digest", options->digest, "SM3 摘要 · digest");
  verb->add_option("--holder", options->holder, "持有人 · holder");
  verb->add_option("--tag", options->tag, "标签 · tag");
  verb->add_option("--type", options->type, "类型 · type");
  verb->add_option("--title", options->title, "标题包含 · the title contains");
  verb->add_option("--from", options->from, "起始时间(毫秒)· added since, ms");
  verb->add_option("--to", options->to, "结束时间(毫秒)· added until, ms");
  verb->add_option("--limit", options->limit, "每页条数 · rows")->check(CLI::Range(1, 500));
  verb->add_option("--cursor", options->cursor, "续页 · where the last page ended");
  verb->callback([=, &context] { run(context, [&] { return list(context, *options); }); });
}

}  // namespace

void add_evidence(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("evidence", "存证 · evidence");
  noun->require_subcommand(1);

  auto* verb = noun->add_subcommand("add", "存证文件或目录 · notarise files and folders");
  auto options = std::make_shared<AddOptions>();
  verb->add_option("path", options->paths, "文件或目录 · files and folders")->required();
  verb->add_option("--chain", options->chain, "链 · chain");
  verb->add_option("--title", options->title, "标题(单个文件)· title, for one file");
  verb->add_option("--type", options->type, "类型 · type");
  verb->add_option("--holder", options->holder, "持有人 · holder");
  verb->add_option("--tag", options->tags, "标签 · tags");
  verb->add_option("--link", options->links, "前序存证编号(证据链)· earlier evidence that this continues");
  verb->add_flag("--wait", options->wait, "等待上链回执 · wait for the receipts");
  verb->add_option("--out", options->out, "导出证据包的目录 · folder for the proof bundles");
  verb->add_flag("--keep", options->keep, "加密保存原文 · keep the originals, sealed");
  verb->add_flag("--sha256", options->sha256, "同时记录 SHA-256 · note the SHA-256 too");
  verb->callback([=, &context] { run(context, [&] { return add(context, *options); }); });

  auto id = std::make_shared<std::string>();
  auto* one = noun->add_subcommand("show", "查看一件 · show one");
  one->add_option("id", *id, "编号 · id")->required();
  one->callback([=, &context] { run(context, [&] { return show(context, *id); }); });

  add_list(*noun, context);

  auto* out = noun->add_subcommand("export", "导出证据包 · export a proof bundle");
  auto exported = std::make_shared<ExportOptions>();
  out->add_option("id", exported->id, "编号 · id");
  out->add_option("--digest", exported->digest, "按 SM3 摘要 · by digest, for what is only on the chain");
  out->add_option("--chain", exported->chain, "链 · chain");
  out->add_option("--out", exported->out, "文件 · file");
  out->add_option("--disclose", exported->disclose, "只披露这些字段(逗号分隔)· disclose only these fields");
  out->add_flag("--no-timestamp", exported->no_timestamp, "不带时间戳 · without a time-stamp");
  out->callback([=, &context] { run(context, [&] { return export_one(context, *exported); }); });
}

}  // namespace chengxin::app
