package main

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
)

// What src/crypto makes for a certificate authority: requests for certificates, enveloped keys (GB/T 35276 7.4), OCSP.
func init() {
	operations["csr"], operations["csr_make"] = csr, csrMake
	operations["envelop"], operations["envelop_open"] = envelop, envelopOpen
	operations["ocsp_request"], operations["ocsp_response"] = ocspRequest, ocspResponse
}

// Parses a request and checks its signature; answers the common name.
func csr(q *request) (answer, error) {
	parsed, err := smx509.ParseCertificateRequest(q.Data)
	if err != nil {
		return answer{}, err
	}
	return answer{Data: []byte(parsed.Subject.CommonName)}, parsed.CheckSignature()
}

func csrMake(q *request) (answer, error) {
	key, err := sm2.NewPrivateKey(q.Key)
	if err != nil {
		return answer{}, err
	}
	subject := pkix.Name{Country: []string{"CN"}, Organization: []string{"gmsm"}, CommonName: q.ID}
	der, err := smx509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	return answer{Data: der}, err
}

func envelop(q *request) (answer, error) {
	key, err := sm2.NewPrivateKey(q.Key)
	if err != nil {
		return answer{}, err
	}
	holder, err := sm2.NewPublicKey(q.Public)
	if err != nil {
		return answer{}, err
	}
	der, err := sm2.MarshalEnvelopedPrivateKey(rand.Reader, holder, key)
	return answer{Data: der}, err
}

func envelopOpen(q *request) (answer, error) {
	holder, err := sm2.NewPrivateKey(q.Key)
	if err != nil {
		return answer{}, err
	}
	key, err := sm2.ParseEnvelopedPrivateKey(holder, q.Data)
	if err != nil {
		return answer{}, err
	}
	return answer{Data: key.D.FillBytes(make([]byte, 32))}, nil
}

var oidSM3 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 401}
var oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

type certID struct {
	Algorithm         pkix.AlgorithmIdentifier
	NameHash, KeyHash []byte
	Serial            *big.Int
}

type singleRequest struct{ ID certID }

type tbsRequest struct {
	List       []singleRequest
	Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
}

type ocspRequestForm struct{ TBS tbsRequest }

// A request for the certificate whose issuer is q.Root, with q.Nonce.
func ocspRequest(q *request) (answer, error) {
	issuer, err := smx509.ParseCertificate(q.Root)
	if err != nil {
		return answer{}, err
	}
	one, err := smx509.ParseCertificate(q.Certificate)
	if err != nil {
		return answer{}, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &info); err != nil {
		return answer{}, err
	}
	name, key := sm3.Sum(issuer.RawSubject), sm3.Sum(info.Key.Bytes)
	id := certID{pkix.AlgorithmIdentifier{Algorithm: oidSM3}, name[:], key[:], one.SerialNumber}
	nonce, err := asn1.Marshal([]byte(q.Nonce))
	if err != nil {
		return answer{}, err
	}
	form := ocspRequestForm{tbsRequest{[]singleRequest{{id}}, []pkix.Extension{{Id: oidNonce, Value: nonce}}}}
	der, err := asn1.Marshal(form)
	return answer{Data: der}, err
}

type revokedInfo struct {
	At     time.Time       `asn1:"generalized"`
	Reason asn1.Enumerated `asn1:"explicit,tag:0,optional"`
}

type singleResponse struct {
	ID      certID
	Good    asn1.Flag   `asn1:"tag:0,optional"`
	Revoked revokedInfo `asn1:"tag:1,optional"`
	Unknown asn1.Flag   `asn1:"tag:2,optional"`
	This    time.Time   `asn1:"generalized"`
	Next    time.Time   `asn1:"generalized,explicit,tag:0,optional"`
}

type responseData struct {
	Raw        asn1.RawContent
	Responder  asn1.RawValue
	Produced   time.Time `asn1:"generalized"`
	List       []singleResponse
	Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
}

type basicResponse struct {
	Data         responseData
	Algorithm    pkix.AlgorithmIdentifier
	Signature    asn1.BitString
	Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
}

type response struct {
	Status asn1.Enumerated
	Bytes  struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	} `asn1:"explicit,tag:0,optional"`
}

// Checks a response of a responder that q.Root named: its signature, certificate and usage, and the nonce. Answers the
// statuses, a byte each: 0 good, 1 revoked (and 16 times the reason), 2 unknown.
func ocspResponse(q *request) (answer, error) {
	issuer, err := smx509.ParseCertificate(q.Root)
	if err != nil {
		return answer{}, err
	}
	var whole response
	if rest, err := asn1.Unmarshal(q.Data, &whole); err != nil || len(rest) != 0 || whole.Status != 0 {
		return answer{}, errors.Join(err, errors.New("not a successful response"))
	}
	var basic basicResponse
	if rest, err := asn1.Unmarshal(whole.Bytes.Response, &basic); err != nil || len(rest) != 0 || len(basic.Certificates) != 1 {
		return answer{}, errors.Join(err, errors.New("not a basic response with a certificate"))
	}
	responder, err := smx509.ParseCertificate(basic.Certificates[0].FullBytes)
	if err != nil {
		return answer{}, err
	}
	if err := responder.CheckSignatureFrom(issuer); err != nil {
		return answer{}, err
	}
	if len(responder.ExtKeyUsage) != 1 || responder.ExtKeyUsage[0] != smx509.ExtKeyUsageOCSPSigning {
		return answer{}, errors.New("the certificate is not a responder's")
	}
	if err := responder.CheckSignature(smx509.SM2WithSM3, basic.Data.Raw, basic.Signature.Bytes); err != nil {
		return answer{}, err
	}
	var nonce []byte
	for _, extension := range basic.Data.Extensions {
		if extension.Id.Equal(oidNonce) {
			if _, err := asn1.Unmarshal(extension.Value, &nonce); err != nil {
				return answer{}, err
			}
		}
	}
	var statuses []byte
	for _, one := range basic.Data.List {
		switch {
		case bool(one.Good):
			statuses = append(statuses, 0)
		case bool(one.Unknown):
			statuses = append(statuses, 2)
		default:
			statuses = append(statuses, byte(1+16*int(one.Revoked.Reason)))
		}
	}
	return answer{Data: statuses, More: nonce}, nil
}
