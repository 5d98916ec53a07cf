use std::sync::Arc;

use kernel::{EnvironmentId, OperationId, UserId, WalletId};
use operation::{Body, Operation, WalletRef};
use testkit::{FixedClock, SeededEntropy, TestReceipts};

use super::*;

const GROUP: &str = "urn:countersign:nodes:main";

struct Bench {
    receipts: TestReceipts,
    clock: Arc<FixedClock>,
    verifier: ReceiptVerifier,
    entropy: SeededEntropy,
}

impl Bench {
    fn new() -> Self {
        let receipts = TestReceipts::new("https://issuer.example");
        let clock = Arc::new(FixedClock::new());
        let now = clock.now();
        let statement = receipts.statement(3, now);
        let keys =
            ReceiptKeys::from_statement(&statement, &receipts.root(), "https://issuer.example", 3, now)
                .unwrap();
        assert_eq!(keys.sequence(), 3);
        let verifier = ReceiptVerifier::new(Arc::new(keys), GROUP, clock.clone());
        Self { receipts, clock, verifier, entropy: SeededEntropy::new(1) }
    }

    fn operation(&self) -> Operation {
        Operation {
            environment: EnvironmentId::random(&self.entropy),
            user: UserId::random(&self.entropy),
            id: OperationId::random(&self.entropy),
            body: Body::SignMessage {
                wallet: WalletRef { id: WalletId::random(&self.entropy), share_generation: 2 },
                message: b"hello".to_vec(),
            },
        }
    }

    fn reason(&self, receipt: &str, checked: &CheckedOperation) -> Reason {
        self.verifier.verify(receipt, checked).unwrap_err().reason()
    }
}

#[test]
fn the_audience_of_a_group_names_it() {
    assert_eq!(audience_of_group("main"), GROUP);
}

#[test]
fn a_receipt_for_exactly_this_operation_is_accepted() {
    let bench = Bench::new();
    let checked = bench.operation().check().unwrap();
    let token = TokenId::random(&bench.entropy);
    let text = bench.receipts.receipt(&checked, GROUP, Some(token), bench.clock.now());
    let receipt = bench.verifier.verify(&text, &checked).unwrap();
    assert_eq!(receipt.paid_by, Some(token));
}

#[test]
fn a_receipt_for_anything_else_is_a_mismatch() {
    let bench = Bench::new();
    let operation = bench.operation();
    let checked = operation.clone().check().unwrap();
    let receipt = bench.receipts.receipt(&checked, GROUP, None, bench.clock.now());
    let Body::SignMessage { wallet, .. } = operation.body else { unreachable!() };
    let body = |wallet, message: &[u8]| Body::SignMessage { wallet, message: message.to_vec() };
    let others = [
        Operation { environment: EnvironmentId::random(&bench.entropy), ..operation.clone() },
        Operation { user: UserId::random(&bench.entropy), ..operation.clone() },
        Operation { id: OperationId::random(&bench.entropy), ..operation.clone() },
        Operation { body: body(wallet, b"hellp"), ..operation.clone() },
        Operation { body: body(WalletRef { share_generation: 3, ..wallet }, b"hello"), ..operation.clone() },
        Operation {
            body: body(WalletRef { id: WalletId::random(&bench.entropy), ..wallet }, b"hello"),
            ..operation
        },
    ];
    for other in others {
        assert_eq!(bench.reason(&receipt, &other.check().unwrap()), Reason::ReceiptMismatch);
    }
    // A claim that disagrees with the digest is refused although the digest is right.
    let now = bench.clock.now();
    for spoil in [
        (|claims| claims.share_generation = Some(3)) as fn(&mut ReceiptClaims),
        |claims| claims.wallet = None,
        |claims| claims.action = kernel::Action::WalletExport,
    ] {
        let mut claims = bench.receipts.claims(&checked, GROUP, None, now);
        spoil(&mut claims);
        assert_eq!(bench.reason(&bench.receipts.sign(&claims), &checked), Reason::ReceiptMismatch);
    }
}

