//! Hashing a large file by the SDK, against both hash functions on a buffer in memory.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sha2::{Digest as _, Sha256, Sha512};
use trialseal::{FileToHash, HashOptions, hash_files};

use crate::Settings;
use crate::harness::{Outcome, resident_bytes};
use crate::load::median;
use crate::table::{Table, Target};

/// What the SDK reads at a time.
const BLOCK: usize = 256 << 10;
const FILE_BLOCKS: usize = 1_024;

pub(crate) fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let folder = tempfile::Builder::new()
        .prefix("trialseal-bench-")
        .tempdir_in(&settings.dir)?;
    let path = folder.path().join("large.xpt");
    let block: Vec<u8> = (0..BLOCK).map(|at| (at * 31 % 251) as u8).collect();
    let mut file = std::fs::File::create(&path)?;
    for _ in 0..FILE_BLOCKS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let file = [FileToHash::single(&path)?];
    let bytes = (BLOCK * FILE_BLOCKS) as f64;
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    let peak = AtomicU64::new(0);
    let before = resident_bytes("self")?;
    for slice in 0..=settings.slices {
        let started = Instant::now();
        let hashed = hash_files(&file, &HashOptions::default())?;
        let by_sdk = bytes / started.elapsed().as_secs_f64();
        let started = Instant::now();
        let in_memory = in_memory(&block);
        let alone = bytes / started.elapsed().as_secs_f64();
        if hashed
            .first()
            .map(|file| (file.digests.sha256, file.digests.sha512))
            != Some(in_memory)
        {
            return Err("the digests differ".into());
        }
        if slice > 0 {
            rates.push(by_sdk);
            ratios.push(by_sdk / alone);
        }
    }
    let watch = |_| {
        if let Ok(now) = resident_bytes("self") {
            peak.fetch_max(now, Ordering::Relaxed);
        }
    };
    hash_files(
        &file,
        &HashOptions {
            threads: None,
            progress: Some(&watch),
        },
    )?;
    let growth = peak.into_inner().saturating_sub(before) as f64;
    table.add(
        "SDK hashing a file of 268 MB, both digests",
        median(&rates) / 1e6,
        "MB/s",
        Target::None,
        None,
    );
    table.add(
        "  as part of both functions in memory",
        median(&ratios),
        "%",
        Target::AtLeast(0.80),
        None,
    );
    table.add("  RSS that it adds", growth / 1e6, "MB", Target::Below(2.0), None);
    Ok(())
}

fn in_memory(block: &[u8]) -> ([u8; 32], [u8; 64]) {
    let (mut sha256, mut sha512) = (Sha256::new(), Sha512::new());
    for _ in 0..FILE_BLOCKS {
        sha256.update(block);
        sha512.update(block);
    }
    (sha256.finalize().into(), sha512.finalize().into())
}
