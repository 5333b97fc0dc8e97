//! Log entries: what the leaves of a log are hashes of.
//!
//! An entry is `0x01 || record root`, 33 opaque bytes, or `0x02 || JSON`, a public statement of the
//! notary. Types `0x03` to `0x0f` are reserved. The log leaf is `SHA-256(0x00 || entry)`.

use crate::checkpoint::{CheckpointError, Origin};
use crate::encoding::EncodingError;
use crate::hash::{Hash, RecordId};
use crate::index::{IndexError, LogSize};
use crate::json::{self, JsonError, Object, Value};
use crate::merkle;
use crate::note::{KeyError, KeyType, VerifierKey};
use crate::time::{Instant, TimeError};

const RECORD: u8 = 0x01;
/// The type of an entry that is a public statement.
pub(crate) const STATEMENT: u8 = 0x02;
/// The longest public statement, in bytes: an entry's length is written in two bytes.
pub const STATEMENT_BYTES_MAX: usize = 65_534;
const LOG_FORMAT: &str = "trialseal-log/v1";

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// No byte at all.
    #[error("an entry is not empty")]
    Empty,
    /// A type that is none of record and statement.
    #[error("entry type {0:#04x} is unknown (0x01 is a record, 0x02 a statement)")]
    UnknownType(u8),
    /// A record entry whose root is not 32 bytes.
    #[error("record root: {0}")]
    Record(EncodingError),
    /// A statement of more than 65,534 bytes.
    #[error("a public statement has at most 65534 bytes, this one has {0}")]
    TooLong(usize),
    /// A statement that is not canonical JSON.
    #[error("statement: {0}")]
    Json(#[from] JsonError),
    /// A key of a statement is missing or has another JSON type.
    #[error("statement: key '{0}' is missing or of another type")]
    Key(&'static str),
    /// `type` or `format` hold something else.
    #[error("statement: '{0}' holds a value that is not known")]
    Unknown(&'static str),
    /// An instant is not one.
    #[error("statement: {0}")]
    Time(#[from] TimeError),
    /// A verifier key is refused.
    #[error("statement: {0}")]
    VerifierKey(#[from] KeyError),
    /// `keys` is not the Ed25519 key and the ML-DSA-44 key, in this order.
    #[error("statement: 'keys' must be an Ed25519 key and an ML-DSA-44 key, in this order")]
    Keys,
    /// An origin is refused.
    #[error("statement: {0}")]
    Origin(#[from] CheckpointError),
    /// A number is no index or size.
    #[error("statement: {0}")]
    Index(#[from] IndexError),
    /// A hash is not well encoded.
    #[error("statement: {0}")]
    Hash(#[from] EncodingError),
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record, of which the log knows only the root.
    Record(RecordId),
    /// A public statement of the notary.
    Statement(Statement),
}

/// The two keys of a log, which sign each of its checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeys {
    ed25519: VerifierKey,
    mldsa: VerifierKey,
}

/// A public statement of the notary. Keys in it are never trusted: trust comes from the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Opens a log; always at index 0.
    Open {
        /// When the log was created.
        created_at: Instant,
        /// The log's keys.
        keys: LogKeys,
        /// The log.
        origin: Origin,
        /// The final checkpoint of the origin before, with its two log lines; none in the first log.
        previous: Option<String>,
    },
    /// Closes a log; always its last entry.
    Close {
        /// The keys of the next log.
        keys: LogKeys,
        /// The next log.
        next: Origin,
    },
    /// States the head of every register.
    Registers {
        /// When it was made.
        at: Instant,
        /// Number of registers.
        count: u64,
        /// RFC 6962 root over one line a register.
        root: Hash,
        /// The log size that it covers.
        size: LogSize,
    },
}

/// The bytes of a record's entry.
pub fn record_entry(record: &RecordId) -> [u8; 33] {
    let mut entry = [RECORD; 33];
    entry[1..].copy_from_slice(record.as_bytes());
    entry
}

/// The log leaf of a record's entry.
pub fn record_leaf_hash(record: &RecordId) -> Hash {
    merkle::leaf_hash(&record_entry(record))
}

impl Entry {
    /// The bytes of the entry.
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        match self {
            Self::Record(record) => Ok(record_entry(record).to_vec()),
            Self::Statement(statement) => {
                let text = statement.to_json();
                if text.len() > STATEMENT_BYTES_MAX {
                    return Err(EntryError::TooLong(text.len()));
                }
                let mut entry = Vec::with_capacity(1 + text.len());
                entry.push(STATEMENT);
                entry.extend_from_slice(text.as_bytes());
                Ok(entry)
            }
        }
    }

    /// Reads an entry. A statement must be canonical JSON; keys that are not known are ignored, so the
    /// log leaf is the hash of the bytes that were read, not of what is encoded again.
    pub fn parse(entry: &[u8]) -> Result<Self, EntryError> {
        let (entry_type, rest) = entry.split_first().ok_or(EntryError::Empty)?;
        match *entry_type {
            RECORD => {
                let root = Hash::from_slice(rest).map_err(EntryError::Record)?;
                Ok(Self::Record(RecordId::from_hash(root)))
            }
            STATEMENT if rest.len() > STATEMENT_BYTES_MAX => Err(EntryError::TooLong(rest.len())),
            STATEMENT => Statement::parse(rest).map(Self::Statement),
            other => Err(EntryError::UnknownType(other)),
        }
    }

    /// The log leaf.
    pub fn leaf_hash(&self) -> Result<Hash, EntryError> {
        match self {
            Self::Record(record) => Ok(record_leaf_hash(record)),
            Self::Statement(_) => Ok(merkle::leaf_hash(&self.encode()?)),
        }
    }
}

impl LogKeys {
    /// Takes an Ed25519 key (`0x01`) and an ML-DSA-44 key (`0x06`).
    pub fn new(ed25519: VerifierKey, mldsa: VerifierKey) -> Result<Self, EntryError> {
        if ed25519.key_type() != KeyType::Ed25519 || mldsa.key_type() != KeyType::MlDsa44 {
            return Err(EntryError::Keys);
        }
        Ok(Self { ed25519, mldsa })
    }

    /// The Ed25519 key.
    pub const fn ed25519(&self) -> &VerifierKey {
        &self.ed25519
    }

    /// The ML-DSA-44 key.
    pub const fn mldsa(&self) -> &VerifierKey {
        &self.mldsa
    }

    fn to_value(&self) -> Value {
        Value::Array(vec![
            self.ed25519.to_string().into(),
            self.mldsa.to_string().into(),
        ])
    }

    fn from_object(object: &Object) -> Result<Self, EntryError> {
        let keys = object
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(EntryError::Key("keys"))?;
        let [ed25519, mldsa] = keys else {
            return Err(EntryError::Keys);
        };
        let key = |value: &Value| -> Result<VerifierKey, EntryError> {
            Ok(VerifierKey::parse(
                value.as_str().ok_or(EntryError::Key("keys"))?,
            )?)
        };
        Self::new(key(ed25519)?, key(mldsa)?)
    }
}

impl Statement {
    /// The statement as RFC 8785 JSON.
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        match self {
            Self::Open {
                created_at,
                keys,
                origin,
                previous,
            } => {
                object.insert("created_at", created_at.to_string());
                object.insert("format", LOG_FORMAT);
                object.insert("keys", keys.to_value());
                object.insert("origin", origin.as_str());
                if let Some(previous) = previous {
                    object.insert("previous", previous.as_str());
                }
                object.insert("type", "open");
            }
            Self::Close { keys, next } => {
                object.insert("keys", keys.to_value());
                object.insert("next", next.as_str());
                object.insert("type", "close");
            }
            Self::Registers {
                at,
                count,
                root,
                size,
            } => {
                object.insert("at", at.to_string());
                // At most a million registers, and a size is at most 2^53 - 1.
                object.insert("count", *count as i64);
                object.insert("root", root.to_hex());
                object.insert("size", size.get() as i64);
                object.insert("type", "registers");
            }
        }
        json::write(&object)
    }

    /// Reads a statement from canonical JSON.
    pub fn parse(text: &[u8]) -> Result<Self, EntryError> {
        let object = json::parse_canonical(text)?;
        match text_of(&object, "type")? {
            "open" => {
                if text_of(&object, "format")? != LOG_FORMAT {
                    return Err(EntryError::Unknown("format"));
                }
                let previous = match object.get("previous") {
                    Some(_) => Some(text_of(&object, "previous")?.to_owned()),
                    None => None,
                };
                Ok(Self::Open {
                    created_at: text_of(&object, "created_at")?.parse()?,
                    keys: LogKeys::from_object(&object)?,
                    origin: text_of(&object, "origin")?.parse()?,
                    previous,
                })
            }
            "close" => Ok(Self::Close {
                keys: LogKeys::from_object(&object)?,
                next: text_of(&object, "next")?.parse()?,
            }),
            "registers" => Ok(Self::Registers {
                at: text_of(&object, "at")?.parse()?,
                count: number_of(&object, "count")?,
                root: text_of(&object, "root")?.parse()?,
                size: LogSize::new(number_of(&object, "size")?)?,
            }),
            _ => Err(EntryError::Unknown("type")),
        }
    }
}

fn text_of<'a>(object: &'a Object, key: &'static str) -> Result<&'a str, EntryError> {
    object
        .get(key)
        .and_then(Value::as_str)
        .ok_or(EntryError::Key(key))
}

fn number_of(object: &Object, key: &'static str) -> Result<u64, EntryError> {
    object
        .get(key)
        .and_then(Value::as_unsigned)
        .ok_or(EntryError::Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;
    use crate::note::{Ed25519SigningKey, MlDsa44SigningKey};

    fn keys() -> LogKeys {
        let origin = Origin::new("notary.example/log1").unwrap();
        let ed25519 = Ed25519SigningKey::from_seed(origin.key_name().clone(), [1; 32]);
        let mldsa = MlDsa44SigningKey::from_seed(origin.key_name().clone(), [2; 32]);
        LogKeys::new(ed25519.verifier().clone(), mldsa.verifier().clone()).unwrap()
    }

    fn statements() -> [Statement; 4] {
        let origin = Origin::new("notary.example/log1").unwrap();
        let at = Instant::parse("2026-01-01T00:00:00.500Z").unwrap();
        let open = |previous| Statement::Open {
            created_at: at,
            keys: keys(),
            origin: origin.clone(),
            previous,
        };
        [
            open(None),
            open(Some("a note\n\n\u{2014} a b\n".to_owned())),
            Statement::Close {
                keys: keys(),
                next: Origin::new("notary.example/log2").unwrap(),
            },
            Statement::Registers {
                at,
                count: 3,
                root: sha256(b"x"),
                size: LogSize::new(17).unwrap(),
            },
        ]
    }

    fn parse_text(text: &str) -> Result<Entry, EntryError> {
        Entry::parse(&[&[STATEMENT], text.as_bytes()].concat())
    }

    #[test]
    fn a_record_is_33_opaque_bytes() {
        let record = RecordId::from_hash(sha256(b"record"));
        let entry = Entry::Record(record);
        let bytes = entry.encode().unwrap();
        assert_eq!((bytes.len(), bytes[0]), (33, 0x01));
        assert_eq!(bytes[1..], record.as_bytes()[..]);
        assert_eq!(Entry::parse(&bytes), Ok(entry.clone()));
        assert_eq!(entry.leaf_hash(), Ok(sha256(&[&[0][..], &bytes].concat())));
        assert_eq!(entry.leaf_hash(), Ok(record_leaf_hash(&record)));
        assert!(matches!(Entry::parse(&bytes[..32]), Err(EntryError::Record(_))));
        assert!(matches!(
            Entry::parse(&[&bytes[..], &[0]].concat()),
            Err(EntryError::Record(_))
        ));
    }

    #[test]
    fn statements_go_round_as_canonical_json() {
        for statement in statements() {
            let entry = Entry::Statement(statement);
            let bytes = entry.encode().unwrap();
            assert_eq!(bytes[0], 0x02);
            assert!(json::parse_canonical(&bytes[1..]).is_ok());
            assert_eq!(Entry::parse(&bytes), Ok(entry.clone()));
            assert_eq!(entry.leaf_hash(), Ok(merkle::leaf_hash(&bytes)));
        }
        let [_, _, _, registers] = statements();
        assert_eq!(
            registers.to_json(),
            format!(
                "{{\"at\":\"2026-01-01T00:00:00.500Z\",\"count\":3,\"root\":\"{}\",\"size\":17,\"type\":\"registers\"}}",
                sha256(b"x")
            )
        );
    }

    #[test]
    fn entries_that_are_refused() {
        assert_eq!(Entry::parse(&[]), Err(EntryError::Empty));
        for other in [0x00, 0x03, 0x0f, 0xff] {
            assert_eq!(Entry::parse(&[other; 33]), Err(EntryError::UnknownType(other)));
        }
        assert!(matches!(parse_text("[]"), Err(EntryError::Json(_))));
        assert!(matches!(parse_text("{ }"), Err(EntryError::Json(_))));
        assert_eq!(parse_text("{}"), Err(EntryError::Key("type")));
        assert_eq!(
            parse_text("{\"type\":\"other\"}"),
            Err(EntryError::Unknown("type"))
        );
        assert_eq!(parse_text(&" ".repeat(65_535)), Err(EntryError::TooLong(65_535)));
        let [open, _, close, registers] = statements().map(|statement| statement.to_json());
        assert_eq!(
            parse_text(&open.replace("log/v1", "log/v2")),
            Err(EntryError::Unknown("format"))
        );
        let swapped = Statement::Close {
            keys: LogKeys {
                ed25519: keys().mldsa,
                mldsa: keys().ed25519,
            },
            next: Origin::new("a").unwrap(),
        };
        assert_eq!(parse_text(&swapped.to_json()), Err(EntryError::Keys));
        assert!(matches!(
            parse_text(&close.replace("log2", "../log2")),
            Err(EntryError::Origin(_))
        ));
        assert_eq!(
            parse_text(&registers.replace(":17", ":-17")),
            Err(EntryError::Key("size"))
        );
        assert_eq!(
            parse_text(&registers.replace(":3", ":\"3\"")),
            Err(EntryError::Key("count"))
        );
        assert!(matches!(
            parse_text(&registers.replace(".500Z", ".5Z")),
            Err(EntryError::Time(_))
        ));
    }

    #[test]
    fn a_statement_has_a_limit() {
        let long = |length: usize| {
            let [open, ..] = statements();
            let Statement::Open {
                created_at,
                keys,
                origin,
                ..
            } = open
            else {
                unreachable!()
            };
            let previous = Some("x".repeat(length));
            Entry::Statement(Statement::Open {
                created_at,
                keys,
                origin,
                previous,
            })
            .encode()
        };
        let room = STATEMENT_BYTES_MAX - (long(0).unwrap().len() - 1);
        assert_eq!(long(room).map(|entry| entry.len()), Ok(65_535));
        assert_eq!(long(room + 1), Err(EntryError::TooLong(65_535)));
    }

    #[test]
    fn keys_that_are_not_known_are_ignored() {
        let [.., registers] = statements();
        let text = registers
            .to_json()
            .replace("\"size\":17", "\"size\":17,\"sum\":1");
        assert_eq!(parse_text(&text), Ok(Entry::Statement(registers)));
    }
}
