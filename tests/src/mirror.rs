//! A mirror as a process, and a proxy before the log that it follows.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::log::below_origin;
use crate::notary::Folder;
use crate::process::Process;
use crate::{http, programs};
use trialseal_core::tile::TilePath;

/// A mirror's folder.
pub struct MirrorFolder {
    dir: PathBuf,
    _temporary: TempDir,
}

impl MirrorFolder {
    /// A mirror of the log of `notary`, which is found at `log`.
    #[must_use]
    pub fn of(notary: &Folder, log: SocketAddr) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("mirror");
        programs::must(
            Command::new(programs::server())
                .args(["mirror", "init", "--http", "127.0.0.1:0", "--log-url"])
                .arg(format!("http://{log}/2026"))
                .arg("--trust")
                .arg(notary.dir().join("trust.toml"))
                .arg("--dir")
                .arg(&dir),
        );
        let file = dir.join("mirror.toml");
        let text = fs::read_to_string(&file).unwrap();
        // So that tests do not wait.
        let fast = text.replace("#poll_milliseconds = 1000", "poll_milliseconds = 50");
        assert_ne!(fast, text);
        fs::write(&file, fast).unwrap();
        Self {
            dir,
            _temporary: temporary,
        }
    }

    /// The mirror's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the mirror and waits until it is ready.
    ///
    /// # Panics
    /// With what it said, if it ends instead.
    #[must_use]
    pub fn start(&self) -> MirrorServer {
        let mut command = Command::new(programs::server());
        command.args(["mirror", "serve", "--dir"]).arg(&self.dir);
        let process = Process::start(&mut command, &self.dir.with_extension("stderr"));
        let process = process.unwrap_or_else(|refused| panic!("the mirror does not start: {}", refused.said));
        MirrorServer {
            http: process.field("http").parse().unwrap(),
            process,
        }
    }

    /// Catches up once.
    #[must_use]
    pub fn once(&self) -> Output {
        let mut command = Command::new(programs::server());
        programs::run(
            command
                .args(["mirror", "serve", "--once", "--dir"])
                .arg(&self.dir),
        )
    }

    /// The folders of alarms.
    #[must_use]
    pub fn alarms(&self) -> Vec<PathBuf> {
        let Ok(folder) = fs::read_dir(self.dir.join("alarm")) else {
            return Vec::new();
        };
        folder.map(|entry| entry.unwrap().path()).collect()
    }
}

/// A running mirror; killed when dropped.
pub struct MirrorServer {
    process: Process,
    /// Where it serves.
    pub http: SocketAddr,
}

impl MirrorServer {
    /// Size of the checkpoint that it serves; 0 before the first.
    #[must_use]
    pub fn size(&self) -> u64 {
        let answer = http::get(self.http, &below_origin(&TilePath::Checkpoint));
        let size = (answer.status == 200).then(|| answer.text().lines().nth(1).unwrap().parse().unwrap());
        size.unwrap_or(0)
    }

    /// The URL of the log's files.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/2026", self.http)
    }

    /// SIGKILL; returns when the process is gone.
    pub fn kill(self) {
        self.process.kill();
    }
}

/// One address before servers that come and go.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    behind: Arc<Mutex<Behind>>,
}

#[derive(Default)]
struct Behind {
    target: Option<SocketAddr>,
    open: Vec<TcpStream>,
}

impl Proxy {
    /// Listens, and hangs up at once until it is told where to lead.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let behind = Arc::new(Mutex::new(Behind::default()));
        let shared = Arc::clone(&behind);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Whoever cannot be led on is hung up on.
                let _ = lead(client, &shared);
            }
        });
        Self { address, behind }
    }

    /// Leads to another server, or to none; connections that are open are cut.
    pub fn lead_to(&self, target: Option<SocketAddr>) {
        let mut behind = self.behind.lock().unwrap();
        behind.target = target;
        for stream in behind.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn lead(client: TcpStream, behind: &Mutex<Behind>) -> io::Result<()> {
    let mut behind = behind.lock().unwrap();
    let target = behind.target.ok_or(io::ErrorKind::NotConnected)?;
    let server = TcpStream::connect(target)?;
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    behind.open.extend([client, server]);
    Ok(())
}
