//! The fold as bytes, for whoever keeps it beside the log that it follows from.
//!
//! Big-endian integers, codes as their text, lists with their length before them, maps and sets in
//! the order of their keys: the same fold gives the same bytes.

use std::collections::HashSet;
use std::str::FromStr;

use crate::hash::{Hash, RecordId};
use crate::identifiers::MemberName;
use crate::index::{LogIndex, Sequence};
use crate::record::{Scope, Scopes, SiteSettings};
use crate::time::Instant;

use super::{Authority, Capacity, Decided, Held, Member, Need, Offer, PendingAct, Placed, Provided};

/// First byte: changes when the rest does.
const VERSION: u8 = 1;

/// Bytes that hold no fold, or one of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes hold no authority of a register, or one of another version")]
pub struct Malformed;

impl Authority {
    /// The fold as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Out(vec![VERSION, u8::from(self.opened), u8::from(self.unblinded)]);
        out.option(self.blinding.as_ref(), |out, blinding| {
            out.text(blinding.as_str())
        });
        let mut members: Vec<_> = self.every_member().collect();
        members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        out.list(members, |out, (name, member)| {
            out.name(&name);
            out.0.push(u8::from(member.unblinded));
            out.list(&member.held, Out::held);
        });
        out.list(&self.pending, Out::pending);
        out.list(&self.countries, |out, (country, classes)| {
            out.text(country.as_str());
            out.list(classes, |out, class| out.text(class.as_str()));
        });
        out.list(self.sites.values(), Out::site);
        for set in [&self.agreements, &self.authorised, &self.locks] {
            let mut records: Vec<_> = set.iter().collect();
            records.sort_unstable();
            out.list(records, Out::record);
        }
        let mut decided: Vec<_> = self.decided.iter().collect();
        decided.sort_unstable_by_key(|(record, _)| **record);
        out.list(decided, |out, (record, decided)| {
            out.record(record);
            out.list(decided, Out::decided);
        });
        out.list(&self.offers, |out, offer| {
            out.record(&offer.record);
            out.text(offer.from.as_str());
            out.option(offer.to.as_ref(), |out, (name, blind)| {
                out.name(name);
                out.text(blind.as_str());
            });
        });
        out.0
    }

    /// Reads what [`Authority::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = In(bytes);
        let mut read = Self::default();
        if from.u8()? != VERSION {
            return Err(Malformed);
        }
        read.opened = from.bool()?;
        read.unblinded = from.bool()?;
        read.blinding = from.option(In::code)?;
        for (name, unblinded, held) in
            from.list(|from| Ok((from.name()?, from.bool()?, from.list(In::held)?)))?
        {
            let members = read.members.entry(name.organization).or_default();
            members.insert(name.member, Member { held, unblinded });
        }
        read.pending = from.list(In::pending)?;
        read.countries = from
            .list(|from| Ok((from.code()?, from.list(In::code)?)))?
            .into_iter()
            .collect();
        read.sites = from
            .list(In::site)?
            .into_iter()
            .map(|settings| (settings.site.clone(), settings))
            .collect();
        for set in [&mut read.agreements, &mut read.authorised, &mut read.locks] {
            *set = from.list(In::record)?.into_iter().collect::<HashSet<_>>();
        }
        read.decided = from
            .list(|from| Ok((from.record()?, from.list(In::decided)?)))?
            .into_iter()
            .collect();
        read.offers = from.list(|from| {
            Ok(Offer {
                record: from.record()?,
                from: from.code()?,
                to: from.option(|from| Ok((from.name()?, from.code()?)))?,
            })
        })?;
        if from.0.is_empty() {
            Ok(read)
        } else {
            Err(Malformed)
        }
    }
}

struct Out(Vec<u8>);

impl Out {
    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn instant(&mut self, value: &Instant) {
        self.0.extend_from_slice(&value.as_millis().to_be_bytes());
    }

