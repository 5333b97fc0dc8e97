use proptest::prelude::*;

use super::*;
use crate::hash::sha256_of;
use crate::vocabulary::ItemUse;

fn salt(number: u8) -> Salt {
    Salt::from_bytes([number; 32])
}

fn item(path: &str) -> Item {
    Item::new(
        ItemPath::new(path).unwrap(),
        &FileDigests {
            sha256: [1; 32],
            sha512: [2; 64],
            size: 3,
        },
    )
}

/// RFC 6962, section 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = (naive_root(&leaves[..split]), naive_root(&leaves[split..]));
            sha256_of(&[&[1], left.as_bytes(), right.as_bytes()])
        }
    }
}

#[test]
fn an_item_is_written_as_the_specification_shows_it() {
    let mut item = item("adam/adsl.xpt");
    item.used_as = Some(ItemUse::Output);
    item.sha512 = None;
    item.content = Some(ContentDigest {
        digest: "ab".to_owned(),
        method: "xpt5/v1".to_owned(),
    });
    let text = item.to_json();
    assert_eq!(
        text,
        format!(
            "{{\"as\":\"output\",\"content\":{{\"digest\":\"ab\",\"method\":\"xpt5/v1\"}},\
             \"path\":\"adam/adsl.xpt\",\"sha256\":\"{}\",\"size\":3}}",
            "01".repeat(32)
        )
    );
    assert_eq!(Item::parse(text.as_bytes()).unwrap(), item);
}

#[test]
fn a_verifier_ignores_keys_of_an_item_that_it_does_not_know() {
    let text = item("a")
        .to_json()
        .replace("{\"path\"", "{\"future\":[1],\"path\"");
    assert_eq!(Item::parse(text.as_bytes()).unwrap(), item("a"));
}

#[test]
fn malformed_items_are_refused() {
    let good = item("a").to_json();
    for (from, to) in [
        ("\"size\":3", "\"size\":-3"),
        ("\"size\":3", "\"size\":3.0"),
        ("\"size\":3", "\"size\":\"3\""),
        (",\"size\":3", ""),
        ("\"sha256\":\"01", "\"sha256\":\"0"),
        ("\"sha512\":\"02", "\"sha512\":\"0x"),
        ("\"sha256\"", "\"sha1\""),
        ("\"path\":\"a\"", "\"path\":1"),
        ("\"path\":\"a\"", "\"path\":\"../a\""),
        ("\"path\":\"a\"", "\"as\":\"outputs\",\"path\":\"a\""),
        ("\"path\":\"a\"", "\"content\":{\"digest\":\"a\"},\"path\":\"a\""),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        assert!(Item::parse(text.as_bytes()).is_err(), "{text}");
    }
    let long = good.replace("\"path\"", &format!("\"x\":\"{}\",\"path\"", "y".repeat(1_025)));
    assert_eq!(Item::parse(long.as_bytes()), Err(ItemError::TooLong));
}

