#pragma once
#include "crypto/impl/der.h"

namespace chengxin::crypto::oids {
using der::Oid;

// GB/T 33560 (GM/T 0006).
inline constexpr Oid kSm3{"1.2.156.10197.1.401"};
inline constexpr Oid kSm2WithSm3{"1.2.156.10197.1.501"};
inline constexpr Oid kSm2Curve{"1.2.156.10197.1.301"};
inline constexpr Oid kSm2Signature{"1.2.156.10197.1.301.1"};
inline constexpr Oid kSm2Encryption{"1.2.156.10197.1.301.3"};
inline constexpr Oid kSm4Ecb{"1.2.156.10197.1.104.1"}, kSm4Cbc{"1.2.156.10197.1.104.2"};

inline constexpr Oid kSha256{"2.16.840.1.101.3.4.2.1"};
inline constexpr Oid kEcPublicKey{"1.2.840.10045.2.1"};

// RFC 5280.
inline constexpr Oid kCountry{"2.5.4.6"}, kOrganization{"2.5.4.10"}, kUnit{"2.5.4.11"},
    kCommonName{"2.5.4.3"};
inline constexpr Oid kSubjectKeyId{"2.5.29.14"}, kKeyUsage{"2.5.29.15"}, kAlternativeName{"2.5.29.17"};
inline constexpr Oid kBasicConstraints{"2.5.29.19"}, kCrlNumber{"2.5.29.20"}, kReasonCode{"2.5.29.21"};
inline constexpr Oid kAuthorityKeyId{"2.5.29.35"}, kExtendedKeyUsage{"2.5.29.37"};
inline constexpr Oid kServerAuth{"1.3.6.1.5.5.7.3.1"}, kClientAuth{"1.3.6.1.5.5.7.3.2"};
inline constexpr Oid kTimeStamping{"1.3.6.1.5.5.7.3.8"}, kEmailProtection{"1.3.6.1.5.5.7.3.4"};
inline constexpr Oid kNameConstraints{"2.5.29.30"}, kDistributionPoints{"2.5.29.31"};
inline constexpr Oid kInformationAccess{"1.3.6.1.5.5.7.1.1"}, kIssuersAccess{"1.3.6.1.5.5.7.48.2"};

// RFC 6960.
inline constexpr Oid kOcspAccess{"1.3.6.1.5.5.7.48.1"}, kOcspBasic{"1.3.6.1.5.5.7.48.1.1"};
inline constexpr Oid kOcspNonce{"1.3.6.1.5.5.7.48.1.2"}, kOcspNoCheck{"1.3.6.1.5.5.7.48.1.5"};
inline constexpr Oid kOcspSigning{"1.3.6.1.5.5.7.3.9"};
inline constexpr Oid kSha1{"1.3.14.3.2.26"};

// RFC 5652, RFC 3161, RFC 5035.
inline constexpr Oid kData{"1.2.840.113549.1.7.1"}, kSignedData{"1.2.840.113549.1.7.2"};
inline constexpr Oid kEnvelopedData{"1.2.840.113549.1.7.3"};
inline constexpr Oid kContentType{"1.2.840.113549.1.9.3"}, kMessageDigest{"1.2.840.113549.1.9.4"};
inline constexpr Oid kSigningTime{"1.2.840.113549.1.9.5"};
inline constexpr Oid kTstInfo{"1.2.840.113549.1.9.16.1.4"};
inline constexpr Oid kSigningCertificateV2{"1.2.840.113549.1.9.16.2.47"};

}  // namespace chengxin::crypto::oids
