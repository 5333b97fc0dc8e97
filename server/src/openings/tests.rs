//! Openings: kept, found again, damaged, erased.

use super::*;
use crate::fs::SimulatedFileSystem;
use trialseal_core::{
    hash::{Hash, sha256},
    manifest::{FileDigests, Item, ItemPath, Manifest},
};

fn layout(folder: &str) -> Layout {
    let folder = PathBuf::from(folder);
    Layout {
        public: folder.join("public"),
        private: folder.join("private"),
        journal: folder.join("journal"),
        index: folder.join("index"),
        signer_state: folder.join("signer.state"),
    }
}

fn opening(count: u32, salt: u8) -> (Opening, ManifestCommitment) {
    let items = (0..count).map(|number| {
        let digests = FileDigests {
            sha256: *sha256(&number.to_be_bytes()).as_bytes(),
            sha512: [7; 64],
            size: u64::from(number),
        };
        let path = ItemPath::new(&format!("adam/{number:05}.xpt")).unwrap();
        (Salt::from_bytes([salt; 32]), Item::new(path, &digests))
    });
    let manifest = Manifest::new(items).unwrap();
    (Opening::All(manifest.items().to_vec()), manifest.commitment())
}

fn head(record: u64, opened: u64, manifest: ManifestCommitment) -> OpeningHead {
    let id = |place: u64| RecordId::from_hash(Hash::from_bytes(*sha256(&place.to_be_bytes()).as_bytes()));
    OpeningHead {
        record: (Place::new(record), id(record)),
        opened: (Place::new(opened), id(opened)),
        register: "trial:NCT04573309".parse().unwrap(),
        organization: "acme".parse().unwrap(),
        opened_to: vec!["inspector".to_owned(), "statistician".to_owned()],
        manifest,
    }
}

fn open(fs: &Arc<SimulatedFileSystem>, layout: &Layout) -> Openings {
    Openings::open(Arc::clone(fs) as _, layout, std::iter::empty()).unwrap()
}

#[test]
fn an_opening_is_found_again_and_erased_for_good() {
    let fs = Arc::new(SimulatedFileSystem::new());
    let layout = layout("/data");
    fs.create_dir_all(&layout.private, PRIVATE_DIRECTORY).unwrap();
    let openings = open(&fs, &layout);
    let (first, commitment) = opening(900, 1);
    openings.put(head(3, 10, commitment), &first).unwrap();
    openings.put(head(3, 10, commitment), &first).unwrap();
    let (second, other) = opening(2, 2);
    openings.put(head(4, 12, other), &second).unwrap();
    // Also by what comes after a power cut.
    fs.power_cut(1);
    let openings = open(&fs, &layout);
    assert_eq!(places(&*fs, &layout).unwrap(), [10, 12]);
    for place in [3, 10] {
        let found = openings.of(Place::new(place));
        assert_eq!(found.len(), 1, "by {place}");
        assert_eq!(*found[0], head(3, 10, commitment));
    }
    let items = openings.items(Place::new(10)).unwrap().unwrap();
    assert_eq!(Opening::all(items).unwrap(), first);
    check(&*fs, &layout, 10).unwrap();
    assert_eq!(
        openings.of_register(&"trial:NCT04573309".parse().unwrap()).len(),
        2
    );
    assert_eq!(openings.erase(Place::new(3)).unwrap(), [Place::new(10)]);
    assert_eq!(openings.items(Place::new(10)).unwrap(), None);
    fs.power_cut(2);
    let openings = open(&fs, &layout);
    assert!(openings.of(Place::new(3)).is_empty() && openings.of(Place::new(10)).is_empty());
    assert_eq!(openings.of(Place::new(4)).len(), 1);
}

#[test]
fn every_changed_byte_is_found() {
    let fs = Arc::new(SimulatedFileSystem::new());
    let layout = layout("/data");
    fs.create_dir_all(&layout.private, PRIVATE_DIRECTORY).unwrap();
    let (opened, commitment) = opening(3, 1);
    open(&fs, &layout).put(head(3, 10, commitment), &opened).unwrap();
    let length = fs.metadata(&layout.opening(10)).unwrap().unwrap().length;
    for offset in 0..length {
        fs.flip(&layout.opening(10), offset, 1).unwrap();
        assert!(check(&*fs, &layout, 10).is_err(), "byte {offset}");
        fs.flip(&layout.opening(10), offset, 1).unwrap();
    }
    check(&*fs, &layout, 10).unwrap();
    // Items that lead to another root than the head says, though the file is intact.
    let (other, _) = opening(3, 9);
    let lie = file::encode(&head(3, 11, commitment), &other);
    write_new(&*fs, &layout.opening(11), &lie, PRIVATE_FILE).unwrap();
    assert!(check(&*fs, &layout, 11).is_err());
}

#[test]
fn pages_of_digests_hold_every_item_once_in_order() {
    let (opening, _) = opening(900, 1);
    let pages = digest_pages(&opening);
    assert_eq!(pages.len(), 900_usize.div_ceil(DIGESTS_ON_PAGE));
    assert!(pages.iter().all(|page| page.len() < 16 << 10));
    let rows: Vec<&[u8]> = pages.iter().flat_map(|page| page.chunks(36)).collect();
    assert!(rows.is_sorted());
    for (position, item) in opening.items().iter().enumerate() {
        let row = rows
            .iter()
            .filter(|row| row[..32] == item.item.sha256)
            .collect::<Vec<_>>();
        assert_eq!(row.len(), 1);
        assert_eq!(row[0][32..], u32::try_from(position).unwrap().to_be_bytes());
    }
}
