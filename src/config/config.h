#pragma once
#include <string>
#include <vector>

#include "base/file.h"

// The configuration of an installation: one YAML file, every setting with a documented default, each but the
// list access.oidc overridable by an environment variable (CHENGXIN_ and the key in capitals, dots as
// underscores).
namespace chengxin::config {

// An outside identity provider that people sign in by (OpenID Connect; docs/access.md).
struct OidcProvider {
  std::string name, title, title_en;
  std::string issuer, client_id, client_secret_file;
  std::string scopes = "openid";
  std::string algorithms = "RS256 PS256 ES256";
  std::string roots;
  bool allow_private = false;
  int64_t clock_skew_seconds = 60;
  std::string account_claim = "sub", name_claim = "preferred_username", claims_from = "id_token";
  std::string assurance_claim = "acr", assurance;
  std::string legal_claim, agent_claim;
  int line = 0;  // where it begins in the file
};

struct Config {
  std::string listen = "127.0.0.1:8080";
  std::string server_hosts;
  std::string server_public_url;
  std::string server_tls = "off";
  std::string server_tls_certificate, server_tls_key;
  std::string server_tls_encrypt_certificate, server_tls_encrypt_key;
  std::string server_client_certificates = "off";
  int64_t server_max_connections = 4096;
  std::string log_level = "info";
  std::string log_format = "auto";
  std::string sql_url;
  bool mirror_enabled = true;
  int64_t order_block_interval_ms = 0;
  int64_t order_queue_transactions = 100'000;
  int64_t store_cache_mb = 64;
  std::string blobs_url, blobs_bucket, blobs_prefix, blobs_region = "us-east-1";
  bool blobs_bucket_in_host = false;
  std::string blobs_credentials, blobs_roots;
  int64_t consortium_snapshot_behind = 100;
  bool audit_enabled = true;
  std::string audit_chain = "default";
  int64_t audit_anchor_seconds = 60;
  int64_t audit_retention_days = 400;
  int64_t audit_segment_mb = 32;
  std::string credential_issuer, credential_trusted_hosts, credential_roots;
  std::string timestamp_url;
  std::string install_access_baseline = "warn";
  std::string install_access_files =
      "/etc/passwd, /etc/group, /etc/sudoers, /etc/sudoers.d/*, /etc/ssh/sshd_config, "
      "/etc/ssh/sshd_config.d/*, /etc/pam.d/*";
  int64_t install_access_seconds = 60;
  std::string access_owner = "full";
  std::string access_roots, access_crls;
  bool access_crl_required = false;
  std::vector<OidcProvider> access_oidc;
  int64_t access_idle_minutes = 15;
  bool timestamp_allow_private = false;
  int64_t authority_crl_hours = 24;
  int64_t authority_due_days = 30;
  bool authority_crl_required = true;
  int64_t revocation_stale_hours = 0;
  int64_t gateway_most_writes = 100'000, gateway_most_mb = 1024;
  int64_t gateway_park_failures = 100, gateway_park_hours = 24;
  std::string packs_signers;
};

// Everything wrong at once, each with file, line and what to do.
struct Mistake {
  int line = 0;  // 0: not in the file (an environment variable)
  std::string reason, detail;
};

struct Loaded {
  Config config;
  std::vector<Mistake> mistakes;
};

// Reads text (the file's contents) and then the environment as `lookup` gives it (nullptr when unset).
Loaded load(std::string_view yaml, const std::function<const char*(const std::string&)>& lookup);

// Loads a file and the process's environment; config.invalid lists every mistake.
Result<Config> load_file(const fs::path& path);

// The parts of a setting that is a list separated by commas, without the blanks around them; empty ones are
// left out.
std::vector<std::string> listed(std::string_view setting);

// The file that a new installation gets: every setting, commented out, with its default and what it does.
std::string documented_defaults();

}  // namespace chengxin::config
