//! How a story is told: who submits what, and on which day. Every record gets a name, under which later
//! records link it, and its receipt is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trialseal::records::{self, Target};
use trialseal::{
    Class, Client, Enrolment, Event, FileToHash, Link, Meaning, MemberKey, Prepared, Recorded, Role,
    Signatory, SignerKind, Submission, Token, Wait, hash_files,
};
use trialseal_core::checkpoint::Origin;
use trialseal_core::checkpoint_chain::ChainedCheckpoint;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::manifest::Manifest;
use trialseal_core::vocabulary::Rel;

use super::files::Files;
use crate::world::World;

/// How long a record's evidence may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two records, unless the story says otherwise.
const BETWEEN: Duration = Duration::from_secs(60);

/// How the sentence of something begins that ought to have been refused.
pub const ACCEPTED: &str = "ACCEPTED";

/// Somebody who submits.
pub struct Person {
    /// The key, and what stands beside it in `who`.
    pub signatory: Signatory,
    /// The account's token.
    pub token: Token,
    /// The connection.
    pub client: Client,
    /// The seed of the key, for whoever signs through the command line.
    pub seed: [u8; 32],
}

/// A record of the story.
pub struct Told {
    /// What the notary answered.
    pub recorded: Recorded,
    /// The log that holds it.
    pub log: Origin,
    /// What it committed to, where that is about files.
    pub manifest: Option<Manifest>,
    /// Its receipt's file.
    pub file: PathBuf,
}

/// Somebody was told no.
pub struct Refused {
    /// What was tried.
    pub name: String,
    /// What was said.
    pub sentence: String,
}

/// The story so far.
pub struct Tale {
    /// Where it happens.
    pub world: World,
    /// Where its files are.
    pub files: Files,
    people: BTreeMap<String, Person>,
    told: BTreeMap<String, Told>,
    /// Names in the order in which they were told.
    order: Vec<String>,
    refused: Vec<Refused>,
    /// Of the logs that are closed.
    pub(super) checkpoints: Vec<ChainedCheckpoint>,
    register: RegisterName,
}

impl Tale {
    /// A story about a register.
    pub fn new(world: World, register: &str) -> Self {
        let files = Files::new(world.root().join("files"));
        fs::create_dir_all(world.root().join("receipts")).unwrap();
        Self {
            world,
            files,
            people: BTreeMap::new(),
            told: BTreeMap::new(),
            order: Vec::new(),
            refused: Vec::new(),
            checkpoints: Vec::new(),
            register: register.parse().expect("a register"),
        }
    }

    /// The register that is written to.
    pub fn register(&self) -> &RegisterName {
        &self.register
    }

    /// Goes on in another register.
    pub fn turn_to(&mut self, register: &str) {
        self.register = register.parse().expect("a register");
    }

    /// Goes on at a later time.
    pub fn on(&self, instant: &str) {
        self.world.set(instant);
    }

    /// Somebody joins, with an account that is in force.
    pub async fn join(
        &mut self,
        key: MemberKey,
        seed: [u8; 32],
        token: Token,
        name: &str,
        enrolment: Enrolment,
    ) {
        let id = format!("{}/{}", key.organization(), key.member());
        let client = self.world.client(&token).await;
        let signatory = Signatory {
            key,
            name: name.to_owned(),
            kind: SignerKind::Person,
            enrolment,
        };
        let person = Person {
            signatory,
            token,
            client,
            seed,
        };
        self.people.insert(id, person);
    }

    /// A member by `organisation/member`.
    pub fn person(&self, member: &str) -> &Person {
        self.people
            .get(member)
            .unwrap_or_else(|| panic!("nobody is {member}"))
    }

    /// The same, to be changed.
    pub(super) fn person_mut(&mut self, member: &str) -> &mut Person {
        self.people
            .get_mut(member)
            .unwrap_or_else(|| panic!("nobody is {member}"))
    }

    /// Everybody.
    pub fn people(&self) -> impl Iterator<Item = (&str, &Person)> {
        self.people.iter().map(|(id, person)| (id.as_str(), person))
    }

    /// A record by its name.
    pub fn told(&self, name: &str) -> &Told {
        self.told
            .get(name)
            .unwrap_or_else(|| panic!("nothing is called {name}"))
    }

    /// All records, in the order in which they were told.
    pub fn records(&self) -> impl Iterator<Item = (&str, &Told)> {
        self.order.iter().map(|name| (name.as_str(), self.told(name)))
    }

    /// What was refused.
    pub fn refusals(&self) -> &[Refused] {
        &self.refused
    }

    /// A submission to the register.
    pub fn about(&self, class: Class, event: Event) -> Submission {
        Submission::new(self.register.clone(), class, event)
    }

    /// The same about a document, with its version and file.
    pub fn document(&self, class: Class, event: Event, version: &str, file: &str) -> Submission {
        let submission = self.about(class, event).version(version.parse().unwrap());
        submission.files(&self.hashed(&[file]))
    }

