// An answering machine for the cross-check of src/crypto: a second implementation of the SM algorithms that shares no
// code with Tongsuo. Reads one JSON request a line, writes one JSON answer a line; byte strings are hexadecimal. With the
// argument "batch" it speaks the binary protocol of batch.go.
package main

import (
	"bufio"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"os"
	"time"

	smcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/kdf"
	"github.com/emmansun/gmsm/padding"
	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs7"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
)

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type request struct {
	Op          string   `json:"op"`
	Key         hexBytes `json:"key"`
	Public      hexBytes `json:"public"`
	ID          string   `json:"id"`
	PeerID      string   `json:"peer_id"`
	Data        hexBytes `json:"data"`
	Signature   hexBytes `json:"signature"`
	Nonce       hexBytes `json:"nonce"`
	Associated  hexBytes `json:"associated"`
	Certificate hexBytes `json:"certificate"`
	Root        hexBytes `json:"root"`
	TimeMs      int64    `json:"time_ms"`
	Size        int      `json:"size"`
}

type answer struct {
	Data  hexBytes `json:"data"`
	More  hexBytes `json:"more"`
	Error string   `json:"error,omitempty"`
}

type pair struct{ R, S *big.Int }

var operations = map[string]func(*request) (answer, error){
	"sm3":  func(q *request) (answer, error) { sum := sm3.Sum(q.Data); return answer{Data: sum[:]}, nil },
	"hmac": keyedHash,
	"kdf":  func(q *request) (answer, error) { return answer{Data: kdf.Kdf(sm3.New, q.Data, q.Size)}, nil },

	"sm2_sign": sign, "sm2_verify": verify, "sm2_encrypt": encrypt, "sm2_decrypt": decrypt,
	"exchange_respond": respond, "exchange_confirm": confirm,

	"ctr_encrypt": ctr, "ctr_decrypt": ctr,
	"cbc_encrypt": cbcEncrypt, "cbc_decrypt": cbcDecrypt,
	"gcm_encrypt": aead(gcm, true), "gcm_decrypt": aead(gcm, false),
	"ccm_encrypt": aead(ccm, true), "ccm_decrypt": aead(ccm, false),
	"xts_encrypt": xts(smcipher.NewGBXTSEncrypter), "xts_decrypt": xts(smcipher.NewGBXTSDecrypter),

	"certificate": certificate, "crl": crl,
	"cms_verify": cmsVerify, "cms_sign": cmsSign, "cms_encrypt": cmsEncrypt, "cms_decrypt": cmsDecrypt,
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "batch" {
		if err := batch(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		out.Encode(handle(in.Bytes()))
	}
}

func handle(line []byte) (result answer) {
	defer func() {
		if problem := recover(); problem != nil {
			result = answer{Error: fmt.Sprint("panic: ", problem)}
		}
	}()
	var q request
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{Error: err.Error()}
	}
	operation, known := operations[q.Op]
	if !known {
		return answer{Error: "unknown operation " + q.Op}
	}
	result, err := operation(&q)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return result
}

func keyedHash(q *request) (answer, error) {
	mac := hmac.New(func() hash.Hash { return sm3.New() }, q.Key)
	mac.Write(q.Data)
	return answer{Data: mac.Sum(nil)}, nil
}

func sign(q *request) (answer, error) {
	key, err := sm2.NewPrivateKey(q.Key)
	if err != nil {
		return answer{}, err
	}
	der, err := key.SignWithSM2(rand.Reader, []byte(q.ID), q.Data)
	if err != nil {
		return answer{}, err
	}
	var values pair
	if _, err := asn1.Unmarshal(der, &values); err != nil {
		return answer{}, err
	}
	fixed := make([]byte, 64)
	values.R.FillBytes(fixed[:32])
	values.S.FillBytes(fixed[32:])
	return answer{Data: fixed}, nil
}

