//! `docs/configuration.md`, made from the settings themselves: their comments, types and defaults.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::DevConfig;
use crate::settings::{
    MfaDevicesSettings, MpcSignerSettings, PolicySettings, RoleSettings, Shared, TokenIssuerSettings,
    WaasGatewaySettings,
};

const OPENING: &str = "\
# Configuration

Made by `countersign config reference` from the settings in the code; do not edit it by hand.

A process reads one TOML file, named by `--config`, and the environment, which goes before the file. What stands at the
top of the file is for all roles of a deployment; each role has a table of its own and looks at no other, so that one file
can serve all, or each role can have its own. A key that is not a setting is refused, by name; so is everything at once that
is not right: try `countersign config check --role ROLE --config FILE`.

A variable is called like its key: `COUNTERSIGN__` in front, `__` for the dots, upper case, underscores for the hyphens of
a table's name: `COUNTERSIGN__TOKEN_ISSUER__DATABASE__URL` is `url` in `[token-issuer.database]`, and
`COUNTERSIGN__LOG__LEVEL` is `level` in `[log]`. A list or table as a value is written in TOML's inline form.

No setting is a secret itself. Keys and passwords are in files that settings name, and those must not be open to others.
";

/// The whole page.
pub(crate) fn markdown() -> String {
    let mut page = Page { out: OPENING.to_owned(), ..Page::default() };
    page.table::<Shared>("For all roles", "What stands at the top of the file.", "");
    page.role::<PolicySettings>();
    page.role::<MfaDevicesSettings>();
    page.role::<TokenIssuerSettings>();
    page.role::<WaasGatewaySettings>();
    page.role::<MpcSignerSettings>();
    page.table::<DevConfig>(
        "`countersign dev`",
        "The whole suite in one process has a file of its own, and needs none.",
        "",
    );
    page.parts();
    page.out
}

#[derive(Default)]
struct Page {
    out: String,
    /// What several tables have, by the name of its type.
    parts: BTreeMap<String, Map<String, Value>>,
}

impl Page {
    fn role<R: RoleSettings>(&mut self) {
        let name = R::ROLE.name();
        let schema = SchemaGenerator::default().into_root_schema_for::<R>();
        let meaning = text(schema.as_object().and_then(|schema| schema.get("description")));
        self.table::<R>(&format!("`[{name}]`"), &meaning, name);
    }

    /// A section for one table, and its parts kept for later.
    fn table<T: JsonSchema + Default + Serialize>(&mut self, title: &str, meaning: &str, table: &str) {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        let Value::Object(schema) = schema.to_value() else { return };
        if let Some(Value::Object(parts)) = schema.get("$defs") {
            for (name, part) in parts {
                if let Value::Object(part) = part {
                    self.parts.insert(name.clone(), part.clone());
                }
            }
        }
        let _ = write!(self.out, "\n## {title}\n\n{meaning}\n\n");
        let prefix = match table {
            "" => String::new(),
            table => format!("{}__", table.to_uppercase().replace('-', "_")),
        };
        let variable = |key: &str| Some(format!("COUNTERSIGN__{prefix}{}", key.to_uppercase()));
        self.keys(&schema, &serde_json::to_value(T::default()).unwrap_or_default(), variable);
    }

    /// The parts that tables refer to. A part of a fixed set of words has none.
    fn parts(&mut self) {
        self.out.push_str("\n# What tables are made of\n");
        for (name, part) in self.parts.clone() {
            if part.contains_key("properties") {
                let _ = write!(self.out, "\n## {}\n\n{}\n\n", spoken(&name), text(part.get("description")));
                self.keys(&part, &Value::Null, |_| None);
            }
        }
    }

    /// A line for each key, in alphabetical order.
    fn keys(
        &mut self,
        table: &Map<String, Value>,
        defaults: &Value,
        variable: impl Fn(&str) -> Option<String>,
    ) {
        let Some(Value::Object(keys)) = table.get("properties") else { return };
        let keys: BTreeMap<_, _> = keys.iter().collect();
        for (key, schema) in keys {
            let kind = self.kind(schema);
            let default = defaults.get(key).or_else(|| schema.get("default"));
            let default = default.map(|default| self.said(schema, default)).unwrap_or_default();
            let variable = match variable(key) {
                Some(variable) if self.part(schema).is_none() => format!(" `{variable}`"),
                _ => String::new(),
            };
            let meaning = text(schema.get("description"));
            let _ = writeln!(self.out, "- **`{key}`** ({kind}{default}){variable}\n  {meaning}");
        }
    }

