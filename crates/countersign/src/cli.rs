//! The command line.

mod factors;
mod keys;
mod wallet;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::roles::Role;

#[cfg(feature = "demo")]
pub(crate) use factors::PasskeyAction;
pub(crate) use factors::{
    DeviceAction, FactorsAction, FactorsTarget, FreshProofOptions, ProofOptions, RecoveryCodesAction,
    TotpAction,
};
pub(crate) use keys::{
    CertsOptions, DevAction, DirectoryOptions, EncryptionAction, IssuerAction, IssuerOptions, KeysAction,
    NodeAction, RootAction, StatementAction,
};
pub(crate) use wallet::{Target, WalletAction};

/// Action-based MFA in front of embedded (MPC) wallets.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the whole suite in this process, on embedded state and fresh random keys, for trying it out.
    #[command(args_conflicts_with_subcommands = true)]
    Dev {
        /// What else `dev` does.
        #[command(subcommand)]
        action: Option<DevAction>,
        /// How it runs.
        #[command(flatten)]
        options: DevOptions,
    },
    /// Plays the main job with real calls, a line a step, and fails when any step ends differently than promised.
    #[cfg(feature = "demo")]
    Demo(DemoOptions),
    /// Makes a token for a running `countersign dev`, or ends elevated ones.
    Token {
        /// The file that `countersign dev` wrote.
        #[command(flatten)]
        dev_file: DevFileOption,
        /// For whom, or whose.
        #[command(subcommand)]
        action: TokenAction,
    },
    /// Creates and uses wallets of a running `countersign dev`.
    Wallet {
        /// Which suite, and as whom.
        #[command(flatten)]
        target: Target,
        /// What to do with them.
        #[command(subcommand)]
        action: WalletAction,
    },
    /// A user's second factors.
    Device {
        /// Which suite, and as whom.
        #[command(flatten)]
        target: Target,
        /// What to do with them.
        #[command(subcommand)]
        action: DeviceAction,
    },
    /// Authenticator apps as second factors.
    Totp {
        /// Which suite, and as whom.
        #[command(flatten)]
        target: Target,
        /// What to do with them.
        #[command(subcommand)]
        action: TotpAction,
    },
    /// Passkeys as second factors, with a device in software.
    #[cfg(feature = "demo")]
    Passkey {
        /// Which suite, and as whom.
        #[command(flatten)]
        target: Target,
        /// What to do with them.
        #[command(subcommand)]
        action: PasskeyAction,
    },
    /// Recovery codes, for who has lost the other factors.
    RecoveryCodes {
        /// Which suite, and as whom.
        #[command(flatten)]
        target: Target,
        /// What to do with them.
        #[command(subcommand)]
        action: RecoveryCodesAction,
    },
    /// Looks after the second factors of users, as an administrator.
    Factors {
        /// Which suite, and whose.
        #[command(flatten)]
        target: FactorsTarget,
        /// What to do with them.
        #[command(subcommand)]
        action: FactorsAction,
    },
    /// Runs one role, with the stores and keys that its configuration names.
    Serve(RoleOptions),
    /// Brings the schema of a role's database up to date. Safe to run again, to interrupt, and to run twice at once.
    Migrate(MigrateOptions),
    /// Looks at everything that a role needs, says what is wrong and how to mend it.
    Doctor(RoleOptions),
    /// What an operator decides after a database was put back from a copy.
    Restore {
        /// What is decided.
        #[command(subcommand)]
        action: RestoreAction,
    },
    /// Makes and rotates keys.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        action: KeysAction,
    },
    /// Looks at configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        action: ConfigAction,
    },
}

/// Options of `dev`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DevOptions {
    /// Keeps keys and state in this folder; without it they are gone when the process ends.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration file (TOML); see `countersign config check`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen; loopback only. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where to write what `countersign token` and `countersign wallet` need.
    #[command(flatten)]
    pub(crate) dev_file: DevFileOption,
}

