//! Puts the issuer together.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jose::{Algorithm, KeySet};
use kernel::{Clock, Entropy, Error, Result, Timestamp};
use runtime::identity::{Assertions, ProviderKeys};
use runtime::receipts::{FACTORS_AUDIENCE, audience_of_group};
use runtime::{Gate, RoleMounts};
use sea_orm::DatabaseConnection;
use storage::{AuditLog, Sealer};
use tonic::transport::Channel;

use crate::authenticate::Authenticate;
use crate::authorize_operation::AuthorizeOperation;
use crate::check_step_up::CheckStepUp;
use crate::domain::receipt::Audiences;
use crate::exchange_assertion::ExchangeAssertion;
use crate::grpc::{self, AdminHandler, StepUpHandler, TokenHandler};
use crate::introspect_token::IntrospectToken;
use crate::judge::Judge;
use crate::keys::{Keys, monotonic};
use crate::legacy::LegacyUse;
use crate::manage_keys::ManageKeys;
use crate::mint::Mint;
use crate::peers::{FactorsPeer, PolicyPeer};
use crate::ports::{Factors, Policy, Revocations, TokenStore};
use crate::revoke_tokens::RevokeTokens;
use crate::rotation::IssuerKeys;
use crate::store::{Seen, SqlIssuedTokens, SqlKeys, SqlOperationIds, SqlRevocations, SqlSpentAssertions};

/// What the issuer is made of.
pub struct Parts {
    /// The `iss` of its tokens and receipts; the operator's statement of receipt keys names it.
    pub issuer: String,
    /// The group of signing nodes that its receipts are for.
    pub node_group: String,
    /// How the keys sign that are made at the first start, and later ones where nothing is said: see
    /// [`rotation`](crate::rotation).
    pub algorithm: Algorithm,
    /// Its database, migrated by [`Migrator`](crate::Migrator).
    pub database: DatabaseConnection,
    /// Seals its private keys.
    pub sealer: Arc<Sealer>,
    /// Where tokens are on file.
    pub tokens: Arc<dyn TokenStore>,
    /// To policy's peer listener.
    pub policy: Channel,
    /// To the peer listener of the service that keeps the factors.
    pub factors: Channel,
    /// Where the keys of assertion issuers come from.
    pub assertion_keys: ProviderKeys,
    /// Authenticates users and administrators.
    pub gate: Gate,
    /// The audit trail that the gate writes.
    pub audit: Arc<dyn AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where the database was put back: tokens made at this time or before count no more ([`storage::Mark::not_before`]).
    pub not_before: Option<Timestamp>,
}

/// The issuer, ready to be served.
pub struct TokenIssuer {
    /// What it serves.
    pub mounts: RoleMounts,
    mint: Arc<Mint>,
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenIssuer").field("mounts", &self.mounts).finish_non_exhaustive()
    }
}

impl TokenIssuer {
    /// Refuses while this process does not know which keys sign: for a readiness check.
    pub fn keys_check(&self) -> impl Fn() -> Result<()> + Send + Sync + 'static {
        let mint = self.mint.clone();
        move || mint.keys.rings().map(drop)
    }

    /// The public keys of receipts as they are now, for the operator root to state.
    pub fn receipt_public_keys(&self) -> KeySet {
        self.mint.receipt_keys()
    }
}

/// Puts the issuer together. Makes its keys at the first start; refused when the database does not answer or its keys
/// do not open.
pub async fn compose(parts: Parts) -> Result<TokenIssuer> {
    let stored = SqlKeys::new(parts.database.clone(), parts.sealer.clone());
    let manage_keys = ManageKeys {
        keys: IssuerKeys::new(parts.database.clone(), parts.sealer),
        issuer: parts.issuer.clone(),
        algorithm: parts.algorithm,
    };
    let read = monotonic();
    let (rings, seen) = stored.load(parts.algorithm, parts.clock.now()).await?;
    let keys = Arc::new(Keys::new(rings, read));
    tokio::spawn(keep_current(Arc::downgrade(&keys), stored, seen));
    let mint = Arc::new(Mint {
        issuer: parts.issuer,
        audiences: Audiences {
            nodes: audience_of_group(&parts.node_group),
            factors: FACTORS_AUDIENCE.to_owned(),
        },
        keys,
        entropy: parts.entropy,
        not_before: parts.not_before,
    });
    let policy: Arc<dyn Policy> = Arc::new(PolicyPeer::new(parts.policy));
    let factors: Arc<dyn Factors> = Arc::new(FactorsPeer::new(parts.factors));
    let tokens = parts.tokens;
    let revocations: Arc<dyn Revocations> = Arc::new(SqlRevocations::new(parts.database.clone()));
    let revoke_tokens = RevokeTokens { revocations: revocations.clone(), mint: mint.clone() };

    let authenticate = Authenticate {
        judge: Judge { policy: policy.clone(), factors: factors.clone() },
        tokens: tokens.clone(),
        issued: Arc::new(SqlIssuedTokens::new(parts.database.clone())),
        mint: mint.clone(),
    };
    let step_up = StepUpHandler {
        gate: parts.gate.clone(),
        check_step_up: CheckStepUp { policy: policy.clone(), factors: factors.clone() },
        authorize_operation: AuthorizeOperation {
            policy,
            factors: factors.clone(),
            tokens: tokens.clone(),
            operations: Arc::new(SqlOperationIds::new(parts.database.clone())),
            mint: mint.clone(),
            legacy_use: LegacyUse::new(),
        },
        exchange_assertion: ExchangeAssertion {
            assertions: Assertions::new(parts.assertion_keys),
            spent: Arc::new(SqlSpentAssertions::new(parts.database)),
            authenticate: authenticate.clone(),
        },
        authenticate,
    };
    let token = TokenHandler {
        gate: parts.gate.clone(),
        introspect_token: IntrospectToken { factors, tokens, revocations, mint: mint.clone() },
        revoke_tokens: revoke_tokens.clone(),
        mint: mint.clone(),
    };
    let admin =
        AdminHandler { gate: parts.gate, audit: parts.audit.clone(), revoke_tokens, keys: manage_keys };
    let mounts = grpc::mounts(step_up, token, admin, parts.audit, parts.clock);
    Ok(TokenIssuer { mounts, mint })
}

/// How often a process looks whether the keys have changed. Far more often than its copy of them grows too old.
const LOOK: Duration = Duration::from_secs(2);

/// The longest that one look takes: a database that vanished without a word must not end the looking.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// Reads the keys again and again until the issuer is gone.
async fn keep_current(keys: Weak<Keys>, stored: SqlKeys, mut seen: Seen) {
    let mut failing = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let read = monotonic();
        let found = tokio::time::timeout(LOOK_LIMIT, stored.refresh(&mut seen))
            .await
            .unwrap_or_else(|_| Err(Error::store_unavailable("it took too long")));
        let Some(keys) = keys.upgrade() else { return };
        match found {
            Ok(rings) => {
                if rings.is_some() {
                    tracing::info!("the signing keys have changed");
                }
                keys.renew(rings, read);
                failing = false;
            }
            // Said once, not every few seconds.
            Err(error) if !failing => {
                tracing::warn!(cause = ?error, "the signing keys could not be read; trying again");
                failing = true;
            }
            Err(_) => {}
        }
    }
}
