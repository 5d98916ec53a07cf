//! JSON objects without the liberties that let two readers see two different tokens: a repeated member is refused
//! (RFC 7515 section 4 allows that and RFC 8725 section 2.4 says why), nesting is bounded, nothing may follow.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The members of a JSON object: claims read generically.
pub type ClaimMap = Map<String, Value>;

/// How deep arrays and objects may be nested, the outermost object included.
pub(crate) const MAX_DEPTH: usize = 16;

/// The bytes as one JSON object; `None` when they are anything else.
pub(crate) fn parse_object(bytes: &[u8]) -> Option<ClaimMap> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: MAX_DEPTH }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// Reads a value that may hold `depth` more levels of arrays and objects.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        self.depth.checked_sub(1).map(|depth| Self { depth }).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        // Names are compared after unescaping: "\u0061lg" is "alg".
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is repeated"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_as_serde_json_reads_it() {
        let text =
            r#"{"a":1,"b":[true,null,-2,1.5,18446744073709551615],"c":{"d":"\u00e9\"","e":{}},"f":[]}"#;
        assert_eq!(parse_object(text.as_bytes()).map(Value::Object), serde_json::from_str(text).ok());
    }

    #[test]
    fn repeated_members_are_refused_at_every_depth_and_in_every_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[[{"a":null,"a":null}]]}"#,
        ] {
            assert!(parse_object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse_object(br#"{"a":{"a":{"a":1}},"b":{"a":1}}"#).is_some());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_object(nested(MAX_DEPTH - 1).as_bytes()).is_some());
        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_none());
        assert!(parse_object(nested(100_000).as_bytes()).is_none());
        let objects = format!("{}1{}", r#"{"a":"#.repeat(MAX_DEPTH + 1), "}".repeat(MAX_DEPTH + 1));
        assert!(parse_object(objects.as_bytes()).is_none());
    }

    #[test]
    fn what_is_not_exactly_one_object_is_refused() {
        for text in
            ["", "[]", "1", "null", "\"a\"", "{", "{}{}", "{} x", "{'a':1}", "{\"a\":1,}", "{\"a\":NaN}"]
        {
            assert!(parse_object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse_object(b"\xef\xbb\xbf{}").is_none(), "byte order mark");
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_none(), "not UTF-8");
        assert!(parse_object(br#"{"a":"\ud800"}"#).is_none(), "lone surrogate");
        assert!(parse_object(br#"{"a":1e999}"#).is_none(), "no such number");
        assert!(parse_object(b" {} \n").is_some());
    }
}
