use super::*;
use crate::hash::sha256;
use crate::json;

const FOLDER: &str = include_str!("../../tests/vectors/folder.receipt.json");
const UNKNOWN_KEYS: &str = include_str!("../../tests/vectors/unknown-keys-ignored.receipt.json");
const ONE: &str = include_str!("../../tests/vectors/one-of-three.receipt.json");
const DRAFT: &str = include_str!("../../tests/vectors/draft.receipt.json");

fn folder() -> Receipt {
    Receipt::parse(FOLDER.as_bytes()).unwrap()
}

#[test]
fn writing_keeps_every_value_and_the_order_of_the_specification() {
    for text in [FOLDER, UNKNOWN_KEYS, ONE, DRAFT] {
        let written = Receipt::parse(text.as_bytes()).unwrap().to_json_pretty();
        let (before, after) = (
            json::parse(text.as_bytes()).unwrap(),
            json::parse(written.as_bytes()).unwrap(),
        );
        // The same keys with the same values, in whatever order they came.
        assert_eq!(json::write(&before), json::write(&after));
        assert_eq!(
            Receipt::parse(written.as_bytes()).unwrap().to_json_pretty(),
            written
        );
        let keys: Vec<&str> = after.keys().take(5).collect();
        assert_eq!(keys, ["format", "record", "submission", "evidence", "manifest"]);
    }
    assert!(UNKNOWN_KEYS.contains("\"future\"") && UNKNOWN_KEYS.contains("\"someday\""));
}

#[test]
fn pretty_print_is_pinned() {
    let shown = |text: &str| ShownPart {
        salt: Salt::from_bytes([0; 32]),
        text: text.to_owned(),
    };
    let record = ReceiptRecord::new(
        ReceiptPart::Shown(shown("{}")),
        ReceiptPart::Withheld(sha256(b"")),
        ReceiptPart::Shown(shown("")),
        shown("{\"log\":\"\u{e9}\"}"),
    );
    let receipt = Receipt::new(
        record,
        None,
        vec![Evidence::with_tokens("p\n".to_owned(), [&[1_u8][..]])],
    )
    .unwrap();
    let salt = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let expected = format!(
        r#"{{
  "format": "trialseal-receipt/v1",
  "record": {{
    "what": {{
      "salt": "{salt}",
      "text": "{{}}"
    }},
    "who": {{
      "withheld": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }},
    "why": {{
      "salt": "{salt}",
      "text": ""
    }},
    "when": {{
      "salt": "{salt}",
      "text": "{{\"log\":\"{}\"}}"
    }}
  }},
  "submission": null,
  "evidence": [
    {{
      "proof": "p\n",
      "timestamps": [
        {{
          "token": "AQ==",
          "type": "rfc3161"
        }}
      ]
    }}
  ]
}}
"#,
        '\u{e9}'
    );
    assert_eq!(receipt.to_json_pretty(), expected);
    assert_eq!(receipt.evidence()[0].timestamps[0].token(), Some(vec![1]));
}

#[test]
fn shapes_that_are_not_exact_are_refused_and_named() {
    let name = |from: &str, to: &str| {
        let changed = FOLDER.replacen(from, to, 1);
        assert_ne!(changed, FOLDER, "{from}");
        Receipt::parse(changed.as_bytes()).unwrap_err().to_string()
    };
    assert!(name("\"salt\"", "\"Salt\"").starts_with("record.what.salt is missing"));
    assert!(name("\"salt\": \"", "\"more\": 1, \"salt\": \"").starts_with("record.what is neither"));
    assert!(name("\"submission\"", "\"Submission\"").starts_with("submission is missing"));
    assert!(name("\"note\": \"", "\"more\": 1, \"note\": \"").starts_with("submission is neither"));
    assert!(name("\"timestamps\": []", "\"timestamps\": {}").starts_with("evidence[0].timestamps is not"));
    assert!(name("\"timestamps\": []", "\"timestamps\": [1]").contains("not an object"));
    let bad = "\"timestamps\": [{\"token\":\"A\",\"type\":\"rfc3161\"}]";
    assert!(name("\"timestamps\": []", bad).contains("not base64"));
    let many = format!("\"timestamps\": [{}]", vec!["{}"; 17].join(","));
    assert!(name("\"timestamps\": []", &many).contains("more than 16"));
    assert!(name("\"manifest\": {", "\"manifest\": {\"more\": 1,").starts_with("manifest is neither"));
    assert!(name("trialseal-receipt/v1", "trialseal-receipt/v2").contains("format"));
    let long = format!("{{\\\"x\\\":\\\"{}\\\",\\\"class\\\":", "y".repeat(1_025));
    assert!(name("{\\\"class\\\":", &long).contains("1024"));
}

