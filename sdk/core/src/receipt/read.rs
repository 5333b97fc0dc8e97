//! Reading a receipt.

use crate::encoding::base64_decode;
use crate::hash::{Hash, Salt};
use crate::json::{self, Object, Value};
use crate::record::{MAX_TEXT_BYTES, Part, long_string};

use super::{
    Evidence, FORMAT, MAX_BYTES, MAX_BYTES_WITH_MANIFEST, MAX_EVIDENCE, MAX_TIMESTAMPS, MAX_TOKEN_BYTES,
    Receipt, ReceiptError, ReceiptManifest, ReceiptPart, ReceiptRecord, ReceiptSubmission, ShownPart,
    Timestamp,
};

/// The JSON of the parts that are shown; `why` only where its text is not empty.
#[derive(Clone, Debug)]
pub(crate) struct PartObjects {
    pub(crate) what: Option<Object>,
    pub(crate) who: Option<Object>,
    pub(crate) when: Object,
}

impl PartObjects {
    pub(super) fn read(record: &ReceiptRecord) -> Result<Self, ReceiptError> {
        let shown = |part: Part, found: &ReceiptPart| match found {
            ReceiptPart::Shown(shown) => read_part(part, &shown.text).map(Some),
            ReceiptPart::Withheld(_) => Ok(None),
        };
        let what = shown(Part::What, &record.what)?;
        let who = shown(Part::Who, &record.who)?;
        if record.why.shown().is_none_or(|why| !why.text.is_empty()) {
            shown(Part::Why, &record.why)?;
        }
        Ok(Self {
            what,
            who,
            when: read_part(Part::When, &record.when.text)?,
        })
    }
}

fn read_part(part: Part, text: &str) -> Result<Object, ReceiptError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ReceiptError::PartTooLong(part));
    }
    let object = json::parse(text.as_bytes()).map_err(|error| ReceiptError::PartJson { part, error })?;
    match long_string(&object) {
        Some(_) => Err(ReceiptError::PartTooLong(part)),
        None => Ok(object),
    }
}

pub(super) fn receipt(bytes: &[u8]) -> Result<Receipt, ReceiptError> {
    if bytes.len() > MAX_BYTES_WITH_MANIFEST {
        return Err(ReceiptError::TooLarge(bytes.len()));
    }
    let mut top = json::parse(bytes).map_err(ReceiptError::Json)?;
    if bytes.len() > MAX_BYTES && !top.contains_key("manifest") {
        return Err(ReceiptError::TooLarge(bytes.len()));
    }
    if top.remove("format").as_ref().and_then(Value::as_str) != Some(FORMAT) {
        return Err(ReceiptError::Format);
    }
    let record = record(take_object(&mut top, "record", "record")?)?;
    let submission = submission(top.remove("submission"))?;
    let evidence = match top.remove("evidence") {
        Some(Value::Array(elements)) => evidence_list(elements)?,
        Some(_) => return Err(shape("evidence", "is not a list")),
        None => return Err(shape("evidence", "is missing")),
    };
    let manifest = match top.remove("manifest") {
        Some(Value::Object(object)) => Some(ReceiptManifest::from_object(object).ok_or_else(|| {
            shape(
                "manifest",
                "is neither exactly {items} nor exactly {item, index, count, path}",
            )
        })?),
        Some(_) => return Err(shape("manifest", "is not an object")),
        None => None,
    };
    Ok(Receipt {
        record,
        submission,
        evidence,
        manifest,
        unknown: top,
    })
}

fn record(mut object: Object) -> Result<ReceiptRecord, ReceiptError> {
    let what = part(take_object(&mut object, "what", "record.what")?, "record.what")?;
    let who = part(take_object(&mut object, "who", "record.who")?, "record.who")?;
    let why = part(take_object(&mut object, "why", "record.why")?, "record.why")?;
    let when = match part(take_object(&mut object, "when", "record.when")?, "record.when")? {
        ReceiptPart::Shown(shown) => shown,
        ReceiptPart::Withheld(_) => return Err(shape("record.when", "is withheld; it never may be")),
    };
    Ok(ReceiptRecord {
        what,
        who,
        why,
        when,
        unknown: object,
    })
}

