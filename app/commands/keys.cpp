#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "base/clock.h"
#include "commands.h"
#include "crypto/sm3.h"
#include "crypto/two_party.h"
#include "install/install.h"
#include "keys/configured.h"
#include "keys/own_keys.h"
#include "keys/ring.h"
#include "keys_helper.h"

// Keys of the installation and their ceremony, without a running platform: docs/keys.md.
namespace chengxin::app {
namespace {

struct Options {
  std::string name, algorithm = "sm2", id, why, signature, file, out,
                    user_id = std::string(crypto::kDefaultId);
  std::string provider = "software", library, device, application, token, pin_file, new_pin_file, share_file,
              key = "";
  std::vector<std::string> custodians, holders, shares;
  uint64_t version = 0, need = 2;
  std::vector<unsigned> indices;
};

fs::path folder(const Context& context) { return context.data / "keys"; }

Result<crypto::Secret> pin_for(const Options& options, const Json& configuration, bool needed) {
  if (!options.pin_file.empty()) return keys::read_pin(options.pin_file);
  ASSIGN(auto found, keys::find_pin(configuration));
  if (found) return std::move(*found);
  if (!needed) return crypto::Secret();
  return ask_pin("口令或 PIN passphrase or PIN");
}

Result<std::shared_ptr<keys::Provider>> opened(const Context& context, const Options& options) {
  ASSIGN(const Json configuration, keys::read_configuration(folder(context)));
  ASSIGN(auto provider, keys::open_configured(folder(context), configuration));
  const auto store = std::dynamic_pointer_cast<keys::Keystore>(provider);
  ASSIGN(const auto pin, pin_for(options, configuration, !store || store->has_passphrase()));
  TRY(provider->unlock(pin));
  return provider;
}

Result<std::unique_ptr<keys::Ring>> ring(const Context& context, const Options& options) {
  ASSIGN(auto provider, opened(context, options));
  ASSIGN(const auto info, provider->info());
  ASSIGN(const Json configuration, keys::read_configuration(folder(context)));
  return keys::Ring::open(provider, folder(context) / "service",
                          keys::ring_options(configuration, info, 2, now_ms));
}

void show(const Json& key) {
  line("{:<24} {}", key["name"].get<std::string>(), key["algorithm"].get<std::string>());
  for (const Json& version : key["versions"])
    line("  版本 version {:<3} {:<10} {}", version["version"].get<uint64_t>(),
         version["state"].get<std::string>(), version.value("public_key", version.value("id", "")));
}

// Every step ends with the journal's head, to be noted elsewhere.
int done(const Context& context, const keys::Ring& own, Json json, const std::function<void()>& lines) {
  json["journal_head"] = hex(own.head());
  json["journal_records"] = own.records();
  print(context, json, [&] {
    lines();
    line("日志 journal: {} 条 records, 链头 head {}", own.records(), hex(own.head()));
  });
  return kDone;
}

Result<int> changed(const Context& context, const keys::Ring& own, Result<keys::NamedKey> key) {
  if (!key) return tl::unexpected(key.error());
  const Json json = keys::describe(*key);
  return done(context, own, json, [&] { show(json); });
}

Result<int> init(const Context& context, const Options& options) {
  std::error_code error;
  Json configuration = {{"provider", options.provider}};
  const std::pair<const char*, const std::string*> texts[] = {{"library", &options.library},
                                                              {"device", &options.device},
                                                              {"application", &options.application},
                                                              {"token", &options.token},
                                                              {"journal_key", &options.key}};
  for (const auto& [name, value] : texts)
    if (!value->empty()) configuration[name] = *value;
  if (!options.indices.empty()) configuration["indices"] = options.indices;
  TRY(keys::check_configuration(configuration));
  TRY(make_folder(folder(context)));
  std::vector<fs::path> taken = {folder(context) / "provider.json"};
  if (options.provider == "software") taken.push_back(folder(context) / "keystore" / "keystore.json");
  for (const fs::path& file : taken)
    if (fs::exists(file, error)) return fail(Code::conflict, "keys.provider_exists", "{}", file.string());
  if (options.provider == "software") {
    ASSIGN(const auto pin, pin_for(options, configuration, true));
    TRY(keys::Keystore::create(folder(context) / "keystore", pin));
  } else {
    ASSIGN([[maybe_unused]] auto device, keys::open_configured(folder(context), configuration));
  }
  TRY(write_durable(folder(context) / "provider.json", view(configuration.dump(2) + "\n"), 0600));
  print(context, {{"provider", options.provider}, {"folder", folder(context).string()}},
        [&] { line("密钥提供者就绪 key provider ready: {}", options.provider); });
  return kDone;
}

Result<int> provider(const Context& context, const Options&) {
  ASSIGN(const Json configuration, keys::read_configuration(folder(context)));
  ASSIGN(auto own, keys::open_configured(folder(context), configuration));
  ASSIGN(const auto info, own->info());
  ASSIGN(const auto all, own->list());
  Json held = Json::array();
  for (const auto& key : all)
    held.push_back({{"id", key.id},
                    {"algorithm", keys::algorithm_name(key.algorithm)},
                    {"public_key", hex(key.public_key)}});
  print(context,
        {{"kind", info.kind},
         {"name", info.name},
         {"maker", info.maker},
         {"serial", info.serial},
         {"keys", held}},
        [&] {
          line("{}: {} ({}, {})", info.kind, visible(info.name), visible(info.maker), visible(info.serial));
          for (const auto& key : all)
            line("  {:<24} {:<6} {}", visible(key.id), keys::algorithm_name(key.algorithm),
                 hex(key.public_key));
        });
  return kDone;
}

Result<int> list(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));
  Json all = Json::array();
  for (const auto& key : own->list()) all.push_back(keys::describe(key));
  return done(context, *own, {{"keys", all}}, [&] {
    for (const Json& key : all) show(key);
    if (all.empty()) line("没有密钥 no keys: chengxin keys generate NAME --custodian A --custodian B");
  });
}

