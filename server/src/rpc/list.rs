//! Service `Notary`: lists of records, filtered and sorted by who, what, when and why.
//!
//! What is withheld from a caller is withheld from his filters and orders too: a record whose `who` he
//! may not see is no record of anybody's.

mod filter;

use trialseal_core::{
    index::{LogSize, Sequence},
    record::{Declared, What, When, Who, Why},
};
use trialseal_proto::v1;

use self::filter::Filter;
use super::{
    eyes::{Eyes, Sight},
    rows::{Rows, record_at, register_name},
};
use crate::{
    admit::Caller,
    chain::Place,
    notary::Notary,
    reads::ReadKind,
    refusal::Refusal,
    state::{Row, read_lock},
    stored::StoredRecord,
};

const PAGE_SIZE_DEFAULT: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1_000;
/// Rows looked at for one answer; a filter that finds little gives a short page and a token to go on from.
const ROWS_LOOKED_AT_MAX: u64 = 65_536;
/// Records read for one answer: a filter by more than the rows hold, and an order, read each that they look at.
const RECORDS_READ_MAX: u64 = 10_000;

/// Lists a register, or the registers that the caller may read. Blocks on the disk.
///
/// # Errors
/// [`Refusal::RecordNotFound`] for a register that does not exist or in which the caller holds no role: the two
/// look the same.
pub(crate) fn list(
    notary: &Notary,
    caller: &Caller,
    request: &v1::ListRecordsRequest,
) -> Result<v1::ListRecordsResponse, Refusal> {
    let size = notary.view.head().size;
    let count = match request.page_size {
        0 => PAGE_SIZE_DEFAULT,
        count => count.min(PAGE_SIZE_MAX),
    };
    if request.register.is_empty() {
        return Ok(list_registers(notary, caller, &request.page_token, count, size));
    }
    let eyes = Eyes::open(notary, caller, &register_name(&request.register)?)?;
    let mut listing = Listing {
        notary,
        eyes: &eyes,
        filter: Filter::parse(request)?,
        count: count as usize,
        descending: request.descending,
        shown: 0,
    };
    let order = v1::ListOrder::try_from(request.order)
        .map_err(|_| Refusal::field("order", "is not one of the orders"))?;
    let (records, next_page_token) = match order {
        v1::ListOrder::Unspecified => listing.in_register_order(&request.page_token)?,
        order => listing.sorted(order, &request.page_token)?,
    };
    if listing.shown > 0 {
        let sequences = records.iter().map(|record| record.sequence);
        let (from, until) = (sequences.clone().min(), sequences.max());
        let sequences = (from.unwrap_or_default(), until.unwrap_or_default());
        notary.record_read(&eyes.read(notary.now(), ReadKind::List, sequences, listing.shown))?;
    }
    Ok(v1::ListRecordsResponse {
        records,
        registers: Vec::new(),
        next_page_token,
        log_size: size.get(),
    })
}

/// One list of one register for one caller.
struct Listing<'a> {
    notary: &'a Notary,
    eyes: &'a Eyes,
    filter: Filter,
    count: usize,
    descending: bool,
    /// Records of which more than `when` is in the answer.
    shown: u64,
}

type Page = (Vec<v1::RecordSummary>, String);