fn part(mut object: Object, place: &str) -> Result<ReceiptPart, ReceiptError> {
    let found = if object.contains_key("withheld") {
        ReceiptPart::Withheld(hex(&mut object, place)?)
    } else {
        let salt = take_string(&mut object, "salt", place)?;
        let salt = Salt::from_base64(&salt)
            .map_err(|_| shape(&format!("{place}.salt"), "is not 32 bytes in base64"))?;
        ReceiptPart::Shown(ShownPart {
            salt,
            text: take_string(&mut object, "text", place)?,
        })
    };
    if object.is_empty() {
        Ok(found)
    } else {
        Err(shape(
            place,
            "is neither exactly {salt, text} nor exactly {withheld}",
        ))
    }
}

fn submission(value: Option<Value>) -> Result<Option<ReceiptSubmission>, ReceiptError> {
    let place = "submission";
    let mut object = match value {
        Some(Value::Null) => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(shape(place, "is neither null nor an object")),
        None => return Err(shape(place, "is missing; in a draft it is null")),
    };
    let found = if object.contains_key("withheld") {
        ReceiptSubmission::Withheld(hex(&mut object, place)?)
    } else {
        ReceiptSubmission::Note(take_string(&mut object, "note", place)?)
    };
    if object.is_empty() {
        Ok(Some(found))
    } else {
        Err(shape(place, "is neither exactly {note} nor exactly {withheld}"))
    }
}

pub(crate) fn evidence_list(elements: Vec<Value>) -> Result<Vec<Evidence>, ReceiptError> {
    if elements.is_empty() || elements.len() > MAX_EVIDENCE {
        return Err(ReceiptError::EvidenceCount(elements.len()));
    }
    elements
        .into_iter()
        .enumerate()
        .map(|(index, element)| {
            let place = format!("evidence[{index}]");
            match element {
                Value::Object(object) => evidence(object, &place),
                _ => Err(shape(&place, "is not an object")),
            }
        })
        .collect()
}

fn evidence(mut object: Object, place: &str) -> Result<Evidence, ReceiptError> {
    let proof = take_string(&mut object, "proof", place)?;
    let place = format!("{place}.timestamps");
    let timestamps = match object.remove("timestamps") {
        None => Vec::new(),
        Some(Value::Array(values)) if values.len() > MAX_TIMESTAMPS => {
            return Err(shape(&place, "has more than 16 elements"));
        }
        Some(Value::Array(values)) => values
            .into_iter()
            .map(|value| timestamp(value, &place))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(shape(&place, "is not a list")),
    };
    Ok(Evidence {
        proof,
        timestamps,
        unknown: object,
    })
}

fn timestamp(value: Value, place: &str) -> Result<Timestamp, ReceiptError> {
    let Value::Object(object) = value else {
        return Err(shape(place, "holds something that is not an object"));
    };
    let timestamp = Timestamp(object);
    // A token of a type that is not known is kept whatever it holds, within the bound.
    let token = timestamp
        .0
        .get("token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_bounded = match timestamp.kind() {
        Some("rfc3161") => base64_decode(token).is_ok_and(|token| token.len() <= MAX_TOKEN_BYTES),
        _ => token.len() <= MAX_TOKEN_BYTES.div_ceil(3) * 4,
    };
    if !is_bounded {
        return Err(shape(
            place,
            "holds a token that is not base64, or has more than 64 KiB",
        ));
    }
    Ok(timestamp)
}

fn hex(object: &mut Object, place: &str) -> Result<Hash, ReceiptError> {
    let text = take_string(object, "withheld", place)?;
    Hash::from_hex(&text)
        .map_err(|_| shape(&format!("{place}.withheld"), "is not 32 bytes in lower-case hex"))
}

fn take_object(object: &mut Object, key: &str, place: &str) -> Result<Object, ReceiptError> {
    match object.remove(key) {
        Some(Value::Object(inner)) => Ok(inner),
        Some(_) => Err(shape(place, "is not an object")),
        None => Err(shape(place, "is missing")),
    }
}

fn take_string(object: &mut Object, key: &str, place: &str) -> Result<String, ReceiptError> {
    match object.remove(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(shape(&format!("{place}.{key}"), "is not a string")),
        None => Err(shape(&format!("{place}.{key}"), "is missing")),
    }
}

fn shape(place: &str, problem: &'static str) -> ReceiptError {
    ReceiptError::Shape {
        place: place.to_owned(),
        problem,
    }
}