Result<int> generate(const Context& context, const Options& options) {
  const auto kind = keys::kind_of(options.algorithm);
  if (!kind) return fail(Code::invalid_argument, "cli.usage", "--algorithm is sm2, es256 or sm4");
  ASSIGN(const auto own, ring(context, options));
  if (!options.id.empty())
    return changed(context, *own, own->adopt(options.name, options.id, options.custodians));
  return changed(context, *own, own->generate(options.name, *kind, options.custodians));
}

Result<int> backup(const Context& context, const Options& options) {
  ASSIGN(const NamedSecrets holders, named_secrets(options.holders));
  for (const std::string& name : holders.names) TRY(keys::check_id(name));
  ASSIGN(const auto own, ring(context, options));
  ASSIGN(const auto shares, own->backup(options.name, holders.secrets, options.custodians,
                                        {size_t(options.need), keys::kIterations}));
  TRY(make_folder(options.out));
  Json files = Json::array();
  for (size_t i = 0; i < shares.size(); ++i) {
    const fs::path file = fs::path(options.out) / (holders.names[i] + ".share");
    TRY(write_durable(file, view(shares[i]), 0600));
    files.push_back(file.string());
  }
  return done(context, *own, {{"key", options.name}, {"need", options.need}, {"shares", files}}, [&] {
    line("已生成 {} 份分片,任意 {} 份可恢复 shares made: any {} of {} restore the key", shares.size(),
         options.need, options.need, shares.size());
    for (const Json& file : files) line("  {}", file.get<std::string>());
    line("请交给各保管人打印后删除文件 hand each to its holder, print it, then delete the file");
  });
}

Result<int> restore(const Context& context, const Options& options) {
  ASSIGN(const NamedSecrets shares, named_secrets(options.shares));
  ASSIGN(const auto texts, share_texts(shares));
  ASSIGN(const auto own, ring(context, options));
  return changed(context, *own, own->restore(options.name, texts, shares.secrets, options.custodians));
}

Result<int> rotate(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));
  return changed(context, *own, own->rotate(options.name, options.custodians));
}
Result<int> revoke(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));
  return changed(context, *own, own->revoke(options.name, options.version, options.why, options.custodians));
}
Result<int> destroy(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));
  return changed(context, *own, own->destroy(options.name, options.version, options.custodians));
}

Result<Digest> digest_of(const std::string& file, const crypto::Sm2Point& key, const std::string& user_id) {
  const auto z = sm2::z_of(key, user_id);
  if (!z) return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", user_id.size());
  crypto::Sm3 hash;
  hash.update(*z);
  TRY(stream_file(file, [&](ByteView chunk) {
    hash.update(chunk);
    return Status();
  }));
  return hash.finish();
}

