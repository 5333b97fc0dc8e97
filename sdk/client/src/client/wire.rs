//! Between protobuf messages and the types of the core. Messages stay in this module and its
//! neighbours.

use std::time::Duration;

use bytes::Bytes;
use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::{Hash, Salt};
use trialseal_core::index::LogIndex;
use trialseal_core::json::{self, Value};
use trialseal_core::receipt::{
    self, Evidence, Receipt, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart,
};
use trialseal_core::record::{Scope, What};
use trialseal_core::trust::Level;
use trialseal_proto::v1;

use super::status::refused;
use super::{RecordPlace, Wait};
use crate::accept::{Answer, Answered, ComposedParts, SealedParts};
use crate::pending::OutgoingRef;
use crate::submission::{Draft, Prepared};

/// The notary waits no longer than this.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// `wait` is how long the notary shall wait for the level.
pub(super) fn submit_request(sent: OutgoingRef<'_>, wait: Wait) -> v1::SubmitRequest {
    use v1::submit_request::Submission;
    let submission = match sent {
        OutgoingRef::Prepared(sent) => Submission::Prepared(prepared(sent)),
        OutgoingRef::Draft(sent) => Submission::Draft(draft(sent)),
    };
    v1::SubmitRequest {
        submission: Some(submission),
        level: level(wait.level),
        wait: duration(wait),
    }
}

fn level(level: Level) -> i32 {
    i32::from(match level {
        Level::Sealed => v1::Level::Sealed,
        Level::Witnessed => v1::Level::Witnessed,
        Level::Timestamped => v1::Level::Timestamped,
    })
}

/// None where there is nothing to wait for.
fn duration(wait: Wait) -> Option<prost_types::Duration> {
    if wait.level == Level::Sealed {
        return None;
    }
    prost_types::Duration::try_from(wait.up_to.min(WAIT_MAX)).ok()
}

pub(super) fn receipt_request(place: &RecordPlace, wait: Wait) -> v1::GetReceiptRequest {
    use v1::get_receipt_request::Record;
    let mut log = String::new();
    let record = match place {
        RecordPlace::Index(index) => Record::Index(index.get()),
        RecordPlace::InLog(origin, index) => {
            log = origin.to_string();
            Record::Index(index.get())
        }
        RecordPlace::Position(register, sequence) => Record::Position(v1::RegisterPosition {
            register: register.to_string(),
            sequence: sequence.get(),
        }),
    };
    v1::GetReceiptRequest {
        record: Some(record),
        level: level(wait.level),
        log,
        wait: duration(wait),
    }
}

/// Whether the receipt is for the record that was asked for.
pub(super) fn check_place(receipt: &Receipt, place: &RecordPlace) -> Result<(), String> {
    let when = json::parse(receipt.record().when.text.as_bytes()).map_err(|error| error.to_string())?;
    let number = |key: &str| when.get(key).and_then(Value::as_unsigned);
    let same = match place {
        RecordPlace::Index(index) => number("index") == Some(index.get()),
        RecordPlace::InLog(origin, index) => {
            number("index") == Some(index.get())
                && when.get("log").and_then(Value::as_str) == Some(origin.as_str())
        }
        RecordPlace::Position(register, sequence) => {
            number("sequence") == Some(sequence.get())
                && when.get("register").and_then(Value::as_str) == Some(register.as_str())
        }
    };
    if same {
        Ok(())
    } else {
        Err("record: the receipt is for another record".to_owned())
    }
}

fn prepared(sent: &Prepared) -> v1::Prepared {
    v1::Prepared {
        what: Some(prepared_part(sent.what())),
        who: Some(prepared_part(sent.who())),
        why: Some(prepared_part(sent.why())),
        note: sent.note().to_owned(),
    }
}

fn prepared_part(part: &ShownPart) -> v1::PreparedPart {
    v1::PreparedPart {
        salt: Bytes::copy_from_slice(part.salt.as_bytes()),
        text: Bytes::copy_from_slice(part.text.as_bytes()),
    }
}

