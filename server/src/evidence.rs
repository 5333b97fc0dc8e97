//! Evidence of others: witnesses that cosign published checkpoints, and timestamp authorities.
//!
//! Sealing never waits for any of it. A published checkpoint is sent to all witnesses at once; as
//! soon as the quorum of the notary's own policy has cosigned it, it is kept for good and those who
//! wait for the level are answered. Authorities stamp a witnessed checkpoint now and then.
//!
//! Nobody here is trusted alone: what a witness or an authority answers is verified before it is
//! kept, and one that lies, hangs or is gone delays the level and nothing else.

mod asking;
mod authority;
mod clock;
mod cosigned;
mod kept;
mod party;
mod rounds;
mod stamping;
mod wait;
mod witness;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use trialseal_core::{checkpoint::Checkpoint, index::LogIndex, trust::Level};

pub(crate) use self::{asking::Asking, rounds::Publishing, stamping::Stamping};
pub use self::{
    clock::{Difference, Sample, is_out_of_bounds},
    kept::{Copied, Kept, KeptError, Kind, copy, read_file, sizes_of_files},
    party::{FailureKind, Known, Party, PartyKind},
    wait::{Levels, WAIT_MAX},
};
use crate::{config, fs::FileSystem, layout::Layout, view::Head};

/// A checkpoint that is out in public.
#[derive(Debug, Clone)]
pub struct Published {
    /// What was published, with the log's own two lines.
    pub head: Head,
    /// The same note with the cosignatures had so far.
    pub note: Arc<str>,
    /// From which COSE receipts are made.
    pub cose: Option<CoseSignature>,
}

impl Published {
    /// What is out before anything is announced: the log as it was opened.
    #[must_use]
    pub fn unsigned(head: Head) -> Self {
        Self {
            note: Arc::clone(&head.note),
            head,
            cose: None,
        }
    }
}

/// A checkpoint that was published, with the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidenced {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// The checkpoint's note with the log's two lines and every cosignature.
    pub note: Arc<str>,
    /// Tokens of timestamp authorities, DER.
    pub tokens: Vec<Bytes>,
    /// The COSE signature over the checkpoint; none if the notary had no COSE key.
    pub cose: Option<CoseSignature>,
}

/// A signature over a checkpoint from which COSE receipts (RFC 9942) are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoseSignature {
    /// The protected header, CBOR.
    pub protected: Bytes,
    /// The Ed25519 signature.
    pub signature: Bytes,
}

/// What there is of evidence, and who is asked for it. Shared by all services.
pub struct Evidence {
    /// Whom the notary asks; none if it asks nobody.
    pub policy: Option<config::Evidence>,
    /// Witnesses first, then authorities, each in the order of the policy.
    pub parties: Arc<[Arc<Party>]>,
    /// Which levels were reached, and who waits for one.
    pub levels: Levels,
    witnessed: Kept,
    timestamped: Kept,
}

impl Evidence {
    /// Opens what is kept. Blocks on the disk.
    ///
    /// # Errors
    /// If what is kept cannot be read or is damaged.
    pub fn open(
        fs: &Arc<dyn FileSystem>,
        layout: &Layout,
        policy: Option<config::Evidence>,
    ) -> Result<Self, KeptError> {
        let witnessed = Kept::open(Arc::clone(fs), layout, Kind::Witnessed)?;
        let timestamped = Kept::open(Arc::clone(fs), layout, Kind::Timestamped)?;
        let cosigned = cosigned::read(&**fs, &layout.cosigned());
        let mut parties = Vec::new();
        if let Some(policy) = &policy {
            for place in &policy.witnesses {
                let name = &place.witness.name;
                let size = cosigned.get(name).copied().unwrap_or(0);
                parties.push(Arc::new(Party::new(PartyKind::Witness, name, size)));
            }
            for place in &policy.authorities {
                let name = &place.authority.name;
                parties.push(Arc::new(Party::new(PartyKind::Authority, name, 0)));
            }
        }
        let reachable = policy.as_ref().map_or(Level::Sealed, |policy| {
            match (policy.witnesses.is_empty(), policy.authorities.is_empty()) {
                (true, _) => Level::Sealed,
                (false, true) => Level::Witnessed,
                (false, false) => Level::Timestamped,
            }
        });
        let levels = Levels::new(reachable, witnessed.newest_size(), timestamped.newest_size());
        Ok(Self {
            policy,
            parties: parties.into(),
            levels,
            witnessed,
            timestamped,
        })
    }

