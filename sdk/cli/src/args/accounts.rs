//! The arguments of `member`: what an organisation's administrator does.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use trialseal::SignerKind;
use trialseal::core::identifiers::{MemberId, PublicIdentifier};
use trialseal::core::time::Instant;

use super::{Signing, parse};

/// Enrol members of your organisation, their keys and tokens
///
/// An administrator signs these: a person whose key the operator of the notary enrolled. Each is a record in the
/// register org:<your organisation>. From the first of them on the operator enrols nobody of yours any more.
#[derive(Subcommand)]
pub(crate) enum Member {
    Add(AddMember),
    Key(AddKey),
    Token(AddToken),
    Revoke(RevokeMember),
    List(ListMembers),
}

/// Enrol a member
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal member add m-7
  trialseal member add ci --kind system")]
pub(crate) struct AddMember {
    /// The member's pseudonymous id
    #[arg(value_parser = parse::<MemberId>)]
    pub(crate) member: MemberId,
    /// A person, or a system
    #[arg(long, default_value = "person", value_parser = parse::<SignerKind>)]
    pub(crate) kind: SignerKind,
    /// A public identifier of the person, e.g. orcid:0000-0002-1825-0097
    #[arg(long = "identifier", value_name = "SCHEME:VALUE", value_parser = parse::<PublicIdentifier>)]
    pub(crate) identifiers: Vec<PublicIdentifier>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Enrol a member's key
///
/// The key may sign nothing until its owner has confirmed it, which `trialseal login` does.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal member key member.key.pub")]
pub(crate) struct AddKey {
    /// The public key that `trialseal keygen` wrote
    #[arg(value_name = "FILE.pub")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Make a token for a member
///
/// The token is written to a file, mode 0600; the notary gets its hash only.
#[derive(Args)]
#[command(after_help = "\
Example:
  trialseal member token m-7 --out m-7.token")]
pub(crate) struct AddToken {
    /// The member's id
    #[arg(value_parser = parse::<MemberId>)]
    pub(crate) member: MemberId,
    /// Where to write the token
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Until when it is good; by default 90 days
    #[arg(long, value_name = "INSTANT", value_parser = parse::<Instant>)]
    pub(crate) expires: Option<Instant>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Revoke a member with its keys and tokens, or one key, or one token
#[derive(Args)]
#[command(after_help = "\
Examples:
  trialseal member revoke m-7 --reason 'Left'
  trialseal member revoke m-7 --key old.key.pub --reason 'Laptop lost'
  trialseal member revoke m-7 --token m-7.token --reason 'Sent to the wrong person'")]
pub(crate) struct RevokeMember {
    /// The member's id
    #[arg(value_parser = parse::<MemberId>)]
    pub(crate) member: MemberId,
    /// Only this key
    #[arg(long, value_name = "FILE.pub", conflicts_with = "token")]
    pub(crate) key: Option<PathBuf>,
    /// Only the token in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// List your organisation's members and their keys
#[derive(Args)]
pub(crate) struct ListMembers {}
