use super::*;
use crate::checkpoint::{Checkpoint, Origin};
use crate::entry::record_entry;
use crate::hash::{Hash, RecordId, sha256};
use crate::index::{LogIndex, LogSize};
use crate::merkle::builder::Tree;
use crate::merkle::leaf_hash;

/// A receipt of another implementation: RFC 9942 alone, without a signed tree size.
const KNOWN: &str = "d2845838a419018b010fa2017668747470733a2f2f6e6f746172792e6578616d706c65027175726e3a65\
78616d706c653a747269616c04426b310127a119018ca12081586a830502835820f1fbbbe36a7c26642bf89e87d44e785402b9e723\
cd9b190566ff6a5f8a1de294582082bbd1c5de08394573f035ab3871ffaa6d8aba80baf47c7b28fb2b167f18464e5820929a82444d\
49121b8f9f31e6a720898d3bc0e591699ac8133f3bc28b27ead191f65840c48b5e6a5964f87fc816c4abcd7c411635927997abd928\
5e8917524f849c6c0540f687f9e175b25257f05ace4b5e9fd7c42cafb12e65f8a68d90712e993d8a0f";
const KNOWN_ROOT: &str = "2f4e0d79b7e066069be4d391a858023d0acd245505ab6913a8fd69726b65741d";

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn key() -> CoseSigningKey {
    CoseSigningKey::from_seed(core::array::from_fn(|place| place as u8))
}

fn entries() -> Vec<[u8; 33]> {
    (0..7_u8)
        .map(|number| record_entry(&RecordId::from_hash(sha256(&[number]))))
        .collect()
}

fn log() -> (Tree, Checkpoint) {
    let leaves: Vec<Hash> = entries().iter().map(|entry| leaf_hash(entry)).collect();
    let tree = Tree::new(&leaves);
    let checkpoint = Checkpoint {
        origin: Origin::new("notary.example/log1").unwrap(),
        size: LogSize::new(7).unwrap(),
        root: tree.root(),
    };
    (tree, checkpoint)
}

fn receipt(place: u64) -> CoseReceipt {
    let (tree, checkpoint) = log();
    let signature = key().sign_checkpoint(&checkpoint).unwrap();
    let index = LogIndex::new(place).unwrap();
    let path = tree.path(place as usize).unwrap();
    CoseReceipt::of_entry(key().public(), &checkpoint, signature, index, &path).unwrap()
}

#[test]
fn known_receipt_of_another_implementation() {
    let bytes = bytes(KNOWN);
    let receipt = CoseReceipt::parse_any(&bytes).unwrap();
    assert_eq!(receipt.encode(), bytes);
    assert_eq!((receipt.index().get(), receipt.size().get()), (2, 5));
    assert_eq!(
        receipt.header(),
        &ProtectedHeader {
            key_id: b"k1".to_vec(),
            issuer: "https://notary.example".to_owned(),
            subject: "urn:example:trial".to_owned(),
            tree_size: None,
        }
    );
    let root = receipt.verify(b"leaf2", key().public()).unwrap();
    assert_eq!(root.to_hex(), KNOWN_ROOT);
    assert_eq!(
        receipt.verify(b"leaf3", key().public()),
        Err(CoseError::Signature)
    );
    // It lacks what a receipt of ours must have.
    assert!(matches!(
        CoseReceipt::parse(&bytes),
        Err(CoseError::Origin { .. })
    ));
}

#[test]
fn every_entry_goes_round_and_verifies() {
    for (place, entry) in entries().iter().enumerate() {
        let made = receipt(place as u64);
        let read = CoseReceipt::parse(&made.encode()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.verify(entry, key().public()), Ok(log().1.root));
        let other = entries()[(place + 1) % 7];
        assert_eq!(read.verify(&other, key().public()), Err(CoseError::Signature));
        let stranger = CoseSigningKey::from_seed([9; 32]);
        assert!(matches!(
            read.verify(entry, stranger.public()),
            Err(CoseError::OtherKey { .. })
        ));
    }
}

/// The same made by a script that shares nothing with this code but RFC 8949, 9052, 9679 and 9942.
#[test]
fn ours_are_what_other_code_makes() {
    let made = receipt(3).encode();
    assert_eq!(made, include_bytes!("../../fuzz/corpus/cose/trialseal"));
}

#[test]
fn the_header_is_pinned() {
    let header = receipt(3).protected_bytes().to_vec();
    let thumbprint = key().public().thumbprint().to_hex();
    // Written out by hand from RFC 8949.
    let expected = format!(
        "a50127045820{thumbprint}0fa201736e6f746172792e6578616d706c652f6c6f673102736e6f746172792e6578616d706c\
         652f6c6f673119018b017374726961 6c7365616c2d747265652d73697a6507"
    );
    assert_eq!(header, bytes(&expected.replace(' ', "")));
}