#[test]
fn sizes_and_counts_are_bounded() {
    let without = folder().without_manifest().to_json_pretty();
    let padded = |length: usize| without.clone() + &" ".repeat(length - without.len());
    assert!(Receipt::parse(padded(MAX_BYTES).as_bytes()).is_ok());
    assert_eq!(
        Receipt::parse(padded(MAX_BYTES + 1).as_bytes()),
        Err(ReceiptError::TooLarge(MAX_BYTES + 1))
    );
    let with = FOLDER.to_owned() + &" ".repeat(2 * MAX_BYTES);
    assert!(Receipt::parse(with.as_bytes()).is_ok());
    let too_large = " ".repeat(MAX_BYTES_WITH_MANIFEST + 1);
    assert!(matches!(
        Receipt::parse(too_large.as_bytes()),
        Err(ReceiptError::TooLarge(_))
    ));
    let evidence = |count| vec![Evidence::new(String::new()); count];
    let made = |count| {
        Receipt::new(
            folder().record().clone(),
            folder().submission().cloned(),
            evidence(count),
        )
    };
    assert!(made(1).is_ok() && made(16).is_ok());
    assert_eq!(made(0), Err(ReceiptError::EvidenceCount(0)));
    assert_eq!(made(17), Err(ReceiptError::EvidenceCount(17)));
    let token = |bytes: usize| {
        let token = crate::encoding::base64_encode(&vec![0; bytes]);
        let stamped = format!("\"timestamps\": [{{\"token\":\"{token}\",\"type\":\"rfc3161\"}}]");
        Receipt::parse(FOLDER.replacen("\"timestamps\": []", &stamped, 1).as_bytes())
    };
    assert!(token(MAX_TOKEN_BYTES).is_ok());
    assert!(token(MAX_TOKEN_BYTES + 1).is_err());
}

#[test]
fn evidence_is_appended_and_the_first_stamp_is_never_dropped() {
    let mut receipt = folder();
    let first = receipt.evidence()[0].clone();
    receipt.append_evidence(Evidence::with_tokens(first.proof.clone(), [&[1_u8][..]]));
    receipt.append_evidence(Evidence::with_tokens(first.proof.clone(), [&[1_u8][..], &[2]]));
    assert_eq!(receipt.evidence().len(), 1);
    assert_eq!(receipt.evidence()[0].timestamps.len(), 2);
    let mut receipt = folder();
    for number in 0..40_u8 {
        let proof = format!("proof {number}");
        receipt.append_evidence(match number {
            3 | 5 => Evidence::with_tokens(proof, [&[number][..]]),
            _ => Evidence::new(proof),
        });
    }
    assert_eq!(receipt.evidence().len(), MAX_EVIDENCE);
    assert_eq!(receipt.evidence()[0], first);
    assert_eq!(receipt.evidence()[1].proof, "proof 3");
    assert_eq!(receipt.evidence()[15].proof, "proof 39");
}

#[test]
fn withholding_keeps_the_record() {
    let receipt = folder();
    let root = receipt.record().leaves().root();
    for part in Part::ALL {
        let less = receipt.clone().withholding(part);
        assert_eq!(less.record().leaves().root(), root);
        assert_eq!(Receipt::parse(less.to_json_pretty().as_bytes()).unwrap(), less);
        let note_is_shown = matches!(less.submission(), Some(ReceiptSubmission::Note(_)));
        assert_eq!(note_is_shown, part != Part::Who);
        assert_eq!(less.manifest().is_some(), part != Part::What);
    }
}

#[test]
fn cutting_to_one_item_gives_the_vector() {
    let cut = folder().with_one_item("datasets/adsl.xpt").unwrap();
    let vector = Receipt::parse(ONE.as_bytes()).unwrap();
    let (Some(ReceiptManifest::One(cut)), Some(ReceiptManifest::One(vector))) =
        (cut.manifest(), vector.manifest())
    else {
        panic!("both show one item");
    };
    assert_eq!(json::write(cut), json::write(vector));
}

