#include "originals.h"

#include "audit.h"
#include "commands.h"

namespace chengxin::app {
namespace {

// Between the data folder and the bucket of the settings; the lock keeps others from writing to either.
Result<uint64_t> copy_between(const Context& context, bool back) {
  ASSIGN(auto lock, install::Lock::take(context.data));
  ASSIGN(const auto installation, install::open(context.data));
  if (installation.config.blobs_url.empty())
    return fail(Code::invalid_argument, "blob.s3_settings", "blobs.url is not set");
  ASSIGN(auto folder, open_originals_folder(installation));
  ASSIGN(auto bucket, open_originals(installation));
  return back ? blob::copy_objects(*bucket, *folder) : blob::copy_objects(*folder, *bucket);
}

Result<int> copy(const Context& context, bool back) {
  uint64_t copied = 0;
  auto waiting = std::make_optional<Waiting>("复制原件 copying originals");
  ASSIGN(const int done, audited(context, "originals.copy", back ? "folder" : "s3", [&]() -> Result<int> {
           ASSIGN(copied, copy_between(context, back));
           return kDone;
         }));
  waiting.reset();
  print(context, {{"copied", copied}},
        [&] { line("已复制(已有的除外) copied, besides those that were there: {}", copied); });
  return done;
}

}  // namespace

void add_originals(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("originals", "原件的存放 · where originals are kept");
  noun->require_subcommand(1);
  auto back = std::make_shared<bool>(false);
  auto* verb = noun->add_subcommand(
      "copy",
      "把数据目录中的原件复制到设置的 S3 服务(平台须停止) · copy originals from the data folder to the S3 "
      "service of the settings, while the platform is stopped");
  verb->add_flag("--back", *back, "反向:复制回数据目录 · the other way, into the data folder");
  verb->callback([=, &context] { run(context, [&] { return copy(context, *back); }); });
}

}  // namespace chengxin::app
