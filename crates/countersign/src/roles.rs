//! The roles of the suite, and the wiring of each: one short function, the same whether the role is alone in its
//! process or in one with all others.

mod mfa_devices;
mod mpc_signer;
mod policy;
mod token_issuer;
mod waas_gateway;

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use kernel::{Clock, Entropy, Result, Timestamp};
use runtime::environments::PolicyEnvironments;
use runtime::identity::{Admins, ProviderKeys, Sessions};
use runtime::{Gate, GateParts};
use sea_orm::DatabaseConnection;
use storage::AuditLog;
use tonic::transport::Channel;

pub(crate) use self::mfa_devices::{MfaDevices, ceremony_store, mfa_devices};
pub(crate) use self::mpc_signer::{MpcSigner, mpc_signer};
pub(crate) use self::policy::policy;
pub(crate) use self::token_issuer::{TokenIssuer, token_issuer, token_store};
pub(crate) use self::waas_gateway::{WaasGateway, waas_gateway};

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Environments, what each demands for an action, and the decision.
    Policy,
    /// Second factors: enrolment, verification, throttling.
    MfaDevices,
    /// Proofs, tokens and receipts.
    TokenIssuer,
    /// Wallets, and the coordination of the nodes.
    WaasGateway,
    /// One node that holds key shares.
    MpcSigner,
}

impl Role {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Policy, Self::MfaDevices, Self::TokenIssuer, Self::WaasGateway, Self::MpcSigner];

    /// Their names, which are also the names of their tables in a configuration file.
    pub(crate) const NAMES: [&'static str; 5] = {
        let mut names = [""; 5];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].name();
            index += 1;
        }
        names
    };

    /// The name by which it is known to peers, to operators and in its certificates' list.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::MfaDevices => "mfa-devices",
            Self::TokenIssuer => "token-issuer",
            Self::WaasGateway => "waas-gateway",
            Self::MpcSigner => "mpc-signer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What every role is given by whoever starts it.
#[derive(Clone)]
pub(crate) struct Common {
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Who administrates.
    pub(crate) admins: Admins,
    /// Whether this is for trying it out: identity providers may then be on this machine and in private networks.
    pub(crate) dev: bool,
}

/// A role's own database, open and migrated.
#[derive(Clone)]
pub(crate) struct Store {
    /// The database.
    pub(crate) database: DatabaseConnection,
    /// The audit trail in it.
    pub(crate) audit: Arc<dyn AuditLog>,
    /// When the database was last put back from a copy, if it was: what was given out until then is dead.
    pub(crate) not_before: Option<Timestamp>,
}

impl Common {
    /// For services that users call: they read environments from policy.
    fn gate(&self, policy: Channel, audit: Arc<dyn AuditLog>) -> Result<Gate> {
        self.gate_to(self.environments(policy), audit)
    }

    /// The environments' settings as policy has them.
    fn environments(&self, policy: Channel) -> Arc<PolicyEnvironments> {
        Arc::new(PolicyEnvironments::new(policy, self.clock.clone()))
    }

    /// The same, for a service that reads them for itself as well.
    fn gate_to(&self, environments: Arc<PolicyEnvironments>, audit: Arc<dyn AuditLog>) -> Result<Gate> {
        Ok(Gate::new(GateParts {
            sessions: Some(Sessions::new(environments, ProviderKeys::new(self.dev)?)),
            admins: Some(self.admins.clone()),
            audit,
            clock: self.clock.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_called_the_same_everywhere() {
        for role in Role::ALL {
            let value = role.to_possible_value().unwrap();
            assert_eq!(value.get_name(), role.name());
            assert!(Role::NAMES.contains(&role.name()));
        }
    }
}
