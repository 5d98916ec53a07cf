//! `countersign keys` and `countersign dev certs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jose::{Algorithm, KeyId};
use kernel::NodeId;
use token_issuer::rotation::KeyPurpose;

use super::RoleOptions;
use crate::key_files::SealingOwner;

/// What to do with keys. docs/keys.md is the run book.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// The keys that seal a role's secrets at rest.
    Encryption {
        /// What to do with them.
        #[command(subcommand)]
        action: EncryptionAction,
    },
    /// Seals every secret in a role's database with the version that seals now. Runs beside live processes, and goes on
    /// where it was when it is run again.
    Rewrap(RoleOptions),
    /// The operator root, which says which keys sign receipts. Keep it offline.
    Root {
        /// What to do with it.
        #[command(subcommand)]
        action: RootAction,
    },
    /// The identities of nodes.
    Node {
        /// What to do with them.
        #[command(subcommand)]
        action: NodeAction,
    },
    /// Writes the directory that pins the nodes of a group: the same file for every node and the gateway.
    Directory(DirectoryOptions),
    /// The keys that token-issuer signs with.
    Issuer {
        /// What to do with them.
        #[command(subcommand)]
        action: IssuerAction,
    },
    /// The root's statements of receipt keys.
    Statement {
        /// What to do with them.
        #[command(subcommand)]
        action: StatementAction,
    },
}

