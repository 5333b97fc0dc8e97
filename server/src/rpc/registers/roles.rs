//! Roles in force and acts that are pending, as far as the caller may see the records behind them.

use prost::bytes::Bytes;
use trialseal_core::{
    authority::{Held, Need, PendingAct},
    identifiers::MemberName,
    index::Sequence,
    record::{Scope, Who},
};
use trialseal_proto::v1;

use super::super::{
    eyes::{Eyes, Known, Sight},
    rows::{Rows, record_at, reference},
};
use crate::{chain::Place, notary::Notary, reads::ReadKind, refusal::Refusal};

/// The grants in force whose records the caller may see.
///
/// # Errors
/// If a record cannot be read.
pub(super) fn in_force(notary: &Notary, eyes: &Eyes) -> Result<v1::GetRolesResponse, Refusal> {
    let now = notary.now();
    let mut grants = Vec::new();
    let mut held = eyes.head.authority.grants(now);
    held.sort_by_key(|(_, held)| held.placed.sequence);
    for (name, held) in held {
        let own = name.organization == eyes.caller.organization && name.member == eyes.caller.member;
        if own || sees(notary, eyes, held.placed.sequence)?.is_some() {
            grants.extend(grant(notary, eyes, &name, held)?);
        }
    }
    record(notary, eyes, ReadKind::Roles, grants.len())?;
    Ok(v1::GetRolesResponse {
        grants,
        at: now.to_millis_string(),
        log_size: notary.view.head().size.get(),
    })
}

/// The acts that are pending and that the caller may see.
///
/// # Errors
/// If a record cannot be read.
pub(super) fn pending(notary: &Notary, eyes: &Eyes) -> Result<v1::GetPendingResponse, Refusal> {
    let mut acts = Vec::new();
    for act in eyes.head.authority.pending() {
        if let Some((place, sight)) = sees(notary, eyes, act.placed.sequence)? {
            acts.push(pending_act(notary, eyes, act, place, sight)?);
        }
    }
    record(notary, eyes, ReadKind::Pending, acts.len())?;
    Ok(v1::GetPendingResponse {
        acts,
        log_size: notary.view.head().size.get(),
    })
}

fn record(notary: &Notary, eyes: &Eyes, kind: ReadKind, shown: usize) -> Result<(), Refusal> {
    if shown == 0 {
        return Ok(());
    }
    notary.record_read(&eyes.read(notary.now(), kind, (0, 0), shown as u64))
}

/// Where the record is, if more than its `when` is shown to the caller and it is durable.
fn sees(notary: &Notary, eyes: &Eyes, sequence: Sequence) -> Result<Option<(Place, Sight)>, Refusal> {
    let Some(row) = Rows::new(notary, &eyes.head).at(sequence)? else {
        return Ok(None);
    };
    let stored = record_at(notary, row.place)?;
    let known = Known::of(&stored).ok_or(Refusal::Internal)?;
    let sight = eyes.sight(notary, row.place, &known.when, known.what.as_ref());
    Ok(sight.is_on_record().then_some((row.place, sight)))
}

fn grant(notary: &Notary, eyes: &Eyes, name: &MemberName, held: &Held) -> Result<Option<v1::Grant>, Refusal> {
    let Some(row) = Rows::new(notary, &eyes.head).at(held.placed.sequence)? else {
        return Ok(None);
    };
    let under = held.delegated.or(held.agreement).map(|record| v1::RecordRef {
        log: String::new(),
        index: 0,
        record: Bytes::copy_from_slice(record.as_bytes()),
    });
    Ok(Some(v1::Grant {
        organization: name.organization.to_string(),
        member: name.member.to_string(),
        role: held.role.as_str().to_owned(),
        blind: held.blind.as_str().to_owned(),
        scope: Some(scope(&held.scope)),
        expires: held
            .expires
            .map(|expires| expires.to_string())
            .unwrap_or_default(),
        record: Some(reference(notary, row.place, held.placed.record.as_bytes())?),
        under,
        opened: held.placed.sequence == Sequence::FIRST,
    }))
}

fn pending_act(
    notary: &Notary,
    eyes: &Eyes,
    act: &PendingAct,
    place: Place,
    sight: Sight,
) -> Result<v1::PendingAct, Refusal> {
    let signer = match sight {
        Sight::Full => {
            let record = record_at(notary, place)?;
            record.who.text().and_then(|text| Who::parse(text).ok())
        }
        Sight::What(_) | Sight::When(_) => None,
    };
    let yours = act.needs.iter().any(|need| could_meet(eyes, act, need));
    Ok(v1::PendingAct {
        record: Some(reference(notary, place, act.placed.record.as_bytes())?),
        sequence: act.placed.sequence.get(),
        class: act.class.as_str().to_owned(),
        event: act.event.as_str().to_owned(),
        organization: signer
            .as_ref()
            .map(|who| who.organization.to_string())
            .unwrap_or_default(),
        member: signer.map(|who| who.member.to_string()).unwrap_or_default(),
        since: act.since.to_millis_string(),
        needs: act.needs.iter().map(ToString::to_string).collect(),
        yours,
    })
}

/// Whether the caller holds a role that is needed, and has not signed already.
fn could_meet(eyes: &Eyes, act: &PendingAct, need: &Need) -> bool {
    let caller = MemberName::new(eyes.caller.organization.clone(), eyes.caller.member.clone());
    let roles = eyes.roles();
    !act.signers.contains(&caller) && need.any_of.iter().any(|capacity| roles.contains(&capacity.role))
}

fn scope(scope: &Scope) -> v1::Scope {
    fn texts<T: ToString>(values: &[T]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }
    match scope {
        Scope::All => v1::Scope {
            all: true,
            ..v1::Scope::default()
        },
        Scope::Only(only) => v1::Scope {
            all: false,
            sites: texts(&only.sites),
            countries: texts(&only.countries),
            visits: texts(&only.visits),
            forms: texts(&only.forms),
            datasets: texts(&only.datasets),
        },
    }
}
