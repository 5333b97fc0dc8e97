//! Any sequence of operations, against a list.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Action {
    Append {
        count: u32,
        length: usize,
    },
    Prepare,
    /// Releases below the end of this share, in 256ths, of the frames kept.
    Release(u8),
    RemoveSpares,
    Reopen,
    Kill,
    PowerCut(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0u32..5, prop_oneof![0usize..200, 3900usize..4200, 0usize..=12_000])
            .prop_map(|(count, length)| Action::Append { count, length }),
        2 => Just(Action::Prepare),
        3 => any::<u8>().prop_map(Action::Release),
        1 => Just(Action::RemoveSpares),
        1 => Just(Action::Reopen),
        1 => Just(Action::Kill),
        1 => any::<u64>().prop_map(Action::PowerCut),
    ]
}

/// The journal, and every frame that was acknowledged.
struct Model {
    fs: SimulatedFileSystem,
    journal: Option<Journal>,
    frames: Vec<Remembered>,
    released_below: u64,
}

impl Model {
    fn reopen(&mut self, end: impl FnOnce(&SimulatedFileSystem)) {
        self.journal = None;
        end(&self.fs);
        let (journal, found) = open(&self.fs).unwrap();
        assert!(self.frames.ends_with(&found));
        let gone = self.frames.len() - found.len();
        assert!(
            self.frames[..gone]
                .iter()
                .all(|frame| frame.end_index() <= self.released_below)
        );
        self.journal = Some(journal);
    }

    fn apply(&mut self, action: &Action) {
        let journal = self.journal.as_mut().unwrap();
        match *action {
            Action::Append { count, length } => {
                let index = self.frames.last().map_or(0, Remembered::end_index);
                let frame = Remembered::new(index, count, length);
                match append(journal, &frame) {
                    Ok(position) => {
                        assert_eq!(journal.reader().read(position).unwrap().1, frame.payload);
                        self.frames.push(frame);
                    }
                    Err(AppendError::Refused(Refusal::NoSegment(JournalError::Full { .. }))) => {
                        assert!(journal.keeper().held_bytes() > OPTIONS.limit_bytes - OPTIONS.segment_bytes);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            Action::Prepare => match journal.keeper().prepare() {
                Ok(()) | Err(JournalError::Full { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            Action::Release(share) => {
                let at = self.frames.len() * usize::from(share) / 256;
                let below = self.frames.get(at).map_or(0, Remembered::end_index);
                journal.keeper().release(below).unwrap();
                self.released_below = self.released_below.max(below);
            }
            Action::RemoveSpares => journal.keeper().remove_spares().unwrap(),
            Action::Reopen => self.reopen(|_| {}),
            Action::Kill => self.reopen(SimulatedFileSystem::kill),
            Action::PowerCut(seed) => self.reopen(|fs| fs.power_cut(seed)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_is_the_list_of_what_was_appended(actions in prop::collection::vec(action(), 1..60)) {
        let fs = SimulatedFileSystem::new();
        let journal = Some(create(&fs).unwrap());
        let mut model = Model { fs, journal, frames: Vec::new(), released_below: 0 };
        for action in &actions {
            model.apply(action);
        }
        model.reopen(|fs| fs.power_cut(0));
    }
}
