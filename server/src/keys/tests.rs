use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant as Stopwatch};

use aws_lc_rs::signature::{ML_DSA_44_SIGNING, PqdsaKeyPair};
use tempfile::TempDir;
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::hash::sha256;
use trialseal_core::index::LogSize;
use trialseal_core::note::{COSIGNATURE_TIME_MAX, KeyType, MlDsa44SigningKey, SignedNote, VerifierKey};
use trialseal_core::time::Instant;
use trialseal_core::trust::Trust;

use super::pkcs8_pem::{decrypt, encrypt, plain};
use super::*;

fn counting_seed() -> Seed {
    Seed(std::array::from_fn(|position| position as u8))
}

fn known_keys() -> LogKeys {
    LogKeys {
        ed25519: counting_seed(),
        mldsa44: counting_seed(),
    }
}

fn origin() -> Origin {
    Origin::new("notary.example/log1").unwrap()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: origin(),
        size: LogSize::new(70_000).unwrap(),
        root: sha256(b"root"),
    }
}

fn saved() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    LogKeys::generate()
        .unwrap()
        .save(&origin(), &keys, &passphrase("correct horse"))
        .unwrap();
    (dir, keys)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keys_come_back_under_their_passphrase_only() {
    let (_dir, keys) = saved();
    let signer = LogSigner::open(&origin(), &keys, &passphrase("correct horse")).unwrap();
    assert_eq!(
        signer.log_pub(),
        fs::read_to_string(keys.join(LOG_PUB_FILE)).unwrap()
    );
    let error = LogSigner::open(&origin(), &keys, &passphrase("wrong horse")).unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::File {
                problem: Problem::Passphrase,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(ED25519_FILE), "{error}");
}

#[test]
fn two_generations_differ_and_nothing_is_overwritten() {
    let (_dir, keys) = saved();
    let before = fs::read(keys.join(ED25519_FILE)).unwrap();
    let error = LogKeys::generate()
        .unwrap()
        .save(&origin(), &keys, &passphrase("other"))
        .unwrap_err();
    assert!(matches!(error, KeyError::Unwritable { .. }), "{error}");
    assert_eq!(fs::read(keys.join(ED25519_FILE)).unwrap(), before);
    let (_other_dir, other) = saved();
    assert_ne!(
        fs::read(keys.join(LOG_PUB_FILE)).unwrap(),
        fs::read(other.join(LOG_PUB_FILE)).unwrap()
    );
    let generated = LogKeys::generate().unwrap();
    assert_ne!(generated.ed25519.as_bytes(), generated.mldsa44.as_bytes());
}

#[test]
fn secret_files_are_for_their_owner_only() {
    let (_dir, keys) = saved();
    assert_eq!(mode(&keys), 0o700);
    assert_eq!(mode(&keys.join(LOG_PUB_FILE)), 0o644);
    for name in [ED25519_FILE, MLDSA44_FILE] {
        let path = keys.join(name);
        assert_eq!(mode(&path), 0o600);
        for open in [0o640, 0o604, 0o620, 0o666] {
            set_mode(&path, open);
            let error = LogKeys::load(&keys, &passphrase("correct horse")).unwrap_err();
            assert!(matches!(error, KeyError::Permissions { .. }), "{error}");
            assert!(
                error.to_string().contains(&format!("{open:03o}")) && error.to_string().contains("chmod 600")
            );
        }
        set_mode(&path, 0o400);
        LogKeys::load(&keys, &passphrase("correct horse")).unwrap();
    }
}

#[test]
fn keys_that_are_not_this_logs_are_refused() {
    let (_dir, keys) = saved();
    let other = Origin::new("notary.example/log2").unwrap();
    let error = LogSigner::open(&other, &keys, &passphrase("correct horse")).unwrap_err();
    assert!(matches!(error, KeyError::OtherKeys { .. }), "{error}");
    let (_other_dir, other_keys) = saved();
    fs::copy(other_keys.join(MLDSA44_FILE), keys.join(MLDSA44_FILE)).unwrap();
    let error = LogSigner::open(&origin(), &keys, &passphrase("correct horse")).unwrap_err();
    assert!(matches!(error, KeyError::OtherKeys { .. }), "{error}");
    fs::copy(keys.join(ED25519_FILE), keys.join(MLDSA44_FILE)).unwrap();
    let error = LogSigner::open(&origin(), &keys, &passphrase("correct horse")).unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::File {
                problem: Problem::Algorithm("ML-DSA-44"),
                ..
            }
        ),
        "{error}"
    );
    fs::remove_file(keys.join(MLDSA44_FILE)).unwrap();
    let error = LogSigner::open(&origin(), &keys, &passphrase("correct horse")).unwrap_err();
    assert!(error.to_string().contains(MLDSA44_FILE), "{error}");
}

