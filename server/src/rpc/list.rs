//! Service `Notary`: reading a register.

use trialseal_core::{
    identifiers::RegisterName,
    index::{LogIndex, LogSize, Sequence},
    record::{What, When, Who, Why},
    time::Instant,
    vocabulary::{Class, Event},
};
use trialseal_proto::v1;

use crate::{
    admit::Caller,
    chain::{Place, ReadLog},
    notary::Notary,
    refusal::Refusal,
    state::{PAGE, RegisterHead, Row, read_lock},
    stored::{StoredEntry, StoredRecord, Submitted},
};

const PAGE_SIZE_DEFAULT: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1_000;
/// Rows looked at for one answer; a filter that finds little gives a short page and a
/// token to go on from.
const ROWS_LOOKED_AT_MAX: u64 = 65_536;

/// Lists a register, or the registers of the caller's organisation. Blocks on the disk.
///
/// # Errors
/// [`Refusal::RecordNotFound`] for a register that does not exist or belongs to another
/// organisation: the two look the same.
pub(crate) fn list(
    notary: &Notary,
    caller: &Caller,
    request: &v1::ListRecordsRequest,
) -> Result<v1::ListRecordsResponse, Refusal> {
    let size = notary.view.head().size;
    let end = notary.chain.present().end();
    let count = match request.page_size {
        0 => PAGE_SIZE_DEFAULT,
        count => count.min(PAGE_SIZE_MAX),
    };
    if request.register.is_empty() {
        return Ok(list_registers(notary, caller, &request.page_token, count, size));
    }
    let register = register_name(&request.register)?;
    let head = readable(notary, caller, &register)?;
    let filter = Filter::parse(request)?;
    let mut sequence = match request.page_token.as_str() {
        "" => Sequence::FIRST,
        token => token
            .parse()
            .map_err(|_| Refusal::BadRequest("page_token is not one that a list returned".to_owned()))?,
    };
    let mut records = Vec::new();
    let mut looked_at = 0;
    let mut next_page_token = String::new();
    let mut page: Option<(u64, Vec<Row>)> = None;
    while let Some(row) = row_at(notary, &head, sequence, end, &mut page)? {
        if records.len() as u64 == u64::from(count) || looked_at == ROWS_LOOKED_AT_MAX {
            next_page_token = sequence.to_string();
            break;
        }
        looked_at += 1;
        if filter.matches(&row) {
            records.push(summary(notary, row.place)?);
        }
        sequence = sequence.next().map_err(|error| notary.internal(&error))?;
    }
    Ok(v1::ListRecordsResponse {
        records,
        registers: Vec::new(),
        next_page_token,
        log_size: size.get(),
    })
}

/// The place of a record named by register and sequence. Blocks on the disk.
///
/// # Errors
/// As [`list`].
pub(crate) fn place_at(
    notary: &Notary,
    caller: &Caller,
    position: &v1::RegisterPosition,
) -> Result<Place, Refusal> {
    let head = readable(notary, caller, &register_name(&position.register)?)?;
    let sequence = Sequence::new(position.sequence).map_err(|_| Refusal::RecordNotFound)?;
    let row = row_at(notary, &head, sequence, notary.chain.present().end(), &mut None)?;
    row.map(|row| row.place).ok_or(Refusal::RecordNotFound)
}

/// Refuses a record of a register that the caller may not read.
///
/// # Errors
/// As [`list`].
pub(crate) fn check_readable(
    notary: &Notary,
    caller: &Caller,
    log: &ReadLog,
    index: LogIndex,
) -> Result<(), Refusal> {
    let Some(StoredEntry::Record(record)) = notary.read(log, index)? else {
        return Err(Refusal::RecordNotFound);
    };
    let when = When::parse(&record.when.text).map_err(|_| Refusal::Internal)?;
    readable(notary, caller, &when.register).map(drop)
}

fn register_name(text: &str) -> Result<RegisterName, Refusal> {
    RegisterName::parse(text).map_err(|error| Refusal::field("register", error.to_string()))
}

fn readable(notary: &Notary, caller: &Caller, register: &RegisterName) -> Result<RegisterHead, Refusal> {
    let registers = read_lock(&notary.registers);
    let head = registers
        .head(register)
        .filter(|head| head.owner == caller.organization);
    head.cloned().ok_or(Refusal::RecordNotFound)
}