    /// The digests of the story's files.
    pub fn hashed(&self, names: &[&str]) -> Vec<trialseal::HashedFile> {
        let files: Vec<FileToHash> = names
            .iter()
            .map(|name| FileToHash::named(self.files.path(name), Path::new(name)).unwrap())
            .collect();
        hash_files(&files, &Default::default()).unwrap()
    }

    /// A link to a record of the story.
    pub fn link(&self, rel: Rel, name: &str) -> Link {
        self.target(name).link(rel)
    }

    /// A record of the story, as later records refer to it.
    pub fn target(&self, name: &str) -> Target {
        Target::of(&self.told(name).recorded.receipt).unwrap()
    }

    /// Signs by a member's key.
    pub fn sign(&self, member: &str, submission: &Submission) -> Prepared {
        let Person {
            signatory, client, ..
        } = self.person(member);
        submission
            .sign(signatory, client.log(), self.world.now())
            .unwrap_or_else(|error| panic!("{member} cannot sign: {error}"))
    }

    /// A member signs a submission and puts it on record, under a name of the story, with the witnesses'
    /// times. A minute passes.
    pub async fn put(
        &mut self,
        name: &str,
        member: &str,
        role: Role,
        meaning: Meaning,
        submission: Submission,
    ) {
        let prepared = self.sign(member, &submission.signed_as(role, meaning));
        let client = &self.person(member).client;
        let wait = self.patiently();
        let recorded = client.submit_until(&prepared, wait).await;
        let recorded = recorded.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(recorded.reached, wait.level, "{name}: {:?}", recorded.shortfall);
        let log = client.log().clone();
        self.keep(name, recorded, log, prepared.manifest().cloned());
        self.world.advance(BETWEEN);
    }

    /// Until the witnesses have cosigned, where there are any.
    fn patiently(&self) -> Wait {
        Wait {
            level: self.world.level(),
            up_to: PATIENCE,
        }
    }

    /// A submission that the notary ought to refuse. If it does not, the story says so and goes on: what is on
    /// record belongs to the papers.
    pub async fn refused(
        &mut self,
        name: &str,
        member: &str,
        role: Role,
        meaning: Meaning,
        submission: Submission,
    ) {
        let prepared = self.sign(member, &submission.signed_as(role, meaning));
        let client = &self.person(member).client;
        let answer = client.submit_until(&prepared, self.patiently()).await;
        let sentence = match answer {
            Err(error) => error.to_string(),
            Ok(recorded) => {
                let (index, log) = (recorded.index, self.person(member).client.log().clone());
                self.keep(name, recorded, log, prepared.manifest().cloned());
                format!("{ACCEPTED} at index {index}")
            }
        };
        self.refuse(name, &sentence);
    }

    /// Keeps what somebody was told.
    pub fn refuse(&mut self, name: &str, sentence: &str) {
        self.refused.push(Refused {
            name: name.to_owned(),
            sentence: sentence.to_owned(),
        });
    }

    /// A countersignature of a record.
    pub async fn countersign(&mut self, name: &str, of: &str, member: &str, role: Role, meaning: Meaning) {
        let submission = records::countersign(&self.target(of));
        self.put(name, member, role, meaning, submission).await;
    }

    /// The part `what` of a record of the story.
    pub fn what_of(&self, name: &str) -> trialseal_core::record::What {
        let record = self.told(name).recorded.receipt.record();
        let what = record.what.shown().expect("it was not erased");
        trialseal_core::record::What::parse(what.text.as_bytes()).unwrap()
    }

    fn keep(&mut self, name: &str, recorded: Recorded, log: Origin, manifest: Option<Manifest>) {
        let number = self.order.len() + 1;
        let slug: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let file = self
            .world
            .root()
            .join(format!("receipts/{number:03}-{slug}.receipt.json"));
        fs::write(&file, recorded.receipt.to_json_pretty()).unwrap();
        let told = Told {
            recorded,
            log,
            manifest,
            file,
        };
        let before = self.told.insert(name.to_owned(), told);
        assert!(before.is_none(), "{name} was told before");
        self.order.push(name.to_owned());
    }

    /// The same people in another world that knows them; nothing is told there yet.
    pub async fn beside(&self, world: World) -> Self {
        let mut other = Self::new(world, &self.register.to_string());
        for person in self.people.values() {
            let key = &person.signatory.key;
            let key = MemberKey::from_seed(key.organization().clone(), key.member().clone(), &person.seed);
            let (token, name) = (person.token.clone(), &person.signatory.name);
            let enrolment = person.signatory.enrolment;
            other
                .join(key.unwrap(), person.seed, token, name, enrolment)
                .await;
        }
        other
    }

    /// Everybody connects again, where the notary was stopped.
    pub async fn reconnect(&mut self) {
        for person in self.people.values_mut() {
            person.client = self.world.client(&person.token).await;
        }
    }

    /// The log goes on under another origin; everybody connects again.
    pub async fn rotate(&mut self, origin: &str, folder: &str) {
        let chain = self.chain().await;
        self.checkpoints.extend(chain);
        self.world.rotate(origin, folder).await;
        self.reconnect().await;
    }
}
