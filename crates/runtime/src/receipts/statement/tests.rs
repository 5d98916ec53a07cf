use jose::{Algorithm, KeySet, SigningKey, sign_statement};
use kernel::{EnvironmentId, OperationId, UserId, WalletId};
use operation::{Body, CheckedOperation, Operation, WalletRef};
use storage::mark::Mode;
use storage::witness::FileWitness;
use tempfile::TempDir;
use testkit::{FixedClock, SeededEntropy};

use super::*;
use crate::receipts::ReceiptVerifier;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "urn:countersign:nodes:main";

fn owner(deployment: &str, role: &str, mode: Mode) -> Owner {
    Owner::new(deployment, role, mode).unwrap()
}

struct Bench {
    root: SigningKey,
    old: SigningKey,
    new: SigningKey,
    clock: Arc<FixedClock>,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let key = || SigningKey::generate(Algorithm::EdDsa).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { root: key(), old: key(), new: key(), clock: Arc::new(FixedClock::new()), folder }
    }

    fn statement(&self, sequence: u64, keys: &[&SigningKey]) -> KeyStatement {
        let now = self.clock.now().seconds();
        KeyStatement {
            sequence,
            issuer: ISSUER.to_owned(),
            not_before: now - 10,
            not_after: now + 86_400,
            keys: KeySet::from_keys(keys.iter().map(|key| key.public_jwk()).collect()).unwrap(),
        }
    }

    fn put(&self, statement: &KeyStatement, root: &SigningKey) {
        self.put_text(&format!("{}\n", sign_statement(statement, root).unwrap()));
    }

    fn put_text(&self, text: &str) {
        std::fs::write(self.folder.path().join("statement.jwt"), text).unwrap();
    }

    /// As a process opens it: with the witness that outlives processes.
    fn file(&self) -> StatementFile {
        let witness = self.folder.path().join("witness");
        std::fs::create_dir_all(&witness).unwrap();
        StatementFile {
            path: self.folder.path().join("statement.jwt"),
            root: self.root.public_jwk(),
            issuer: ISSUER.to_owned(),
            verifier: owner("main", "mfa-devices", Mode::Production),
            witness: Arc::new(FileWitness::new(witness)),
            clock: self.clock.clone(),
        }
    }

    async fn refused(&self) -> String {
        let error = self.file().load().await.unwrap_err();
        assert_eq!(error.violations()[0].field, "receipts.statement_file");
        error.message().to_owned()
    }

    fn accepts(&self, keys: &Arc<ReceiptKeys>, key: &SigningKey) -> bool {
        let operation = operation();
        let claims = testkit::TestReceipts::new(ISSUER).claims(&operation, AUDIENCE, None, self.clock.now());
        let receipt = jose::sign(jose::Kind::Receipt, &claims, key).unwrap();
        let verifier = ReceiptVerifier::new(keys.clone(), AUDIENCE, self.clock.clone());
        verifier.verify(kernel::secret::ExposeSecret::expose_secret(&receipt), &operation).is_ok()
    }
}

fn operation() -> CheckedOperation {
    let entropy = SeededEntropy::new(1);
    Operation {
        environment: EnvironmentId::random(&entropy),
        user: UserId::random(&entropy),
        id: OperationId::random(&entropy),
        body: Body::SignMessage {
            wallet: WalletRef { id: WalletId::random(&entropy), share_generation: 1 },
            message: b"hello".to_vec(),
        },
    }
    .check()
    .unwrap()
}

#[tokio::test]
async fn keys_are_rotated_without_a_restart() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    assert!(bench.accepts(&keys, &bench.old) && !bench.accepts(&keys, &bench.new));
    assert!(!file.look(&keys).await.unwrap());

    bench.put(&bench.statement(2, &[&bench.old, &bench.new]), &bench.root);
    assert!(file.look(&keys).await.unwrap());
    assert!(bench.accepts(&keys, &bench.old) && bench.accepts(&keys, &bench.new));

    // The same keys as others hold them, a verifier that was made before among them.
    bench.put(&bench.statement(3, &[&bench.new]), &bench.root);
    assert!(file.look(&keys).await.unwrap());
    assert!(!bench.accepts(&keys, &bench.old) && bench.accepts(&keys, &bench.new));
    assert_eq!(keys.sequence(), 3);
}

