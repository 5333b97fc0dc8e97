//! A timestamp authority (RFC 3161) as real as one can be on one machine: OpenSSL signs, below a root of its
//! own, behind HTTP on the loopback. It can be told to misbehave.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

/// Longer requests are not read.
const REQUEST_BYTES_MAX: usize = 64 << 10;

/// What an authority does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// A good token.
    Honest,
    /// A good token whose genTime has milliseconds, and that states an accuracy of 1.5 s.
    Fractional,
    /// A good token with more certificates than are needed, in an order that strict parsers refuse.
    UnsortedCertificates,
    /// A token whose genTime is off by so many seconds, signed all the same.
    Clock(i64),
    /// A token that answers another request.
    WrongNonce,
    /// A token over other bytes.
    WrongImprint,
    /// A token by a certificate that ended in 2021.
    ExpiredCertificate,
    /// The answer `rejection`.
    Refuse,
    /// HTTP 503.
    Unavailable,
    /// HTTP 200 with a body that is no answer.
    Garbage,
    /// It takes the request and never answers.
    Hang,
}

/// A running authority; stopped when dropped.
pub struct Authority {
    shared: Arc<Shared>,
    address: SocketAddr,
    root_pem: String,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    folder: TempDir,
    behaviour: Mutex<Behaviour>,
    /// OpenSSL keeps its serial number in a file, so one request at a time; and what hangs, hangs here.
    signing: Mutex<()>,
    hanging: Mutex<Vec<TcpStream>>,
    requests: AtomicUsize,
    is_stopped: AtomicBool,
}

impl Authority {
    /// Makes a root and signers below it, and serves.
    ///
    /// # Panics
    /// If there is no OpenSSL 3.
    #[must_use]
    pub fn start(behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_certificates(folder.path());
        let root_pem = fs::read_to_string(folder.path().join("root.crt")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            folder,
            behaviour: Mutex::new(behaviour),
            signing: Mutex::new(()),
            hanging: Mutex::new(Vec::new()),
            requests: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.serve(stream));
            }
        });
        Self {
            shared,
            address,
            root_pem,
            accepting: Some(accepting),
        }
    }

    /// Where it takes requests.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Its root certificate.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Its section of a trust file.
    #[must_use]
    pub fn trust(&self, name: &str) -> String {
        format!(
            "[[authority]]\nname = \"{name}\"\nroots = [\"\"\"\n{}\"\"\"]\n",
            self.root_pem
        )
    }

    /// Changes what it does from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// How many requests it has read.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        lock(&self.shared.hanging).clear();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// One request a connection. A client that goes away is none of the authority's business.
    fn serve(&self, stream: TcpStream) {
        let Some(request) = read_request(&stream) else {
            return;
        };
        self.requests.fetch_add(1, Ordering::SeqCst);
        let behaviour = *lock(&self.behaviour);
        let (status, body) = match behaviour {
            Behaviour::Hang => {
                lock(&self.hanging).push(stream);
                return;
            }
            Behaviour::Unavailable => ("503 Service Unavailable", Vec::new()),
            Behaviour::Garbage => ("200 OK", b"<html>It works!</html>".to_vec()),
            signing => ("200 OK", self.sign(&request, signing)),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        let _ = (&stream).write_all(&[head.as_bytes(), &body].concat());
    }

    /// The answer in DER.
    fn sign(&self, request: &[u8], behaviour: Behaviour) -> Vec<u8> {
        let _one_at_a_time = lock(&self.signing);
        let folder = self.folder.path();
        let mut request = request.to_vec();
        let (signer, settings) = match behaviour {
            Behaviour::ExpiredCertificate => ("expired", ""),
            Behaviour::Fractional => (
                "signer",
                "clock_precision_digits = 3\naccuracy = secs:1, millisecs:500",
            ),
            Behaviour::UnsortedCertificates => ("signer", "certs = certificates.pem"),
            _ => ("signer", ""),
        };
        match behaviour {
            // The nonce stands before certReq, which has three bytes.
            Behaviour::WrongNonce => flip(&mut request, 4),
            // So does the imprint before the nonce, which has two bytes and eight or nine more.
            Behaviour::WrongImprint => flip(&mut request, 20),
            // MD5 is not among its digests.
            Behaviour::Refuse => request = MD5_REQUEST.to_vec(),
            _ => {}
        }
        configure(folder, signer, settings);
        fs::write(folder.join("query.tsq"), &request).unwrap();
        openssl(
            folder,
            "ts -reply -config openssl.cnf -queryfile query.tsq -out reply.tsr",
        );
        if let Behaviour::Clock(seconds) = behaviour {
            return sign_with_another_time(folder, seconds);
        }
        fs::read(folder.join("reply.tsr")).unwrap()
    }
}

