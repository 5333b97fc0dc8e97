//! `trialseal upgrade`: more evidence for receipts, one or a folder full.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trialseal::core::receipt::{Evidence, Receipt};
use trialseal::{Client, Level, Mirror, MirrorOptions, Trust, Wait, durable};

use super::evidence::{self, State};
use super::{block_on, receipt_file};
use crate::args::Upgrade;
use crate::config::{self, Config, Place};
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit, Printer, count, severity};
use crate::progress;

/// Seconds to wait for the notary to answer at all.
const CONNECT_S: u64 = 30;
/// Folders in folders, at most; deeper ones are a loop or a mistake.
const DEPTH_MAX: usize = 64;

/// What became of one receipt.
struct Done {
    /// None where it had reached the level before.
    appended: Option<usize>,
    state: State,
    shortfall: Option<String>,
}

/// What all receipts of one run share.
struct Run<'a> {
    trust: &'a Trust,
    level: Level,
    until: Instant,
}

/// Who has the evidence.
enum Source {
    Notary(Config),
    Mirror(String, MirrorOptions),
}

/// A source that is connected to.
enum Connected {
    Notary(Client),
    Mirror(Box<Mirror>),
}

pub(crate) fn run(command: &Upgrade, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let (source, trust) = source(command, place)?;
    let level = command.level.unwrap_or_else(|| trust.require());
    let files = gather(&command.paths)?;
    if files.is_empty() {
        let sentence = format!("There is no *{} below what was named.", receipt_file::ENDING);
        return Ok(Answer::new(Exit::Missing, "MISSING", sentence));
    }
    let run = Run {
        trust: &trust,
        level,
        until: Instant::now() + Duration::from_secs(command.deadline),
    };
    let ends = block_on(async {
        // Only where something is to be fetched: receipts that are complete need nobody.
        let mut connected = None;
        let bar = progress::counted(files.len(), printer.is_json());
        let mut ends = Vec::with_capacity(files.len());
        for path in &files {
            let done = match one(&run, path, connected.as_mut()).await {
                Err(Needs::Connection) => {
                    connected = Some(source.connect(&trust).await?);
                    one(&run, path, connected.as_mut()).await
                }
                done => done,
            };
            let end = end_of(&run, path, done);
            bar.suspend(|| {
                if files.len() > 1 {
                    printer.verdict(end.verdict, &end.sentence, end.exit);
                }
            });
            bar.inc(1);
            ends.push(end);
        }
        bar.finish_and_clear();
        Ok(ends)
    })?;
    Ok(answer(&run, ends))
}

/// Who is asked, and by which trust file the answers are judged.
fn source(command: &Upgrade, place: &Place) -> Result<(Source, Trust), Ended> {
    let Some(url) = &command.mirror else {
        let config = place.read()?;
        let trust = config.trust()?;
        return Ok((Source::Notary(config), trust));
    };
    let trust = match &command.trust {
        Some(path) => config::read_trust(path)?,
        None => place.read()?.trust()?,
    };
    let ca_certificate_pem = match &command.ca_certificate {
        Some(path) => Some(
            fs::read(path)
                .map_err(|error| Box::new(errors::configuration(format!("{}: {error}.", path.display()))))?,
        ),
        None => None,
    };
    let options = MirrorOptions {
        ca_certificate_pem,
        ..MirrorOptions::default()
    };
    Ok((Source::Mirror(url.clone(), options), trust))
}

impl Source {
    async fn connect(&self, trust: &Trust) -> Result<Connected, Ended> {
        match self {
            Self::Notary(config) => config.connect(CONNECT_S).await.map(Connected::Notary),
            Self::Mirror(url, options) => {
                let mirror = Mirror::connect(url, trust, options).await;
                Ok(Connected::Mirror(Box::new(mirror.map_err(errors::mirror)?)))
            }
        }
    }
}

impl Connected {
    /// The receipt with what could be had, how many elements that is, and what is missing to the level.
    async fn upgrade(
        &mut self,
        run: &Run<'_>,
        receipt: &Receipt,
    ) -> Result<(Receipt, usize, Option<String>), Ended> {
        match self {
            Self::Notary(client) => {
                let wait = Wait {
                    level: run.level,
                    up_to: run.until.saturating_duration_since(Instant::now()),
                };
                let upgraded = client.upgrade(receipt, wait).await;
                let upgraded = upgraded.map_err(errors::client_without_a_record)?;
                Ok((upgraded.receipt, upgraded.appended, upgraded.shortfall))
            }
            Self::Mirror(mirror) => {
                let fresh = mirror.refresh(receipt).await.map_err(errors::mirror)?;
                let is_new = |own: &&Evidence| !receipt.evidence().contains(own);
                let appended = fresh.evidence().iter().filter(is_new).count();
                Ok((fresh, appended, None))
            }
        }
    }
}

