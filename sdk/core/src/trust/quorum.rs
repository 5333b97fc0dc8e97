//! Which witnesses have to have cosigned.

use crate::note::{SignedNote, VerifierKey};
use crate::time::Instant;

/// A witness. It counts once, whichever of its keys signed.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its name in the trust file.
    pub name: String,
    /// Its cosignature keys, types `0x04` and `0x06`.
    pub vkeys: Vec<VerifierKey>,
}

/// So many of these members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name in the trust file.
    pub name: String,
    /// How many of the members it needs.
    pub of: usize,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a group, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A witness.
    Witness(usize),
    /// Another group.
    Group(usize),
}

/// The witnesses, the groups, and the one that decides.
#[derive(Clone, Debug, Default)]
pub struct Quorum {
    /// The witnesses.
    pub(super) witnesses: Vec<Witness>,
    /// The groups; none contains itself.
    pub(super) groups: Vec<Group>,
    /// Who decides; none means that no witness has to have cosigned.
    pub(super) decides: Option<Member>,
}

impl Quorum {
    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The name of the group or witness that decides; none where the policy says `none`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(match self.decides? {
            Member::Witness(index) => self.witnesses.get(index)?.name.as_str(),
            Member::Group(index) => self.groups.get(index)?.name.as_str(),
        })
    }

    /// The quorum's time: the smallest time such that the cosignatures up to it alone satisfy the
    /// quorum, so that one broken witness cannot backdate. `times` holds each witness's earliest
    /// cosignature, in the order of the witnesses. Without a quorum, the earliest of all.
    #[must_use]
    pub fn time(&self, times: &[Option<Instant>]) -> Option<Instant> {
        match self.decides {
            Some(member) => self.time_of(member, times, &mut vec![None; self.groups.len()]),
            None => times.iter().flatten().min().copied(),
        }
    }

    /// Whether witnesses have cosigned so that the quorum is satisfied; without a quorum, whether any has. Lines
    /// that do not verify count nothing.
    #[must_use]
    pub fn has_cosigned(&self, note: &SignedNote) -> bool {
        let earliest = |witness: &Witness| {
            let lines = witness.vkeys.iter().flat_map(|key| {
                let lines = note.lines().iter().filter(|line| key.matches(line));
                lines.filter_map(|line| key.verify(note.text(), line).ok().flatten())
            });
            let seconds = lines.min().and_then(|seconds| i64::try_from(seconds).ok());
            seconds.map(Instant::from_seconds)
        };
        let times: Vec<Option<Instant>> = self.witnesses.iter().map(earliest).collect();
        self.time(&times).is_some()
    }

    /// Groups contain no cycles (the trust file is refused otherwise) but may share members, so each
    /// group's time is kept: a walk without that could take exponential time.
    fn time_of(
        &self,
        member: Member,
        times: &[Option<Instant>],
        known: &mut Vec<Option<Option<Instant>>>,
    ) -> Option<Instant> {
        let index = match member {
            Member::Witness(index) => return *times.get(index)?,
            Member::Group(index) => index,
        };
        if let Some(time) = known.get(index)? {
            return *time;
        }
        let group = self.groups.get(index)?;
        let mut found: Vec<Instant> = group
            .members
            .iter()
            .filter_map(|member| self.time_of(*member, times, known))
            .collect();
        found.sort_unstable();
        let time = group
            .of
            .checked_sub(1)
            .and_then(|place| found.get(place))
            .copied();
        known[index] = Some(time);
        time
    }

    /// Groups of which two disjoint sets of members could see different logs.
    pub(super) fn warnings(&self) -> Vec<String> {
        let decides = match self.decides {
            Some(Member::Group(index)) => reached_from(&self.groups, index),
            Some(Member::Witness(_)) | None => Vec::new(),
        };
        let reachable = |index: usize| {
            self.decides == Some(Member::Group(index)) || decides.get(index).copied().unwrap_or(false)
        };
        let weak = |group: &Group| 2 * group.of <= group.members.len();
        self.groups
            .iter()
            .enumerate()
            .filter(|(index, group)| reachable(*index) && weak(group))
            .map(|(_, group)| {
                format!(
                    "The group {} needs {} of {} members; two disjoint sets of them could see different logs.",
                    group.name,
                    group.of,
                    group.members.len()
                )
            })
            .collect()
    }
}

/// Which groups a walk from the members of this one comes to.
pub(super) fn reached_from(groups: &[Group], start: usize) -> Vec<bool> {
    let mut reached = vec![false; groups.len()];
    let mut open = vec![start];
    while let Some(index) = open.pop() {
        for member in groups.get(index).map_or(&[][..], |group| &group.members) {
            if let Member::Group(inner) = member
                && let Some(seen) = reached.get_mut(*inner)
                && !std::mem::replace(seen, true)
            {
                open.push(*inner);
            }
        }
    }
    reached
}
