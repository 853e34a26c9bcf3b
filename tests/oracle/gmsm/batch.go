package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"io"
	"math/big"
	"runtime"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

// For questions by the million (started with the argument "batch"). A request is an operation byte, a count of four bytes,
// the size of a record in four bytes, and the records; its answer is as many records, of a size that the operation fixes:
//
//	v  key (65) || r || s || e   →  1 when the signature of e holds, else 0
//	s  private key (32) || e     →  r || s
//	h  any bytes                 →  SM3
//
// Integers are big-endian.
func batch(in io.Reader, out io.Writer) error {
	reader, writer := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	answers := map[byte]struct {
		size int
		work func(record, answer []byte)
	}{'v': {1, verifyRecord}, 's': {64, signRecord}, 'h': {32, hashRecord}}
	for {
		var head [9]byte
		if _, err := io.ReadFull(reader, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		count, size := int(binary.BigEndian.Uint32(head[1:])), int(binary.BigEndian.Uint32(head[5:]))
		records := make([]byte, count*size)
		if _, err := io.ReadFull(reader, records); err != nil {
			return err
		}
		kind := answers[head[0]]
		answer := make([]byte, count*kind.size)
		inParallel(count, func(i int) {
			kind.work(records[i*size:(i+1)*size], answer[i*kind.size:(i+1)*kind.size])
		})
		writer.Write(answer)
		if err := writer.Flush(); err != nil {
			return err
		}
	}
}

func inParallel(count int, work func(int)) {
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := 0; w < workers; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := w; i < count; i += workers {
				work(i)
			}
		}()
	}
	group.Wait()
}

func verifyRecord(record, answer []byte) {
	key, err := sm2.NewPublicKey(record[:65])
	if err != nil {
		return
	}
	if holds(key, record[65:97], record[97:129], record[129:]) {
		answer[0] = 1
	}
}

func holds(key *ecdsa.PublicKey, r, s, e []byte) bool {
	der, err := asn1.Marshal(pair{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
	return err == nil && sm2.VerifyASN1(key, e, der)
}

// Leaves zeros, which no key has signed, where gmsm refuses.
func signRecord(record, answer []byte) {
	key, err := sm2.NewPrivateKey(record[:32])
	if err != nil {
		return
	}
	der, err := sm2.SignASN1(rand.Reader, key, record[32:], nil)
	if err != nil {
		return
	}
	var values pair
	if _, err := asn1.Unmarshal(der, &values); err == nil {
		values.R.FillBytes(answer[:32])
		values.S.FillBytes(answer[32:])
	}
}

func hashRecord(record, answer []byte) {
	sum := sm3.Sum(record)
	copy(answer, sum[:])
}
