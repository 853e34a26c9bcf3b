#include <iostream>

#include "commands.h"
#include "pack/bpmn.h"
#include "pack/create.h"
#include "pack/describe.h"
#include "pack/diff.h"
#include "packs.h"
#include "user_key.h"

// Applications as data: what an integrator does on his own machine, without a platform.
namespace chengxin::app {
namespace {

struct Options {
  std::vector<fs::path> folders, signers;
  fs::path folder, before, after, out, key, file;
  std::string kind, entity, installed, process;
  pack::BpmnDefaults defaults;
  bool replace = false;
};

using Signers = std::vector<crypto::Sm2PublicKey>;

// A folder or a packed file; with signers, one that one of them signed.
Result<pack::Files> files_at(const fs::path& place, const Signers& signers, pack::Findings& findings) {
  std::error_code error;
  if (!fs::exists(place, error)) return fail(Code::not_found, "file.not_found", "{}", place.string());
  if (fs::is_directory(place, error)) {
    if (!signers.empty()) return fail(Code::forbidden, "pack.unsigned", "{}", place.string());
    return pack::read_folder(place, findings);
  }
  ASSIGN(const Bytes bytes, read_file(place, pack::kMostBytes * 2));
  ASSIGN(const pack::Packed packed, pack::open_packed(bytes));
  if (!signers.empty()) TRY(pack::demand_signer(packed, signers));
  return pack::read_packed(packed, place.generic_string(), findings);
}

Result<Signers> read_signers(const Options& options) {
  Signers out;
  for (const fs::path& file : options.signers) {
    ASSIGN(auto key, signer_in(file));
    out.push_back(std::move(key));
  }
  return out;
}

Status demand_newer(const pack::Packs& packs, const std::string& installed) {
  if (installed.empty()) return {};
  const auto version = pack::parse_version(installed);
  if (!version) return fail(Code::invalid_argument, "pack.version", "{}", installed);
  for (const pack::Pack& each : packs.packs) TRY(pack::demand_version(each.version, *version));
  return {};
}

Result<pack::Packs> read_all(const Options& options) {
  ASSIGN(const Signers signers, read_signers(options));
  pack::Packs out;
  std::vector<pack::Files> all;
  for (const fs::path& place : options.folders) {
    ASSIGN(pack::Files files, files_at(place, signers, out.findings));
    all.push_back(std::move(files));
  }
  pack::check_into(all, out);
  TRY(demand_newer(out, options.installed));
  return out;
}

void print_findings(const pack::Findings& findings) {
  const auto shown = findings.shown();
  for (const pack::Finding& each : shown) {
    line("{}:{}:{}: {} ({})", visible(each.file), each.at.line, each.at.column, visible(each.zh),
         each.reason);
    line("    {}", visible(each.en));
    if (!each.mend.empty()) line("    改为 mend: {}", visible(each.mend));
  }
  if (findings.total() > shown.size()) line("还有 and {} 处 more", findings.total() - shown.size());
}

Json summary(const pack::Pack& each) {
  return {{"pack", each.name},
          {"version", fmt::format("{}", fmt::join(each.version, "."))},
          {"entities", each.entities.size()},
          {"dictionaries", each.dictionaries.size()},
          {"roles", each.roles.size()},
          {"files", each.sources.size()}};
}

Result<int> check(const Context& context, const Options& options) {
  ASSIGN(const pack::Packs read, read_all(options));
  Json out = pack::to_json(read.findings);
  for (const pack::Pack& each : read.packs) out["packs"].push_back(summary(each));
  print(context, out, [&] {
    print_findings(read.findings);
    for (const pack::Pack& each : read.packs)
      line("{} {}: 实体 entities {}, 字典 dictionaries {}, 角色 roles {}", each.name,
           fmt::join(each.version, "."), each.entities.size(), each.dictionaries.size(), each.roles.size());
    line("错误 mistakes {}", read.findings.total());
  });
  return read.good() ? kDone : kNotVerified;
}

Result<int> create(const Context& context, const Options& options) {
  const fs::path folder = fs::absolute(options.folder).lexically_normal();
  TRY(pack::create_pack(folder.filename().empty() ? folder.parent_path() : folder));
  print(context, {{"folder", folder.string()}}, [&] {
    line("{}", folder.string());
    line("chengxin pack check {}", options.folder.string());
  });
  return kDone;
}

Result<int> schema_of_entity(const Options& options) {
  ASSIGN(const pack::Packs read, read_all(options));
  for (const pack::Pack& each : read.packs)
    for (const pack::Entity& entity : each.entities)
      if (entity.name == options.entity) {
        std::cout << pack::entity_schema(entity).dump(2) << "\n";
        return kDone;
      }
  return fail(Code::not_found, "pack.entity_unknown", "{}", options.entity);
}

Result<int> schema(const Context& context, const Options& options) {
  if (!options.entity.empty()) return schema_of_entity(options);
  if (!options.out.empty()) {
    TRY(pack::write_schemas(options.out));
    print(context, {{"folder", options.out.string()}}, [&] { line("{}", options.out.string()); });
    return kDone;
  }
  Json all = Json::object();
  for (const pack::FileKind& kind : pack::file_kinds()) {
    if (!options.kind.empty() && kind.kind != options.kind) continue;
    all[std::string(kind.kind)] = pack::grammar_schema(kind);
  }
  if (all.empty()) return fail(Code::not_found, "pack.kind", "{}", options.kind);
  std::cout << (options.kind.empty() ? all : all[options.kind]).dump(2) << "\n";
  return kDone;
}

void print_change(const pack::Change& each) {
  const char sign = each.kind == pack::Change::Kind::added     ? '+'
                    : each.kind == pack::Change::Kind::removed ? '-'
                                                               : '~';
  const std::string_view effect = each.effect == pack::Effect::loss        ? "  [丢失数据 loses data]"
                                  : each.effect == pack::Effect::migration ? "  [须迁移 needs a migration]"
                                                                           : "";
  line("{} {} {}{}", sign, each.object, each.member, effect);
  if (!each.before.is_null()) line("    - {}", visible(each.before.dump()));
  if (!each.after.is_null()) line("    + {}", visible(each.after.dump()));
}

// One pack by itself: what it uses need not be here. Nothing is made of one with mistakes.
struct Alone {
  pack::Files files;
  pack::Pack pack;
};
Result<Alone> read_alone(const fs::path& place) {
  Alone out;
  pack::Findings findings;
  ASSIGN(out.files, files_at(place, {}, findings));
  out.pack = pack::read_pack(out.files, findings);
  if (findings.empty()) return out;
  const pack::Finding first = findings.shown().front();
  return fail(Code::invalid_argument, first.reason, "{}:{}:{}; chengxin pack check {}", first.file,
              first.at.line, first.at.column, place.string());
}

Result<int> compare(const Context& context, const Options& options) {
  ASSIGN(const Alone before, read_alone(options.before));
  ASSIGN(const Alone after, read_alone(options.after));
  const auto changes = pack::diff(before.pack, after.pack);
  const Json out = pack::to_json(changes);
  print(context, out, [&] {
    for (const pack::Change& each : changes) print_change(each);
    line("变更 changes {}, 须迁移 migrations {}, 丢失数据 losses {}", changes.size(), out["migration"].dump(),
         out["loss"].dump());
  });
  return kDone;
}

Result<int> pack_up(const Context& context, const Options& options) {
  ASSIGN(const Alone made, read_alone(options.folder));
  std::optional<crypto::Sm2PrivateKey> key;
  if (!options.key.empty()) {
    ASSIGN(key, key_in(options.key));
  }
  ASSIGN(const Bytes bytes, pack::write_packed(made.files.content, key ? &*key : nullptr));
  TRY(write_durable(options.out, bytes));
  ASSIGN(const pack::Packed packed, pack::open_packed(bytes));
  Json out = summary(made.pack);
  out["file"] = options.out.string();
  out["digest"] = hex(packed.digest);
  out["signed"] = key.has_value();
  print(context, out, [&] {
    line("{}", options.out.string());
    line("摘要 digest  {}", hex(packed.digest));
    line(key ? "已签名 signed" : "未签名 not signed: --key FILE");
  });
  return kDone;
}

Result<int> write_bpmn(const Context& context, const Options& options) {
  Options places = options;  // the pack, and those that it uses
  places.folders.insert(places.folders.begin(), options.folder);
  ASSIGN(pack::Packs read, read_all(places));
  std::map<fs::path, std::string> made;
  if (read.good())
    for (const pack::Part& each : read.packs.front().processes)
      if (options.process.empty() || each.name == options.process)
        if (const auto xml = pack::write_bpmn(*each.source, read.findings))
          made[options.out / (each.name + ".bpmn")] = *xml;
  if (read.good() && made.empty() && !options.process.empty())
    return fail(Code::not_found, "pack.process_unknown", "{}", options.process);
  Json out = pack::to_json(read.findings);
  out["files"] = Json::array();
  if (read.good() && !made.empty()) TRY(make_folder(options.out, 0755));
  for (const auto& [file, xml] : made) {
    if (!read.good()) continue;
    TRY(write_durable(file, view(xml)));
    out["files"].push_back(file.string());
  }
  print(context, out, [&] {
    print_findings(read.findings);
    for (const Json& file : out["files"]) line("{}", file.get<std::string>());
  });
  return read.good() ? kDone : kNotVerified;
}

Result<int> read_bpmn(const Context& context, const Options& options) {
  std::error_code error;
  if (!fs::is_regular_file(options.folder / "pack.yaml", error))
    return fail(Code::not_found, "pack.missing", "{}", (options.folder / "pack.yaml").string());
  ASSIGN(const Bytes xml, read_file(options.file, pack::kMostBytes));
  pack::Findings findings;
  const auto imported = pack::read_bpmn(text(xml), options.file.generic_string(), options.defaults, findings);
  Json out = pack::to_json(findings);
  if (imported) {
    const fs::path file = options.folder / "processes" / (imported->name + ".yaml");
    if (!options.replace && fs::exists(file, error))
      return fail(Code::conflict, "pack.process_exists", "{}", file.string());
    TRY(make_folder(file.parent_path(), 0755));
    TRY(write_durable(file, view(imported->yaml)));
    out["file"] = file.string();
    out["process"] = imported->name;
    out["renamed"] = imported->renamed;
    out["left_out"] = imported->left_out;
  }
  print(context, out, [&] {
    print_findings(findings);
    if (!imported) return line("错误 mistakes {}", findings.total());
    for (const std::string& each : imported->renamed) line("改名 renamed  {}", visible(each));
    for (const std::string& each : imported->left_out) line("未带入 left out  {}", visible(each));
    line("{}", out["file"].get<std::string>());
    line("chengxin pack check {}", options.folder.string());
  });
  return imported ? kDone : kNotVerified;
}

void add_bpmn(CLI::App& group, Context& context, const std::shared_ptr<Options>& options) {
  CLI::App* bpmn = group.add_subcommand("bpmn", "流程与 BPMN 2.0 文件互转 · processes as BPMN 2.0 files");
  bpmn->require_subcommand(1);
  CLI::App* out = bpmn->add_subcommand("export", "写出流程，供建模工具打开 · write processes for modellers");
  out->callback([&context, options] { run(context, [&] { return write_bpmn(context, *options); }); });
  out->add_option("PACK", options->folder, "场景包 · the pack")->required();
  out->add_option("PROCESS", options->process, "只写此流程 · this process only");
  out->add_option("--out", options->out, "写入此文件夹 · into this folder, a file each")->required();
  out->add_option("--with", options->folders, "所用的其他包 · packs that it uses");

  CLI::App* in = bpmn->add_subcommand("import", "把 BPMN 文件变成流程 · make a process of a BPMN file");
  in->callback([&context, options] { run(context, [&] { return read_bpmn(context, *options); }); });
  in->add_option("FILE", options->file, "建模工具的文件 · the modeller's file")->required();
  in->add_option("--into", options->folder, "写入此场景包 · the pack that it is for")->required();
  in->add_option("--for", options->defaults.about,
                 "哪个实体，文件未写时 · its entity, where the file does not say");
  in->add_option("--start", options->defaults.start,
                 "哪些角色可发起，文件未写时 · roles that start it, where the file does not say");
  in->add_flag("--replace", options->replace, "替换已有的同名流程 · in place of the one that is there");
}

}  // namespace

void add_pack(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("pack", "场景包：应用即数据 · packs: applications as data");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* help, auto work) {
    CLI::App* out = group->add_subcommand(name, help);
    out->callback([&context, options, work] { run(context, [&] { return work(context, *options); }); });
    return out;
  };

