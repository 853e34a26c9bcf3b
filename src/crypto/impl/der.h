#pragma once
#include <initializer_list>
#include <optional>

#include "base/bytes.h"

// DER (X.690), the part that X.509, CMS and RFC 3161 need: strict on reading, canonical on writing. Two
// verifiers of a proof bundle must agree on every damaged token, so nothing is taken that a writer of DER
// would not have written.
namespace chengxin::crypto::der {

enum Tag : uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kOid = 0x06,
  kEnumerated = 0x0a,
  kUtf8String = 0x0c,
  kSequence = 0x30,
  kSet = 0x31,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
};
constexpr uint8_t context(int number) { return uint8_t(0xa0 | number); }  // constructed
constexpr uint8_t context_primitive(int number) { return uint8_t(0x80 | number); }

// The content bytes of an object identifier, made from its dotted form at compile time.
struct Oid {
  uint8_t bytes[24] = {};
  size_t size = 0;
  constexpr Oid(const char* dotted) {
    uint32_t arc = 0, first = 0;
    int index = 0;
    for (;; ++dotted) {
      if (*dotted >= '0' && *dotted <= '9') {
        arc = arc * 10 + uint32_t(*dotted - '0');
        continue;
      }
      if (index == 0) first = arc;
      if (index == 1) put(first * 40 + arc);
      if (index > 1) put(arc);
      ++index;
      arc = 0;
      if (*dotted == 0) return;
    }
  }
  operator ByteView() const { return {bytes, size}; }

 private:
  constexpr void put(uint32_t arc) {
    int groups = 1;
    while (groups < 5 && arc >> 7 * groups != 0) ++groups;
    while (groups-- > 0) bytes[size++] = uint8_t((arc >> 7 * groups & 0x7f) | (groups > 0 ? 0x80 : 0));
  }
};

// --- writing: each function gives one complete element ---
Bytes element(uint8_t tag, std::initializer_list<ByteView> contents);
inline Bytes sequence(std::initializer_list<ByteView> contents) { return element(kSequence, contents); }
Bytes set_of(std::vector<Bytes> elements);  // sorted, as DER wants it
Bytes set_content(std::vector<Bytes> elements);
Bytes integer(ByteView magnitude);  // of a non-negative number, big-endian, any length
Bytes integer(uint64_t value);
Bytes oid(const Oid& id);
Bytes boolean(bool value);
Bytes null();
Bytes octets(ByteView bytes);
Bytes bits(ByteView bytes, int unused = 0);
Bytes named_bits(uint16_t first_bit_highest);  // trailing zeros dropped, as for KeyUsage
Bytes utf8(std::string_view text);
Bytes generalized_time(int64_t time_ms);  // with a fraction when there is one
Bytes certificate_time(int64_t time_ms);  // RFC 5280 4.1.2.5: UTCTime to 2049; whole seconds
Bytes algorithm(const Oid& id);           // parameters absent

// --- reading ---
struct Element {
  uint8_t tag = 0;
  ByteView content;
  ByteView whole;  // tag, length and content
};

// Reads elements front to back. The first thing that is not as asked turns ok() false for good; every read
// after it gives empty values, so that a parser may read all its fields and ask once.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  bool at_end() const { return rest_.empty(); }
  bool next_is(uint8_t tag) const { return ok_ && !rest_.empty() && rest_[0] == tag; }
  void refuse() { ok_ = false; }

  Element any();
  Element take(uint8_t tag);
  Reader enter(uint8_t tag) { return sub(take(tag).content); }
  Reader sub(ByteView content) const;  // a failed reader gives failed ones
  // Joins what became of a reader of some part: it must have read everything without an error.
  void finish(const Reader& part) { ok_ = ok_ && part.done(); }

  ByteView oid();
  bool boolean();
  Bytes unsigned_integer(size_t max_bytes);  // without a sign byte; refuses negative ones
  ByteView integer();                        // content as it stands, of either sign
  uint64_t small_integer();                  // to 2^63-1
  ByteView octets() { return take(kOctetString).content; }
  ByteView whole_bits();  // of a BIT STRING without unused bits
  // SEQUENCE { OID, nothing or NULL }; the OID.
  ByteView algorithm();
  int64_t certificate_time();  // ms; UTCTime or GeneralizedTime without fraction
  int64_t generalized_time();  // ms, later digits dropped; RFC 3161 2.4.2; from 1970

 private:
  ByteView rest_;
  bool ok_ = true;
};

// SEQUENCE { r, s } and the fixed form r || s.
Bytes signature(ByteView fixed);
std::optional<std::array<uint8_t, 64>> fixed_signature(ByteView der);

// PEM (RFC 7468) around one DER structure. from_pem takes the first block with this label; nullopt when there
// is none.
std::string to_pem(std::string_view label, ByteView der);
std::optional<Bytes> from_pem(std::string_view label, std::string_view pem);

}  // namespace chengxin::crypto::der
