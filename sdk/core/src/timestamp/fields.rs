//! Reading DER field by field.
//!
//! Tokens are taken apart here and not by a crate for CMS, because such crates insist on the order of a
//! `SET OF`, and real authorities send certificates and unsigned attributes in any order. What is signed
//! is verified over its exact bytes, so nothing is lost by not insisting.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber};

/// The bytes of something are not the DER that it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} is not well-formed DER")]
pub struct Malformed(pub &'static str);

/// One field: its tag, its contents, and both with the length between them.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) tag: Tag,
    pub(super) value: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// The fields of a structure, front to back.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    reader: SliceReader<'a>,
    of: &'static str,
}

/// `[number]`, constructed.
pub(super) const fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

/// `[number]`, primitive.
pub(super) const fn context_primitive(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number: TagNumber(number),
    }
}

impl<'a> Fields<'a> {
    /// The fields in these bytes; errors name `of`.
    pub(super) fn new(bytes: &'a [u8], of: &'static str) -> Result<Self, Malformed> {
        let reader = SliceReader::new(bytes).map_err(|_| Malformed(of))?;
        Ok(Self { reader, of })
    }

    /// The fields of the only structure in these bytes.
    pub(super) fn of_sequence(bytes: &'a [u8], of: &'static str) -> Result<Self, Malformed> {
        let mut outer = Self::new(bytes, of)?;
        let inner = outer.sequence(of)?;
        outer.end()?;
        Ok(inner)
    }

    pub(super) const fn malformed(&self) -> Malformed {
        Malformed(self.of)
    }

    pub(super) fn any(&mut self) -> Result<Field<'a>, Malformed> {
        let whole = self.reader.tlv_bytes().map_err(|_| Malformed(self.of))?;
        let any = AnyRef::from_der(whole).map_err(|_| Malformed(self.of))?;
        Ok(Field {
            tag: any.header().tag(),
            value: any.value(),
            whole,
        })
    }

    pub(super) fn expect(&mut self, tag: Tag) -> Result<Field<'a>, Malformed> {
        match self.any()? {
            field if field.tag == tag => Ok(field),
            _ => Err(self.malformed()),
        }
    }

    /// The next field, if it has this tag.
    pub(super) fn optional(&mut self, tag: Tag) -> Result<Option<Field<'a>>, Malformed> {
        if self.is_at_end() {
            return Ok(None);
        }
        let next = Tag::peek(&self.reader).map_err(|_| Malformed(self.of))?;
        if next == tag {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn sequence(&mut self, of: &'static str) -> Result<Self, Malformed> {
        Fields::new(self.expect(Tag::Sequence)?.value, of)
    }

    pub(super) fn oid(&mut self) -> Result<ObjectIdentifier, Malformed> {
        let field = self.expect(Tag::ObjectIdentifier)?;
        ObjectIdentifier::from_bytes(field.value).map_err(|_| self.malformed())
    }

    /// The contents of an INTEGER, in two's complement, big-endian.
    pub(super) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        Ok(self.expect(Tag::Integer)?.value)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.reader.is_finished()
    }

    /// Nothing may be left over.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.is_at_end() {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }
}

/// The contents of an INTEGER as a number, where it is not negative and fits.
pub(super) fn unsigned(integer: &[u8]) -> Option<u64> {
    let first = *integer.first()?;
    if first >= 0x80 || (first == 0 && integer.get(1).is_some_and(|second| *second < 0x80)) {
        return None;
    }
    let digits = integer.strip_prefix(&[0]).unwrap_or(integer);
    let mut bytes = [0; 8];
    let start = bytes.len().checked_sub(digits.len())?;
    bytes.get_mut(start..)?.copy_from_slice(digits);
    Some(u64::from_be_bytes(bytes))
}

/// The contents of a positive INTEGER.
pub(super) fn integer_contents(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    let digits = &bytes[start..];
    let mut contents = Vec::with_capacity(9);
    if digits[0] >= 0x80 {
        contents.push(0);
    }
    contents.extend_from_slice(digits);
    contents
}

/// An AlgorithmIdentifier: its name, and its parameters as they stand.
#[derive(Clone, Copy)]
pub(super) struct Algorithm<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) parameters: Option<Field<'a>>,
    /// What stands inside the SEQUENCE.
    pub(super) contents: &'a [u8],
}

impl<'a> Algorithm<'a> {
    pub(super) fn read(fields: &mut Fields<'a>, of: &'static str) -> Result<Self, Malformed> {
        Self::of(fields.expect(Tag::Sequence)?, of)
    }

    pub(super) fn of(field: Field<'a>, of: &'static str) -> Result<Self, Malformed> {
        let mut inner = Fields::new(field.value, of)?;
        let oid = inner.oid()?;
        let parameters = if inner.is_at_end() {
            None
        } else {
            Some(inner.any()?)
        };
        inner.end()?;
        Ok(Self {
            oid,
            parameters,
            contents: field.value,
        })
    }

    /// Hash functions are written with NULL for parameters, or with none.
    pub(super) fn has_no_parameters(&self) -> bool {
        self.parameters.is_none_or(|field| field.tag == Tag::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        for (contents, number) in [
            (&[0_u8][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0, 0x80], Some(128)),
            (&[0x80], None),
            (&[0, 0x7f], None),
            (&[], None),
            (&[0, 255, 255, 255, 255, 255, 255, 255, 255], Some(u64::MAX)),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ] {
            assert_eq!(unsigned(contents), number, "{contents:?}");
            if let Some(number) = number {
                assert_eq!(integer_contents(number), contents);
            }
        }
    }

    #[test]
    fn what_is_left_over_is_an_error() {
        assert!(Fields::of_sequence(&[0x30, 0], "x").is_ok());
        for bytes in [
            &[0x30, 0, 0][..],
            &[0x30, 1],
            &[0x31, 0],
            &[],
            &[0x30, 0x80, 0, 0],
        ] {
            assert_eq!(
                Fields::of_sequence(bytes, "x").err(),
                Some(Malformed("x")),
                "{bytes:?}"
            );
        }
    }
}
