//! Openings: taken in from submitters, given out to whom they were opened, searched by digest.

use prost::{Message as _, bytes::Bytes};
use tonic::Streaming;
use trialseal_core::{
    hash::{Hash, RecordId, Salt},
    index::LogIndex,
    manifest::{MAX_ITEMS, Manifest, Opening},
    record::{Link, What, When, Who},
    vocabulary::{Event, Rel},
};
use trialseal_proto::v1;

use super::super::{
    eyes::{Eyes, Sight},
    named_log,
    rows::{record_at, reference},
};
use super::large::MESSAGE_TIME;
use crate::{
    admit::Caller,
    chain::Place,
    notary::Notary,
    openings::{DIGESTS_ON_PAGE, OPENINGS_OF_REGISTER_MAX, OpeningHead, digest_pages},
    reads::ReadKind,
    refusal::Refusal,
    stored::{StoredEntry, StoredRecord},
};

/// Bytes of one upload.
const UPLOAD_BYTES_MAX: usize = 64 << 20;
/// Bytes of items in one message that is sent.
const MESSAGE_BYTES: usize = 512 << 10;
/// Results of one search.
const FOUND_MAX: usize = 100;

/// What somebody uploaded.
pub(super) struct Upload {
    opened: v1::RecordRef,
    items: Vec<(Salt, String)>,
}

#[cfg(test)]
impl Upload {
    pub(super) fn new(opened: v1::RecordRef, items: Vec<(Salt, String)>) -> Self {
        Self { opened, items }
    }
}

/// Takes an upload in, within its bounds.
///
/// # Errors
/// If it is malformed or too large.
pub(super) async fn receive(mut messages: Streaming<v1::PutOpeningRequest>) -> Result<Upload, Refusal> {
    let broken = |_| Refusal::BadRequest("the upload broke off; begin it again".to_owned());
    let (mut opened, mut items, mut bytes) = (None, Vec::new(), 0);
    loop {
        let message = tokio::time::timeout(MESSAGE_TIME, messages.message()).await;
        let message = message
            .map_err(|_| Refusal::BadRequest("the upload came to a halt; begin it again".to_owned()))?;
        let Some(message) = message.map_err(broken)? else {
            break;
        };
        bytes += message.encoded_len();
        if bytes > UPLOAD_BYTES_MAX || items.len() + message.items.len() > MAX_ITEMS {
            return Err(Refusal::OpeningRefused(
                "an opening holds at most 100,000 items and 64 MiB".to_owned(),
            ));
        }
        opened = opened.or(message.opened);
        for item in message.items {
            let salt = Salt::from_slice(&item.salt)
                .map_err(|error| Refusal::field("items.salt", error.to_string()))?;
            items.push((salt, item.text));
        }
    }
    let opened = opened.ok_or_else(|| Refusal::field("opened", "is missing in the first message"))?;
    Ok(Upload { opened, items })
}

/// Keeps an upload, if it is the manifest on record and the caller's organisation put it on record as opened.
///
/// # Errors
/// [`Refusal::RecordNotFound`], [`Refusal::OpeningRefused`].
pub(super) fn put(
    notary: &Notary,
    caller: &Caller,
    upload: Upload,
) -> Result<v1::PutOpeningResponse, Refusal> {
    let (place, stored) = named(notary, upload.opened.index, &upload.opened.log)?;
    let when = When::parse(&stored.when.text).map_err(|_| Refusal::Internal)?;
    let eyes = Eyes::open(notary, caller, &when.register)?;
    // What was erased can be opened no more.
    let who = stored.who.text().and_then(|text| Who::parse(text).ok());
    let who = who.ok_or(Refusal::RecordNotFound)?;
    if who.organization != caller.organization {
        return Err(Refusal::RecordNotFound);
    }
    let id = stored.leaves().root();
    if !upload.opened.record.is_empty() && upload.opened.record.as_ref() != id.as_bytes() {
        return Err(Refusal::RecordNotFound);
    }
    let what = stored.what.text().and_then(|text| What::parse(text).ok());
    let what = what.ok_or(Refusal::RecordNotFound)?;
    let head = head(notary, &eyes, (place, id), &what, &who)?;
    let opening = Opening::all(upload.items).map_err(|error| Refusal::OpeningRefused(error.to_string()))?;
    opening
        .verify(&head.manifest)
        .map_err(|error| Refusal::OpeningRefused(error.to_string()))?;
    let known = notary.openings.of_register(&eyes.register);
    let again = known.iter().any(|other| other.opened.0 == place);
    if !again && known.len() >= OPENINGS_OF_REGISTER_MAX {
        return Err(Refusal::OpeningRefused(
            "this register has as many openings as it may".to_owned(),
        ));
    }
    let answer = v1::PutOpeningResponse {
        items: head.manifest.items,
        opened_to: head.opened_to.clone(),
    };
    let kept = notary.openings.put(head, &opening);
    kept.map_err(|error| notary.internal(&error))?;
    notary.listing.keep_digests(place.get(), &digest_pages(&opening));
    Ok(answer)
}

