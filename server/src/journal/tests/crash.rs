//! Every call of a scripted workload fails, lies or is the last one; then the journal is opened again.

use super::*;

/// One step of the workload. It rolls over seven segments, releases and reuses files, and appends with and without a
/// segment prepared ahead.
#[derive(Debug, Clone, Copy)]
enum Do {
    Append(usize),
    Prepare,
    /// Releases what ends at or before the end of the last but so many frames.
    Release(usize),
    RemoveSpares,
    /// Erases something in the last frame but so many.
    Rewrite(usize),
}

const SCRIPT: [Do; 29] = [
    Do::Append(100),
    Do::Append(4024),
    Do::Rewrite(0),
    Do::Prepare,
    Do::Append(5000),
    Do::Rewrite(1),
    Do::Append(0),
    Do::Rewrite(2),
    Do::Append(12_000),
    Do::Prepare,
    Do::Release(2),
    Do::Append(700),
    Do::Prepare,
    Do::Prepare,
    Do::Append(9000),
    Do::Append(9000),
    Do::Release(1),
    Do::Append(30),
    Do::RemoveSpares,
    Do::Append(30),
    Do::Append(30),
    Do::Rewrite(1),
    Do::Rewrite(0),
    Do::Append(30),
    Do::Release(0),
    Do::Prepare,
    Do::Append(12_000),
    Do::Rewrite(0),
    Do::Append(60),
];

/// What is erased of a payload in tests: its last bytes.
const STRUCK: usize = 20;

impl Remembered {
    /// The frame without what was erased of it.
    fn struck(&self) -> Self {
        let mut frame = self.clone();
        frame.payload.truncate(frame.payload.len().saturating_sub(STRUCK));
        frame
    }
}

/// Strikes out of one frame what was not struck out before.
fn rewrite(keeper: &JournalKeeper, frame: &Remembered) -> Result<(), JournalError> {
    keeper.rewrite(&[frame.first_index], &mut |header, payload| {
        assert_eq!(header.first_index, frame.first_index);
        let struck = frame.struck().payload;
        assert!(payload == frame.payload || payload == struck);
        Ok((payload != struck).then_some(struck))
    })?;
    keeper.remove_spares()
}

/// What a client of the journal knows.
#[derive(Debug, Clone, Default)]
struct Known {
    acknowledged: Vec<Remembered>,
    /// The frame whose append ended with `Unknown`.
    doubtful: Option<Remembered>,
    released_below: u64,
    /// Frames that something was to be struck out of, and whether that is known to be done.
    struck: Vec<(Remembered, bool)>,
}

impl Known {
    fn end_index(&self) -> u64 {
        self.acknowledged.last().map_or(0, Remembered::end_index)
    }

    /// Runs the script from its beginning or, where the journal has frames, with one append after the other. Stops at
    /// a frame in doubt; everything else that fails is left at that.
    fn run(&mut self, journal: &mut Journal, script: &[Do]) {
        for step in script {
            let keeper = journal.keeper();
            match *step {
                Do::Append(length) => {
                    let frame = Remembered::new(self.end_index(), 2, length);
                    match append(journal, &frame) {
                        Ok(_) => self.acknowledged.push(frame),
                        Err(AppendError::Refused(_)) => {}
                        Err(AppendError::Unknown(_)) => {
                            let again = append(journal, &frame);
                            assert!(matches!(again, Err(AppendError::Unknown(Failure::Poisoned))));
                            self.doubtful = Some(frame);
                            return;
                        }
                    }
                }
                Do::Prepare => drop(keeper.prepare()),
                Do::Release(kept) => {
                    let last = self.acknowledged.iter().rev().nth(kept);
                    let below = last.map_or(0, Remembered::end_index);
                    self.released_below = self.released_below.max(below);
                    let _ = keeper.release(below);
                }
                Do::RemoveSpares => drop(keeper.remove_spares()),
                Do::Rewrite(before) => {
                    let Some(frame) = self.acknowledged.iter().rev().nth(before).cloned() else {
                        continue;
                    };
                    let done = rewrite(&keeper, &frame).is_ok();
                    self.struck.push((frame, done));
                }
            }
        }
    }

