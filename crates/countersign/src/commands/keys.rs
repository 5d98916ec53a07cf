//! `countersign keys`: what an operator does with keys. docs/keys.md is the run book.

mod directory;
mod encryption;
mod issuer;
mod node;
mod rewrap;
mod root;
mod sealed;
mod statement;
#[cfg(test)]
mod tests;

use kernel::Result;

use crate::cli::KeysAction;

/// Does it.
pub(crate) async fn run(action: KeysAction) -> Result<()> {
    match action {
        KeysAction::Encryption { action } => encryption::run(action).await,
        KeysAction::Rewrap(options) => rewrap::run(&options).await,
        KeysAction::Root { action } => root::run(&action),
        KeysAction::Node { action } => node::run(action),
        KeysAction::Directory(options) => directory::run(&options),
        KeysAction::Issuer { action } => issuer::run(action).await,
        KeysAction::Statement { action } => statement::run(&action),
    }
}
