// Package keyfile keeps ed25519 keys in files: PEM blocks of PKCS #8 (RFC
// 5958, RFC 8410), the newest first. While a key is being replaced a file
// holds two, and both sign.
package keyfile

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

const blockType = "PRIVATE KEY"

// Load reads the keys of a file.
func Load(path string) ([]ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys []ed25519.PrivateKey
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		key, ok := parsed.(ed25519.PrivateKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s: block %d is not an ed25519 key in PKCS #8", path, len(keys)+1)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key; make one with: openssl genpkey -algorithm ed25519", path)
	}
	return keys, nil
}

// Create makes a key in a new file that only its owner can read.
func Create(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := encode(key)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = f.Write(text)
	return key, err
}

// Rotate puts a new key before the newest of a file and drops what is older
// than that: two keys stay, so that what the last one signed still verifies.
// The file is replaced whole or not at all.
func Rotate(path string) (ed25519.PrivateKey, error) {
	keys, err := Load(path)
	if err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, k := range []ed25519.PrivateKey{key, keys[0]} {
		block, err := encode(k)
		if err != nil {
			return nil, err
		}
		text.Write(block)
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(tmp, text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	return key, os.Rename(tmp, path)
}

func encode(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}), nil
}
