//! A folder with everything that a receipt proves, for stock tools.

use std::fs;
use std::path::Path;

use trialseal::core::cose::public_key_pem;
use trialseal::core::encoding::base64_encode;
use trialseal::core::entry::record_entry;
use trialseal::core::note::{KeyType, VerifierKey};
use trialseal::core::receipt::{ReceiptManifest, ReceiptPart, ReceiptSubmission};
use trialseal::core::trust::Trust;

use super::element::Chosen;
use super::guide::{self, Contents};
use super::{Source, create};
use crate::errors::Ended;
use crate::outcome::{Answer, Exit, count};

/// The parts in the order of the record's tree.
const PARTS: [&str; 4] = ["what", "who", "why", "when"];

/// Files that are to be written, by name.
type Files = Vec<(String, Vec<u8>)>;

/// Writes the folder, which must not be there or be empty.
pub(super) fn write(source: &Source, chosen: &Chosen<'_>, folder: &Path) -> Result<Answer, Ended> {
    let (files, contents) = collect(source, chosen)?;
    let failed = |problem: String| {
        let sentence = format!("{} {problem}.", folder.display());
        Box::new(Answer::new(Exit::CannotWrite, "NOT EXPORTED", sentence))
    };
    fs::create_dir_all(folder).map_err(|error| failed(format!("cannot be made: {error}")))?;
    let mut entries = fs::read_dir(folder).map_err(|error| failed(format!("cannot be read: {error}")))?;
    if entries.next().is_some() {
        return Err(failed("is not empty; nothing was written".to_owned()));
    }
    for (name, bytes) in &files {
        create(&folder.join(name), bytes)?;
    }
    let sentence = format!(
        "{}: {} for record {}, evidence element {}. VERIFY.md says how to verify them.",
        folder.display(),
        count(files.len(), "file"),
        chosen.proof.index.get(),
        chosen.number
    );
    let answer = Answer::new(Exit::Done, "EXPORTED", sentence);
    let answer = match contents.has_log_keys {
        true => answer,
        false => {
            answer.because("No keys of the log are in it: give --trust to include those of a trust file.")
        }
    };
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    Ok(answer
        .with("out", folder.display().to_string())
        .with("element", chosen.number)
        .with("files", names))
}

fn collect(source: &Source, chosen: &Chosen<'_>) -> Result<(Files, Contents), Ended> {
    let receipt = &source.receipt;
    let record = receipt.record().leaves().root();
    let mut contents = Contents::new(chosen);
    let mut files: Files = vec![
        ("receipt.json".to_owned(), source.bytes.clone()),
        (
            "record.id".to_owned(),
            format!("{}\n", record.to_hex()).into_bytes(),
        ),
        ("entry.bin".to_owned(), record_entry(&record).to_vec()),
        (
            "record.tlog-proof".to_owned(),
            chosen.element.proof.clone().into_bytes(),
        ),
        (
            "checkpoint.txt".to_owned(),
            chosen.proof.checkpoint.text().to_owned().into_bytes(),
        ),
    ];
    let parts = receipt.record();
    let when = ReceiptPart::Shown(parts.when.clone());
    for (name, part) in PARTS.iter().zip([&parts.what, &parts.who, &parts.why, &when]) {
        match part {
            ReceiptPart::Shown(shown) => {
                files.push((format!("{name}.json"), shown.text.clone().into_bytes()));
                files.push((format!("{name}.salt"), shown.salt.as_bytes().to_vec()));
            }
            ReceiptPart::Withheld(leaf) => {
                contents.withheld.push(name);
                files.push((
                    format!("{name}.leaf"),
                    format!("{}\n", leaf.to_hex()).into_bytes(),
                ));
            }
        }
    }
    if let Some(ReceiptSubmission::Note(note)) = receipt.submission() {
        contents.has_submission = true;
        files.push(("submission.note".to_owned(), note.clone().into_bytes()));
    }
    contents.has_manifest =
        parts.what.shown().is_some() && matches!(receipt.manifest(), Some(ReceiptManifest::All(_)));
    if let (Some([ed25519, mldsa]), Some(stamped)) = (chosen.log_lines(), chosen.stamped()) {
        files.push(("log-ed25519.line".to_owned(), format!("{ed25519}\n").into_bytes()));
        files.push(("log-mldsa44.line".to_owned(), format!("{mldsa}\n").into_bytes()));
        files.push(("stamped.bin".to_owned(), stamped));
        for token in chosen.tokens() {
            contents.tokens += 1;
            files.push((format!("token-{}.tst", contents.tokens), token));
        }
    }
    if chosen.element.cose().is_some() {
        contents.has_cose = true;
        files.push(("record.cose".to_owned(), chosen.cose()?));
    }
    if let Some(file) = &source.trust {
        files.push(("trust.toml".to_owned(), file.text.clone().into_bytes()));
        contents.trust_sha256 = Some(file.trust.fingerprint().to_hex());
        keys(&file.trust, chosen, &mut files, &mut contents);
    }
    files.push(("VERIFY.md".to_owned(), guide::text(&contents).into_bytes()));
    Ok((files, contents))
}