fn draft(sent: &Draft) -> v1::Draft {
    let what = sent.what();
    let text = |value: Option<String>| value.unwrap_or_default();
    v1::Draft {
        idempotency_key: Bytes::copy_from_slice(sent.idempotency_key().as_bytes()),
        register: what.register.to_string(),
        class: what.class.to_string(),
        event: what.event.to_string(),
        version: text(what.version.as_ref().map(ToString::to_string)),
        manifest: what.manifest.map(|manifest| v1::ManifestRoot {
            root: Bytes::copy_from_slice(manifest.root.as_bytes()),
            items: manifest.items,
        }),
        links: links(what),
        scope: what.scope.as_ref().map(scope),
        purpose: text(what.purpose.map(|code| code.to_string())),
        sealed: what.sealed,
        decision: text(what.decision.map(|code| code.to_string())),
        affects: what.affects.iter().map(ToString::to_string).collect(),
        basis: text(what.basis.map(|code| code.to_string())),
        declared_at: text(what.declared_at.map(|declared| declared.to_string())),
        document_date: text(what.document_date.map(|date| date.to_string())),
        decided_on: text(what.decided_on.map(|date| date.to_string())),
        valid_from: text(what.valid_from.map(|date| date.to_string())),
        valid_until: text(what.valid_until.map(|date| date.to_string())),
        tz: text(what.tz.as_ref().map(ToString::to_string)),
        source: what.source.as_ref().map(|source| v1::Source {
            repository: text(source.repository.as_ref().map(ToString::to_string)),
            commit: text(source.commit.as_ref().map(ToString::to_string)),
            dirty: source.dirty,
            run: text(source.run.as_ref().map(ToString::to_string)),
        }),
        transfer: what.transfer.as_ref().map(|transfer| v1::Transfer {
            series: text(transfer.series.as_ref().map(ToString::to_string)),
            number: transfer.number,
            mode: text(transfer.mode.map(|code| code.to_string())),
            test: transfer.test,
        }),
        consent: what.consent.as_ref().map(|consent| v1::Consent {
            kind: text(consent.kind.as_ref().map(ToString::to_string)),
            count: consent.count,
            from: text(consent.from.map(|date| date.to_string())),
        }),
        retain_until: text(what.retain_until.map(|date| date.to_string())),
        seen: what.seen.map(|seen| v1::Seen {
            sequence: seen.sequence.get(),
            record: Bytes::copy_from_slice(seen.record.as_bytes()),
            index: seen.index.get(),
        }),
        reason: text(sent.why().reason.clone()),
        remark: text(sent.why().remark.clone()),
    }
}

fn links(what: &What) -> Vec<v1::Link> {
    let link = |link: &trialseal_core::record::Link| v1::Link {
        rel: link.rel.to_string(),
        record: Bytes::copy_from_slice(link.record.as_bytes()),
        index: link.index.get(),
        log: link.log.as_ref().map(Origin::to_string).unwrap_or_default(),
    };
    what.links.iter().map(link).collect()
}

fn scope(scope: &Scope) -> v1::Scope {
    fn texts<T: ToString>(values: &[T]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }
    match scope {
        Scope::All => v1::Scope {
            all: true,
            ..Default::default()
        },
        Scope::Only(only) => v1::Scope {
            all: false,
            sites: texts(&only.sites),
            countries: texts(&only.countries),
            visits: texts(&only.visits),
            forms: texts(&only.forms),
            datasets: texts(&only.datasets),
        },
    }
}

/// The receipt of an answer. The error is a sentence.
pub(super) fn receipt(message: Option<v1::Receipt>) -> Result<Receipt, String> {
    let message = message.ok_or("parse: the answer has no receipt")?;
    if message.format != receipt::FORMAT {
        return Err(format!("parse: the receipt's format is {:?}", message.format));
    }
    let record = message.record.ok_or("parse: the receipt has no record")?;
    let ReceiptPart::Shown(when) = part("when", record.when)? else {
        return Err("parse: when is withheld".to_owned());
    };
    let record = ReceiptRecord::new(
        part("what", record.what)?,
        part("who", record.who)?,
        part("why", record.why)?,
        when,
    );
    let submission = message.submission.map(submission).transpose()?;
    let evidence = message
        .evidence
        .into_iter()
        .map(evidence)
        .collect::<Result<_, _>>()?;
    Receipt::new(record, submission, evidence).map_err(|error| format!("parse: {error}"))
}

fn part(name: &str, message: Option<v1::Part>) -> Result<ReceiptPart, String> {
    let malformed = || format!("parse: the part {name} is malformed");
    match message.ok_or_else(malformed)? {
        v1::Part {
            salt: Some(salt),
            text: Some(text),
            withheld: None,
        } => {
            let salt = Salt::from_slice(&salt).map_err(|_| malformed())?;
            Ok(ReceiptPart::Shown(ShownPart { salt, text }))
        }
        v1::Part {
            salt: None,
            text: None,
            withheld: Some(leaf),
        } => Ok(ReceiptPart::Withheld(
            Hash::from_hex(&leaf).map_err(|_| malformed())?,
        )),
        _ => Err(malformed()),
    }
}

fn submission(message: v1::Submission) -> Result<ReceiptSubmission, String> {
    let malformed = || "parse: the submission is malformed".to_owned();
    match message {
        v1::Submission {
            note: Some(note),
            withheld: None,
        } => Ok(ReceiptSubmission::Note(note)),
        v1::Submission {
            note: None,
            withheld: Some(hash),
        } => Ok(ReceiptSubmission::Withheld(
            Hash::from_hex(&hash).map_err(|_| malformed())?,
        )),
        _ => Err(malformed()),
    }
}