    /// What is kept of a kind.
    #[must_use]
    pub const fn kept(&self, kind: Kind) -> &Kept {
        match kind {
            Kind::Witnessed => &self.witnessed,
            Kind::Timestamped => &self.timestamped,
        }
    }

    /// The parties of a kind, in the order of the policy.
    pub fn parties_of(&self, kind: PartyKind) -> impl Iterator<Item = &Arc<Party>> {
        self.parties.iter().filter(move |party| party.kind == kind)
    }

    /// The kept evidence for the entry at `index`: the earliest checkpoint that was witnessed and the
    /// earliest that was timestamped, by size, each once; and the level that it makes. Blocks on the
    /// disk.
    ///
    /// A damaged file is told to the operator and passed over: the receipt is worth less, and still
    /// better than none.
    #[must_use]
    pub fn kept_for(&self, index: LogIndex) -> (Level, Vec<Arc<Evidenced>>) {
        earliest_of([&self.witnessed, &self.timestamped], index)
    }
}

/// What is kept of a closed log's evidence. Nothing is added to it.
pub struct KeptOfClosed {
    witnessed: Kept,
    timestamped: Kept,
}

impl KeptOfClosed {
    /// Finds what is kept; changes nothing. Blocks on the disk.
    ///
    /// # Errors
    /// If what is kept cannot be read or is damaged.
    pub fn read(fs: &Arc<dyn FileSystem>, layout: &Layout) -> Result<Self, KeptError> {
        let read = |kind| Kept::read_only(Arc::clone(fs), layout, kind);
        Ok(Self {
            witnessed: read(Kind::Witnessed)?,
            timestamped: read(Kind::Timestamped)?,
        })
    }

    /// The newest checkpoints that are kept, the timestamped first.
    #[must_use]
    pub fn newest(&self) -> Vec<Arc<Evidenced>> {
        let newest = [self.timestamped.newest(), self.witnessed.newest()];
        newest.into_iter().flatten().collect()
    }
}

/// As [`Evidence::kept_for`], for an entry of a closed log.
#[must_use]
pub fn earliest_for(kept: &KeptOfClosed, index: LogIndex) -> (Level, Vec<Arc<Evidenced>>) {
    earliest_of([&kept.witnessed, &kept.timestamped], index)
}

fn earliest_of([witnessed, timestamped]: [&Kept; 2], index: LogIndex) -> (Level, Vec<Arc<Evidenced>>) {
    let earliest = |kept: &Kept| {
        kept.earliest_with(index.get()).unwrap_or_else(|error| {
            tracing::error!(%error, "kept evidence cannot be read");
            None
        })
    };
    let (witnessed, timestamped) = (earliest(witnessed), earliest(timestamped));
    let level = match (&witnessed, &timestamped) {
        (None, _) => Level::Sealed,
        (Some(_), None) => Level::Witnessed,
        (Some(_), Some(_)) => Level::Timestamped,
    };
    let size = |evidenced: &Arc<Evidenced>| evidenced.checkpoint.size;
    let same = timestamped.as_ref().map(size);
    // A timestamped checkpoint has its cosignatures as well.
    let witnessed = witnessed.filter(|witnessed| Some(size(witnessed)) != same);
    let mut kept: Vec<_> = witnessed.into_iter().chain(timestamped).collect();
    kept.sort_by_key(size);
    (level, kept)
}