/// A request for the imprint of 16 zeros with MD5.
const MD5_REQUEST: &[u8] = &[
    0x30, 0x25, 0x02, 1, 1, 0x30, 0x20, 0x30, 0x0c, 0x06, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5, 5, 0,
    4, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn flip(request: &mut [u8], from_end: usize) {
    let place = request
        .len()
        .checked_sub(from_end)
        .expect("a request with a nonce");
    request[place] ^= 1;
}

/// OpenSSL's authority reads its own clock, so its content is changed and signed once more.
fn sign_with_another_time(folder: &Path, seconds: i64) -> Vec<u8> {
    openssl(folder, "ts -reply -in reply.tsr -token_out -out token.der");
    openssl(
        folder,
        "cms -verify -noverify -inform DER -in token.der -out content",
    );
    let mut content = fs::read(folder.join("content")).unwrap();
    // GeneralizedTime of fifteen characters.
    let start = 2 + content
        .windows(2)
        .position(|two| two == [0x18, 15])
        .expect("a genTime");
    let text = String::from_utf8(content[start..start + 15].to_vec()).unwrap();
    let (day, time) = text.split_at(8);
    let spelled = format!(
        "{}-{}-{}T{}:{}:{}",
        &day[..4],
        &day[4..6],
        &day[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    let moved = trialseal_core::time::Instant::parse(&spelled)
        .unwrap()
        .plus_millis(seconds * 1_000);
    let moved = moved.to_string().replace(['-', ':', 'T'], "");
    content[start..start + 15].copy_from_slice(moved.as_bytes());
    fs::write(folder.join("content"), content).unwrap();
    openssl(
        folder,
        "cms -sign -binary -nodetach -cades -nosmimecap -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 \
         -signer signer.crt -inkey signer.key -in content -outform DER -out token.der",
    );
    openssl(folder, "ts -reply -in token.der -token_in -out reply.tsr");
    fs::read(folder.join("reply.tsr")).unwrap()
}

fn read_request(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream.take(REQUEST_BYTES_MAX as u64));
    let mut length = 0;
    let mut is_query = false;
    for (number, line) in (&mut reader).lines().enumerate() {
        let line = line.ok()?.to_ascii_lowercase();
        if number == 0 && !line.starts_with("post ") {
            return None;
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            Some(("content-type", value)) => is_query = value.trim() == "application/timestamp-query",
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; std::cmp::min(length, REQUEST_BYTES_MAX)];
    reader.read_exact(&mut body).ok()?;
    is_query.then_some(body)
}

const CONFIG: &str = "\
[ca]
default_ca = ca_default
[ca_default]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = tsa_default
[tsa_default]
serial = tsa-serial
signer_digest = sha256
ess_cert_id_alg = sha256
default_policy = 1.3.6.1.4.1.55555.1
digests = sha256, sha384, sha512
";

fn configure(folder: &Path, signer: &str, settings: &str) {
    let text = format!("{CONFIG}signer_cert = {signer}.crt\nsigner_key = {signer}.key\n{settings}\n");
    fs::write(folder.join("openssl.cnf"), text).unwrap();
}

fn make_certificates(folder: &Path) {
    configure(folder, "signer", "");
    for (file, content) in [("index.txt", ""), ("serial", "1000\n"), ("tsa-serial", "01\n")] {
        fs::write(folder.join(file), content).unwrap();
    }
    let below_root = "-cert root.crt -keyfile root.key";
    for (name, extensions, last, by) in [
        ("root", "root", "2120", "-selfsign -keyfile root.key"),
        ("signer", "leaf", "2120", below_root),
        ("expired", "leaf", "2021", below_root),
    ] {
        openssl(
            folder,
            &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"),
        );
        openssl(
            folder,
            &format!("req -new -key {name}.key -subj /CN=test-{name} -out {name}.csr"),
        );
        openssl(
            folder,
            &format!(
                "ca -batch -notext -config openssl.cnf -extensions {extensions} -in {name}.csr -out {name}.crt \
                 -startdate 20200101000000Z -enddate {last}0101000000Z {by}"
            ),
        );
    }
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    fs::write(
        folder.join("certificates.pem"),
        read("root.crt") + &read("expired.crt"),
    )
    .unwrap();
}

fn openssl(folder: &Path, arguments: &str) -> Output {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use trialseal_core::hash::sha256;
    use trialseal_core::timestamp::{Query, Response, Token, TokenError};
    use trialseal_core::trust::Trust;

    const NONCE: u64 = 0x8877_6655_4433_2211;

    fn ask(authority: &Authority) -> Vec<u8> {
        let imprint = sha256(b"a checkpoint");
        let query = Query {
            imprint,
            nonce: NONCE,
        }
        .to_der();
        let mut stream = TcpStream::connect(authority.address).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/timestamp-query\r\ncontent-length: {}\r\n\r\n",
            query.len()
        );
        stream.write_all(&[head.as_bytes(), &query].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let start = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        answer.split_off(start)
    }

    #[test]
    fn it_behaves_as_it_is_told() {
        let authority = Authority::start(Behaviour::Honest);
        let trust = Trust::parse(&authority.trust("tsa")).unwrap();
        let trusted = &trust.authorities()[0];
        let check = |token: &Token| token.check(&sha256(b"a checkpoint"), Some(NONCE), trusted);
        let answer = |behaviour| {
            authority.behave(behaviour);
            Response::parse(&ask(&authority)).map(|token| check(&token))
        };
        let honest = answer(Behaviour::Honest).unwrap().unwrap();
        assert_eq!(
            (honest.authority.as_str(), honest.accuracy_millis),
            ("tsa", 1_000)
        );
        let fractional = answer(Behaviour::Fractional).unwrap().unwrap();
        assert_eq!(fractional.accuracy_millis, 1_500);
        assert!(answer(Behaviour::UnsortedCertificates).unwrap().is_ok());
        let late = answer(Behaviour::Clock(3_600)).unwrap().unwrap();
        assert!((late.gen_time.seconds() - honest.gen_time.seconds() - 3_600).abs() < 60);
        let wrong = answer(Behaviour::WrongNonce).unwrap();
        assert_eq!(wrong, Err(TokenError::Nonce));
        let wrong = answer(Behaviour::WrongImprint).unwrap();
        assert_eq!(wrong, Err(TokenError::Imprint));
        let wrong = answer(Behaviour::ExpiredCertificate).unwrap();
        assert!(matches!(wrong, Err(TokenError::Chain(_))), "{wrong:?}");
        for behaviour in [Behaviour::Refuse, Behaviour::Garbage, Behaviour::Unavailable] {
            assert!(answer(behaviour).is_err(), "{behaviour:?}");
        }
        assert_eq!(authority.requests(), 10);
    }

    #[test]
    fn what_hangs_ends_with_it() {
        let authority = Authority::start(Behaviour::Hang);
        let address = authority.address;
        let asking = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            let head =
                "POST / HTTP/1.1\r\ncontent-type: application/timestamp-query\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).map(|_| answer)
        });
        while authority.requests() == 0 {
            thread::yield_now();
        }
        while lock(&authority.shared.hanging).is_empty() {
            thread::yield_now();
        }
        drop(authority);
        assert!(asking.join().unwrap().is_ok_and(|answer| answer.is_empty()));
    }
}
