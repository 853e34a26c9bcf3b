#include "config/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>
#include <variant>

namespace chengxin::config {
namespace {

template <typename Owner>
struct Field {
  std::string_view key;
  std::variant<std::string Owner::*, int64_t Owner::*, bool Owner::*> field;
  int64_t least = 0, most = 0;                 // numbers
  std::vector<std::string_view> choices = {};  // text
  std::string_view zh, en;
};
using Setting = Field<Config>;

constexpr std::string_view kProviders = "access.oidc";

// Of one item in the list access.oidc.
const std::vector<Field<OidcProvider>>& provider_fields() {
  using P = OidcProvider;
  static const std::vector<Field<P>> table = {
      {"name", &P::name, 0, 0, {}, "名称,小写字母、数字和 -", "its name: small letters, digits, -"},
      {"title", &P::title, 0, 0, {}, "中文名称", "its Chinese title"},
      {"title_en", &P::title_en, 0, 0, {}, "英文名称", "its English title"},
      {"issuer",
       &P::issuer,
       0,
       0,
       {},
       "签发者地址,与其发现文档一字不差",
       "issuer, as in its discovery document"},
      {"client_id", &P::client_id, 0, 0, {}, "在对方登记的客户端标识", "what we are called there"},
      {"client_secret_file",
       &P::client_secret_file,
       0,
       0,
       {},
       "客户端密钥的文件(仅所有者可读),相对数据目录;空为公开客户端",
       "file of the client's secret, readable to its owner only, relative to the data folder; none when "
       "empty"},
      {"scopes", &P::scopes, 0, 0, {}, "请求的范围,空格分隔", "scopes to ask for, separated by spaces"},
      {"algorithms",
       &P::algorithms,
       0,
       0,
       {},
       "接受的签名算法:RS256 PS256 ES256 SM2SM3",
       "signatures that are taken, out of RS256 PS256 ES256 SM2SM3"},
      {"roots",
       &P::roots,
       0,
       0,
       {},
       "信任的根证书 PEM 文件;空为系统自带",
       "PEM of the roots its TLS is believed by; the system's when empty"},
      {"allow_private",
       &P::allow_private,
       0,
       0,
       {},
       "允许其位于内网或本机",
       "let it be at a private or loopback address"},
      {"clock_skew_seconds",
       &P::clock_skew_seconds,
       0,
       300,
       {},
       "容许的时钟偏差(秒)",
       "seconds by which its clock may differ"},
      {"account_claim",
       &P::account_claim,
       0,
       0,
       {},
       "标识账户的声明",
       "claim that names the account for good"},
      {"name_claim",
       &P::name_claim,
       0,
       0,
       {},
       "新建账户时的用户名取自何处",
       "claim with the name of an account that is made"},
      {"claims_from", &P::claims_from, 0, 0, {"id_token", "userinfo"}, "声明取自何处", "where claims are"},
      {"assurance_claim", &P::assurance_claim, 0, 0, {}, "认证级别的声明", "claim of the level of assurance"},
      {"assurance",
       &P::assurance,
       0,
       0,
       {},
       "接受的级别,空格分隔;空为不限",
       "levels that are enough; any when empty"},
      {"legal_claim",
       &P::legal_claim,
       0,
       0,
       {},
       "法人账户特有的声明,值为其统一社会信用代码",
       "claim that an account of a legal person has, with its code"},
      {"agent_claim",
       &P::agent_claim,
       0,
       0,
       {},
       "法人账户的经办人;空则拒绝法人账户",
       "claim that says who acts for it; without one such accounts are refused"},
  };
  return table;
}

// Of the services beside the chains.
std::vector<Setting> service_settings() {
  return {
      {"audit.enabled",
       &Config::audit_enabled,
       0,
       0,
       {},
       "审计日志;false 时平台只读,拒绝一切更改",
       "the audit log; without it the platform refuses every change"},
      {"audit.chain",
       &Config::audit_chain,
       0,
       0,
       {},
       "锚定审计日志的链",
       "the chain that anchors the audit log"},
      {"audit.anchor_seconds",
       &Config::audit_anchor_seconds,
       1,
       3600,
       {},
       "审计日志有新内容时,每隔多少秒锚定一次",
       "seconds between two anchors of the audit log, when something is new"},
      {"audit.retention_days",
       &Config::audit_retention_days,
       180,
       36'500,
       {},
       "审计日志保存天数,不少于 180",
       "days that the audit log is kept, at least 180"},
      {"audit.segment_mb",
       &Config::audit_segment_mb,
       1,
       512,
       {},
       "审计日志每个分段的大小(MB)",
       "size at which a segment of the audit log ends, MB"},
      {"access.owner",
       &Config::access_owner,
       0,
       0,
       {"full", "restricted"},
       "所有者凭据的用途:full 全部;restricted 只用于初始化、查看和恢复(三员就位后建议)",
       "what the owner's credential may do: full; or restricted to the beginning, looking and recovery, "
       "which is "
       "advised once the three administrators are there"},
      {"access.roots",
       &Config::access_roots,
       0,
       0,
       {},
       "登录和 TLCP 客户端证书的根证书 PEM 文件,相对数据目录;空为本平台证书机构及其信任的机构",
       "PEM file of the root certificates that certificates of people and services lead to, relative to the "
       "data folder; when empty, the platform's own authority and those that it trusts"},
      {"access.crls",
       &Config::access_crls,
       0,
       0,
       {},
       "其吊销列表的 PEM 文件;每次登录时读取",
       "PEM file of their revocation lists; read at each sign-in"},
      {"access.crl_required",
       &Config::access_crl_required,
       0,
       0,
       {},
       "没有吊销列表就拒绝证书登录",
       "refuse certificates of an issuer without a revocation list"},
      {"access.idle_minutes",
       &Config::access_idle_minutes,
       1,
       24 * 60,
       {},
       "会话空闲多少分钟后结束",
       "minutes until an idle session ends"},
      {"authority.crl_hours",
       &Config::authority_crl_hours,
       1,
       8760,
       {},
       "吊销列表的有效小时数,过半即更新",
       "hours that a revocation list holds; it is renewed when half of them are over"},
      {"authority.due_days",
       &Config::authority_due_days,
       1,
       3650,
       {},
       "到期前多少天提醒更新证书",
       "days before the end of a certificate at which doctor reminds of it"},
      {"authority.crl_required",
       &Config::authority_crl_required,
       0,
       0,
       {},
       "验证证书时,没有吊销列表就拒绝",
       "when certificates are checked, refuse those of an issuer without a revocation list"},
      {"revocation.stale_hours",
       &Config::revocation_stale_hours,
       0,
       720,
       {},
       "吊销列表过了下次更新时间(nextUpdate)后仍采信的小时数;0 为拒绝。适用于登录、TLCP 客户端证书和证书验证",
       "hours after its nextUpdate for which a revocation list is still believed; 0 refuses. For signing in, "
       "TLCP clients and checks of certificates"},
      {"server.public_url",
       &Config::server_public_url,
       0,
       0,
       {},
       "他人访问本平台的地址(https://…);凭证、DID 与 OpenID 接口据此命名(空为监听地址),并写入签发的证书"
       "(吊销列表与状态查询;空则不写)",
       "where others reach this platform (https://…): credentials, its DID and OpenID are named by it, the "
       "address it listens on when empty; certificates say it for lists and status, and nothing when empty"},
      {"credential.issuer",
       &Config::credential_issuer,
       0,
       0,
       {},
       "签发凭证所用的 DID;空为由 server.public_url 得出的 did:web",
       "the DID that credentials are issued under; did:web of server.public_url when empty"},
      {"credential.trusted_hosts",
       &Config::credential_trusted_hosts,
       0,
       0,
       {},
       "解析 DID、状态列表时允许的内网或本机地址(主机:端口),逗号分隔;其中回环地址可不加密",
       "hosts (host:port) that may be at private addresses when DIDs and status lists are fetched, separated "
       "by commas; loopback ones without TLS"},
      {"credential.roots",
       &Config::credential_roots,
       0,
       0,
       {},
       "解析他域时信任的根证书 PEM 文件;空为系统自带",
       "PEM of the roots by which other domains' https is believed; the system's when empty"},
  };
}

// Of writes that the gateway holds.
std::vector<Setting> gateway_settings() {
  return {
      {"gateway.most_writes",
       &Config::gateway_most_writes,
       1,
       10'000'000,
       {},
       "网关缓存的写入总数上限(全部路由与应用)",
       "most writes that the gateway holds, of all routes and applications"},
      {"gateway.most_mb",
       &Config::gateway_most_mb,
       1,
       1 << 20,
       {},
       "网关缓存的写入内容总量上限(MB)",
       "most of their bodies, MB"},
      {"gateway.park_failures",
       &Config::gateway_park_failures,
       1,
       1'000'000,
       {},
       "后端应答失败(5xx;502、503、504 视为不在)多少次后搁置写入,等待人工处理",
       "answers of a far side that fails (5xx; by 502, 503 and 504 it is away) after which a write is "
       "parked"},
      {"gateway.park_hours",
       &Config::gateway_park_hours,
       1,
       24 * 365,
       {},
       "写入首次尝试后多少小时仍未送达即搁置",
       "hours after its first attempt at which a write that was not delivered is parked"},
  };
}

std::vector<Setting> pack_settings() {
  return {
      {"packs.signers",
       &Config::packs_signers,
       0,
       0,
       {},
       "场景包须由其中之一签名:证书或公钥的 PEM 文件,逗号分隔,相对数据目录;空为也接受未签名的",
       "PEM files of certificates or public keys, separated by commas, relative to the data folder: a pack "
       "has "
       "to be signed by one of them; when empty, unsigned ones are taken too"},
  };
}

// Of where originals lie.
std::vector<Setting> blob_settings() {
  return {
      {"blobs.url",
       &Config::blobs_url,
       0,
       0,
       {},
       "原件存放的 S3 服务地址,https://主机[:端口];空为数据目录内的 blobs 文件夹",
       "address of an S3 service that keeps originals, https://host[:port]; the folder blobs in the data "
       "folder when empty"},
      {"blobs.bucket",
       &Config::blobs_bucket,
       0,
       0,
       {},
       "存储桶,须已存在",
       "its bucket, which exists already"},
      {"blobs.prefix",
       &Config::blobs_prefix,
       0,
       0,
       {},
       "桶内对象名的前缀,如 chengxin/",
       "what names in the bucket begin with, such as chengxin/"},
      {"blobs.region", &Config::blobs_region, 0, 0, {}, "签名所用的区域", "the region that is signed for"},
      {"blobs.bucket_in_host",
       &Config::blobs_bucket_in_host,
       0,
       0,
       {},
       "桶名写在主机名中(桶.主机),不写在路径中",
       "the bucket is named in the host (bucket.host), not in the path"},
      {"blobs.credentials",
       &Config::blobs_credentials,
       0,
       0,
       {},
       "访问密钥的文件(仅所有者可读),相对数据目录;第一行访问标识,第二行密钥",
       "file of its credentials, readable to its owner only, relative to the data folder: the access key, "
       "and "
       "on the second line the secret key"},
      {"blobs.roots",
       &Config::blobs_roots,
       0,
       0,
       {},
       "信任的根证书 PEM 文件;空为系统自带",
       "PEM of the roots its TLS is believed by; the system's when empty"},
  };
}

// Of the baseline of access control.
std::vector<Setting> baseline_settings() {
  return {
      {"install.access_baseline",
       &Config::install_access_baseline,
       0,
       0,
       {"warn", "refuse"},
       "主机或数据库的访问控制与封存的基线不符时:warn 报警;refuse 还拒绝启动,运行中则报告未就绪",
       "when access control of host or database is not as it was sealed: warn; refuse also does not start, "
       "and "
       "while it runs says that it is not ready"},
      {"install.access_files",
       &Config::install_access_files,
       0,
       0,
       {},
       "基线中的主机文件,逗号分隔,目录/* 为其中的文件;只存属主、权限和 SM3",
       "files of the host in the baseline, separated by commas, FOLDER/* for those in a folder; kept of them "
       "are "
       "owner, mode and SM3"},
      {"install.access_seconds",
       &Config::install_access_seconds,
       1,
       3600,
       {},
       "每隔多少秒与基线核对一次",
       "seconds between two comparisons with the baseline"},
  };
}

std::vector<Setting> core_settings() {
  return {
      {"listen",
       &Config::listen,
       0,
       0,
       {},
       "监听地址和端口;离开回环地址时请设置 server.tls,否则其他主机不能管理",
       "address and port to listen on; beyond the loopback set server.tls, else other hosts may not "
       "administer"},
      {"server.hosts",
       &Config::server_hosts,
       0,
       0,
       {},
       "除回环地址外允许的 Host 名,逗号分隔",
       "host names accepted besides the loopback ones, separated by commas"},
      {"server.max_connections",
       &Config::server_max_connections,
       1,
       100'000,
       {},
       "同时打开的连接数上限",
       "most connections open at once"},
      {"server.tls",
       &Config::server_tls,
       0,
       0,
       {"off", "tls13", "tls13_sm", "tlcp"},
       "接口连接的保护:off 不加密;tls13 通用算法;tls13_sm 为 RFC 8998 国密套件;tlcp 为 GB/T 38636 双证书",
       "protection of the interface: off; tls13 with its usual algorithms; tls13_sm with the SM suites of "
       "RFC "
       "8998; tlcp with the certificate pair of GB/T 38636"},
      {"server.tls_certificate",
       &Config::server_tls_certificate,
       0,
       0,
       {},
       "服务器证书链的 PEM 文件(tlcp:签名证书),相对数据目录",
       "PEM file of the server's certificates, leaf first (tlcp: of signing); relative to the data folder"},
      {"server.tls_key",
       &Config::server_tls_key,
       0,
       0,
       {},
       "其私钥的 PEM 文件,不加密",
       "PEM file of its private key, not encrypted"},
      {"server.tls_encrypt_certificate",
       &Config::server_tls_encrypt_certificate,
       0,
       0,
       {},
       "tlcp 的加密证书",
       "the certificate of encipherment, for tlcp"},
      {"server.tls_encrypt_key",
       &Config::server_tls_encrypt_key,
       0,
       0,
       {},
       "tlcp 的加密私钥",
       "the key of encipherment, for tlcp"},
      {"server.client_certificates",
       &Config::server_client_certificates,
       0,
       0,
       {"off", "asked", "required"},
       "tlcp 客户端证书:off 不索取;asked 可出示,服务凭它调用;required 没有就不能连接",
       "certificates of clients, for tlcp: off; asked, services may call by them; or required to connect"},
      {"log.level", &Config::log_level, 0, 0, {"debug", "info", "warn", "error"}, "日志级别", "log level"},
      {"log.format",
       &Config::log_format,
       0,
       0,
       {"auto", "json", "text"},
       "日志格式;auto 在终端上用文本,否则用 JSON",
       "log format; auto is text on a terminal and JSON elsewhere"},
      {"sql.url",
       &Config::sql_url,
       0,
       0,
       {},
       "空为数据目录内的 SQLite;或 postgresql://用户@主机/库",
       "SQLite in the data folder when empty, or postgresql://user@host/database"},
      {"mirror.enabled",
       &Config::mirror_enabled,
       0,
       0,
       {},
       "把区块和交易镜像到 SQL 供查询",
       "mirror blocks and transactions into SQL for queries"},
      {"order.block_interval_ms",
       &Config::order_block_interval_ms,
       0,
       60'000,
       {},
       "出块前最少收集时间(毫秒),0 为立即",
       "gather at least this long before a block, ms; 0 makes one as soon as the last is durable"},
      {"order.queue_transactions",
       &Config::order_queue_transactions,
       100,
       10'000'000,
       {},
       "每条链排队交易数上限",
       "most transactions queued for a chain"},
      {"store.cache_mb",
       &Config::store_cache_mb,
       8,
       65'536,
       {},
       "全部链共用的读缓存(MB)",
       "read cache shared by all chains, MB"},
      {"consortium.snapshot_behind",
       &Config::consortium_snapshot_behind,
       0,
       1'000'000'000,
       {},
       "联盟链落后多少个共识高度时取快照;0 从不",
       "engine heights behind at which an empty chain takes a snapshot; 0 never"},
      {"timestamp.url",
       &Config::timestamp_url,
       0,
       0,
       {},
       "外部 RFC 3161 时间戳服务地址;空为内置服务",
       "address of an outside RFC 3161 time-stamp authority; the built-in one when empty"},
      {"timestamp.allow_private",
       &Config::timestamp_allow_private,
       0,
       0,
       {},
       "允许时间戳服务位于内网或本机地址",
       "allow the time-stamp authority to be at a private or loopback address"},
  };
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> table = [] {
    std::vector<Setting> all = core_settings();
    for (Setting& setting : blob_settings()) all.push_back(std::move(setting));
    for (Setting& setting : baseline_settings()) all.push_back(std::move(setting));
    for (Setting& setting : service_settings()) all.push_back(std::move(setting));
    for (Setting& setting : gateway_settings()) all.push_back(std::move(setting));
    for (Setting& setting : pack_settings()) all.push_back(std::move(setting));
    return all;
  }();
  return table;
}

std::string variable_of(std::string_view key) {
  std::string name = "CHENGXIN_";
  for (char c : key) name.push_back(c == '.' ? '_' : char(std::toupper(static_cast<unsigned char>(c))));
  return name;
}

// Distance of two keys in edits, for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j)
      diagonal =
          std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row.back();
}

class Loader {
 public:
  void file(std::string_view yaml) {
    try {
      YAML::Node root = YAML::Load(std::string(yaml));
      if (root.IsNull()) return;
      if (!root.IsMap())
        return mistake(1, "config.not_a_map", "the file must be a list of `key: value` lines");
      walk(root, "", 0);
    } catch (const YAML::Exception& error) {
      mistake(error.mark.line + 1, "config.syntax", error.msg);
    }
  }

