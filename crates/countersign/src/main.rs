//! `countersign`: the one binary. Every role, and the tools around them.

mod cli;
mod client;
mod commands;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod dev;
mod doctor;
mod files;
mod key_files;
mod node_directory;
mod output;
mod reference;
mod roles;
mod serve;
mod settings;
mod statement_file;
mod stop;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use cli::{Cli, Command, DevAction};
use kernel::Result;

/// How long what was begun beside the command may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("the async runtime does not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(cli.command));
    // A thread that hangs, such as on a file of a server that is away, must not keep the process.
    runtime.shutdown_timeout(END_LIMIT);
    match ended {
        Ok(code) => code,
        Err(error) => {
            output::refusal(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Dev { action: Some(DevAction::Certs(options)), .. } => commands::certs::run(&options)?,
        Command::Dev { action: None, options } => dev::command(options).await?,
        #[cfg(feature = "demo")]
        Command::Demo(options) => return demo::command(options).await,
        Command::Token { dev_file, action } => commands::token::run(&dev_file, action).await?,
        Command::Wallet { target, action } => commands::wallet::run(&target, action).await?,
        Command::Device { target, action } => commands::device::run(&target, action).await?,
        Command::Totp { target, action } => commands::totp::run(&target, action).await?,
        #[cfg(feature = "demo")]
        Command::Passkey { target, action } => commands::passkey::run(&target, action).await?,
        Command::RecoveryCodes { target, action } => commands::recovery_codes::run(&target, action).await?,
        Command::Factors { target, action } => commands::factors::run(&target, &action).await?,
        Command::Serve(options) => serve::command(&options).await?,
        Command::Migrate(options) => commands::migrate::run(&options).await?,
        Command::Doctor(options) => return doctor::command(&options).await,
        Command::Restore { action } => commands::restore::run(&action).await?,
        Command::Keys { action } => commands::keys::run(action).await?,
        Command::Config { action } => commands::config::run(&action)?,
    }
    Ok(ExitCode::SUCCESS)
}
