//! What witnesses and an authority cost: how long a `witnessed` receipt takes under load, and how
//! much sealing loses to them.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tonic::Request;
use trialseal_proto::v1::{self, Level};
use trialseal_tests::authority::{Authority, Behaviour as AuthorityBehaviour};
use trialseal_tests::witness::{Behaviour as WitnessBehaviour, ScriptedWitness};

use crate::Settings;
use crate::harness::{Notary, Outcome, Syncs};
use crate::load::{draft, median, percentile};
use crate::streams::{BATCH, one_stream, stream, wait_for_tiles};
use crate::table::{Table, Target};

const WITNESSES: usize = 3;
const DELAY: Duration = Duration::from_millis(10);
/// Records a second while receipts are timed, in messages of a hundred.
const LOAD: u64 = 10_000;
const MESSAGE: u64 = 100;
/// Callers that wait for a `witnessed` receipt and then ask for the next.
const CALLERS: usize = 8;
const CALLS: usize = 25;
const ORGANIZATIONS: usize = 2;
/// Records of one slice of the comparison.
const SLICE: u64 = 100_000;
const PAIRS_MIN: usize = 10;

pub(crate) async fn run(settings: &Settings, table: &mut Table) -> Outcome {
    let parties = Parties::start();
    let notary = Notary::start_with(settings, ORGANIZATIONS, |dir| parties.introduce(dir))?;
    under_load(&notary, table).await?;
    cost(&notary, settings, table).await
}

/// Three witnesses, of which two have to cosign, and an authority.
struct Parties {
    witnesses: Vec<ScriptedWitness>,
    authority: Authority,
}

impl Parties {
    fn start() -> Self {
        let witness = |number| {
            let name = format!("witness.example/w{number}");
            ScriptedWitness::start(&name, WitnessBehaviour::Delays(DELAY))
        };
        Self {
            witnesses: (1..=WITNESSES).map(witness).collect(),
            authority: Authority::start(AuthorityBehaviour::Honest),
        }
    }

    /// Tells a notary about them: who they are in its trust file, where they are in its configuration.
    fn introduce(&self, dir: &Path) -> Outcome {
        let mut trust = self.authority.trust("tsa");
        let mut config = "\n[evidence]\ntrust = \"trust.toml\"\ntimestamp_every_seconds = 1\n".to_owned();
        let mut names = Vec::new();
        for witness in &self.witnesses {
            let name = witness.name();
            trust += &witness.trust_entry();
            write!(
                config,
                "\n[evidence.witnesses.{name:?}]\nurl = {:?}\n",
                witness.url()
            )?;
            names.push(name);
        }
        write!(
            config,
            "\n[evidence.authorities.tsa]\nurl = {:?}\n",
            self.authority.url()
        )?;
        write!(
            trust,
            "[[group]]\nname = \"independent\"\nof = 2\nmembers = {names:?}\n\n"
        )?;
        let file = dir.join("trust.toml");
        let written = std::fs::read_to_string(&file)?;
        std::fs::write(
            &file,
            format!("{written}\n{trust}[policy]\nquorum = \"independent\"\n"),
        )?;
        let file = dir.join("trialseal.toml");
        let written = std::fs::read_to_string(&file)?;
        Ok(std::fs::write(&file, written + &config)?)
    }
}