  void environment(const std::function<const char*(const std::string&)>& lookup) {
    for (const Setting& setting : settings())
      if (const char* value = lookup(variable_of(setting.key))) set(setting, out_.config, value, 0);
  }

  Loaded finish() { return std::move(out_); }

 private:
  void mistake(int line, std::string reason, std::string detail) {
    out_.mistakes.push_back({line, std::move(reason), std::move(detail)});
  }

  void walk(const YAML::Node& node, const std::string& prefix, int depth) {
    for (const auto& entry : node) {
      const int line = entry.first.Mark().line + 1;
      if (!is_text(entry.first, depth)) continue;
      const std::string key = prefix + entry.first.Scalar();
      note(key, seen_, line);
      if (entry.second.IsMap())
        walk(entry.second, key + ".", depth + 1);
      else if (key == kProviders)
        providers(entry.second, line);
      else
        set_one(settings(), key, entry.second, out_.config, line, "no setting");
    }
  }

  bool is_text(const YAML::Node& key, int depth) {
    if (key.IsScalar() && depth <= 4) return true;
    mistake(key.Mark().line + 1, "config.syntax", "a key must be plain text");
    return false;
  }

  void note(const std::string& key, std::set<std::string>& seen, int line) {
    if (!seen.insert(key).second) mistake(line, "config.twice", key + " stands twice");
  }