#[test]
fn many_unknown_keys_are_kept() {
    let unknown: String = (0..60_000).map(|number| format!("\"k{number}\":1,")).collect();
    let text = FOLDER.replacen('{', &format!("{{{unknown}"), 1);
    let receipt = Receipt::parse(text.as_bytes()).unwrap();
    let again = Receipt::parse(receipt.to_json_pretty().as_bytes()).unwrap();
    assert_eq!(again, receipt);
    assert_eq!(again.unknown.len(), 60_000);
}

#[test]
fn evidence_with_other_unknown_keys_is_kept_beside() {
    let mut with_cose = folder().evidence()[0].clone();
    with_cose.unknown.insert("cose", "AAAA");
    let mut receipt = folder();
    receipt.append_evidence(with_cose.clone());
    assert_eq!(
        (receipt.evidence().len(), receipt.evidence()[0].cose()),
        (1, Some("AAAA"))
    );
    with_cose.unknown.insert("cose", "BBBB");
    receipt.append_evidence(with_cose);
    assert_eq!(
        (receipt.evidence().len(), receipt.evidence()[0].cose()),
        (2, Some("AAAA"))
    );
}

/// The folder's own proof with more signature lines, as if witnesses had cosigned.
fn cosigned(proof: &str, witnesses: &[u8]) -> String {
    let mut text = proof.to_owned();
    for seed in witnesses {
        let name = crate::note::KeyName::new(&format!("witness.example/{seed}")).unwrap();
        let key = crate::note::Ed25519SigningKey::from_seed(name, [*seed; 32]);
        text.push_str(&format!("{}\n", key.cosign("text\n", 1).unwrap()));
    }
    text
}

#[test]
fn cosignatures_that_came_later_widen_the_element() {
    let mut receipt = folder();
    let bare = receipt.evidence()[0].proof.clone();
    let append = |receipt: &mut Receipt, witnesses: &[u8]| {
        receipt.append_evidence(Evidence::new(cosigned(&bare, witnesses)))
    };
    assert!(append(&mut receipt, &[1]));
    assert!(append(&mut receipt, &[2, 1]));
    // What is known already changes nothing.
    assert!(!append(&mut receipt, &[2]));
    assert!(!append(&mut receipt, &[]));
    assert_eq!(receipt.evidence().len(), 1);
    assert_eq!(receipt.evidence()[0].proof, cosigned(&bare, &[2, 1]));
    // Lines are lost in neither of the two.
    assert!(append(&mut receipt, &[1, 3]));
    assert_eq!(receipt.evidence().len(), 2);
}

#[test]
fn the_first_the_first_witnessed_the_first_stamped_and_the_newest_stay() {
    let mut receipt = folder();
    let bare = receipt.evidence()[0].proof.clone();
    let other = |number: u8| {
        bare.replacen(
            "index ",
            &format!("extra {}\nindex ", crate::encoding::base64_encode(&[number])),
            1,
        )
    };
    for number in 0..60 {
        let element = match number {
            5 | 20 => Evidence::new(cosigned(&other(number), &[1])),
            9 | 30 => Evidence::with_tokens(other(number), [&[number][..]]),
            _ => Evidence::new(other(number)),
        };
        assert!(receipt.append_evidence(element));
    }
    let proofs: Vec<&str> = receipt.evidence().iter().map(|one| one.proof.as_str()).collect();
    assert_eq!(proofs.len(), MAX_EVIDENCE);
    assert_eq!(proofs[..3], [&bare, &cosigned(&other(5), &[1]), &other(9)]);
    assert_eq!(proofs[15], other(59));
}

#[test]
fn a_cose_receipt_is_kept_to_the_byte() {
    let mut receipt = folder();
    let proof = receipt.evidence()[0].proof.clone();
    assert!(receipt.append_evidence(Evidence::new(proof).with_cose(&[0xd2, 0x84])));
    let again = Receipt::parse(receipt.to_json_pretty().as_bytes()).unwrap();
    assert_eq!(again.evidence()[0].cose(), Some("0oQ="));
    assert_eq!(again.evidence()[0].cose_bytes(), Some(vec![0xd2, 0x84]));
    assert_eq!(folder().evidence()[0].cose_bytes(), None);
}
