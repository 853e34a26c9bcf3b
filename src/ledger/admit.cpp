#include <algorithm>

#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

// What is asked of a transaction before it may stand in a block. All but the signature is asked anew each
// time; the verdict on the signature is kept.
namespace chengxin::ledger {
namespace {

using store::Table;

struct Candidate {
  size_t number;  // among the envelopes
  AdmittedTransaction transaction;
  AccountPtr signer;
};

tl::unexpected<Error> duplicate(const Digest& hash) {
  return fail(Code::conflict, "transaction.duplicate", "{}", hex(hash));
}

tl::unexpected<Error> bad_signature(const Digest& hash) {
  return fail(Code::forbidden, "transaction.signature_invalid", "{}", hex(hash));
}

}  // namespace

Status LedgerImpl::check_form(const format::Transaction& transaction, const Head& head, int64_t time_ms,
                              const AccountPtr& signer) const {
  const format::TransactionBody& body = transaction.body;
  TRY(check_size(counted_bytes(transaction), head.limits));
  if (body.chain != id_)
    return fail(Code::invalid_argument, "transaction.wrong_chain", "it is for {}", hex(body.chain));
  TRY(check_window(body, head.limits, time_ms));
  TRY(methods_.check_attachments(transaction, head.next_protocol()));
  if (!signer) return fail(Code::forbidden, "transaction.unknown_signer", "{}", hex(body.signer));
  if (!signer->account.active)
    return fail(Code::forbidden, "transaction.signer_revoked", "{}", hex(body.signer));
  return {};
}

// Whether each signature of a body holds, from memory where it is known.
std::vector<bool> LedgerImpl::signatures_hold(std::span<const SignedBy> all,
                                              std::span<const ByteView> bodies) const {
  using Verdict = Verdicts::Verdict;
  std::vector<Digest> names;
  for (const SignedBy& each : all) names.push_back(full_hash(each));
  std::vector<Verdict> known(all.size());
  verdicts_.find(names, known);

  std::vector<size_t> asked;
  std::vector<Bytes> messages;
  for (size_t i = 0; i < all.size(); ++i)
    if (known[i] == Verdict::unknown) {
      asked.push_back(i);
      messages.push_back(format::signed_message(bodies[i]));
    }
  std::vector<sm2::Check> checks;
  for (size_t k = 0; k < asked.size(); ++k)
    checks.push_back({&all[asked[k]].signer.account.public_key, &all[asked[k]].signature, messages[k]});
  std::vector<uint8_t> holds(asked.size());
  verifier_->verify(checks, holds);

  std::vector<Digest> fresh;
  std::vector<Verdict> verdicts;
  for (size_t k = 0; k < asked.size(); ++k) {
    fresh.push_back(names[asked[k]]);
    verdicts.push_back(known[asked[k]] = holds[k] ? Verdict::good : Verdict::bad);
  }
  verdicts_.keep(fresh, verdicts);
  std::vector<bool> out;
  for (Verdict verdict : known) out.push_back(verdict == Verdict::good);
  return out;
}

std::vector<Result<AdmittedTransaction>> LedgerImpl::admit(std::span<const ByteView> envelopes,
                                                           int64_t now_ms) const {
  std::vector<Result<AdmittedTransaction>> out(envelopes.size());
  const ViewPtr base = now();  // before they are looked up
  const Head& head = base->head;
  std::vector<Candidate> candidates;
  candidates.reserve(envelopes.size());
  auto keep_if = [&](auto&& fits) {
    std::erase_if(candidates, [&](Candidate& each) {
      Status status = fits(each);
      if (!status) out[each.number] = tl::unexpected(std::move(status).error());
      return !status;
    });
  };

  for (size_t i = 0; i < envelopes.size(); ++i) {
    // Envelopes hold a few bytes beside what is counted: field tags and lengths.
    if (envelopes[i].size() > head.limits.max_transaction_bytes + 1024) {
      out[i] = fail(Code::too_large, "transaction.too_large", "{} bytes; the chain takes {}",
                    envelopes[i].size(), head.limits.max_transaction_bytes);
    } else if (auto decoded = format::decode_transaction(envelopes[i]); !decoded) {
      out[i] = tl::unexpected(std::move(decoded).error());
    } else {
      candidates.push_back({i,
                            std::make_shared<const Admitted>(
                                Admitted{std::move(*decoded), head.header.height, head.next_protocol()}),
                            nullptr});
    }
  }

  std::vector<Bytes> hashes;
  for (const Candidate& each : candidates) hashes.push_back(keys::by_hash(each.transaction->hash));
  auto found = database_->multi_get(Table::index, hashes);
  // Blocks never go back in time, whatever the clock says.
  const int64_t time_ms = std::max(now_ms, head.header.time_ms);
  size_t at = 0;
  keep_if([&](Candidate& each) -> Status {
    if (!found) return tl::unexpected(found.error());
    if ((*found)[at++]) return duplicate(each.transaction->hash);
    ASSIGN(each.signer, accounts_.find(each.transaction->body.signer));
    return check_form(*each.transaction, head, time_ms, each.signer);
  });

  std::vector<SignedBy> signed_by;
  std::vector<ByteView> bodies;
  for (const Candidate& each : candidates) {
    signed_by.push_back({*each.signer, each.transaction->hash, each.transaction->signature});
    bodies.push_back(each.transaction->body_bytes);
  }
  const std::vector<bool> holds = signatures_hold(signed_by, bodies);
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate& each = candidates[i];
    if (holds[i])
      out[each.number] = std::move(each.transaction);
    else
      out[each.number] = bad_signature(each.transaction->hash);
  }
  return out;
}

}  // namespace chengxin::ledger
