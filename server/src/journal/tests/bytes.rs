//! The bytes on disk. A change here is a change of format.

use super::*;

/// Computed by a bitwise CRC-32C of its own, outside this program.
const SEGMENT: &str = concat!(
    "54534c5345474d540100000000000000000102030405060708090a0b0c0d0e0f",
    "0100000000000000004000000000000076188eed"
);
const FIRST: &str = concat!(
    "54534c4652414d4501000000eb08c9d9000102030405060708090a0b0c0d0e0f",
    "0100000000000000010000000000000005000000000000000200000009000000e05cc702a68e5f5c",
    "74776f207061727473"
);
const SECOND: &str = concat!(
    "54534c4652414d4501000000a68e5f5c000102030405060708090a0b0c0d0e0f",
    "01000000000000000200000000000000070000000000000000000000000000007a2b7dafc74b6748"
);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn known_answer() {
    let fs = SimulatedFileSystem::new();
    let mut journal = create(&fs).unwrap();
    journal.append(5, 2, &[b"two ", b"parts"]).unwrap();
    let position = journal.append(7, 0, &[]).unwrap();
    assert_eq!(
        position,
        Position {
            segment: 1,
            offset: 8192,
            length: 0
        }
    );
    let contents = fs.read(&segment_path(1), OPTIONS.segment_bytes).unwrap();
    let blocks: Vec<_> = contents.chunks(4096).collect();
    for (block, expected) in blocks.iter().zip([SEGMENT, FIRST, SECOND, ""]) {
        let (written, padding) = block.split_at(expected.len() / 2);
        assert_eq!(hex(written), expected);
        assert!(frame::is_zero(padding));
    }
}
