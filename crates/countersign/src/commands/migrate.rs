//! `countersign migrate`.

use std::path::Path;

use kernel::{Error, Result};
use storage::{mark, sql};

use crate::cli::MigrateOptions;
use crate::output;
use crate::roles::Role;
use crate::settings::{RoleSettings, Settings, for_role};

/// Brings databases up to date and says what was done.
pub(crate) async fn run(options: &MigrateOptions) -> Result<()> {
    let file = options.config.as_deref();
    if let Some(role) = options.role {
        return for_role!(role, R => migrate::<R>(file).await);
    }
    let mut found = false;
    for role in Role::ALL {
        if runtime::config::has_table(file, role.name(), &Role::NAMES)? {
            found = true;
            for_role!(role, R => migrate::<R>(file).await)?;
        }
    }
    if found { Ok(()) } else { Err(Error::invalid("config", "has no table of any role")) }
}

async fn migrate<R: RoleSettings>(file: Option<&Path>) -> Result<()> {
    let settings = Settings::<R>::load(file)?;
    let database = settings.open_database().await?;
    // A wrong `database.url` must not change what is another role's, deployment's or mode's.
    mark::refuse_anothers(&database, &settings.owner()?).await?;
    let applied = sql::migrate::<R::Migrator>(&database).await?;
    for name in &applied {
        output::line(&format!("{}: applied {name}", R::ROLE));
    }
    let how = if applied.is_empty() { "was up to date" } else { "is up to date" };
    output::line(&format!("{}: the schema {how}", R::ROLE));
    Ok(())
}