  // `otherwise`: what a key is that is not in the table.
  template <typename Owner>
  void set_one(const std::vector<Field<Owner>>& table, const std::string& key, const YAML::Node& value,
               Owner& into, int line, std::string_view otherwise) {
    const Field<Owner>* field = find(table, key);
    if (!field)
      mistake(line, "config.unknown",
              fmt::format("{} is {}; did you mean {}?", key, otherwise, nearest(table, key)));
    else if (value.IsNull())
      mistake(line, "config.empty", key + " has no value; remove the line for the default");
    else if (!value.IsScalar())
      mistake(line, "config.type", key + " must be one value");
    else
      set(*field, into, value.Scalar(), line);
  }

  template <typename Table>
  static const typename Table::value_type* find(const Table& table, std::string_view key) {
    const auto at = std::find_if(table.begin(), table.end(), [&](const auto& one) { return one.key == key; });
    return at == table.end() ? nullptr : &*at;
  }

  template <typename Table>
  static std::string nearest(const Table& table, std::string_view key) {
    auto closer = [&](const auto& a, const auto& b) { return distance(a.key, key) < distance(b.key, key); };
    return std::string(std::min_element(table.begin(), table.end(), closer)->key);
  }

  // What else has to hold of a provider is checked where it is used (oidc.configuration).
  void providers(const YAML::Node& list, int line) {
    if (!list.IsSequence())
      return mistake(line, "config.type", std::string(kProviders) + " must be a list of providers");
    for (const auto& item : list) {
      OidcProvider provider;
      provider.line = item.Mark().line + 1;
      if (!item.IsMap()) {
        mistake(provider.line, "config.type", "a provider must have `key: value` lines");
        continue;
      }
      std::set<std::string> seen;
      for (const auto& entry : item) {
        if (!is_text(entry.first, 0)) continue;
        const int at = entry.first.Mark().line + 1;
        const std::string key = entry.first.Scalar();
        note(key, seen, at);
        set_one(provider_fields(), key, entry.second, provider, at, "nothing that a provider has");
      }
      out_.config.access_oidc.push_back(std::move(provider));
    }
  }