Result<int> sign(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));
  ASSIGN(const auto key, own->find(options.name));
  const keys::Version* version = key.current() ? key.current() : &key.versions.back();
  ASSIGN(const Digest e, digest_of(options.file, version->public_key, options.user_id));
  ASSIGN(const auto made, own->sign(options.name, {&e, 1}));
  print(context,
        {{"key", options.name},
         {"version", version->number},
         {"public_key", hex(version->public_key)},
         {"signature", hex(made[0])}},
        [&] { line("{}", hex(made[0])); });
  return kDone;
}

Result<int> verify(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));
  ASSIGN(const auto key, own->find(options.name));
  ASSIGN(const Bytes bytes, unhex(options.signature));
  crypto::Sm2Signature signature{};
  if (bytes.size() != signature.size())
    return fail(Code::invalid_argument, "crypto.item", "a signature has 64 bytes");
  std::copy(bytes.begin(), bytes.end(), signature.begin());
  uint64_t by = 0;
  for (const auto& version : key.versions) {
    if (version.state != keys::State::current && version.state != keys::State::retired) continue;
    ASSIGN(const Digest e, digest_of(options.file, version.public_key, options.user_id));
    const sm2::DigestCheck check{&version.public_key, &signature, e};
    uint8_t holds = 0;
    crypto::strangers_verifier().verify({&check, 1}, {&holds, 1});
    if (holds) by = version.number;
  }
  print(context, {{"valid", by != 0}, {"version", by}}, [&] {
    if (by)
      line("验证通过 VERIFIED: 版本 version {}", by);
    else
      line("验证未通过 NOT VERIFIED");
  });
  return by ? kDone : kNotVerified;
}

Result<int> journal(const Context& context, const Options& options) {
  ASSIGN(const auto own, ring(context, options));  // checks every line
  if (!options.signature.empty() && options.signature != hex(own->head()))
    return fail(Code::data_loss, "keys.journal_cut", "the head is {}, not the one that was noted",
                hex(own->head()));
  ASSIGN(const Json records, own->journal());
  return done(context, *own, {{"records", records}}, [&] {
    for (const Json& each : records) {
      const Json& record = each["record"];
      std::string who;
      for (const Json& name : record.value("custodians", Json::array()))
        who += " " + visible(name.get<std::string>());
      line("{:>4} {} {:<10} {}{}", record["seq"].get<uint64_t>(),
           format_time(record["time_ms"].get<int64_t>()), record["action"].get<std::string>(),
           record.value("key", ""), who);
    }
  });
}

Result<int> passphrase(const Context& context, const Options& options) {
  ASSIGN(auto store, keys::Keystore::open(folder(context) / "keystore"));
  ASSIGN(const Json configuration, keys::read_configuration(folder(context)));
  ASSIGN(const auto old_one, pin_for(options, configuration, store->has_passphrase()));
  ASSIGN(const auto new_one, options.new_pin_file.empty() ? ask_pin("新口令 new passphrase")
                                                          : keys::read_pin(options.new_pin_file));
  if (new_one.size() < keys::kLeastPassphrase)
    return fail(Code::invalid_argument, "keys.passphrase_short", "at least {} bytes", keys::kLeastPassphrase);
  TRY(store->change_passphrase(old_one, new_one));
  print(context, {{"changed", true}}, [] { line("口令已更换 the passphrase was changed"); });
  return kDone;
}

Result<int> protect(const Context& context, const Options& options) {
  ASSIGN(const auto lock, install::Lock::take(context.data));
  ASSIGN(const auto pin, pin_for(options, Json::object(), true));
  keys::OwnKeys own(context.data);
  TRY(own.protect(pin));
  const auto left = own.in_clear();
  print(context, {{"protected", true}, {"left", left}}, [&] {
    line("平台密钥已移入密钥库 the platform's keys are in the keystore now");
    for (const std::string& file : left)
      line("仍以明文文件存放 still in a file in the clear: {} (docs/keys.md)", visible(file));
    line(
        "启动时请提供口令 a start needs the passphrase: CHENGXIN_KEYS_PIN_FILE, systemd "
        "LoadCredential=chengxin-keys-pin");
  });
  return kDone;
}

// The mobile user's half: a file with the share under a passphrase, as a keystore of its own beside it.
Result<std::shared_ptr<keys::Keystore>> half(const Options& options, bool fresh) {
  const fs::path place = options.out;
  ASSIGN(const auto pin, pin_for(options, Json::object(), true));
  if (fresh) TRY(keys::Keystore::create(place, pin));
  ASSIGN(auto store, keys::Keystore::open(place));
  TRY(store->unlock(pin));
  return store;
}