  verb("new", "新建场景包 · a new pack", create)
      ->add_option("DIR", options->folder, "其文件夹，名称即标识 · its folder, which gives it its name")
      ->required();

  CLI::App* checked = verb("check", "检查，一次列出所有错误 · name every mistake", check);
  checked->add_option("DIR", options->folders, "场景包：文件夹或 .cxpack · packs: folders or .cxpack files")
      ->required();
  checked->add_option("--signed-by", options->signers,
                      "须由其中一把公钥（PEM）签名 · has to be signed by one of these keys (PEM)");
  checked->add_option("--installed", options->installed, "不得低于此版本 · not older than this version");

  CLI::App* schemas =
      verb("schema", "文件的 JSON Schema，供编辑器用 · JSON Schemas of the files, for editors", schema);
  schemas->add_option("KIND", options->kind, "pack, dictionary, entity, decision, process, view, texts");
  schemas->add_option("--out", options->out, "写入此文件夹 · write them into this folder");
  schemas->add_option("--entity", options->entity, "此实体的记录 · of a record of this entity, with --of");
  schemas->add_option("--of", options->folders, "场景包 · the packs that it is in");

  CLI::App* compared = verb("diff", "比较两个版本 · compare two versions", compare);
  compared->add_option("BEFORE", options->before, "之前 · before")->required();
  compared->add_option("AFTER", options->after, "之后 · after")->required();

  CLI::App* packed = verb("export", "打包成一个文件 · pack it into one file", pack_up);
  packed->add_option("DIR", options->folder, "场景包 · the pack")->required();
  packed->add_option("--out", options->out, "写入 .cxpack · the .cxpack to write")->required();
  packed->add_option("--key", options->key,
                     "用此 SM2 私钥（PEM）签名，口令取自 CHENGXIN_PASSPHRASE · sign with this key (PEM)");
  add_pack_try(*group, context);
  add_installed_pack_commands(*group, context);

  add_bpmn(*group, context, options);
}

}  // namespace chengxin::app