  template <typename Owner>
  void set(const Field<Owner>& setting, Owner& into, const std::string& value, int line) {
    std::string name = line ? std::string(setting.key) : variable_of(setting.key);
    auto wrong = [&](std::string what) {
      mistake(line, "config.value", name + ": \"" + value + "\" " + what);
    };
    if (auto field = std::get_if<std::string Owner::*>(&setting.field)) {
      const auto& choices = setting.choices;
      if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end())
        return wrong(fmt::format("is not one of {}", fmt::join(choices, ", ")));
      into.** field = value;
    } else if (auto flag = std::get_if<bool Owner::*>(&setting.field)) {
      if (value != "true" && value != "false") return wrong("is neither true nor false");
      into.** flag = value == "true";
    } else {
      int64_t number = 0;
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size() || number < setting.least ||
          number > setting.most)
        return wrong(fmt::format("is not a whole number from {} to {}", setting.least, setting.most));
      into.*std::get<int64_t Owner::*>(setting.field) = number;
    }
  }

  Loaded out_;
  std::set<std::string> seen_;
};

std::string default_of(const Setting& setting) {
  static const Config defaults;
  if (auto text = std::get_if<std::string Config::*>(&setting.field))
    return (defaults.**text).empty() ? "\"\"" : defaults.**text;
  if (auto flag = std::get_if<bool Config::*>(&setting.field)) return defaults.**flag ? "true" : "false";
  return std::to_string(defaults.*std::get<int64_t Config::*>(setting.field));
}

}  // namespace

