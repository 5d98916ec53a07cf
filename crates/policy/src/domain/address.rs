//! Web addresses that an administrator gives us: where keys are fetched, and origins of pages.

use kernel::{Error, Result};
use url::{Host, Url};

use super::Mode;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 2048;

/// The address of a JSON Web Key Set, normalised.
///
/// Refused when it is not https, names a user or a fragment, or when its host is written as an address that is not
/// public. A name that leads to such an address is the fetcher's to refuse: only it knows where the name leads, each
/// time anew. In dev mode private addresses will do, and http on this machine.
pub(crate) fn jwks_uri(field: &str, text: &str, mode: Mode) -> Result<String> {
    let url = parse(text, mode).map_err(|wrong| Error::invalid(field, wrong))?;
    if url.fragment().is_some() {
        return Err(Error::invalid(field, "must not have a fragment"));
    }
    if mode == Mode::Production && !url.host().as_ref().is_some_and(is_public) {
        return Err(Error::invalid(field, "must not be on a private, local or reserved address"));
    }
    Ok(url.into())
}

/// A web origin (RFC 6454 section 6.2): `scheme://host[:port]`, normalised: lower case, no default port.
pub(crate) fn origin(field: &str, text: &str, mode: Mode) -> Result<String> {
    let url = parse(text, mode).map_err(|wrong| Error::invalid(field, wrong))?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(Error::invalid(field, "must be `scheme://host[:port]` and nothing after it"));
    }
    Ok(url.origin().ascii_serialization())
}

/// Whether a normalised origin lies on the domain or below it. An IP address lies on no domain.
pub(crate) fn is_within(origin: &str, domain: &str) -> bool {
    let url = Url::parse(origin).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(host)) => {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        _ => false,
    }
}

/// Whether the text is a lower-case domain name (RFC 1035 section 2.3.1 as relaxed by RFC 1123 section 2.1), without
/// a dot at its end, and not something that a browser reads as an IPv4 address.
pub(crate) fn is_domain_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric_end = text.rsplit('.').next().is_some_and(|end| end.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(is_label) && !numeric_end
}

/// Parses what is acceptable everywhere. The parser of browsers repairs much (WHATWG URL section 4.4); what needs
/// repair is refused, so that what an administrator reads is what counts.
fn parse(text: &str, mode: Mode) -> Result<Url, &'static str> {
    if text.len() > MAX_ADDRESS || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(
            "must be at most 2048 visible ASCII characters, international names in their `xn--` form",
        );
    }
    let (_, rest) = text.split_once("://").ok_or("must begin with `https://`")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains(['@', '%']) {
        return Err("must name a host, as it is, and no user");
    }
    let url = Url::parse(text).map_err(|_| "is not an address")?;
    let host = url.host().ok_or("must name a host")?;
    if matches!(host, Host::Domain(name) if !is_domain_name(name)) {
        return Err("must name a host by a domain name or an IP address");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if mode == Mode::Dev && is_this_machine(&host) => Ok(url),
        _ => Err("must begin with `https://`; only in dev mode and on this machine `http://` will do"),
    }
}

fn is_local_name(name: &str) -> bool {
    // RFC 6761 section 6.3.
    name == "localhost" || name.ends_with(".localhost")
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => is_local_name(name),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => !is_local_name(name),
        Host::Ipv4(address) => is_public_v4(address.octets()),
        Host::Ipv6(address) => is_public_v6(address.segments()),
    }
}

