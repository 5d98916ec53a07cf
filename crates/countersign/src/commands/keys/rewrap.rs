//! `countersign keys rewrap`.

use std::sync::Arc;

use kernel::{Clock as _, Error, Result};
use runtime::{OsEntropy, SystemClock};
use storage::Sealer;
use storage::sealing::rewrap::{Progress, census, rewrap};

use super::sealed::Sealed;
use crate::cli::RoleOptions;
use crate::commands::written::written;
use crate::output;
use crate::settings::{RoleSettings, Settings, for_role};

/// How many rows that do not open are named at the end. All are counted.
const NAMED: usize = 50;

/// How often progress is said, in parts of the whole.
const PARTS: u64 = 20;

pub(super) async fn run(options: &RoleOptions) -> Result<()> {
    for_role!(options.role, R => of_role::<R>(options).await)
}

async fn of_role<R: RoleSettings>(options: &RoleOptions) -> Result<()> {
    let settings = Settings::<R>::load(options.config.as_deref())?;
    let Sealed { database, columns, keys } = Sealed::open(&settings).await?;
    let owner = keys.owner().to_string();
    let sealer: Sealer = keys.sealer(Arc::new(OsEntropy::new()))?;
    let current = sealer.current();
    output::line(&format!("{owner}: version {current} seals"));
    let mut said = Said::default();
    let mut tell = |progress: &Progress| said.tell(progress);
    let work = rewrap(&database, &sealer, columns, &mut tell);
    let resource = format!("encryption-keys/{current}");
    let done = written(&database, "secrets.rewrap", resource, SystemClock.now(), work).await?;

    let mut unopened = Vec::new();
    for column in done {
        output::line(&format!(
            "{}: {} re-wrapped, {} were already, {} do not open",
            column.column,
            column.rewrapped,
            column.passed,
            column.unopened.len()
        ));
        unopened.extend(column.unopened);
    }
    let left = census(&database, columns).await?;
    for (version, count) in &left.by_version {
        let version = version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
        output::line(&format!("{count} values are sealed with {version}"));
    }
    verdict(&unopened, left.total() - left.of(current), current)
}

/// Says no unless everything is sealed with the version that seals.
fn verdict(unopened: &[String], elsewhere: u64, current: u32) -> Result<()> {
    if !unopened.is_empty() {
        let named = unopened.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("\n  ");
        let more = match unopened.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        return Err(Error::invalid(
            "rewrap",
            format!(
                "{} values do not open: they were altered or moved, or their key is not in the file. They are left as \
                 they are; drop no key before it is known why:\n  {named}{more}",
                unopened.len()
            ),
        ));
    }
    if elsewhere > 0 {
        return Err(Error::invalid(
            "rewrap",
            format!(
                "{elsewhere} values were sealed with another version than {current} meanwhile: a process of the role \
                 runs with an earlier key file. Start it again, then run this again"
            ),
        ));
    }
    output::line("everything is sealed with the version that seals");
    Ok(())
}

/// Says how far it is, now and then.
#[derive(Default)]
struct Said {
    column: &'static str,
    part: u64,
}

impl Said {
    fn tell(&mut self, progress: &Progress) {
        let part = progress.seen.saturating_mul(PARTS) / progress.total.max(1);
        if self.column == progress.column && part <= self.part && progress.seen < progress.total {
            return;
        }
        (self.column, self.part) = (progress.column, part);
        output::line(&format!(
            "{}: {} of {} seen, {} re-wrapped",
            progress.column, progress.seen, progress.total, progress.rewrapped
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_well_only_when_everything_is_sealed_anew() {
        assert!(verdict(&[], 0, 2).is_ok());
        assert!(verdict(&[], 3, 2).unwrap_err().message().contains("earlier key file"));
        let rows: Vec<_> = (0..60).map(|number| format!("things {number}")).collect();
        let refused = verdict(&rows, 60, 2).unwrap_err();
        assert!(refused.message().contains("60 values") && refused.message().contains("things 49"));
        assert!(refused.message().contains("and 10 more") && !refused.message().contains("things 50"));
    }
}