pub(super) fn evidence(message: v1::Evidence) -> Result<Evidence, String> {
    if let Some(other) = message
        .timestamps
        .iter()
        .find(|timestamp| timestamp.r#type != "rfc3161")
    {
        return Err(format!("parse: a timestamp of unknown type {:?}", other.r#type));
    }
    let tokens = message
        .timestamps
        .iter()
        .map(|timestamp| timestamp.token.as_ref());
    let element = Evidence::with_tokens(message.proof, tokens);
    Ok(match message.cose {
        Some(cose) => element.with_cose(&cose),
        None => element,
    })
}

/// The answer to a batch. The error is a sentence.
pub(super) fn answer(message: v1::SubmitStreamResponse) -> Result<Answer, String> {
    use v1::outcome::Outcome;
    let hash = |bytes: &Bytes| Hash::from_slice(bytes).map_err(|error| format!("inclusion: {error}"));
    let mut outcomes = Vec::with_capacity(message.outcomes.len());
    for outcome in message.outcomes {
        outcomes.push(match outcome.outcome {
            Some(Outcome::Sealed(sealed)) => Answered::Sealed(sealed_parts(sealed)?),
            Some(Outcome::Repeated(message)) => Answered::Repeated(receipt(Some(message))?),
            Some(Outcome::Refused(status)) => Answered::Refused(refused(&status)),
            None => return Err("parse: an outcome is missing".to_owned()),
        });
    }
    Ok(Answer {
        first_index: LogIndex::new(message.first_index).map_err(|error| error.to_string())?,
        outcomes,
        range_proof: message.range_proof.iter().map(hash).collect::<Result<_, _>>()?,
        note: message.checkpoint,
    })
}

fn sealed_parts(message: v1::Sealed) -> Result<SealedParts, String> {
    let when = shown("when", message.when)?;
    let composed = match message.composed {
        None => None,
        Some(parts) => Some(ComposedParts {
            what: shown("what", parts.what)?,
            who: shown("who", parts.who)?,
            why: shown("why", parts.why)?,
        }),
    };
    Ok(SealedParts { when, composed })
}

fn shown(name: &str, message: Option<v1::PreparedPart>) -> Result<ShownPart, String> {
    let malformed = || format!("parse: the part {name} is malformed");
    let message = message.ok_or_else(malformed)?;
    let salt = Salt::from_slice(&message.salt).map_err(|_| malformed())?;
    let text = String::from_utf8(message.text.into()).map_err(|_| malformed())?;
    Ok(ShownPart { salt, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_keeps_tokens_and_cose_to_the_byte() {
        let message = v1::Evidence {
            proof: "a proof".to_owned(),
            timestamps: vec![v1::Timestamp {
                token: Bytes::from_static(&[0x30, 0x00]),
                r#type: "rfc3161".to_owned(),
            }],
            cose: Some(Bytes::from_static(&[0xd2, 0x84])),
        };
        let element = evidence(message.clone()).unwrap();
        assert_eq!(element.proof, "a proof");
        assert_eq!(element.timestamps[0].token(), Some(vec![0x30, 0x00]));
        // As protobuf's JSON mapping has bytes, and as the receipt file does: base64.
        assert_eq!(element.cose(), Some("0oQ="));
        let without = v1::Evidence {
            cose: None,
            ..message.clone()
        };
        assert_eq!(evidence(without).unwrap().cose(), None);
        let mut unknown = message;
        unknown.timestamps[0].r#type = "other".to_owned();
        assert!(evidence(unknown).is_err());
    }

    #[test]
    fn levels_and_waits_on_the_wire() {
        let witnessed = |seconds| Wait {
            level: Level::Witnessed,
            up_to: Duration::from_secs(seconds),
        };
        let place = RecordPlace::InLog(
            Origin::new("notary.example.org/2026").unwrap(),
            LogIndex::new(7).unwrap(),
        );
        let request = receipt_request(&place, witnessed(2));
        assert_eq!(
            (request.level, request.log.as_str()),
            (2, "notary.example.org/2026")
        );
        assert_eq!(request.wait.unwrap().seconds, 2);
        // More than the notary would wait is not asked for.
        assert_eq!(
            receipt_request(&place, witnessed(9_999)).wait.unwrap().seconds,
            300
        );
        let request = receipt_request(&RecordPlace::Index(LogIndex::FIRST), Wait::SEALED);
        assert_eq!((request.level, request.log.as_str(), request.wait), (1, "", None));
    }
}
