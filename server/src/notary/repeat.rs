//! Submissions that may be on record already.

use super::{Answer, Notary};
use crate::{
    chain::Place,
    facts::{facts_of, submission_of},
    refusal::Refusal,
    seal::Admitted,
    stored::StoredEntry,
};

impl Notary {
    /// Decides whether a submission is one of the records that share its fingerprint.
    pub(super) async fn settle(&self, mut admitted: Admitted, candidates: Vec<Place>) -> Answer {
        for place in candidates {
            if !self.committed(place).await {
                return Answer::Refused(Refusal::OutcomeUnknown);
            }
            match self.same_submission(&admitted, place) {
                Ok(Some(answer)) => return answer,
                Ok(None) => admitted.not_these.push(place),
                Err(refusal) => return Answer::Refused(refusal),
            }
        }
        // Nothing but a shared fingerprint, or forgotten by now: it is new.
        match self.submit(vec![Ok(admitted)], Vec::new()).await {
            Ok(mut answers) => answers.pop().unwrap_or(Answer::Refused(Refusal::Internal)),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Waits until the log has more entries than are before the place; false if it closed before.
    async fn committed(&self, place: Place) -> bool {
        match self.chain.locate(place) {
            Some((log, index)) => log.view.committed(index).await,
            None => false,
        }
    }

    /// None if the record at `place` was made by another submission.
    fn same_submission(&self, admitted: &Admitted, place: Place) -> Result<Option<Answer>, Refusal> {
        let (log, index) = self.locate(place)?;
        let Some(StoredEntry::Record(stored)) = self.read(log, index)? else {
            return Ok(None);
        };
        let facts = facts_of(&stored).map_err(|error| self.internal(&error))?;
        let (key, not_after) =
            submission_of(&stored, facts.received_at).map_err(|error| self.internal(&error))?;
        if facts.organization != admitted.said.who.organization
            || key != admitted.idempotency_key
            || not_after < self.now()
        {
            return Ok(None);
        }
        let same = match admitted.submission {
            Some(_) => stored.submitted.is_signed() && stored.leaves().what == admitted.what.1,
            // Where `what` was erased nobody can tell any more that it was this one.
            None => !stored.submitted.is_signed() && stored.what.text() == Some(&admitted.what.0.text),
        };
        Ok(Some(if same {
            Answer::Repeated(place)
        } else {
            Answer::Refused(Refusal::IdempotencyConflict {
                index,
                log: log.origin.clone(),
                record: facts.record,
            })
        }))
    }
}