#[tokio::test]
async fn a_lower_sequence_is_refused_after_a_restart_too() {
    let bench = Bench::new();
    let first = bench.statement(4, &[&bench.old]);
    bench.put(&first, &bench.root);
    bench.file().load().await.unwrap();
    bench.put(&bench.statement(5, &[&bench.new]), &bench.root);
    bench.file().load().await.unwrap();
    bench.put(&first, &bench.root);
    let message = bench.refused().await;
    assert!(message.contains("sequence 4") && message.contains('5'), "{message}");
    // The newest again is fine.
    bench.put(&bench.statement(5, &[&bench.new]), &bench.root);
    assert_eq!(bench.file().load().await.unwrap().sequence(), 5);
}

#[tokio::test]
async fn what_another_process_accepted_counts_here_too() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let (here, there) = (bench.file(), bench.file());
    let keys = here.load().await.unwrap();
    bench.put(&bench.statement(9, &[&bench.new]), &bench.root);
    there.load().await.unwrap();
    bench.put(&bench.statement(8, &[&bench.new]), &bench.root);
    assert!(here.look(&keys).await.is_err());
    assert_eq!(keys.sequence(), 1);
}

#[tokio::test]
async fn a_process_that_runs_goes_to_no_older_statement_and_tells_a_witness_that_forgot() {
    let bench = Bench::new();
    bench.put(&bench.statement(4, &[&bench.old]), &bench.root);
    bench.file().load().await.unwrap();
    bench.put(&bench.statement(5, &[&bench.new]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    let name = file.verifier.statement_name();
    let witnessed = async || file.witness.read(&name).await.unwrap();
    assert_eq!(witnessed().await, Some(5));
    let forget = || {
        std::fs::remove_dir_all(bench.folder.path().join("witness")).unwrap();
        std::fs::create_dir(bench.folder.path().join("witness")).unwrap();
    };

    forget();
    bench.put(&bench.statement(4, &[&bench.old]), &bench.root);
    let message = file.look(&keys).await.unwrap_err().message().to_owned();
    assert!(message.contains("sequence 4") && message.contains('5'), "{message}");
    assert!(bench.accepts(&keys, &bench.new) && !bench.accepts(&keys, &bench.old));
    assert_eq!(witnessed().await, Some(5), "told again");
    assert!(bench.refused().await.contains("sequence 4"), "so nobody else takes it either");

    // Also where nothing has changed, and where nothing can be read.
    for unchanged in [true, false] {
        forget();
        bench.put_text("not a statement");
        if unchanged {
            bench.put(&bench.statement(5, &[&bench.new]), &bench.root);
        }
        assert_eq!(file.look(&keys).await.is_ok(), unchanged);
        assert_eq!(witnessed().await, Some(5));
    }
}

#[tokio::test]
async fn who_has_the_statement_of_before_is_told_that_another_process_has_a_newer_one() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    file.witness.raise(&file.verifier.statement_name(), 2).await.unwrap();
    let message = file.look(&keys).await.unwrap_err().message().to_owned();
    assert!(message.contains("sequence 1") && message.contains('2'), "{message}");
    assert_eq!(keys.sequence(), 1);
}

#[tokio::test]
async fn another_deployment_at_the_same_witness_counts_for_itself() {
    let bench = Bench::new();
    bench.put(&bench.statement(9, &[&bench.old]), &bench.root);
    bench.file().load().await.unwrap();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let other = StatementFile { verifier: owner("other", "mfa-devices", Mode::Production), ..bench.file() };
    assert_eq!(other.load().await.unwrap().sequence(), 1);
    let tried_out = StatementFile { verifier: owner("main", "mfa-devices", Mode::Dev), ..bench.file() };
    assert_eq!(tried_out.load().await.unwrap().sequence(), 1);
    let node =
        StatementFile { verifier: owner("main", "mpc-signer.node-1", Mode::Production), ..bench.file() };
    assert_eq!(node.load().await.unwrap().sequence(), 1, "each verifier for itself");
    assert!(bench.file().load().await.is_err());
}

#[tokio::test]
async fn a_bad_statement_changes_nothing_while_it_runs_and_stops_a_start() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    let newer = || bench.statement(2, &[&bench.new]);
    let now = bench.clock.now().seconds();
    let signed = |statement: &KeyStatement| sign_statement(statement, &bench.root).unwrap();
    let cut = signed(&newer());
    let texts = [
        String::new(),
        "not a statement".to_owned(),
        cut[..cut.len() / 2].to_owned(),
        "x".repeat(MAX_STATEMENT_BYTES + 10),
        // By somebody else.
        sign_statement(&newer(), &SigningKey::generate(Algorithm::EdDsa).unwrap()).unwrap(),
        signed(&KeyStatement { issuer: "https://other.example".to_owned(), ..newer() }),
        signed(&KeyStatement { not_after: now - 1, ..newer() }),
        signed(&KeyStatement { not_before: now + 1, ..newer() }),
        signed(&KeyStatement { sequence: u64::MAX, ..newer() }),
    ];
    for text in &texts {
        bench.put_text(text);
        assert!(file.look(&keys).await.is_err(), "{text:.40}");
        assert!(bench.file().load().await.is_err(), "{text:.40}");
    }
    std::fs::remove_file(&file.path).unwrap();
    assert!(file.look(&keys).await.is_err());
    assert!(bench.refused().await.contains("statement.jwt"));
    assert!(bench.accepts(&keys, &bench.old));
    // None of them raised the number.
    bench.put(&newer(), &bench.root);
    assert!(file.look(&keys).await.unwrap());
}

