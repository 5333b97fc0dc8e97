//! Many records of a register in one call, each with its receipt; and the records of the accounts of
//! those who signed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::mpsc::Sender;
use tonic::Status;
use trialseal_core::{
    hash::RecordId,
    identifiers::{MemberId, OrganizationId, RegisterName},
    index::Sequence,
    record::{What, Who},
    vocabulary::{AccountType, Class, Event},
};
use trialseal_proto::v1;

use super::super::{
    eyes::{Eyes, Sight},
    receipt::{self, Shown},
    rows::{Rows, record_at, register_name},
};
use super::large::MESSAGE_TIME;
use crate::{
    admit::Caller,
    chain::Place,
    notary::Notary,
    reads::ReadKind,
    refusal::Refusal,
    state::{RegisterHead, read_lock},
};

type Answers = Sender<Result<v1::ReadRegisterResponse, Status>>;

/// Those who signed, by organisation.
type Signers = BTreeMap<OrganizationId, BTreeSet<MemberId>>;

/// A read of many records that is on record, and may begin.
pub(super) struct Reading {
    notary: Arc<Notary>,
    eyes: Eyes,
    from: Sequence,
    until: Sequence,
    accounts: bool,
}

/// Puts the read on record, once for all that it may show.
///
/// # Errors
/// [`Refusal::RecordNotFound`].
pub(super) fn begin(
    notary: Arc<Notary>,
    caller: &Caller,
    request: &v1::ReadRegisterRequest,
) -> Result<Reading, Refusal> {
    let eyes = Eyes::open(&notary, caller, &register_name(&request.register)?)?;
    let last = Rows::new(&notary, &eyes.head)
        .last()?
        .ok_or(Refusal::RecordNotFound)?;
    let sequence =
        |number: u64| Sequence::new(number).map_err(|error| Refusal::field("from", error.to_string()));
    let from = sequence(request.from.max(1))?;
    let until = match request.until {
        0 => last,
        until => sequence(until)?.min(last),
    };
    let many = (until.get() + 1).saturating_sub(from.get());
    let sequences = (from.get(), until.get());
    notary.record_read(&eyes.read(notary.now(), ReadKind::Register, sequences, many))?;
    Ok(Reading {
        notary,
        eyes,
        from,
        until,
        accounts: request.accounts,
    })
}

/// The caller went away.
struct Gone;

impl Reading {
    /// Sends everything; ends early when the caller goes away.
    ///
    /// # Errors
    /// If a record cannot be read or proven.
    pub(super) fn send(&self, answers: &Answers) -> Result<(), Refusal> {
        let mut signers = Signers::new();
        let mut rows = Rows::new(&self.notary, &self.eyes.head);
        let mut sequence = self.from;
        while sequence <= self.until {
            let Some(row) = rows.at(sequence)? else { break };
            let shown = receipt::shown(&self.notary, row.place, &self.eyes)?;
            note_signer(&shown, &mut signers);
            if give(answers, shown, false).is_err() {
                return Ok(());
            }
            sequence = sequence.next().map_err(|error| self.notary.internal(&error))?;
        }
        if self.accounts {
            for (organization, members) in &signers {
                if self.send_accounts(organization, members, answers)?.is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The records of an organisation's register that say who these members are.
    fn send_accounts(
        &self,
        organization: &OrganizationId,
        members: &BTreeSet<MemberId>,
        answers: &Answers,
    ) -> Result<Result<(), Gone>, Refusal> {
        let register = RegisterName::of_accounts(organization);
        let Some(head) = read_lock(&self.notary.registers).head(&register).cloned() else {
            return Ok(Ok(()));
        };
        let mut about = BTreeSet::new();
        let mut rows = Rows::new(&self.notary, &head);
        let mut next = Some(Sequence::FIRST);
        while let Some(sequence) = next {
            let Some(row) = rows.at(sequence)? else { break };
            next = sequence.next().ok();
            if matches!(row.class, Class::Member | Class::Organisation) {
                let shown = self.account(&head, row.place, members, &mut about)?;
                if let Some(shown) = shown
                    && give(answers, shown, true).is_err()
                {
                    return Ok(Err(Gone));
                }
            }
        }
        Ok(Ok(()))
    }

    /// The record, if it says something of these members or their organisation. `about` has the records that do.
    fn account(
        &self,
        head: &RegisterHead,
        place: Place,
        members: &BTreeSet<MemberId>,
        about: &mut BTreeSet<[u8; 32]>,
    ) -> Result<Option<Shown>, Refusal> {
        let record = record_at(&self.notary, place)?;
        let Some(Ok(what)) = record.what.text().map(|text| What::parse(text)) else {
            return Ok(None);
        };
        let is_linked = what
            .links
            .iter()
            .any(|link| about.contains(link.record.as_bytes()));
        let is_about = match &what.account {
            Some(account) => match account.account_type {
                AccountType::Organisation => true,
                AccountType::Token => false,
                AccountType::Member | AccountType::Key => members.contains(&account.id),
            },
            None => matches!(what.event, Event::Countersigned | Event::Declined) && is_linked,
        };
        if !is_about {
            return Ok(None);
        }
        let id: RecordId = record.leaves().root();
        about.insert(*id.as_bytes());
        // Who enrolled somebody, by name, concerns their own organisation only.
        let own = Eyes::of_head(&what.register, head.clone(), &self.eyes.caller, self.notary.now());
        let shown = match own {
            Some(eyes) => receipt::shown(&self.notary, place, &eyes)?,
            None => receipt::shown_as(&self.notary, place, Sight::What(v1::Withheld::Role))?,
        };
        Ok(Some(shown))
    }
}

fn note_signer(shown: &Shown, signers: &mut Signers) {
    let who = shown
        .receipt
        .record
        .as_ref()
        .and_then(|record| record.who.as_ref());
    let text = who.and_then(|who| who.text.as_ref());
    if let Some(Ok(who)) = text.map(|text| Who::parse(text.as_bytes())) {
        signers.entry(who.organization).or_default().insert(who.member);
    }
}

fn give(answers: &Answers, shown: Shown, account: bool) -> Result<(), Gone> {
    let answer = v1::ReadRegisterResponse {
        sequence: shown.when.sequence.get(),
        receipt: Some(shown.receipt),
        withheld: shown.withheld,
        account,
    };
    // A caller that takes nothing for long is as good as gone: the thread is for others.
    let send = tokio::time::timeout(MESSAGE_TIME, answers.send(Ok(answer)));
    match tokio::runtime::Handle::current().block_on(send) {
        Ok(Ok(())) => Ok(()),
        _ => Err(Gone),
    }
}