    /// Opens the journal and compares. What is found then counts as acknowledged.
    fn recover(&mut self, fs: &SimulatedFileSystem) -> Journal {
        let (journal, found) = match open(fs) {
            Ok(opened) => opened,
            // The crash came before the journal's creation was finished.
            Err(JournalError::NoJournal { .. }) if self.acknowledged.is_empty() => {
                (create(fs).unwrap(), Vec::new())
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(scanned(fs).unwrap(), found);
        let found: Vec<Remembered> = found.into_iter().map(|frame| self.as_appended(frame)).collect();
        let mut expected = self.acknowledged.clone();
        if let Some(doubtful) = self.doubtful.take()
            && found.last() == Some(&doubtful)
        {
            expected.push(doubtful);
        }
        assert!(expected.ends_with(&found), "a frame was lost, or one was made up");
        let gone = expected.len() - found.len();
        assert!(
            expected[..gone]
                .iter()
                .all(|frame| frame.end_index() <= self.released_below)
        );
        assert!(
            !found.is_empty() || expected.is_empty(),
            "the last frame was released"
        );
        self.acknowledged = expected;
        journal
    }

    /// The frame as it was before something was struck out of it; nothing that was struck out comes back.
    fn as_appended(&self, found: Remembered) -> Remembered {
        for (frame, done) in &self.struck {
            assert!(!done || found != *frame, "what was erased is there again");
            if found == frame.struck() {
                return frame.clone();
            }
        }
        found
    }
}

/// Runs the workload on a new file system with one fault planted, and gives what its client knows.
fn run_with(fault: Option<(u64, Fault)>) -> (SimulatedFileSystem, Known) {
    let fs = SimulatedFileSystem::new();
    if let Some((number, fault)) = fault {
        fs.plant(number, fault);
    }
    let mut known = Known::default();
    if let Ok(mut journal) = create(&fs) {
        known.run(&mut journal, &SCRIPT);
    }
    (fs, known)
}

/// How the process ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    PowerCut(u64),
}

impl End {
    fn apply(self, fs: &SimulatedFileSystem) {
        match self {
            Self::Kill => fs.kill(),
            Self::PowerCut(seed) => fs.power_cut(seed),
        }
    }
}

const FAULTS: [Fault; 5] = [
    Fault::Fails(Errno::IO),
    Fault::Fails(Errno::NOSPC),
    Fault::FailsButStored(Errno::IO),
    Fault::FailsPartly(Errno::IO),
    Fault::Crash,
];
const ENDS: [End; 7] = [
    End::Kill,
    End::PowerCut(0),
    End::PowerCut(1),
    End::PowerCut(2),
    End::PowerCut(3),
    End::PowerCut(4),
    End::PowerCut(5),
];

#[test]
fn the_workload_itself_is_what_it_should_be() {
    let (fs, known) = run_with(None);
    assert!(known.doubtful.is_none());
    assert_eq!(known.acknowledged.len(), 14);
    let log = fs.call_log();
    for operation in [
        crate::fs::Operation::Write,
        crate::fs::Operation::Sync,
        crate::fs::Operation::Rename,
        crate::fs::Operation::Remove,
        crate::fs::Operation::SyncDirectory,
    ] {
        assert!(
            log.iter().filter(|call| call.operation == operation).count() >= 2,
            "{operation}"
        );
    }
    assert!(
        segment::Listing::read(&fs, Path::new(DIRECTORY))
            .unwrap()
            .segments
            .contains(&8)
    );
}

#[test]
fn nothing_acknowledged_is_lost_whatever_call_fails() {
    let calls = run_with(None).0.calls();
    for number in 0..calls {
        for fault in FAULTS {
            let (failed, known) = run_with(Some((number, fault)));
            for end in ENDS {
                let (fs, mut known) = (failed.fork(), known.clone());
                end.apply(&fs);
                let mut journal = known.recover(&fs);
                // Life goes on, and ends again with all that is not durable.
                known.run(
                    &mut journal,
                    &[
                        Do::Append(50),
                        Do::Rewrite(0),
                        Do::Prepare,
                        Do::Append(8000),
                        Do::Rewrite(1),
                        Do::Release(1),
                    ],
                );
                assert!(known.doubtful.is_none(), "call {number}, {fault:?}, {end:?}");
                drop(journal);
                fs.power_cut(0);
                known.recover(&fs);
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_whatever_call_of_the_recovery_fails() {
    let calls = run_with(None).0.calls();
    for number in 0..calls {
        let outer = if number % 2 == 0 {
            Fault::Crash
        } else {
            FAULTS[(number / 2 % 4) as usize]
        };
        let (failed, known) = run_with(Some((number, outer)));
        for end in [End::Kill, End::PowerCut(number + 2)] {
            let crashed = failed.fork();
            end.apply(&crashed);
            crash_recovery(&crashed, &known, number);
        }
    }
}

/// Crashes and fails the recovery itself, at every call.
fn crash_recovery(crashed: &SimulatedFileSystem, known: &Known, seed: u64) {
    let counted = crashed.fork();
    let _ = open(&counted).or_else(|_| create(&counted).map(|journal| (journal, Vec::new())));
    for number in 0..counted.calls() {
        for fault in [
            Fault::Crash,
            Fault::Fails(Errno::IO),
            Fault::FailsPartly(Errno::IO),
        ] {
            for end in [End::Kill, End::PowerCut(seed + number + 2)] {
                let fs = crashed.fork();
                fs.plant(number, fault);
                let _ = open(&fs).or_else(|_| create(&fs).map(|journal| (journal, Vec::new())));
                end.apply(&fs);
                let mut known = known.clone();
                let mut journal = known.recover(&fs);
                known.run(&mut journal, &[Do::Append(50), Do::Append(8000)]);
                drop(journal);
                fs.power_cut(0);
                known.recover(&fs);
            }
        }
    }
}

/// Three faults in a row: a torn frame reaches the disk, the sync of its clearing fails, and the power is cut after
/// smaller frames went where it did not fit. What is left of it must not be taken for a sign of corruption.
#[test]
fn a_torn_frame_that_was_cleared_in_the_cache_only_does_not_come_back() {
    for failing in 0..40 {
        let fs = SimulatedFileSystem::new();
        let (mut journal, mut frames) = filled(&fs, &[100]);
        journal.keeper().prepare().unwrap();
        // Does not fit into the first segment.
        fs.plant(fs.calls(), Fault::FailsPartly(Errno::IO));
        let torn = append(&mut journal, &Remembered::new(2, 2, 12_000));
        assert!(matches!(torn, Err(AppendError::Unknown(_))));
        drop(journal);
        fs.power_cut(1);
        assert!(!frame::is_zero(
            &fs.read(&segment_path(2), OPTIONS.segment_bytes).unwrap()[4096..4168]
        ));
        fs.kill();
        fs.plant(failing, Fault::Fails(Errno::IO));
        drop(open(&fs));
        fs.kill();
        let (mut journal, _) = open(&fs).unwrap();
        for _ in 0..2 {
            let next = Remembered::new(frames.len() as u64 * 2, 2, 100);
            append(&mut journal, &next).unwrap();
            frames.push(next);
        }
        assert_eq!(journal.reader().last().unwrap().position.segment, 1);
        drop(journal);
        fs.power_cut(0);
        assert_eq!(open(&fs).unwrap().1, frames);
    }
}
