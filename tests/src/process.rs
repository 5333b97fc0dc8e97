//! A server as a process that says READY when it is.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};

use crate::notary::{PATIENCE, Refused, await_until};

/// A server that may not be ready yet.
pub struct Starting {
    child: Child,
    log: PathBuf,
}

impl Starting {
    /// Starts it; its standard error goes to the file `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(command: &mut Command, log: &Path) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log).unwrap());
        Self {
            child: command.spawn().expect("the server starts"),
            log: log.to_owned(),
        }
    }

    /// Waits until it is ready, or has ended.
    ///
    /// # Errors
    /// What it said, if it ended.
    ///
    /// # Panics
    /// If it does neither.
    pub fn ready(mut self) -> Result<Process, Refused> {
        let out = BufReader::new(self.child.stdout.take().expect("piped"));
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, so that nothing that it says is held up.
            for line in out.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let said = || fs::read_to_string(&self.log).unwrap();
        match told.recv_timeout(PATIENCE) {
            Ok(ready) => {
                assert!(ready.starts_with("READY "), "{ready:?}");
                Ok(Process {
                    child: self.child,
                    log: self.log,
                    ready,
                })
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Refused {
                status: self.child.wait().unwrap(),
                said: said(),
            }),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                panic!("the server is not ready: {}", said());
            }
        }
    }

    /// SIGKILL, ready or not.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A running server; killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    ready: String,
}

impl Process {
    /// Starts it and waits until it is ready; its standard error goes to the file `log`.
    ///
    /// # Errors
    /// What it said, if it ends instead.
    ///
    /// # Panics
    /// If it neither ends nor gets ready.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, Refused> {
        Starting::spawn(command, log).ready()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A field of the line in which it said that it is ready, e.g. `http`.
    ///
    /// # Panics
    /// If the line has none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        let named = |word: &'_ str| word.split_once('=').is_some_and(|(own, _)| own == name);
        let word = self.ready.split(' ').find(|word| named(word));
        word.and_then(|word| word.split_once('='))
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.ready))
            .1
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// SIGTERM; returns when it is gone, which must have ended well.
    pub fn terminate(mut self) {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it logged so far.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has logged a text.
    ///
    /// # Panics
    /// If it does not come to it.
    pub fn await_said(&self, text: &str) {
        await_until(&format!("the server says {text:?}"), || {
            self.said().contains(text)
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already waited for where a test ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
