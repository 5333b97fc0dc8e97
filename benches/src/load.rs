//! What is submitted, and callers that submit it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::Rng as _;
use trialseal::{Class, Event, HashedFile, Meaning, Prepared, Purpose, Role, Submission};
use trialseal_core::checkpoint::Origin;
use trialseal_core::manifest::FileDigests;
use trialseal_proto::v1;
use trialseal_proto::v1::submit_request::Submission as Wire;

use crate::harness::{Account, Outcome};

/// Registers of one organisation.
const REGISTERS: u64 = 64;

/// A data cut of one file, as a draft. Each account has registers of its own.
pub(crate) fn draft(account: usize, number: u64) -> v1::SubmitRequest {
    draft_in(register(account, number))
}

/// A data cut of one file in a register, as a draft.
pub(crate) fn draft_in(register: String) -> v1::SubmitRequest {
    let draft = v1::Draft {
        idempotency_key: random().to_vec().into(),
        register,
        class: "dataset".to_owned(),
        event: "data-cut".to_owned(),
        version: "1.0".to_owned(),
        manifest: Some(v1::ManifestRoot {
            root: random().to_vec().into(),
            items: 1,
        }),
        purpose: "interim".to_owned(),
        ..v1::Draft::default()
    };
    v1::SubmitRequest {
        submission: Some(Wire::Draft(draft)),
        level: 0,
        wait: None,
    }
}

/// A file that is like no other.
pub(crate) fn file() -> Outcome<HashedFile> {
    let digests = FileDigests {
        sha256: random(),
        sha512: [7; 64],
        size: 123_456,
    };
    Ok(HashedFile {
        path: "adam/adsl.xpt".parse()?,
        source: "adsl.xpt".into(),
        digests,
    })
}

/// The same data cut, to be built by the SDK.
pub(crate) fn submission(account: usize, number: u64) -> Outcome<Submission> {
    let file = file()?;
    Ok(
        Submission::new(register(account, number).parse()?, Class::Dataset, Event::DataCut)
            .version("1.0".parse()?)
            .purpose(Purpose::Interim)
            .files(&[file])
            .signed_as(Role::Sponsor, Meaning::Execution),
    )
}

/// Signed data cuts, made on all processors.
pub(crate) fn signed(account: &Account, number: usize, log: &Origin, count: usize) -> Outcome<Vec<Prepared>> {
    let now = trialseal::now();
    let share = |from: usize, to: usize| -> Outcome<Vec<Prepared>> {
        (from..to)
            .map(|at| Ok(submission(number, at as u64)?.sign(&account.signatory, log, now)?))
            .collect()
    };
    on_all_processors(count, share).map(|shares| shares.into_iter().flatten().collect())
}

/// Splits `count` pieces of work among threads, one a processor.
pub(crate) fn on_all_processors<T: Send>(
    count: usize,
    work: impl Fn(usize, usize) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || work(count * thread / threads, count * (thread + 1) / threads)))
            .collect();
        started
            .into_iter()
            .map(|one| one.join().map_err(|_| "a thread panicked")?)
            .collect()
    })
}

/// A signed submission on the wire.
pub(crate) fn wire(prepared: &Prepared) -> v1::SubmitRequest {
    let part = |part: &trialseal_core::receipt::ShownPart| v1::PreparedPart {
        salt: part.salt.as_bytes().to_vec().into(),
        text: part.text.clone().into_bytes().into(),
    };
    v1::SubmitRequest {
        submission: Some(Wire::Prepared(v1::Prepared {
            what: Some(part(prepared.what())),
            who: Some(part(prepared.who())),
            why: Some(part(prepared.why())),
            note: prepared.note().to_owned(),
        })),
        level: 0,
        wait: None,
    }
}

fn register(account: usize, number: u64) -> String {
    format!("trial:NCT{:08}", account as u64 * REGISTERS + number % REGISTERS)
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Calls of callers that each ask again as soon as they have an answer: answered calls a second.
/// `call` gets the caller's number and the number of its call.
pub(crate) async fn closed_loop<F, Fut>(callers: usize, time: Duration, call: F) -> Outcome<f64>
where
    F: Fn(usize, u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send,
{
    let (answered, stop, call) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
        Arc::new(call),
    );
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (answered, stop, call) = (Arc::clone(&answered), Arc::clone(&stop), Arc::clone(&call));
        tasks.spawn(async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                call(caller, number).await?;
                answered.fetch_add(1, Ordering::Relaxed);
                number += 1;
            }
            Outcome::Ok(())
        });
    }
    tokio::time::sleep(time).await;
    let rate = answered.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(rate)
}

/// The median.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// The value below which `percent` of all lie.
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