#[test]
fn a_damaged_or_unencrypted_key_file_is_refused_without_panic() {
    let text = encrypt(Algorithm::MlDsa44, &counting_seed(), &passphrase("p")).unwrap();
    for cut in [0, 1, 30, 60, 100, text.len() / 2, text.len() - 30] {
        assert_eq!(
            decrypt(Algorithm::MlDsa44, &text[..cut], &passphrase("p")).err(),
            Some(Problem::Form),
            "{cut}"
        );
    }
    let unencrypted = text.replace("ENCRYPTED PRIVATE KEY", "PRIVATE KEY");
    assert_eq!(
        decrypt(Algorithm::MlDsa44, &unencrypted, &passphrase("p")).err(),
        Some(Problem::NotEncrypted)
    );
}

#[test]
fn the_cost_of_opening_a_key_is_bounded() {
    let seed = counting_seed();
    let started = Stopwatch::now();
    let text = encrypt(Algorithm::Ed25519, &seed, &passphrase("p")).unwrap();
    let spent = started.elapsed();
    // Generous: other tests run beside this one. The aim is 0.2 s.
    assert!(spent < Duration::from_secs(2), "{spent:?}");
    println!("one key: {spent:?}");
    assert_eq!(
        decrypt(Algorithm::Ed25519, &text, &passphrase("p"))
            .unwrap()
            .as_bytes(),
        seed.as_bytes()
    );
}

#[test]
fn the_cose_key_is_made_once_and_comes_back_under_its_passphrase_only() {
    let (_dir, keys) = saved();
    let open = |text| open_or_make_cose_key(&origin(), &keys, &passphrase(text));
    let (made, is_new) = open("correct horse").unwrap();
    assert!(is_new);
    let (again, is_new) = open("correct horse").unwrap();
    assert!(!is_new);
    assert_eq!(made.public(), again.public());
    assert_eq!(mode(&keys.join(COSE_FILE)), 0o600);
    let pem = fs::read_to_string(keys.join(COSE_PUB_FILE)).unwrap();
    assert_eq!(pem, made.public().to_pem());
    let error = open("wrong horse").unwrap_err();
    assert!(error.to_string().contains(COSE_FILE), "{error}");
    set_mode(&keys.join(COSE_FILE), 0o640);
    assert!(matches!(open("correct horse"), Err(KeyError::Permissions { .. })));
    set_mode(&keys.join(COSE_FILE), 0o600);
    // A key that was published is never replaced in silence.
    let hidden = fs::read(keys.join(COSE_FILE)).unwrap();
    fs::remove_file(keys.join(COSE_FILE)).unwrap();
    assert!(matches!(open("correct horse"), Err(KeyError::Unreadable { .. })));
    fs::write(keys.join(COSE_FILE), hidden).unwrap();
    set_mode(&keys.join(COSE_FILE), 0o600);
    fs::write(keys.join(COSE_PUB_FILE), "another").unwrap();
    assert!(matches!(open("correct horse"), Err(KeyError::OtherKeys { .. })));
}

/// The DER of RFC 8410 and RFC 9881 for a seed: version 0, algorithm, the key.
#[test]
fn private_keys_have_their_standard_form() {
    let seed = counting_seed();
    let expected = |algorithm: &[u8], tag: [u8; 2]| {
        let mut body = vec![0x02, 0x01, 0x00, 0x30, algorithm.len() as u8];
        body.extend_from_slice(algorithm);
        body.extend_from_slice(&[0x04, 0x22]);
        body.extend_from_slice(&tag);
        body.extend_from_slice(seed.as_bytes());
        let mut der = vec![0x30, body.len() as u8];
        der.extend(body);
        der
    };
    let ed25519 = expected(&[0x06, 0x03, 0x2b, 0x65, 0x70], [0x04, 0x20]);
    assert_eq!(*plain(Algorithm::Ed25519, &seed).unwrap(), ed25519);
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11];
    let mldsa44 = expected(&oid, [0x80, 0x20]);
    assert_eq!(*plain(Algorithm::MlDsa44, &seed).unwrap(), mldsa44);
    // And an implementation that shares nothing with ours agrees.
    let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed.as_bytes()).unwrap();
    assert_eq!(pair.to_pkcs8v1().unwrap().as_ref(), mldsa44);
}

