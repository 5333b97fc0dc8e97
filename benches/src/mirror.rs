//! How fast a mirror catches up with a log from nothing, every entry hashed and verified, and every file durable.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Failure, Notary, Outcome};
use crate::streams::{stream, wait_for_tiles};
use crate::table::{Table, Target};
use crate::{ORGANIZATIONS, Settings};

/// Records in the log, at most.
const RECORDS: u64 = 1_000_000;
/// How often the mirror's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let notary = Notary::start(settings, ORGANIZATIONS)?;
    let records = settings.records.min(RECORDS);
    crate::progress(&format!("streaming {records} records to be mirrored"));
    stream(&notary, records).await?;
    wait_for_tiles(&notary).await?;
    // The newest checkpoint goes out within a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let folder = tempfile::Builder::new()
        .prefix("mirror-")
        .tempdir_in(&settings.dir)?;
    let dir = folder.path().join("mirror");
    let trust = notary.dir().join("trust.toml");
    init(&settings.server, &notary.log_url(), &trust, &dir)?;
    let (took, resident, said) = tokio::task::block_in_place(|| once(&settings.server, &dir))?;
    let mirrored = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix("size=")?.parse::<u64>().ok())
        .filter(|size| *size >= records)
        .ok_or_else(|| format!("the mirror is not at {records} entries: {said}"))?;
    table.add(
        &format!("mirror, from nothing to {mirrored} entries, all verified"),
        mirrored as f64 / took.as_secs_f64(),
        "/s",
        Target::AtLeast(100_000.0),
        None,
    );
    table.add(
        "  its RSS at most",
        resident as f64 / 1e6,
        "MB",
        Target::None,
        None,
    );
    Ok(())
}

fn init(server: &Path, log_url: &str, trust: &Path, dir: &Path) -> Outcome {
    let output = Command::new(server)
        .args(["mirror", "init", "--log-url", log_url, "--trust"])
        .arg(trust)
        .arg("--dir")
        .arg(dir)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("mirror init failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Catches up once: how long from start to end of the process, its largest resident memory, what it said.
fn once(server: &Path, dir: &Path) -> Outcome<(Duration, u64, String)> {
    let started = Instant::now();
    let mut child = Command::new(server)
        .args(["mirror", "serve", "--once", "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut resident = 0;
    while child.try_wait()?.is_none() {
        resident = resident_at_most(child.id()).unwrap_or(resident);
        std::thread::sleep(LOOK_EVERY);
    }
    let took = started.elapsed();
    let output = child.wait_with_output()?;
    let said = String::from_utf8(output.stdout)?;
    if output.status.success() {
        Ok((took, resident, said))
    } else {
        Err(Failure::from(format!("the mirror failed: {}", output.status)))
    }
}

/// The most that a process ever had resident; none once it has ended.
fn resident_at_most(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1_024)
}
