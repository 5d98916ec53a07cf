//! A key whose receipts can be spoiled in every way, because it signs whatever it is given.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use jose::{Algorithm, KeySet, Kind, SigningKey};
use serde_json::{Value, json};

use crate::support::craft::{Craft, Members, of_other_types, part, repeated, text, with};
use crate::support::fresh;

/// A receipt that is not good any more: what was done to it, and what it is now.
pub(super) type Spoiled = (String, String);

/// A key that signs receipts, and whatever else it is given.
pub(super) struct Forge {
    key: SigningKey,
    craft: Craft,
}

/// Another value of the same type.
fn another(good: &Value) -> Value {
    match good {
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::Array(values) => Value::Array(values.iter().rev().cloned().collect()),
        Value::String(text) if text.len() == 36 => json!(fresh::uuid()),
        Value::String(text) => json!(format!("{text}x")),
        other => panic!("{other} is no claim"),
    }
}

impl Forge {
    pub(super) fn new() -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let craft = Craft::of(&key);
        Self { key, craft }
    }

    pub(super) fn key_set(&self) -> KeySet {
        KeySet::from_keys(vec![self.key.public_jwk()]).unwrap()
    }

    /// The header of its receipts.
    fn header(&self) -> Members {
        let header = json!({"alg": "ES256", "typ": Kind::Receipt.typ(), "kid": self.key.key_id().as_str()});
        header.as_object().unwrap().clone()
    }

    /// A receipt with these claims, rightly signed.
    pub(super) fn receipt(&self, claims: &Members) -> String {
        self.craft.token(&text(&self.header()), &text(claims))
    }

    /// The receipt with anything of it changed under its old signature.
    pub(super) fn changed(&self, claims: &Members) -> Vec<Spoiled> {
        let good = self.receipt(claims);
        let (_, signature) = good.rsplit_once('.').unwrap();
        let header = self.header();
        let mut spoiled = Vec::new();
        let mut add = |what: String, header: &str, payload: &str| {
            let token = format!("{}.{}.{signature}", part(header.as_bytes()), part(payload.as_bytes()));
            spoiled.push((what, token));
        };
        for (name, value) in claims {
            add(
                format!("{name} is another"),
                &text(&header),
                &text(&with(claims, name, Some(another(value)))),
            );
            add(format!("{name} is gone"), &text(&header), &text(&with(claims, name, None)));
            for other in of_other_types(value) {
                let what = format!("{name} is {other}");
                add(what, &text(&header), &text(&with(claims, name, Some(other))));
            }
            add(format!("{name} stands twice"), &text(&header), &repeated(claims, name));
        }
        add("a claim more".into(), &text(&header), &text(&with(claims, "admin", Some(json!(true)))));
        for (what, header) in self.headers() {
            add(what, &header, &text(claims));
        }
        spoiled
    }

    /// Headers that no receipt has.
    fn headers(&self) -> Vec<(String, String)> {
        let good = self.header();
        let jwk: Value = serde_json::from_str(&self.key.public_jwk().to_json()).unwrap();
        let mut wrong = Vec::new();
        let values = |names: &[&str]| names.iter().map(|name| json!(name)).collect::<Vec<_>>();
        let long = "k".repeat(10 * 1024);
        let kid = self.key.key_id().as_str();
        let in_another_case = kid.to_ascii_uppercase();
        let fields = [
            ("alg", values(&["none", "None", "", "HS256", "RS256", "EdDSA", "ES384", "PS256", "es256"])),
            (
                "typ",
                values(&[
                    "JWT",
                    "RECEIPT+JWT",
                    "application/receipt+jwt",
                    "session+jwt",
                    "elevated+jwt",
                    "mfa+jwt",
                    "admin+jwt",
                    "keys+jwt",
                ]),
            ),
            (
                "kid",
                values(&["", "unknown", "../../../etc/passwd", "' OR '1'='1", "*", &in_another_case, &long]),
            ),
        ];
        for (name, values) in fields {
            for value in values.into_iter().chain(of_other_types(&good[name])) {
                let shown: String = value.to_string().chars().take(40).collect();
                wrong
                    .push((format!("the header's {name} is {shown}"), text(&with(&good, name, Some(value)))));
            }
            wrong.push((format!("the header's {name} is gone"), text(&with(&good, name, None))));
            wrong.push((format!("the header's {name} stands twice"), repeated(&good, name)));
        }
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("jwk", jwk),
            ("jku", json!("https://keys.example")),
            ("x5u", json!("https://keys.example")),
            ("x5c", json!(["AAAA"])),
            ("x5t", json!("AAAA")),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("enc", json!("A128GCM")),
            ("cty", json!("JWT")),
        ] {
            wrong.push((format!("the header has {name}"), text(&with(&good, name, Some(value)))));
        }
        wrong.push(("the header is an array".into(), json!(["ES256", "receipt+jwt", kid]).to_string()));
        wrong.push(("the header is nothing".into(), String::new()));
        wrong
    }

    /// What the key might sign and is no receipt, or none for what is to be done now.
    pub(super) fn signed_wrongly(&self, claims: &Members, bound: &[&str], now: i64) -> Vec<Spoiled> {
        let (header, mut spoiled) = (text(&self.header()), Vec::new());
        for (name, value) in claims {
            // A token that is good for a time, or a proof that nobody asked for: receipts without are good too.
            if !["paid_by", "acr", "amr", "auth_time"].contains(&name.as_str()) {
                spoiled.push((format!("signed without {name}"), self.receipt(&with(claims, name, None))));
            }
            for other in of_other_types(value) {
                let what = format!("signed with {other} for {name}");
                spoiled.push((what, self.receipt(&with(claims, name, Some(other)))));
            }
            spoiled.push((
                format!("signed with {name} twice"),
                self.craft.token(&header, &repeated(claims, name)),
            ));
        }
        for name in bound {
            let other = with(claims, name, Some(another(&claims[*name])));
            spoiled.push((format!("signed for another {name}"), self.receipt(&other)));
        }
        for name in ["sub", "environment_id", "jti", "operation_id", "wallet", "paid_by"] {
            let id = claims[name].as_str().unwrap();
            let nil = "00000000-0000-0000-0000-000000000000".to_owned();
            let hyphenless = id.replace('-', "");
            for spelling in [id.to_uppercase(), hyphenless, format!("{{{id}}}"), format!(" {id}"), nil] {
                // An id of digits alone has no upper case.
                if spelling != id {
                    let other = with(claims, name, Some(json!(spelling)));
                    spoiled.push((format!("signed with {name} as {spelling}"), self.receipt(&other)));
                }
            }
        }
        for (what, changes) in [
            ("expired", [("iat", now - 66), ("exp", now - 6)]),
            ("longer than a minute", [("iat", now), ("exp", now + 61)]),
            ("longer than a minute, and nearly over", [("iat", now - 3600), ("exp", now + 30)]),
            ("from the future", [("iat", now + 3600), ("exp", now + 3660)]),
            ("not valid yet", [("iat", now), ("nbf", now + 3600)]),
            ("proved in the future", [("iat", now), ("auth_time", now + 3600)]),
            ("for ever", [("iat", now), ("exp", i64::MAX)]),
        ] {
            let mut other = claims.clone();
            for (name, value) in changes {
                other.insert(name.to_owned(), json!(value));
            }
            spoiled.push((format!("signed, and {what}"), self.receipt(&other)));
        }
        for (what, header) in self.headers() {
            spoiled.push((format!("signed, and {what}"), self.craft.token(&header, &text(claims))));
        }
        for payload in [String::new(), "[]".to_owned(), "null".to_owned(), format!("{}x", text(claims))] {
            spoiled.push(("signed, and no claims at all".into(), self.craft.token(&header, &payload)));
        }
        let long = with(claims, "more", Some(json!("m".repeat(16 * 1024))));
        spoiled.push(("signed, and longer than is read".into(), self.receipt(&long)));
        let der = self.craft.in_der(&header, &text(claims));
        spoiled.push(("a signature in DER".into(), der));
        spoiled
    }

    /// By another key, by none, or by what is no secret.
    pub(super) fn signed_by_others(&self, claims: &Members) -> Vec<Spoiled> {
        let (header, payload) = (self.header(), text(claims));
        let mallory = Self::new();
        let mut spoiled = vec![
            ("by a stranger".into(), mallory.receipt(claims)),
            ("by a stranger, under the right name".into(), mallory.craft.token(&text(&header), &payload)),
        ];
        for alg in ["none", "None", "NONE", ""] {
            let header = text(&with(&header, "alg", Some(json!(alg))));
            let unsigned = format!("{}.{}.", part(header.as_bytes()), part(payload.as_bytes()));
            spoiled.push((format!("unsigned, by {alg:?}"), unsigned));
        }
        let public = self.key.public_jwk();
        let symmetric = text(&with(&header, "alg", Some(json!("HS256"))));
        let input = format!("{}.{}", part(symmetric.as_bytes()), part(payload.as_bytes()));
        let jwk: Value = serde_json::from_str(&public.to_json()).unwrap();
        let octets = |name: &str| BASE64URL_NOPAD.decode(jwk[name].as_str().unwrap().as_bytes()).unwrap();
        let point = [vec![4], octets("x"), octets("y")].concat();
        // SubjectPublicKeyInfo of a P-256 key (RFC 5480), as DER and as PEM.
        let spki = [
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
                .as_slice(),
            &point,
        ]
        .concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            data_encoding::BASE64.encode(&spki)
        );
        for (what, secret) in [
            ("its JWK", public.to_json().into_bytes()),
            ("its set", self.key_set().to_jwks_json().into_bytes()),
            ("its point", point),
            ("its DER", spki),
            ("its PEM", pem.into_bytes()),
            ("nothing", Vec::new()),
        ] {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
            spoiled.push((format!("by HS256 with {what}"), format!("{input}.{}", part(tag.as_ref()))));
        }
        spoiled
    }

    /// The receipt as a text that is not the one it was.
    pub(super) fn respelled(&self, claims: &Members) -> Vec<Spoiled> {
        let good = self.receipt(claims);
        let parts: Vec<&str> = good.split('.').collect();
        let [header, payload, signature] = parts[..] else { panic!("three parts") };
        let mut spoiled = Vec::new();
        let mut add = |what: &str, token: String| spoiled.push((what.to_owned(), token));
        let octets = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        for place in 0..octets.len() {
            let mut octets = octets.clone();
            octets[place] ^= 1 << (place % 8);
            add("a bit of the signature is another", format!("{header}.{payload}.{}", part(&octets)));
        }
        add("half a signature", format!("{header}.{payload}.{}", part(&octets[..32])));
        add("a signature and more", format!("{header}.{payload}.{}", part(&[&octets[..], &[0]].concat())));
        add("a signature of zeros", format!("{header}.{payload}.{}", part(&[0; 64])));
        // 86 characters hold four bits more than 64 octets.
        let last = signature.bytes().last().unwrap();
        add("unused bits are set", format!("{}{}", &good[..good.len() - 1], char::from(last + 1)));
        add("padding", format!("{good}=="));
        add("padding of the header", format!("{header}=.{payload}.{signature}"));
        add("a space at its end", format!("{good} "));
        add("a line in its middle", format!("{header}.\n{payload}.{signature}"));
        add("a space in a part", format!("{header}.{} {}.{signature}", &payload[..8], &payload[8..]));
        add("no base64url", format!("{header}.{payload}.{}", "+".repeat(86)));
        add("a part less", format!("{header}.{payload}"));
        add("no signature", format!("{header}.{payload}."));
        add("a part more", format!("{good}.{signature}"));
        add("five parts, as of something encrypted", format!("{header}..{payload}.{signature}.{signature}"));
        add("parts in another order", format!("{payload}.{header}.{signature}"));
        let flattened = json!({"protected": header, "payload": payload, "signature": signature});
        add("as JSON", flattened.to_string());
        let general =
            json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
        add("as general JSON", general.to_string());
        add("nothing", String::new());
        add("too long", format!("{good}{}", "A".repeat(20_000)));
        spoiled
    }
}
