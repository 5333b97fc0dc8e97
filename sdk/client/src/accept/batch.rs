//! The answer to a batch: one range proof for all, receipts put together on demand.

use std::sync::Arc;

use trialseal_core::checkpoint::Origin;
use trialseal_core::entry::record_leaf_hash;
use trialseal_core::hash::{Hash, RecordId};
use trialseal_core::index::LogIndex;
use trialseal_core::manifest::Manifest;
use trialseal_core::merkle::range_proof::RangeTree;
use trialseal_core::receipt::{ReceiptError, ReceiptPart};
use trialseal_core::tlog_proof::format_tlog_proof;
use trialseal_core::trust::Level;

use super::{
    Evidence, Judge, Receipt, ReceiptRecord, ReceiptSubmission, Recorded, ShownPart, WhenFacts, composed,
    signed, unsigned, when,
};
use crate::error::ClientError;
use crate::pending::{Outgoing, OutgoingRef};
use crate::submission::Prepared;

/// What became of one submission of a batch.
#[derive(Debug)]
pub enum BatchOutcome {
    /// Sealed now; verified.
    Sealed(Box<SealedRecord>),
    /// On record already; its receipt, verified.
    Repeated(Box<Recorded>),
    /// Refused; nothing of it is stored.
    Refused(Box<RefusedSubmission>),
}

/// A submission that was refused, handed back so that it can be sent again where that helps.
#[derive(Debug)]
pub struct RefusedSubmission {
    /// What was sent.
    pub submission: Outgoing,
    /// Why it was refused.
    pub error: ClientError,
}

impl std::fmt::Display for RefusedSubmission {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.error, out)
    }
}

/// A verified record of a batch. The receipt is made when it is asked for.
#[derive(Clone, Debug)]
pub struct SealedRecord {
    record: RecordId,
    parts: ReceiptRecord,
    submission: Option<ReceiptSubmission>,
    manifest: Option<Manifest>,
    facts: WhenFacts,
    tree: Arc<RangeTree>,
    note: Arc<str>,
}

/// A batch's answer, off the wire.
pub(crate) struct Answer {
    pub(crate) first_index: LogIndex,
    pub(crate) outcomes: Vec<Answered>,
    pub(crate) range_proof: Vec<Hash>,
    pub(crate) note: String,
}

/// One outcome, off the wire.
pub(crate) enum Answered {
    Sealed(SealedParts),
    Repeated(Receipt),
    Refused(ClientError),
}

/// What the notary added.
pub(crate) struct SealedParts {
    pub(crate) when: ShownPart,
    pub(crate) composed: Option<ComposedParts>,
}

/// What it composed, in a draft.
pub(crate) struct ComposedParts {
    pub(crate) what: ShownPart,
    pub(crate) who: ShownPart,
    pub(crate) why: ShownPart,
}

impl SealedRecord {
    /// The record's id.
    #[must_use]
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// Its index in the log.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        self.facts.index
    }

    /// Makes the receipt.
    ///
    /// # Errors
    ///
    /// A part is larger than a receipt can hold.
    pub fn into_recorded(self) -> Result<Recorded, ReceiptError> {
        let WhenFacts {
            index,
            sequence,
            received_at,
            ..
        } = self.facts;
        let path = self.tree.path(index).unwrap_or_default();
        let proof = format_tlog_proof(index, &path, &self.note);
        let mut receipt = Receipt::new(self.parts, self.submission, vec![Evidence::new(proof)])?;
        if let Some(manifest) = &self.manifest {
            receipt = receipt.with_manifest(manifest);
        }
        Ok(Recorded {
            receipt,
            record: self.record,
            index,
            sequence,
            received_at,
            repeated: false,
            reached: Level::Sealed,
            shortfall: None,
        })
    }
}

/// A sealed submission that still lacks its proof.
struct Unproven {
    parts: ReceiptRecord,
    submission: Option<ReceiptSubmission>,
    manifest: Option<Manifest>,
    facts: WhenFacts,
}

