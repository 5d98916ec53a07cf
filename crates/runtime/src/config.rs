//! Configuration: defaults, then a TOML file, then the environment. Unknown keys are errors; an error names the key
//! and says what would be right.

use std::path::Path;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use kernel::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The prefix of environment variables that are settings; `__` stands for a dot: `COUNTERSIGN__LOG__LEVEL`.
pub const ENV_PREFIX: &str = "COUNTERSIGN__";

/// Reads the configuration. `T` must refuse unknown fields (`serde(deny_unknown_fields)`), and its default is what
/// holds where nothing is said.
pub fn load<T: DeserializeOwned + Serialize + Default>(file: Option<&Path>) -> Result<T> {
    let mut figment = Figment::from(Serialized::defaults(T::default()));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(invalid(format!("there is no configuration file at {}", file.display())));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    figment.merge(Env::prefixed(ENV_PREFIX).split("__")).extract().map_err(|error| {
        let lines: Vec<String> = error.into_iter().map(|one| explain(&one)).collect();
        invalid(lines.join("\n"))
    })
}

fn explain(error: &figment::Error) -> String {
    let key = error.path.join(".");
    let place = error.metadata.as_ref().and_then(|metadata| metadata.source.as_ref());
    let place = place.map(|place| format!(" (in {place})")).unwrap_or_default();
    match &error.kind {
        figment::error::Kind::UnknownField(found, known) => {
            // Some providers put the unknown name into the path, others do not.
            let full = match key.as_str() {
                "" => found.clone(),
                key if key.rsplit('.').next() == Some(found) => key.to_owned(),
                key => format!("{key}.{found}"),
            };
            match closest(found, known) {
                Some(meant) => format!("`{full}` is not a setting{place}; did you mean `{meant}`?"),
                None => format!("`{full}` is not a setting{place}; there are: {}", known.join(", ")),
            }
        }
        kind => format!("`{key}` is not right{place}: {kind}"),
    }
}

/// The known name that differs from `found` the least, if it is close.
fn closest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (distance(found, name), *name))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
}

/// Levenshtein distance over characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn invalid(message: String) -> Error {
    Error::invalid("configuration", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(deny_unknown_fields, default)]
    struct Example {
        listen: String,
        log: Log,
    }

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(deny_unknown_fields, default)]
    struct Log {
        level: String,
    }

    fn load_text(text: &str) -> Result<Example> {
        let folder = testkit::folder();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, text).unwrap();
        load(Some(&file))
    }

    #[test]
    fn a_misspelt_key_is_named_with_what_was_meant() {
        let error = load_text("[log]\nlevle = \"debug\"\n").unwrap_err();
        assert!(error.message().contains("log.levle"), "{error}");
        assert!(error.message().contains("did you mean `level`"), "{error}");
        let error = load_text("lisen = \"x\"\n").unwrap_err();
        assert!(error.message().contains("did you mean `listen`"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        let error = load_text("listen = 7\n").unwrap_err();
        assert!(error.message().contains("`listen`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        assert!(load::<Example>(Some(Path::new("/nonexistent/countersign.toml"))).is_err());
    }

    #[test]
    fn what_is_said_holds() {
        assert_eq!(load_text("[log]\nlevel = \"debug\"\n").unwrap().log.level, "debug");
    }
}
