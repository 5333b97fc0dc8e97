//! What `export` writes, judged by other tools: `openssl`, `sha256sum`, and the commands of VERIFY.md.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use trialseal::core::checkpoint::{Checkpoint, Origin};
use trialseal::core::cose::{CoseReceipt, CoseSigningKey};
use trialseal::core::encoding::base64_encode;
use trialseal::core::entry::{record_entry, record_leaf_hash};
use trialseal::core::hash::sha256;
use trialseal::core::index::{LogIndex, LogSize};
use trialseal::core::json;
use trialseal::core::merkle::builder::Tree;
use trialseal::core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use trialseal::core::receipt::{Evidence, Receipt};
use trialseal::core::tlog_proof::format_tlog_proof;
use trialseal::now;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/vectors");

fn trialseal(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin("trialseal"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program that must succeed.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        stderr(&output)
    );
    output
}

/// Whether the tools that VERIFY.md asks for are here; else a line that says that a test was not run.
fn tools(name: &str) -> bool {
    for tool in ["openssl", "sha256sum", "base64", "xxd", "python3"] {
        if Command::new(tool).arg("--version").output().is_err() {
            println!("NOT RUN: {name}: there is no {tool}");
            return false;
        }
    }
    true
}

/// Runs the shell commands of a bundle's VERIFY.md, as somebody who pastes them.
fn follow_the_guide(bundle: &Path) -> Output {
    let guide = fs::read_to_string(bundle.join("VERIFY.md")).unwrap();
    assert!(guide.is_ascii());
    let mut script = String::new();
    for block in guide.split("```sh\n").skip(1) {
        script.push_str(block.split("```").next().unwrap());
    }
    let mut command = Command::new("sh");
    command.arg("-e").arg("-c").arg(script);
    command.current_dir(bundle).output().unwrap()
}

fn lines<'a>(text: &'a str, verdict: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| line.strip_prefix(verdict))
        .map(str::trim)
        .collect()
}

/// A folder with a receipt of the vectors and a trust file for its log.
fn vector(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        Path::new(VECTORS).join(name),
        folder.path().join("a.receipt.json"),
    )
    .unwrap();
    let keys = fs::read_to_string(Path::new(VECTORS).join("log.pub")).unwrap();
    let (ed25519, mldsa) = keys.trim().split_once('\n').unwrap();
    let origin = ed25519.split('+').next().unwrap();
    let trust = format!(
        "[[log]]\norigin = \"{origin}\"\ned25519 = \"{ed25519}\"\nmldsa = \"{mldsa}\"\n\
         from = \"2026-01-01T00:00:00Z\"\n\n[policy]\nallow_drafts = true\n"
    );
    fs::write(folder.path().join("trust.toml"), trust).unwrap();
    folder
}

