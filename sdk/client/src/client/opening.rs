//! Openings: uploading a manifest that a record opened, fetching one, and finding a file in them.

use trialseal_core::hash::{Hash, Salt};
use trialseal_core::identifiers::RegisterName;
use trialseal_core::index::{LogIndex, LogSize, Sequence};
use trialseal_core::manifest::{Manifest, Opening};
use trialseal_core::merkle::inclusion::root_from_path;
use trialseal_core::record::ManifestCommitment;
use trialseal_proto::v1;

use super::register::{RecordRef, next_message, record_ref, untrusted};
use super::retry::retry;
use super::{Client, RecordPlace};
use crate::error::ClientError;

/// Items in one message: each has at most 4,000 bytes.
const ITEMS_A_MESSAGE: usize = 500;

/// What was opened, to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningHead {
    /// The record whose manifest it is.
    pub record: RecordRef,
    /// The record that opened it.
    pub opened: RecordRef,
    /// Roles, or `public`.
    pub opened_to: Vec<String>,
    /// What the record committed to.
    pub manifest: ManifestCommitment,
}

/// An opened item with the digest that was asked for; it leads to the root on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// The opening.
    pub head: OpeningHead,
    /// Place of the record in the register.
    pub sequence: Sequence,
    /// The item's path.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Client {
    /// Hands in the manifest that the caller's organisation put on record as opened; tells to whom it is given
    /// from now on.
    ///
    /// # Errors
    ///
    /// It is not the one on record, or nobody answers. Handing it in twice is the same as once.
    pub async fn put_opening(
        &self,
        opened: &RecordRef,
        manifest: &Manifest,
    ) -> Result<Vec<String>, ClientError> {
        let shared = &self.shared;
        let messages = messages(opened, manifest);
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let messages = futures::stream::iter(messages.clone());
            async move { registers.put_opening(messages).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        Ok(answer.into_inner().opened_to)
    }

    /// The manifest of a record, where it was opened to the caller; it leads to the root that the notary names,
    /// and whoever has the record's receipt compares that with what is on record.
    ///
    /// # Errors
    ///
    /// It was not opened to the caller, or nobody answers.
    pub async fn opening(
        &self,
        place: (&LogIndex, Option<&str>),
    ) -> Result<(OpeningHead, Manifest), ClientError> {
        let shared = &self.shared;
        let request = v1::GetOpeningRequest {
            index: place.0.get(),
            log: place.1.unwrap_or_default().to_owned(),
        };
        let answers = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.get_opening(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        let mut answers = answers.into_inner();
        let (mut found, mut texts) = (None, Vec::new());
        while let Some(message) =
            next_message(&mut answers, shared.policy.attempt_timeout, &shared.endpoint).await?
        {
            found = found.or(message.head);
            for item in message.items {
                let salt = Salt::from_slice(&item.salt).map_err(|error| untrusted(error.to_string()))?;
                texts.push((salt, item.text));
            }
        }
        let head = found.ok_or_else(|| untrusted("opening: it says not what it opens".to_owned()))?;
        opened(head, texts).map_err(untrusted)
    }

    /// Where a file's SHA-256 stands in the openings of a register that the caller may see.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn find_file(
        &self,
        register: &RegisterName,
        sha256: &[u8; 32],
    ) -> Result<Vec<FoundFile>, ClientError> {
        let shared = &self.shared;
        let request = v1::FindFileRequest {
            register: register.to_string(),
            sha256: bytes::Bytes::copy_from_slice(sha256),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.find_file(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        let found = answer.into_inner().found.into_iter();
        let found = found.map(|one| found_file(one, sha256));
        found.collect::<Result<_, _>>().map_err(untrusted)
    }

    /// The place of a record that something named, for fetching its receipt.
    #[must_use]
    pub fn place_of(&self, record: &RecordRef) -> RecordPlace {
        if record.log == *self.log() {
            RecordPlace::Index(record.index)
        } else {
            RecordPlace::InLog(record.log.clone(), record.index)
        }
    }
}

fn messages(opened: &RecordRef, manifest: &Manifest) -> Vec<v1::PutOpeningRequest> {
    let chunks = manifest.items().chunks(ITEMS_A_MESSAGE);
    let items = chunks.map(|chunk| {
        let item = |item: &trialseal_core::manifest::SaltedItem| v1::OpenedItem {
            salt: bytes::Bytes::copy_from_slice(item.salt.as_bytes()),
            text: item.text.clone(),
        };
        chunk.iter().map(item).collect()
    });
    let mut messages: Vec<v1::PutOpeningRequest> = items
        .map(|items| v1::PutOpeningRequest { opened: None, items })
        .collect();
    if let Some(first) = messages.first_mut() {
        first.opened = Some(v1::RecordRef {
            log: opened.log.to_string(),
            index: opened.index.get(),
            record: bytes::Bytes::copy_from_slice(opened.record.as_bytes()),
        });
    }
    messages
}

fn opened(head: v1::OpeningHead, texts: Vec<(Salt, String)>) -> Result<(OpeningHead, Manifest), String> {
    let head = read_head(head)?;
    let opening = Opening::all(texts).map_err(|error| format!("opening: {error}"))?;
    opening
        .verify(&head.manifest)
        .map_err(|error| format!("opening: {error}"))?;
    let items = opening.items().to_vec();
    let manifest = Manifest::from_sorted(items).map_err(|error| format!("opening: {error}"))?;
    Ok((head, manifest))
}

fn read_head(head: v1::OpeningHead) -> Result<OpeningHead, String> {
    let missing = |what: &str| format!("opening: {what} is missing");
    let manifest = head.manifest.ok_or_else(|| missing("the root"))?;
    Ok(OpeningHead {
        record: record_ref(head.record.ok_or_else(|| missing("the record"))?)?,
        opened: record_ref(head.opened.ok_or_else(|| missing("the opening record"))?)?,
        opened_to: head.opened_to,
        manifest: ManifestCommitment {
            items: manifest.items,
            root: Hash::from_slice(&manifest.root).map_err(|error| error.to_string())?,
        },
    })
}

fn found_file(found: v1::FoundFile, sha256: &[u8; 32]) -> Result<FoundFile, String> {
    let wrong = |problem: &str| format!("find: {problem}");
    let head = read_head(found.head.ok_or_else(|| wrong("the opening is missing"))?)?;
    let item = found.item.ok_or_else(|| wrong("the item is missing"))?;
    let salt = Salt::from_slice(&item.salt).map_err(|error| error.to_string())?;
    let path = found.path.iter().map(|hash| Hash::from_slice(hash));
    let path = path
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    let count = u64::from(head.manifest.items);
    let position = u64::from(found.position);
    let opening =
        Opening::one(salt, item.text, position, count, path.clone()).map_err(|error| error.to_string())?;
    let [one] = opening.items() else {
        return Err(wrong("it is not one item"));
    };
    let (index, size) = (LogIndex::new(position), LogSize::new(count));
    let (Ok(index), Ok(size)) = (index, size) else {
        return Err(wrong("the place is malformed"));
    };
    let root = root_from_path(one.leaf(), index, size, &path).map_err(|error| wrong(&error.to_string()))?;
    if root != head.manifest.root {
        return Err(wrong("the item does not lead to the root on record"));
    }
    if one.item.sha256 != *sha256 {
        return Err(wrong("the item has another digest"));
    }
    let (path, size) = (one.item.path.to_string(), one.item.size);
    Ok(FoundFile {
        head,
        sequence: Sequence::new(found.sequence).map_err(|error| error.to_string())?,
        path,
        size,
    })
}
