//! Whether a board approved a file.

use crate::dossier::{Dossier, Fact, K, Worth};
use crate::hash::RecordId;
use crate::identifiers::{OrganizationId, RegisterName};
use crate::vocabulary::{Class, Decision, Event, Rel};
use crate::zone::Zone;

use super::decision::{Tone, Weight, identity, is_valid_on, scope_text, tone, weight};
use super::{Answer, Given, complete};

/// Whether a board or an authority approved this file, by its own signed decision.
#[must_use]
pub fn approved_by(
    dossier: &Dossier,
    register: &RegisterName,
    board: &OrganizationId,
    file: &Given,
) -> Answer {
    let question = Question {
        dossier,
        register,
        board,
        file,
        facts: dossier.register(register),
    };
    question.answer().under(dossier)
}

struct Question<'a> {
    dossier: &'a Dossier,
    register: &'a RegisterName,
    board: &'a OrganizationId,
    file: &'a Given,
    facts: &'a [Fact],
}

impl<'a> Question<'a> {
    fn answer(&self) -> Answer {
        let documents: Vec<&Fact> = self.facts.iter().filter(|fact| self.file.is_in(fact)).collect();
        let mut decisions = Vec::new();
        let mut excluded = Vec::new();
        let mut unknown = Vec::new();
        for fact in self.decisions() {
            if !documents
                .iter()
                .any(|document| self.is_about(fact, &document.record))
            {
                continue;
            }
            match weight(self.dossier, fact) {
                Weight::Counts => decisions.push(fact),
                Weight::DoesNot(sentence) => excluded.push(sentence),
                Weight::Unknown(sentence) => unknown.push(sentence),
            }
        }
        // In the order of the decisions; of one day, in the order of the register.
        decisions.sort_by_key(|fact| (fact.dec().first, fact.sequence()));
        if let Some(sentence) = unknown.first() {
            return Answer::not_provable(format!(
                "A decision of {} on {} cannot be judged. {sentence}",
                self.board, self.file.name
            ))
            .next(format!(
                "{} or the notary can supply what is missing.",
                self.board
            ));
        }
        match decisions.last() {
            Some(latest) => self.latest(&decisions, latest),
            None => self.none(&documents, excluded),
        }
    }

    /// The board's decisions, and its withdrawals of them.
    fn decisions(&self) -> impl Iterator<Item = &'a Fact> + '_ {
        self.facts.iter().filter(|fact| {
            matches!(fact.class(), Class::Opinion | Class::AuthorityDecision)
                && matches!(fact.event(), Event::Decided | Event::Withdrawn)
                && fact
                    .who
                    .as_ref()
                    .is_some_and(|who| who.organization == *self.board)
        })
    }

    /// A decision is about a document that it decides on; its withdrawal, about what it decided on.
    fn is_about(&self, fact: &Fact, document: &RecordId) -> bool {
        fact.linked(Rel::DecidesOn).any(|record| record == *document)
            || fact.linked(Rel::Withdraws).any(|withdrawn| {
                let withdrawn = self.dossier.fact(&withdrawn);
                withdrawn.is_some_and(|fact| fact.linked(Rel::DecidesOn).any(|record| record == *document))
            })
    }

    fn latest(&self, decisions: &[&Fact], latest: &Fact) -> Answer {
        let board = self.board;
        let file = &self.file.name;
        let label = latest.label();
        let said = format!("{} signed it; it states {}.", latest.signer(), latest.dec_text());
        let decision = latest.what.as_ref().and_then(|what| what.decision);
        let positive = decisions.iter().rev().find(|fact| {
            let decision = fact.what.as_ref().and_then(|what| what.decision);
            matches!(
                decision,
                Some(Decision::Approved | Decision::ApprovedWithConditions)
            )
        });
        let approval = match decision.map(tone) {
            Some(Tone::Positive) if positive.is_some_and(|positive| positive.record == latest.record) => {
                latest
            }
            Some(Tone::Lifted) if positive.is_some() => positive.copied().unwrap_or(latest),
            Some(Tone::Positive | Tone::Open | Tone::Lifted) => {
                let decision = decision.map_or("", Decision::as_str);
                return Answer::not_provable(format!(
                    "The latest decision of {board} on {file}, {label}, says {decision}, which is no approval."
                ))
                .because(said)
                .next(format!("{board} can sign a decision."));
            }
            Some(Tone::Negative) | None => {
                let decision = decision.map_or("withdrawn", Decision::as_str);
                return Answer::disproven(format!(
                    "The latest decision of {board} on {file}, {label}, says {decision}."
                ))
                .because(said);
            }
        };
        let k = match complete(self.dossier, self.register) {
            Ok(k) => k,
            Err(answer) => {
                return answer.because(format!("{board} decided on {file}: {label}. {said}"));
            }
        };
        if k.sequence < latest.sequence() {
            return Answer::not_provable(format!(
                "{board} approved {file}: {label}; but the register is stated only {}, and silence beyond it is no \
                 answer.",
                k.phrase()
            ))
            .because(said)
            .next("A newer register statement would tell: the notary makes one on demand.");
        }
        self.approved(approval, &k).because(said)
    }

