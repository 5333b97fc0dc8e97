//! `VERIFY.md`: how to verify a bundle with stock tools. A test runs its commands.
//!
//! Nothing of a receipt is written into a command but its index, its id and its origin, each of a
//! form that was checked: the commands read everything else from the files.

use super::element::Chosen;

/// What a bundle holds, as far as the commands depend on it.
pub(super) struct Contents {
    origin: String,
    index: u64,
    /// Parts of which only the leaf is there.
    pub(super) withheld: Vec<&'static str>,
    pub(super) has_submission: bool,
    pub(super) has_manifest: bool,
    pub(super) has_log_keys: bool,
    pub(super) has_cose: bool,
    pub(super) tokens: usize,
    pub(super) authorities: usize,
    /// Witnesses with an Ed25519 key.
    pub(super) witnesses: usize,
    pub(super) mldsa_witnesses: usize,
    pub(super) trust_sha256: Option<String>,
}

impl Contents {
    pub(super) fn new(chosen: &Chosen<'_>) -> Self {
        Self {
            origin: chosen.checkpoint.origin.to_string(),
            index: chosen.proof.index.get(),
            withheld: Vec::new(),
            has_submission: false,
            has_manifest: false,
            has_log_keys: false,
            has_cose: false,
            tokens: 0,
            authorities: 0,
            witnesses: 0,
            mldsa_witnesses: 0,
            trust_sha256: None,
        }
    }
}

pub(super) fn text(contents: &Contents) -> String {
    let mut text = introduction(contents);
    text.push_str(&record(contents));
    text.push_str(PATH);
    text.push_str(&log(contents));
    for (there, section) in [
        (contents.witnesses > 0, WITNESSES),
        (contents.tokens > 0 && contents.authorities > 0, TIMESTAMPS),
        (contents.has_submission, SUBMISSION),
        (contents.has_manifest, FILES),
        (contents.has_cose, COSE),
    ] {
        if there {
            text.push_str(section);
        }
    }
    text.push_str(&left_out(contents));
    text
}

fn introduction(contents: &Contents) -> String {
    format!(
        "# Verifying record {} of {}\n\n{INTRODUCTION}",
        contents.index, contents.origin
    )
}

const INTRODUCTION: &str = r#"Run the commands of this page in this folder, one block after the other, in one shell. They need `openssl`
(3.0 or newer), `sha256sum`, `base64` and `xxd`; one block needs `python3`. Nothing here needs the network, the
notary, or software of the notary's maker. Every check prints PASSED or FAILED.

```sh
hash() { sha256sum | cut -d' ' -f1; }
bytes() { printf '%s' "$1" | xxd -r -p; }
hex() { xxd -p | tr -d '\n'; }
node() { { printf '\001'; bytes "$1$2"; } | hash; }
same() {
  if [ "$2" = "$3" ]; then echo "PASSED  $1"; else echo "FAILED  $1: $2 is not $3"; return 1; fi
}
signed() {
  if openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in "$3" -sigfile "$4" > /dev/null
  then echo "PASSED  $1"; else echo "FAILED  $1"; return 1; fi
}
blob() { cut -d' ' -f3 "$1" | base64 -d; }
```

"#;

fn record(contents: &Contents) -> String {
    let mut text = String::from(RECORD);
    // The tag's length stands before it: trialseal/what/v1 has 17 bytes, trialseal/why/v1 16.
    for (name, length) in [("what", "021"), ("who", "020"), ("why", "020"), ("when", "021")] {
        text.push_str(&if contents.withheld.contains(&name) {
            format!("{name}=$(cat {name}.leaf)  # withheld: only its leaf is here\n")
        } else {
            format!("{name}=$(part {name} '\\000\\{length}')\n")
        });
    }
    text.push_str(RECORD_ROOT);
    text
}

const RECORD: &str = r#"## 1. The record

A record has four parts. Each is hashed with 32 random bytes: SHA-256 of a zero byte, the length of the tag,
the tag, the salt, and the part's exact bytes. The record's id is the root over the four, and the log's entry is the
byte 01 and the id.

```sh
part() { { printf "$2"; printf 'trialseal/%s/v1' "$1"; cat "$1.salt" "$1.json"; } | hash; }
"#;

const RECORD_ROOT: &str = r#"record=$(node "$(node "$what" "$who")" "$(node "$why" "$when")")
same "record id" "$record" "$(cat record.id)"
same "log entry" "01$record" "$(hex < entry.bin)"
cat when.json; echo
```

"#;

const PATH: &str = r#"## 2. The record stands in the log

The audit path of `record.tlog-proof` leads from the entry's leaf hash to the root in the checkpoint (RFC 9162,
section 2.1.3.2).

