//! Configuration: defaults, then a TOML file, then the environment. Unknown keys are errors; an error names the key
//! and says what would be right.

use std::path::Path;

use figment::providers::{Env, Format as _, Serialized, Toml};
use figment::value::{Dict, Map, Uncased, UncasedStr};
use figment::{Figment, Metadata, Profile, Provider};
use kernel::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The prefix of environment variables that are settings; `__` stands for a dot: `COUNTERSIGN__LOG__LEVEL`.
pub const ENV_PREFIX: &str = "COUNTERSIGN__";

/// Reads the configuration. `T` must refuse unknown fields (`serde(deny_unknown_fields)`), and its default is what
/// holds where nothing is said.
pub fn load<T: DeserializeOwned + Serialize + Default>(file: Option<&Path>) -> Result<T> {
    let said = said(Figment::from(Serialized::defaults(T::default())), file, &[], |_| true)?;
    said.extract().map_err(|error| refused(error, "", &[]))
}

/// Reads a file that several processes have in common: what stands at its top, which is for all of them, and the table
/// `own`, which is for this one. Each of `tables` is the table of some process; those of others are not looked into, and
/// neither are environment variables for them. Names of tables have hyphens where variables have underscores:
/// `COUNTERSIGN__TOKEN_ISSUER__ISSUER` is `issuer` in `[token-issuer]`.
///
/// # Errors
/// `INVALID_REQUEST` naming the key, as for [`load`]; also when there is no table `own` at all.
pub fn load_table<S, T>(
    file: Option<&Path>,
    own: &'static str,
    tables: &'static [&'static str],
) -> Result<(S, T)>
where
    S: DeserializeOwned + Serialize + Default,
    T: DeserializeOwned + Serialize + Default,
{
    let top = Figment::from(Serialized::defaults(S::default()));
    let top = said(top, file, tables, move |key| !tables.contains(&key))?;
    // First, so that a file that is no TOML at all is told as that.
    let shared = top.extract().map_err(|error| refused(error, "", tables))?;
    let mine = said(Figment::new(), file, tables, move |key| key == own)?;
    if !mine.contains(own) {
        return Err(invalid(format!("there is no table [{own}]; it says what this role needs")));
    }
    let mine = Figment::from(Serialized::default(own, T::default())).merge(mine);
    Ok((shared, mine.focus(own).extract().map_err(|error| refused(error, own, &[]))?))
}

/// Whether a file or the environment has the table `own`.
///
/// # Errors
/// As for [`load_table`].
pub fn has_table(file: Option<&Path>, own: &'static str, tables: &'static [&'static str]) -> Result<bool> {
    let said = said(Figment::new(), file, tables, move |key| key == own)?;
    // A file that is no TOML at all is to be told as that.
    said.extract::<Dict>().map_err(|error| refused(error, "", tables))?;
    Ok(said.contains(own))
}

/// What a file and the environment say, upon `defaults`: the keys at the top that are to be looked at.
fn said(
    defaults: Figment,
    file: Option<&Path>,
    tables: &'static [&'static str],
    look_at: impl Fn(&str) -> bool + Copy,
) -> Result<Figment> {
    let mut said = defaults;
    if let Some(file) = file {
        if !file.is_file() {
            return Err(invalid(format!("there is no configuration file at {}", file.display())));
        }
        said = said.merge(Partly { provider: Toml::file_exact(file), look_at });
    }
    let environment = Env::prefixed(ENV_PREFIX).split("__").map(|name: &UncasedStr| {
        let name = name.as_str();
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        match tables.iter().find(|table| table.replace('-', "_").eq_ignore_ascii_case(first)) {
            Some(table) if !rest.is_empty() => Uncased::from(format!("{table}.{rest}")),
            _ => Uncased::from(name.to_owned()),
        }
    });
    Ok(said.merge(Partly { provider: environment, look_at }))
}

/// Some of the keys at the top of what a provider has.
struct Partly<P, F> {
    provider: P,
    look_at: F,
}

impl<P: Provider, F: Fn(&str) -> bool> Provider for Partly<P, F> {
    fn metadata(&self) -> Metadata {
        self.provider.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = self.provider.data()?;
        for values in data.values_mut() {
            values.retain(|key, _| (self.look_at)(key));
        }
        Ok(data)
    }
}

/// `within` is the table that keys are relative to; `tables` are names that are also right at the top.
fn refused(error: figment::Error, within: &str, tables: &[&'static str]) -> Error {
    let lines: Vec<String> = error.into_iter().map(|one| explain(&one, within, tables)).collect();
    invalid(lines.join("\n"))
}

/// One error for a reader.
fn explain(error: &figment::Error, within: &str, tables: &[&'static str]) -> String {
    let mut path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    if !within.is_empty() {
        path.insert(0, within);
    }
    let key = path.join(".");
    let place = error.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => format!(" (in {source})"),
        None if metadata.name.contains("environment") => " (in the environment)".to_owned(),
        None => String::new(),
    });
    let place = place.unwrap_or_default();
    match &error.kind {
        figment::error::Kind::UnknownField(found, known) => {
            // Some providers put the unknown name into the path, others do not.
            let full = match key.as_str() {
                "" => found.clone(),
                key if key.rsplit('.').next() == Some(found) => key.to_owned(),
                key => format!("{key}.{found}"),
            };
            let mut known = known.to_vec();
            if full == *found {
                known.extend_from_slice(tables);
            }
            match closest(found, &known) {
                Some(meant) => format!("`{full}` is not a setting{place}; did you mean `{meant}`?"),
                None => format!("`{full}` is not a setting{place}; there are: {}", known.join(", ")),
            }
        }
        kind if key.is_empty() => format!("the configuration is no TOML{place}: {kind}"),
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

    fn load_role(text: &str) -> Result<(Log, Example)> {
        let folder = testkit::folder();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, text).unwrap();
        load_table(Some(&file), "token-issuer", &["policy", "token-issuer"])
    }

    #[test]
    fn a_role_reads_the_top_and_its_own_table_and_looks_into_no_other() {
        let text = "level = \"debug\"\n[policy]\nnonsense = 7\n[token-issuer]\nlisten = \"x\"\n";
        let (shared, own) = load_role(text).unwrap();
        assert_eq!((shared.level.as_str(), own.listen.as_str()), ("debug", "x"));
    }

    #[test]
    fn a_misspelt_key_is_named_wherever_it_stands() {
        for (text, said) in [
            ("levle = \"debug\"\n[token-issuer]\n", "`levle` is not a setting"),
            ("[token-isuer]\n[token-issuer]\n", "did you mean `token-issuer`"),
            ("[token-issuer]\nlisen = \"x\"\n", "`token-issuer.lisen` is not a setting"),
            ("[token-issuer.log]\nlevle = \"x\"\n", "`token-issuer.log.levle` is not a setting"),
            ("[token-issuer]\nlisten = 7\n", "`token-issuer.listen` is not right"),
            ("level = \"debug\"\n[policy]\n", "there is no table [token-issuer]"),
            ("[policy\n", "countersign.toml"),
        ] {
            let error = load_role(text).unwrap_err();
            assert!(error.message().contains(said), "{text:?}: {error}");
        }
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
