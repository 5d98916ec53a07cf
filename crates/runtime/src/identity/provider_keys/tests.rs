use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use testkit::TestProvider;

use super::*;
use crate::environments::Provider;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

#[test]
fn private_and_special_addresses_are_told_from_public_ones() {
    for private in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2001:db8::1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ] {
        assert!(!is_public(private.parse().unwrap()), "{private}");
    }
    for public in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
}

#[test]
fn a_host_that_is_an_address_is_judged_without_a_lookup() {
    for (address, public) in [
        ("https://127.0.0.1/jwks", false),
        ("https://[::1]/jwks", false),
        ("https://0x7f000001/jwks", false),
        ("https://2130706433/jwks", false),
        ("https://idp.example/jwks", true),
    ] {
        assert_eq!(is_public_host(&Url::parse(address).unwrap()), public, "{address}");
    }
}

/// An identity provider that publishes keys over plain HTTP on this machine, as dev mode allows.
struct Publisher {
    provider: Provider,
    jwks: Arc<StdMutex<String>>,
    asked: Arc<AtomicUsize>,
}

async fn publish(path: &str) -> Publisher {
    let jwks = Arc::new(StdMutex::new(TestProvider::new("https://idp.example", "app").jwks()));
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = {
        let (jwks, asked) = (jwks.clone(), asked.clone());
        move || {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = jwks.lock().unwrap().clone();
            std::future::ready(match answer.as_str() {
                "" => http::StatusCode::SERVICE_UNAVAILABLE.into_response(),
                _ => answer.into_response(),
            })
        }
    };
    let router = Router::new()
        .route("/jwks", get(answer))
        .route("/moved", get(|| async { axum::response::Redirect::temporary("/jwks") }))
        .route("/huge", get(|| async { vec![b' '; MAX_JWKS_BYTES + 1] }))
        .route("/broken", get(|| async { http::StatusCode::INTERNAL_SERVER_ERROR.into_response() }))
        .route("/silent", get(std::future::pending::<String>));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}{path}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let provider = Provider {
        id: "main".to_owned(),
        issuer: "https://idp.example".to_owned(),
        audience: "app".to_owned(),
        algorithms: vec![Algorithm::Es256],
        session_claim: "sid".to_owned(),
        keys: ProviderKeySource::Address(Url::parse(&address).unwrap()),
    };
    Publisher { provider, jwks, asked }
}

#[tokio::test]
async fn published_keys_are_asked_for_once_and_again_when_they_are_old() {
    let publisher = publish("/jwks").await;
    let keys = ProviderKeys::new(true).unwrap();
    let first = keys.of(&publisher.provider.keys, NOW).await.unwrap();
    let later = NOW.plus(MAX_AGE).minus(Duration::from_millis(1));
    assert_eq!(keys.of(&publisher.provider.keys, later).await.unwrap(), first);
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 1);

    // The key is taken back: within the maximum age it bites.
    *publisher.jwks.lock().unwrap() = TestProvider::new("https://idp.example", "app").jwks();
    assert_ne!(keys.of(&publisher.provider.keys, NOW.plus(MAX_AGE)).await.unwrap(), first);
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_unknown_key_has_them_asked_for_again_but_not_all_the_time() {
    let publisher = publish("/jwks").await;
    let keys = ProviderKeys::new(true).unwrap();
    keys.of(&publisher.provider.keys, NOW).await.unwrap();
    for _ in 0..10 {
        keys.renewed(&publisher.provider.keys, NOW.plus(Duration::from_secs(9))).await.unwrap();
    }
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 1);
    for _ in 0..10 {
        keys.renewed(&publisher.provider.keys, NOW.plus(RENEWAL_FLOOR)).await.unwrap();
    }
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_address_that_moves_floods_breaks_or_says_nothing_is_unavailable() {
    for path in ["/moved", "/huge", "/broken", "/silent", "/nothing"] {
        let publisher = publish(path).await;
        let refused = ProviderKeys::new(true).unwrap().of(&publisher.provider.keys, NOW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::DependencyUnavailable, "{path}");
    }
}

#[tokio::test]
async fn outside_dev_neither_plain_http_nor_this_machine_is_asked() {
    let publisher = publish("/jwks").await;
    let keys = ProviderKeys::new(false).unwrap();
    assert!(keys.of(&publisher.provider.keys, NOW).await.is_err());
    let ProviderKeySource::Address(address) = &publisher.provider.keys else { unreachable!() };
    for host in ["127.0.0.1", "localhost"] {
        let mut secure = address.clone();
        secure.set_scheme("https").unwrap();
        secure.set_host(Some(host)).unwrap();
        let provider = Provider { keys: ProviderKeySource::Address(secure), ..publisher.provider.clone() };
        assert_eq!(keys.of(&provider.keys, NOW).await.unwrap_err().reason(), Reason::DependencyUnavailable);
    }
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_token_with_a_made_up_key_does_not_cost_the_good_keys() {
    let publisher = publish("/jwks").await;
    let keys = ProviderKeys::new(true).unwrap();
    let good = keys.of(&publisher.provider.keys, NOW).await.unwrap();
    // The provider is down, and somebody sends tokens that name keys nobody has.
    publisher.jwks.lock().unwrap().clear();
    let later = NOW.plus(RENEWAL_FLOOR);
    for _ in 0..10 {
        assert_eq!(keys.renewed(&publisher.provider.keys, later).await.unwrap(), good);
    }
    assert_eq!(publisher.asked.load(Ordering::SeqCst), 2, "failures are not repeated at once either");
    assert_eq!(keys.of(&publisher.provider.keys, later).await.unwrap(), good);
    let too_old = keys.of(&publisher.provider.keys, NOW.plus(MAX_AGE)).await.unwrap_err();
    assert_eq!(too_old.reason(), Reason::DependencyUnavailable);
}

#[tokio::test]
async fn what_one_environment_accepts_does_not_take_keys_from_another() {
    let publisher = publish("/jwks").await;
    let keys = ProviderKeys::new(true).unwrap();
    let picky = Provider { algorithms: vec![Algorithm::EdDsa], ..publisher.provider.clone() };
    let seen_first = keys.of(&picky.keys, NOW).await.unwrap();
    assert_eq!(keys.of(&publisher.provider.keys, NOW).await.unwrap(), seen_first);
    assert_eq!(seen_first.len(), 1);
}
