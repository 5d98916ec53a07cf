//! A witness in a folder: one small file for each name.
//!
//! A file is never changed in place: the new one is written aside, synced and moved over the old one, and the folder is
//! synced, before a value is acknowledged. Writers take turns by a lock file of the same name (`flock`), so that several
//! processes of one machine can share a folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use kernel::{Error, Result};
use tokio::sync::Mutex;

use super::{Witness, away, check_name, check_value};

/// The first line of every file: what it is, and the version of its form.
const HEADER: &str = "countersign-witness 1";

/// A witness in a folder, which must be there. Every handle on the folder, of whatever process, sees the same.
#[derive(Clone, Debug)]
pub struct FileWitness {
    folder: Arc<Path>,
    /// Whoever holds it is in the folder. Moves into the blocking task, so that a stalled disk holds up one thread and
    /// not one for each try.
    turn: Arc<Mutex<()>>,
}

impl FileWitness {
    /// In `folder`, which is best on another disk than the databases, and must be left alone when one is restored.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into(), turn: Arc::default() }
    }

    async fn with_folder<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Place) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        check_name(name)?;
        let place = Place { folder: self.folder.clone(), name: name.to_owned() };
        let turn = self.turn.clone().lock_owned().await;
        let work = move || {
            let _turn = turn;
            work(&place)
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

#[async_trait]
impl Witness for FileWitness {
    async fn read(&self, name: &str) -> Result<Option<u64>> {
        self.with_folder(name, Place::read).await
    }

    async fn raise(&self, name: &str, value: u64) -> Result<u64> {
        check_value(value)?;
        self.with_folder(name, move |place| place.raise(value)).await
    }
}

/// Where a name's value stands.
struct Place {
    folder: Arc<Path>,
    name: String,
}

impl Place {
    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    /// The value. A file that is not there is one that was never written only if its folder is there.
    fn read(&self) -> Result<Option<u64>> {
        let path = self.file("witness");
        match std::fs::read(&path) {
            Ok(octets) => self.parse(&octets).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder =
                    std::fs::metadata(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
                if folder.is_dir() { Ok(None) } else { Err(not_a_folder(&self.folder)) }
            }
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    fn raise(&self, value: u64) -> Result<u64> {
        let path = self.file("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(|error| unusable(&path, &error))?;
        // Until `lock` is dropped.
        lock.lock().map_err(|error| unusable(&path, &error))?;
        let known = self.read()?;
        if let Some(known) = known
            && known >= value
        {
            return Ok(known);
        }
        self.replace(value)?;
        Ok(value)
    }

    fn replace(&self, value: u64) -> Result<()> {
        let aside = self.file("new");
        let write = || {
            let mut file = File::create(&aside)?;
            file.write_all(self.text(value).as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| unusable(&aside, &error))?;
        let moved = std::fs::rename(&aside, self.file("witness"))
            // The new name is durable only when the folder is.
            .and_then(|()| File::open(&self.folder)?.sync_all());
        moved.map_err(|error| unusable(&self.folder, &error))
    }

    /// The file: header, name, value, and SHA-256 over these three lines, so that what a disk spoiled or somebody
    /// half-edited is not taken for a value.
    fn text(&self, value: u64) -> String {
        let body = format!("{HEADER}\n{}\n{value}\n", self.name);
        let sum = digest(&SHA256, body.as_bytes());
        let sum: String = sum.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{body}{sum}\n")
    }

    fn parse(&self, octets: &[u8]) -> Result<u64> {
        let value = std::str::from_utf8(octets)
            .ok()
            .and_then(|text| text.lines().nth(2)?.parse().ok())
            .filter(|value| self.text(*value).as_bytes() == octets)
            .ok_or_else(|| {
                away(format!(
                    "{} is not what was written for {}; put the right file back, or remove it and acknowledge \
                     (docs/restore.md)",
                    self.file("witness").display(),
                    self.name
                ))
            })?;
        check_value(value)?;
        Ok(value)
    }
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    away(format!("{}: {error}", path.display()))
}

fn not_a_folder(path: &Path) -> Error {
    away(format!("{} is not a folder", path.display()))
}

#[cfg(test)]
mod tests;