    /// Codes are shorter than 256 bytes; a longer text would not read back.
    fn text(&mut self, text: &str) {
        self.0.push(u8::try_from(text.len()).unwrap_or(0));
        self.0.extend_from_slice(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, values: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        let place = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        let mut count = 0_u32;
        for value in values {
            write(self, value);
            count += 1;
        }
        self.0[place..place + 4].copy_from_slice(&count.to_be_bytes());
    }

    fn record(&mut self, record: &RecordId) {
        self.0.extend_from_slice(record.as_bytes());
    }

    fn placed(&mut self, placed: &Placed) {
        self.record(&placed.record);
        self.u64(placed.index.get());
        self.u64(placed.sequence.get());
    }

    fn name(&mut self, name: &MemberName) {
        self.text(name.organization.as_str());
        self.text(name.member.as_str());
    }

    fn scope(&mut self, scope: &Scope) {
        let Scope::Only(scopes) = scope else {
            self.0.push(0);
            return;
        };
        self.0.push(1);
        self.list(&scopes.sites, |out, code| out.text(code.as_str()));
        self.list(&scopes.countries, |out, code| out.text(code.as_str()));
        self.list(&scopes.visits, |out, code| out.text(code.as_str()));
        self.list(&scopes.forms, |out, code| out.text(code.as_str()));
        self.list(&scopes.datasets, |out, code| out.text(code.as_str()));
    }

    fn held(&mut self, held: &Held) {
        self.placed(&held.placed);
        self.text(held.role.as_str());
        self.text(held.blind.as_str());
        self.scope(&held.scope);
        self.option(held.expires.as_ref(), Self::instant);
        self.name(&held.by);
        self.option(held.delegated.as_ref(), Self::record);
        self.option(held.agreement.as_ref(), Self::record);
    }

    fn pending(&mut self, pending: &PendingAct) {
        self.placed(&pending.placed);
        self.instant(&pending.since);
        self.text(pending.class.as_str());
        self.text(pending.event.as_str());
        self.option(pending.scope.as_ref(), Self::scope);
        self.option(pending.about.as_ref(), Self::record);
        self.list(&pending.signers, Self::name);
        self.list(&pending.needs, |out, need| {
            out.list(&need.any_of, |out, capacity| {
                out.text(capacity.role.as_str());
                out.0.push(capacity.provided as u8);
            });
            out.option(need.site.as_ref(), |out, site| out.text(site.as_str()));
        });
        self.list(&pending.declined, Self::name);
    }

    fn site(&mut self, settings: &SiteSettings) {
        self.text(settings.site.as_str());
        self.text(settings.country.as_str());
        self.text(settings.tz.as_str());
        self.option(settings.board.as_ref(), |out, board| out.text(board.as_str()));
    }

    fn decided(&mut self, decided: &Decided) {
        self.text(decided.class.as_str());
        self.text(decided.by.as_str());
        self.0.push(u8::from(decided.positive));
        self.0.push(u8::from(decided.reported));
        self.option(decided.until.as_ref(), |out, until| out.text(&until.to_string()));
    }
}

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn raw(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.raw(N)?.try_into().map_err(|_| Malformed)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn instant(&mut self) -> Result<Instant, Malformed> {
        self.array()
            .map(|bytes| Instant::from_millis(i64::from_be_bytes(bytes)))
    }

    fn code<T: FromStr>(&mut self) -> Result<T, Malformed> {
        let length = usize::from(self.u8()?);
        let text = std::str::from_utf8(self.raw(length)?).map_err(|_| Malformed)?;
        text.parse().map_err(|_| Malformed)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Items have at least one byte each, so a forged count reserves nothing.
    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let count = u32::from_be_bytes(self.array()?) as usize;
        if count > self.0.len() {
            return Err(Malformed);
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn record(&mut self) -> Result<RecordId, Malformed> {
        self.array()
            .map(|bytes| RecordId::from_hash(Hash::from_bytes(bytes)))
    }

    fn placed(&mut self) -> Result<Placed, Malformed> {
        Ok(Placed {
            record: self.record()?,
            index: LogIndex::new(self.u64()?).map_err(|_| Malformed)?,
            sequence: Sequence::new(self.u64()?).map_err(|_| Malformed)?,
        })
    }

    fn name(&mut self) -> Result<MemberName, Malformed> {
        Ok(MemberName::new(self.code()?, self.code()?))
    }

    fn scope(&mut self) -> Result<Scope, Malformed> {
        if !self.bool()? {
            return Ok(Scope::All);
        }
        Ok(Scope::Only(Box::new(Scopes {
            sites: self.list(Self::code)?,
            countries: self.list(Self::code)?,
            visits: self.list(Self::code)?,
            forms: self.list(Self::code)?,
            datasets: self.list(Self::code)?,
        })))
    }

    fn held(&mut self) -> Result<Held, Malformed> {
        Ok(Held {
            placed: self.placed()?,
            role: self.code()?,
            blind: self.code()?,
            scope: self.scope()?,
            expires: self.option(Self::instant)?,
            by: self.name()?,
            delegated: self.option(Self::record)?,
            agreement: self.option(Self::record)?,
        })
    }

    fn pending(&mut self) -> Result<PendingAct, Malformed> {
        Ok(PendingAct {
            placed: self.placed()?,
            since: self.instant()?,
            class: self.code()?,
            event: self.code()?,
            scope: self.option(Self::scope)?,
            about: self.option(Self::record)?,
            signers: self.list(Self::name)?,
            needs: self.list(Self::need)?,
            declined: self.list(Self::name)?,
        })
    }

    fn need(&mut self) -> Result<Need, Malformed> {
        let any_of = self.list(|from| {
            Ok(Capacity {
                role: from.code()?,
                provided: from.provided()?,
            })
        })?;
        let site = self.option(Self::code)?;
        Ok(Need { any_of, site })
    }

    fn provided(&mut self) -> Result<Provided, Malformed> {
        let place = usize::from(self.u8()?);
        Provided::ALL.get(place).copied().ok_or(Malformed)
    }

    fn site(&mut self) -> Result<SiteSettings, Malformed> {
        Ok(SiteSettings {
            site: self.code()?,
            country: self.code()?,
            tz: self.code()?,
            board: self.option(Self::code)?,
        })
    }

    fn decided(&mut self) -> Result<Decided, Malformed> {
        Ok(Decided {
            class: self.code()?,
            by: self.code()?,
            positive: self.bool()?,
            reported: self.bool()?,
            until: self.option(Self::code)?,
        })
    }
}
