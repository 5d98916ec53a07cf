//! What is wrong with a configuration: all of it, so that nobody has to mend and try again line by line.

use std::path::Path;

use kernel::{Error, Result};
use storage::redis::RedisSettings;

/// A collection of complaints, each with the key that it is about.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    table: Option<&'static str>,
    found: Vec<String>,
}

impl Wrong {
    /// For complaints about the keys of one table; see [`Wrong::take`].
    pub(crate) const fn within(table: &'static str) -> Self {
        Self { table: Some(table), found: Vec::new() }
    }

    /// A complaint: what is wrong with the key, and what would be right.
    pub(crate) fn say(&mut self, key: &str, what: impl AsRef<str>) {
        let key = match self.table {
            Some(table) => format!("{table}.{key}"),
            None => key.to_owned(),
        };
        self.found.push(format!("`{key}` {}", what.as_ref()));
    }

    /// The complaint of somebody else who checked a part, whose keys are this table's.
    pub(crate) fn add(&mut self, checked: Result<()>) {
        let Err(error) = checked else { return };
        if error.violations().is_empty() {
            self.found.push(error.message().to_owned());
        }
        for violation in error.violations() {
            self.say(&violation.field, &violation.description);
        }
    }

    /// A key that must say something.
    pub(crate) fn need(&mut self, key: &str, said: bool, what_for: &str) {
        if !said {
            self.say(key, format!("is not set: {what_for}"));
        }
    }

    /// A key that must name a file.
    pub(crate) fn need_file(&mut self, key: &str, file: &Path, what: &str) {
        self.need(key, !file.as_os_str().is_empty(), what);
    }

    /// The Redis that keeps what has to be shared and ends soon, which in dev mode one process's memory may keep.
    /// `what` says what it is, with its verb.
    pub(crate) fn need_redis(&mut self, redis: Option<&RedisSettings>, production: bool, what: &str) {
        match redis {
            Some(redis) => self.add(redis.check(production)),
            None if production => self
                .say("redis", format!("is not set; in production {what} not kept in one process's memory")),
            None => {}
        }
    }

    /// The key-encryption keys.
    pub(crate) fn need_keys_file(&mut self, file: &Path) {
        self.need_file(
            "keys_file",
            file,
            "the keys that seal secrets at rest (`countersign keys` makes them)",
        );
    }

    /// The pinned nodes.
    pub(crate) fn need_directory_file(&mut self, file: &Path) {
        self.need_file("directory_file", file, "the nodes and their public keys");
    }

    /// Takes over the complaints about a table.
    pub(crate) fn take(&mut self, table: Self) {
        self.found.extend(table.found);
    }

    /// Refused when there was any complaint.
    pub(crate) fn finish(self) -> Result<()> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(Error::invalid("configuration", self.found.join("\n")))
    }
}
