//! `countersign`: the one binary. Every role, and the tools around them.

mod cli;
mod client;
mod commands;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod dev;
mod files;
mod output;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};
use kernel::Result;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("the async runtime does not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            output::refusal(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Dev(options) => dev::command(options).await?,
        #[cfg(feature = "demo")]
        Command::Demo(options) => return demo::command(options).await,
        Command::Token { dev_file, kind } => commands::token::run(&dev_file, kind)?,
        Command::Wallet { target, action } => commands::wallet::run(&target, action).await?,
        Command::Config { action } => commands::config::run(&action)?,
    }
    Ok(ExitCode::SUCCESS)
}
