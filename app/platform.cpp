#include "platform.h"

#include <algorithm>
#include <thread>

#include "api/crypto_service.h"
#include "api/resources.h"
#include "audit.h"
#include "base/clock.h"
#include "base/log.h"
#include "credentials.h"
#include "crypto/derive.h"
#include "crypto/self_test.h"
#include "evidence/timestamp_client.h"
#include "identities.h"
#include "keys/configured.h"
#include "maintenance.h"
#include "originals.h"
#include "packs.h"
#include "protection.h"
#include "surface.h"

namespace chengxin::app {
namespace {

log::Level level_of(std::string_view name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return log::Level::info;
}

struct Address {
  std::string host;
  uint16_t port = 0;
};

Result<Address> parse_address(const std::string& text) {
  size_t colon = text.rfind(':');
  char* end = nullptr;
  unsigned long port = colon == std::string::npos ? 65536 : std::strtoul(text.c_str() + colon + 1, &end, 10);
  if (port > 65535 || !end || *end || end == text.c_str() + colon + 1 || colon == 0)
    return fail(Code::invalid_argument, "api.address", "\"{}\" is not ADDR:PORT", text);
  return Address{text.substr(0, colon), uint16_t(port)};
}

}  // namespace

Result<std::unique_ptr<Platform>> Platform::start(install::Lock lock, const fs::path& data,
                                                  const std::string& listen) {
  TRY(crypto::self_test());
  ASSIGN(auto installation, install::open(data));
  log::configure(level_of(installation.config.log_level), installation.config.log_format);
  std::unique_ptr<Platform> platform(new Platform(std::move(lock), std::move(installation)));
  ASSIGN(platform->audit_, open_audit(platform->installation_));
  platform->note("platform.start");
  platform->access_watch_ = std::make_unique<AccessWatch>(platform->installation_, *platform->audit_);
  TRY(platform->access_watch_->begin());
  TRY(platform->open_storage());
  TRY(platform->open_chains());
  TRY(platform->open_services());
  TRY(platform->open_access());
  TRY(platform->open_cases());
  TRY(platform->open_keys());
  TRY(platform->open_interface(listen));
  return platform;
}

Platform::~Platform() {
  std::error_code ignored;
  if (!address_.empty()) fs::remove(installation_.data / "run" / "address", ignored);
  if (server_) server_->stop();
  access_watch_.reset();
  anchoring_.reset();
  record_anchoring_.reset();
  case_runner_.reset();
  cases_.reset();
  people_.reset();
  access_.reset();
  jobs_.reset();
  if (host_) host_->stop();  // tells who waits for a block that does not come; its observers wake the mirror
  if (evidence_) evidence_->stop();
  credentials_.reset();
  crypto_service_.reset();
  evidence_.reset();
  authority_.reset();
  gateway_.reset();
  if (members_) members_->stop();
  mirror_.reset();
  host_.reset();
  members_.reset();
  if (audit_) note("platform.stop");
}

// Not waited for: a log that is stopped says so elsewhere, and does not keep the platform from serving reads.
void Platform::note(std::string action, const std::optional<Error>& error) {
  audit::Entry entry;
  entry.subject = "platform";
  entry.action = std::move(action);
  entry.source = "local";
  entry.detail = error ? error->detail : "chengxin " CHENGXIN_VERSION;
  if (error) entry.outcome = error->reason;
  audit_->append(std::move(entry));
}

std::vector<Error> Platform::policy_faults() const {
  const auto& policies = access_->policies();
  return policies.current()->faults(policies.actions());
}

Status Platform::open_storage() {
  const auto& config = installation_.config;
  sql::Options sql;
  sql.url = config.sql_url.empty() ? "sqlite:" + (installation_.data / "sql" / "chengxin.db").string()
                                   : config.sql_url;
  ASSIGN(database_, sql::Database::open(sql));
  if (config.mirror_enabled) {
    if (config.sql_url.empty()) sql.url = "sqlite:" + (installation_.data / "sql" / "mirror.db").string();
    sql.durable = false;
    ASSIGN(mirror_database_, sql::Database::open(sql));
  }
  ASSIGN(blobs_, open_originals(installation_));
  return {};
}

Status Platform::open_chains() {
  const auto& config = installation_.config;
  host::Options options;
  options.root = installation_.data / "chains";
  options.validator_key = installation_.validator_key;
  ASSIGN(contracts_, open_contracts(installation_.data));
  options.ledger = with_contracts(contracts_);
  options.ledger.cache_bytes = size_t(config.store_cache_mb) << 20;
  options.solo.block_interval_ms = int(config.order_block_interval_ms);
  options.solo.max_queue_transactions = size_t(config.order_queue_transactions);
  options.admission.max_items = size_t(config.order_queue_transactions);
  options.admission.max_ahead_items = std::min(options.admission.max_ahead_items,
                                               std::max<size_t>(1, options.solo.max_queue_transactions / 2));
  options.admission.threads = std::clamp(std::thread::hardware_concurrency() / 4, 1u, 4u);
  options.accounts = {{installation_.service_key.public_key().point(), {"governor", "writer"}}};
  members_ = std::make_unique<Members>(installation_);
  options.sequencer_of = [this](ledger::Ledger& ledger) { return members_->sequencer_of(ledger); };
  host_ = std::make_unique<host::Host>(std::move(options));
  TRY(host_->open_all());
  if (!host_->find("default")) {
    ASSIGN(auto chain, host_->create("default", {}, now_ms()));
    log::info("chain.created", {{"chain", chain->name}, {"id", hex(chain->ledger->id())}});
  }
  return members_->begin(*host_);
}

Status Platform::open_services() {
  const auto& config = installation_.config;
  if (config.mirror_enabled) {
    ASSIGN(mirror_, mirror::Mirror::open(*mirror_database_));
    for (const auto& chain : host_->list()) follow(chain);
    host_->subscribe([this](const host::ChainPtr& chain, uint64_t height) {
      if (height == 0) follow(chain);
      mirror_->notify(chain->ledger->id());
    });
  }
  evidence::Options options;
  options.service_key = installation_.service_key;
  options.now_ms = now_ms;
  if (config.timestamp_url.empty()) {
    options.timestamp_roots = {installation_.timestamp_root};
    options.timestamp = [authority = installation_.timestamp_authority](const Digest& digest) {
      return authority->stamp(crypto::TimestampRequest::make(digest), now_ms());
    };
  } else {
    ASSIGN(options.timestamp,
           evidence::timestamp_client({config.timestamp_url, config.timestamp_allow_private}));
  }
  ASSIGN(evidence_, evidence::Service::open(*host_, *database_, *blobs_, std::move(options)));
  authority::Options authority;
  authority.folder = installation_.data / "keys" / "ca";
  authority.keys = installation_.keys;
  authority.public_url = config.server_public_url;
  authority.crl_ms = config.authority_crl_hours * 3600'000;
  authority.due_ms = config.authority_due_days * 24 * 3600'000;
  authority.crl_required = config.authority_crl_required;
  authority.stale_ms = config.revocation_stale_hours * 3600'000;
  authority.now_ms = now_ms;
  ASSIGN(authority_, authority::Service::open(*database_, std::move(authority)));
  authority_->start_upkeep();
  gateway::Options gateway;
  gateway.seal_key = crypto::derived_key(installation_.blob_key, "chengxin/gateway/v1", 16);
  gateway.now_ms = now_ms;
  gateway.most_writes = config.gateway_most_writes;
  gateway.most_bytes = size_t(config.gateway_most_mb) << 20;
  gateway.park_failures = config.gateway_park_failures;
  gateway.park_after_ms = config.gateway_park_hours * 3600'000;
  ASSIGN(gateway_, gateway::Gateway::open(*database_, std::move(gateway)));
  gateway_->start();
  ASSIGN(packs_, open_packs(installation_, *database_));
  ASSIGN(record_anchoring_, record::Anchoring::open(*database_, *evidence_, {.default_chain = "default"}));
  jobs_ = std::make_unique<jobs::Runner>(now_ms);
  define_maintenance(
      *jobs_, {installation_, *host_, *database_, *blobs_, *evidence_, mirror_.get(), contracts_, *audit_});
  anchoring_ = std::make_unique<audit::Anchoring>(
      *audit_, anchor_on(*host_, *evidence_, installation_.service_key, config.audit_chain),
      std::chrono::seconds(config.audit_anchor_seconds));
  return define_identities(*jobs_, {installation_, *host_, *database_});
}

Status Platform::open_access() {
  access::Options options;
  options.key = crypto::derived_key(installation_.blob_key, "chengxin access", 32);
  options.installation = installation_.installation_key;
  options.actions = api::all_actions();
  options.sessions.idle_ms = installation_.config.access_idle_minutes * 60'000;
  options.started_ms = now_ms();
  if (installation_.config.access_roots.empty())
    options.trust = [this] { return authority_->trust(); };
  else
    options.trust = [files = std::make_shared<TrustFiles>(installation_.config, installation_.data)] {
      return files->now();
    };
  options.policy_applied = [this](int64_t version, const Digest& digest) {
    evidence::NewEvidence one;
    one.digest = digest;
    one.title = fmt::format("access policy, version {}", version);
    one.type = "access-policy";
    evidence_->add(
        "default", {std::move(one)},
        [version](auto added) {
          if (!added)
            log::error("access.policy_not_anchored",
                       {{"version", version}, {"error", added.error().to_string()}});
        },
        nullptr);
  };
  oidc::RelyingParty::Options outside;
  outside.providers = installation_.config.access_oidc;
  outside.data = installation_.data.string();
  outside.key = options.key;
  ASSIGN(oidc_, oidc::RelyingParty::open(std::move(outside)));
  ASSIGN(access_, access::Service::open(*database_, std::move(options)));
  for (const Error& fault : policy_faults()) {
    log::error("access.policy_fault", {{"reason", fault.reason}, {"detail", fault.detail}});
    note("platform.policy_fault", fault);
  }
  return {};
}

Status Platform::open_cases() {
  people_ = std::make_unique<api::PackPeople>(*access_, *packs_);
  TRY(people_->renew());
  ASSIGN(cases_, cases::Desk::open(*database_, *packs_, *people_, now_ms));
  case_runner_ = std::make_unique<CaseRunner>(*cases_, *people_);
  return {};
}

// The cryptographic service over the provider that the installation uses; a keystore is made where there is
// none.
Status Platform::open_keys() {
  const fs::path folder = installation_.data / "keys";
  ASSIGN(const Json configuration, keys::read_configuration(folder));
  ASSIGN(const auto pin, keys::find_pin(configuration));
  const ByteView secret = pin ? ByteView(*pin) : ByteView();
  std::error_code error;
  if (configuration["provider"] == "software" && !fs::exists(folder / "keystore" / "keystore.json", error))
    TRY(keys::Keystore::create(folder / "keystore", secret));
  const auto opened = [&]() -> Status {
    ASSIGN(auto provider, keys::open_configured(folder, configuration));
    TRY(provider->unlock(secret));
    ASSIGN(const auto info, provider->info());
    ASSIGN(auto ring, keys::Ring::open(provider, folder / "service",
                                       keys::ring_options(configuration, info, 1, now_ms)));
    keys_ = std::make_unique<keys::Service>(std::move(ring), now_ms);
    if (auto* sealed = keys_->ring().sealed()) {
      ASSIGN(two_party_, keys::TwoPartyServer::open(*sealed, folder / "service" / "two-party", now_ms));
    }
    ASSIGN(crypto_service_, api::CryptoService::open(*keys_, two_party_.get(), *database_));
    return {};
  }();
  if (opened) return {};
  // The chains go on without it: a pulled card must not stop them. What was tampered with does.
  if (opened.error().code == Code::data_loss) return opened;
  log::error("keys.service", {{"error", opened.error().to_string()}});
  return {};
}

void Platform::follow(const host::ChainPtr& chain) {
  mirror_->add(mirror::reader_of(std::shared_ptr<const ledger::Ledger>(chain, chain->ledger.get())));
}

Status Platform::open_interface(const std::string& listen) {
  const auto& config = installation_.config;
  ASSIGN(Address address, parse_address(listen.empty() ? config.listen : listen));
  api::Options options;
  options.address = address.host;
  options.port = address.port;
  options.owner_token = installation_.owner_token;
  options.owner_restricted = config.access_owner == "restricted";
  options.hosts = config::listed(config.server_hosts);
  ASSIGN(auto protection, protection_of(config, installation_.data));
  options.tls = protection.tls;
  ASSIGN(options.client_certificates, client_certificates_of(config));
  if (options.client_certificates == api::ClientCertificates::required)
    TRY(access_->trust().map([](auto&&) {}));  // else nobody could connect
  options.version = CHENGXIN_VERSION;
  options.max_connections = size_t(config.server_max_connections);
  api::Services services;
  services.host = host_.get();
  services.evidence = evidence_.get();
  services.blobs = blobs_.get();
  services.database = database_.get();
  services.mirror = mirror_.get();
  services.jobs = jobs_.get();
  services.consortium = &members_->service();
  services.contracts = contracts_;
  services.authority = authority_.get();
  services.gateway = gateway_.get();
  services.packs = packs_.get();
  services.pack_signers = [this] { return pack_signers(installation_.config, installation_.data); };
  services.cases = cases_.get();
  services.service_key = installation_.service_key;
  services.audit = audit_.get();
  services.crypto = crypto_service_.get();
  services.anchoring = anchoring_.get();
  services.access = access_.get();
  services.oidc = oidc_.get();
  services.credentials = &credentials_ready_;
  services.ready = [this]() -> Status {
    for (const auto& chain : host_->list()) TRY(chain->sequencer->state());
    return access_watch_->state();
  };
  services.access_changes = [this] { return access_watch_->changes(); };
  services.doctor = [this] {
    Json findings = Json::array();
    auto all = install::examine(installation_.data);
    for (install::Finding& each : members_->findings()) all.push_back(std::move(each));
    for (const auto& each : authority_->findings()) all.push_back({each.reason, each.detail, each.advice});
    for (const Error& fault : policy_faults())
      all.push_back({fault.reason, "policy in force: " + fault.detail,
                     "it stays in force; a proposal is taken only if it mends this: chengxin user propose"});
    for (const auto& each : gateway_->findings()) all.push_back({each.reason, each.detail, each.advice});
    for (install::Finding& each : audit_findings(*audit_, anchoring_.get())) all.push_back(std::move(each));
    const auto link = members_->link_port();
    DeclaredPorts ports{{server_->port()}, link.has_value()};
    if (link) ports.open.insert(*link);
    for (install::Finding& each : surface_findings(ports)) all.push_back(std::move(each));
    for (const auto& finding : all)
      findings.push_back(
          {{"reason", finding.reason}, {"detail", finding.detail}, {"advice", finding.advice}});
    return findings;
  };
  server_ = std::make_unique<api::Server>(std::move(options), std::move(services));
  TRY(server_->start());
  address_ = fmt::format("{}://{}:{}", protection.scheme, address.host, server_->port());
  oidc_->serve_at(config.server_public_url.empty() ? address_ : config.server_public_url);
  TRY(open_credentials(address_));
  TRY(write_durable(installation_.data / "run" / "root.pem", view(protection.root_pem), 0600));
  return write_durable(installation_.data / "run" / "address", view(address_), 0600);
}

Status Platform::open_credentials(const std::string& address) {
  ASSIGN(auto options, credential_options(installation_, address));
  options.find_chain = [this](std::string_view beginning) -> Result<credential::ChainReader> {
    for (const auto& chain : host_->list())
      if (hex(chain->ledger->id()).starts_with(beginning))
        return credential::ChainReader{chain, identity::reader(*chain->ledger)};
    return fail(Code::not_found, "did.not_found", "no chain {} here", beginning);
  };
  options.anchor = [this](const Digest& digest, const std::string& title) {
    evidence::NewEvidence item;
    item.digest = digest;
    item.title = title;
    item.type = "credential";
    evidence_->add("default", {std::move(item)}, nullptr, nullptr);
  };
  ASSIGN(credentials_, credential::Service::open(*database_, std::move(options)));
  credentials_ready_ = credentials_.get();
  return {};
}

}  // namespace chengxin::app
