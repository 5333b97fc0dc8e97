//! The bytes of a pending file: `trialseal-pending/v1`, JSON.

use serde::{Deserialize, Serialize};
use trialseal_core::encoding::hex_decode;
use trialseal_core::hash::{Hash, Salt};
use trialseal_core::manifest::{Item, Manifest, SaltedItem};
use trialseal_core::receipt::ShownPart;
use trialseal_core::record::{FieldViolation, What, Why};
use trialseal_core::submission::IdempotencyKey;

use super::{Outgoing, Pending};
use crate::submission::{Draft, Prepared};

const FORMAT: &str = "trialseal-pending/v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    receipt: String,
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    prepared: Option<PreparedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<DraftFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Salted>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreparedFile {
    what: Salted,
    who: Salted,
    why: Salted,
    note: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftFile {
    idempotency_key: String,
    what: String,
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Salted {
    salt: String,
    text: String,
}

impl Salted {
    fn new(salt: &Salt, text: &str) -> Self {
        Self {
            salt: salt.to_base64(),
            text: text.to_owned(),
        }
    }

    fn salt(&self) -> Result<Salt, String> {
        Salt::from_base64(&self.salt).map_err(|error| error.to_string())
    }

    fn part(self) -> Result<ShownPart, String> {
        Ok(ShownPart {
            salt: self.salt()?,
            text: self.text,
        })
    }
}

impl From<&ShownPart> for Salted {
    fn from(part: &ShownPart) -> Self {
        Self::new(&part.salt, &part.text)
    }
}

/// The text of the file; an error only where the receipt's path is not UTF-8.
pub(super) fn write(pending: &Pending) -> Result<String, String> {
    let (prepared, draft) = match &pending.submission {
        Outgoing::Prepared(one) => {
            let (what, who, why) = (one.what().into(), one.who().into(), one.why().into());
            (
                Some(PreparedFile {
                    what,
                    who,
                    why,
                    note: one.note().to_owned(),
                }),
                None,
            )
        }
        Outgoing::Draft(one) => {
            let (what, why) = (one.what_text().to_owned(), one.why_text().to_owned());
            (
                None,
                Some(DraftFile {
                    idempotency_key: one.idempotency_key().to_string(),
                    what,
                    why,
                }),
            )
        }
    };
    let salted = |one: &SaltedItem| Salted::new(&one.salt, &one.text);
    let items = pending
        .submission
        .manifest()
        .map(|manifest| manifest.items().iter().map(salted).collect());
    let receipt = pending
        .receipt
        .to_str()
        .ok_or("the receipt's path is not UTF-8")?
        .to_owned();
    let request = pending.request.to_hex();
    let file = File {
        format: FORMAT.to_owned(),
        receipt,
        request,
        prepared,
        draft,
        items,
    };
    let mut text = serde_json::to_string_pretty(&file).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

pub(super) fn read(bytes: &[u8]) -> Result<Pending, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.format != FORMAT {
        return Err(format!("the format is {:?}, not {FORMAT:?}", file.format));
    }
    let request = Hash::from_hex(&file.request).map_err(|error| error.to_string())?;
    let manifest = file.items.map(manifest).transpose()?;
    let submission = match (file.prepared, file.draft) {
        (Some(one), None) => {
            let parts = [one.what.part()?, one.who.part()?, one.why.part()?];
            Prepared::from_parts(parts, one.note, manifest)
                .map_err(|error| error.to_string())?
                .into()
        }
        (None, Some(one)) => draft(&one, manifest)?.into(),
        _ => return Err("it holds neither a signed submission nor a draft".to_owned()),
    };
    Ok(Pending {
        submission,
        receipt: file.receipt.into(),
        request,
    })
}

fn draft(file: &DraftFile, manifest: Option<Manifest>) -> Result<Draft, String> {
    let words = |found: Vec<FieldViolation>| found.first().map(ToString::to_string).unwrap_or_default();
    let what = What::parse(file.what.as_bytes()).map_err(words)?;
    let why = Why::parse(file.why.as_bytes()).map_err(words)?;
    let key = hex_decode(&file.idempotency_key).map_err(|error| error.to_string())?;
    Draft::from_parts(what, why, IdempotencyKey::from_bytes(key), manifest)
        .ok_or_else(|| "the items are not those that what commits to".to_owned())
}

fn manifest(items: Vec<Salted>) -> Result<Manifest, String> {
    let mut salted = Vec::with_capacity(items.len());
    for one in &items {
        let item = Item::parse(one.text.as_bytes()).map_err(|error| error.to_string())?;
        salted.push((one.salt()?, item));
    }
    // The commitment in `what` is compared by the caller, so a text that does not write back to
    // itself cannot slip through.
    Manifest::new(salted).map_err(|error| error.to_string())
}