#[test]
fn paths_that_leave_the_folder_or_deceive_are_refused() {
    for good in [
        "a",
        "a/b.c",
        ".hidden",
        "a b",
        "...",
        "\u{e9}/\u{4e2d}",
        &"a".repeat(255),
    ] {
        assert_eq!(ItemPath::new(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/./b",
        "a\\b",
        "c:a",
        "a\u{0}",
        "a\u{1f}",
        "a\u{7f}",
        "a\u{85}",
        "a\u{9f}",
        "a\u{200e}",
        "a\u{200f}",
        "a\u{202a}",
        "a\u{202e}",
        "a\u{2066}",
        "a\u{2069}",
    ] {
        assert!(ItemPath::new(bad).is_err(), "{bad:?}");
    }
    assert!(ItemPath::new(&"a".repeat(256)).is_err());
    let long = vec!["a".repeat(200); 6].join("/");
    assert!(ItemPath::new(&long[..1_024]).is_ok() && ItemPath::new(&long[..1_025]).is_err());
    assert_eq!(ItemPath::new("a/b/c.xpt").unwrap().file_name(), "c.xpt");
}

#[test]
fn manifests_without_items_or_with_one_path_twice_are_refused() {
    assert_eq!(Manifest::new([]), Err(ManifestError::Count(0)));
    let twice = Manifest::new([(salt(1), item("a")), (salt(2), item("a"))]);
    assert_eq!(twice, Err(ManifestError::SamePath(ItemPath::new("a").unwrap())));
    let too_many = (0..=MAX_ITEMS).map(|number| (salt(0), item(&number.to_string())));
    assert_eq!(Manifest::new(too_many), Err(ManifestError::Count(MAX_ITEMS + 1)));
    assert!(
        Manifest::new([(salt(0), item("a"))])
            .unwrap()
            .open_one(1)
            .is_err()
    );
}

#[test]
fn derived_salts_are_those_of_the_specification() {
    // Computed from RFC 5869 with Python's hmac module.
    let seed: [u8; 32] = std::array::from_fn(|index| index as u8);
    let key = IdempotencyKey::from_bytes([0x5a; 32]);
    let derived = derive_salt(&seed, &key, &ItemPath::new("adam/adsl.xpt").unwrap());
    assert_eq!(
        derived.to_hex(),
        "6c16500add38aee09acc2f94f27dcc608eca328a0f7e1d440436e368fb261f92"
    );
    assert_ne!(
        derived,
        derive_salt(&seed, &key, &ItemPath::new("adam/adsl.xp").unwrap())
    );
}

#[test]
fn the_smallest_manifests_have_the_trees_of_rfc_6962() {
    for count in 1..=20_u8 {
        let items = (0..count).map(|number| (salt(number), item(&format!("{number:02}"))));
        let manifest = Manifest::new(items).unwrap();
        let leaves: Vec<Hash> = manifest.items().iter().map(SaltedItem::leaf).collect();
        assert_eq!(manifest.root(), naive_root(&leaves));
        if count == 1 {
            assert_eq!(manifest.root(), leaves[0]);
        }
    }
}

proptest! {
    #[test]
    fn a_manifest_opens_as_a_naive_model_says(
        files in prop::collection::btree_map("[a-z]{1,3}(/[a-z]{1,3})?", any::<[u8; 32]>(), 1..40),
        order in any::<u64>(),
        chosen in any::<prop::sample::Index>(),
    ) {
        let mut items: Vec<(Salt, Item)> =
            files.iter().map(|(path, salt)| (Salt::from_bytes(*salt), item(path))).collect();
        let by = (order % items.len() as u64) as usize;
        items.rotate_left(by);
        let manifest = Manifest::new(items).unwrap();
        // The model: a sorted map of paths.
        let paths: Vec<&str> = manifest.items().iter().map(|item| item.item.path.as_str()).collect();
        prop_assert_eq!(paths, files.keys().map(String::as_str).collect::<Vec<_>>());
        let leaves: Vec<Hash> = manifest.items().iter().map(SaltedItem::leaf).collect();
        prop_assert_eq!(manifest.root(), naive_root(&leaves));
        let commitment = manifest.commitment();
        let texts = manifest.items().iter().map(|item| (item.salt, item.text.clone()));
        let all = Opening::all(texts).unwrap();
        prop_assert_eq!(all.verify(&commitment), Ok(()));
        let index = chosen.index(files.len());
        let opened = manifest.open_one(index).unwrap();
        let one = Opening::One(Box::new(opened.clone()));
        prop_assert_eq!(one.verify(&commitment), Ok(()));
        // Any other place, salt or root is refused.
        for other in (0..files.len() as u64).filter(|other| *other != index as u64) {
            let mut moved = opened.clone();
            moved.index = other;
            prop_assert_eq!(Opening::One(Box::new(moved)).verify(&commitment), Err(OpeningError::Root));
        }
        let mut resalted = opened.clone();
        let mut bytes = *resalted.item.salt.as_bytes();
        bytes[31] ^= 1;
        resalted.item.salt = Salt::from_bytes(bytes);
        prop_assert_eq!(Opening::One(Box::new(resalted)).verify(&commitment), Err(OpeningError::Root));
        let mut longer = opened;
        longer.path.push(commitment.root);
        prop_assert_eq!(Opening::One(Box::new(longer)).verify(&commitment), Err(OpeningError::Root));
    }

    #[test]
    fn items_read_back(path in "[a-z\u{e9}]{1,9}(/[ -.0-9]{3,9}x){0,2}", size in 0_u64..1 << 53, short in any::<bool>()) {
        let mut item = item(&path.replace('\\', "-"));
        item.size = size;
        if short {
            item.sha512 = None;
        }
        prop_assert_eq!(Item::parse(item.to_json().as_bytes()).unwrap(), item);
    }

    #[test]
    fn hostile_items_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[{}\":a-z0-9,]{0,80}") {
        let _ = Item::parse(&bytes);
        let _ = Item::parse(text.as_bytes());
        let _ = ItemPath::new(&text);
    }
}