/// The row of a record before the committed end; `page` keeps the full page read last.
fn row_at(
    notary: &Notary,
    head: &RegisterHead,
    sequence: Sequence,
    end: u64,
    page: &mut Option<(u64, Vec<Row>)>,
) -> Result<Option<Row>, Refusal> {
    if sequence > head.sequence {
        return Ok(None);
    }
    let position = sequence.get() - 1;
    let (number, offset) = (
        position / PAGE as u64,
        usize::try_from(position % PAGE as u64).unwrap_or(0),
    );
    let paged = head.sequence.get() - head.unpaged.len() as u64;
    let row = if position >= paged {
        let row = head
            .unpaged
            .get(usize::try_from(position - paged).unwrap_or(usize::MAX));
        row.map(|row| Row::unpack(*row))
            .transpose()
            .map_err(|error| notary.internal(&error))?
    } else {
        if page.as_ref().is_none_or(|(held, _)| *held != number) {
            let rows = notary.listing.page(head.number, number);
            *page = Some((
                number,
                rows.map_err(|behind| {
                    Refusal::ListingBehind(behind.reached.saturating_sub(notary.chain.present().base))
                })?,
            ));
        }
        page.as_ref().and_then(|(_, rows)| rows.get(offset)).copied()
    };
    // The state may be a batch ahead of what is durable.
    Ok(row.filter(|row| row.place.get() < end))
}

fn list_registers(
    notary: &Notary,
    caller: &Caller,
    after: &str,
    count: u32,
    size: LogSize,
) -> v1::ListRecordsResponse {
    let registers = read_lock(&notary.registers);
    let mut own: Vec<_> = registers
        .iter()
        .filter(|(name, head)| head.owner == caller.organization && name.as_str() > after)
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

/// What a caller asked to see.
struct Filter {
    class: Option<Class>,
    event: Option<Event>,
    from: Option<Instant>,
    until: Option<Instant>,
}

impl Filter {
    fn parse(request: &v1::ListRecordsRequest) -> Result<Self, Refusal> {
        fn field<T, E: ToString>(
            name: &str,
            text: &str,
            parse: impl FnOnce(&str) -> Result<T, E>,
        ) -> Result<Option<T>, Refusal> {
            if text.is_empty() {
                return Ok(None);
            }
            parse(text)
                .map(Some)
                .map_err(|error| Refusal::field(name, error.to_string()))
        }
        Ok(Self {
            class: field("class", &request.class, str::parse)?,
            event: field("event", &request.event, str::parse)?,
            from: field("received_from", &request.received_from, Instant::parse)?,
            until: field("received_until", &request.received_until, Instant::parse)?,
        })
    }

    fn matches(&self, row: &Row) -> bool {
        self.class.is_none_or(|class| class == row.class)
            && self.event.is_none_or(|event| event == row.event)
            && self.from.is_none_or(|from| row.received_at >= from)
            && self.until.is_none_or(|until| row.received_at < until)
    }
}

fn summary(notary: &Notary, place: Place) -> Result<v1::RecordSummary, Refusal> {
    let (log, index) = notary.locate(place)?;
    let Some(StoredEntry::Record(record)) = notary.read(log, index)? else {
        return Err(Refusal::Internal);
    };
    summarize(&record).ok_or_else(|| notary.internal(&format!("record {index} cannot be summarized")))
}

fn summarize(record: &StoredRecord) -> Option<v1::RecordSummary> {
    let what = What::parse(&record.what.text).ok()?;
    let who = Who::parse(&record.who.text).ok()?;
    let why = Why::parse(&record.why.text).ok()?;
    let when = When::parse(&record.when.text).ok()?;
    Some(v1::RecordSummary {
        index: when.index.get(),
        sequence: when.sequence.get(),
        record: prost::bytes::Bytes::copy_from_slice(record.leaves().root().as_bytes()),
        class: when.class.as_str().to_owned(),
        event: when.event.as_str().to_owned(),
        version: what
            .version
            .map(|version| version.to_string())
            .unwrap_or_default(),
        received_at: when.received_at.to_millis_string(),
        organization: who.organization.to_string(),
        member: who.member.to_string(),
        signed: matches!(record.submitted, Submitted::Signed { .. }),
        sealed: when.sealed,
        reason: why.reason.unwrap_or_default(),
        log: when.log.to_string(),
        ..v1::RecordSummary::default()
    })
}
