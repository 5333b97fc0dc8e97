//! The step `timestamps`: the tokens of authorities over an element's checkpoint.
//!
//! A token is judged like a line of a note. What leads to no authority of the trust file is somebody
//! else's, and is passed over; what is not even a token, or leads to an authority and does not hold,
//! contradicts what the receipt says of itself, and fails it. What uses algorithms that are not accepted
//! (they may be newer than this code), or was made under a policy that is not asked for, decides nothing.

use crate::note::SignedNote;
use crate::receipt::Timestamp;
use crate::time::Instant;
use crate::timestamp::{self, Token, TokenError, VerifiedToken};
use crate::trust::{Authority, Trust, TrustedLog};

use super::report::Judgement;

/// What became of one token.
enum Judged {
    /// It counts.
    Counts(VerifiedToken),
    /// It verifies, or may verify one day, and does not count now; with the reason.
    DoesNotCount(String),
    /// It is wrong.
    Failed(String),
    /// It is of no authority of the trust file.
    OfAnother,
}

/// Judges the tokens, and returns the times of those that count.
pub(super) fn judge(
    trust: &Trust,
    at: Instant,
    stamps: &[Timestamp],
    note: &SignedNote,
    log: Option<&TrustedLog>,
) -> (Judgement, Vec<Instant>) {
    let (judgement, counting) = judge_tokens(trust, at, stamps, note, log);
    (judgement, counting.iter().map(|token| token.time).collect())
}

fn judge_tokens(
    trust: &Trust,
    at: Instant,
    stamps: &[Timestamp],
    note: &SignedNote,
    log: Option<&TrustedLog>,
) -> (Judgement, Vec<VerifiedToken>) {
    let not_checked = |sentence: String| (Judgement::not_checked(sentence), Vec::new());
    let tokens: Vec<Vec<u8>> = stamps.iter().filter_map(Timestamp::token).collect();
    let count = tokens.len();
    if count == 0 {
        return not_checked("There is no token of a timestamp authority.".to_owned());
    }
    if trust.authorities().is_empty() {
        return not_checked(format!(
            "The trust file names no timestamp authority; tokens that are kept: {count}."
        ));
    }
    // Without the log's keys nobody knows which lines a token covers; the step `log` says so too.
    let Some(log) = log else {
        return not_checked("The trust file names no keys for the log.".to_owned());
    };
    let Some(imprint) = timestamp::imprint(note, &log.ed25519, &log.mldsa) else {
        return not_checked(
            "The checkpoint does not have exactly one line of each key of the log.".to_owned(),
        );
    };
    let mut counting = Vec::new();
    let mut open = Vec::new();
    for token in &tokens {
        let found = Token::parse(token).map(|token| {
            let verified = |authority: &Authority| token.check(&imprint, None, authority);
            judge_one(trust.authorities(), verified, at)
        });
        match found
            .unwrap_or_else(|error| Judged::Failed(format!("What is kept as a token is none: {error}.")))
        {
            Judged::Counts(token) => counting.push(token),
            Judged::DoesNotCount(sentence) => open.push(sentence),
            Judged::Failed(sentence) => return (Judgement::failed(sentence), Vec::new()),
            Judged::OfAnother => {}
        }
    }
    counting.sort_by_key(|token: &VerifiedToken| token.time);
    let judgement = match (counting.first(), open.first()) {
        (Some(first), _) => Judgement::passed(format!(
            "The authority {} has stamped both signatures of the log: they existed by {}. Tokens that count: {} of \
             {count}.",
            first.authority,
            first.time,
            counting.len()
        )),
        (None, Some(sentence)) => Judgement::indeterminate(sentence.clone()),
        (None, None) => Judgement::not_checked(format!(
            "Of {count} tokens none leads to an authority of the trust file."
        )),
    };
    (judgement, counting)
}

/// Authorities may share a root; the first whose policy the token meets is the one.
fn judge_one(
    authorities: &[Authority],
    check: impl Fn(&Authority) -> Result<VerifiedToken, TokenError>,
    at: Instant,
) -> Judged {
    let mut judged = Judged::OfAnother;
    for authority in authorities {
        match check(authority) {
            Ok(token) => return judge_time(token, authority, at),
            Err(error) if error.is_of_another_authority() => {}
            Err(error) if error.decides_nothing() => {
                judged = Judged::DoesNotCount(format!(
                    "A token of the authority {} does not count: {error}.",
                    authority.name
                ));
            }
            Err(error) => {
                judged = Judged::Failed(format!(
                    "A token of the authority {} is refused: {error}.",
                    authority.name
                ));
            }
        }
    }
    judged
}

/// Whether a token that verifies counts at the time of evaluation. Nothing in a receipt covers a token, so
/// once its signer's key may be in other hands nothing shows that the token is not made since: a stolen
/// key states whatever time it is told to.
fn judge_time(token: VerifiedToken, authority: &Authority, at: Instant) -> Judged {
    let open = |reason: String| {
        Judged::DoesNotCount(format!(
            "The token of the authority {} with the time {} does not count: {reason}.",
            token.authority, token.time
        ))
    };
    if token.time > at {
        return open(format!("it is judged at {at}"));
    }
    let ended = "nothing else shows that the token existed before";
    if let Some(compromised_at) = authority.compromised_at
        && compromised_at <= at
    {
        return open(format!(
            "the authority was compromised at {compromised_at}, and {ended}"
        ));
    }
    // A certificate holds for the whole of its last second.
    if token.signer_not_after.plus_millis(999) < at {
        return open(format!(
            "the certificate of its signer ended at {}, and {ended}",
            token.signer_not_after
        ));
    }
    Judged::Counts(token)
}