/// What an `opened` record says; it has to fit the record whose manifest it opens.
fn head(
    notary: &Notary,
    eyes: &Eyes,
    opened: (Place, RecordId),
    what: &What,
    who: &Who,
) -> Result<OpeningHead, Refusal> {
    let refused = |problem: &str| Refusal::OpeningRefused(problem.to_owned());
    if what.event != Event::Opened {
        return Err(refused("the record that it names is no `opened` record"));
    }
    let manifest = what
        .manifest
        .ok_or_else(|| refused("the `opened` record repeats no manifest"))?;
    let link = what.links.iter().find(|link| link.rel == Rel::CertifiedCopyOf);
    let link = link.ok_or_else(|| refused("the `opened` record links no record as certified-copy-of"))?;
    let (place, original) = linked(notary, opened.0, link)?;
    let original_what = original.what.text().and_then(|text| What::parse(text).ok());
    let original_what = original_what.ok_or(Refusal::RecordNotFound)?;
    if original.leaves().root() != link.record || original_what.register != eyes.register {
        return Err(refused("the record that it opens is not in this register"));
    }
    let original_when = When::parse(&original.when.text).map_err(|_| Refusal::Internal)?;
    if eyes.sight(notary, place, &original_when, Some(&original_what)) != Sight::Full {
        // Whoever may not see a record cannot disclose it either.
        return Err(Refusal::RecordNotFound);
    }
    if original_what.manifest != Some(manifest) {
        return Err(refused(
            "the `opened` record does not repeat the manifest of the record that it opens",
        ));
    }
    let opened_to: Vec<String> = what.affects.iter().map(ToString::to_string).collect();
    if opened_to.is_empty() {
        return Err(refused(
            "the `opened` record names nobody in `affects`: roles, or public",
        ));
    }
    Ok(OpeningHead {
        record: (place, link.record),
        opened,
        register: eyes.register.clone(),
        organization: who.organization.clone(),
        opened_to,
        manifest,
    })
}

/// The record that a link of the record at `from` leads to.
fn linked(notary: &Notary, from: Place, link: &Link) -> Result<(Place, StoredRecord), Refusal> {
    let log = match &link.log {
        Some(origin) => notary.chain.by_origin(origin).ok_or(Refusal::RecordNotFound)?,
        None => notary.locate(from)?.0,
    };
    match notary.read(log, link.index)? {
        Some(StoredEntry::Record(record)) => Ok((log.place(link.index), record)),
        _ => Err(Refusal::RecordNotFound),
    }
}

fn named(notary: &Notary, index: u64, log: &str) -> Result<(Place, StoredRecord), Refusal> {
    let index = LogIndex::new(index).map_err(|_| Refusal::RecordNotFound)?;
    let log = named_log(notary, log)?;
    match notary.read(log, index)? {
        Some(StoredEntry::Record(record)) => Ok((log.place(index), record)),
        _ => Err(Refusal::RecordNotFound),
    }
}

