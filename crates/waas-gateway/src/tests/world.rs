//! A gateway on a database of its own, with fakes around it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::{Error, OperationId, Reason, Result, SecretText, UserId, WalletId};
use operation::{CheckedOperation, KeyType};
use sea_orm::DatabaseConnection;
use tempfile::TempDir;
use testkit::{FixedClock, MemoryAuditLog, SeededEntropy};

use super::nodes::FakeNodes;
use crate::caller::Caller;
use crate::create_wallet::CreateWallet;
use crate::domain::fixtures::{directory, environment, user, uuid};
use crate::domain::wallet::Wallet;
use crate::export_wallet::ExportWallet;
use crate::gateway::Gateway;
use crate::in_flight::InFlight;
use crate::migrations::Migrator;
use crate::ports::Issuer;
use crate::sign_message::SignMessage;
use crate::store::{SqlOperations, SqlWallets};

/// Gives a new receipt each time, unless it is told to refuse.
#[derive(Default)]
pub(crate) struct FakeIssuer {
    asked: Mutex<usize>,
    refusals: Mutex<VecDeque<Error>>,
}

impl FakeIssuer {
    pub(crate) fn refuse(&self, error: Error) {
        self.refusals.lock().unwrap().push_back(error);
    }

    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

#[async_trait]
impl Issuer for FakeIssuer {
    async fn authorize(&self, _bearer: &SecretText, _operation: &CheckedOperation) -> Result<SecretText> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked
        };
        match self.refusals.lock().unwrap().pop_front() {
            Some(refusal) => Err(refusal),
            None => Ok(SecretText::from(format!("session.receipt.{number}"))),
        }
    }
}

pub(crate) struct World {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) nodes: Arc<FakeNodes>,
    pub(crate) issuer: Arc<FakeIssuer>,
    pub(crate) audit: Arc<MemoryAuditLog>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) database: DatabaseConnection,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (database, folder) = testkit::database::<Migrator>().await;
        let (nodes, issuer) = (Arc::new(FakeNodes::new()), Arc::new(FakeIssuer::default()));
        let clock = Arc::new(FixedClock::new());
        let gateway = Gateway {
            wallets: Arc::new(SqlWallets::new(database.clone())),
            operations: Arc::new(SqlOperations::new(database.clone())),
            issuer: issuer.clone(),
            nodes: nodes.clone(),
            directory: directory(2, 3),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            in_flight: InFlight::default(),
        };
        let audit = Arc::new(MemoryAuditLog::new());
        Self { gateway: Arc::new(gateway), nodes, issuer, audit, clock, database, _folder: folder }
    }

    /// With a wallet that is in use, and nothing asked of anybody yet.
    pub(crate) async fn with_wallet() -> (Self, Wallet) {
        let world = Self::new().await;
        let wallet = world.create(1).await.unwrap();
        world.nodes.clear_log();
        (world, wallet)
    }

    /// The process dies and another begins, on the same database: what was running is never heard of again.
    pub(crate) fn restart(&mut self) {
        let old = &self.gateway;
        self.gateway = Arc::new(Gateway {
            wallets: old.wallets.clone(),
            operations: old.operations.clone(),
            issuer: old.issuer.clone(),
            nodes: old.nodes.clone(),
            directory: old.directory.clone(),
            clock: old.clock.clone(),
            entropy: old.entropy.clone(),
            in_flight: InFlight::default(),
        });
    }

    /// The process begins on another database, with the same around it.
    pub(crate) fn with_database(mut self, database: DatabaseConnection) -> Self {
        let old = &self.gateway;
        self.gateway = Arc::new(Gateway {
            wallets: Arc::new(SqlWallets::new(database.clone())),
            operations: Arc::new(SqlOperations::new(database.clone())),
            issuer: old.issuer.clone(),
            nodes: old.nodes.clone(),
            directory: old.directory.clone(),
            clock: old.clock.clone(),
            entropy: old.entropy.clone(),
            in_flight: InFlight::default(),
        });
        self.database = database;
        self
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller {
            environment: environment(),
            user: user(),
            bearer: SecretText::from("session".to_owned()),
            trail: self.audit.trail("test"),
        }
    }

    pub(crate) fn stranger(&self) -> Caller {
        Caller { user: UserId::from_uuid(uuid(77)), ..self.caller() }
    }

    pub(crate) async fn create(&self, number: u8) -> Result<Wallet> {
        self.gateway.create_wallet(&self.caller(), create(number)).await
    }

    pub(crate) async fn sign(&self, request: SignMessage) -> Result<[u8; 64]> {
        self.gateway.sign_message(&self.caller(), request).await
    }

    /// How often the issuer was asked since the wallet of [`World::with_wallet`] was made.
    pub(crate) fn asked_for_receipts(&self) -> usize {
        self.issuer.asked() - 1
    }
}

pub(crate) fn operation(number: u8) -> OperationId {
    OperationId::from_uuid(uuid(number))
}

pub(crate) const fn no_receipt() -> String {
    String::new()
}

pub(crate) const BROUGHT: &str = "brought.by.client";

pub(crate) fn create(number: u8) -> CreateWallet {
    CreateWallet { key_type: KeyType::Ed25519, operation: operation(number) }
}

/// A message to sign under this operation id, different ones for different numbers, with no receipt.
pub(crate) fn message(wallet: &Wallet, number: u8) -> SignMessage {
    SignMessage {
        wallet: wallet.path.wallet,
        share_generation: 1,
        operation: operation(number),
        message: text(number),
        receipt: SecretText::from(no_receipt()),
    }
}

pub(crate) fn text(number: u8) -> Vec<u8> {
    format!("message {number}").into_bytes()
}

pub(crate) fn with_receipt(request: SignMessage, receipt: &str) -> SignMessage {
    SignMessage { receipt: SecretText::from(receipt.to_owned()), ..request }
}

pub(crate) fn export(wallet: WalletId, number: u8) -> ExportWallet {
    let mut recipient_public_key = [0; 32];
    recipient_public_key[0] = 9;
    ExportWallet {
        wallet,
        share_generation: 1,
        operation: operation(number),
        recipient_public_key,
        receipt: SecretText::from(BROUGHT.to_owned()),
    }
}

pub(crate) fn is_good(wallet: &Wallet, number: u8, signature: &[u8; 64]) -> bool {
    wallet.key().unwrap().statement().key.verifies(&text(number), signature)
}

pub(crate) fn step_up_required() -> Error {
    Error::new(Reason::StepUpRequired, "prove a factor first")
        .with("action", "wallet.waas.sign")
        .with("scopes", "wallet:sign")
        .with("acr", "urn:countersign:acr:otp")
        .with("operation_digest", "digest")
}