func verify(q *request) (answer, error) {
	key, err := sm2.NewPublicKey(q.Public)
	if err != nil {
		return answer{}, err
	}
	if len(q.Signature) != 64 {
		return answer{}, errors.New("signature length")
	}
	der, err := asn1.Marshal(pair{new(big.Int).SetBytes(q.Signature[:32]), new(big.Int).SetBytes(q.Signature[32:])})
	if err != nil {
		return answer{}, err
	}
	if !sm2.VerifyASN1WithSM2(key, []byte(q.ID), q.Data, der) {
		return answer{}, errors.New("signature does not hold")
	}
	return answer{}, nil
}

func encrypt(q *request) (answer, error) {
	key, err := sm2.NewPublicKey(q.Public)
	if err != nil {
		return answer{}, err
	}
	data, err := sm2.EncryptASN1(rand.Reader, key, q.Data)
	return answer{Data: data}, err
}

func decrypt(q *request) (answer, error) {
	key, err := sm2.NewPrivateKey(q.Key)
	if err != nil {
		return answer{}, err
	}
	data, err := sm2.Decrypt(key, q.Data)
	return answer{Data: data}, err
}

var exchange *sm2.KeyExchange

func point(key *ecdsa.PublicKey) []byte {
	out := make([]byte, 65)
	out[0] = 4
	key.X.FillBytes(out[1:33])
	key.Y.FillBytes(out[33:])
	return out
}

// The responder's first step: ephemeral point and confirmation.
func respond(q *request) (answer, error) {
	key, err := sm2.NewPrivateKey(q.Key)
	if err != nil {
		return answer{}, err
	}
	peer, err := sm2.NewPublicKey(q.Public)
	if err != nil {
		return answer{}, err
	}
	ephemeral, err := sm2.NewPublicKey(q.Data)
	if err != nil {
		return answer{}, err
	}
	exchange, err = sm2.NewKeyExchange(key, peer, []byte(q.ID), []byte(q.PeerID), q.Size, true)
	if err != nil {
		return answer{}, err
	}
	own, confirmation, err := exchange.RepondKeyExchange(rand.Reader, ephemeral)
	if err != nil {
		return answer{}, err
	}
	return answer{Data: point(own), More: confirmation}, nil
}

func confirm(q *request) (answer, error) {
	key, err := exchange.ConfirmInitiator(q.Data)
	return answer{Data: key}, err
}

func ctr(q *request) (answer, error) {
	block, err := sm4.NewCipher(q.Key)
	if err != nil {
		return answer{}, err
	}
	out := make([]byte, len(q.Data))
	cipher.NewCTR(block, q.Nonce).XORKeyStream(out, q.Data)
	return answer{Data: out}, nil
}

func cbcEncrypt(q *request) (answer, error) {
	block, err := sm4.NewCipher(q.Key)
	if err != nil {
		return answer{}, err
	}
	out := padding.NewPKCS7Padding(16).Pad(q.Data)
	cipher.NewCBCEncrypter(block, q.Nonce).CryptBlocks(out, out)
	return answer{Data: out}, nil
}

func cbcDecrypt(q *request) (answer, error) {
	block, err := sm4.NewCipher(q.Key)
	if err != nil {
		return answer{}, err
	}
	cipher.NewCBCDecrypter(block, q.Nonce).CryptBlocks(q.Data, q.Data)
	out, err := padding.NewPKCS7Padding(16).Unpad(q.Data)
	return answer{Data: out}, err
}

func gcm(block cipher.Block, nonceSize int) (cipher.AEAD, error) {
	return cipher.NewGCMWithNonceSize(block, nonceSize)
}

func ccm(block cipher.Block, nonceSize int) (cipher.AEAD, error) {
	return smcipher.NewCCMWithNonceSize(block, nonceSize)
}

func aead(mode func(cipher.Block, int) (cipher.AEAD, error), seal bool) func(*request) (answer, error) {
	return func(q *request) (answer, error) {
		block, err := sm4.NewCipher(q.Key)
		if err != nil {
			return answer{}, err
		}
		cipher, err := mode(block, len(q.Nonce))
		if err != nil {
			return answer{}, err
		}
		if seal {
			return answer{Data: cipher.Seal(nil, q.Nonce, q.Data, q.Associated)}, nil
		}
		out, err := cipher.Open(nil, q.Nonce, q.Data, q.Associated)
		return answer{Data: out}, err
	}
}

