//! The checks of form that need no state: what a record must hold by its class and event.
//!
//! Form and authority are refused; the sequence of events never is, since facts must not be driven
//! off the record.

use crate::identifiers::Code;
use crate::vocabulary::{
    AccountType, Basis, Class, Event, Meaning, OrganizationKind, SignerKind, allowed, events_of,
    link_needs_reason, needs,
};

use super::{Account, FieldViolation, What, Who, Why};

/// Checks a submission's form. `who` is absent where the notary composes it later; `signed` says
/// whether there is a submission note.
#[must_use]
pub fn check_form(what: &What, who: Option<&Who>, why: &Why, signed: bool) -> Vec<FieldViolation> {
    let mut found = Vec::new();
    let mut refuse = |field: &str, problem: String| found.push(FieldViolation::new(field, problem));
    if allowed(what.class, what.event) {
        check_event(what, signed, &mut refuse);
        check_links(what, &mut refuse);
        check_reason(what, why, &mut refuse);
    } else {
        let known: Vec<&str> = events_of(what.class).map(Event::as_str).collect();
        let problem = format!(
            "does not stand with class {}; these do: {}",
            what.class,
            known.join(" ")
        );
        refuse("what.event", problem);
    }
    check_register(what, who, &mut refuse);
    check_account(what, &mut refuse);
    if let Some(who) = who {
        check_signer(who, signed, &mut refuse);
    }
    found
}

fn check_event(what: &What, signed: bool, refuse: &mut impl FnMut(&str, String)) {
    let (class, event) = (what.class, what.event);
    let needs = needs(class, event);
    for key in needs.keys.iter().filter(|key| !what.has(key)) {
        refuse(
            &format!("what.{key}"),
            format!("is missing; event {event} of class {class} needs it"),
        );
    }
    if needs.signed && !signed {
        refuse(
            "who",
            format!("event {event} of class {class} needs a signature; it cannot be a draft"),
        );
    }
    if what.basis == Some(Basis::Signed) && !signed {
        refuse(
            "what.basis",
            "says signed, and nothing is signed in a draft".to_owned(),
        );
    }
    if what.grant.is_some() && class != Class::Grant && event != Event::CustodyOffered {
        let problem = "stands only with class grant, or with custody-offered to name who is to accept";
        refuse("what.grant", problem.to_owned());
    }
    if what.erased.is_some() && class != Class::Erasure {
        refuse("what.erased", "stands only with class erasure".to_owned());
    }
    if what.trial.is_some() && (class, event) != (Class::Trial, Event::Registered) {
        refuse(
            "what.trial",
            "stands only with event registered of class trial".to_owned(),
        );
    }
    if what.settings.is_some() && class != Class::TrialSettings {
        refuse(
            "what.settings",
            "stands only with class trial-settings".to_owned(),
        );
    }
}

fn check_links(what: &What, refuse: &mut impl FnMut(&str, String)) {
    let rels = &needs(what.class, what.event).link;
    if !rels.is_empty() && !what.links.iter().any(|link| rels.contains(&link.rel)) {
        let names: Vec<&str> = rels.iter().map(|rel| rel.as_str()).collect();
        let event = what.event;
        refuse(
            "what.links",
            format!("event {event} needs a link to its record: {}", names.join(" or ")),
        );
    }
}

fn check_reason(what: &What, why: &Why, refuse: &mut impl FnMut(&str, String)) {
    if why.reason.is_some() {
        return;
    }
    if needs(what.class, what.event).reason {
        refuse("why.reason", format!("is missing; event {} needs it", what.event));
    } else if let Some(link) = what.links.iter().find(|link| link_needs_reason(link.rel)) {
        refuse(
            "why.reason",
            format!("is missing; a record that {} another needs it", link.rel),
        );
    }
}

fn check_register(what: &What, who: Option<&Who>, refuse: &mut impl FnMut(&str, String)) {
    let of_accounts = matches!(what.class, Class::Organisation | Class::Member);
    if of_accounts && what.register.accounts_of().is_none() {
        refuse(
            "what.register",
            format!("class {} stands only in a register org:<id>", what.class),
        );
    }
    if !of_accounts && what.class != Class::Erasure && what.register.accounts_of().is_some() {
        refuse(
            "what.register",
            format!("holds accounts; class {} belongs to a trial", what.class),
        );
    }
    if let (Some(owner), Some(who)) = (what.register.numbered_by(), who)
        && *owner != who.organization
    {
        refuse(
            "what.register",
            format!("is {owner}'s own number; only {owner} may use it"),
        );
    }
}

fn check_account(what: &What, refuse: &mut impl FnMut(&str, String)) {
    let Some(account) = &what.account else { return };
    let of_class = match what.class {
        Class::Organisation => account.account_type == AccountType::Organisation,
        Class::Member => account.account_type != AccountType::Organisation,
        _ => false,
    };
    if !of_class || !matches!(what.event, Event::Registered | Event::Revoked) {
        let problem = "stands only with event registered or revoked of class organisation (that type) or \
                       member (the others)";
        refuse("what.account", problem.to_owned());
        return;
    }
    check_kind(account, refuse);
    let owner = what.register.accounts_of().map(|owner| owner.as_str());
    if account.account_type == AccountType::Organisation && owner != Some(account.id.as_str()) {
        refuse(
            "what.account.id",
            format!("is not the organisation of the register {}", what.register),
        );
    }
    if let (Some(key), Some(owner)) = (&account.vkey, owner)
        && key.name().as_str() != format!("{owner}/{}", account.id)
    {
        refuse(
            "what.account.vkey",
            format!("has to be named {owner}/{}", account.id),
        );
    }
}

fn check_kind(account: &Account, refuse: &mut impl FnMut(&str, String)) {
    let Some(kind) = account.kind.as_ref().map(Code::as_str) else {
        return;
    };
    let problem = match account.account_type {
        AccountType::Organisation => kind
            .parse::<OrganizationKind>()
            .err()
            .map(|error| error.to_string()),
        AccountType::Member => kind.parse::<SignerKind>().err().map(|error| error.to_string()),
        AccountType::Key | AccountType::Token => None,
    };
    if let Some(problem) = problem {
        refuse("what.account.kind", problem);
    }
    let of_person = account.account_type != AccountType::Organisation;
    if account
        .identifiers
        .iter()
        .any(|identifier| identifier.is_of_person() != of_person)
    {
        let problem = "an orcid: names a person, every other identifier an organisation";
        refuse("what.account.identifiers", problem.to_owned());
    }
}

fn check_signer(who: &Who, signed: bool, refuse: &mut impl FnMut(&str, String)) {
    let Some(signer) = &who.signer else {
        if signed {
            refuse(
                "who.key",
                "is missing; a signed submission names its signer".to_owned(),
            );
        }
        return;
    };
    if !signed {
        refuse(
            "who",
            "names a signer, and nothing is signed in a draft".to_owned(),
        );
        return;
    }
    if who.organization.is_notary() {
        refuse(
            "who.organization",
            "is the notary's own; nobody else can be it".to_owned(),
        );
    }
    if signer.key.name().as_str() != who.key_name() {
        refuse("who.key", format!("has to be named {}", who.key_name()));
    }
    if (signer.kind == SignerKind::System) != (signer.meaning == Meaning::Execution) {
        let problem = "a system may only mean execution, and only a system may mean it";
        refuse("who.meaning", problem.to_owned());
    }
}