Result<crypto::Sm2PrivateKey> share_of(keys::Keystore& store) {
  ASSIGN(const auto scalar, store.reveal("share"));
  return crypto::Sm2PrivateKey::from_scalar(scalar);
}

Result<int> enroll(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(auto store, half(options, true));
  ASSIGN([[maybe_unused]] const auto made, store->generate("share", keys::Algorithm::sm2));
  ASSIGN(const auto own, share_of(*store));
  ASSIGN(const auto partial, crypto::two_party::partial_key(own));
  ASSIGN(Json answer,
         platform.post("/api/v1/crypto/two-party", {{"partial", hex(partial)}, {"label", options.name}}));
  ASSIGN(const Bytes theirs, unhex(answer.value("partial", "")));
  ASSIGN(const auto joint, crypto::two_party::joint_key(own, theirs));
  if (hex(joint.point()) != answer.value("public_key", ""))
    return fail(Code::data_loss, "crypto.two_party", "the platform computed another key");
  const Json kept = {{"id", answer["id"]}, {"public_key", answer["public_key"]}};
  TRY(write_durable(fs::path(options.out) / "two-party.json", view(kept.dump(2) + "\n"), 0600));
  print(context, kept, [&] {
    line("协同密钥就绪 key of two parties: {}", answer["id"].get<std::string>());
    line("公钥 public key {}", answer["public_key"].get<std::string>());
  });
  return kDone;
}

Result<int> sign_together(const Context& context, const Options& options) {
  ASSIGN(auto platform, context.connect());
  ASSIGN(auto store, half(options, false));
  ASSIGN(const Bytes kept_bytes, read_file(fs::path(options.out) / "two-party.json", 4096));
  ASSIGN(const Json kept, parse_json(text(kept_bytes)));
  ASSIGN(const Bytes point, unhex(kept.value("public_key", "")));
  ASSIGN(const auto joint, crypto::Sm2PublicKey::from_point(point));
  ASSIGN(const auto own, share_of(*store));
  ASSIGN(auto request, crypto::two_party::begin(joint, {}, options.user_id));
  ASSIGN(request.e, digest_of(options.file, joint.point(), options.user_id));
  ASSIGN(Json answer, platform.post("/api/v1/crypto/two-party/" + kept.value("id", "") + "/sign",
                                    {{"point", hex(request.point)}, {"digest", hex(request.e)}}));
  ASSIGN(const Bytes theirs, unhex(answer.value("answer", "")));
  ASSIGN(const auto signature, crypto::two_party::finish(own, joint, request, theirs));
  print(context, {{"public_key", kept["public_key"]}, {"signature", hex(signature)}},
        [&] { line("{}", hex(signature)); });
  return kDone;
}

using Work = Result<int> (*)(const Context&, const Options&);

