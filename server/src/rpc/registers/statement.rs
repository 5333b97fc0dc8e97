//! What the notary stated of a register.

use std::{sync::Arc, time::Duration};

use prost::bytes::Bytes;
use trialseal_core::{
    entry::{Entry, Statement},
    hash::Hash,
    register_statement::{FORMAT, ShownLine},
};
use trialseal_proto::v1;

use super::super::{eyes::Eyes, receipt};
use crate::{
    notary::Notary,
    refusal::Refusal,
    state::{STATEMENT_FRESH_MS, Stated},
};

/// The newest statement with the register's line; a newer one is made where that is asked for, or where none
/// covers the register yet, and may be.
///
/// # Errors
/// [`Refusal::NotStatedYet`].
pub(super) async fn get(
    notary: &Arc<Notary>,
    eyes: Eyes,
    fresh: bool,
) -> Result<v1::RegisterStatement, Refusal> {
    let found = lines(notary, &eyes);
    let found = match found {
        Some(found) if !fresh => Some(found),
        _ => {
            notary.state_registers().await?;
            lines(notary, &eyes)
        }
    };
    let Some((stated, lines)) = found else {
        return Err(Refusal::NotStatedYet(wait(notary)));
    };
    let notary = Arc::clone(notary);
    let proven = tokio::task::spawn_blocking(move || prove(&notary, &eyes, &stated, lines));
    proven.await.unwrap_or(Err(Refusal::Internal))
}

fn lines(notary: &Notary, eyes: &Eyes) -> Option<(Arc<Stated>, Vec<ShownLine>)> {
    let stated = notary.stated()?;
    let lines = stated.lines.around(&eyes.head.first)?;
    Some((stated, lines))
}

/// How long it takes until the next statement can be made.
fn wait(notary: &Notary) -> Duration {
    let next = notary
        .stated()
        .map(|stated| stated.at.plus_millis(STATEMENT_FRESH_MS));
    let millis = next.map_or(0, |next| next.as_millis() - notary.now().as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0).max(1_000))
}

fn prove(
    notary: &Notary,
    eyes: &Eyes,
    stated: &Stated,
    lines: Vec<ShownLine>,
) -> Result<v1::RegisterStatement, Refusal> {
    let statement: Statement = stated.lines.statement(stated.at, stated.size);
    let leaf: Hash = Entry::Statement(statement)
        .leaf_hash()
        .map_err(|error| notary.internal(&error))?;
    // The proof fails if the lines are not those that were stated.
    let (proofs, _) = notary.prove_leaf(notary.chain.present(), stated.index, leaf)?;
    let evidence = proofs.iter().map(|proof| receipt::evidence(stated.index, proof));
    let changed = notary.view.head().size.get() > stated.index.get() + 1;
    let fresh_from = match changed {
        true => stated.at.plus_millis(STATEMENT_FRESH_MS).to_millis_string(),
        false => String::new(),
    };
    Ok(v1::RegisterStatement {
        format: FORMAT.to_owned(),
        register: eyes.register.to_string(),
        statement: stated.text.clone(),
        index: stated.index.get(),
        evidence: evidence.collect(),
        lines: lines.into_iter().map(line).collect(),
        fresh_from,
        id: Bytes::copy_from_slice(eyes.head.first.as_bytes()),
    })
}

fn line(line: ShownLine) -> v1::StatementLine {
    let path = line
        .path
        .iter()
        .map(|hash| Bytes::copy_from_slice(hash.as_bytes()));
    v1::StatementLine {
        position: line.position,
        text: line.text,
        path: path.collect(),
    }
}
