//! The step `record`: the record root, and the agreement of `what` with `when`.

use super::report::{Judgement, Step, Steps};
use super::{Subject, loose};

pub(super) fn check(subject: &Subject<'_>, steps: &mut Steps) {
    let judged = judge(subject);
    steps.add(Step::Record, judged.result, judged.sentence);
}

fn judge(subject: &Subject<'_>) -> Judgement {
    let record = subject.record;
    let Some(what) = &subject.parts.what else {
        return Judgement::passed(format!(
            "The four parts make record {record}; what is withheld, so only when says what it is about."
        ));
    };
    for key in ["register", "class", "event"] {
        let agrees = loose::text("what", what, key)
            .and_then(|own| loose::text("when", &subject.parts.when, key).map(|copy| own == copy));
        match agrees {
            Ok(true) => {}
            Ok(false) => {
                return Judgement::failed(format!(
                    "The notary copied another {key} into when than what says: this is evidence against it."
                ));
            }
            Err(problem) => return Judgement::failed(problem),
        }
    }
    Judgement::passed(format!(
        "The four parts make record {record}, and what agrees with when."
    ))
}
