//! Pages for people: HTML that needs nothing else, and prints on one sheet of A4.
//!
//! A page runs no script and fetches nothing; its policy allows the one style sheet inside it and no more.
//! Every text is escaped, and what could hide or reorder other text is made visible. A table that would
//! not fit on the sheet is cut, and the page says by how much and how to get the rest.

mod anomalies;
mod approvals;
mod frame;
mod in_force;
mod index;
mod sequence;
mod sheet;

pub(crate) use anomalies::{Anomalies, Remark};
pub(crate) use approvals::{Approval, Approvals};
pub(crate) use frame::{Complete, Fold};
pub(crate) use in_force::{Document, InForce};
pub(crate) use index::{Entry, Index, Link};
pub(crate) use sequence::{Moment, Sequence};

#[cfg(test)]
mod tests;
