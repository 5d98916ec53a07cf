//! `countersign keys encryption`.

use std::path::Path;

use kernel::{Error, Result};
use runtime::OsEntropy;
use storage::sealing::rewrap::census;

use super::sealed::{Sealed, config_argument};
use crate::cli::EncryptionAction;
use crate::key_files::EncryptionKeys;
use crate::output;
use crate::settings::{Settings, for_role};

pub(super) async fn run(action: EncryptionAction) -> Result<()> {
    let entropy = OsEntropy::new();
    match action {
        EncryptionAction::New { role, deployment, out } => {
            EncryptionKeys::create(&out, &deployment, &role, &entropy)?;
            output::line(&format!(
                "{}: one key-encryption key of {role} in deployment {deployment}, version 1. Keep a copy of the file: \
                 without it nothing in the database opens",
                out.display()
            ));
        }
        EncryptionAction::Show { file } => show(&EncryptionKeys::read(&file)?),
        EncryptionAction::Rotate { file } => {
            let version = EncryptionKeys::add(&file, true, &entropy)?;
            output::line(&format!(
                "{}: version {version} seals. Start the role again, then `countersign keys rewrap`",
                file.display()
            ));
        }
        EncryptionAction::Prepare { file } => {
            let version = EncryptionKeys::add(&file, false, &entropy)?;
            output::line(&format!(
                "{}: version {version} opens. Start every process of the role with the file, then `countersign keys \
                 encryption activate`",
                file.display()
            ));
        }
        EncryptionAction::Activate { file } => {
            let version = EncryptionKeys::activate(&file)?;
            output::line(&format!(
                "{}: version {version} seals. Start the role again, then `countersign keys rewrap`",
                file.display()
            ));
        }
        EncryptionAction::Drop { file, version, config } => {
            drop_version(&file, version, config.as_deref()).await?;
        }
    }
    Ok(())
}

fn show(keys: &EncryptionKeys) {
    output::line(&format!("{} in deployment {}", keys.owner(), keys.deployment()));
    for version in keys.versions() {
        let does = if version == keys.seals() { "seals and opens" } else { "opens" };
        output::line(&format!("version {version}\t{does}"));
    }
}

async fn drop_version(file: &Path, version: u32, config: Option<&Path>) -> Result<()> {
    let keys = EncryptionKeys::read(file)?;
    keys.check_removal(version)?;
    for_role!(keys.owner().role(), R => {
        let settings = Settings::<R>::load(config)?;
        // The file may be another copy than the one that the configuration names, but not another owner's.
        EncryptionKeys::of(file, &settings.shared.deployment, &crate::settings::RoleSettings::owner(&settings.own))?;
        let sealed = Sealed::open(&settings).await?;
        let left = census(&sealed.database, sealed.columns).await?.of(version);
        if left > 0 {
            return Err(Error::invalid(
                "version",
                format!(
                    "{left} values in the database are sealed with version {version}; run `countersign keys rewrap \
                     --role {}{}` first",
                    keys.owner().role(),
                    config_argument(config)
                ),
            ));
        }
        Ok(())
    })?;
    EncryptionKeys::remove(file, version)?;
    output::line(&format!(
        "{}: version {version} is gone. Copies of the database from before the re-wrapping need it still: keep it with \
         them if they are to be put back one day",
        file.display()
    ));
    Ok(())
}