/// Why one receipt is not done.
enum Needs {
    /// The first that is not complete needs one.
    Connection,
    Ended(Ended),
}

impl From<Ended> for Needs {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

async fn one(run: &Run<'_>, path: &Path, connected: Option<&mut Connected>) -> Result<Done, Needs> {
    let receipt = receipt_file::read(path)?;
    let state = State::of(&receipt, run.trust);
    if state.level >= run.level && run.level > Level::Sealed {
        return Ok(Done {
            appended: None,
            state,
            shortfall: None,
        });
    }
    let connected = connected.ok_or(Needs::Connection)?;
    // Before anything is fetched: what could not be saved need not be waited for.
    durable::check_writable(path).map_err(|error| not_saved(path, &error))?;
    let (fresh, appended, shortfall) = connected.upgrade(run, &receipt).await?;
    if appended > 0 {
        receipt_file::save(path, &fresh).map_err(|error| not_saved(path, &error))?;
    }
    Ok(Done {
        appended: Some(appended),
        state: State::of(&fresh, run.trust),
        shortfall,
    })
}

fn not_saved(path: &Path, error: &std::io::Error) -> Ended {
    let sentence = format!("{} cannot be written: {error}. It is as it was.", path.display());
    Box::new(Answer::new(Exit::CannotWrite, "NOT SAVED", sentence))
}

/// How it ended for one receipt.
fn end_of(run: &Run<'_>, path: &Path, done: Result<Done, Needs>) -> Answer {
    let name = path.display().to_string();
    let done = match done {
        Ok(done) => done,
        Err(Needs::Ended(mut ended)) => {
            if !ended.sentence.contains(&name) {
                ended.sentence = format!("{name}: {}", ended.sentence);
            }
            return ended.with("path", name);
        }
        Err(Needs::Connection) => return Answer::new(Exit::RetryIsSafe, "NO ANSWER", name),
    };
    let level = done.state.level;
    let appended = match done.appended {
        None => "nothing to do".to_owned(),
        Some(0) => "nothing new".to_owned(),
        Some(number) => format!("{} appended", count(number, "evidence element")),
    };
    let answer = if level < run.level {
        let why = done.shortfall.as_deref();
        evidence::pending(&name, level, run.level, why, &name)
    } else {
        let time = match done.state.independent_time {
            Some(time) => format!(" It existed no later than {time}."),
            None => String::new(),
        };
        let sentence = format!("{name}: {appended}.{time}");
        Answer::new(Exit::Done, evidence::verdict(level), sentence)
    };
    answer
        .with("path", name)
        .with("level", level.as_str())
        .with("appended", done.appended.unwrap_or_default())
        .with(
            "independent_time",
            done.state.independent_time.map(|time| time.to_string()),
        )
}

/// One receipt answers for itself; of several the worst decides.
fn answer(run: &Run<'_>, mut ends: Vec<Answer>) -> Answer {
    if ends.len() == 1
        && let Some(end) = ends.pop()
    {
        return end;
    }
    let reached = ends.iter().filter(|end| end.exit == Exit::Done).count();
    let worst = ends
        .iter()
        .max_by_key(|end| severity(end.exit))
        .map_or((Exit::Done, "UPGRADED"), |worst| match worst.exit {
            Exit::Done => (Exit::Done, "UPGRADED"),
            exit => (exit, worst.verdict),
        });
    let documents: Vec<Value> = ends.iter().map(Answer::to_json).collect();
    let sentence = format!("{reached} of {} are {}.", count(ends.len(), "receipt"), run.level);
    Answer::new(worst.0, worst.1, sentence).with("receipts", json!(documents))
}

/// The receipts in the order of their names. Symbolic links are not followed below a folder.
fn gather(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Ended> {
    let mut found = Vec::new();
    for path in paths {
        let missing = |error: std::io::Error| {
            let sentence = format!("{} cannot be read: {error}.", path.display());
            Box::new(Answer::new(Exit::Missing, "MISSING", sentence))
        };
        if fs::metadata(path).map_err(missing)?.is_dir() {
            let start = found.len();
            descend(path, DEPTH_MAX, &mut found).map_err(missing)?;
            found[start..].sort();
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn descend(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if depth == 0 {
        return Err(std::io::Error::other("folders are nested too deep"));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            descend(&path, depth - 1, found)?;
        } else if kind.is_file() && receipt_file::is_receipt(&path) {
            found.push(path);
        }
    }
    Ok(())
}
