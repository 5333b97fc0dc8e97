//! One read as bytes: `i64 at || organisation || member || register || roles || u8 kind || u64 from, until, shown`,
//! texts with their length before them, integers big-endian.

use trialseal_core::time::Instant;

use super::{Read, ReadKind};
use crate::codec::{Malformed, Reader, Writer};

/// Roles that one read names; a member holds fewer.
pub const ROLES_MAX: usize = 32;
/// The longest contents: ids of at most 64 bytes, a register's name, roles.
pub(super) const CONTENTS_BYTES_MAX: usize = 4_096;

pub(super) fn encode(read: &Read) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.i64(read.at.as_millis());
    writer.text(read.organization.as_str());
    writer.text(read.member.as_str());
    writer.text(read.register.as_str());
    let roles = read.roles.get(..ROLES_MAX).unwrap_or(&read.roles);
    writer.count(roles.len());
    for role in roles {
        writer.text(role);
    }
    writer.u8(read.kind as u8);
    writer.u64(read.from);
    writer.u64(read.until);
    writer.u64(read.shown);
    writer.finish()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Read, Malformed> {
    let mut reader = Reader::new(bytes);
    let at = Instant::from_millis(reader.i64()?);
    let organization = reader.text()?.parse().map_err(|_| Malformed)?;
    let member = reader.text()?.parse().map_err(|_| Malformed)?;
    let register = reader.text()?.parse().map_err(|_| Malformed)?;
    let roles = (0..reader.count()?).map(|_| reader.text().map(str::to_owned));
    let roles = roles.collect::<Result<_, _>>()?;
    let kind = reader.u8()?;
    let kind = ReadKind::ALL.into_iter().find(|known| *known as u8 == kind);
    let read = Read {
        at,
        organization,
        member,
        register,
        roles,
        kind: kind.ok_or(Malformed)?,
        from: reader.u64()?,
        until: reader.u64()?,
        shown: reader.u64()?,
    };
    reader.end()?;
    Ok(read)
}