impl Listing<'_> {
    fn in_register_order(&mut self, token: &str) -> Result<Page, Refusal> {
        let mut rows = Rows::new(self.notary, &self.eyes.head);
        let mut next = match token {
            "" if self.descending => rows.last()?,
            "" => Some(Sequence::FIRST),
            token => Some(token.parse().map_err(|_| not_a_token())?),
        };
        let (mut records, mut looked_at, mut read) = (Vec::new(), 0, 0);
        while let Some(sequence) = next {
            let Some(row) = rows.at(sequence)? else { break };
            if records.len() == self.count || looked_at == ROWS_LOOKED_AT_MAX || read == RECORDS_READ_MAX {
                return Ok((records, sequence.to_string()));
            }
            looked_at += 1;
            if self.filter.matches(&row) {
                read += 1;
                records.extend(self.summary(&row)?);
            }
            next = self.after(sequence)?;
        }
        Ok((records, String::new()))
    }

    fn after(&self, sequence: Sequence) -> Result<Option<Sequence>, Refusal> {
        if self.descending {
            return Ok(sequence
                .get()
                .checked_sub(1)
                .and_then(|before| Sequence::new(before).ok()));
        }
        let next = sequence.next().map_err(|error| self.notary.internal(&error))?;
        Ok(Some(next))
    }

    /// All that match, sorted, and then the page: its token counts the records before it.
    fn sorted(&mut self, order: v1::ListOrder, token: &str) -> Result<Page, Refusal> {
        let skip: usize = match token {
            "" => 0,
            token => token.parse().map_err(|_| not_a_token())?,
        };
        let mut rows = Rows::new(self.notary, &self.eyes.head);
        let mut next = Some(Sequence::FIRST);
        let mut found = Vec::new();
        let (mut looked_at, mut read) = (0, 0);
        while let Some(sequence) = next {
            let Some(row) = rows.at(sequence)? else { break };
            looked_at += 1;
            if self.filter.matches(&row) {
                read += 1;
                found.extend(self.summary(&row)?);
            }
            if read > RECORDS_READ_MAX || looked_at > ROWS_LOOKED_AT_MAX {
                return Err(Refusal::BadRequest(format!(
                    "more than {RECORDS_READ_MAX} records would have to be read and sorted; narrow the filter, or list them in the \
                     register's order"
                )));
            }
            next = sequence.next().ok();
        }
        found.sort_by_cached_key(|summary| sort_key(order, summary));
        if self.descending {
            found.reverse();
        }
        let more = found.len() > skip.saturating_add(self.count);
        let page: Vec<_> = found.into_iter().skip(skip).take(self.count).collect();
        self.shown = page.iter().filter(|summary| summary.withheld == 0).count() as u64;
        let token = if more {
            (skip + self.count).to_string()
        } else {
            String::new()
        };
        Ok((page, token))
    }

    /// The record's summary, if it matches the filter.
    fn summary(&mut self, row: &Row) -> Result<Option<v1::RecordSummary>, Refusal> {
        let record = record_at(self.notary, row.place)?;
        let summary = summarize(self.notary, self.eyes, row.place, &record, &self.filter);
        let unreadable = || format!("the record at {} cannot be summarized", row.place);
        let summary = summary.ok_or_else(|| self.notary.internal(&unreadable()))?;
        if let Some((summary, sight)) = summary {
            self.shown += u64::from(sight.is_on_record());
            return Ok(Some(summary));
        }
        Ok(None)
    }
}

fn not_a_token() -> Refusal {
    Refusal::BadRequest("page_token is not one that a list returned".to_owned())
}

/// What is empty or withheld comes last.
fn sort_key(order: v1::ListOrder, summary: &v1::RecordSummary) -> (bool, Vec<String>) {
    let texts = match order {
        v1::ListOrder::What => vec![&summary.class, &summary.event, &summary.version],
        v1::ListOrder::Who => vec![&summary.organization, &summary.member],
        v1::ListOrder::Why => vec![&summary.reason, &summary.remark],
        v1::ListOrder::Unspecified => Vec::new(),
    };
    let empty = texts.iter().all(|text| text.is_empty());
    (empty, texts.into_iter().cloned().collect())
}