#[test]
fn public_keys_are_the_known_ones_ed25519_first() {
    let signer = LogSigner::new(&origin(), &known_keys()).unwrap();
    let log_pub = signer.log_pub();
    let lines: Vec<&str> = log_pub.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0],
        "notary.example/log1+fbc3fc6a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    );
    let mldsa44 = VerifierKey::parse(lines[1]).unwrap();
    assert_eq!(
        sha256(&mldsa44.public_key()).to_hex(),
        "9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46"
    );
    assert_eq!(
        &mldsa44,
        MlDsa44SigningKey::from_seed(origin().key_name().clone(), *counting_seed().as_bytes()).verifier()
    );
}

#[test]
fn a_checkpoint_has_both_signatures_and_they_verify_with_other_code() {
    let signer = LogSigner::new(&origin(), &known_keys()).unwrap();
    let text = signer.sign_checkpoint(&checkpoint(), 1_767_225_600).unwrap();
    let note = SignedNote::parse(&text).unwrap();
    assert_eq!(note.to_string(), text);
    assert_eq!(
        note.text(),
        "notary.example/log1\n70000\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
    );
    let line = "\u{2014} notary.example/log1 +8P8aplkFCRIknejZ5fiXWFL0P1PUfQRRgTSsr3XUdn/qIBJULtSPzB6LSUIukxJ3pj1Q462XukI/E5j4JlWUDehNg8=\n";
    assert_eq!(
        text.split_once("\n\n")
            .unwrap()
            .1
            .split_inclusive('\n')
            .next()
            .unwrap(),
        line
    );
    // These keys are core's: ML-DSA-44 is verified by another library than the one that signed.
    let keys: Vec<VerifierKey> = signer
        .log_pub()
        .lines()
        .map(|vkey| vkey.parse().unwrap())
        .collect();
    let verified = note.verify(&keys).unwrap();
    let times: Vec<Option<u64>> = verified.iter().map(|line| line.time_s).collect();
    assert_eq!(times, [None, Some(1_767_225_600)]);
    assert_eq!(note.lines().len(), 2);
}

#[test]
fn mldsa_is_hedged_and_agrees_with_the_deterministic_signer() {
    let signer = LogSigner::new(&origin(), &known_keys()).unwrap();
    let first = signer.sign_checkpoint(&checkpoint(), 1).unwrap();
    let second = signer.sign_checkpoint(&checkpoint(), 1).unwrap();
    assert_ne!(first, second);
    let other = MlDsa44SigningKey::from_seed(origin().key_name().clone(), *counting_seed().as_bytes());
    let line = other.cosign_checkpoint(&checkpoint(), 1).unwrap();
    assert_eq!(
        signer.verifiers()[1].verify(&checkpoint().text(), &line),
        Ok(Some(1))
    );
}

#[test]
fn what_must_not_be_signed_is_refused() {
    let signer = LogSigner::new(&origin(), &known_keys()).unwrap();
    let other = Checkpoint {
        origin: Origin::new("notary.example/log2").unwrap(),
        ..checkpoint()
    };
    assert_eq!(signer.sign_checkpoint(&other, 1), Err(SignError::Origin));
    assert_eq!(signer.sign_checkpoint(&checkpoint(), 0), Err(SignError::Time(0)));
    assert_eq!(
        signer.sign_checkpoint(&checkpoint(), 1 << 63),
        Err(SignError::Time(1 << 63))
    );
    signer.sign_checkpoint(&checkpoint(), (1 << 63) - 1).unwrap();
}

#[test]
fn trust_names_both_keys_and_from_when_they_count() {
    let signer = LogSigner::new(&origin(), &known_keys()).unwrap();
    let from = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    let text = signer.trust_toml(from);
    let trust = Trust::parse(&text).unwrap();
    let [log] = trust.logs() else { panic!("{text}") };
    assert_eq!(log.origin, origin());
    assert_eq!([&log.ed25519, &log.mldsa], signer.verifiers());
    assert_eq!((log.from, log.until), (from, None));
}

fn passphrase_file(contents: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(CREDENTIAL_NAME);
    fs::write(&path, contents).unwrap();
    set_mode(&path, 0o600);
    (dir, path)
}

