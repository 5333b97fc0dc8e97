//! What is erased is gone from every file, and everything else still holds.

mod admission;
mod closed;
mod crash_matrix;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use trialseal_core::{
    entry::record_leaf_hash,
    hash::RecordId,
    index::LogIndex,
    merkle::{inclusion::root_from_path, nodes},
    record::{Erased, Grant, Link, What, Why},
    vocabulary::{Blind, Class, ErasablePart, Event, Rel, Role},
};

use crate::{
    audit::AuditReport,
    backup::{BackupOptions, backup},
    bundle,
    durable::replace,
    fs::{FileSystem as _, PRIVATE_FILE, SimulatedFileSystem},
    refusal::Refusal,
    seal::{Admitted, PublicEntry},
    stored::{StoredEntry, StoredRecord},
    testing::{Person, Saying, Steps, TestLog, account_changes, what},
    view::Sealed,
};

/// Records that say something to be erased, a batch.
const EACH: u64 = 12;

/// Who erases: a sponsor, and an archivist of the same organisation.
pub(super) struct Team {
    pub(super) sponsor: Person,
    pub(super) archivist: Person,
}

impl Team {
    pub(super) fn new() -> Self {
        Self {
            sponsor: Person::new("acme", "m-4k2v9", 1),
            archivist: Person::new("acme", "m-archive", 2),
        }
    }

    /// Enrols both, opens the register, and grants the archivist its role.
    pub(super) fn begin(&self, steps: &mut Steps) -> Result<(), String> {
        let now = trialseal_core::time::Instant::from_millis(0);
        let both = account_changes(&self.sponsor, now)
            .into_iter()
            .chain(account_changes(&self.archivist, now).into_iter().skip(1));
        for change in both {
            let admitted = steps.admit_account(change);
            steps.seal_new(vec![admitted])?;
        }
        let opening = steps.admit_saying(&self.sponsor, 900_000, &saying(0, Role::Sponsor));
        steps.seal_new(vec![opening.unwrap()])?;
        let mut grant = What::new(what(0).register, Class::Grant, Event::Granted);
        grant.grant = Some(Grant {
            organization: self.archivist.organization.clone(),
            member: self.archivist.member.clone(),
            role: Role::Archivist,
            blind: Blind::Blinded,
            expires: None,
        });
        let grant = steps.admit_saying(&self.sponsor, 900_001, &by(Role::Sponsor, grant, None));
        steps.seal_new(vec![grant.unwrap()])?;
        Ok(())
    }

    pub(super) fn planted(&self, steps: &Steps, number: u64) -> Admitted {
        steps
            .admit_saying(&self.sponsor, number, &saying(number, Role::Sponsor))
            .unwrap()
    }

    pub(super) fn tombstone(
        &self,
        steps: &Steps,
        number: u64,
        (index, record): (LogIndex, RecordId),
        parts: &[ErasablePart],
    ) -> Result<Admitted, Refusal> {
        let what = tombstone(steps, (index, record), parts)?;
        let reason = Some("a name was there by mistake".to_owned());
        steps.admit_saying(&self.sponsor, number, &by(Role::Sponsor, what, reason))
    }

    /// The archivist's countersignature.
    pub(super) fn countersign(
        &self,
        steps: &Steps,
        number: u64,
        of: (LogIndex, RecordId),
    ) -> Result<Admitted, Refusal> {
        let mut signed = What::new(what(0).register, Class::Erasure, Event::Countersigned);
        signed.links = vec![link(Rel::Countersigns, of)];
        steps.admit_saying(&self.archivist, number, &by(Role::Archivist, signed, None))
    }
}

fn by(role: Role, what: What, reason: Option<String>) -> Saying {
    Saying {
        what,
        why: Why { reason, remark: None },
        name: "A. Person".to_owned(),
        role,
    }
}

fn link(rel: Rel, (index, record): (LogIndex, RecordId)) -> Link {
    Link {
        rel,
        record,
        index,
        log: None,
    }
}

