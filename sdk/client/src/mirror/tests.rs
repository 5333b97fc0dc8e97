//! A mirror that serves what it should, and one that lies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use trialseal_core::hash::{Hash, sha256};
use trialseal_core::merkle::{builder, leaf_hash};

use super::*;
use crate::client::Client;
use crate::testing::notary::FakeNotary;
use crate::testing::{TestLog, log, plan, signatory};
use crate::token::Token;

/// What an HTTP server shows, by path.
type Tiles = HashMap<String, Vec<u8>>;

/// Files by their paths below the URL.
type Files = Arc<Mutex<Tiles>>;

/// HTTP/1.1, one request a connection.
async fn serve(files: Files) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/2026", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let files = Arc::clone(&files);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") && stream.read_line(&mut request).await.unwrap() > 0 {}
                let path = request
                    .split(' ')
                    .nth(1)
                    .unwrap_or_default()
                    .trim_start_matches("/2026/");
                let file = files.lock().unwrap().get(path).cloned();
                let status = if file.is_some() { "200 OK" } else { "404 Not Found" };
                let body = file.unwrap_or_default();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream
                    .write_all(&[head.as_bytes(), &body].concat())
                    .await
                    .unwrap();
            });
        }
    });
    url
}

/// A receipt of entry 1, and a log of `size` entries that has it there.
async fn recorded(size: u64) -> (Receipt, Trust, Vec<Hash>) {
    let (notary, endpoint) = FakeNotary::start([]).await;
    let token: Token = format!("trialseal_{}", "0".repeat(64)).parse().unwrap();
    let client = Client::connect(&endpoint, &token, notary.trust()).await.unwrap();
    let prepared = plan().sign(&signatory(), &log(), crate::testing::now()).unwrap();
    let receipt = client.submit(&prepared).await.unwrap().receipt;
    let mut leaves = vec![
        sha256(b"open"),
        record_leaf_hash(&receipt.record().leaves().root()),
    ];
    leaves.extend((2..size).map(|index| leaf_hash(&index.to_be_bytes())));
    (receipt, notary.trust(), leaves)
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The checkpoint and the hash tiles of a log.
fn published(leaves: &[Hash]) -> Tiles {
    let size = LogSize::new(leaves.len() as u64).unwrap();
    let note = TestLog::new().checkpoint(size, builder::root_of(leaves));
    let mut files = HashMap::from([("checkpoint".to_owned(), note.into_bytes())]);
    let held = HeldTiles::new(size);
    let mut level = leaves.to_vec();
    for number in 0.. {
        for (index, hashes) in level.chunks(256).enumerate() {
            files.insert(held.path(number, index as u64).to_string(), bytes_of(hashes));
        }
        if level.len() < 256 {
            return files;
        }
        level = level.chunks_exact(256).map(builder::root_of).collect();
    }
    files
}

#[tokio::test]
async fn a_receipt_gets_evidence_against_the_mirrors_checkpoint() {
    for size in [2, 255, 256, 700, 70_000] {
        let (receipt, trust, leaves) = recorded(size).await;
        let files = Arc::new(Mutex::new(published(&leaves)));
        let url = serve(Arc::clone(&files)).await;
        let fresh = refresh(&receipt, &url, &trust).await.unwrap();
        let before = receipt.evidence().len();
        // The receipt's own evidence is of a log of two entries.
        let appended = usize::from(size > 2);
        assert_eq!(fresh.evidence().len(), before + appended, "{size}");
        assert_eq!(
            fresh.evidence()[..before],
            *receipt.evidence(),
            "what was there stays"
        );
        let report = trialseal_core::verify::verify(
            fresh.to_json_pretty().as_bytes(),
            &trust,
            crate::now(),
            &trialseal_core::verify::FileQuery::None,
        );
        assert!(report.first_failure().is_none(), "{:?}", report.first_failure());
        // Once more appends nothing.
        let mut mirror = Mirror::connect(&url, &trust, &MirrorOptions::default())
            .await
            .unwrap();
        assert_eq!(mirror.refresh(&fresh).await.unwrap(), fresh);
    }
}

#[tokio::test]
async fn partial_tiles_that_are_gone_are_cut_from_full_ones() {
    let (receipt, trust, leaves) = recorded(700).await;
    let mut files = published(&leaves);
    let partial = files.remove("tile/0/002.p/188").unwrap();
    let full = [partial, vec![7; (256 - 188) * 32]].concat();
    files.insert("tile/0/002".to_owned(), full);
    let url = serve(Arc::new(Mutex::new(files))).await;
    assert_eq!(refresh(&receipt, &url, &trust).await.unwrap().evidence().len(), 2);
}

#[tokio::test]
async fn a_lying_mirror_spoils_no_receipt() {
    let (receipt, trust, leaves) = recorded(700).await;
    let good = published(&leaves);
    let refused = async |change: &dyn Fn(&mut Tiles)| {
        let mut files = good.clone();
        change(&mut files);
        let url = serve(Arc::new(Mutex::new(files))).await;
        refresh(&receipt, &url, &trust).await.expect_err("a lie")
    };
    let flip =
        |path: &'static str, place: usize| move |files: &mut Tiles| files.get_mut(path).unwrap()[place] ^= 1;
    let error = refused(&flip("tile/0/000", 0)).await;
    assert!(matches!(error, MirrorError::Proof(_)), "{error}");
    let error = refused(&flip("tile/0/002.p/188", 31)).await;
    assert!(matches!(error, MirrorError::Proof(_)), "{error}");
    let error = refused(&|files| files.get_mut("tile/0/000").unwrap().truncate(100)).await;
    assert!(matches!(error, MirrorError::Tile(_)), "{error}");
    let error = refused(&|files| files.get_mut("tile/0/000").unwrap().extend([0; 32])).await;
    assert!(
        matches!(error, MirrorError::Http(HttpError::TooLarge { .. })),
        "{error}"
    );
    let error = refused(&|files| drop(files.remove("tile/0/000"))).await;
    assert!(
        matches!(error, MirrorError::Http(HttpError::Status { status: 404, .. })),
        "{error}"
    );
    let error = refused(&flip("checkpoint", 30)).await;
    assert!(
        matches!(error, MirrorError::Checkpoint(_) | MirrorError::Note(_)),
        "{error}"
    );
    let size = LogSize::new(700).unwrap();
    let foreign = TestLog::with_seed(9).checkpoint(size, builder::root_of(&leaves));
    let error = refused(&|files| {
        files.insert("checkpoint".to_owned(), foreign.clone().into_bytes());
    })
    .await;
    assert!(matches!(error, MirrorError::Checkpoint(_)), "{error}");
    // A log that does not have the record there, signed all the same.
    let mut other = leaves.clone();
    other.swap(1, 2);
    let error = refused(&|files| *files = published(&other)).await;
    assert!(matches!(error, MirrorError::Proof(_)), "{error}");
    let error = refused(&|files| *files = published(&leaves[..1])).await;
    assert!(matches!(error, MirrorError::Behind { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let (receipt, trust, _) = recorded(2).await;
    let error = refresh(&receipt, "http://127.0.0.1:1/2026", &trust)
        .await
        .expect_err("nobody");
    assert!(
        matches!(error, MirrorError::Http(HttpError::Failed { .. })),
        "{error}"
    );
}