/// What to do with key-encryption keys.
#[derive(Debug, Subcommand)]
pub(crate) enum EncryptionAction {
    /// Makes the key file of a role: mode 0600, with one key.
    New {
        /// Whose secrets it seals: `mfa-devices`, `token-issuer`, or `mpc-signer.NODE` of one node.
        #[arg(long, value_name = "ROLE")]
        role: SealingOwner,
        /// The deployment, as the configuration names it.
        #[arg(long, value_name = "NAME")]
        deployment: String,
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Says whose a key file is and which versions it has. Shows no key.
    Show {
        /// The key file.
        file: PathBuf,
    },
    /// Adds the next version, which seals from the next start of the role on. For a role with one process; with several,
    /// use `prepare` and `activate`.
    Rotate {
        /// The key file, which is replaced as a whole.
        file: PathBuf,
    },
    /// Adds the next version, which only opens for now. Once every process of the role was started with it, `activate` it.
    Prepare {
        /// The key file, which is replaced as a whole.
        file: PathBuf,
    },
    /// Lets the newest version seal.
    Activate {
        /// The key file, which is replaced as a whole.
        file: PathBuf,
    },
    /// Takes a version out of a key file for ever. Refused while anything in the role's database is sealed with it.
    #[command(disable_version_flag = true)]
    Drop {
        /// The key file, which is replaced as a whole.
        file: PathBuf,
        /// The version.
        #[arg(long)]
        version: u32,
        /// The role's configuration file (TOML), which says where its database is.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// What to do with the operator root.
#[derive(Debug, Subcommand)]
pub(crate) enum RootAction {
    /// Makes a root: the private key in the file, the public one, which verifiers pin, beside it in `….pub.json`.
    New {
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// What to do with the identities of nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeAction {
    /// Makes the identity of a node, and prints its entry for the directory.
    New {
        /// What the node is called: 1 to 32 lower-case letters, digits and hyphens.
        #[arg(long, value_name = "ID")]
        node: NodeId,
        /// Its FROST identifier, from 1. Never one that another node has or had.
        #[arg(long, value_name = "NUMBER")]
        identifier: u16,
        /// The deployment, as the configuration names it.
        #[arg(long, value_name = "NAME")]
        deployment: String,
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Makes a new identity of the same node, which is known by the earlier one for what it attested, and prints its
    /// entry for the directory.
    Rotate {
        /// The file of the present identity.
        file: PathBuf,
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Prints the entry of a node for the directory again.
    Entry {
        /// The file of its identity.
        file: PathBuf,
    },
}

/// Which nodes make a group.
#[derive(Debug, Args)]
pub(crate) struct DirectoryOptions {
    /// The group: 1 to 32 lower-case letters, digits and hyphens.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: String,
    /// How many nodes must act together: at least 2 and more than half of them.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threshold: u16,
    /// The file to write. An earlier directory is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// A file with a node's entry, as `countersign keys node` prints it.
    #[arg(required = true, value_name = "ENTRY")]
    pub(crate) entries: Vec<PathBuf>,
}

/// Where the issuer's database is.
#[derive(Debug, Args)]
pub(crate) struct IssuerOptions {
    /// token-issuer's configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What to do with the keys that token-issuer signs with.
#[derive(Debug, Subcommand)]
pub(crate) enum IssuerAction {
    /// Lists them: prepared (published, does not sign), active (signs), superseded (signed before), retired, revoked.
    List {
        /// Where they are.
        #[command(flatten)]
        at: IssuerOptions,
        /// Prints nothing but the public keys of receipts, a JSON Web Key Set for `keys statement new`.
        #[arg(long)]
        jwks: bool,
    },
    /// Makes a key and publishes it.
    Prepare {
        /// Where.
        #[command(flatten)]
        at: IssuerOptions,
        /// What it is to sign: `elevated` or `receipt`.
        #[arg(long)]
        purpose: KeyPurpose,
        /// How: `ES256`, `EdDSA` or `RS256`; by default what the configuration says.
        #[arg(long)]
        algorithm: Option<Algorithm>,
    },
    /// Lets a key sign instead of the one that does now. Processes that run take it up within seconds.
    Activate {
        /// Where.
        #[command(flatten)]
        at: IssuerOptions,
        /// The key, by the name that `prepare` and `list` print. It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        key: KeyId,
        /// For a key of receipts, required: the statement that every verifier has by now. It must state this key.
        #[arg(long, value_name = "FILE", requires = "root")]
        statement: Option<PathBuf>,
        /// The public key of the root that signed the statement (`….pub.json`).
        #[arg(long, value_name = "FILE", requires = "statement")]
        root: Option<PathBuf>,
    },
    /// Takes a key out of use for ever and erases it. Refused while it signs, or while what it signed is good.
    Retire {
        /// Where.
        #[command(flatten)]
        at: IssuerOptions,
        /// The key, by the name that `list` prints. It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        key: KeyId,
    },
    /// Retires a key in wrong hands, while what it signed is good: that is refused, within 8 seconds at every process.
    /// Refused while it signs.
    Revoke {
        /// Where.
        #[command(flatten)]
        at: IssuerOptions,
        /// The key, by the name that `list` prints. It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        key: KeyId,
    },
}

/// What to do with statements of receipt keys.
#[derive(Debug, Subcommand)]
pub(crate) enum StatementAction {
    /// Signs a statement: these keys, and no others, sign the receipts of an issuer.
    New {
        /// The root's file.
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// The `iss` of the receipts: what `token-issuer.issuer` says.
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// The keys, as `countersign keys issuer list --jwks` prints them.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// The number of the statement, higher than that of every earlier one, from 1.
        #[arg(long, value_name = "NUMBER")]
        sequence: u64,
        /// For how many days it holds, from five minutes ago on.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=1_100))]
        valid_days: u16,
        /// The file to write. An earlier statement is replaced, if its number is lower.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Shows what a statement says.
    Show {
        /// The statement.
        file: PathBuf,
        /// The public key of the root (`….pub.json`); without it the signature is not checked.
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
}

/// What `dev` does beside running.
#[derive(Debug, Subcommand)]
pub(crate) enum DevAction {
    /// Makes certificates for trying out mutual TLS: an authority, and one certificate for each role and node. Run
    /// again, it renews the certificates under the same authority.
    Certs(CertsOptions),
}

/// Which certificates.
#[derive(Debug, Args)]
pub(crate) struct CertsOptions {
    /// The deployment, part of every name: `policy.NAME.countersign.internal`.
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: String,
    /// The folder for the files.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// For how many days the certificates hold.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    pub(crate) days: u16,
    /// A node; repeat it for each. By default `node-1`, `node-2` and `node-3`.
    #[arg(long = "node", value_name = "ID")]
    pub(crate) nodes: Vec<NodeId>,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn a_key_whose_name_begins_with_a_hyphen_is_no_option() {
        for command in ["activate", "retire", "revoke"] {
            let line = ["countersign", "keys", "issuer", command, "--config", "c.toml", "-T3AhyphenFirst"];
            Cli::try_parse_from(line).unwrap();
        }
    }
}