type xtsMode func(smcipher.CipherCreator, []byte, []byte, []byte) (cipher.BlockMode, error)

func xts(mode xtsMode) func(*request) (answer, error) {
	return func(q *request) (answer, error) {
		block, err := mode(sm4.NewCipher, q.Key[:16], q.Key[16:], q.Nonce)
		if err != nil {
			return answer{}, err
		}
		out := make([]byte, len(q.Data))
		block.CryptBlocks(out, q.Data)
		return answer{Data: out}, nil
	}
}

// Parses a certificate and verifies it up to the root at the time given; answers its subject's common name.
func certificate(q *request) (answer, error) {
	leaf, err := smx509.ParseCertificate(q.Certificate)
	if err != nil {
		return answer{}, err
	}
	root, err := smx509.ParseCertificate(q.Root)
	if err != nil {
		return answer{}, err
	}
	roots := smx509.NewCertPool()
	roots.AddCert(root)
	_, err = leaf.Verify(smx509.VerifyOptions{
		Roots:       roots,
		CurrentTime: time.UnixMilli(q.TimeMs),
		KeyUsages:   []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny},
	})
	return answer{Data: []byte(leaf.Subject.CommonName)}, err
}

// Parses a revocation list and checks the root's signature; answers the first serial in it.
func crl(q *request) (answer, error) {
	list, err := smx509.ParseRevocationList(q.Data)
	if err != nil {
		return answer{}, err
	}
	root, err := smx509.ParseCertificate(q.Root)
	if err != nil {
		return answer{}, err
	}
	if err := list.CheckSignatureFrom(root); err != nil {
		return answer{}, err
	}
	return answer{Data: list.RevokedCertificateEntries[0].SerialNumber.Bytes()}, nil
}

var sm2WithSM3 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 501}

func cmsVerify(q *request) (answer, error) {
	message, err := pkcs7.Parse(q.Data)
	if err != nil {
		return answer{}, err
	}
	// SM2-with-SM3 (RFC 5652 style, …501) and SM2-1 (GM/T 0010 style, …301.1) mean the same; gmsm knows the latter only.
	for i := range message.Signers {
		if message.Signers[i].DigestEncryptionAlgorithm.Algorithm.Equal(sm2WithSM3) {
			message.Signers[i].DigestEncryptionAlgorithm.Algorithm = pkcs7.OIDDigestEncryptionAlgorithmSM2
		}
	}
	return answer{Data: message.Content}, message.Verify()
}

func signer(q *request) (*smx509.Certificate, *sm2.PrivateKey, error) {
	owner, err := smx509.ParseCertificate(q.Certificate)
	if err != nil {
		return nil, nil, err
	}
	key, err := sm2.NewPrivateKey(q.Key)
	return owner, key, err
}

func cmsSign(q *request) (answer, error) {
	owner, key, err := signer(q)
	if err != nil {
		return answer{}, err
	}
	message, err := pkcs7.NewSignedData(q.Data)
	if err != nil {
		return answer{}, err
	}
	message.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSM3)
	if err := message.AddSigner(owner, key, pkcs7.SignerInfoConfig{}); err != nil {
		return answer{}, err
	}
	der, err := message.Finish()
	return answer{Data: der}, err
}

func cmsEncrypt(q *request) (answer, error) {
	owner, err := smx509.ParseCertificate(q.Certificate)
	if err != nil {
		return answer{}, err
	}
	der, err := pkcs7.Encrypt(pkcs.SM4CBC, q.Data, []*smx509.Certificate{owner})
	return answer{Data: der}, err
}

func cmsDecrypt(q *request) (answer, error) {
	owner, key, err := signer(q)
	if err != nil {
		return answer{}, err
	}
	message, err := pkcs7.Parse(q.Data)
	if err != nil {
		return answer{}, err
	}
	out, err := message.Decrypt(owner, key)
	return answer{Data: out}, err
}
