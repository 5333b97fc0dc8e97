//! Receipts on the wire: the message `Receipt`, whose JSON form is the receipt file.

use prost::bytes::Bytes;
use trialseal_core::{cose::CoseReceipt, index::LogIndex, tlog_proof::format_tlog_proof};
use trialseal_proto::v1;

use crate::{
    notary::{Notary, Proof, Proven},
    refusal::Refusal,
    stored::{SaltedText, Submitted},
};

/// The type of the timestamps that this notary has.
const RFC3161: &str = "rfc3161";

/// The receipt of a proven record.
///
/// # Errors
/// [`Refusal::Internal`] if stored text is not UTF-8, which admission rules out.
pub(crate) fn receipt(notary: &Notary, proven: &Proven) -> Result<v1::Receipt, Refusal> {
    let record = &proven.record;
    let part = |part: &SaltedText| -> Result<Option<v1::Part>, Refusal> {
        Ok(Some(v1::Part {
            salt: Some(Bytes::copy_from_slice(part.salt.as_bytes())),
            text: Some(part.as_str().map_err(|error| notary.internal(&error))?.to_owned()),
            withheld: None,
        }))
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
        Submitted::Draft { .. } => None,
    };
    Ok(v1::Receipt {
        format: trialseal_core::receipt::FORMAT.to_owned(),
        record: Some(v1::Record {
            what: part(&record.what)?,
            who: part(&record.who)?,
            why: part(&record.why)?,
            when: part(&record.when)?,
        }),
        submission,
        evidence: proven
            .proofs
            .iter()
            .map(|proof| evidence(proven.index, proof))
            .collect(),
    })
}

fn evidence(index: LogIndex, proof: &Proof) -> v1::Evidence {
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
