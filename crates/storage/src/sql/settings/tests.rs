use super::*;

fn settings(url: &str) -> DatabaseSettings {
    DatabaseSettings { url: url.to_owned(), ..DatabaseSettings::default() }
}

fn plaintext(url: &str) -> DatabaseSettings {
    DatabaseSettings { tls: DatabaseTls { mode: TlsMode::Disable, ca_file: None }, ..settings(url) }
}

#[test]
fn a_url_with_a_password_or_parameters_is_refused() {
    for url in [
        "",
        "postgres",
        "mysql://user@host/db",
        "postgres://user:secret@host/db",
        "postgres://user@host/db?sslmode=disable",
        "postgres://user@host/db#x",
        "postgres://host/db",
        "postgres://user@host",
        "postgres://user@host/",
        "postgres://user@host/db/more",
        "postgres://user@/db",
        "postgres://user@host:0/db",
        "sqlite://relative.sqlite",
        "sqlite:relative.sqlite",
        "sqlite::memory:",
        "sqlite:///",
        "sqlite:///a/b.sqlite?mode=rwc",
    ] {
        let error = settings(url).check(false).unwrap_err();
        assert!(error.message().starts_with("database.url"), "{url}: {error}");
        assert!(!error.message().contains("secret"), "{error}");
    }
}

#[test]
fn good_urls_are_taken() {
    for url in [
        "postgres://user@host/db",
        "postgresql://user@db.internal:5433/db",
        "postgres://user@127.0.0.1:5432/db",
        "postgres://user@[::1]:5432/db",
        "postgres://user@%2Fvar%2Frun%2Fpostgresql/db",
    ] {
        assert!(settings(url).check(true).is_ok(), "{url}");
        assert!(settings(url).is_postgres(), "{url}");
    }
    let sqlite = settings("sqlite:///var/lib/countersign/policy.sqlite");
    assert!(sqlite.check(false).is_ok());
    assert!(!sqlite.is_postgres());
}

#[test]
fn production_refuses_sqlite_and_plaintext_to_another_machine() {
    assert!(settings("sqlite:///var/lib/policy.sqlite").check(true).is_err());
    for other in ["postgres://u@db.internal/db", "postgres://u@10.0.0.1/db", "postgres://u@[fd00::1]/db"] {
        assert!(plaintext(other).check(false).is_ok());
        let error = plaintext(other).check(true).unwrap_err();
        assert!(error.message().contains("verify_full"), "{error}");
    }
    for here in [
        "postgres://u@127.0.0.1/db",
        "postgres://u@127.9.9.9/db",
        "postgres://u@[::1]/db",
        "postgres://u@localhost/db",
        "postgres://u@%2Frun%2Fpostgresql/db",
    ] {
        assert!(plaintext(here).check(true).is_ok(), "{here}");
    }
    // A name is not this machine because it begins like it.
    assert!(plaintext("postgres://u@localhost.example/db").check(true).is_err());
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let good = || settings("postgres://user@host/db");
    for (name, bad) in [
        ("connect_timeout_ms", DatabaseSettings { connect_timeout_ms: 0, ..good() }),
        ("acquire_timeout_ms", DatabaseSettings { acquire_timeout_ms: 600_001, ..good() }),
        ("statement_timeout_ms", DatabaseSettings { statement_timeout_ms: 0, ..good() }),
        ("lock_timeout_ms", DatabaseSettings { lock_timeout_ms: 99, ..good() }),
        ("max_connections", DatabaseSettings { max_connections: 0, ..good() }),
        ("max_connections", DatabaseSettings { max_connections: 1001, ..good() }),
    ] {
        let error = bad.check(false).unwrap_err();
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn a_schema_name_that_would_need_quotes_is_refused() {
    for name in ["", "Policy", "a b", "a\"b", "1a", "pg_x", "a-b", "information_schema", &"a".repeat(64)] {
        let settings =
            DatabaseSettings { schema: Some(name.to_owned()), ..settings("postgres://user@host/db") };
        assert!(settings.check(false).unwrap_err().message().starts_with("database.schema"), "{name}");
    }
    for name in ["policy", "_a1", "public", &"a".repeat(63)] {
        let settings =
            DatabaseSettings { schema: Some(name.to_owned()), ..settings("postgres://user@host/db") };
        assert!(settings.check(false).is_ok(), "{name}");
    }
}

#[test]
fn settings_that_would_do_nothing_are_refused() {
    let file = || Some(PathBuf::from("/etc/countersign/x"));
    let sqlite = || settings("sqlite:///var/lib/policy.sqlite");
    assert!(DatabaseSettings { password_file: file(), ..sqlite() }.check(false).is_err());
    assert!(DatabaseSettings { schema: Some("a".to_owned()), ..sqlite() }.check(false).is_err());
    let mut contrary = plaintext("postgres://user@host/db");
    contrary.tls.ca_file = file();
    assert!(contrary.check(false).unwrap_err().message().starts_with("database.tls.ca_file"));
}

#[test]
fn an_unknown_key_is_refused_and_tls_is_the_default() {
    let read = |text| serde_json::from_str::<DatabaseSettings>(text);
    assert!(read(r#"{"url": "postgres://u@h/d", "pasword_file": "/x"}"#).is_err());
    assert!(read(r#"{"url": "postgres://u@h/d", "tls": {"mode": "prefer"}}"#).is_err());
    let parsed = read(r#"{"url": "postgres://u@h/d"}"#).unwrap();
    assert_eq!(parsed.tls.mode, TlsMode::VerifyFull);
    assert_eq!(parsed.max_connections, 16);
}