/// The messages with the newest opening of a record that the caller may see.
///
/// # Errors
/// [`Refusal::RecordNotFound`] where there is none.
pub(super) fn get(
    notary: &Notary,
    caller: Option<&Caller>,
    request: &v1::GetOpeningRequest,
) -> Result<Vec<v1::GetOpeningResponse>, Refusal> {
    let (place, stored) = named(notary, request.index, &request.log)?;
    let when = When::parse(&stored.when.text).map_err(|_| Refusal::Internal)?;
    let eyes = caller.and_then(|caller| Eyes::open(notary, caller, &when.register).ok());
    let openings = notary.openings.of(place);
    let visible = openings
        .iter()
        .rev()
        .find(|head| head.is_public() || eyes.as_ref().is_some_and(|eyes| eyes.may_open(head)));
    let head = visible.ok_or(Refusal::RecordNotFound)?;
    if let Some(eyes) = eyes.filter(|_| !head.is_public()) {
        let sequence = when.sequence.get();
        let read = eyes.read(notary.now(), ReadKind::Opening, (sequence, sequence), 1);
        notary.record_read(&read)?;
    }
    let items = notary
        .openings
        .items(head.opened.0)
        .map_err(|error| notary.internal(&error))?;
    messages(notary, head, items.ok_or(Refusal::RecordNotFound)?)
}

fn messages(
    notary: &Notary,
    head: &OpeningHead,
    items: Vec<(Salt, String)>,
) -> Result<Vec<v1::GetOpeningResponse>, Refusal> {
    let mut messages = vec![v1::GetOpeningResponse {
        head: Some(wire_head(notary, head)?),
        items: Vec::new(),
    }];
    let mut bytes = 0;
    for (salt, text) in items {
        if bytes > MESSAGE_BYTES {
            messages.push(v1::GetOpeningResponse::default());
            bytes = 0;
        }
        bytes += text.len() + 64;
        if let Some(message) = messages.last_mut() {
            message.items.push(item(&salt, text));
        }
    }
    Ok(messages)
}

fn item(salt: &Salt, text: String) -> v1::OpenedItem {
    v1::OpenedItem {
        salt: Bytes::copy_from_slice(salt.as_bytes()),
        text,
    }
}

fn wire_head(notary: &Notary, head: &OpeningHead) -> Result<v1::OpeningHead, Refusal> {
    Ok(v1::OpeningHead {
        record: Some(reference(notary, head.record.0, head.record.1.as_bytes())?),
        opened: Some(reference(notary, head.opened.0, head.opened.1.as_bytes())?),
        register: head.register.to_string(),
        manifest: Some(v1::ManifestRoot {
            root: Bytes::copy_from_slice(head.manifest.root.as_bytes()),
            items: head.manifest.items,
        }),
        opened_to: head.opened_to.clone(),
    })
}

/// Where a digest stands in the openings of a register that the caller may see.
///
/// # Errors
/// If an opening cannot be read.
pub(super) fn find(notary: &Notary, eyes: &Eyes, sha256: &[u8]) -> Result<v1::FindFileResponse, Refusal> {
    let digest = Hash::from_slice(sha256).map_err(|error| Refusal::field("sha256", error.to_string()))?;
    let mut found = Vec::new();
    let openings = notary.openings.of_register(&eyes.register);
    for head in openings.iter().filter(|head| eyes.may_open(head)) {
        let positions = positions(notary, head, digest.as_bytes())?;
        if !positions.is_empty() && found.len() < FOUND_MAX {
            found.extend(found_in(notary, head, &positions, FOUND_MAX - found.len())?);
        }
    }
    if !found.is_empty() {
        let shown = found.len() as u64;
        notary.record_read(&eyes.read(notary.now(), ReadKind::Find, (0, 0), shown))?;
    }
    Ok(v1::FindFileResponse { found })
}

/// The positions of a digest in an opening, by the index; what the index lacks is made anew.
fn positions(notary: &Notary, head: &OpeningHead, digest: &[u8; 32]) -> Result<Vec<u32>, Refusal> {
    let opened = head.opened.0;
    let count = (head.manifest.items as usize).div_ceil(DIGESTS_ON_PAGE);
    let pages = |page: usize| {
        notary
            .listing
            .digests(opened.get(), u32::try_from(page).unwrap_or(u32::MAX))
    };
    if let Some(positions) = search(count, digest, pages) {
        return Ok(positions);
    }
    let items = notary
        .openings
        .items(opened)
        .map_err(|error| notary.internal(&error))?;
    let opening = Opening::all(items.unwrap_or_default()).map_err(|_| unreadable(notary, opened))?;
    let anew = digest_pages(&opening);
    notary.listing.keep_digests(opened.get(), &anew);
    Ok(search(anew.len(), digest, |page| anew.get(page).cloned()).unwrap_or_default())
}

