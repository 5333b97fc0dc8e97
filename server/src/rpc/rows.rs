//! The records of a register by their places in it.

use trialseal_core::{
    identifiers::RegisterName,
    index::{LogIndex, Sequence},
    record::When,
};
use trialseal_proto::v1;

use super::eyes::Eyes;
use crate::{
    admit::Caller,
    chain::{Place, ReadLog},
    notary::Notary,
    refusal::Refusal,
    state::{PAGE, RegisterHead, Row},
    stored::{StoredEntry, StoredRecord},
};

/// A register's name.
///
/// # Errors
/// What is wrong with it.
pub(super) fn register_name(text: &str) -> Result<RegisterName, Refusal> {
    RegisterName::parse(text).map_err(|error| Refusal::field("register", error.to_string()))
}

/// Walks a register's rows; keeps the full page read last.
pub(super) struct Rows<'a> {
    notary: &'a Notary,
    head: &'a RegisterHead,
    end: u64,
    page: Option<(u64, Vec<Row>)>,
}

impl<'a> Rows<'a> {
    /// The rows that are committed now.
    pub(super) fn new(notary: &'a Notary, head: &'a RegisterHead) -> Self {
        Self {
            notary,
            head,
            end: notary.chain.present().end(),
            page: None,
        }
    }

    /// The row of a record; none behind the committed end.
    pub(super) fn at(&mut self, sequence: Sequence) -> Result<Option<Row>, Refusal> {
        let (notary, head) = (self.notary, self.head);
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
            if self.page.as_ref().is_none_or(|(held, _)| *held != number) {
                let rows = notary.listing.page(head.number, number);
                let base = notary.chain.present().base;
                let rows =
                    rows.map_err(|behind| Refusal::ListingBehind(behind.reached.saturating_sub(base)))?;
                self.page = Some((number, rows));
            }
            self.page.as_ref().and_then(|(_, rows)| rows.get(offset)).copied()
        };
        // The state may be a batch ahead of what is durable.
        Ok(row.filter(|row| row.place.get() < self.end))
    }

    /// The sequence of the last committed record.
    pub(super) fn last(&mut self) -> Result<Option<Sequence>, Refusal> {
        let mut sequence = self.head.sequence;
        // The records that are not durable yet are the last few.
        loop {
            if self.at(sequence)?.is_some() {
                return Ok(Some(sequence));
            }
            match sequence.get().checked_sub(1).map(Sequence::new) {
                Some(Ok(before)) => sequence = before,
                _ => return Ok(None),
            }
        }
    }
}

/// The record at a place, checked against the log's tree.
pub(super) fn record_at(notary: &Notary, place: Place) -> Result<StoredRecord, Refusal> {
    let (log, index) = notary.locate(place)?;
    match log.view.stored_checked(index) {
        Ok(Some(StoredEntry::Record(record))) => Ok(record),
        Ok(_) => Err(Refusal::Internal),
        Err(error) => Err(notary.internal(&error)),
    }
}

/// The place of a record named by register and sequence. Blocks on the disk.
///
/// # Errors
/// [`Refusal::RecordNotFound`].
pub(super) fn place_at(
    notary: &Notary,
    caller: &Caller,
    position: &v1::RegisterPosition,
) -> Result<Place, Refusal> {
    let eyes = Eyes::open(notary, caller, &register_name(&position.register)?)?;
    let sequence = Sequence::new(position.sequence).map_err(|_| Refusal::RecordNotFound)?;
    let row = Rows::new(notary, &eyes.head).at(sequence)?;
    row.map(|row| row.place).ok_or(Refusal::RecordNotFound)
}

/// The caller's eyes for the register that a record is in.
///
/// # Errors
/// [`Refusal::RecordNotFound`] if there is no such record, or it is in a register without a role for the caller.
pub(super) fn eyes_of_record(
    notary: &Notary,
    caller: &Caller,
    log: &ReadLog,
    index: LogIndex,
) -> Result<Eyes, Refusal> {
    let Some(StoredEntry::Record(record)) = notary.read(log, index)? else {
        return Err(Refusal::RecordNotFound);
    };
    let when = When::parse(&record.when.text).map_err(|_| Refusal::Internal)?;
    Eyes::open(notary, caller, &when.register)
}

/// Names the record at a place.
pub(super) fn reference(notary: &Notary, place: Place, record: &[u8; 32]) -> Result<v1::RecordRef, Refusal> {
    let (log, index) = notary.locate(place)?;
    Ok(v1::RecordRef {
        log: log.origin.to_string(),
        index: index.get(),
        record: prost::bytes::Bytes::copy_from_slice(record),
    })
}
