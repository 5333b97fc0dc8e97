//! A witness in this process whose clock a test sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use trialseal_core::note::KeyName;
use trialseal_server::clock::ManualClock;
use trialseal_server::config::TransportLimits;
use trialseal_server::fs::RealFileSystem;
use trialseal_server::http_server;
use trialseal_server::keys::{LogSigner, Passphrase, WitnessSigner};
use trialseal_server::tls::{Listener, Protocol};
use trialseal_server::witness::{Store, WatchedLog, Witness, WitnessMetrics, http};

/// A witness that serves until it is dropped.
pub(super) struct ClockedWitness {
    witness: Arc<Witness>,
    data: PathBuf,
    logs: Vec<WatchedLog>,
    url: String,
    /// Ends the server when it is dropped.
    _stop: watch::Sender<bool>,
}

impl ClockedWitness {
    /// Starts a witness that watches no log yet.
    pub(super) async fn start(
        name: &str,
        folder: &Path,
        passphrase: &Passphrase,
        clock: &Arc<ManualClock>,
    ) -> Self {
        let name = KeyName::new(name).expect("a witness's name");
        let data = folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let witness = Witness::open(
            WitnessSigner::create(&name, &folder.join("keys"), passphrase).unwrap(),
            Store::open(Arc::new(RealFileSystem), &data).unwrap(),
            Arc::<ManualClock>::clone(clock),
            WitnessMetrics::new().unwrap(),
            &[],
        );
        let witness = Arc::new(witness.unwrap());
        let limits = TransportLimits::default();
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(address, Protocol::Http1, None, &limits)
            .await
            .unwrap();
        let (_, path) = name.as_str().split_once('/').expect("a name with a path");
        let url = format!("http://{}/{path}", listener.local());
        let (stop, stopped) = watch::channel(false);
        let router = http::router(Arc::clone(&witness));
        tokio::spawn(http_server::serve(
            listener,
            router,
            Duration::from_secs(60),
            stopped,
        ));
        Self {
            witness,
            data,
            logs: Vec::new(),
            url,
            _stop: stop,
        }
    }

    /// Watches another log from now on.
    pub(super) fn watch(&mut self, log: &LogSigner) {
        let keys = log.verifiers().map(Clone::clone).to_vec();
        Store::begin(&RealFileSystem, &self.data, log.origin()).unwrap();
        self.logs
            .push(WatchedLog::new(log.origin().clone(), keys).unwrap());
        self.witness.watch(&self.logs).unwrap();
    }

    pub(super) fn name(&self) -> &str {
        self.witness.signer().name().as_str()
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn trust_entry(&self) -> String {
        self.witness.signer().trust_entry()
    }
}
