//! Every kind of damage is found, and nothing that a notary leaves is called damage.

use std::{path::PathBuf, sync::Arc};

use crate::{
    fs::{FileSystem, SimulatedFileSystem},
    testing::{TestLog, filled},
};

fn simulated(batches: u64) -> (SimulatedFileSystem, TestLog) {
    let fs = SimulatedFileSystem::new();
    let log = TestLog::on(Arc::new(fs.clone()));
    filled(&log, batches);
    (fs, log)
}

#[test]
fn a_log_is_clean_at_every_size() {
    let (_, log) = simulated(40);
    let started = std::time::Instant::now();
    let report = log.audit().unwrap();
    println!("{report:?} {:?}", started.elapsed());
    assert_eq!(report.size.get(), 5 + 640);
}