#[test]
fn a_receipt_for_another_group_key_or_time_is_refused() {
    let bench = Bench::new();
    let checked = bench.operation().check().unwrap();
    let now = bench.clock.now();
    assert_eq!(bench.reason("", &checked), Reason::ReceiptMissing);
    assert_eq!(bench.reason("x.y.z", &checked), Reason::ReceiptInvalid);
    let elsewhere = bench.receipts.receipt(&checked, "urn:countersign:nodes:other", None, now);
    assert_eq!(bench.reason(&elsewhere, &checked), Reason::ReceiptInvalid);
    let stranger = TestReceipts::new("https://issuer.example").receipt(&checked, GROUP, None, now);
    assert_eq!(bench.reason(&stranger, &checked), Reason::ReceiptInvalid);

    let mut long = bench.receipts.claims(&checked, GROUP, None, now);
    long.exp = long.iat + 61;
    assert_eq!(bench.reason(&bench.receipts.sign(&long), &checked), Reason::ReceiptInvalid);

    let good = bench.receipts.receipt(&checked, GROUP, None, now);
    bench.clock.advance(Duration::from_secs(66));
    assert_eq!(bench.reason(&good, &checked), Reason::ReceiptExpired);
    bench.clock.advance(Duration::from_secs(86_400));
    let fresh = bench.receipts.receipt(&checked, GROUP, None, bench.clock.now());
    assert_eq!(bench.reason(&fresh, &checked), Reason::ReceiptInvalid, "the statement no longer holds");
}

#[test]
fn a_statement_of_a_lower_sequence_or_another_root_is_refused() {
    let receipts = TestReceipts::new("https://issuer.example");
    let now = FixedClock::new().now();
    let statement = receipts.statement(3, now);
    let accept = |root: &PublicJwk, issuer: &str, minimum| {
        ReceiptKeys::from_statement(&statement, root, issuer, minimum, now).is_ok()
    };
    assert!(accept(&receipts.root(), "https://issuer.example", 3));
    assert!(!accept(&receipts.root(), "https://issuer.example", 4));
    assert!(!accept(&receipts.root(), "https://other.example", 1));
    assert!(!accept(&TestReceipts::new("x").root(), "https://issuer.example", 1));
}

#[test]
fn what_was_given_out_before_a_restore_is_dead_and_what_came_after_is_good() {
    let bench = Bench::new();
    let checked = bench.operation().check().unwrap();
    let restored = bench.clock.now();
    let after = |seconds| restored.plus(Duration::from_secs(seconds));
    let verifier = bench.verifier.clone().not_before(Some(restored));
    bench.clock.advance(Duration::from_secs(10));
    let token = TokenId::random(&bench.entropy);
    let verify = |given: Timestamp, paid_by: Option<TokenId>, proved: Option<Timestamp>| {
        let mut claims = bench.receipts.claims(&checked, GROUP, paid_by, given);
        claims.auth_time = proved.map(Timestamp::seconds);
        verifier.verify(&bench.receipts.sign(&claims), &checked).map(drop).map_err(|error| error.reason())
    };
    // Nothing was proved for it.
    assert_eq!(verify(restored, None, None), Err(Reason::ReceiptExpired));
    assert_eq!(verify(after(1), None, None), Ok(()));
    // A token paid: a fresh receipt does not make an old token good.
    assert_eq!(verify(restored, Some(token), Some(restored)), Err(Reason::ReceiptExpired));
    assert_eq!(verify(after(1), Some(token), Some(restored)), Err(Reason::ReceiptSpent));
    assert_eq!(verify(after(1), Some(token), None), Err(Reason::ReceiptSpent));
    assert_eq!(verify(after(2), Some(token), Some(after(1))), Ok(()));
    // One that can be used many times is not spent.
    assert_eq!(verify(after(1), None, Some(restored)), Ok(()));
    // Where nothing was restored, all of it is good.
    let receipt = bench.receipts.receipt(&checked, GROUP, Some(token), restored);
    assert!(bench.verifier.verify(&receipt, &checked).is_ok());
}
