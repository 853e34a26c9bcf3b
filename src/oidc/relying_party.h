#pragma once
#include <unordered_map>

#include "crypto/secret.h"
#include "oidc/provider.h"

// Signing in through outside providers: the authorization code flow with PKCE (RFC 7636, S256). What a
// sign-in under way needs is sealed into a cookie of the browser that began it: nothing has to be kept here
// for who never comes back, and who comes back in another browser comes without it. Each state counts once.
// Thread-safe; what calls a provider blocks.
namespace chengxin::oidc {

inline constexpr int64_t kFlowMs = 10 * 60'000, kTicketMs = 2 * 60'000;

class RelyingParty {
 public:
  struct Options {
    std::vector<config::OidcProvider> providers;
    std::string data;           // folder that files of the settings are relative to
    crypto::Secret key;         // 32 bytes of the installation
    size_t most_kept = 20'000;  // states, and tickets, that are remembered
  };
  // oidc.configuration, with the line.
  static Result<std::unique_ptr<RelyingParty>> open(Options options);

  // Where browsers reach this platform: known when it listens.
  void serve_at(std::string address);
  // What is registered with a provider as its redirect address. oidc.not_ready.
  Result<std::string> redirect_of(const std::string& provider) const;

  const std::vector<std::unique_ptr<Provider>>& providers() const { return providers_; }
  Result<Provider*> find(std::string_view name) const;  // oidc.no_provider

  // Where the person comes from, and goes back to.
  struct Return {
    // BASE64URL(SHA-256(verifier)) of who will take the ticket; empty: a page signs in.
    std::string challenge;
    // The ticket goes to this port of the person's own machine (RFC 8252); 0: to the page.
    int64_t port = 0;
  };
  struct Begun {
    std::string address;  // that the browser goes to
    std::string cookie;
  };
  Result<Begun> begin(const std::string& provider, const Return& back, int64_t now_ms);

  struct Answer {
    std::string code, state, iss, error;
  };
  struct Come {
    Identity identity;
    Return back;
  };
  // oidc.no_flow (no cookie, or one of another browser or installation), oidc.flow_expired, oidc.state,
  // oidc.replayed, oidc.busy (Code::busy: too many came within the last minutes), oidc.mixed_up (the answer
  // is another provider's), oidc.denied (the provider, or the person, said no), and those of
  // Provider::redeem.
  Result<Come> come_back(const std::string& provider, const std::string& cookie, const Answer& answer,
                         int64_t now_ms);

  // For programs: what came back, against who began. The ticket is good once. oidc.busy (Code::busy).
  Result<std::string> keep(Identity identity, const std::string& challenge, int64_t now_ms);
  Result<Identity> take(const std::string& ticket, std::string_view verifier, int64_t now_ms);  // oidc.ticket

 private:
  explicit RelyingParty(const Options& options);
  struct Flow;
  Result<std::string> seal(const Flow& flow) const;
  Result<Flow> unseal(const std::string& cookie) const;
  Status note_use(const std::string& state, int64_t now_ms);

  struct Ticket {
    Identity identity;
    std::string challenge;
    int64_t until_ms = 0;
  };
  struct Used {
    int64_t until_ms = 0;
    bool came_in = false;
  };
  const crypto::Secret seal_key_;
  const size_t most_kept_;
  std::vector<std::unique_ptr<Provider>> providers_;
  mutable std::mutex mutex_;
  std::string address_;
  std::unordered_map<std::string, Used> used_;  // by state
  std::unordered_map<std::string, Ticket> tickets_;
};

std::string challenge_of(std::string_view verifier);  // RFC 7636 section 4.2

}  // namespace chengxin::oidc