```sh
sed '1,/^$/d' record.tlog-proof | sed '/^$/,$d' > text.tmp
same "checkpoint is that of the proof" "$(hash < text.tmp)" "$(hash < checkpoint.txt)"
index=$(sed -n 's/^index //p' record.tlog-proof | head -n 1)
size=$(sed -n 2p checkpoint.txt)
left=$index; last=$((size - 1))
root=$({ printf '\000'; cat entry.bin; } | hash)
for line in $(sed -n '/^index /,/^$/p' record.tlog-proof | sed '1d;$d'); do
  sibling=$(printf '%s' "$line" | base64 -d | hex)
  if [ $((left % 2)) -eq 1 ] || [ "$left" -eq "$last" ]; then
    root=$(node "$sibling" "$root")
    while [ $((left % 2)) -eq 0 ] && [ "$left" -ne 0 ]; do left=$((left / 2)); last=$((last / 2)); done
  else
    root=$(node "$root" "$sibling")
  fi
  left=$((left / 2)); last=$((last / 2))
done
same "no hash of the path is missing" "$last" 0
same "root of the log" "$root" "$(sed -n 3p checkpoint.txt | base64 -d | hex)"
same "index is the one that when states" "$index" "$(sed -n 's/.*"index":\([0-9]*\).*/\1/p' when.json)"
```

"#;

fn log(contents: &Contents) -> String {
    let mut text = String::from("## 3. The log signed the checkpoint\n\n");
    match (&contents.trust_sha256, contents.has_log_keys) {
        (Some(fingerprint), true) => {
            text.push_str(&format!(
                "The keys come from `trust.toml`, SHA-256 {fingerprint}. **Keys that come together with what they shall\n\
                 verify prove nothing by themselves:** compare this fingerprint, or the keys in `log.pub`, with what you\n\
                 know by another way.\n\n"
            ));
            text.push_str(LOG);
        }
        _ => text.push_str(
            "The log's keys are not in this folder. Get its two verifier keys from somewhere that you trust, or make the\n\
             bundle with `--trust`.\n\n",
        ),
    }
    text
}

const LOG: &str = r#"```sh
grep -qxF -f log-ed25519.line record.tlog-proof
grep -qxF -f log-mldsa44.line record.tlog-proof
echo "PASSED  the log's two lines are those of the proof"
key() { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cut -d+ -f3- | base64 -d | tail -c 32; }
head -n 1 log.pub | key | openssl pkey -pubin -inform DER -pubout -out key.tmp
same "log-ed25519.pem is the key in log.pub" "$(hash < key.tmp)" "$(hash < log-ed25519.pem)"
blob log-ed25519.line | tail -c 64 > sig.tmp
signed "Ed25519 signature of the log" log-ed25519.pem checkpoint.txt sig.tmp
```

The second line is ML-DSA-44 (FIPS 204, empty context). Its message names the cosigner, the time, the log, 0, the
size and the root. OpenSSL verifies it from version 3.5 on, and so does Python's `cryptography` from version 50 on.

```sh
origin=$(head -n 1 checkpoint.txt); length=$(printf '%02x' "$(printf '%s' "$origin" | wc -c)")
{
  printf 'subtree/v1\n\000'; bytes "$length"; printf '%s' "$origin"
  blob log-mldsa44.line | head -c 12 | tail -c 8
  bytes "$length"; printf '%s' "$origin"; bytes "$(printf '%016x%016x' 0 "$size")"
  sed -n 3p checkpoint.txt | base64 -d
} > message.tmp
blob log-mldsa44.line | tail -c 2420 > sig.tmp
if openssl list -signature-algorithms 2> /dev/null | grep -qi 'ml-dsa-44'; then
  signed "ML-DSA-44 signature of the log" log-mldsa44.pem message.tmp sig.tmp
else
  echo "NOT CHECKED  ML-DSA-44 signature of the log: this OpenSSL is older than 3.5"
fi
```

"#;

const WITNESSES: &str = r#"## 4. Witnesses cosigned it

Each witness signed the checkpoint with its own time, after it had seen that the log only grew. Whether they are
enough is for the quorum of the trust file to say; its time is that at which the last one needed had signed.

```sh
for line in witness-*.line; do
  grep -qxF -f "$line" record.tlog-proof
  at=$(printf '%d' "0x$(blob "$line" | head -c 12 | tail -c 8 | hex)")
  { printf 'cosignature/v1\ntime %s\n' "$at"; cat checkpoint.txt; } > message.tmp
  blob "$line" | tail -c 64 > sig.tmp
  signed "$(cut -d' ' -f2 "$line") cosigned at second $at" "${line%.line}.pem" message.tmp sig.tmp
