//! The fuzz targets, run on their corpus and on a bounded number of mutations of it, the same each time.

#![allow(clippy::unwrap_used, reason = "a missing corpus must fail the test")]

#[allow(unreachable_pub, reason = "the fuzz crate exports the same file")]
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Mutations of each seed; the whole run takes a few seconds.
const MUTATIONS_PER_SEED: usize = 10_000;
/// Larger inputs are slow to mutate and reach nothing new.
const BYTES_MAX: usize = 16 * 1024;

/// Pieces that mean something to one of the parsers.
const DICTIONARY: &[&[u8]] = &[
    b"\n",
    b"\n\n",
    b"\r",
    b"\0",
    b" ",
    b"=",
    b"==",
    b"+",
    b"/",
    b"-0",
    b"0",
    b"00",
    b"1e1",
    b"9007199254740992",
    b"18446744073709551616",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\u0061",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"{\"a\":",
    b"[[[[[[[[",
    b"null",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80\x94 ",
    b"x001/",
    b".p/",
    b"extra ",
    b"index ",
    b"Z",
    b".000",
    b"T23:59:60",
    b"[[log]]\n",
    b"..",
    b"\xe2\x80\xae",
];

/// Xorshift with a fixed seed: a failure repeats.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> core::ops::Range<usize> {
        let (one, two) = (self.below(length + 1), self.below(length + 1));
        one.min(two)..one.max(two)
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // The order of a folder is not fixed, that of the mutations must be.
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let place = random.below(bytes.len() + 1);
    match random.below(7) {
        0 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
        1 if place < bytes.len() => bytes[place] = random.next() as u8,
        2 => drop(bytes.drain(random.range(bytes.len()))),
        3 => bytes.truncate(place),
        4 => {
            let piece = DICTIONARY[random.below(DICTIONARY.len())];
            bytes.splice(place..place, piece.iter().copied());
        }
        5 => {
            let piece = other[random.range(other.len())].to_vec();
            bytes.splice(place..place, piece);
        }
        _ => {
            let piece = bytes[random.range(bytes.len())].to_vec();
            let replaced = random.range(bytes.len());
            bytes.splice(replaced, piece);
        }
    }
    bytes.truncate(BYTES_MAX);
}

#[test]
fn every_target_has_seeds() {
    for (name, _) in targets::TARGETS {
        assert!(!seeds(name).is_empty(), "fuzz/corpus/{name} is empty");
    }
}

#[test]
fn seeds_and_their_mutations_are_survived() {
    for (name, target) in targets::TARGETS {
        let seeds = seeds(name);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for seed in &seeds {
            target(seed);
            for _ in 0..MUTATIONS_PER_SEED {
                let mut bytes = seed.clone();
                for _ in 0..=random.below(4) {
                    let other = &seeds[random.below(seeds.len())];
                    mutate(&mut bytes, other, &mut random);
                }
                target(&bytes);
            }
        }
    }
}

#[test]
fn bytes_without_any_form_are_survived() {
    for (_, target) in targets::TARGETS {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for _ in 0..2_000 {
            let length = random.below(200);
            let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            target(&bytes);
        }
    }
}