    /// The part that a key refers to, when it is a table and no word.
    fn part(&self, schema: &Value) -> Option<(String, &Map<String, Value>)> {
        let name = referred(schema)?;
        self.parts.get(&name).filter(|part| part.contains_key("properties")).map(|part| (name, part))
    }

    /// What a value is, for a reader.
    fn kind(&self, schema: &Value) -> String {
        if let Some((name, _)) = self.part(schema) {
            let spoken = spoken(&name);
            return format!("[{spoken}](#{})", spoken.replace(' ', "-"));
        }
        if let Some(part) = referred(schema).and_then(|name| self.parts.get(&name)) {
            return words(part);
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            // `["string", "null"]`: may be left out.
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
            _ => "",
        };
        match kind {
            "string" => "text".to_owned(),
            "integer" => "number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => match schema.get("items").map(|items| self.kind(items)) {
                Some(items) => format!("list: {items}"),
                None => "list".to_owned(),
            },
            "object" => "table of texts".to_owned(),
            other => other.to_owned(),
        }
    }

    /// `, default …`, when there is one that says anything. Of a table, what differs from the part's own defaults.
    fn said(&self, schema: &Value, default: &Value) -> String {
        let shown = match (self.part(schema), default) {
            (Some((_, part)), Value::Object(values)) => {
                let own = |key: &str| part.get("properties")?.get(key)?.get("default").cloned();
                let differing = values.iter().filter(|(key, value)| own(key).as_ref() != Some(*value));
                let shown: Vec<_> = differing
                    .filter(|(_, value)| is_said(value))
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                shown.join(", ")
            }
            (_, value) if is_said(value) => value.to_string().trim_matches('"').to_owned(),
            _ => String::new(),
        };
        if shown.is_empty() { shown } else { format!(", default `{shown}`") }
    }
}

/// Whether a default is worth a word.
fn is_said(value: &Value) -> bool {
    match value {
        Value::Null | Value::Object(_) => false,
        // Of a listener as such: each role has an address of its own by default, which stands there.
        Value::String(text) => !text.is_empty() && text != "127.0.0.1:0",
        Value::Array(values) => !values.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The type that a schema refers to, directly, as one that may be left out, or as the items of a list.
fn referred(schema: &Value) -> Option<String> {
    let direct = |schema: &Value| Some(schema.get("$ref")?.as_str()?.rsplit('/').next()?.to_owned());
    let optional = || schema.get("anyOf")?.as_array()?.iter().find_map(direct);
    direct(schema).or_else(optional)
}

/// The words of an enumeration.
fn words(part: &Map<String, Value>) -> String {
    let plain = part.get("enum").and_then(Value::as_array).into_iter().flatten();
    let explained = part.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> = plain
        .chain(explained.filter_map(|one| one.get("const")))
        .filter_map(Value::as_str)
        .map(|word| format!("`{word}`"))
        .collect();
    words.join(" or ")
}

/// `PublicTlsSettings` → `public tls settings`.
fn spoken(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            out.push(' ');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A comment as one line.
fn text(description: Option<&Value>) -> String {
    let text = description.and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_the_one_that_the_settings_make() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            kept == markdown(),
            "docs/configuration.md is not what the settings say; `countersign config reference > docs/configuration.md`"
        );
    }

    #[test]
    fn every_setting_is_explained() {
        let page = markdown();
        let lines: Vec<&str> = page.lines().collect();
        let keys: Vec<_> = lines.windows(2).filter(|pair| pair[0].starts_with("- **`")).collect();
        assert!(keys.len() > 80, "{}", keys.len());
        for pair in keys {
            assert!(pair[1].trim().len() > 10, "{}", pair[0]);
            assert!(!pair[0].contains("()"), "{}", pair[0]);
        }
    }
}
