//! What an inspector is given: receipts, the checkpoints that order them, and what the notary has stated
//! of the registers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tonic::transport::Channel;
use trialseal::{ListFilter, RecordPlace};
use trialseal_core::checkpoint::Checkpoint;
use trialseal_core::checkpoint_chain::{ChainedCheckpoint, CheckpointChain};
use trialseal_core::hash::Hash;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::note::SignedNote;
use trialseal_core::register_statement::RegisterStatement;
use trialseal_proto::v1::{self, log_client::LogClient};

use super::tale::{PATIENCE, Tale};
use super::words::SPONSOR;

impl Tale {
    /// The checkpoints of the present log in the receipts, each proven to be a beginning of the last.
    pub(super) async fn chain(&self) -> Vec<ChainedCheckpoint> {
        let present = self.person(SPONSOR).client.log().clone();
        let mut notes = BTreeMap::new();
        for (_, told) in self.records().filter(|(_, told)| told.log == present) {
            for element in told.recorded.receipt.evidence() {
                let (_, note) = element.proof.split_once("\n\n").expect("a note in the proof");
                let signed = SignedNote::parse(note).unwrap();
                let size = Checkpoint::parse(signed.text()).unwrap().size.get();
                notes.insert(size, note.to_owned());
            }
        }
        let Some(last) = notes.keys().next_back().copied() else {
            return Vec::new();
        };
        let channel = Channel::from_shared(self.world.endpoint()).unwrap();
        let mut log = LogClient::new(channel.connect().await.unwrap());
        let mut chain = Vec::new();
        for (size, note) in notes {
            let mut consistency = Vec::new();
            if size < last {
                let request = v1::GetConsistencyProofRequest {
                    old_size: size,
                    new_size: last,
                };
                let proof = log.get_consistency_proof(request).await.unwrap().into_inner();
                let hashes = proof.hashes.iter().map(|hash| Hash::from_slice(hash).unwrap());
                consistency.extend(hashes);
            }
            chain.push(ChainedCheckpoint {
                note,
                timestamps: Vec::new(),
                consistency,
            });
        }
        chain
    }

    /// Writes a folder of papers about registers, which somebody may read there, and says where it is.
    ///
    /// # Panics
    /// If the notary states nothing of a register.
    pub async fn hand_in(&self, folder: &str, registers: &[(&str, &str)]) -> PathBuf {
        let folder = self.world.root().join(folder);
        fs::create_dir_all(folder.join("receipts")).unwrap();
        for (_, told) in self.records() {
            let name = told.file.file_name().expect("a file");
            fs::copy(&told.file, folder.join("receipts").join(name)).unwrap();
        }
        for (number, (register, reader)) in registers.iter().enumerate() {
            let register: RegisterName = register.parse().unwrap();
            let statement = self.stated(&register, reader).await;
            let file = folder.join(format!("statement-{number}.json"));
            fs::write(file, statement.to_json()).unwrap();
        }
        self.accounts(&folder.join("accounts")).await;
        let mut checkpoints = self.checkpoints.clone();
        checkpoints.extend(self.chain().await);
        let chain = CheckpointChain { checkpoints };
        fs::write(folder.join("checkpoints.json"), chain.to_json()).unwrap();
        folder
    }

    /// A new statement about a register, with the witnesses' times.
    async fn stated(&self, register: &RegisterName, reader: &str) -> RegisterStatement {
        let client = &self.person(reader).client;
        let (trust, until) = (self.world.trust(), Instant::now() + PATIENCE);
        let mut fresh = true;
        loop {
            let stated = client.register_statement(register, fresh).await;
            let stated = stated.unwrap_or_else(|error| panic!("{register}: {error}"));
            let report = stated.statement.verify(&trust, trialseal::now());
            if report.independent_time.is_some() {
                return stated.statement;
            }
            assert!(Instant::now() < until, "{register}: {}", report.sentence);
            fresh = false;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The receipts of every organisation's accounts, as one of its own members reads them.
    async fn accounts(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let mut organizations = BTreeSet::new();
        for (_, person) in self.people() {
            let (client, organization) = (&person.client, person.signatory.key.organization());
            if !organizations.insert(organization.clone()) {
                continue;
            }
            let register = RegisterName::of_accounts(organization);
            let page = client
                .list(&register, &ListFilter::default(), None)
                .await
                .unwrap();
            for row in page.records {
                let place = RecordPlace::Position(register.clone(), row.sequence);
                let receipt = client.receipt(&place).await.unwrap();
                let file = folder.join(format!("{organization}-{}.receipt.json", row.sequence));
                fs::write(file, receipt.to_json_pretty()).unwrap();
            }
        }
    }
}