#[test]
fn thumbprint_and_key_set_are_pinned() {
    let public = key().public().clone();
    let x = crate::encoding::hex_encode(public.as_bytes());
    // The public key of the seed 00 01 .. 1f, as RFC 8032 code elsewhere gives it.
    assert_eq!(
        x,
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    );
    let thumbprint = sha256(&bytes(&format!("a3010120062158 20{x}").replace(' ', "")));
    assert_eq!(public.thumbprint(), thumbprint);
    let expected = format!("81a50101025820{}03272006215820{x}", thumbprint.to_hex());
    assert_eq!(key_set(std::slice::from_ref(&public)), bytes(&expected));
    assert_eq!(key_set(&[]), [0x80]);
    assert_eq!(
        public.to_pem(),
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n"
    );
    let error = CoseKey::from_bytes(&[0; 32]).unwrap_err();
    assert!(matches!(error, CoseError::Key(_)), "weak keys are refused");
}

#[test]
fn every_changed_byte_is_found() {
    let made = receipt(3).encode();
    let entry = entries()[3];
    for place in 0..made.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = made.clone();
            changed[place] ^= flip;
            let verified = CoseReceipt::parse(&changed).and_then(|read| read.verify(&entry, key().public()));
            assert!(verified.is_err(), "byte {place} ^ {flip:02x}");
        }
        assert!(CoseReceipt::parse(&made[..place]).is_err());
        assert!(CoseReceipt::parse_any(&made[..place]).is_err());
    }
}

/// Replaces a piece of the encoding of the known receipt, given in hex, once.
fn with(from: &str, to: &str) -> CoseError {
    assert_eq!(KNOWN.matches(from).count(), 1, "{from}");
    CoseReceipt::parse_any(&bytes(&KNOWN.replace(from, to))).unwrap_err()
}

#[track_caller]
fn assert_problem(error: CoseError, expected: CborProblem) {
    match error {
        CoseError::Cbor { problem, .. } => assert_eq!(problem, expected),
        other => panic!("{other}"),
    }
}

#[test]
fn sloppy_cbor_is_refused() {
    let trailing = format!("{KNOWN}00");
    let error = CoseReceipt::parse_any(&bytes(&trailing)).unwrap_err();
    assert_problem(error, CborProblem::TrailingBytes);
    assert_problem(with("d28458", "d29f58"), CborProblem::Indefinite);
    assert_problem(with("586a8305028358", "586a9f05028358"), CborProblem::Indefinite);
    // 5 in two bytes; the string that holds the proof is one byte longer.
    assert_problem(with("586a830502", "586b83180502"), CborProblem::NotShortest);
    // 106 in three bytes.
    assert_problem(with("586a830502", "59006a830502"), CborProblem::NotShortest);
    assert_problem(with("d28458", "d29c58"), CborProblem::Reserved);
    // The key identifier twice.
    let twice = KNOWN
        .replace("5838a4", "583ca5")
        .replace("04426b310127", "04426b3104426b310127");
    let error = CoseReceipt::parse_any(&bytes(&twice)).unwrap_err();
    assert_problem(error, CborProblem::DuplicateKey);
}

#[test]
fn other_algorithms_and_forms_are_refused() {
    for (from, to) in [
        // ES256; another data structure; an attached payload; two proofs; no proof; another tag.
        ("04426b310127", "04426b310126"),
        ("a419018b01", "a419018b02"),
        ("27ead191f6", "27ead19140"),
        ("a12081586a", "a12082586a"),
        ("a12081586a", "a12180586a"),
        ("d284", "d384"),
    ] {
        with(from, to);
    }
    let label = with("04426b310127", "05426b310127");
    assert!(label.to_string().contains("labels 1, 4, 15"), "{label}");
    let large = vec![0; MAX_BYTES + 1];
    assert_eq!(
        CoseReceipt::parse_any(&large),
        Err(CoseError::TooLarge(MAX_BYTES + 1))
    );
}

#[test]
fn the_signed_size_and_the_proofs_must_agree() {
    let (tree, checkpoint) = log();
    let signature = key().sign_checkpoint(&checkpoint).unwrap();
    let protected = protected_header(key().public(), &checkpoint.origin, checkpoint.size);
    let index = LogIndex::new(3).unwrap();
    let path = tree.path(3).unwrap();
    let made = |size, path| {
        CoseReceipt::new(
            protected.clone(),
            LogSize::new(size).unwrap(),
            index,
            path,
            signature,
        )
    };
    made(7, path.clone()).unwrap();
    let error = CoseError::TreeSize { signed: 7, proof: 8 };
    assert_eq!(made(8, path), Err(error));
    assert_eq!(made(7, Vec::new()), Err(CoseError::PathLength(0)));
    let long = vec![sha256(b""); 64];
    assert_eq!(made(7, long), Err(CoseError::PathLength(64)));
}

#[test]
fn secrets_do_not_show() {
    let shown = format!("{:?}", key());
    assert!(
        shown.ends_with("hidden)") && !shown.contains("0, 1, 2"),
        "{shown}"
    );
}
