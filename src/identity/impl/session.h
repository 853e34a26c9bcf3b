#pragma once
#include "identity/contract.h"
#include "identity/reads.h"

// One call of the contract. A refusal is an Error whose reason begins with "identity."; others are faults of
// this node, which make no block.
namespace chengxin::identity {

using ledger::CallContext;
using ledger::CallResult;

tl::unexpected<Error> refused(std::string_view reason);    // status refused
tl::unexpected<Error> forbidden(std::string_view reason);  // status forbidden

Bytes big_endian(uint64_t number);

// A name of 1 to `most` printable characters without control characters.
bool is_name(std::string_view text, size_t most = 64);
bool is_text(std::string_view text, size_t most);  // may be empty

class Session {
 public:
  explicit Session(const CallContext& call) : context(call), read(reader(call.state)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const CallContext& context;
  const Read read;
  CallResult result;

  uint64_t now_ms() const { return uint64_t(std::max<int64_t>(context.time_ms, 0)); }

  template <typename T>
  Result<T> arguments() const {
    T out;
    if (!format::fields::Decoder::message(context.arguments, out))
      return fail(Code::invalid_argument, "transaction.arguments_malformed");
    return out;
  }
  template <typename T>
  void put(std::string_view key, const T& value) {
    put_bytes(key, encode(value));
  }
  void put_bytes(std::string_view key, Bytes value);
  Change change(std::string_view action, std::string_view why = {}) const;
  // An event of the contract.
  void tell(std::string_view type, std::initializer_list<ByteView> parts);

  // Subjects.
  Result<Subject> find(const SubjectId& id) const;   // identity.no_subject
  Result<Subject> expect(const Expected& of) const;  // also identity.version
  // Notes the change before and this one, and writes the subject.
  void keep(const SubjectId& id, Subject& subject, const Subject& before, std::string_view action,
            std::string_view why = {});
  Status move_total(Kind kind, std::optional<SubjectStatus> from, SubjectStatus to);

  // Who signed: identity.no_right, identity.kind.
  Result<Registrar> registrar(Right right) const;
  Status may_register(Right right, Kind kind) const;
  // Whose key signed; identity.not_a_subject.
  Result<SubjectId> signer_subject() const;
  // That the signer is the subject, by a key to authenticate with, or may act for it in that scope; and that
  // the subject is active. identity.not_controller, identity.may_*.
  Status acts_for(const SubjectId& id, const Subject& subject, std::string_view scope) const;

  // That the signer is the subject, in its own person; and that the subject is active.
  // identity.not_controller
  Status is_itself(const SubjectId& id, const Subject& subject) const;

  // Keys.
  Status take_key(const SubjectId& id, Subject& subject, const Key& key, bool proven);
  Status drop_key(const SubjectId& id, Subject& subject, const KeyId& key);
  // Accounts that the contract made for keys of a subject that is no more.
  Status close_accounts(const Subject& subject);
};

// The methods, by file.
using Run = Status (*)(Session&);
struct Row {
  std::string_view name;
  Run run;
};
std::vector<Row> registrar_methods();
std::vector<Row> subject_methods();
std::vector<Row> key_methods();
std::vector<Row> relation_methods();
std::vector<Row> credential_methods();
std::vector<Row> pseudonym_methods();

}  // namespace chengxin::identity
