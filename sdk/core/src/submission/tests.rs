use super::*;
use crate::hash::Salt;
use crate::identifiers::{Reference, RegisterName, VersionCode};
use crate::manifest::{FileDigests, Item, ItemPath};
use crate::note::KeyName;
use crate::record::Source;
use crate::vocabulary::{Class, Event};

fn key(name: &str, seed: u8) -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new(name).unwrap(), [seed; 32])
}

fn text() -> SubmissionText {
    SubmissionText {
        log: Origin::new("notary.example.org/2026").unwrap(),
        not_after: Instant::parse("2026-01-10T00:00:00Z").unwrap(),
        idempotency_key: IdempotencyKey::from_bytes([0x5a; 32]),
        what: sha256(b"what"),
        who: sha256(b"who"),
        why: sha256(b"why"),
    }
}

#[test]
fn the_text_is_that_of_the_specification() {
    let expected = format!(
        "trialseal/submission/v1\nnotary.example.org/2026\n2026-01-10T00:00:00Z\n{}\n{}\n{}\n{}\n",
        "5a".repeat(32),
        sha256(b"what"),
        sha256(b"who"),
        sha256(b"why")
    );
    assert_eq!(text().text(), expected);
    assert_eq!(SubmissionText::parse(&expected).unwrap(), text());
}

#[test]
fn every_line_is_judged() {
    let good = text().text();
    let lines: Vec<&str> = good.lines().collect();
    for number in 0..lines.len() {
        let mut changed = lines.clone();
        changed[number] = "no such thing";
        let changed = changed.join("\n") + "\n";
        assert!(
            matches!(SubmissionText::parse(&changed), Err(SubmissionError::Line { number: line, .. }) if line == number + 1)
        );
    }
    assert_eq!(
        SubmissionText::parse(&format!("{good}\n")),
        Err(SubmissionError::Lines(8))
    );
    assert_eq!(
        SubmissionText::parse(&(lines[..6].join("\n") + "\n")),
        Err(SubmissionError::Lines(6))
    );
    assert_eq!(
        SubmissionText::parse(good.trim_end()),
        Err(SubmissionError::Lines(0))
    );
    assert_eq!(SubmissionText::parse(""), Err(SubmissionError::Lines(0)));
}

#[test]
fn a_note_has_one_line_by_the_signer() {
    let signer = key("acme/m-1", 3);
    let note = text().sign(&signer);
    let verified = verify(&note, signer.verifier()).unwrap();
    assert_eq!(
        (verified.text, verified.digest),
        (text(), sha256(note.as_bytes()))
    );
    let other = key("acme/m-2", 4);
    assert!(matches!(
        verify(&note, other.verifier()),
        Err(SubmissionError::OtherKey(_))
    ));
    // The same name with another key is another key.
    assert!(matches!(
        verify(&note, key("acme/m-1", 4).verifier()),
        Err(SubmissionError::OtherKey(_))
    ));
    let two = format!("{note}{}\n", other.sign(&text().text()));
    assert_eq!(
        verify(&two, signer.verifier()),
        Err(SubmissionError::Signatures(2))
    );
    let forged = note.replacen("2026-01-10", "2026-01-11", 1);
    assert!(matches!(
        verify(&forged, signer.verifier()),
        Err(SubmissionError::Signature(_))
    ));
    assert!(matches!(
        verify("", signer.verifier()),
        Err(SubmissionError::Note(_))
    ));
}

#[test]
fn derived_keys_are_those_of_the_specification() {
    // Computed from the formula with Python's hmac module.
    let seed: [u8; 32] = std::array::from_fn(|index| index as u8);
    let register = RegisterName::parse("trial:NCT04573309").unwrap();
    let mut what = What::new(register, Class::AnalysisOutput, Event::Executed);
    assert_eq!(
        IdempotencyKey::derive(&seed, &what, None).to_string(),
        "802a4cdf433226bdd00a48d017d2c024b0d26110cebd567a624dedb778462f40"
    );
    what.version = Some(VersionCode::new("1.0").unwrap());
    what.source = Some(Source {
        run: Some(Reference::new("8842").unwrap()),
        ..Source::default()
    });
    let item = |path: &str, byte: u8| {
        let digests = FileDigests {
            sha256: [byte; 32],
            sha512: [0; 64],
            size: 1,
        };
        (
            Salt::from_bytes([byte; 32]),
            Item::new(ItemPath::new(path).unwrap(), &digests),
        )
    };
    let manifest = Manifest::new([item("b/c.txt", 2), item("a.txt", 1)]).unwrap();
    assert_eq!(
        IdempotencyKey::derive(&seed, &what, Some(&manifest)).to_string(),
        "a7eaee32af2c45a41c31dbf1b19e23150fca8d2d1c8638eba5924058afdfe4d3"
    );
}