/// The keys of the trust file that have signed here, as PEM, and the roots of its authorities.
fn keys(trust: &Trust, chosen: &Chosen<'_>, files: &mut Files, contents: &mut Contents) {
    if let Some(log) = trust.log(chosen.checkpoint.origin.as_str())
        && chosen.log_lines().is_some()
    {
        contents.has_log_keys = true;
        let log_pub = format!("{}\n{}\n", log.ed25519, log.mldsa);
        files.push(("log.pub".to_owned(), log_pub.into_bytes()));
        files.extend(pem(&log.ed25519).map(|pem| ("log-ed25519.pem".to_owned(), pem)));
        files.extend(pem(&log.mldsa).map(|pem| ("log-mldsa44.pem".to_owned(), pem)));
    }
    for witness in trust.quorum().witnesses() {
        for key in &witness.vkeys {
            let mut lines = chosen.proof.checkpoint.lines().iter();
            let Some(line) = lines.find(|line| key.matches(line)) else {
                continue;
            };
            if key.key_type() == KeyType::MlDsa44 {
                contents.mldsa_witnesses += 1;
                continue;
            }
            contents.witnesses += 1;
            let name = format!("witness-{}", contents.witnesses);
            files.push((format!("{name}.line"), format!("{line}\n").into_bytes()));
            files.extend(pem(key).map(|pem| (format!("{name}.pem"), pem)));
        }
    }
    for authority in trust.authorities() {
        contents.authorities += 1;
        let roots: String = authority
            .roots
            .iter()
            .map(|root| block("CERTIFICATE", root.der()))
            .collect();
        files.push((
            format!("authority-{}.pem", contents.authorities),
            roots.into_bytes(),
        ));
    }
}

/// A public key as `openssl` reads it: SubjectPublicKeyInfo in PEM.
fn pem(key: &VerifierKey) -> Option<Vec<u8>> {
    let public = key.public_key();
    if key.key_type() != KeyType::MlDsa44 {
        let public: &[u8; 32] = public.as_slice().try_into().ok()?;
        return Some(public_key_pem(public).into_bytes());
    }
    // SEQUENCE { SEQUENCE { id-ml-dsa-44 }, BIT STRING of 1,312 bytes } (RFC 9881)
    let mut der = vec![
        0x30, 0x82, 0x05, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    ];
    der.extend([0x65, 0x03, 0x04, 0x03, 0x11, 0x03, 0x82, 0x05, 0x21, 0x00]);
    der.extend(public);
    Some(block("PUBLIC KEY", &der).into_bytes())
}

/// One block of PEM (RFC 7468).
fn block(label: &str, der: &[u8]) -> String {
    let text = base64_encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
