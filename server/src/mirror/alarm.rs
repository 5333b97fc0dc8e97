//! What a mirror finds that must not be: written down durably, once each, for people to act on.
//!
//! An alarm is a folder `alarm/<time>-<size>` with the signed checkpoints that contradict each other, and the
//! proof of it. Nothing in it rests on this mirror's word: whoever has the log's public keys can check it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use trialseal_core::{
    checkpoint::SignedCheckpoint,
    hash::{Hash, sha256},
    index::LogSize,
    note::NOTE_BYTES_MAX,
    time::Instant,
};

use crate::{
    durable::{DurableError, replace},
    fs::{FileSystem, PUBLIC_DIRECTORY, PUBLIC_FILE},
};

/// Folders of alarms that are kept; more of them tell nothing new.
const ALARMS_MAX: usize = 64;
const REPORT: &str = "ALARM.txt";
const THEIRS: &str = "theirs.checkpoint";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmKind {
    /// The log signed two histories.
    Fork,
    /// The log signed entries that no log may have.
    Rule,
    /// The log signed a checkpoint that nothing it serves leads to. That may be damage on the way.
    Unproven,
}

impl AlarmKind {
    /// The word for it, in files, metrics and the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Rule => "rule",
            Self::Unproven => "unproven",
        }
    }
}

/// That a checkpoint has another prefix than an earlier one signed: checked, and to be checked by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixProof {
    /// Size of the smaller checkpoint.
    pub size: LogSize,
    /// The root that the larger checkpoint's tree has at that size.
    pub root: Hash,
    /// RFC 9162 consistency proof from that root to the larger checkpoint.
    pub path: Vec<Hash>,
}

/// An alarm to be raised.
#[derive(Debug)]
pub(super) struct Finding<'a> {
    pub(super) kind: AlarmKind,
    /// One sentence.
    pub(super) what: String,
    /// What the mirror holds, if it holds anything.
    pub(super) ours: Option<&'a SignedCheckpoint>,
    pub(super) theirs: &'a SignedCheckpoint,
    pub(super) proof: Option<PrefixProof>,
}

/// The alarms of one mirror.
#[derive(Debug)]
pub(super) struct Alarms {
    folder: PathBuf,
    /// What was raised: the kind and the digest of the checkpoint that gave cause.
    raised: Vec<(AlarmKind, Hash)>,
}

impl Alarms {
    /// Those that were raised before: an alarm stays until somebody moves its folder away.
    pub(super) fn open(fs: &dyn FileSystem, root: &Path) -> Result<Self, DurableError> {
        let folder = root.join("alarm");
        let mut raised = Vec::new();
        if fs.metadata(&folder)?.is_some() {
            for name in fs.list(&folder)?.into_iter().take(ALARMS_MAX) {
                let path = folder.join(name);
                // The report is written last: without it the alarm is not complete, and is raised again.
                if fs.metadata(&path.join(REPORT))?.is_none() {
                    continue;
                }
                let report = fs.read(&path.join(REPORT), NOTE_BYTES_MAX as u64)?;
                let theirs = fs.read(&path.join(THEIRS), NOTE_BYTES_MAX as u64)?;
                let kinds = [AlarmKind::Fork, AlarmKind::Rule, AlarmKind::Unproven];
                let is_of =
                    |kind: &AlarmKind| report.starts_with(format!("kind: {}\n", kind.word()).as_bytes());
                raised.extend(
                    kinds
                        .into_iter()
                        .find(is_of)
                        .map(|kind| (kind, text_digest(&theirs))),
                );
            }
        }
        Ok(Self { folder, raised })
    }

    /// How many there are of a kind.
    pub(super) fn count(&self, kind: AlarmKind) -> usize {
        self.raised.iter().filter(|(own, _)| *own == kind).count()
    }

    /// Writes an alarm down, unless the same was before, and returns its folder when it is durable.
    pub(super) fn raise(
        &mut self,
        fs: &dyn FileSystem,
        now: Instant,
        finding: &Finding<'_>,
    ) -> Result<Option<PathBuf>, DurableError> {
        let theirs = finding.theirs.note.to_string();
        let cause = (finding.kind, text_digest(theirs.as_bytes()));
        if self.raised.contains(&cause) || self.raised.len() >= ALARMS_MAX {
            return Ok(None);
        }
        let time = now.to_string().replace(':', "");
        let name = format!("{time}-{}", finding.theirs.checkpoint.size);
        let folder = self.folder.join(name);
        fs.create_dir_all(&folder, PUBLIC_DIRECTORY)?;
        let write = |name: &str, text: &str| replace(fs, &folder.join(name), text.as_bytes(), PUBLIC_FILE);
        if let Some(ours) = finding.ours {
            write("ours.checkpoint", &ours.note.to_string())?;
        }
        write(THEIRS, &theirs)?;
        if let Some(proof) = &finding.proof {
            write("proof.txt", &proof_text(proof))?;
        }
        write(REPORT, &report(finding, now))?;
        self.raised.push(cause);
        Ok(Some(folder))
    }
}

/// The digest of a checkpoint's text: cosignatures that come later make it no other one.
fn text_digest(note: &[u8]) -> Hash {
    let end = note.windows(2).rposition(|two| two == b"\n\n");
    sha256(end.map_or(note, |end| &note[..=end]))
}

fn proof_text(proof: &PrefixProof) -> String {
    let mut text = format!("{}\n{}\n", proof.size, proof.root.to_base64());
    for hash in &proof.path {
        text.push_str(&hash.to_base64());
        text.push('\n');
    }
    text
}

fn report(finding: &Finding<'_>, now: Instant) -> String {
    let mut text = format!(
        "kind: {}\ntime: {now}\n\n{}\n\n",
        finding.kind.word(),
        finding.what
    );
    let mut describe = |name: &str, signed: &SignedCheckpoint| {
        let checkpoint = &signed.checkpoint;
        let _ = writeln!(
            text,
            "{name}.checkpoint: {}, size {}, root {}, signed at {}",
            checkpoint.origin,
            checkpoint.size,
            checkpoint.root.to_base64(),
            signed.signed_at
        );
    };
    if let Some(ours) = finding.ours {
        describe("ours", ours);
    }
    describe("theirs", finding.theirs);
    if let Some(proof) = &finding.proof {
        let _ = write!(
            text,
            "proof.txt: a size, the root that the larger checkpoint's tree has there, and the RFC 9162\n\
             consistency proof from that root to the larger checkpoint. The smaller checkpoint has another root\n\
             at size {}, so no log can contain both.\n",
            proof.size
        );
    }
    text.push_str(
        "\nVerify the checkpoints with the log's public keys. Keep this folder, tell the log's operator, its\n\
         witnesses and those who rely on its receipts. The mirror goes on serving what it had.\n",
    );
    text
}
