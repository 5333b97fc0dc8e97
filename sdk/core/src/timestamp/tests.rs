use super::*;
use crate::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey};

const TEXT: &str = "notary.example/log1\n70000\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n";

#[test]
fn a_stamp_covers_the_text_and_the_logs_two_lines_in_their_order() {
    let name = |text| KeyName::new(text).unwrap();
    let ed25519 = Ed25519SigningKey::from_seed(name("notary.example/log1"), [1; 32]);
    let mldsa = MlDsa44SigningKey::from_seed(name("notary.example/log1"), [2; 32]);
    let witness = Ed25519SigningKey::from_seed(name("witness.example/w1"), [3; 32]);
    let line = |text: &str| SignatureLine::parse(text).unwrap();
    let own = line(&ed25519.sign(TEXT).to_string());
    let checkpoint = crate::checkpoint::Checkpoint::parse(TEXT).unwrap();
    let signed = mldsa.cosign_checkpoint(&checkpoint, 1_767_225_600).unwrap();
    let cosigned = witness.cosign(TEXT, 1_767_225_601).unwrap();
    let stamp = |lines: Vec<SignatureLine>| {
        let note = SignedNote::new(TEXT.to_owned(), lines).unwrap();
        stamped_bytes(&note, ed25519.verifier(), mldsa.verifier())
    };
    let expected = format!("{TEXT}\n{own}\n{signed}\n").into_bytes();
    let lines = vec![cosigned.clone(), signed.clone(), own.clone()];
    assert_eq!(stamp(lines), Some(expected.clone()));
    assert_eq!(stamp(vec![own.clone(), signed.clone()]), Some(expected));
    assert_eq!(stamp(vec![own.clone(), cosigned]), None);
    assert_eq!(stamp(vec![own.clone(), own, signed]), None);
}
