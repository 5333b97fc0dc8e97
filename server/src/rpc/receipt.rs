//! Receipts on the wire: the message `Receipt`, whose JSON form is the receipt file.

use prost::bytes::Bytes;
use trialseal_core::tlog_proof::format_tlog_proof;
use trialseal_proto::v1;

use crate::{
    notary::{Notary, Proven},
    refusal::Refusal,
    stored::{SaltedText, Submitted},
};

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
        evidence: vec![v1::Evidence {
            proof: format_tlog_proof(proven.index, &proven.path, &proven.note),
            timestamps: Vec::new(),
            cose: None,
        }],
    })
}

/// A part as the stream's answers carry it.
#[must_use]
pub(crate) fn prepared_part(part: &SaltedText) -> v1::PreparedPart {
    v1::PreparedPart {
        salt: Bytes::copy_from_slice(part.salt.as_bytes()),
        text: part.text.clone(),
    }
}
