//! From arguments to a submission.

use trialseal::core::json::Value;
use trialseal::core::record::{Scope, Scopes, Source, Transfer, What};
use trialseal::core::vocabulary::Rel;
use trialseal::{Enrolment, HashedFile, Link, Submission};

use crate::args::{LinkTarget, Submit};
use crate::commands::receipt_file::{self, Parts};
use crate::errors::{Ended, bad_input};

/// The links, with index and id from the receipts that they name.
pub(super) fn links(links: &[(Rel, LinkTarget)]) -> Result<Vec<Link>, Ended> {
    let mut found = Vec::with_capacity(links.len());
    for (rel, target) in links {
        let Enrolment { index, record } = match target {
            LinkTarget::Record(place) => *place,
            LinkTarget::Receipt(path) => {
                let receipt = receipt_file::read(path)?;
                let parts = Parts::of(&receipt);
                let index = parts
                    .when
                    .as_ref()
                    .and_then(|when| when.get("index"))
                    .and_then(Value::as_unsigned);
                let index = index.and_then(|index| trialseal::core::index::LogIndex::new(index).ok());
                let index = index.ok_or_else(|| bad_input(format!("{} names no index.", path.display())))?;
                Enrolment {
                    index,
                    record: receipt.record().leaves().root(),
                }
            }
        };
        found.push(Link {
            rel: *rel,
            record,
            index,
            log: None,
        });
    }
    Ok(found)
}

/// The submission of these files.
pub(super) fn submission(command: &Submit, links: &[Link], files: &[HashedFile]) -> Submission {
    let mut submission = Submission::new(command.register.clone(), command.class, command.event)
        .files_as(command.used_as, files)
        .with(|what| fill(what, command, links));
    if let Some(reason) = &command.reason {
        submission = submission.reason(reason);
    }
    if let Some(remark) = &command.remark {
        submission = submission.remark(remark);
    }
    if let Some(not_after) = command.not_after {
        submission = submission.not_after(not_after);
    }
    match command.idempotency_key {
        Some(key) => submission.idempotency_key(key),
        None => submission,
    }
}

fn fill(what: &mut What, command: &Submit, links: &[Link]) {
    let more = &command.more;
    what.version = command.version.clone();
    what.links = links.to_vec();
    what.purpose = more.purpose;
    what.sealed = more.sealed;
    what.decision = more.decision;
    what.decided_on = more.decided_on;
    what.affects = more.affects.clone();
    what.basis = more.basis;
    what.declared_at = more.declared_at;
    what.document_date = more.document_date;
    what.valid_from = more.valid_from;
    what.valid_until = more.valid_until;
    what.retain_until = more.retain_until;
    what.tz = more.tz.clone();
    if more.everywhere {
        what.scope = Some(Scope::All);
    } else if !more.site.is_empty() || !more.country.is_empty() {
        let (sites, countries) = (more.site.clone(), more.country.clone());
        what.scope = Some(Scope::Only(Box::new(Scopes {
            sites,
            countries,
            ..Scopes::default()
        })));
    }
    let source = Source {
        repository: more.repository.clone(),
        commit: more.commit.clone(),
        dirty: more.dirty.then_some(true),
        run: more.run.clone(),
    };
    what.source = (source != Source::default()).then_some(source);
    let transfer = Transfer {
        series: more.transfer_series.clone(),
        number: more.transfer_number,
        mode: more.transfer_mode,
        test: None,
    };
    what.transfer = (transfer != Transfer::default()).then_some(transfer);
}
