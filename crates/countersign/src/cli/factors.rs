//! Second factors: how they are proved, and the commands that manage them.

#[cfg(feature = "demo")]
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kernel::FactorKind;

use super::DevFileOption;

/// How to prove a second factor for one operation.
#[derive(Debug, Args)]
pub(crate) struct ProofOptions {
    /// The code that the authenticator app shows now.
    #[arg(long, group = "factor")]
    pub(crate) code: Option<String>,
    /// The file of a passkey device in software, as `countersign passkey register` makes it.
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "FILE", group = "factor")]
    pub(crate) passkey: Option<PathBuf>,
    /// A recovery code, which is used up. Policy says where one will do.
    #[arg(long, value_name = "CODE", group = "factor")]
    pub(crate) recovery_code: Option<String>,
    /// The operation's id, for a retry; a fresh one by default.
    #[arg(long)]
    pub(crate) operation_id: Option<String>,
}

/// A proof for the recovery codes: of another factor.
#[derive(Debug, Args)]
pub(crate) struct FreshProofOptions {
    /// The code that the authenticator app shows now.
    #[arg(long, group = "factor")]
    pub(crate) code: Option<String>,
    /// The file of a passkey device in software, as `countersign passkey register` makes it.
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "FILE", group = "factor")]
    pub(crate) passkey: Option<PathBuf>,
}

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceAction {
    /// Lists the user's devices, and what is known of each.
    List,
    /// Calls a device something else.
    Rename {
        /// The device, by name or id.
        device: String,
        /// What to call it.
        display_name: String,
    },
    /// Makes a device the one to offer first.
    Default {
        /// The device, by name or id.
        device: String,
    },
    /// Removes a device. A factor goes only for a proof at least as strong as the strongest one held.
    Remove {
        /// The device, by name or id.
        device: String,
        /// How to prove a second factor.
        #[command(flatten)]
        proof: ProofOptions,
    },
}

/// What to do with authenticator apps.
#[derive(Debug, Subcommand)]
pub(crate) enum TotpAction {
    /// Makes a pending device and shows its secret, this once: as text and as a QR code to scan.
    Register {
        /// What to call it.
        #[arg(long, value_name = "NAME", default_value = "")]
        display_name: String,
        /// How to prove a factor that is there already: a further one takes that.
        #[command(flatten)]
        proof: ProofOptions,
    },
    /// Makes a pending device a factor, by the first code that it shows.
    Activate {
        /// The device, by name or id.
        device: String,
        /// The code.
        #[arg(long)]
        code: String,
    },
}

/// What to do with passkeys.
#[cfg(feature = "demo")]
#[derive(Debug, Subcommand)]
pub(crate) enum PasskeyAction {
    /// Registers a passkey of a device in software: for trying things out, never for people.
    Register {
        /// Where the device is kept, private keys and all: mode 0600. One that is there gets a further passkey.
        #[arg(long, value_name = "FILE")]
        save: PathBuf,
        /// What to call it.
        #[arg(long, value_name = "NAME", default_value = "")]
        display_name: String,
        /// How to prove a factor that is there already: a further one takes that.
        #[command(flatten)]
        proof: ProofOptions,
    },
}

/// What to do with recovery codes.
#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCodesAction {
    /// Makes ten codes and shows them; older ones are dead. Needs a fresh proof of another factor: one given here, or the
    /// one that this session made within five minutes by activating or registering a factor.
    Make {
        /// The proof.
        #[command(flatten)]
        proof: FreshProofOptions,
    },
    /// Shows the codes again: to the session that made them, for ten minutes, until they are acknowledged. Needs a fresh
    /// proof as well.
    Show {
        /// The proof.
        #[command(flatten)]
        proof: FreshProofOptions,
    },
    /// Says how many are left.
    Status,
    /// Says that the codes are kept: they cannot be shown any more.
    Acknowledge,
}

/// Whose factors an administrator looks after.
#[derive(Debug, Args)]
pub(crate) struct FactorsTarget {
    /// The file that `countersign dev` wrote.
    #[command(flatten)]
    pub(crate) dev_file: DevFileOption,
    /// The user's name at the provider of `countersign dev`.
    #[arg(long, global = true, default_value = "alice")]
    pub(crate) name: String,
}

/// What an administrator does with users' factors.
#[derive(Debug, Subcommand)]
pub(crate) enum FactorsAction {
    /// Shows what a user has, and how far each throttle is.
    Show,
    /// Takes all factors and recovery codes from a user who lost them.
    Reset {
        /// Also forgets that the user ever had a factor: actions that are open to who never had one are open again.
        #[arg(long)]
        forget_ever_verified: bool,
    },
    /// Forgets a user's wrong codes, so that codes are tested again.
    ClearThrottle {
        /// Which codes.
        #[arg(long)]
        kind: CodeKind,
    },
    /// Lists what happened to the factors of all users of the environment, oldest first.
    Events {
        /// Says that they were delivered: they are not listed any more.
        #[arg(long)]
        acknowledge: bool,
    },
}

/// The kinds of factors that are tested by codes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CodeKind {
    /// Codes of authenticator apps.
    Totp,
    /// Recovery codes.
    RecoveryCode,
}

impl From<CodeKind> for FactorKind {
    fn from(kind: CodeKind) -> Self {
        match kind {
            CodeKind::Totp => Self::Totp,
            CodeKind::RecoveryCode => Self::RecoveryCode,
        }
    }
}
