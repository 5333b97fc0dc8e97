//! A clock that steps back: by up to a second the last time is held, by more nothing is sealed.
//!
//! No test can set a machine's clock, so the notary runs in this process, with a clock in its place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests are tests too"
)]

use std::sync::Arc;

use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use trialseal_core::record::When;
use trialseal_core::time::Instant;
use trialseal_proto::v1::{self, notary_server::Notary as _};
use trialseal_server::clock::ManualClock;
use trialseal_server::config::{Config, ServeFlags};
use trialseal_server::notary::{Notary, Running, StartOptions};
use trialseal_server::recover;
use trialseal_server::rpc::NotaryService;
use trialseal_server::serve::open_options;
use trialseal_server::telemetry::Metrics;
use trialseal_tests::caller::{draft, of_draft};
use trialseal_tests::notary::Folder;

/// A notary in this process, with a clock that is set.
struct Clocked {
    folder: Folder,
    clock: Arc<ManualClock>,
    notary: Arc<Notary>,
    running: Running,
}

impl Clocked {
    fn start(folder: Folder, now: Instant) -> Self {
        let config = Config::load(&ServeFlags::of_folder(folder.dir())).unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let mut options = open_options(&config, None).unwrap();
        options.clock = clock.clone();
        let start = StartOptions {
            origin: config.origin.clone(),
            fs: Arc::clone(&options.fs),
            layout: options.layout.clone(),
            clock: clock.clone(),
            cose: Arc::clone(&options.cose),
            evidence: None,
            limits: config.limits,
            metrics: Arc::new(Metrics::for_prometheus().unwrap()),
        };
        let (notary, running) = Notary::start(recover::open(options).unwrap(), start).unwrap();
        Self {
            folder,
            clock,
            notary,
            running,
        }
    }

    async fn stop(self) -> Folder {
        self.running.stop(&self.notary).await;
        self.folder
    }

    async fn submit(&self, name: &str) -> Result<Instant, Status> {
        let mut request = Request::new(of_draft(draft(name)));
        let header = format!("Bearer {}", *self.folder.token().to_text());
        request
            .metadata_mut()
            .insert("authorization", header.parse().unwrap());
        let service = NotaryService {
            notary: Arc::clone(&self.notary),
        };
        let receipt = service.submit(request).await?.into_inner().receipt.unwrap();
        Ok(received_at(&receipt))
    }

    fn size(&self) -> u64 {
        self.notary.view.head().size.get()
    }

    fn steps_counted(&self) -> f64 {
        let metrics = self.notary.metrics.encode();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("trialseal_clock_steps_total "))
            .unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

fn received_at(receipt: &v1::Receipt) -> Instant {
    let when = receipt
        .record
        .as_ref()
        .unwrap()
        .when
        .as_ref()
        .unwrap()
        .text
        .as_ref()
        .unwrap();
    When::parse(when.as_bytes()).unwrap().received_at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_step_is_held_and_a_large_one_stops_sealing() {
    let noon = trialseal::now().plus_millis(3_600_000);
    let clocked = Clocked::start(Folder::new(), noon);
    assert_eq!(clocked.submit("at noon").await.unwrap(), noon);
    assert!(clocked.steps_counted().abs() < f64::EPSILON);

    // Up to a second: the last time, counted.
    for back in [1, 500, 1_000] {
        clocked.clock.set(noon.plus_millis(-back));
        assert_eq!(
            clocked.submit(&format!("{back} ms back")).await.unwrap(),
            noon,
            "time never goes back"
        );
    }
    assert!((clocked.steps_counted() - 3.0).abs() < f64::EPSILON);

    // More: refused and alarmed, and nothing is stored.
    let size = clocked.size();
    for back in [1_001, 60_000, 86_400_000] {
        clocked.clock.set(noon.plus_millis(-back));
        let status = clocked.submit(&format!("{back} ms back")).await.unwrap_err();
        let reason = status.get_details_error_info().unwrap().reason;
        assert_eq!(
            (status.code(), reason.as_str()),
            (Code::Unavailable, "CLOCK_STEPPED_BACK"),
            "{status:?}"
        );
        assert!(
            status
                .get_details_retry_info()
                .is_some_and(|info| info.retry_delay.is_some()),
            "{status:?}"
        );
        assert!(clocked.notary.clock_stepped_back());
    }
    assert_eq!(clocked.size(), size, "nothing is stored");

    // Right again: sealing goes on by itself, and what was refused can be sent again.
    clocked.clock.set(noon.plus_millis(5));
    assert_eq!(
        clocked.submit("60000 ms back").await.unwrap(),
        noon.plus_millis(5)
    );
    assert!(!clocked.notary.clock_stepped_back());
    assert_eq!(clocked.size(), size + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_forget_the_time() {
    let noon = trialseal::now().plus_millis(3_600_000);
    let clocked = Clocked::start(Folder::new(), noon);
    clocked.submit("at noon").await.unwrap();
    let folder = clocked.stop().await;
    // Before the last record, and before the log was made.
    let clocked = Clocked::start(folder, noon.plus_millis(-7_200_000));
    let size = clocked.size();
    let status = clocked.submit("two hours before").await.unwrap_err();
    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "CLOCK_STEPPED_BACK"
    );
    assert_eq!(clocked.size(), size);
    clocked.clock.set(noon);
    assert_eq!(clocked.submit("two hours before").await.unwrap(), noon);
    clocked.stop().await;
}
