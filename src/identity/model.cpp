#include "identity/model.h"

#include "crypto/sm3.h"

namespace chengxin::identity {
namespace {

template <size_t N>
ByteView tag(const char (&literal)[N]) {  // with its terminating zero
  return {reinterpret_cast<const uint8_t*>(literal), N};
}

std::string key_of(std::string_view table, std::initializer_list<ByteView> parts) {
  std::string out(table);
  for (ByteView part : parts) out += text(part);
  return out;
}

Bytes number(uint64_t value) {
  Bytes out;
  put_be(out, value);
  return out;
}

// A name before something else: its length tells where it ends.
Bytes named(std::string_view name) {
  Bytes out;
  put_sized<uint8_t>(out, view(name));
  return out;
}

Bytes message(ByteView domain, const Digest& chain, const Expected& of) {
  Bytes out = to_bytes(domain);
  append(out, chain);
  append(out, of.subject);
  put_be(out, of.version);
  return out;
}

}  // namespace

SubjectId subject_id(const Digest& chain, const KeyId& registrar, ByteView seed) {
  const Digest digest = crypto::sm3({tag("chengxin/identity/subject/v1"), chain, registrar, seed});
  SubjectId out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

Bytes possession_message(const Digest& chain, const Expected& of, const KeyId& key) {
  Bytes out = message(tag("chengxin/identity/key/v1"), chain, of);
  append(out, key);
  return out;
}

Bytes recovery_message(const Digest& chain, const Expected& of, const std::vector<ProvenKey>& keys) {
  Bytes out = message(tag("chengxin/identity/recovery/v1"), chain, of);
  for (const ProvenKey& each : keys) {
    append(out, each.key.id());
    put_be(out, each.key.purposes.bits);
  }
  return out;
}

std::string subject_key(const SubjectId& id) { return key_of("identity/s/", {id}); }
std::string history_key(const SubjectId& id, uint64_t version) {
  return key_of("identity/h/", {id, number(version)});
}
std::string owner_key(const KeyId& key) { return key_of("identity/k/", {key}); }
std::string registrar_key(const KeyId& key) { return key_of("identity/r/", {key}); }
std::string unique_key(const Digest& unique) { return key_of("identity/u/", {unique}); }
std::string child_key(const SubjectId& parent, const SubjectId& child) {
  return key_of("identity/o/", {parent, child});
}
std::string relation_key(const SubjectId& principal, uint64_t number_) {
  return key_of("identity/a/", {principal, number(number_)});
}
std::string between_key(const SubjectId& principal, const SubjectId& other) {
  return key_of("identity/b/", {other, principal});
}
std::string template_key(const SubjectId& owner, std::string_view name, uint64_t version) {
  return key_of("identity/t/", {owner, named(name), number(version)});
}
std::string template_last_key(const SubjectId& owner, std::string_view name) {
  return key_of("identity/t/", {owner, named(name)});
}
std::string anchor_key(const SubjectId& issuer, std::string_view list) {
  return key_of("identity/l/", {issuer, view(list)});
}
std::string consent_key(const SubjectId& subject, uint64_t number_) {
  return key_of("identity/c/", {subject, number(number_)});
}
std::string pseudonym_key(std::string_view scene, const Digest& pseudonym) {
  return key_of("identity/p/", {named(scene), pseudonym});
}
std::string nullifier_key(std::string_view scene, const Digest& nullifier) {
  return key_of("identity/n/", {named(scene), nullifier});
}
std::string order_key(uint64_t number_) { return key_of("identity/i/", {number(number_)}); }
std::string recovery_approvals_key(const SubjectId& id) { return key_of("identity/v/", {id}); }

}  // namespace chengxin::identity