/// A record of one register in which all parts say something that can be looked for.
fn saying(number: u64, role: Role) -> Saying {
    let mut what = what(number);
    what.register = crate::testing::what(0).register;
    what.version = Some(planted("what", number).parse().unwrap());
    Saying {
        what,
        why: Why {
            reason: Some(planted("why", number)),
            remark: None,
        },
        name: planted("who", number),
        role,
    }
}

/// What a part of a record says.
fn planted(part: &str, number: u64) -> String {
    format!("PLANTED-{part}-{number:06}.")
}

/// A tombstone as it has to be.
fn tombstone(
    steps: &Steps,
    (index, record): (LogIndex, RecordId),
    parts: &[ErasablePart],
) -> Result<What, Refusal> {
    let mut tombstone = What::new(what(0).register, Class::Erasure, Event::Erased);
    let Ok(Some(StoredEntry::Record(of))) = steps.view.stored(index) else {
        return Err(Refusal::Internal);
    };
    let of = of.what.text().map(|text| What::parse(text).unwrap());
    let restated = of.filter(|_| parts.contains(&ErasablePart::What));
    tombstone.erased = Some(Erased {
        record,
        index,
        parts: parts.to_vec(),
        class: restated.as_ref().map(|of| of.class),
        event: restated.as_ref().map(|of| of.event),
    });
    tombstone.links = vec![link(Rel::Erases, (index, record))];
    tombstone.manifest = restated.as_ref().and_then(|of| of.manifest);
    tombstone.scope = restated.and_then(|of| of.scope);
    Ok(tombstone)
}

/// The places of the records of a batch.
pub(super) fn places(sealed: &Sealed) -> Vec<(LogIndex, RecordId)> {
    let entries = (sealed.batch.first.get()..).zip(&sealed.batch.entries);
    let records = entries.filter_map(|(index, entry)| match entry {
        PublicEntry::Record(record) => Some((LogIndex::new(index).unwrap(), *record)),
        PublicEntry::Statement(_) => None,
    });
    records.collect()
}