Loaded load(std::string_view yaml, const std::function<const char*(const std::string&)>& lookup) {
  Loader loader;
  loader.file(yaml);
  loader.environment(lookup);
  return loader.finish();
}

Result<Config> load_file(const fs::path& path) {
  ASSIGN(Bytes bytes, read_file(path, 1 << 20));
  Loaded loaded = load(text(bytes), [](const std::string& name) { return std::getenv(name.c_str()); });
  if (loaded.mistakes.empty()) return loaded.config;
  std::string all;
  for (const Mistake& mistake : loaded.mistakes)
    all += fmt::format("\n  {}{} {}",
                       mistake.line ? fmt::format("{}:{}: ", path.filename().string(), mistake.line) : "",
                       mistake.reason, mistake.detail);
  return fail(Code::invalid_argument, "config.invalid", "{} mistakes:{}", loaded.mistakes.size(), all);
}

std::vector<std::string> listed(std::string_view setting) {
  std::vector<std::string> out;
  for (size_t at = 0; at < setting.size();) {
    const size_t end = std::min(setting.find(',', at), setting.size());
    std::string_view one = setting.substr(at, end - at);
    at = end + 1;
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    one = one.substr(0, one.find_last_not_of(" \t") + 1);
    if (!one.empty()) out.emplace_back(one);
  }
  return out;
}

std::string documented_defaults() {
  std::string out =
      "# 城信配置。每项都有默认值;去掉行首的 # 即可修改。除 access.oidc 外也可用环境变量覆盖(如 "
      "CHENGXIN_LOG_LEVEL)。\n"
      "# Configuration of Chengxin. Every setting has a default; remove the # to change it. Environment "
      "variables\n"
      "# (CHENGXIN_LOG_LEVEL and so on; none for access.oidc) override the file. After an edit: chengxin "
      "install seal\n";
  for (const Setting& setting : settings())
    out += fmt::format("\n# {}\n# {}\n# {}: {}\n", setting.zh, setting.en, setting.key, default_of(setting));
  out += fmt::format(
      "\n# 外部统一身份(OpenID Connect),见 docs/access.md。列表中每项可有:\n# Outside identity providers, "
      "see "
      "docs/access.md. Each of the list may have:\n# {}:\n#   -\n",
      kProviders);
  for (const auto& field : provider_fields())
    out += fmt::format("#     {}:  # {} · {}\n", field.key, field.zh, field.en);
  return out;
}

}  // namespace chengxin::config
