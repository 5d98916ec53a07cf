//! What operators set, for each role. One file serves all roles of a deployment: what stands at its top is for all of
//! them, and a process looks at its own role's table only.

mod listeners;
mod mfa_devices;
mod mpc_signer;
mod policy;
mod receipts;
mod shared;
#[cfg(test)]
mod tests;
mod token_issuer;
mod waas_gateway;
mod wrong;

use std::path::Path;

use kernel::Result;
use runtime::channel::ChannelSettings;
use runtime::tls::TlsSettings;
use schemars::JsonSchema;
use sea_orm_migration::MigratorTrait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::redis::RedisSettings;
use storage::sealing::rewrap::SealedColumn;
use storage::sql::DatabaseSettings;

use crate::roles::Role;

pub(crate) use self::mfa_devices::MfaDevicesSettings;
pub(crate) use self::mpc_signer::MpcSignerSettings;
pub(crate) use self::policy::PolicySettings;
pub(crate) use self::token_issuer::TokenIssuerSettings;
pub(crate) use self::waas_gateway::WaasGatewaySettings;
pub(crate) use listeners::{HealthListener, PeerListener, PublicListener};
pub(crate) use receipts::ReceiptSettings;
#[cfg(test)]
pub(crate) use shared::AdminSettings;
pub(crate) use shared::{Mode, Shared, WitnessSettings};
pub(crate) use wrong::Wrong;

/// The table of one role.
pub(crate) trait RoleSettings:
    DeserializeOwned + Serialize + Default + JsonSchema + Send + Sync + 'static
{
    /// Whose table it is.
    const ROLE: Role;

    /// The roles that call it.
    const CALLERS: &'static [&'static str];

    /// What an operator is told when its database was put back from a copy and that is acknowledged.
    const AFTER_RESTORE: &'static [&'static str];

    /// The migrations of its database.
    type Migrator: MigratorTrait;

    /// What every role's table has.
    fn basics(&self) -> Basics<'_>;

    /// The services that it calls: the key that says where, who is there, and what the key says.
    fn endpoints(&self) -> Vec<(String, &str, &ChannelSettings)>;

    /// What the types do not say, beyond what is common to all roles.
    fn check(&self, shared: &Shared, wrong: &mut Wrong);

    /// Where what is consumed once is, for a role that keeps it in Redis.
    fn redis(&self) -> Option<&RedisSettings> {
        None
    }

    /// Whose receipts are accepted, for a role that acts on them.
    fn receipts(&self) -> Option<&ReceiptSettings> {
        None
    }

    /// The file of the keys that seal its secrets at rest, and what they seal, for a role that keeps any.
    fn sealing(&self) -> Option<Sealing<'_>> {
        None
    }

    /// Whether two processes of the role would get in each other's way, whatever database they share.
    fn is_alone(&self) -> bool {
        false
    }

    /// What the database belongs to: the role, and for a node which one.
    fn owner(&self) -> String {
        Self::ROLE.name().to_owned()
    }
}

/// Does something with the settings type of a role that is known at run time.
macro_rules! for_role {
    ($role:expr, $R:ident => $work:expr) => {
        match $role {
            crate::roles::Role::Policy => {
                type $R = crate::settings::PolicySettings;
                $work
            }
            crate::roles::Role::MfaDevices => {
                type $R = crate::settings::MfaDevicesSettings;
                $work
            }
            crate::roles::Role::TokenIssuer => {
                type $R = crate::settings::TokenIssuerSettings;
                $work
            }
            crate::roles::Role::WaasGateway => {
                type $R = crate::settings::WaasGatewaySettings;
                $work
            }
            crate::roles::Role::MpcSigner => {
                type $R = crate::settings::MpcSignerSettings;
                $work
            }
        }
    };
}
pub(crate) use for_role;

/// What a role keeps sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealing<'a> {
    /// The file of its key-encryption keys.
    pub(crate) keys_file: &'a Path,
    /// The columns of its database.
    pub(crate) columns: &'static [SealedColumn],
}

/// What every role's table has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Basics<'a> {
    /// Where users and administrators connect.
    pub(crate) public: &'a PublicListener,
    /// Where other services connect, if any do.
    pub(crate) peer: Option<&'a PeerListener>,
    /// Where probes connect.
    pub(crate) health: &'a HealthListener,
    /// Who the process is to other services.
    pub(crate) tls: &'a TlsSettings,
    /// Its database.
    pub(crate) database: &'a DatabaseSettings,
}

/// A role's settings: those of the whole deployment and its own.
#[derive(Debug)]
pub(crate) struct Settings<R> {
    /// For all roles.
    pub(crate) shared: Shared,
    /// For this one.
    pub(crate) own: R,
}

impl<R: RoleSettings> Settings<R> {
    /// Reads and checks them. Everything that is wrong is said at once.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the keys, and what would be right.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let (shared, own) = runtime::config::load_table(file, R::ROLE.name(), &Role::NAMES)?;
        let settings = Self { shared, own };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let mut wrong = Wrong::default();
        self.shared.check(&mut wrong);
        let basics = self.own.basics();
        let mut table = Wrong::within(R::ROLE.name());
        let production = self.shared.mode == Mode::Production;
        basics.public.check(production, &mut table);
        basics.health.check(&mut table);
        if let Some(peer) = basics.peer {
            peer.check(R::CALLERS, &mut table);
        }
        let what = "services call each other over mutual TLS only (`countersign dev certs` makes files for trying it)";
        table.need_file("tls.certificate_file", &basics.tls.certificate_file, what);
        table.need_file("tls.key_file", &basics.tls.key_file, what);
        table.need_file("tls.authorities_file", &basics.tls.authorities_file, what);
        table.add(basics.database.check(production));
        for (key, _, endpoint) in self.own.endpoints() {
            table.add(endpoint.check(&key));
        }
        self.own.check(&self.shared, &mut table);
        wrong.take(table);
        wrong.finish()
    }
}