    fn approved(&self, approval: &Fact, k: &K) -> Answer {
        let decision = approval.what.as_ref().and_then(|what| what.decision);
        let conditions = match decision {
            Some(Decision::ApprovedWithConditions) => ", with conditions",
            _ => "",
        };
        let mut answer = Answer::proven(format!(
            "{} approved {}{conditions}: {}; no later contrary decision {}.",
            self.board,
            self.file.name,
            approval.label(),
            k.phrase()
        ));
        answer = answer.because("The file is an item of the record that was decided on, byte for byte.");
        if !conditions.is_empty() {
            answer = answer.because("What the conditions are stands in the board's letter.");
        }
        let what = approval.what.as_ref();
        answer = answer.because(format!(
            "It applies to {}.",
            scope_text(what.and_then(|what| what.scope.as_ref()))
        ));
        answer = answer.because(self.currency(approval));
        match identity(self.dossier, approval) {
            Some(identity) => answer.because(identity),
            None => answer,
        }
    }

    /// Whether it is valid at the time of evaluation.
    fn currency(&self, approval: &Fact) -> String {
        let at = self.dossier.at();
        let what = approval.what.as_ref();
        let zone = what.and_then(|what| what.tz.as_ref()).and_then(Zone::named);
        let day = zone.and_then(|zone| zone.day_of(at)).unwrap_or_else(|| at.date());
        match what.and_then(|what| what.valid_until) {
            None => format!("At {at}: current; it states no end."),
            Some(until) if is_valid_on(approval, day) => format!("At {at}: current; valid until {until}."),
            Some(until) if until < day => format!("At {at}: expired; it was valid until {until}."),
            Some(_) => format!("At {at}: not valid yet."),
        }
    }

    fn none(&self, documents: &[&Fact], excluded: Vec<String>) -> Answer {
        let board = self.board;
        let file = &self.file.name;
        if let Some(sentence) = self.other_file() {
            return Answer::disproven(sentence);
        }
        let letter = self.facts.iter().find(|fact| {
            fact.event() == Event::Reported
                && matches!(fact.class(), Class::Opinion | Class::AuthorityDecision)
                && documents
                    .iter()
                    .any(|document| self.is_about(fact, &document.record))
        });
        if let Some(letter) = letter {
            return Answer::not_provable(format!(
                "Only a letter is shown: {} reports what was decided, and no signature of {board} is here.",
                letter.label()
            ))
            .because(format!("{} put it on record.", letter.signer()))
            .next(format!("{board} can enrol and sign its own decision."));
        }
        if documents.is_empty() {
            return Answer::not_provable(format!("No record of {} is shown to hold {file}.", self.register))
                .next("Whoever submitted it can supply the receipt with its manifest.");
        }
        if let Some(sentence) = excluded.first() {
            let answer = Answer::disproven(format!("No decision of {board} on {file} counts. {sentence}"));
            return match self.refused_grant() {
                Some(grant) => answer.because(grant),
                None => answer,
            };
        }
        let hidden = self.facts.iter().find(|fact| {
            matches!(fact.class(), Class::Opinion | Class::AuthorityDecision) && fact.what.is_none()
        });
        if let Some(hidden) = hidden {
            return Answer::not_provable(format!(
                "What {} decided is not shown, so it may be about {file}.",
                hidden.label()
            ))
            .next(format!(
                "A member of {} who may see it can supply it.",
                self.register
            ));
        }
        match complete(self.dossier, self.register) {
            Ok(k) => Answer::disproven(format!("{board} signed no decision on {file}, {}.", k.phrase())),
            Err(answer) => answer.because(format!("No decision of {board} on {file} is here.")),
        }
    }

    /// Why the board holds no role, where somebody meant to give it one.
    fn refused_grant(&self) -> Option<String> {
        self.facts.iter().find_map(|fact| {
            let grant = fact.what.as_ref()?.grant.as_ref()?;
            match &fact.worth {
                Worth::NotAllowed(sentence) if grant.organization == *self.board => Some(sentence.clone()),
                _ => None,
            }
        })
    }

    /// A decision of the board on another file with this path and version.
    fn other_file(&self) -> Option<String> {
        self.decisions().filter(|fact| matches!(weight(self.dossier, fact), Weight::Counts)).find_map(|fact| {
            fact.linked(Rel::DecidesOn).find_map(|record| {
                let document = self.dossier.fact(&record)?;
                let item = self.file.item_named(document.items.as_ref()?)?;
                (!item.matches(&self.file.digests)).then(|| {
                    format!(
                        "{} decided on another file: {} is about {} of {} ({} bytes), and {} has {} bytes or other \
                         digests.",
                        self.board,
                        fact.label(),
                        item.path,
                        document.label(),
                        item.size,
                        self.file.name,
                        self.file.digests.size
                    )
                })
            })
        })
    }
}