void add_steps(CLI::App& noun, const std::shared_ptr<Options>& options, Context& context) {
  const auto verb = [&](const char* name, const char* help, Work work) {
    auto* made = noun.add_subcommand(name, help);
    made->add_option("--pin-file", options->pin_file,
                     "口令或 PIN 所在文件（首行）· file whose first line is the passphrase or PIN");
    made->callback([=, &context] { run(context, [&] { return work(context, *options); }); });
    return made;
  };
  const auto named = [&](const char* name, const char* help, Work work, bool custodians) {
    auto* made = verb(name, help, work);
    made->add_option("name", options->name, "密钥名 · name of the key")->required();
    if (custodians)
      made->add_option("--custodian", options->custodians,
                       "在场保管人，至少两名 · a custodian who is present, two at least");
    return made;
  };
  const auto versioned = [&](CLI::App* made) {
    made->add_option("version", options->version, "版本 · version")->required();
    return made;
  };
  auto* make = verb("init", "选定密钥提供者,或创建密钥库 · choose a provider, or make a keystore", init);
  make->add_option("--provider", options->provider, "software | sdf | skf | pkcs11");
  make->add_option("--library", options->library,
                   "厂商函数库的绝对路径 · absolute path of the vendor's library");
  make->add_option("--device", options->device, "SKF 设备名 · device of SKF");
  make->add_option("--application", options->application, "SKF 应用名 · application of SKF");
  make->add_option("--token", options->token, "PKCS#11 令牌标签 · label of a PKCS#11 token");
  make->add_option("--index", options->indices, "SDF 密钥索引 · key index of SDF");
  make->add_option("--journal-key", options->key,
                   "为日志签名的设备密钥 · key of the device that signs the journal");
  verb("provider", "提供者及其密钥 · the provider and its keys", provider);
  verb("list", "列出命名密钥及版本 · named keys and their versions", list);
  auto* generation = named("generate", "生成 · make a key", generate, true);
  generation->add_option("--algorithm", options->algorithm, "sm2 | es256 | sm4");
  generation->add_option("--id", options->id, "为设备中已有的密钥命名 · name a key that the device has");
  auto* shares = named("backup", "分片备份 · back a key up in shares", backup, true);
  shares->add_option("--need", options->need, "恢复所需份数 · how many restore it");
  shares
      ->add_option("--holder", options->holders, "NAME=口令文件 · a holder and the file of their passphrase")
      ->required();
  shares->add_option("--out", options->out, "输出目录 · folder for the shares")->required();
  named("restore", "由分片恢复 · restore a key from shares", restore, true)
      ->add_option("--share", options->shares, "分片文件=口令文件 · FILE=PASSPHRASE-FILE")
      ->required();
  named("rotate", "轮换:旧钥续验,新钥签名 · rotate: the old verifies on, the new signs", rotate, true);
  versioned(named("revoke", "吊销版本 · revoke a version", revoke, true))
      ->add_option("--why", options->why, "原因 · why")
      ->required();
  versioned(named("destroy", "销毁版本,不可恢复 · destroy a version for good", destroy, true));
  auto* signing = named("sign", "签名文件 · sign a file", sign, false);
  auto* checking = named("verify", "验证文件签名 · verify a file's signature", verify, false);
  for (auto* each : {signing, checking}) {
    each->add_option("file", options->file, "文件 · file")->required();
    each->add_option("--id", options->user_id, "签名者标识 · the signer's identifier");
  }
  checking->add_option("--signature", options->signature, "签名（十六进制）· signature")->required();
  verb("journal", "核对并列出密钥操作日志 · check and list the journal", journal)
      ->add_option("--head", options->signature, "应有的链头 · the head that was noted");
  verb("passphrase", "更换密钥库口令 · change the keystore's passphrase", passphrase)
      ->add_option("--new-pin-file", options->new_pin_file, "新口令文件 · file of the new one");
  verb("protect", "将平台密钥移入密钥库 · move the platform's keys into the keystore", protect);
  auto* enrolling =
      verb("enroll", "登记协同签名密钥 · enroll a key of two parties with the platform", enroll);
  auto* together =
      verb("sign-together", "与平台协同签名 · sign a file together with the platform", sign_together);
  enrolling->add_option("--label", options->name, "说明 · label");
  together->add_option("file", options->file, "文件 · file")->required();
  for (auto* each : {enrolling, together})
    each->add_option("--folder", options->out, "本方份额所在目录 · folder of the user's half")->required();
}

}  // namespace

Result<NamedSecrets> named_secrets(const std::vector<std::string>& given) {
  NamedSecrets out;
  for (const std::string& text : given) {
    const size_t at = text.rfind('=');
    if (at == text.npos || at == 0)
      return fail(Code::invalid_argument, "cli.usage", "\"{}\" is not NAME=FILE", text);
    ASSIGN(crypto::Secret secret, keys::read_pin(text.substr(at + 1)));
    out.names.push_back(text.substr(0, at));
    out.secrets.push_back(std::move(secret));
  }
  return out;
}

Result<std::vector<std::string>> share_texts(const NamedSecrets& shares) {
  std::vector<std::string> out;
  for (const std::string& file : shares.names) {
    ASSIGN(const Bytes bytes, read_file(file, 64 << 10));
    out.push_back(to_string(bytes));
  }
  return out;
}

Result<crypto::Secret> ask_pin(const std::string& what) {
  if (!::isatty(STDIN_FILENO))
    return fail(Code::forbidden, "keys.locked", "{}: no --pin-file, and no terminal to ask on", what);
  termios before{};
  ::tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~tcflag_t(ECHO);
  std::fprintf(stderr, "%s: ", what.c_str());
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  crypto::Secret out;
  for (int c; (c = ::getchar()) != EOF && c != '\n';) out.push_back(uint8_t(c));
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::fputc('\n', stderr);
  return out;
}

void add_keys(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("keys",
                                  "密钥管理:生成、备份、轮换、销毁,UKey 签名助手 · keys of the installation, "
                                  "their ceremony, the UKey helper");
  noun->require_subcommand(1);
  add_steps(*noun, std::make_shared<Options>(), context);
  add_keys_helper(*noun, context);
}

}  // namespace chengxin::app
