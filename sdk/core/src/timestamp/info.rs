//! What an authority signs: TSTInfo of RFC 3161, section 2.4.2.

use der::Tag;
use der::asn1::ObjectIdentifier;

use super::fields::{Algorithm, Field, Fields, Malformed, context, context_primitive, unsigned};
use crate::time::Instant;

const WHAT: &str = "TSTInfo of the token";
/// Digits after the point of genTime that are read.
const FRACTION_DIGITS_MAX: usize = 9;

/// The fields of a TSTInfo that are judged.
pub(super) struct Info<'a> {
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint_algorithm: Algorithm<'a>,
    pub(super) imprint: &'a [u8],
    /// Rounded up to the millisecond: a token proves that something existed by then.
    pub(super) gen_time: Instant,
    /// Rounded up to the millisecond; none where the token does not state any.
    pub(super) accuracy_millis: Option<u64>,
    /// The contents of the INTEGER.
    pub(super) nonce: Option<&'a [u8]>,
    pub(super) has_critical_extension: bool,
}

impl<'a> Info<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of_sequence(bytes, WHAT)?;
        if unsigned(fields.integer()?) != Some(1) {
            return Err(Malformed(WHAT));
        }
        let policy = fields.oid()?;
        let mut imprint_fields = fields.sequence(WHAT)?;
        let imprint_algorithm = Algorithm::read(&mut imprint_fields, WHAT)?;
        let imprint = imprint_fields.expect(Tag::OctetString)?.value;
        imprint_fields.end()?;
        let _serial_number = fields.integer()?;
        let gen_time = fields.expect(Tag::GeneralizedTime)?;
        let gen_time = parse_time(gen_time.value).ok_or(Malformed("genTime of the token"))?;
        let accuracy_millis = fields.optional(Tag::Sequence)?.map(accuracy).transpose()?;
        let _ordering = fields.optional(Tag::Boolean)?;
        let nonce = fields.optional(Tag::Integer)?.map(|nonce| nonce.value);
        let _authority = fields.optional(context(0))?;
        let extensions = fields.optional(context(1))?;
        fields.end()?;
        Ok(Self {
            policy,
            imprint_algorithm,
            imprint,
            gen_time,
            accuracy_millis,
            nonce,
            has_critical_extension: extensions.map(any_is_critical).transpose()?.unwrap_or(false),
        })
    }
}

/// Reads `YYYYMMDDhhmmss[.f...]Z`, and rounds up to the millisecond.
fn parse_time(text: &[u8]) -> Option<Instant> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let (whole, fraction) = match text.strip_suffix('Z')?.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text.strip_suffix('Z')?, None),
    };
    if whole.len() != 14 {
        return None;
    }
    let (day, time) = whole.split_at(8);
    let spelled = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &day[..4],
        &day[4..6],
        &day[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    let whole = Instant::parse(&spelled).ok()?;
    let Some(fraction) = fraction else {
        return Some(whole);
    };
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
    Some(whole.plus_millis(i64::try_from(nanos.div_ceil(1_000_000)).ok()?))
}

fn accuracy(field: Field<'_>) -> Result<u64, Malformed> {
    const WHAT: &str = "accuracy of the token";
    let mut fields = Fields::new(field.value, WHAT)?;
    let mut number = |tag| match fields.optional(tag)? {
        None => Ok(0),
        Some(field) => unsigned(field.value).ok_or(Malformed(WHAT)),
    };
    let (seconds, millis, micros) = (
        number(Tag::Integer)?,
        number(context_primitive(0))?,
        number(context_primitive(1))?,
    );
    fields.end()?;
    if millis > 999 || micros > 999 {
        return Err(Malformed(WHAT));
    }
    Ok(seconds
        .saturating_mul(1_000)
        .saturating_add(millis + micros.div_ceil(1_000)))
}

/// What a critical extension means is not known here, so no token with one is accepted.
fn any_is_critical(extensions: Field<'_>) -> Result<bool, Malformed> {
    let mut list = Fields::new(extensions.value, WHAT)?;
    let mut found = false;
    while !list.is_at_end() {
        let mut extension = list.sequence(WHAT)?;
        let _name = extension.oid()?;
        if let Some(critical) = extension.optional(Tag::Boolean)? {
            found |= critical.value != [0];
        }
        let _value = extension.expect(Tag::OctetString)?;
        extension.end()?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gen_time_may_have_a_fraction_and_rounds_up() {
        for (text, time) in [
            ("20261122134915Z", "2026-11-22T13:49:15Z"),
            ("20261122134915.1Z", "2026-11-22T13:49:15.100Z"),
            ("20261122134915.123Z", "2026-11-22T13:49:15.123Z"),
            ("20261122134915.120Z", "2026-11-22T13:49:15.120Z"),
            ("20261122134915.000001Z", "2026-11-22T13:49:15.001Z"),
            ("20261231235959.9999Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse_time(text.as_bytes()), Instant::parse(time).ok(), "{text}");
        }
        for text in [
            "",
            "Z",
            "20261122134915",
            "20261122134915.Z",
            "20261122134915,1Z",
            "2026112213491Z",
            "20261122134960Z",
            "20261322134915Z",
            "202611221349.5Z",
            "20261122134915.1234567890Z",
            "20261122134915+0100",
            "20261122134915.-1Z",
            "+0261122134915Z",
            "2026112213491\u{e9}Z",
        ] {
            assert_eq!(parse_time(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn accuracy_adds_up_and_rounds_up() {
        let read = |bytes: &[u8]| {
            let mut fields = Fields::new(bytes, "x")?;
            accuracy(fields.any()?)
        };
        assert_eq!(read(&[0x30, 0]), Ok(0));
        assert_eq!(read(&[0x30, 3, 0x02, 1, 2]), Ok(2_000));
        assert_eq!(read(&[0x30, 9, 0x02, 1, 1, 0x80, 1, 5, 0x81, 1, 1]), Ok(1_006));
        assert_eq!(read(&[0x30, 3, 0x81, 1, 9]), Ok(1));
        for bytes in [
            &[0x30, 3, 0x02, 1, 0x80][..],
            &[0x30, 4, 0x80, 2, 3, 0xe8],
            &[0x30, 3, 0x82, 1, 1],
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
