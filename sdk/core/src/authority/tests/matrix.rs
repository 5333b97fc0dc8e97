//! Every role and every operation, written out in `matrix.txt`.

use crate::authority::changes;
use crate::vocabulary;
use crate::vocabulary::Blind::Unblinded;

use super::*;

const HEAD: &str = "Who may put what on record, as authority judges it: class, events, roles. In brackets: \
                    who has to sign besides.\nAll that work: every role but participant and public.\n";

const WORKING: [&str; 19] = [
    "sponsor",
    "data-manager",
    "statistician",
    "programmer",
    "pipeline",
    "monitor",
    "safety",
    "randomisation-provider",
    "laboratory",
    "vendor",
    "investigator",
    "site-staff",
    "ethics-board",
    "authority",
    "dsmb",
    "auditor",
    "inspector",
    "qualified-person",
    "archivist",
];

/// Each role is held by somebody of an organisation that may hold it.
fn holder(role: Role) -> String {
    let organization = match role {
        Role::EthicsBoard => "board",
        Role::Authority => "agency",
        Role::Dsmb => "monitors",
        _ => "other",
    };
    format!("{organization}/{role}")
}

/// A register in which each role is held by somebody, and a pending act of each class.
fn everybody() -> Register {
    let mut register = Register::open();
    for role in Role::ALL {
        register.grant(&holder(*role), *role, Unblinded);
    }
    register
}

/// What the form asks for, so that authority alone decides.
fn complete(mut say: Say) -> Say {
    for rel in vocabulary::needs(say.what.class, say.what.event).link.clone() {
        say = say.link(rel, record_id(0));
    }
    if say.what.class == Class::Grant {
        say = say.grants("other/somebody", Role::Monitor, Blind::Blinded);
    }
    say
}

#[test]
fn every_role_and_every_operation() {
    let mut register = everybody();
    // An unblinded statistician may sign what only a blinded one may otherwise: the trial is open.
    register.authority.blinding = Some(vocabulary::Blinding::OpenLabel);
    let mut lines = String::from(HEAD);
    for class in Class::ALL {
        let mut by_roles: Vec<(String, Vec<&str>)> = Vec::new();
        for event in vocabulary::events_of(*class) {
            let mut allowed = Vec::new();
            for role in Role::ALL {
                let act = complete(say(&holder(*role), *role, *class, event));
                let verdict = register.judge(&act);
                let may = crate::authority::roles_for(*class, event).contains(role);
                match verdict {
                    Ok(Standing::Pending { needs, .. }) => {
                        let needs: Vec<_> = needs.iter().map(Need::to_string).collect();
                        allowed.push(format!("{role} (and {})", needs.join("; ")));
                    }
                    Ok(_) => allowed.push(role.to_string()),
                    // These are judged by more than the role.
                    Err(NotAllowed::OnlySponsorsGrant | NotAllowed::NotYoursToRevoke) => {
                        assert!(may && *class == Class::Grant, "{role} {class} {event}");
                    }
                    Err(NotAllowed::NotOffered(_) | NotAllowed::RoleNotHeld { .. }) => {
                        assert_eq!(event, Event::CustodyAccepted, "{role} {class}");
                    }
                    Err(NotAllowed::MayNot { could, .. }) => {
                        assert!(!may && !could.contains(role), "{role} {class} {event}");
                    }
                    Err(other) => panic!("{role} {class} {event}: {other}"),
                }
            }
            let allowed = match allowed.len() {
                0 => "nobody by its role alone".to_owned(),
                _ if allowed.join(" ") == WORKING.join(" ") => "all that work".to_owned(),
                _ => allowed.join(", "),
            };
            match by_roles.iter_mut().find(|(roles, _)| *roles == allowed) {
                Some((_, events)) => events.push(event.as_str()),
                None => by_roles.push((allowed, vec![event.as_str()])),
            }
        }
        lines.push_str(&format!("\n{class}\n"));
        for (roles, events) in by_roles {
            lines.push_str(&format!("    {}: {roles}\n", events.join(" ")));
        }
    }
    let written = include_str!("matrix.txt");
    if lines != written {
        let different = lines.lines().zip(written.lines()).find(|(now, then)| now != then);
        panic!("the matrix is another than matrix.txt says, first: {different:?}\n{lines}END");
    }
}

#[test]
fn what_changes_nothing_may_be_passed_over() {
    // Whatever is judged and not said to change the fold leaves it as it was.
    let register = everybody();
    let before = register.authority.clone();
    for class in Class::ALL {
        for event in vocabulary::events_of(*class).filter(|event| !changes(*class, *event)) {
            for role in Role::ALL {
                let mut register = Register {
                    authority: before.clone(),
                    records: 100,
                };
                let _ = register.put(complete(say(&holder(*role), *role, *class, event)));
                assert_eq!(register.authority, before, "{role} {class} {event}");
            }
        }
    }
}