/// Accepts a batch, or says in a sentence why not. Nothing of it is accepted then: one range
/// proof stands for all.
pub(crate) fn accept_batch(
    judge: Judge<'_>,
    sent: Vec<Outgoing>,
    answer: Answer,
) -> Result<Vec<BatchOutcome>, String> {
    if answer.outcomes.len() != sent.len() {
        return Err(format!(
            "{} submissions were sent, {} answered",
            sent.len(),
            answer.outcomes.len()
        ));
    }
    let log = answer.note.split('\n').next().unwrap_or_default();
    let log = Origin::new(log).map_err(|error| format!("log: {error}"));
    let mut next = answer.first_index;
    let mut outcomes = Vec::with_capacity(sent.len());
    let mut unproven = Vec::with_capacity(sent.len());
    let mut leaves = Vec::with_capacity(sent.len());
    for (sent, answered) in sent.into_iter().zip(answer.outcomes) {
        outcomes.push(match answered {
            Answered::Refused(error) => Some(BatchOutcome::Refused(Box::new(RefusedSubmission {
                submission: sent,
                error,
            }))),
            Answered::Repeated(receipt) => {
                let recorded = judge.receipt(receipt, true, OutgoingRef::from(&sent))?;
                Some(BatchOutcome::Repeated(Box::new(recorded)))
            }
            Answered::Sealed(parts) => {
                let log = log.as_ref().map_err(String::clone)?;
                let one = sealed(log, sent, parts)?;
                if one.facts.index != next {
                    return Err("inclusion: the indexes of the batch do not follow each other".to_owned());
                }
                next = next.next().map_err(|error| error.to_string())?;
                leaves.push(record_leaf_hash(&one.parts.leaves().root()));
                unproven.push(one);
                None
            }
        });
    }
    let mut proven = prove(
        judge,
        log,
        answer.first_index,
        leaves,
        unproven,
        &answer.range_proof,
        answer.note,
    )?
    .into_iter();
    // Every place left open was one that was sealed, in order.
    Ok(outcomes
        .into_iter()
        .filter_map(|outcome| outcome.or_else(|| proven.next()))
        .collect())
}

/// `log` is that of the checkpoint; whether trust names it is seen when that is verified.
fn sealed(log: &Origin, sent: Outgoing, sealed: SealedParts) -> Result<Unproven, String> {
    match (sent, sealed.composed) {
        (Outgoing::Prepared(sent), None) => {
            if sent.text().log != *log {
                return Err(format!("log: the checkpoint is that of {log}"));
            }
            let facts = when::read(&sealed.when, sent.subject(), log)?;
            signed(&facts, &sent)?;
            let Prepared {
                what,
                who,
                why,
                note,
                manifest,
                ..
            } = *sent;
            let parts = ReceiptRecord::new(
                ReceiptPart::Shown(what),
                ReceiptPart::Shown(who),
                ReceiptPart::Shown(why),
                sealed.when,
            );
            Ok(Unproven {
                parts,
                submission: Some(ReceiptSubmission::Note(note)),
                manifest,
                facts,
            })
        }
        (Outgoing::Draft(sent), Some(ComposedParts { what, who, why })) => {
            let facts = when::read(&sealed.when, sent.subject(), log)?;
            unsigned(&facts)?;
            let parts = ReceiptRecord::new(
                ReceiptPart::Shown(what),
                ReceiptPart::Shown(who),
                ReceiptPart::Shown(why),
                sealed.when,
            );
            composed(&parts, &sent, false)?;
            Ok(Unproven {
                parts,
                submission: None,
                manifest: sent.manifest().cloned(),
                facts,
            })
        }
        (Outgoing::Prepared(_), Some(_)) => Err("record: a signed submission was composed anew".to_owned()),
        (Outgoing::Draft(_), None) => Err("record: the parts of the draft are missing".to_owned()),
    }
}

fn prove(
    judge: Judge<'_>,
    log: Result<Origin, String>,
    first: LogIndex,
    leaves: Vec<Hash>,
    unproven: Vec<Unproven>,
    proof: &[Hash],
    note: String,
) -> Result<Vec<BatchOutcome>, String> {
    let Some(latest) = unproven.iter().map(|one| one.facts.received_at).max() else {
        return Ok(Vec::new());
    };
    let checkpoint = judge.log_signed(&note, latest, &log?)?.checkpoint;
    let tree = RangeTree::verify(first, leaves, checkpoint.size, proof, &checkpoint.root)
        .map_err(|error| format!("inclusion: {error}"))?;
    let (tree, note): (_, Arc<str>) = (Arc::new(tree), note.into());
    let finish = |one: Unproven| {
        BatchOutcome::Sealed(Box::new(SealedRecord {
            record: one.parts.leaves().root(),
            parts: one.parts,
            submission: one.submission,
            manifest: one.manifest,
            facts: one.facts,
            tree: Arc::clone(&tree),
            note: Arc::clone(&note),
        }))
    };
    Ok(unproven.into_iter().map(finish).collect())
}