/// The files in which some bytes are.
pub(super) fn files_with(fs: &SimulatedFileSystem, below: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in fs.list(below).unwrap() {
        let path = below.join(name);
        if fs.metadata(&path).unwrap().unwrap().is_directory {
            found.extend(files_with(fs, &path, text));
        } else {
            let contents = fs.read(&path, u64::MAX).unwrap();
            if memchr_in(&contents, text.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

fn memchr_in(contents: &[u8], text: &[u8]) -> bool {
    let first = text[0];
    let mut rest = contents;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn record_at(steps: &Steps, index: LogIndex) -> StoredRecord {
    match steps.view.stored(index).unwrap() {
        Some(StoredEntry::Record(record)) => record,
        other => panic!("{other:?}"),
    }
}

/// The record is still the one that was sealed, and its proof leads to the log's root.
fn still_verifies(steps: &Steps, (index, record): (LogIndex, RecordId)) {
    assert_eq!(record_at(steps, index).leaves().root(), record);
    let head = steps.view.head();
    let path = nodes::inclusion_path(index, head.size, &*steps.view).unwrap();
    assert_eq!(
        root_from_path(record_leaf_hash(&record), index, head.size, &path),
        Ok(head.root)
    );
}

/// A log of some hundreds of records, all published that can be.
struct Filled {
    fs: SimulatedFileSystem,
    log: TestLog,
    team: Team,
    steps: Steps,
    records: Vec<(LogIndex, RecordId)>,
}

impl Filled {
    fn new(batches: u64) -> Self {
        let fs = SimulatedFileSystem::new();
        let log = TestLog::on(Arc::new(fs.clone()));
        log.create().unwrap();
        let team = Team::new();
        let mut steps = log.steps().unwrap();
        team.begin(&mut steps).unwrap();
        let mut records = Vec::new();
        for batch in 0..batches {
            let numbers = batch * EACH + 1..(batch + 1) * EACH + 1;
            let admitted = numbers.map(|number| team.planted(&steps, number)).collect();
            records.extend(places(&steps.seal_new(admitted).unwrap()));
            steps.publish().unwrap();
            steps.announce().unwrap();
        }
        Self {
            fs,
            log,
            team,
            steps,
            records,
        }
    }

    /// Erases parts of records by their positions, and has it carried out.
    fn erase(&mut self, what: &[(usize, &[ErasablePart])]) {
        let (team, steps) = (&self.team, &mut self.steps);
        let tombstones = (950_000..).zip(what).map(|(number, (position, parts))| {
            team.tombstone(steps, number, self.records[*position], parts)
                .unwrap()
        });
        let tombstones = tombstones.collect();
        let tombstones = places(&steps.seal_new(tombstones).unwrap());
        steps.publish().unwrap();
        for (position, _) in what {
            assert!(!record_at(steps, self.records[*position].0).has_erased());
        }
        let signatures = (960_000..).zip(tombstones);
        let signatures = signatures.map(|(number, of)| team.countersign(steps, number, of).unwrap());
        let signatures = signatures.collect();
        steps.seal_new(signatures).unwrap();
        steps.publish().unwrap();
        steps.announce().unwrap();
    }

    fn audit(&self) -> AuditReport {
        self.log.audit().unwrap()
    }

    /// What the log's files still hold of a record.
    fn found(&self, part: &str, position: usize) -> Vec<PathBuf> {
        files_with(&self.fs, Path::new("/log"), &planted(part, position as u64 + 1))
    }
}

use ErasablePart::{What as WHAT, Who as WHO, Why as WHY};

#[test]
fn what_is_erased_is_in_no_file_and_all_else_holds() {
    let mut filled = Filled::new(26);
    let last = filled.records.len() - 1;
    // In a bundle; in the journal alone, in an older segment; in the newest frame.
    let erased: [(usize, &[ErasablePart]); 4] = [
        (5, &[WHO, WHY]),
        (6, &[WHAT]),
        (last - 30, &[WHY]),
        (last, &[WHAT, WHO, WHY]),
    ];
    let parts = [(WHAT, "what"), (WHO, "who"), (WHY, "why")];
    for (position, _) in erased {
        for (_, part) in parts {
            assert!(!filled.found(part, position).is_empty());
        }
    }
    filled.erase(&erased);
    for (position, gone) in erased {
        for (erasable, part) in parts {
            let found = filled.found(part, position);
            assert_eq!(found.is_empty(), gone.contains(&erasable), "{part} {found:?}");
        }
        still_verifies(&filled.steps, filled.records[position]);
    }
    let report = filled.audit();
    assert_eq!((report.erased.parts, report.erased.tombstones), (7, 4));
    assert_eq!((report.erased.pending, report.erased.by_later_logs), (0, 0));
    // It is durable, and the log goes on.
    let Filled {
        fs,
        log,
        team,
        steps,
        records,
    } = filled;
    drop(steps);
    fs.power_cut(0);
    let mut steps = log.steps().unwrap();
    assert!(!steps.publisher.has_erasures());
    for batch in 0..25 {
        let numbers = 10_000 + batch * EACH..10_000 + (batch + 1) * EACH;
        let admitted = numbers.map(|number| team.planted(&steps, number)).collect();
        steps.seal_new(admitted).unwrap();
        steps.publish().unwrap();
        steps.announce().unwrap();
    }
    for (position, _) in erased {
        still_verifies(&steps, records[position]);
        assert!(record_at(&steps, records[position].0).has_erased());
    }
    assert_eq!(log.audit().unwrap().erased.parts, 7);
}

#[test]
fn a_second_erasure_takes_the_rest() {
    let mut filled = Filled::new(24);
    let last = filled.records.len() - 1;
    filled.erase(&[(3, &[WHY]), (last, &[WHY])]);
    let (team, records) = (Team::new(), filled.records.clone());
    for (number, position) in [(970_000, 3), (970_001, last)] {
        let steps = &mut filled.steps;
        let tombstone = team.tombstone(steps, number, records[position], &[WHO, WHY]);
        let tombstone = places(&steps.seal_new(vec![tombstone.unwrap()]).unwrap())[0];
        let signature = team.countersign(steps, number + 10, tombstone);
        steps.seal_new(vec![signature.unwrap()]).unwrap();
        steps.publish().unwrap();
        for part in ["who", "why"] {
            assert_eq!(filled.found(part, position), Vec::<PathBuf>::new());
        }
        assert!(!filled.found("what", position).is_empty());
        still_verifies(&filled.steps, records[position]);
    }
    // The part that was gone keeps the tombstone by which it went.
    assert_eq!(filled.audit().erased.parts, 4);
}

#[test]
fn a_repeated_submission_is_still_recognised() {
    let mut filled = Filled::new(3);
    filled.erase(&[(7, &[WHAT, WHO, WHY])]);
    let (index, _) = filled.records[7];
    let again = filled.team.planted(&filled.steps, 8);
    let record = record_at(&filled.steps, index);
    assert!(record.submitted.is_signed() && record.leaves().what == again.what.1);
    let candidates = filled
        .steps
        .sealer
        .state()
        .remembered()
        .candidates(again.fingerprint);
    assert_eq!(candidates, vec![crate::chain::Place::new(index.get())]);
}

#[test]
fn a_backup_does_not_have_it_also_where_an_older_one_did() {
    let mut filled = Filled::new(26);
    let options = |filled: &Filled, target: &str| BackupOptions {
        fs: Arc::new(filled.fs.clone()),
        layout: filled.log.layout.clone(),
        keys: filled.log.keys(),
        target: PathBuf::from(target),
        threads: 1,
    };
    backup(&options(&filled, "/old"), &mut |_| {}).unwrap();
    let in_backup = |filled: &Filled, target: &str, position: usize| {
        files_with(
            &filled.fs,
            Path::new(target),
            &planted("why", position as u64 + 1),
        )
    };
    let last = filled.records.len() - 1;
    filled.erase(&[(5, &[WHY]), (last, &[WHY])]);
    for position in [5, last] {
        assert!(!in_backup(&filled, "/old", position).is_empty());
    }
    for target in ["/new", "/old"] {
        let report = backup(&options(&filled, target), &mut |_| {}).unwrap();
        assert_eq!(report.audit.erased.parts, 2);
        for position in [5, last] {
            assert_eq!(in_backup(&filled, target, position), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn erased_and_lost_are_told_apart() {
    let mut filled = Filled::new(26);
    filled.erase(&[(5, &[WHY])]);
    filled.audit();
    // Somebody strikes out another record's part, with all checksums right.
    let path = filled.log.layout.records(0);
    let file = filled.fs.read(&path, u64::MAX).unwrap();
    let mut entries = bundle::decode(&path, file, 0).unwrap();
    let (index, record) = filled.records[9];
    let entry = &mut entries[usize::try_from(index.get()).unwrap()];
    let parts = [WHY].into_iter().collect();
    let tombstone = crate::chain::Place::new(filled.steps.view.head().size.get() - 2);
    *entry = super::strike_stored(entry, record, parts, tombstone)
        .unwrap()
        .unwrap();
    replace(&filled.fs, &path, &bundle::encode(0, &entries), PRIVATE_FILE).unwrap();
    let error = filled.log.audit().unwrap_err();
    assert_eq!(error.file(), Some(path.as_path()));
    let said = error.to_string();
    assert!(
        said.contains("the part why") && said.contains("is LOST"),
        "{said}"
    );
    assert!(said.contains(&format!("entry {index}")), "{said}");
}

#[test]
fn what_was_erased_and_is_there_again_is_found() {
    let mut filled = Filled::new(26);
    let path = filled.log.layout.records(0);
    let before = filled.fs.read(&path, u64::MAX).unwrap();
    filled.erase(&[(5, &[WHY])]);
    replace(&filled.fs, &path, &before, PRIVATE_FILE).unwrap();
    let said = filled.log.audit().unwrap_err().to_string();
    assert!(said.contains("the part why is there, although"), "{said}");
}
