//! `VERIFY.md` of a bundle: how to repeat every check, with trialseal and with stock tools. A test runs it.

use super::gather::Gathered;
use crate::commands::question::Asked;

pub(super) fn text(asked: &Asked, gathered: &Gathered) -> String {
    let at = asked.dossier.at();
    let trust = asked.dossier.trust_fingerprint().to_hex();
    let mut text = format!("# Verifying this bundle of {}\n\n{INTRODUCTION}", asked.register);
    text.push_str(&format!(
        "## With trialseal\n\nAsk somebody you trust for the trust file; not the one in this folder. The pages here \
         were made with the one whose SHA-256 is\n`{trust}`. `trialseal` opens no socket for any of this.\n\n```\n"
    ));
    for command in [
        asked.command("check --pack ich-e9"),
        asked.command("check --pack prospective"),
        asked.command("report anomalies --out anomalies.html"),
        "trialseal verify receipts/000001.receipt.json --trust YOUR-TRUST.toml".to_owned(),
        "trialseal ask --help".to_owned(),
    ] {
        text.push_str(&format!("{command}\n"));
    }
    text.push_str(&format!(
        "```\n\nWithout `--at {at}` everything is judged at the time of asking.\n\n"
    ));
    text.push_str(DIGESTS);
    text.push_str(CHAIN);
    if gathered.statement.is_some() {
        text.push_str(STATEMENT);
    }
    text.push_str(SIGNATURES);
    text
}

const INTRODUCTION: &str = "\
`index.html` lists every record; it opens in a browser without a network. The pages are renderings: what proves are
the receipts, the statement and the checkpoints.

| file | what |
| --- | --- |
| `receipts/` | one receipt a record, by its place in the register |
| `accounts/` | how the organisations, members and keys of those who signed were enrolled |
| `statement.json` | what the notary stated publicly of the register: its size and its last record |
| `checkpoints.json` | states of the log that others have signed, each a beginning of the last |
| `packs/` | the rules that the pages were made by; those of your own `trialseal` are built in |
| `bundle.json` | SHA-256 of every file; it is not signed |

";

const DIGESTS: &str = r#"## Without trialseal

The commands need `python3` and `sha256sum`, nothing else. First: are the files those that were put in?

```sh
python3 -c 'import json; [print(d + "  " + p) for p, d in json.load(open("bundle.json"))["files"].items()]' |
  sha256sum --check --quiet && echo "PASSED  files"
```

"#;

const CHAIN: &str = r#"Second: does each receipt lead to the root of its checkpoint, and does each record name the one before it?

```sh
cat > verify-chain.py <<'EOF'
import base64, glob, hashlib, json
sha = lambda data: hashlib.sha256(data).digest()
node = lambda left, right: sha(b"\x01" + left + right)
def part(name, part):
    if "withheld" in part:
        return bytes.fromhex(part["withheld"])
    tag = b"trialseal/" + name.encode() + b"/v1"
    return sha(b"\x00" + bytes([len(tag)]) + tag + base64.b64decode(part["salt"]) + part["text"].encode())
def root_of(leaf, index, size, path):
    f, s, hash, path = index, size - 1, leaf, list(path)
    while path:
        p = path.pop(0)
        if f & 1 or f == s:
            hash = node(p, hash)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            hash = node(hash, p)
        f, s = f >> 1, s >> 1
    assert s == 0, "the path is too short"
    return hash
def evidence(leaf, index, elements):
    for element in elements:
        head, note = element["proof"].split("\n\n", 1)
        lines = [line for line in head.split("\n")[1:] if not line.startswith("extra ")]
        assert lines[0] == "index " + str(index), "another index"
        size, root = note.split("\n")[1:3]
        path = [base64.b64decode(line) for line in lines[1:]]
        assert root_of(leaf, index, int(size), path) == base64.b64decode(root), "another root"
previous, expected = None, 1
for name in sorted(glob.glob("receipts/*.receipt.json")):
    receipt = json.load(open(name))
    record, when = receipt["record"], json.loads(receipt["record"]["when"]["text"])
    leaves = [part(k, record[k]) for k in ("what", "who", "why", "when")]
    root = node(node(leaves[0], leaves[1]), node(leaves[2], leaves[3]))
    evidence(sha(b"\x00\x01" + root), when["index"], receipt["evidence"])
    if when["sequence"] != expected:
        print("GAP     before " + name)
    elif when.get("previous") != previous:
        print("FAILED  " + name + " names another record before it")
    previous, expected = root.hex(), when["sequence"] + 1
print("PASSED  chain to record", expected - 1, previous)
EOF
python3 verify-chain.py
```

"#;

const STATEMENT: &str = r#"Third: is the last record the one that the notary stated publicly?

```sh
cat > verify-statement.py <<'EOF'
exec(open("verify-chain.py").read().split("previous, expected")[0])
stated = json.load(open("statement.json"))
statement = json.loads(stated["statement"])
index = int(stated["evidence"][0]["proof"].split("\nindex ")[1].split("\n")[0])
evidence(sha(b"\x00\x02" + stated["statement"].encode()), index, stated["evidence"])
ids = {}
for name in glob.glob("receipts/*.receipt.json"):
    record = json.load(open(name))["record"]
    leaves = [part(k, record[k]) for k in ("what", "who", "why", "when")]
    root = node(node(leaves[0], leaves[1]), node(leaves[2], leaves[3]))
    ids[json.loads(record["when"]["text"])["sequence"]] = root.hex()
for line in stated["lines"]:
    leaf = sha(b"\x00" + line["text"].encode())
    path = [base64.b64decode(hash) for hash in line["path"]]
    assert root_of(leaf, line["position"], statement["count"], path).hex() == statement["root"], "another root"
    first, size, head = line["text"].split()
    if first == ids.get(1):
        same = ids.get(int(size)) == head
        print("PASSED " if same else "FAILED ", "stated at", statement["at"] + ": record", size, "is", head)
EOF
python3 verify-statement.py
```

"#;

const SIGNATURES: &str = "\
Last: who signed the checkpoints? Each receipt can be taken apart for `openssl`; the folder that this makes has a
VERIFY.md of its own, with the commands for the log's two signatures, the witnesses, the timestamps and the
submitter's signature:

```
trialseal export receipts/000001.receipt.json --format bundle --trust YOUR-TRUST.toml -o record-1
```

What none of this proves: that any content is true; when something happened in the world; that something did not
exist before, elsewhere, or under another class.
";
