//! Lists of origins.

use kernel::{Error, Result};

use super::Mode;
use super::address;
use super::refusals::all;

/// The most origins in one list.
pub(crate) const MAX_ORIGINS: usize = 32;

/// Checks a list of origins, and that none stands there twice. `field` is the path of the list.
pub(crate) fn check(field: &str, origins: &[String], mode: Mode) -> Result<Vec<String>> {
    if origins.len() > MAX_ORIGINS {
        return Err(Error::invalid(field, "must have at most 32 entries"));
    }
    let checked = all(origins
        .iter()
        .enumerate()
        .map(|(index, origin)| address::origin(&format!("{field}[{index}]"), origin, mode)))?;
    for (index, origin) in checked.iter().enumerate() {
        if checked[..index].contains(origin) {
            return Err(Error::invalid(format!("{field}[{index}]"), "stands in the list twice"));
        }
    }
    Ok(checked)
}
