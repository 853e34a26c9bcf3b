#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include "api/resource_crypto.h"
#include "commands.h"
#include "crypto/sm2.h"
#include "crypto/sm3.h"
#include "user_key.h"

// Signatures by the file, without a platform. One JSON object a line; its members: api/resource_crypto.h, and
// `file`, the path of what was signed.
namespace chengxin::app {
namespace {

constexpr size_t kLinesAtATime = 8192, kInvalidLinesKept = 1000;

struct Options {
  fs::path batch;
  std::string path, key;
  bool verdicts = false;
};

Result<Digest> digest_of_file(const api::SignatureItem& item, const fs::path& path) {
  auto z = sm2::z_of(item.key, item.id);
  if (!z) return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", item.id.size());
  crypto::Sm3 hash;
  hash.update(*z);
  TRY(stream_file(path, [&](ByteView chunk) {
    hash.update(chunk);
    return Status();
  }));
  return hash.finish();
}

Result<api::SignatureItem> parse_item(const std::string& text) {
  ASSIGN(Json json, parse_json(text, {.max_bytes = size_t(64) << 20}));
  ASSIGN(auto item, api::signature_item(json, "file"));
  if (auto file = json.find("file"); file != json.end()) {
    ASSIGN(item.digest, digest_of_file(item, file->get<std::string>()));
  }
  return item;
}

// Lines of the batch in portions, each shared between the cores. `work(lines, first line's number)`.
using Lines = std::span<const std::string>;
Status in_portions(const fs::path& path, const std::function<Status(Lines, size_t)>& work) {
  std::ifstream file;
  std::error_code error;
  uint64_t total = 0;
  if (path != "-") {
    if (fs::is_directory(path, error)) return tl::unexpected(file_error(path, EISDIR));
    file.open(path);
    if (!file) return tl::unexpected(file_error(path, errno));
    total = fs::file_size(path, error);
  }
  std::istream& in = path == "-" ? std::cin : file;
  Progress progress("SM2");
  std::vector<std::string> lines;
  uint64_t first = 1, read = 0;
  for (bool more = true; more;) {
    std::string text;
    more = bool(std::getline(in, text));
    if (more) {
      read += text.size() + 1;
      lines.push_back(std::move(text));
    }
    if (lines.size() < kLinesAtATime && more) continue;
    if (!lines.empty()) TRY(work(lines, first));
    first += lines.size();
    lines.clear();
    if (total && !error) progress.show(read >> 10, total >> 10, "KiB");
  }
  return in.bad() ? Status(tl::unexpected(file_error(path, EIO))) : Status();
}

// part(from, to) on every core; the error of the earliest part, if any.
Status on_every_core(size_t count, const std::function<Status(size_t, size_t)>& part) {
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Status> outcomes(cores);
  std::vector<std::thread> running;
  for (size_t i = 0; i < cores; ++i)
    running.emplace_back([&, i] { outcomes[i] = part(count * i / cores, count * (i + 1) / cores); });
  for (std::thread& thread : running) thread.join();
  for (Status& outcome : outcomes) TRY(std::move(outcome));
  return {};
}

Error at_line(size_t number, const Error& error) {
  return {error.code, error.reason, fmt::format("第 {} 行 line {}: {}", number, number, error.detail)};
}

Result<sm2::Path> path_of(const std::string& asked) {
  if (asked.empty()) return sm2::best_path();
  for (sm2::Path path : sm2::kPaths) {
    if (asked != sm2::name(path)) continue;
    if (sm2::available(path)) return path;
    return fail(Code::unsupported, "cli.usage", "this processor has no path {}", asked);
  }
  return fail(Code::invalid_argument, "cli.usage", "no path {}: portable, adx, ifma", asked);
}

struct Tally {
  size_t checked = 0, valid = 0;
  std::vector<size_t> invalid_lines;  // the first of them
  double seconds = 0;
};

void conclude(const Context& context, const Tally& tally, sm2::Path path) {
  const size_t invalid = tally.checked - tally.valid;
  const double rate = tally.seconds > 0 ? double(tally.checked) / tally.seconds : 0;
  print(context,
        {{"checked", tally.checked},
         {"valid", tally.valid},
         {"invalid", invalid},
         {"invalid_lines", tally.invalid_lines},
         {"path", sm2::name(path)},
         {"seconds", tally.seconds},
         {"per_second", rate}},
        [&] {
          for (size_t number : tally.invalid_lines)
            line("第 {} 行签名不成立 line {}: does not hold", number, number);
          if (invalid > tally.invalid_lines.size()) line("… 共 {} 行 lines in all", invalid);
          line("{}: 检查 checked {}, 成立 hold {}, 不成立 do not {}  ({:.0f}/s, {})",
               invalid ? "验证未通过 NOT VERIFIED" : "验证通过 VERIFIED", tally.checked, tally.valid, invalid,
               rate, sm2::name(path));
        });
}

Result<int> verify_batch(const Context& context, const Options& options) {
  ASSIGN(const sm2::Path path, path_of(options.path));
  const sm2::Verifier verifier({.path = path});
  Tally tally;
  const auto started = std::chrono::steady_clock::now();
  const Status read = in_portions(options.batch, [&](Lines lines, size_t first) -> Status {
    std::vector<uint8_t> verdicts(lines.size());
    const Status done = on_every_core(lines.size(), [&](size_t from, size_t to) -> Status {
      std::vector<api::SignatureItem> items;
      for (size_t i = from; i < to; ++i) {
        auto item = parse_item(lines[i]);
        if (!item) return tl::unexpected(at_line(first + i, item.error()));
        items.push_back(std::move(*item));
      }
      const auto found = api::verdicts_on(verifier, items);
      std::copy(found.begin(), found.end(), verdicts.begin() + long(from));
      return {};
    });
    if (!done) return done;
    for (size_t i = 0; i < lines.size(); ++i) {
      ++tally.checked;
      tally.valid += verdicts[i];
      if (!verdicts[i] && tally.invalid_lines.size() < kInvalidLinesKept)
        tally.invalid_lines.push_back(first + i);
      if (options.verdicts) line("{{\"line\":{},\"valid\":{}}}", first + i, verdicts[i] == 1);
    }
    return {};
  });
  TRY(read);
  if (tally.checked == 0)
    return fail(Code::invalid_argument, "crypto.nothing_to_check", "{}", options.batch.string());
  tally.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (!options.verdicts) conclude(context, tally, path);
  return tally.valid == tally.checked ? kDone : kNotVerified;
}

// {"message" | "message_hex" | "file", "id"?} in; the same with key and signature out, as verify takes it.
struct ToSign {
  Json json;
  api::SignatureItem item;
};
Result<ToSign> parse_to_sign(const crypto::Sm2PublicKey& key, const std::string& text) {
  auto wrong = [](std::string_view what) {
    return fail(Code::invalid_argument, "crypto.signature_item", "{}", what);
  };
  ToSign out;
  ASSIGN(out.json, parse_json(text, {.max_bytes = size_t(64) << 20}));
  if (!out.json.is_object()) return wrong("not a JSON object");
  out.json["key"] = hex(key.point());
  out.json["signature"] =
      std::string(128, '0');  // of the right form, so that the line is judged as verify will
  ASSIGN(out.item, api::signature_item(out.json, "file"));
  if (out.item.digest) return wrong("a digest cannot be signed here: give message, message_hex or file");
  if (auto file = out.json.find("file"); file != out.json.end()) {
    ASSIGN(out.item.digest, digest_of_file(out.item, file->get<std::string>()));
  }
  if (out.item.id.size() > 8191)
    return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", out.item.id.size());
  return out;
}

// All of one id in one go, and the files, which are digests already, in another.
Status sign_items(const crypto::Sm2PrivateKey& key, std::span<ToSign> items) {
  std::map<std::string_view, std::vector<ToSign*>> by_id;
  std::vector<ToSign*> files;
  for (ToSign& one : items) (one.item.digest ? files : by_id[one.item.id]).push_back(&one);
  auto put = [](std::span<ToSign* const> to, std::span<const crypto::Sm2Signature> made) {
    for (size_t i = 0; i < to.size(); ++i) to[i]->json["signature"] = hex(made[i]);
  };
  for (const auto& [id, some] : by_id) {
    std::vector<ByteView> messages;
    for (const ToSign* one : some) messages.push_back(one->item.message);
    ASSIGN(auto made, key.sign_many(messages, id));
    put(some, made);
  }
  std::vector<Digest> digests;
  for (const ToSign* one : files) digests.push_back(*one->item.digest);
  ASSIGN(auto made, key.sign_many(digests));
  put(files, made);
  return {};
}

Result<int> sign_batch(const Context& context, const Options& options) {
  ASSIGN(const auto key, named_key(context, options.key));
  const Status read = in_portions(options.batch, [&](Lines lines, size_t first) -> Status {
    std::vector<std::string> out(lines.size());
    const Status done = on_every_core(lines.size(), [&](size_t from, size_t to) -> Status {
      std::vector<ToSign> items;
      for (size_t i = from; i < to; ++i) {
        auto item = parse_to_sign(key.public_key(), lines[i]);
        if (!item) return tl::unexpected(at_line(first + i, item.error()));
        items.push_back(std::move(*item));
      }
      TRY(sign_items(key, items));
      for (size_t i = from; i < to; ++i) out[i] = items[i - from].json.dump();
      return {};
    });
    if (!done) return done;
    for (const std::string& one : out) line(std::string_view(one));
    return {};
  });
  TRY(read);
  return kDone;
}

}  // namespace

void add_crypto(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("crypto", "SM2 签名,成批 · SM2 signatures by the file");
  noun->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* check =
      noun->add_subcommand("verify", "逐行验证 · check a file of signatures, one JSON object a line");
  check->add_option("--batch", options->batch, "文件,- 为标准输入 · the file; - for standard input")
      ->required();
  check->add_option("--path", options->path, "指定实现 · portable, adx or ifma instead of the fastest");
  check->add_flag("--verdicts", options->verdicts, "逐行输出结论 · a verdict for each line");
  check->footer(
      "每行 · each line: {\"key\", \"signature\", \"message\" | \"message_hex\" | \"digest\" | \"file\", "
      "\"id\"?}\n"
      "退出码 · exit: 0 全部成立 all hold, 1 有不成立者 some do not, 2 某行不符合格式或没有任何一行 a line "
      "is not as "
      "described, or there is none");
  check->callback([=, &context] { run(context, [&] { return verify_batch(context, *options); }); });
  auto* sign = noun->add_subcommand("sign", "逐行签名 · sign a file of messages, one JSON object a line");
  sign->add_option("--batch", options->batch, "文件,- 为标准输入 · the file; - for standard input")
      ->required();
  sign->add_option("--key", options->key, "密钥名称 · name of the key (chengxin key create)")->required();
  sign->footer(
      "每行 · each line: {\"message\" | \"message_hex\" | \"file\", \"id\"?}; 输出可由 crypto verify 验证 · "
      "what comes "
      "out is what crypto verify takes");
  sign->callback([=, &context] { run(context, [&] { return sign_batch(context, *options); }); });
}

}  // namespace chengxin::app
