//! Tests of the journal.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::fs::SimulatedFileSystem;

const DIRECTORY: &str = "/journal";
const IDENTITY: JournalId = JournalId([7; 16]);
const OPTIONS: JournalOptions = JournalOptions {
    segment_bytes: 4 * BLOCK,
    limit_bytes: 16 * BLOCK,
    payload_bytes_max: 8000,
};

#[test]
fn appends_rolls_releases_and_reopens() {
    let fs = SimulatedFileSystem::new();
    let shared: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let mut journal = Journal::create(shared.clone(), Path::new(DIRECTORY), OPTIONS, IDENTITY).unwrap();
    for batch in 0..10u64 {
        let position = journal
            .append(batch * 3, 3, &[b"pieces", &batch.to_le_bytes()])
            .unwrap();
        let (header, payload) = journal.reader().read(position).unwrap();
        assert_eq!(header.first_index, batch * 3);
        assert_eq!(payload, [&b"pieces"[..], &batch.to_le_bytes()].concat());
    }
    assert_eq!(journal.keeper().release(12).unwrap(), 1);
    drop(journal);
    let mut seen = Vec::new();
    let journal = Journal::open(shared, Path::new(DIRECTORY), OPTIONS, &mut |frame, _| {
        seen.push(frame.first_index);
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [9, 12, 15, 18, 21, 24, 27]);
    assert_eq!(journal.next_index(), Some(30));
}
