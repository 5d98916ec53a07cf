//! How typed claims are written in JSON.

/// A value by its one textual form.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::claims) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in crate::claims) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(|_| D::Error::custom("not the text of such a value"))
    }
}

/// The same where the claim may be absent; present, it may not be `null`.
pub(super) mod optional_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserializer, Serializer};

    pub(in crate::claims) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    pub(in crate::claims) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        super::text::deserialize(from).map(Some)
    }
}

/// A list of such values: at least one, none twice.
pub(super) mod texts {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::claims) fn serialize<T: Display, S: Serializer>(
        values: &[T],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(ToString::to_string))
    }

    pub(in crate::claims) fn deserialize<'de, T: FromStr + PartialEq, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        let mut values = Vec::new();
        for text in Vec::<String>::deserialize(from)? {
            let value = text.parse().map_err(|_| D::Error::custom("not the text of such a value"))?;
            if values.contains(&value) {
                return Err(D::Error::custom("a value is repeated"));
            }
            values.push(value);
        }
        if values.is_empty() {
            return Err(D::Error::custom("an empty list"));
        }
        Ok(values)
    }
}

/// Thirty-two octets as base64url without padding.
pub(super) mod sha256 {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::encoding;

    pub(in crate::claims) fn serialize<S: Serializer>(digest: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encoding::encode(digest))
    }

    pub(in crate::claims) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        encoding::decode_array(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("not a SHA-256"))
    }
}

/// Scopes separated by single spaces: at least one, none twice, none unknown.
pub(super) mod scope {
    use kernel::Scope;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::claims) fn serialize<S: Serializer>(scopes: &[Scope], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "))
    }

    pub(in crate::claims) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Scope>, D::Error> {
        parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }

    pub(in crate::claims) fn parse(text: &str) -> Result<Vec<Scope>, &'static str> {
        let mut scopes = Vec::new();
        for name in text.split(' ') {
            let scope = name.parse().map_err(|_| "an unknown scope")?;
            if scopes.contains(&scope) {
                return Err("a scope is repeated");
            }
            scopes.push(scope);
        }
        Ok(scopes)
    }
}

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A claim that may be absent but not `null`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A list that may be absent but not empty: "bound to nothing" would be read in two ways.
pub(super) fn non_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let values = Vec::deserialize(from)?;
    if values.is_empty() {
        return Err(D::Error::custom("an empty list"));
    }
    Ok(Some(values))
}