/// Options of `demo`.
#[cfg(feature = "demo")]
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    /// Plays on this running `countersign dev`, e.g. `http://127.0.0.1:50051`, instead of one of its own.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The file that the running `countersign dev` wrote.
    #[command(flatten)]
    pub(crate) dev_file: DevFileOption,
}

/// Where the file for clients of `countersign dev` is.
#[derive(Clone, Debug, Args)]
pub(crate) struct DevFileOption {
    /// The file for clients of `countersign dev`. It holds keys: mode 0600.
    #[arg(
        long = "dev-file",
        value_name = "FILE",
        env = "COUNTERSIGN_DEV_FILE",
        default_value = ".countersign/dev.json"
    )]
    pub(crate) path: PathBuf,
}

impl Default for DevFileOption {
    fn default() -> Self {
        Self { path: PathBuf::from(".countersign/dev.json") }
    }
}

/// What to do with tokens: for whom one is made, or whose are ended.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// A session token of a user, as the identity provider of `countersign dev` makes it.
    User {
        /// The user's name at the provider.
        #[arg(long, default_value = "alice")]
        name: String,
        /// The session's name.
        #[arg(long, default_value = "session-1")]
        session: String,
        /// The environment, by id; by default the one `countersign dev` made.
        #[arg(long)]
        environment: Option<String>,
        /// How many seconds ago the user signed in.
        #[arg(long, default_value_t = 0)]
        signed_in_ago: u32,
        /// For how many seconds the session lasts.
        #[arg(long, default_value_t = 3600)]
        lifetime: u32,
    },
    /// A token of an administrator.
    Admin {
        /// The administrator's name.
        #[arg(long, default_value = "dev")]
        name: String,
        /// What they may do: `viewer`, `editor`, `auditor` or `owner`, at an environment's id or `*`.
        #[arg(long = "role", default_value = "owner@*")]
        roles: Vec<String>,
    },
    /// Revokes elevated access tokens of a user, those that were issued until now.
    Revoke {
        /// The user's name at the provider.
        #[arg(long, default_value = "alice")]
        name: String,
        /// As an administrator, rather than as the user.
        #[arg(long, conflicts_with = "token")]
        admin: bool,
        /// Which.
        #[command(flatten)]
        which: WhichTokens,
    },
}

/// Which tokens are revoked.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichTokens {
    /// This one, as it was issued.
    #[arg(long, value_name = "JWT")]
    pub(crate) token: Option<String>,
    /// The one with this id, its `jti`.
    #[arg(long, value_name = "ID")]
    pub(crate) token_id: Option<String>,
    /// Those that this device paid for, by its name; of recovery codes, with the id of the set.
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Those of this session.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// All.
    #[arg(long)]
    pub(crate) all: bool,
}

/// What to do with configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Checks a configuration file and the environment, and says what is wrong. Opens no other file, asks nobody.
    Check {
        /// For which role of `serve`; without it the configuration is that of `countersign dev`.
        #[arg(long)]
        role: Option<Role>,
        /// The file (TOML).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Prints every setting of `serve` and `dev`, what it means and what holds without it: docs/configuration.md.
    Reference,
}

/// Which role, and what it is told.
#[derive(Debug, Args)]
pub(crate) struct RoleOptions {
    /// The role.
    #[arg(long)]
    pub(crate) role: Role,
    /// The configuration file (TOML). Environment variables COUNTERSIGN__… go before it; see docs/configuration.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Whose database is brought up to date.
#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// The role.
    #[arg(long, required_unless_present = "all")]
    pub(crate) role: Option<Role>,
    /// Every role that has a table in the file.
    #[arg(long, conflicts_with = "role")]
    pub(crate) all: bool,
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What is decided after a restore.
#[derive(Debug, Subcommand)]
pub(crate) enum RestoreAction {
    /// Lets a role serve a database that was put back from a copy. What was given out until now is dead: tokens,
    /// receipts, codes. Stop the role's processes first.
    Acknowledge(RoleOptions),
}
