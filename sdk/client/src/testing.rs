//! What several unit tests need.

pub(crate) mod notary;

use trialseal_core::checkpoint::{Checkpoint, Origin};
use trialseal_core::hash::{Hash, RecordId};
use trialseal_core::identifiers::{MemberId, OrganizationId};
use trialseal_core::index::{LogIndex, LogSize};
use trialseal_core::manifest::{FileDigests, ItemPath};
use trialseal_core::note::{Ed25519SigningKey, KeyName, MlDsa44SigningKey, SignedNote};
use trialseal_core::record::Enrolment;
use trialseal_core::time::Instant;
use trialseal_core::trust::Trust;
use trialseal_core::vocabulary::{Class, Event, Meaning, Role, SignerKind};

use crate::hashing::HashedFile;
use crate::keys::MemberKey;
use crate::submission::{Signatory, Submission};

/// A whole second: what a checkpoint states is in seconds.
pub(crate) fn now() -> Instant {
    Instant::parse("2026-05-02T09:17:04Z").unwrap()
}

pub(crate) fn log() -> Origin {
    Origin::new("notary.example.org/2026").unwrap()
}

pub(crate) fn signatory() -> Signatory {
    let organization = OrganizationId::new("acme").unwrap();
    let key = MemberKey::from_seed(organization, MemberId::new("m-4k2v9").unwrap(), &[7; 32]);
    let record = RecordId::from_hex(&"0e".repeat(32)).unwrap();
    Signatory {
        key: key.unwrap(),
        name: "Jan\u{e9} Doe".to_owned(),
        kind: SignerKind::Person,
        enrolment: Enrolment {
            index: LogIndex::new(2).unwrap(),
            record,
        },
    }
}

pub(crate) fn file(path: &str) -> HashedFile {
    HashedFile {
        path: ItemPath::new(path).unwrap(),
        source: path.into(),
        digests: FileDigests {
            sha256: [1; 32],
            sha512: [2; 64],
            size: 3,
        },
    }
}

/// A final plan of two files, ready to be signed.
pub(crate) fn plan() -> Submission {
    let register = "trial:NCT04573309".parse().unwrap();
    Submission::new(register, Class::StatisticalAnalysisPlan, Event::Finalised)
        .version("2.0".parse().unwrap())
        .files(&[file("b.pdf"), file("a.pdf")])
        .signed_as(Role::Statistician, Meaning::Approval)
        .reason("Blind review of 28 April")
}

/// A witness; `0` is the one that [`witness_entry`] names.
pub(crate) fn witness(seed: u8) -> Ed25519SigningKey {
    Ed25519SigningKey::from_seed(KeyName::new("witness.example/w1").unwrap(), [100 + seed; 32])
}

/// The entry of the witness in a trust file, and a quorum of it alone.
pub(crate) fn witness_entry() -> String {
    format!(
        "[[witness]]\nname = \"w1\"\nvkeys = [\"{}\"]\n[policy]\nquorum = \"w1\"\nrequire = \"witnessed\"\n",
        witness(0).cosignature_verifier()
    )
}

/// A log that signs what it is told to, with its place in trust.
pub(crate) struct TestLog {
    pub(crate) origin: Origin,
    ed25519: Ed25519SigningKey,
    mldsa: MlDsa44SigningKey,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        Self::with_seed(1)
    }

    pub(crate) fn with_seed(seed: u8) -> Self {
        Self::of(log(), seed)
    }

    pub(crate) fn of(origin: Origin, seed: u8) -> Self {
        let name = origin.key_name().clone();
        Self {
            origin,
            ed25519: Ed25519SigningKey::from_seed(name.clone(), [seed; 32]),
            mldsa: MlDsa44SigningKey::from_seed(name, [seed; 32]),
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        let log_pub = format!("{}\n{}\n", self.ed25519.verifier(), self.mldsa.verifier());
        Trust::from_log_pub(&log_pub, Instant::parse("2026-01-01T00:00:00Z").unwrap(), true).unwrap()
    }

    /// The entry of this log in a trust file.
    pub(crate) fn trust_entry(&self) -> String {
        format!(
            "[[log]]\norigin = \"{}\"\ned25519 = \"{}\"\nmldsa = \"{}\"\nfrom = \"2026-01-01T00:00:00Z\"\n",
            self.origin,
            self.ed25519.verifier(),
            self.mldsa.verifier()
        )
    }

    /// The checkpoint note, signed with both keys at [`now`].
    pub(crate) fn checkpoint(&self, size: LogSize, root: Hash) -> String {
        self.cosigned_checkpoint(size, root, None)
    }

    /// The same with the line of a witness, where there is one.
    pub(crate) fn cosigned_checkpoint(
        &self,
        size: LogSize,
        root: Hash,
        witness: Option<&Ed25519SigningKey>,
    ) -> String {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        };
        let text = checkpoint.text();
        let time_s = u64::try_from(now().seconds()).unwrap();
        let mut lines = vec![
            self.ed25519.sign(&text),
            self.mldsa.cosign_checkpoint(&checkpoint, time_s).unwrap(),
        ];
        lines.extend(witness.map(|witness| witness.cosign(&text, time_s).unwrap()));
        SignedNote::new(text, lines).unwrap().to_string()
    }
}