/// Callers that wait for `witnessed`, while others have records sealed at a steady rate.
async fn under_load(notary: &Notary, table: &mut Table) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let load = steady_load(notary, &stop).await?;
    let account = notary.accounts.get(1).ok_or("there is no second account")?;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (mut stub, bearer) = (notary.stub().await?, account.bearer.clone());
        callers.spawn(async move {
            let mut times = Vec::with_capacity(CALLS);
            for call in 0..CALLS {
                let mut request = draft(1, (caller * CALLS + call) as u64);
                request.level = Level::Witnessed.into();
                request.wait = Some(prost_types::Duration {
                    seconds: 10,
                    nanos: 0,
                });
                let mut request = Request::new(request);
                request.metadata_mut().insert("authorization", bearer.clone());
                let started = Instant::now();
                let answer = stub.submit(request).await?.into_inner();
                times.push(started.elapsed().as_secs_f64() * 1e3);
                if answer.reached() < Level::Witnessed {
                    return Err("a receipt is not witnessed within 10 s".into());
                }
            }
            Outcome::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = callers.join_next().await {
        times.extend(ended??);
    }
    stop.store(true, Ordering::Relaxed);
    let rate = load.await??;
    table.add(
        "records sealed a second meanwhile",
        rate,
        "/s",
        Target::AtLeast(LOAD as f64 * 0.98),
        None,
    );
    let figure = format!(
        "witnessed receipt, {WITNESSES} witnesses at {} ms, median",
        DELAY.as_millis()
    );
    table.add(&figure, median(&times), "ms", Target::Below(250.0), None);
    table.add("  p99", percentile(&times, 99.0), "ms", Target::None, None);
    Ok(())
}

/// Streams records by the clock until it is stopped; then gives the rate that was answered.
async fn steady_load(
    notary: &Notary,
    stop: &Arc<AtomicBool>,
) -> Outcome<tokio::task::JoinHandle<Outcome<f64>>> {
    let account = notary.accounts.first().ok_or("there is no account")?;
    let (stub, bearer) = (notary.stub().await?, account.bearer.clone());
    let (to, from) = mpsc::channel(4);
    let (stop, sent) = (Arc::clone(stop), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&sent);
    let started = Instant::now();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(1) * MESSAGE as u32 / LOAD as u32);
        while !stop.load(Ordering::Relaxed) {
            tick.tick().await;
            let first = counted.fetch_add(MESSAGE, Ordering::Relaxed);
            let submissions = (first..first + MESSAGE).map(|number| draft(0, number)).collect();
            if to.send(v1::SubmitStreamRequest { submissions }).await.is_err() {
                return;
            }
        }
    });
    Ok(tokio::spawn(async move {
        one_stream(stub, bearer, from).await?;
        Ok(sent.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
    }))
}

/// The same streams to a notary with these parties and to one without, by turns.
async fn cost(with: &Notary, settings: &Settings, table: &mut Table) -> Outcome {
    let without = Notary::start(settings, ORGANIZATIONS)?;
    let (mut rates, mut ratios, mut syncs) = (Vec::new(), Vec::new(), Syncs::default());
    // The first pair warms both up and does not count.
    for pair in 0..=settings.slices.max(PAIRS_MIN) {
        // Who goes first changes, so that what drifts meanwhile counts for both.
        let bare_first = if pair.is_multiple_of(2) {
            None
        } else {
            Some(slice(&without).await?)
        };
        let before = with.commits()?;
        let ours = slice(with).await?;
        let after = with.commits()?;
        let bare = match bare_first {
            Some(bare) => bare,
            None => slice(&without).await?,
        };
        if pair > 0 {
            syncs.add(before, after);
            rates.push(ours);
            ratios.push(1.0 - ours / bare);
        }
    }
    table.add(
        "drafts, SubmitStream, with witnesses and an authority",
        median(&rates),
        "/s",
        Target::None,
        None,
    );
    let figure = format!("  what sealing loses to them, median of {} pairs", ratios.len());
    table.add(&figure, median(&ratios), "%", Target::Below(0.10), Some(syncs));
    Ok(())
}

async fn slice(notary: &Notary) -> Outcome<f64> {
    let records = SLICE.next_multiple_of(BATCH * ORGANIZATIONS as u64);
    let started = Instant::now();
    stream(notary, records).await?;
    let rate = records as f64 / started.elapsed().as_secs_f64();
    wait_for_tiles(notary).await?;
    Ok(rate)
}
