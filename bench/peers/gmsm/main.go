// gmsm through its public API, the keys decoded once; for messages Z_A is computed once for each key and hashed together
// with the message, which is faster than VerifyASN1WithSM2. Prints a JSON line for each figure, as the other peers.
package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

const keyCount, messageBytes, hashedBytes, nodeBytes = 64, 200, 1024, 65

type key struct {
	secret                                             *sm2.PrivateKey
	public                                             *ecdsa.PublicKey
	point, z, digest, message, overDigest, overMessage []byte
}

func must(holds bool, what string) {
	if !holds {
		os.Stderr.WriteString(what + "\n")
		os.Exit(1)
	}
}

func messageOf(number, size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(number*31 + i*7)
	}
	return out
}

func digestOf(k *key) []byte {
	hash := sm3.New()
	hash.Write(k.z)
	hash.Write(k.message)
	var out [32]byte
	return hash.Sum(out[:0])
}

func makeKey(number int) *key {
	secret, err := sm2.GenerateKey(rand.Reader)
	must(err == nil, "no key")
	k := &key{secret: secret, digest: messageOf(number, 32), message: messageOf(number, messageBytes)}
	k.point = make([]byte, 65)
	k.point[0] = 4
	secret.X.FillBytes(k.point[1:33])
	secret.Y.FillBytes(k.point[33:])
	k.public, err = sm2.NewPublicKey(k.point)
	must(err == nil, "no public key")
	k.z, err = sm2.CalculateZA(k.public, []byte("1234567812345678"))
	must(err == nil, "no Z")
	k.overDigest, err = sm2.SignASN1(rand.Reader, secret, k.digest, nil)
	must(err == nil, "not signed")
	k.overMessage, err = sm2.SignASN1(rand.Reader, secret, digestOf(k), nil)
	must(err == nil, "not signed")
	return k
}

// Of this process and all its threads, the collector's too, so that its neighbours do not count.
func processorSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/emmansun/gmsm" {
			return module.Version + " " + runtime.Version()
		}
	}
	return "?"
}

func main() {
	seconds := flag.Float64("seconds", 0.3, "for each figure")
	flag.Parse()
	out := json.NewEncoder(os.Stdout)
	run := func(what, included string, work func(int)) {
		for i := 0; i < 20; i++ {
			work(i)
		}
		started, done, passed := processorSeconds(), 0, 0.0
		for passed < *seconds {
			for k := 0; k < 20; k++ {
				work(done)
				done++
			}
			passed = processorSeconds() - started
		}
		out.Encode(map[string]any{"peer": "gmsm", "version": version(), "what": what,
			"per_second": float64(done) / passed, "included": included})
	}
	keys := make([]*key, keyCount)
	for i := range keys {
		keys[i] = makeKey(i)
	}
	run("verify_unknown", "NewPublicKey and VerifyASN1; digest given", func(i int) {
		k := keys[i%keyCount]
		public, err := sm2.NewPublicKey(k.point)
		must(err == nil && sm2.VerifyASN1(public, k.digest, k.overDigest), "refused")
	})
	run("verify", "VerifyASN1; digest given", func(i int) {
		k := keys[i%keyCount]
		must(sm2.VerifyASN1(k.public, k.digest, k.overDigest), "refused")
	})
	run("verify_message", "VerifyASN1, Z_A kept; SM3 of 200 bytes", func(i int) {
		k := keys[i%keyCount]
		must(sm2.VerifyASN1(k.public, digestOf(k), k.overMessage), "refused")
	})
	run("sign", "SignASN1, crypto/rand; digest given", func(i int) {
		_, err := sm2.SignASN1(rand.Reader, keys[0].secret, keys[i%keyCount].digest, nil)
		must(err == nil, "not signed")
	})
	thousand, node := messageOf(1, hashedBytes), messageOf(1, nodeBytes)
	run("sm3_1k", "sm3.Sum", func(int) { sm3.Sum(thousand) })
	run("sm3_node", "sm3.Sum", func(int) { sm3.Sum(node) })
}
