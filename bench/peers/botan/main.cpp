#include <botan/auto_rng.h>
#include <botan/ec_group.h>
#include <botan/hash.h>
#include <botan/pubkey.h>
#include <botan/sm2.h>
#include <botan/system_rng.h>
#include <botan/version.h>

#include <memory>

#include "../measure.h"

// Botan through its public API: PK_Verifier and PK_Signer, made once for each key (with the tables that Botan
// makes of it), or, for unknown keys, made for each signature from the 65 bytes of the point.
int main(int argc, char** argv) {
  using namespace Botan;
  using namespace peers;
  const Bench bench("botan", short_version_string(), argc, argv);
  AutoSeeded_RNG rng;
  const auto group = EC_Group::from_name("sm2p256v1");
  const std::string digest_of = "1234567812345678,Raw", message_of_user = "1234567812345678,SM3";

  struct Key {
    std::unique_ptr<SM2_PrivateKey> secret;
    std::vector<uint8_t> point, digest, message, over_digest, over_message;
    std::unique_ptr<PK_Verifier> digests, messages;
  };
  std::vector<Key> keys(kKeys);
  for (size_t i = 0; i < kKeys; ++i) {
    Key& key = keys[i];
    key.secret = std::make_unique<SM2_PrivateKey>(rng, group);
    key.point = key.secret->public_key_bits();
    key.digest = message_of(i, 32);
    key.message = message_of(i, kMessageBytes);
    key.over_digest = PK_Signer(*key.secret, rng, digest_of).sign_message(key.digest, rng);
    key.over_message = PK_Signer(*key.secret, rng, message_of_user).sign_message(key.message, rng);
    key.digests = std::make_unique<PK_Verifier>(*key.secret, digest_of);
    key.messages = std::make_unique<PK_Verifier>(*key.secret, message_of_user);
  }

  bench.run("verify_unknown", "point decoded and PK_Verifier made for each signature; digest given",
            [&](size_t i) {
              Key& key = keys[i % kKeys];
              const SM2_PublicKey public_key(group, EC_AffinePoint(group, key.point));
              must(PK_Verifier(public_key, digest_of).verify_message(key.digest, key.over_digest), "refused");
            });
  bench.run("verify", "PK_Verifier reused; digest given", [&](size_t i) {
    Key& key = keys[i % kKeys];
    must(key.digests->verify_message(key.digest, key.over_digest), "refused");
  });
  bench.run("verify_message", "PK_Verifier reused, Z_A kept; SM3 of 200 bytes", [&](size_t i) {
    Key& key = keys[i % kKeys];
    must(key.messages->verify_message(key.message, key.over_message), "refused");
  });
  PK_Signer signer(*keys[0].secret, rng, digest_of);
  bench.run("sign", "PK_Signer reused, AutoSeeded_RNG; digest given", [&](size_t i) {
    must(signer.sign_message(keys[i % kKeys].digest, rng).size() == 64, "not signed");
  });

  const auto sm3 = HashFunction::create_or_throw("SM3");
  uint8_t out[32];
  for (auto [what, size] : {std::pair{"sm3_1k", kHashedBytes}, std::pair{"sm3_node", kNodeBytes}}) {
    const auto data = message_of(1, size);
    const std::string included = "HashFunction reused: " + sm3->provider();
    bench.run(what, included.c_str(), [&](size_t) {
      sm3->update(data);
      sm3->final(out);
    });
  }
}
