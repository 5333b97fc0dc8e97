//! One module a command.

pub(crate) mod ask;
pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod countersign;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod get;
pub(crate) mod grants;
pub(crate) mod keygen;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod member;
pub(crate) mod open;
pub(crate) mod question;
pub(crate) mod receipt_file;
pub(crate) mod records;
pub(crate) mod register;
pub(crate) mod report;
pub(crate) mod roles;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod trial;
pub(crate) mod upgrade;
pub(crate) mod verify;

use std::future::Future;

use crate::errors::{Ended, configuration};

/// Runs the part of a command that talks to the notary.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Ended>>) -> Result<T, Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(Box::new(configuration(format!("No runtime: {error}.")))),
    }
}