#[test]
fn a_proof_is_written_once_and_byte_for_byte() {
    let folder = vector("folder.receipt.json");
    let export = || {
        let out = [
            "export",
            "a.receipt.json",
            "--format",
            "tlog-proof",
            "-o",
            "a.tlog-proof",
        ];
        trialseal(folder.path(), &out)
    };
    let output = export();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let receipt = Receipt::parse(&fs::read(folder.path().join("a.receipt.json")).unwrap()).unwrap();
    let written = fs::read_to_string(folder.path().join("a.tlog-proof")).unwrap();
    assert_eq!(written, receipt.evidence()[0].proof);
    let output = export();
    assert_eq!(output.status.code(), Some(73));
    assert!(
        stderr(&output).contains("not written over"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_a_receipt_does_not_have_is_not_provable_and_says_what_to_do() {
    let folder = vector("folder.receipt.json");
    for (format, what) in [("tst", "timestamp token"), ("cose", "COSE receipt")] {
        let output = trialseal(
            folder.path(),
            &["export", "a.receipt.json", "--format", format, "-o", "out"],
        );
        assert_eq!(output.status.code(), Some(2));
        let text = stdout(&output);
        assert!(text.contains("NOT PROVABLE") && text.contains(what), "{text}");
        assert!(text.contains("trialseal upgrade a.receipt.json"), "{text}");
        assert!(!folder.path().join("out").exists());
    }
    let arguments = [
        "export",
        "a.receipt.json",
        "--format",
        "tlog-proof",
        "-o",
        "out",
        "--element",
        "1",
    ];
    let output = trialseal(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
}

#[test]
fn evidence_that_does_not_hold_is_not_exported() {
    let folder = vector("folder.receipt.json");
    let path = folder.path().join("a.receipt.json");
    let text = fs::read_to_string(&path).unwrap();
    // Another salt makes another record, to which the path does not lead.
    let at = text.find("\"salt\": \"").unwrap() + 9;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    fs::write(&path, changed).unwrap();
    let arguments = ["export", "a.receipt.json", "--format", "bundle", "-o", "out"];
    let output = trialseal(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("REFUSED"));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_bundle_is_verified_with_stock_tools_alone() {
    if !tools("a_bundle_is_verified_with_stock_tools_alone") {
        return;
    }
    for (name, expected) in [
        ("folder.receipt.json", 13),
        ("log-lines-reordered.receipt.json", 13),
        ("unknown-signature.receipt.json", 13),
        ("one-of-three.receipt.json", 12),
        // The submission is withheld in one, and not there in the other.
        ("withheld.receipt.json", 9),
        ("draft.receipt.json", 10),
    ] {
        let folder = vector(name);
        let arguments = [
            "export",
            "a.receipt.json",
            "--format",
            "bundle",
            "--trust",
            "trust.toml",
            "-o",
            "b",
        ];
        let output = trialseal(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        let bundle = folder.path().join("b");
        let output = follow_the_guide(&bundle);
        let text = stdout(&output);
        assert!(output.status.success(), "{name}: {text}\n{}", stderr(&output));
        assert_eq!(lines(&text, "PASSED").len(), expected, "{name}: {text}");
        assert_eq!(lines(&text, "FAILED"), [""; 0], "{name}");
        // A bundle is never written over.
        assert_eq!(trialseal(folder.path(), &arguments).status.code(), Some(73));
    }
}

#[test]
fn the_guide_finds_every_change() {
    if !tools("the_guide_finds_every_change") {
        return;
    }
    let folder = vector("folder.receipt.json");
    let arguments = [
        "export",
        "a.receipt.json",
        "--format",
        "bundle",
        "--trust",
        "trust.toml",
        "-o",
        "b",
    ];
    assert_eq!(trialseal(folder.path(), &arguments).status.code(), Some(0));
    let bundle = folder.path().join("b");
    for file in [
        "what.json",
        "who.salt",
        "why.json",
        "when.json",
        "entry.bin",
        "record.tlog-proof",
        "checkpoint.txt",
        "log-ed25519.line",
        "log-mldsa44.line",
        "log-ed25519.pem",
        "submission.note",
    ] {
        let path = bundle.join(file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let place = bad.len() / 2;
        // Another letter or digit, so that what is base64 or hex stays so.
        bad[place] = if bad[place] == b'5' { b'6' } else { b'5' };
        fs::write(&path, bad).unwrap();
        assert!(!follow_the_guide(&bundle).status.success(), "{file}");
        fs::write(&path, good).unwrap();
    }
    assert!(follow_the_guide(&bundle).status.success());
}

/// A log, a witness and an authority of this test, and the record of a vector in that log.
struct Notary {
    folder: tempfile::TempDir,
    cose: CoseSigningKey,
    record: trialseal::core::hash::RecordId,
}

impl Notary {
    /// The receipt has a sealed element, then a witnessed and timestamped one with COSE.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let old = fs::read(Path::new(VECTORS).join("folder.receipt.json")).unwrap();
        let old = Receipt::parse(&old).unwrap();
        let when = json::parse(old.record().when.text.as_bytes()).unwrap();
        let origin = when.get("log").and_then(json::Value::as_str).unwrap();
        let origin = Origin::new(origin).unwrap();
        let index = when.get("index").and_then(json::Value::as_unsigned).unwrap();
        let record = old.record().leaves().root();
        let log = Ed25519SigningKey::from_seed(origin.key_name().clone(), [1; 32]);
        let mldsa = MlDsa44SigningKey::from_seed(origin.key_name().clone(), [2; 32]);
        let name = KeyName::new("witness.example/w1").unwrap();
        let witness = Ed25519SigningKey::from_seed(name, [3; 32]);
        let cose = CoseSigningKey::from_seed([4; 32]);
        let at = u64::try_from(now().seconds()).unwrap();
        let element = |size: u64, is_witnessed: bool| {
            let mut leaves: Vec<_> = (0..size).map(|leaf| sha256(&leaf.to_be_bytes())).collect();
            leaves[usize::try_from(index).unwrap()] = record_leaf_hash(&record);
            let tree = Tree::new(&leaves);
            let checkpoint = Checkpoint {
                origin: origin.clone(),
                size: LogSize::new(size).unwrap(),
                root: tree.root(),
            };
            let text = checkpoint.text();
            let mut lines = vec![log.sign(&text), mldsa.cosign_checkpoint(&checkpoint, at).unwrap()];
            let stamped = SignedNote::new(text.clone(), lines.clone()).unwrap().to_string();
            if is_witnessed {
                lines.push(witness.cosign(&text, at).unwrap());
            }
            let note = SignedNote::new(text, lines).unwrap().to_string();
            let path = tree.path(usize::try_from(index).unwrap()).unwrap();
            let index = LogIndex::new(index).unwrap();
            let proof = format_tlog_proof(index, &path, &note);
            let signature = cose.sign_checkpoint(&checkpoint).unwrap();
            let cose = CoseReceipt::of_entry(cose.public(), &checkpoint, signature, index, &path).unwrap();
            (proof, stamped, cose.encode())
        };
        let (sealed, ..) = element(index + 2, false);
        let (proof, stamped, encoded) = element(index + 9, true);
        let (token, root) = authority(folder.path(), stamped.as_bytes());
        let evidence = vec![
            Evidence::new(sealed),
            Evidence::with_tokens(proof, [token.as_slice()]).with_cose(&encoded),
        ];
        let receipt = Receipt::new(old.record().clone(), old.submission().cloned(), evidence).unwrap();
        fs::write(folder.path().join("a.receipt.json"), receipt.to_json_pretty()).unwrap();
        let trust = format!(
            "[[log]]\norigin = \"{origin}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2020-01-01T00:00:00Z\"\n\
             [[witness]]\nname = \"w1\"\nvkeys = [\"{}\"]\n\
             [[authority]]\nname = \"tsa\"\nroots = [\"\"\"\n{root}\"\"\"]\n\
             [policy]\nquorum = \"w1\"\nrequire = \"timestamped\"\n",
            log.verifier(),
            mldsa.verifier(),
            witness.cosignature_verifier()
        );
        fs::write(folder.path().join("trust.toml"), trust).unwrap();
        Self { folder, cose, record }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn export(&self, format: &str, out: &str) -> Output {
        let arguments = [
            "export",
            "a.receipt.json",
            "--format",
            format,
            "--trust",
            "trust.toml",
            "-o",
            out,
        ];
        let output = trialseal(self.folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    }
}

/// A witness that never cosigns.
fn second_witness() -> String {
    let name = KeyName::new("witness.example/w2").unwrap();
    Ed25519SigningKey::from_seed(name, [5; 32])
        .cosignature_verifier()
        .to_string()
}

const TSA: &str = "\
[tsa]
default_tsa = stamper
[stamper]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
";

/// A token of an authority that is made here, and its root certificate.
fn authority(folder: &Path, stamped: &[u8]) -> (Vec<u8>, String) {
    fs::write(folder.join("stamped"), stamped).unwrap();
    fs::write(folder.join("tsa.cnf"), TSA).unwrap();
    fs::write(folder.join("serial"), "01\n").unwrap();
    fs::write(
        folder.join("tsa.ext"),
        "extendedKeyUsage = critical, timeStamping\nkeyUsage = critical, digitalSignature\n",
    )
    .unwrap();
    let openssl = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        run(folder, "openssl", &arguments)
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout root.key -out root.pem -subj /CN=root -days 30"
    ));
    openssl(&format!(
        "req -new {key} -keyout tsa.key -out tsa.csr -subj /CN=tsa"
    ));
    openssl(
        "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -set_serial 2 -days 30 -extfile tsa.ext -out tsa.pem",
    );
    openssl("ts -query -data stamped -sha256 -cert -out query.tsq");
    openssl("ts -reply -config tsa.cnf -queryfile query.tsq -out reply.tsr");
    openssl("ts -reply -in reply.tsr -token_out -out token.tst");
    let token = fs::read(folder.join("token.tst")).unwrap();
    (token, fs::read_to_string(folder.join("root.pem")).unwrap())
}

#[test]
fn witnesses_and_timestamps_are_verified_with_stock_tools_alone() {
    if !tools("witnesses_and_timestamps_are_verified_with_stock_tools_alone") {
        return;
    }
    let notary = Notary::new();
    // The token's time is a second later than it was made: so exact does the authority claim to be.
    let later = now().plus_millis(60_000).to_string();
    let output = trialseal(
        notary.folder.path(),
        &[
            "verify",
            "a.receipt.json",
            "--trust",
            "trust.toml",
            "--json",
            "--at",
            &later,
        ],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "PROVEN", "{report}");
    assert_eq!(report["level"], "timestamped");

    // Without the quorum it is said what is missing; so is a quorum that proves little.
    let second = format!(
        "[[witness]]\nname = \"w2\"\nvkeys = [\"{}\"]\n\
         [[group]]\nname = \"any\"\nof = 1\nmembers = [\"w1\", \"w2\"]\n[policy]\nquorum = \"any\"",
        second_witness()
    );
    let weak = fs::read_to_string(notary.path("trust.toml")).unwrap();
    let weak = weak.replace("[policy]\nquorum = \"w1\"", &second);
    fs::write(notary.path("weak.toml"), weak).unwrap();
    let arguments = ["verify", "a.receipt.json", "--trust", "weak.toml", "--at", &later];
    let output = trialseal(notary.folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("WARNING") && stderr(&output).contains("Judged at"),
        "{}",
        stderr(&output)
    );
    assert!(
        stdout(&output).contains("Level: timestamped."),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("It existed no later than"),
        "{}",
        stdout(&output)
    );
    let arguments = [
        "verify",
        "a.receipt.json",
        "--trust",
        "weak.toml",
        "--at",
        "2026-01-01T00:00:00Z",
    ];
    let output = trialseal(notary.folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stdout(&output).contains("witnesses: "), "{}", stdout(&output));

    let output = notary.export("bundle", "b");
    assert!(
        stdout(&output).contains("evidence element 1"),
        "{}",
        stdout(&output)
    );
    let output = follow_the_guide(&notary.path("b"));
    let text = stdout(&output);
    assert!(output.status.success(), "{text}\n{}", stderr(&output));
    let passed = lines(&text, "PASSED");
    for expected in [
        "stamped bytes",
        "token-1.tst by authority-1.pem",
        "witness.example/w1 cosigned",
        "Ed25519 signature of the log",
    ] {
        assert!(
            passed.iter().any(|line| line.starts_with(expected)),
            "{expected}: {text}"
        );
    }
    assert_eq!(lines(&text, "NOT PROVEN"), [""; 0]);
    // A root that did not issue the token.
    let other = run(
        &notary.path("b"),
        "openssl",
        &"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=x -days 3"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    fs::write(notary.path("b/authority-1.pem"), other.stdout).unwrap();
    let text = stdout(&follow_the_guide(&notary.path("b")));
    assert_eq!(lines(&text, "NOT PROVEN").len(), 1, "{text}");
}

#[test]
fn a_token_is_one_that_openssl_verifies() {
    if !tools("a_token_is_one_that_openssl_verifies") {
        return;
    }
    let notary = Notary::new();
    let output = notary.export("tst", "a.tst");
    assert!(stdout(&output).contains("It covers SHA-256"));
    run(
        notary.folder.path(),
        "openssl",
        &"ts -verify -in a.tst -token_in -data stamped -CAfile root.pem"
            .split(' ')
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_cose_receipt_verifies_under_the_notarys_cose_key() {
    if !tools("a_cose_receipt_verifies_under_the_notarys_cose_key") {
        return;
    }
    let notary = Notary::new();
    let output = notary.export("cose", "a.cose");
    assert!(stderr(&output).contains("Ed25519 only"));
    let cose = CoseReceipt::parse(&fs::read(notary.path("a.cose")).unwrap()).unwrap();
    cose.verify(&record_entry(&notary.record), notary.cose.public())
        .unwrap();
    // One of another record beside a proof is found.
    let text = fs::read_to_string(notary.path("a.receipt.json")).unwrap();
    let mut other = cose.encode();
    let place = other
        .windows(4)
        .position(|four| four == [0x58, 0x20, 0, 0])
        .unwrap_or(other.len() - 90);
    other[place + 4] ^= 1;
    let changed = text.replace(&base64_encode(&cose.encode()), &base64_encode(&other));
    assert_ne!(changed, text);
    fs::write(notary.path("a.receipt.json"), changed).unwrap();
    let arguments = ["export", "a.receipt.json", "--format", "cose", "-o", "b.cose"];
    let output = trialseal(notary.folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
}