#[test]
fn a_passphrase_is_one_line_of_a_private_file() {
    let cases: [(&[u8], Option<&[u8]>); 8] = [
        (b"secret", Some(b"secret")),
        (b"secret\n", Some(b"secret")),
        (b"se cret\r\n", Some(b"se cret")),
        (b"secret\n\n", None),
        (b"two\nlines\n", None),
        (b"", None),
        (b"\n", None),
        (b"\xff\xfe", None),
    ];
    for (contents, expected) in cases {
        let (_dir, path) = passphrase_file(contents);
        let found = PassphraseSources {
            file: Some(path),
            ..Default::default()
        }
        .existing();
        assert_eq!(
            found.as_ref().map(Passphrase::as_bytes).ok(),
            expected,
            "{contents:?}"
        );
        if let Err(error) = found {
            assert!(error.to_string().contains(CREDENTIAL_NAME), "{error}");
            assert!(
                !error.to_string().contains("lines\n"),
                "what the file holds is not repeated: {error}"
            );
        }
    }
    let (_dir, path) = passphrase_file(&[b'x'; 1_024]);
    PassphraseSources {
        file: Some(path.clone()),
        ..Default::default()
    }
    .new_keys()
    .unwrap();
    fs::write(&path, [b'x'; 1_025]).unwrap();
    PassphraseSources {
        file: Some(path.clone()),
        ..Default::default()
    }
    .existing()
    .unwrap_err();
    fs::write(&path, "secret").unwrap();
    set_mode(&path, 0o644);
    let error = PassphraseSources {
        file: Some(path),
        ..Default::default()
    }
    .existing()
    .unwrap_err();
    assert!(
        matches!(error, KeyError::Permissions { mode: 0o644, .. }),
        "{error}"
    );
}

#[test]
fn the_configured_file_comes_first_then_the_credential_then_nothing() {
    let (_dir, file) = passphrase_file(b"from the file");
    let (credentials, credential) = passphrase_file(b"from the credential");
    let directory = Some(credentials.path().to_path_buf());
    let both = PassphraseSources {
        file: Some(file.clone()),
        credentials_directory: directory,
        terminal: false,
    };
    assert_eq!(both.existing().unwrap().as_bytes(), b"from the file");
    let one = PassphraseSources {
        file: None,
        ..both.clone()
    };
    assert_eq!(one.existing().unwrap().as_bytes(), b"from the credential");
    // A service manager may show its access list as a group bit.
    set_mode(&credential, 0o440);
    assert_eq!(one.existing().unwrap().as_bytes(), b"from the credential");
    set_mode(&credential, 0o444);
    one.existing().unwrap_err();
    fs::remove_file(&credential).unwrap();
    let message = one.existing().unwrap_err().to_string();
    assert!(
        message.contains("passphrase_file") && message.contains(CREDENTIAL_NAME),
        "{message}"
    );
    fs::remove_file(&file).unwrap();
    let error = both.existing().unwrap_err();
    assert!(
        matches!(error, KeyError::Unreadable { .. }),
        "a configured file that is missing is an error: {error}"
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let shown = format!("{:?} {:?}", passphrase("hunter2"), known_keys());
    assert_eq!(shown, "Passphrase(hidden) LogKeys(hidden)");
    let signer = format!("{:?}", LogSigner::new(&origin(), &known_keys()).unwrap());
    assert!(
        !signer.contains("000102030405") && !signer.contains("[0, 1, 2"),
        "{signer}"
    );
}

#[test]
fn a_witness_cosigns_what_the_core_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let name = KeyName::new("witness.example.edu/w1").unwrap();
    let made = WitnessSigner::create(&name, &keys, &passphrase("secret")).unwrap();
    let again = WitnessSigner::create(&name, &keys, &passphrase("secret")).unwrap_err();
    assert!(matches!(again, KeyError::Unwritable { .. }), "{again}");
    let opened = WitnessSigner::open(&name, &keys, &passphrase("secret")).unwrap();
    assert_eq!(opened.verifiers(), made.verifiers());
    assert_eq!(
        fs::read_to_string(keys.join(WITNESS_PUB_FILE)).unwrap(),
        opened.witness_pub()
    );
    let types = opened.verifiers().map(VerifierKey::key_type);
    assert_eq!(types, [KeyType::Ed25519Cosignature, KeyType::MlDsa44]);

    let checkpoint = checkpoint();
    let lines = opened.cosign(&checkpoint, 1_750_000_000).unwrap();
    for (key, line) in opened.verifiers().into_iter().zip(&lines) {
        assert_eq!(key.verify(&checkpoint.text(), line), Ok(Some(1_750_000_000)));
    }
    for time in [0, COSIGNATURE_TIME_MAX + 1] {
        let refused = opened.cosign(&checkpoint, time).unwrap_err();
        assert_eq!(refused, SignError::Time(time));
    }
    let other = KeyName::new("witness.example.edu/w2").unwrap();
    let error = WitnessSigner::open(&other, &keys, &passphrase("secret")).unwrap_err();
    assert!(
        matches!(error, KeyError::OtherKeys { .. }) && error.to_string().contains("w2"),
        "{error}"
    );
    let trust = Trust::parse(&opened.trust_entry()).unwrap();
    assert_eq!(trust.quorum().witnesses()[0].vkeys.len(), 2);
}
