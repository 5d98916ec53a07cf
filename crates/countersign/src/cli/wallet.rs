//! Users of a dev suite and their wallets.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DevFileOption, ProofOptions};

/// Which suite to call, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The file that `countersign dev` wrote.
    #[command(flatten)]
    pub(crate) dev_file: DevFileOption,
    /// The user's name at the provider of `countersign dev`.
    #[arg(long, global = true, default_value = "alice")]
    pub(crate) name: String,
    /// The session's name.
    #[arg(long, global = true, default_value = "session-1")]
    pub(crate) session: String,
}

/// What to do with wallets.
#[derive(Debug, Subcommand)]
pub(crate) enum WalletAction {
    /// Creates a wallet and prints its name and address.
    Create {
        /// The operation's id, for a retry; a fresh one by default.
        #[arg(long)]
        operation_id: Option<String>,
    },
    /// Lists the user's wallets.
    List,
    /// Signs a message and prints the signature in hex; several with one proof, a line for each.
    Sign {
        /// The wallet, by name or id.
        wallet: String,
        /// The message, as text. Again for each further one, up to 32.
        #[arg(long = "message", value_name = "TEXT", required = true)]
        messages: Vec<String>,
        /// How to prove a second factor, where policy asks for one.
        #[command(flatten)]
        proof: ProofOptions,
    },
    /// Exports the private key, opens it, and proves that it makes the wallet's address.
    Export {
        /// The wallet, by name or id.
        wallet: String,
        /// Writes the key to this new file, mode 0600; without it the key is only checked, and thrown away.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// How to prove a second factor, where policy asks for one.
        #[command(flatten)]
        proof: ProofOptions,
    },
}