/// Whether the address is none of the special ones of RFC 6890 (and multicast, RFC 5771).
fn is_public_v4(octets: [u8; 4]) -> bool {
    !matches!(
        octets,
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

/// Whether the address is global unicast (RFC 4291 section 2.4) and not one that stands for something else: protocol
/// assignments with Teredo (2001::/23), documentation (2001:db8::/32, 3fff::/20), 6to4 (2002::/16).
fn is_public_v6(segments: [u16; 8]) -> bool {
    matches!(segments[0], 0x2000..=0x3fff)
        && !matches!(segments, [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str, mode: Mode) -> bool {
        jwks_uri("f", text, mode).is_ok()
    }

    #[test]
    fn keys_come_from_public_https_addresses_only() {
        for good in [
            "https://idp.example/.well-known/jwks.json",
            "https://idp.example:8443/keys?tenant=a",
            "https://8.8.8.8/jwks",
            "https://[2606:4700::1111]/jwks",
        ] {
            assert!(uri(good, Mode::Production), "{good}");
        }
        for bad in [
            "",
            "idp.example/jwks",
            "http://idp.example/jwks",
            "ftp://idp.example/jwks",
            "file:///etc/jwks",
            "https:idp.example/jwks",
            "https:/idp.example/jwks",
            "https:///idp.example/jwks",
            "https:\\\\idp.example/jwks",
            "https://idp.example\\@evil.example/",
            "https://user@idp.example/jwks",
            "https://user:word@idp.example/jwks",
            "https://@idp.example/jwks",
            "https://idp.example/jwks#keys",
            "https://idp.example/jwks#",
            "https://%69dp.example/jwks",
            "https://idp_1.example/jwks",
            "https://*.example/jwks",
            "https://idp.example./jwks",
            "https://idp.example/a b",
            " https://idp.example/jwks",
            "https://idp.example/\njwks",
            "https://idpé.example/jwks",
            "https://idp.example:99999/jwks",
        ] {
            assert!(!uri(bad, Mode::Production), "{bad}");
            assert!(!uri(bad, Mode::Dev), "{bad} in dev mode");
        }
        assert!(!uri(&format!("https://idp.example/{}", "x".repeat(2048)), Mode::Production));
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_spelt() {
        for host in [
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ] {
            let address = format!("https://{host}/jwks");
            assert!(!uri(&address, Mode::Production), "{address}");
            assert!(uri(&address, Mode::Dev), "{address} in dev mode");
        }
        for host in ["172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "11.0.0.1", "192.0.1.1"] {
            assert!(uri(&format!("https://{host}/jwks"), Mode::Production), "{host}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_in_dev_mode() {
        for here in ["http://localhost:8080/jwks", "http://127.0.0.1:9/jwks", "http://[::1]/jwks"] {
            assert!(uri(here, Mode::Dev), "{here}");
            assert!(!uri(here, Mode::Production), "{here}");
        }
        assert!(!uri("http://192.168.1.1/jwks", Mode::Dev));
        assert!(!uri("http://idp.example/jwks", Mode::Dev));
    }

    #[test]
    fn origins_are_normalised() {
        for (written, normal) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example/", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://app.example:8443", "https://app.example:8443"),
        ] {
            assert_eq!(origin("f", written, Mode::Production).unwrap(), normal);
        }
        for bad in [
            "",
            "*",
            "null",
            "app.example",
            "https://",
            "https://*.example",
            "https://app.example/path",
            "https://app.example?",
            "https://app.example#",
            "https://app.example//",
            "http://app.example",
            "chrome-extension://abcdef",
        ] {
            assert!(origin("f", bad, Mode::Production).is_err(), "{bad}");
        }
        assert_eq!(origin("f", "http://localhost:3000", Mode::Dev).unwrap(), "http://localhost:3000");
        assert!(origin("f", "http://localhost:3000", Mode::Production).is_err());
    }

    #[test]
    fn an_origin_is_within_its_own_domain_and_those_above() {
        for origin in ["https://wallet.example", "https://app.wallet.example:8443"] {
            assert!(is_within(origin, "wallet.example"), "{origin}");
        }
        for origin in ["https://example", "https://evilwallet.example", "https://wallet.example.evil.example"]
        {
            assert!(!is_within(origin, "wallet.example"), "{origin}");
        }
        assert!(!is_within("https://127.0.0.1", "0.0.1"));
    }

    #[test]
    fn domain_names_are_told_from_everything_else() {
        for good in ["a", "a.example", "xn--caf-dma.example", "1.example", "localhost"] {
            assert!(is_domain_name(good), "{good}");
        }
        for bad in
            ["", ".", "a.", ".a", "a..b", "A.example", "-a.example", "a-.example", "a_b", "1.2.3.4", "a.1"]
        {
            assert!(!is_domain_name(bad), "{bad}");
        }
        assert!(!is_domain_name(&format!("{}.example", "a".repeat(64))));
        assert!(!is_domain_name(&vec!["abcdefgh"; 29].join(".")));
    }
}