#[tokio::test]
async fn one_number_says_one_thing() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    bench.put(&bench.statement(1, &[&bench.new]), &bench.root);
    assert!(file.look(&keys).await.unwrap_err().message().contains("higher"));
    assert!(bench.accepts(&keys, &bench.old));
}

#[tokio::test]
async fn a_statement_that_comes_early_is_taken_when_its_time_comes_and_ends_when_it_ends() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    let now = bench.clock.now().seconds();
    let early =
        KeyStatement { not_before: now + 3_600, not_after: now + 7_200, ..bench.statement(2, &[&bench.new]) };
    bench.put(&early, &bench.root);
    assert!(file.look(&keys).await.is_err());
    assert!(keys.check(bench.clock.now()).is_ok());
    bench.clock.advance(Duration::from_secs(3_600));
    assert!(file.look(&keys).await.unwrap());
    bench.clock.advance(Duration::from_secs(3_600));
    assert!(file.look(&keys).await.is_err());
    assert!(keys.check(bench.clock.now()).is_err());
    assert!(!bench.accepts(&keys, &bench.new));
}

/// Answers nothing.
struct Away;

#[async_trait::async_trait]
impl Witness for Away {
    async fn read(&self, _: &str) -> Result<Option<u64>> {
        Err(Error::store_unavailable("away"))
    }

    async fn raise(&self, _: &str, _: u64) -> Result<u64> {
        Err(Error::store_unavailable("away"))
    }
}

#[tokio::test]
async fn without_its_witness_nothing_new_is_accepted() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let keys = bench.file().load().await.unwrap();
    let away = StatementFile { witness: Arc::new(Away), ..bench.file() };
    assert_eq!(away.load().await.unwrap_err().reason(), kernel::Reason::StoreUnavailable);
    bench.put(&bench.statement(2, &[&bench.new]), &bench.root);
    assert!(away.look(&keys).await.is_err());
    assert_eq!(keys.sequence(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_watch_notices_by_itself_and_ends_when_told() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    bench.put(&bench.statement(2, &[&bench.new]), &bench.root);
    let stop = CancellationToken::new();
    let watch = tokio::spawn(file.watch(keys.clone(), stop.clone()));
    // The runtime's time is paused: it goes on by itself when everybody waits.
    while keys.sequence() < 2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stop.cancel();
    watch.await.unwrap();
}

/// Knows what it was told, and then answers no more.
struct Mute;

#[async_trait::async_trait]
impl Witness for Mute {
    async fn read(&self, _: &str) -> Result<Option<u64>> {
        std::future::pending().await
    }

    async fn raise(&self, _: &str, _: u64) -> Result<u64> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_witness_that_does_not_answer_holds_up_no_stop() {
    let bench = Bench::new();
    bench.put(&bench.statement(1, &[&bench.old]), &bench.root);
    let file = bench.file();
    let keys = file.load().await.unwrap();
    bench.put(&bench.statement(2, &[&bench.new]), &bench.root);
    let stop = CancellationToken::new();
    let watch = StatementFile { witness: Arc::new(Mute), ..file }.watch(keys, stop.clone());
    let stopping = async {
        tokio::time::sleep(LOOK * 3).await;
        stop.cancel();
    };
    let both = async { tokio::join!(watch, stopping) };
    tokio::time::timeout(LOOK * 10, both).await.unwrap();
}
