//! Who read a register, as far as the caller is told.

use std::collections::BTreeMap;

use trialseal_core::vocabulary::Role;
use trialseal_proto::v1;

use super::super::eyes::Eyes;
use crate::{
    notary::Notary,
    reads::{self, Read},
    refusal::Refusal,
};

/// Whoever reads in these roles is not to be watched by the sponsor: he is told numbers.
const UNWATCHED: [Role; 4] = [Role::EthicsBoard, Role::Authority, Role::Inspector, Role::Dsmb];

/// A page: the reads of one file of the log of reads, the newest first. The caller cannot choose where it ends,
/// so that the numbers of two pages tell no more than those of one.
///
/// # Errors
/// [`Refusal::BadRequest`] for a page token that is none.
pub(super) fn list(notary: &Notary, eyes: &Eyes, token: &str) -> Result<v1::ListReadsResponse, Refusal> {
    let not_a_token = || Refusal::BadRequest("page_token is not one that a list returned".to_owned());
    // `<logs back>` or `<logs back>.<first read of the file after>`.
    let (back, before) = match token {
        "" => (0, None),
        token => {
            let (back, before) = token.split_once('.').unwrap_or((token, ""));
            let number = |text: &str| text.parse::<u64>().map_err(|_| not_a_token());
            let before = match before {
                "" => None,
                before => Some(number(before)?),
            };
            (usize::try_from(number(back)?).map_err(|_| not_a_token())?, before)
        }
    };
    let (found, next) = match back.checked_sub(1) {
        None => notary
            .reads
            .page(before)
            .map_err(|error| notary.internal(&error))?,
        Some(back) => {
            let log = notary
                .chain
                .closed()
                .iter()
                .rev()
                .nth(back)
                .ok_or_else(not_a_token)?;
            let (fs, layout) = log.view.folder();
            reads::page(&**fs, &layout.reads(), before).map_err(|error| notary.internal(&error))?
        }
    };
    let next_page_token = match next {
        Some(before) => format!("{back}.{before}"),
        None if back < notary.chain.closed().len() => (back + 1).to_string(),
        None => String::new(),
    };
    let sponsor = eyes.is_sponsor(notary.now());
    let mut answer = v1::ListReadsResponse {
        next_page_token,
        ..v1::ListReadsResponse::default()
    };
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for read in found
        .into_iter()
        .rev()
        .filter(|read| read.register == eyes.register)
    {
        let unwatched = unwatched_role(&read);
        if read.organization == eyes.caller.organization || (sponsor && unwatched.is_none()) {
            answer.reads.push(wire(read));
        } else if let Some(role) = unwatched.filter(|_| sponsor) {
            let day = read
                .at
                .to_millis_string()
                .get(..10)
                .unwrap_or_default()
                .to_owned();
            *counts.entry((role, day)).or_default() += 1;
        }
    }
    let count = |((role, day), reads)| v1::ReadCount { role, day, reads };
    answer.counts = counts.into_iter().map(count).collect();
    Ok(answer)
}

fn unwatched_role(read: &Read) -> Option<String> {
    let unwatched = |role: &&String| UNWATCHED.iter().any(|known| known.as_str() == role.as_str());
    read.roles.iter().find(unwatched).cloned()
}

fn wire(read: Read) -> v1::RegisterRead {
    v1::RegisterRead {
        at: read.at.to_millis_string(),
        organization: read.organization.to_string(),
        member: read.member.to_string(),
        roles: read.roles,
        kind: read.kind.as_str().to_owned(),
        from: read.from,
        until: read.until,
        shown: read.shown,
    }
}