/// Looks the digest up in sorted pages; none if a page is missing or malformed.
fn search(count: usize, digest: &[u8; 32], page: impl Fn(usize) -> Option<Vec<u8>>) -> Option<Vec<u32>> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        let bytes = page(middle)?;
        let (rows, _) = bytes.as_chunks::<36>();
        if rows.last()?.get(..32)? < digest.as_slice() {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let mut positions = Vec::new();
    for number in low..count {
        let bytes = page(number)?;
        let (rows, rest) = bytes.as_chunks::<36>();
        if !rest.is_empty() {
            return None;
        }
        for row in rows {
            let (found, position) = row.split_at_checked(32)?;
            if found == digest.as_slice() {
                positions.push(u32::from_be_bytes(position.try_into().ok()?));
            } else if found > digest.as_slice() {
                return Some(positions);
            }
        }
    }
    Some(positions)
}

/// An opening that was verified when it was kept. What is wrong with an item would name its path, and that is
/// not for the log of the program.
fn unreadable(notary: &Notary, opened: Place) -> Refusal {
    notary.internal(&format!("the opening of {opened} cannot be read back"))
}

fn found_in(
    notary: &Notary,
    head: &OpeningHead,
    positions: &[u32],
    most: usize,
) -> Result<Vec<v1::FoundFile>, Refusal> {
    let items = notary
        .openings
        .items(head.opened.0)
        .map_err(|error| notary.internal(&error))?;
    let opening = Opening::all(items.ok_or(Refusal::RecordNotFound)?);
    let opening = opening.map_err(|_| unreadable(notary, head.opened.0))?;
    let manifest =
        Manifest::from_sorted(opening.items().to_vec()).map_err(|_| unreadable(notary, head.opened.0))?;
    let record = record_at(notary, head.record.0)?;
    let when = When::parse(&record.when.text).map_err(|_| Refusal::Internal)?;
    let found = positions.iter().take(most).map(|position| {
        let one = manifest
            .open_one(*position as usize)
            .map_err(|error| notary.internal(&error))?;
        Ok(v1::FoundFile {
            head: Some(wire_head(notary, head)?),
            sequence: when.sequence.get(),
            item: Some(item(&one.item.salt, one.item.text.clone())),
            position: *position,
            path: one
                .path
                .iter()
                .map(|hash| Bytes::copy_from_slice(hash.as_bytes()))
                .collect(),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trialseal_core::hash::sha256;

    #[test]
    fn a_digest_is_found_on_whichever_pages_it_stands() {
        for count in [1_usize, 5, 12, 40] {
            // Each digest twice: pairs fall across pages of five.
            let digest = |number: usize| *sha256(&(number / 2).to_be_bytes()).as_bytes();
            let mut rows: Vec<([u8; 32], u32)> = (0..count)
                .map(|number| (digest(number), u32::try_from(number).unwrap()))
                .collect();
            rows.sort_unstable();
            let pages: Vec<Vec<u8>> = rows
                .chunks(5)
                .map(|page| {
                    page.iter()
                        .flat_map(|(d, p)| [d.as_slice(), &p.to_be_bytes()].concat())
                        .collect()
                })
                .collect();
            let look =
                |digest: &[u8; 32]| search(pages.len(), digest, |page| pages.get(page).cloned()).unwrap();
            for number in 0..count {
                let naive: Vec<u32> = rows
                    .iter()
                    .filter(|(d, _)| *d == digest(number))
                    .map(|(_, p)| *p)
                    .collect();
                assert_eq!(look(&digest(number)), naive);
            }
            assert!(look(&[0; 32]).is_empty() && look(&[0xff; 32]).is_empty());
            assert_eq!(
                search(pages.len() + 1, &[0xff; 32], |page| pages.get(page).cloned()),
                None
            );
        }
    }
}
