//! Salted leaves: commitments that hide low-entropy content and keep contexts apart.

use crate::hash::{Hash, Salt, sha256_of};

/// The context of a salted leaf. A leaf of one context is never a leaf of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// An item of a manifest.
    Item,
    /// The part `what` of a record.
    What,
    /// The part `who` of a record.
    Who,
    /// The part `why` of a record.
    Why,
    /// The part `when` of a record.
    When,
}

impl Tag {
    /// The bytes that are hashed. A tag fixes its algorithms; another meaning gets another version.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Item => "trialseal/item/v1",
            Self::What => "trialseal/what/v1",
            Self::Who => "trialseal/who/v1",
            Self::Why => "trialseal/why/v1",
            Self::When => "trialseal/when/v1",
        }
    }

    // The tags are constants, so their length is one byte by construction.
    const fn length_byte(self) -> u8 {
        self.as_str().len() as u8
    }
}

/// `SHA-256(0x00 || u8(len(tag)) || tag || salt || bytes)`.
///
/// The first byte makes it an RFC 6962 leaf; tag and salt have fixed lengths for a given context, so
/// the input reads in one way only.
pub fn salted_leaf(tag: Tag, salt: &Salt, bytes: &[u8]) -> Hash {
    sha256_of(&[
        &[0x00, tag.length_byte()],
        tag.as_str().as_bytes(),
        salt.as_bytes(),
        bytes,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    const TAGS: [Tag; 5] = [Tag::Item, Tag::What, Tag::Who, Tag::Why, Tag::When];

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut input = vec![0x00, 17];
        input.extend_from_slice(b"trialseal/item/v1");
        input.extend_from_slice(&[7; 32]);
        input.extend_from_slice(b"{}");
        assert_eq!(
            salted_leaf(Tag::Item, &Salt::from_bytes([7; 32]), b"{}"),
            sha256(&input)
        );
    }

    #[test]
    fn tags_are_distinct_and_long_enough() {
        for (position, tag) in TAGS.iter().enumerate() {
            assert!(tag.as_str().len() >= 16);
            assert_eq!(usize::from(tag.length_byte()), tag.as_str().len());
            for other in &TAGS[position + 1..] {
                assert_ne!(tag.as_str(), other.as_str());
            }
        }
    }
}
