//! Receipts on the wire: the message `Receipt`, whose JSON form is the receipt file.

use prost::bytes::Bytes;
use trialseal_core::{
    cose::CoseReceipt,
    hash::sha256,
    index::LogIndex,
    record::{RecordLeaves, When},
    tlog_proof::format_tlog_proof,
    trust::Level,
};
use trialseal_proto::v1;

use super::eyes::{Eyes, Known, Sight};
use crate::{
    chain::Place,
    notary::{Notary, Proof, Proven},
    refusal::Refusal,
    stored::{SaltedText, StoredPart, Submitted},
};

/// The type of the timestamps that this notary has.
const RFC3161: &str = "rfc3161";

/// A receipt with what of it is withheld, and what it reaches.
pub(crate) struct Shown {
    pub(crate) receipt: v1::Receipt,
    pub(crate) withheld: Vec<v1::WithheldPart>,
    pub(crate) level: Level,
    pub(crate) sight: Sight,
    pub(crate) when: When,
}

/// A fresh receipt of a record, as far as these eyes may see it. Blocks on the disk. It is for the caller to put
/// the read on record.
///
/// # Errors
/// As [`Notary::prove`].
pub(crate) fn shown(notary: &Notary, place: Place, eyes: &Eyes) -> Result<Shown, Refusal> {
    let (log, index) = notary.locate(place)?;
    let proven = notary.prove(log, index)?;
    let known = Known::of(&proven.record).ok_or(Refusal::Internal)?;
    let sight = eyes.sight(notary, place, &known.when, known.what.as_ref());
    render(notary, &proven, known.when, sight)
}

/// A fresh receipt of a record that shows as much as is said. Blocks on the disk.
///
/// # Errors
/// As [`Notary::prove`].
pub(crate) fn shown_as(notary: &Notary, place: Place, sight: Sight) -> Result<Shown, Refusal> {
    let (log, index) = notary.locate(place)?;
    let proven = notary.prove(log, index)?;
    let when = When::parse(&proven.record.when.text).map_err(|_| Refusal::Internal)?;
    render(notary, &proven, when, sight)
}

fn render(notary: &Notary, proven: &Proven, when: When, sight: Sight) -> Result<Shown, Refusal> {
    let full = receipt(notary, proven)?;
    let (receipt, withheld) = withhold(full, &proven.record.leaves(), sight);
    Ok(Shown {
        receipt,
        withheld,
        level: proven.level,
        sight,
        when,
    })
}

/// Puts hashes in the place of what is not shown. The note names its signer, so it goes with `who`.
pub(crate) fn withhold(
    mut receipt: v1::Receipt,
    leaves: &RecordLeaves,
    sight: Sight,
) -> (v1::Receipt, Vec<v1::WithheldPart>) {
    let mut withheld = Vec::new();
    let mut note = |part: &str, reason: v1::Withheld| {
        withheld.push(v1::WithheldPart {
            part: part.to_owned(),
            reason: reason as i32,
        });
    };
    let Some(record) = &mut receipt.record else {
        return (receipt, withheld);
    };
    let why = sight.withheld();
    let parts = [
        (
            &mut record.what,
            "what",
            &leaves.what,
            matches!(sight, Sight::When(_)),
        ),
        (&mut record.who, "who", &leaves.who, why.is_some()),
        (&mut record.why, "why", &leaves.why, why.is_some()),
    ];
    for (part, name, leaf, is_withheld) in parts {
        let erased = part.as_ref().is_some_and(|part| part.withheld.is_some());
        match why.filter(|_| is_withheld) {
            Some(why) => {
                note(name, why);
                *part = Some(v1::Part {
                    salt: None,
                    text: None,
                    withheld: Some(leaf.to_hex()),
                });
            }
            None if erased => note(name, v1::Withheld::Erased),
            None => {}
        }
    }
    if let (Some(why), Some(submission)) = (why, &mut receipt.submission) {
        if let Some(text) = submission.note.take() {
            submission.withheld = Some(sha256(text.as_bytes()).to_hex());
        }
        note("submission", why);
    } else if receipt
        .submission
        .as_ref()
        .is_some_and(|submission| submission.withheld.is_some())
    {
        note("submission", v1::Withheld::Erased);
    }
    (receipt, withheld)
}

/// The receipt of a proven record, with all that is there of it: for whoever submitted it.
///
/// # Errors
/// [`Refusal::Internal`] if stored text is not UTF-8, which admission rules out.
pub(crate) fn receipt(notary: &Notary, proven: &Proven) -> Result<v1::Receipt, Refusal> {
    let record = &proven.record;
    let kept = |part: &SaltedText| -> Result<Option<v1::Part>, Refusal> {
        Ok(Some(v1::Part {
            salt: Some(Bytes::copy_from_slice(part.salt.as_bytes())),
            text: Some(part.as_str().map_err(|error| notary.internal(&error))?.to_owned()),
            withheld: None,
        }))
    };
    // Of an erased part there is only the leaf: the receipt withholds it.
    let part = |part: &StoredPart| match part {
        StoredPart::Kept(part) => kept(part),
        StoredPart::Erased(erased) => Ok(Some(v1::Part {
            salt: None,
            text: None,
            withheld: Some(erased.leaf.to_string()),
        })),
    };
    let submission = match &record.submitted {
        Submitted::Signed { note } => Some(v1::Submission {
            note: Some(
                std::str::from_utf8(note)
                    .map_err(|error| notary.internal(&error))?
                    .to_owned(),
            ),
            withheld: None,
        }),
        Submitted::Erased { note, .. } => Some(v1::Submission {
            note: None,
            withheld: Some(note.to_string()),
        }),
        Submitted::Draft { .. } => None,
    };
    Ok(v1::Receipt {
        format: trialseal_core::receipt::FORMAT.to_owned(),
        record: Some(v1::Record {
            what: part(&record.what)?,
            who: part(&record.who)?,
            why: part(&record.why)?,
            when: kept(&record.when)?,
        }),
        submission,
        evidence: proven
            .proofs
            .iter()
            .map(|proof| evidence(proven.index, proof))
            .collect(),
    })
}

pub(crate) fn evidence(index: LogIndex, proof: &Proof) -> v1::Evidence {
    let evidenced = &proof.evidenced;
    let timestamp = |token: &Bytes| v1::Timestamp {
        token: token.clone(),
        r#type: RFC3161.to_owned(),
    };
    v1::Evidence {
        proof: format_tlog_proof(index, &proof.path, &evidenced.note),
        timestamps: evidenced.tokens.iter().map(timestamp).collect(),
        cose: cose(index, proof),
    }
}

/// The COSE receipt of an entry under a checkpoint that was signed for it; none for the only entry
/// of a log, which has no path.
fn cose(index: LogIndex, proof: &Proof) -> Option<Bytes> {
    let signature = proof.evidenced.cose.as_ref()?;
    let (protected, size) = (signature.protected.to_vec(), proof.evidenced.checkpoint.size);
    let signature = signature.signature.as_ref().try_into().ok()?;
    match CoseReceipt::new(protected, size, index, proof.path.clone(), signature) {
        Ok(receipt) => Some(receipt.encode().into()),
        Err(error) => {
            tracing::warn!(%index, %size, %error, "there is no COSE receipt for a record");
            None
        }
    }
}

/// A part as the stream's answers carry it.
#[must_use]
pub(crate) fn prepared_part(part: &SaltedText) -> v1::PreparedPart {
    v1::PreparedPart {
        salt: Bytes::copy_from_slice(part.salt.as_bytes()),
        text: part.text.clone(),
    }
}
