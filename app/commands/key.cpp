#include "audit.h"
#include "commands.h"
#include "format/transaction.h"
#include "user_key.h"

// Keys of the user, in DATA/keys/user: SM2 private keys as PKCS #8, encrypted when CHENGXIN_PASSPHRASE is
// set.
namespace chengxin::app {
namespace {

fs::path folder(const Context& context) { return context.data / "keys" / "user"; }

Status check_name(const std::string& name) {
  bool good =
      !name.empty() && name.size() <= 64 && name.front() != '.' && name.find('/') == std::string::npos;
  return good ? Status() : fail(Code::invalid_argument, "key.name", "\"{}\" cannot name a key", name);
}

// The public half stands beside the key, so that listing needs no passphrase.
Json describe(const std::string& name, ByteView point) {
  crypto::Sm2Point public_key{};
  std::memcpy(public_key.data(), point.data(), std::min(point.size(), public_key.size()));
  return {{"name", name}, {"key_id", hex(format::key_id(public_key))}, {"public_key", hex(public_key)}};
}

Result<int> create(const Context& context, const std::string& name) {
  TRY(check_name(name));
  std::error_code error;
  fs::path path = folder(context) / (name + ".pem");
  if (fs::exists(path, error)) return fail(Code::conflict, "key.exists", "{}", name);
  TRY(make_folder(folder(context)));
  ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
  ASSIGN(std::string pem, key.to_pem(user_passphrase()));
  TRY(write_durable(path, view(pem), 0600));
  TRY(write_durable(folder(context) / (name + ".pub"), view(hex(key.public_key().point())), 0644));
  Json json = describe(name, key.public_key().point());
  print(context, json, [&] {
    line("已生成密钥 key made: {}", name);
    line("  key id      {}", json["key_id"].get<std::string>());
    line("  公钥 public {}", json["public_key"].get<std::string>());
    line("  文件 file   {}{}", path.string(),
         user_passphrase().empty() ? "  (未加密 not encrypted: CHENGXIN_PASSPHRASE)" : "");
  });
  return kDone;
}

Result<int> list(const Context& context) {
  Json keys = Json::array();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder(context), error)) {
    if (entry.path().extension() != ".pub") continue;
    ASSIGN(Bytes text_bytes, read_file(entry.path(), 4096));
    ASSIGN(Bytes point, unhex(text(text_bytes)));
    keys.push_back(describe(entry.path().stem().string(), point));
  }
  std::sort(keys.begin(), keys.end(), [](const Json& a, const Json& b) { return a["name"] < b["name"]; });
  print(context, {{"keys", keys}}, [&] {
    for (const Json& key : keys)
      line("{:<20} {}", key["name"].get<std::string>(), key["key_id"].get<std::string>());
    if (keys.empty()) line("没有密钥 no keys: chengxin key create NAME");
  });
  return kDone;
}

Result<int> export_key(const Context& context, const std::string& name, bool secret) {
  TRY(check_name(name));
  if (!secret) {
    ASSIGN(Bytes public_hex, user_key_file(context, name, ".pub"));
    ASSIGN(Bytes point, unhex(text(public_hex)));
    Json json = describe(name, point);
    print(context, json, [&] { line("{}", json["public_key"].get<std::string>()); });
    return kDone;
  }
  ASSIGN(Bytes pem, user_key_file(context, name, ".pem"));
  print(context, {{"name", name}, {"pem", to_string(pem)}},
        [&] { std::fwrite(pem.data(), 1, pem.size(), stdout); });
  return kDone;
}

}  // namespace

void add_key(CLI::App& app, Context& context) {
  auto* noun = app.add_subcommand("key", "用户的 SM2 密钥 · your SM2 keys");
  noun->require_subcommand(1);
  auto name = std::make_shared<std::string>();
  auto secret = std::make_shared<bool>(false);
  auto* make = noun->add_subcommand("create", "生成 · make one (CHENGXIN_PASSPHRASE 加密 encrypts it)");
  make->add_option("name", *name, "名称 · name")->required();
  make->callback([=, &context] {
    run(context,
        [&] { return audited(context, "key.create", *name, [&] { return create(context, *name); }); });
  });
  noun->add_subcommand("list", "列出 · list")->callback([&context] {
    run(context, [&] { return list(context); });
  });
  auto* out = noun->add_subcommand("export", "导出公钥,或私钥 · export the public key, or the private one");
  out->add_option("name", *name, "名称 · name")->required();
  out->add_flag("--private", *secret, "导出私钥 · the private key (PKCS #8)");
  out->callback([=, &context] {
    run(context, [&] {
      const auto work = [&] { return export_key(context, *name, *secret); };
      return *secret ? audited(context, "key.export_private", *name, work) : work();
    });
  });
}

}  // namespace chengxin::app
