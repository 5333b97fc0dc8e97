// Command verify checks a receipt and the log that it is from with the reference implementations in Go:
// golang.org/x/mod/sumdb/{note,tlog} and github.com/transparency-dev/{formats,merkle}.
//
//	verify LOG_PUB URL OLDER_CHECKPOINT RECEIPT [WITNESS_VKEY...]
//
// Each of the receipt's checkpoints, and the older one, are opened with both keys of the log, the record's path
// is followed, and the newest checkpoint at URL is shown, from its tiles, to extend the older one. Cosignatures
// by the witnesses' keys are checked and named.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	logformat "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	sumdb "golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var hasher = rfc6962.DefaultHasher

func main() {
	if len(os.Args) < 5 {
		log.Fatal("verify LOG_PUB URL OLDER_CHECKPOINT RECEIPT [WITNESS_VKEY...]")
	}
	keys, url := strings.Fields(string(read(os.Args[1]))), os.Args[2]
	keys = append(keys, os.Args[5:]...)

	var receipt receipt
	must(json.Unmarshal(read(os.Args[4]), &receipt))
	for _, element := range receipt.Evidence {
		var shown tlogproof.TLogProof
		must(shown.Unmarshal([]byte(element.Proof)))
		sealed, cosigned := open(shown.Checkpoint, keys)
		must(proof.VerifyInclusion(hasher, shown.Index, sealed.Size, receipt.leaf(), slices(shown.Hashes), sealed.Hash))
		fmt.Printf("record %d is in the log of size %d%s\n", shown.Index, sealed.Size, cosigned)
	}

	older, _ := open(read(os.Args[3]), keys)
	newest, cosigned := open(fetch(url+"checkpoint"), keys)
	reader := tlog.TileHashReader(tlog.Tree{N: int64(newest.Size), Hash: tlog.Hash(newest.Hash)}, tiles(url))
	path, err := tlog.ProveTree(int64(newest.Size), int64(older.Size), reader)
	must(err)
	must(proof.VerifyConsistency(hasher, older.Size, newest.Size, slices(path), older.Hash, newest.Hash))
	fmt.Printf("the log of size %d%s extends that of size %d\n", newest.Size, cosigned, older.Size)
}

// open checks a checkpoint's form and both signatures of the log, and says by which witnesses it is cosigned.
func open(signed []byte, keys []string) (*logformat.Checkpoint, string) {
	var verifiers []sumdb.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		must(err)
		verifiers = append(verifiers, verifier)
	}
	origin := verifiers[0].Name()
	checkpoint, rest, opened, err := logformat.ParseCheckpoint(signed, origin, verifiers[0], verifiers[1:]...)
	must(err)
	byLog, cosigned := 0, ""
	for _, signature := range opened.Sigs {
		if signature.Name == origin {
			byLog++
		} else {
			cosigned += fmt.Sprintf(", cosigned by %s+%08x", signature.Name, signature.Hash)
		}
	}
	if byLog != 2 || len(rest) != 0 {
		log.Fatalf("%d signatures of the log, %d bytes after the root", byLog, len(rest))
	}
	return checkpoint, cosigned
}

type part struct{ Salt, Text, Withheld string }

type receipt struct {
	Record   struct{ What, Who, Why, When part }
	Evidence []struct{ Proof string }
}

// leaf is the hash of the record's log entry, from its four salted parts.
func (r receipt) leaf() []byte {
	what, who := r.Record.What.leaf("what"), r.Record.Who.leaf("who")
	why, when := r.Record.Why.leaf("why"), r.Record.When.leaf("when")
	root := hasher.HashChildren(hasher.HashChildren(what, who), hasher.HashChildren(why, when))
	return hasher.HashLeaf(append([]byte{1}, root...))
}

func (p part) leaf(name string) []byte {
	if p.Withheld != "" {
		hash, err := hex.DecodeString(p.Withheld)
		must(err)
		return hash
	}
	tag := "trialseal/" + name + "/v1"
	salt, err := base64.StdEncoding.DecodeString(p.Salt)
	must(err)
	salted := append([]byte{0, byte(len(tag))}, tag...)
	hash := sha256.Sum256(append(append(salted, salt...), p.Text...))
	return hash[:]
}

// tiles reads them from the URL prefix of a log; tlog checks them against the checkpoint's root.
type tiles string

func (tiles) Height() int                     { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (url tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		// The height stands in the paths of the checksum database, and not in those of tlog-tiles.
		found = append(found, fetch(string(url)+strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return found, nil
}

func fetch(url string) []byte {
	answer, err := http.Get(url)
	must(err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s", url, answer.Status)
	}
	body, err := io.ReadAll(answer.Body)
	must(err)
	return body
}

func slices[H ~[32]byte](hashes []H) (all [][]byte) {
	for _, hash := range hashes {
		all = append(all, hash[:])
	}
	return all
}

func read(file string) []byte {
	data, err := os.ReadFile(file)
	must(err)
	return data
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
