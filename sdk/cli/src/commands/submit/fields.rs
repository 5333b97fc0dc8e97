//! From arguments to a submission.

use trialseal::core::record::{Scope, Scopes, Source, Transfer, What};
use trialseal::core::vocabulary::Rel;
use trialseal::records::Target;
use trialseal::{Enrolment, HashedFile, Link, Submission};

use crate::args::{LinkTarget, Submit};
use crate::commands::receipt_file;
use crate::errors::{Ended, bad_input};

/// The links, with index and id from the receipts that they name.
pub(super) fn links(links: &[(Rel, LinkTarget)]) -> Result<Vec<Link>, Ended> {
    let mut found = Vec::with_capacity(links.len());
    for (rel, target) in links {
        found.push(match target {
            LinkTarget::Record(Enrolment { index, record }) => Link {
                rel: *rel,
                record: *record,
                index: *index,
                log: None,
            },
            LinkTarget::Receipt(path) => {
                let target = Target::of(&receipt_file::read(path)?)
                    .map_err(|error| bad_input(format!("{}: {error}.", path.display())))?;
                target.link(*rel)
            }
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