done
```

"#;

const TIMESTAMPS: &str = r#"## 5. Authorities timestamped it

A token covers the checkpoint's text, an empty line, and the log's two lines. It is verified at the time that it
states, since certificates end.

```sh
{ cat checkpoint.txt; echo; cat log-ed25519.line log-mldsa44.line; } > stamped.tmp
same "stamped bytes" "$(hash < stamped.tmp)" "$(hash < stamped.bin)"
for token in token-*.tst; do
  stated=$(openssl ts -reply -in "$token" -token_in -token_out -text 2> /dev/null | sed -n 's/^Time stamp: //p')
  at=$(date -u -d "$(printf '%s' "$stated" | sed 's/\.[0-9]*//')" +%s)
  found=no
  for roots in authority-*.pem; do
    if openssl ts -verify -in "$token" -token_in -data stamped.bin -CAfile "$roots" -partial_chain -attime "$at" \
      > /dev/null 2>&1
    then found=yes; echo "PASSED  $token by $roots: $stated"; fi
  done
  if [ "$found" = no ]; then echo "NOT PROVEN  $token: no authority of the trust file issued it"; fi
done
```

"#;

const SUBMISSION: &str = r#"## 6. The submitter signed it

The submitter's note names the leaves of what, who and why, and `when` names the note. The key stands in `who`; the
record that `who.enrolment` names enrolled it.

```sh
same "submission note" "$(hash < submission.note)" "$(sed -n 's/.*"submission":"\([0-9a-f]*\)".*/\1/p' when.json)"
sed '/^$/,$d' submission.note > text.tmp
same "it is for these parts" "$(tail -n 3 text.tmp | tr '\n' ' ')" "$what $who $why "
sed '1,/^$/d' submission.note > line.tmp
blob line.tmp | tail -c 64 > sig.tmp
vkey=$(sed -n 's/.*"key":"\([^"]*\)".*/\1/p' who.json)
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; printf '%s' "$vkey" | cut -d+ -f3- | base64 -d | tail -c 32; } |
  openssl pkey -pubin -inform DER -pubout -out key.tmp
signed "signature of ${vkey%%+*}" key.tmp text.tmp sig.tmp
```

"#;

const FILES: &str = r#"## 7. The files

The record holds the root over the salted items of the manifest. This leads from the items in `receipt.json` to that
root, and lists the files' digests.

```sh
python3 - << 'END'
import base64, hashlib, json
sha256 = lambda data: hashlib.sha256(data).digest()
def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b'\x01' + root(leaves[:split]) + root(leaves[split:]))
items = json.load(open('receipt.json', encoding='utf-8'))['manifest']['items']
tag = b'trialseal/item/v1'
prefix = bytes([0, len(tag)]) + tag
leaves = [sha256(prefix + base64.b64decode(item['salt']) + item['text'].encode()) for item in items]
recorded = json.load(open('what.json', encoding='utf-8'))['manifest']['root']
print('PASSED  manifest' if root(leaves).hex() == recorded else 'FAILED  manifest')
with open('files.sha256', 'w', encoding='utf-8') as out:
    for item in (json.loads(item['text']) for item in items):
        out.write(f"{item['sha256']}  {item['path']}\n")
END
```

Then, in the folder with the files: `sha256sum -c .../files.sha256`.

"#;

const COSE: &str = r#"## 8. The COSE receipt

`record.cose` says the same for SCITT tools (RFC 9942; entry: `entry.bin`). It is signed with Ed25519 only, with the
key that the notary publishes at `/.well-known/scitt-keys`; no verdict of Trialseal rests on it.

"#;

/// What these commands do not verify, so that nobody thinks they did.
fn left_out(contents: &Contents) -> String {
    let mut text = String::from("## What is not verified here\n\n");
    let mut say = |sentence: &str| text.push_str(&format!("- {sentence}\n"));
    say("Which witnesses and authorities are enough, and which keys count when: the trust file says it.");
    for part in &contents.withheld {
        say(&format!(
            "What `{part}` says: it is withheld, and only its hash is here."
        ));
    }
    if !contents.has_submission {
        say("The submitter's signature: it is withheld, or the record is a draft that nobody signed.");
    }
    if contents.mldsa_witnesses > 0 {
        say(&format!(
            "{} with ML-DSA-44, made like that of the log with the witness's name in it.",
            crate::outcome::count(contents.mldsa_witnesses, "cosignature")
        ));
    }
    if contents.tokens > 0 && contents.authorities == 0 {
        say("The timestamp tokens: no trust file with authorities was given. They cover `stamped.bin`.");
    }
    if contents.tokens == 0 {
        say("Independent time by an authority: this evidence has no token.");
    }
    text
}