fn list_registers(
    notary: &Notary,
    caller: &Caller,
    after: &str,
    count: u32,
    size: LogSize,
) -> v1::ListRecordsResponse {
    let now = notary.now();
    let registers = read_lock(&notary.registers);
    let mut own: Vec<_> = registers
        .iter()
        .filter(|(name, _)| name.as_str() > after)
        .filter(|(name, head)| Eyes::may_look(name, head, caller, now))
        .collect();
    own.sort_unstable_by_key(|(name, _)| *name);
    let more = own.len() > count as usize;
    own.truncate(count as usize);
    let next_page_token = match own.last() {
        Some((name, _)) if more => name.as_str().to_owned(),
        _ => String::new(),
    };
    let summaries = own.iter().map(|(name, head)| v1::RegisterSummary {
        register: name.as_str().to_owned(),
        size: head.sequence.get(),
        head: prost::bytes::Bytes::copy_from_slice(head.last.as_bytes()),
    });
    v1::ListRecordsResponse {
        records: Vec::new(),
        registers: summaries.collect(),
        next_page_token,
        log_size: size.get(),
    }
}

/// The summary of a record as far as these eyes may see it. The outer option is none where the record cannot be
/// read, the inner one where the filter does not let it through.
fn summarize(
    notary: &Notary,
    eyes: &Eyes,
    place: Place,
    record: &StoredRecord,
    filter: &Filter,
) -> Option<Option<(v1::RecordSummary, Sight)>> {
    // Of an erased part nothing is told, also not what the fold still knows.
    let what = record
        .what
        .text()
        .map(|text| What::parse(text))
        .transpose()
        .ok()?;
    let who = record.who.text().map(|text| Who::parse(text)).transpose().ok()?;
    let why = record.why.text().map(|text| Why::parse(text)).transpose().ok()?;
    let when = When::parse(&record.when.text).ok()?;
    let sight = eyes.sight(notary, place, &when, what.as_ref());
    let full = sight == Sight::Full;
    let what = what.filter(|_| !matches!(sight, Sight::When(_)));
    let (who, why) = (who.filter(|_| full), why.filter(|_| full));
    if !filter.matches_parts(what.as_ref(), who.as_ref(), why.as_ref()) {
        return Some(None);
    }
    let mut summary = v1::RecordSummary {
        index: when.index.get(),
        sequence: when.sequence.get(),
        record: prost::bytes::Bytes::copy_from_slice(record.leaves().root().as_bytes()),
        class: when.class.as_str().to_owned(),
        event: when.event.as_str().to_owned(),
        received_at: when.received_at.to_millis_string(),
        signed: record.submitted.is_signed(),
        sealed: when.sealed,
        log: when.log.to_string(),
        withheld: sight.withheld().unwrap_or_default() as i32,
        ..v1::RecordSummary::default()
    };
    if sight.is_on_record() {
        let parts = [("what", &record.what), ("who", &record.who), ("why", &record.why)];
        let erased = parts.into_iter().filter(|(_, part)| part.erased().is_some());
        summary.erased = erased.map(|(name, _)| name.to_owned()).collect();
    }
    if let Some(what) = what {
        fill_what(&mut summary, &what);
    }
    if let Some(who) = who {
        fill_who(&mut summary, who);
    }
    if let Some(why) = why {
        summary.reason = why.reason.unwrap_or_default();
        summary.remark = why.remark.unwrap_or_default();
    }
    if full {
        summary.pending = eyes.is_pending(&record.leaves().root());
    }
    Some(Some((summary, sight)))
}

fn fill_what(summary: &mut v1::RecordSummary, what: &What) {
    let text = |code: Option<&str>| code.unwrap_or_default().to_owned();
    summary.version = what.version.as_ref().map(ToString::to_string).unwrap_or_default();
    summary.decision = text(what.decision.map(|decision| decision.as_str()));
    summary.purpose = text(what.purpose.map(|purpose| purpose.as_str()));
    summary.declared_at = match &what.declared_at {
        Some(Declared::At(instant)) => instant.to_string(),
        Some(Declared::On(date)) => date.to_string(),
        None => String::new(),
    };
}

fn fill_who(summary: &mut v1::RecordSummary, who: Who) {
    summary.organization = who.organization.to_string();
    summary.member = who.member.to_string();
    if let Some(signer) = who.signer {
        summary.role = signer.role.as_str().to_owned();
        summary.meaning = signer.meaning.as_str().to_owned();
        summary.name = signer.name;
    }
}
