#pragma once
#include "authority/service.h"

// The rows behind service.h.
namespace chengxin::authority::tables {

Status migrate(sql::Database& database);

// `now_ms` tells issued from expired.
Result<Holder> holder(sql::Session& session, const std::string& id, int64_t now_ms);  // authority.no_holder
Result<Holder> holder_of(const sql::Row& row, int64_t now_ms);
std::string select_holders();  // columns of holder_of, by id first

struct NewHolder {
  Holder holder;
  crypto::Sm2Point key;
  Bytes csr;
};
Status insert(sql::Session& session, std::span<const NewHolder> holders);

// A holder's key, for issuing.
struct Candidate {
  Holder holder;
  crypto::Sm2Point key{};
};
Result<Candidate> candidate(sql::Session& session, const std::string& id, int64_t now_ms);

struct Pair {
  std::string id;
  crypto::IssuedCertificate sign, encrypt;
  Bytes envelope;
  int64_t not_after_ms = 0;
  std::string renews;
};
Status put_pairs(sql::Session& session, std::span<const Pair> pairs, int64_t now_ms);
struct Certificates {
  Bytes sign, encrypt, envelope;
};
Result<Certificates> certificates(sql::Session& session, const std::string& id);

// The holder's id and state of a serial number.
struct Standing {
  std::string holder;
  State state = State::issued;  // never expired
  int64_t closed_ms = 0;
  int reason = 0;
};
Result<std::optional<Standing>> standing(sql::Session& session, ByteView serial);
// What a list made now has to hold: of certificates that end after `ends_after_ms`.
Result<std::vector<crypto::Revocation>> revocations(sql::Session& session, int64_t ends_after_ms);

struct List {
  uint64_t number = 0;  // 0: none yet
  int64_t this_ms = 0, next_ms = 0;
  Bytes der;
};
Result<List> newest_list(sql::Session& session);
Status put_list(sql::Session& session, const List& list);

struct AnchorRow {
  Anchor anchor;
  Bytes crl;  // DER; empty: none
};
Result<std::vector<AnchorRow>> anchors(sql::Session& session);
Status put_anchor(sql::Session& session, const AnchorRow& row);

}  // namespace chengxin::authority::tables
