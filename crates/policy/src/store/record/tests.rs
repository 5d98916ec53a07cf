use super::*;

/// What [`FIRST_FORMAT`] says.
fn first_settings() -> Settings {
    let mut settings = Settings::of(Preset::SeedCompatible);
    settings.display_name = "Tenant".to_owned();
    settings.allowed_origins = vec!["https://app.example".to_owned()];
    settings.relying_party = Some(RelyingParty {
        rp_id: "app.example".to_owned(),
        origins: vec!["https://app.example".to_owned()],
    });
    let provider = |id: &str, keys| IdentityProvider {
        id: id.to_owned(),
        issuer: "https://idp.example".to_owned(),
        audience: id.to_owned(),
        keys,
        algorithms: jose::Algorithm::ALL.to_vec(),
        session_claim: "sid".to_owned(),
    };
    settings.identity_providers = vec![
        provider("inline", ProviderKeys::Inline("{}".to_owned())),
        provider("address", ProviderKeys::Address("https://idp.example/jwks".to_owned())),
    ];
    settings.actions.sign.token_behavior = TokenBehavior::TimeBound;
    settings.actions.reshare.binding = Binding::Operation;
    // It was written when nothing could be set about these.
    let actions = &mut settings.actions;
    for action in [&mut actions.export, &mut actions.sign, &mut actions.refresh, &mut actions.reshare] {
        action.acr = Acr::Otp;
    }
    settings
}

/// What [`LATER_ROW`] says.
fn later_settings() -> Settings {
    let mut settings = first_settings();
    settings.max_passkeys = 7;
    settings.totp = TotpParameters { algorithm: TotpAlgorithm::Sha512, digits: 8, period_seconds: 60 };
    settings.factor_hold_seconds = 3_600;
    settings.actions.export.acr = Acr::Phr;
    settings.actions.export.reauthentication_seconds = 120;
    settings.actions.refresh.acr = Acr::Recovery;
    settings
}

/// What [`full_row`] says.
fn full_settings() -> Settings {
    let mut settings = later_settings();
    settings.actions.reshare.binding = Binding::Wallet;
    settings.legacy = LegacyMfaTokens { enabled: true, token_expiry_seconds: 60 };
    settings.sender_constraint = SenderConstraint::Allowed;
    settings.assertion_issuers = vec![AssertionIssuer {
        id: "risk".to_owned(),
        issuer: "https://risk.example".to_owned(),
        audience: "step-up".to_owned(),
        keys: ProviderKeys::Address("https://risk.example/jwks".to_owned()),
        algorithms: vec![Algorithm::EdDsa],
        scopes: vec![kernel::Scope::WalletSign, kernel::Scope::WalletExport],
        acr: Acr::Recovery,
        max_age_seconds: 30,
    }];
    settings
}

#[test]
fn settings_come_back_as_they_went() {
    let mut every_value = later_settings();
    every_value.totp.algorithm = TotpAlgorithm::Sha256;
    every_value.actions.sign.acr = Acr::Phrh;
    every_value.sender_constraint = SenderConstraint::Required;
    for settings in
        [first_settings(), later_settings(), full_settings(), every_value, Settings::of(Preset::Strict)]
    {
        assert_eq!(decode(&encode(&settings).unwrap()).unwrap(), settings);
    }
}

/// As a database of the first release holds it. Never edit it: rows like it exist.
const FIRST_FORMAT: &str = r#"{"format":"1","display_name":"Tenant","identity_providers":[{"id":"inline","issuer":"https://idp.example","audience":"inline","keys":{"jwks":"{}"},"algorithms":["ES256","EdDSA","RS256"],"session_claim":"sid"},{"id":"address","issuer":"https://idp.example","audience":"address","keys":{"jwks_uri":"https://idp.example/jwks"},"algorithms":["ES256","EdDSA","RS256"],"session_claim":"sid"}],"relying_party":{"rp_id":"app.example","origins":["https://app.example"]},"allowed_origins":["https://app.example"],"preset":"seed-compatible","export":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"scope"},"sign":{"required":true,"factor_always_required":false,"token_behavior":"time_bound","token_expiry_seconds":300,"binding":"scope"},"refresh":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"scope"},"reshare":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"operation"},"enrolment_required":false,"max_totp_devices":3,"opaque_payload_as_export":false}"#;

#[test]
fn the_first_format_stays_readable() {
    assert_eq!(decode(FIRST_FORMAT).unwrap(), first_settings());
}

/// As a row says all of it since there are passkeys and recovery codes. Never edit it either.
const LATER_ROW: &str = r#"{"format":"1","display_name":"Tenant","identity_providers":[{"id":"inline","issuer":"https://idp.example","audience":"inline","keys":{"jwks":"{}"},"algorithms":["ES256","EdDSA","RS256"],"session_claim":"sid"},{"id":"address","issuer":"https://idp.example","audience":"address","keys":{"jwks_uri":"https://idp.example/jwks"},"algorithms":["ES256","EdDSA","RS256"],"session_claim":"sid"}],"relying_party":{"rp_id":"app.example","origins":["https://app.example"]},"allowed_origins":["https://app.example"],"preset":"seed-compatible","export":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"scope","acr":"phr","reauthentication_seconds":120},"sign":{"required":true,"factor_always_required":false,"token_behavior":"time_bound","token_expiry_seconds":300,"binding":"scope","acr":"otp","reauthentication_seconds":0},"refresh":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"scope","acr":"recovery","reauthentication_seconds":0},"reshare":{"required":true,"factor_always_required":false,"token_behavior":"single_use","token_expiry_seconds":300,"binding":"operation","acr":"otp","reauthentication_seconds":0},"enrolment_required":false,"max_totp_devices":3,"opaque_payload_as_export":false,"max_passkeys":7,"totp":{"algorithm":"sha512","digits":8,"period_seconds":60},"factor_hold_seconds":3600}"#;

/// What today's rows say beyond that. Never edit it either.
const MORE: &str = r#","legacy":{"enabled":true,"token_expiry_seconds":60},"assertion_issuers":[{"id":"risk","issuer":"https://risk.example","audience":"step-up","keys":{"jwks_uri":"https://risk.example/jwks"},"algorithms":["EdDSA"],"scopes":["wallet:sign","wallet:export"],"acr":"recovery","max_age_seconds":30}],"sender_constraint":"allowed"}"#;

/// As a row says all of it.
fn full_row() -> String {
    let wallet = LATER_ROW.replace("\"binding\":\"operation\"", "\"binding\":\"wallet\"");
    format!("{}{MORE}", wallet.strip_suffix('}').unwrap())
}

#[test]
fn a_row_from_before_there_were_other_tokens_stays_readable() {
    assert_eq!(decode(LATER_ROW).unwrap(), later_settings());
}

#[test]
fn a_row_of_today_stays_readable_and_is_what_is_written() {
    assert_eq!(decode(&full_row()).unwrap(), full_settings());
    assert_eq!(encode(&full_settings()).unwrap(), full_row());
}

#[test]
fn what_is_not_understood_in_full_is_not_used() {
    for wrong in [
        String::new(),
        "{}".to_owned(),
        FIRST_FORMAT.replace("\"format\":\"1\"", "\"format\":\"2\""),
        FIRST_FORMAT.replace("single_use", "twice"),
        FIRST_FORMAT.replace("ES256", "HS256"),
        FIRST_FORMAT.replace("\"max_totp_devices\":3,", ""),
        FIRST_FORMAT.replace("\"max_totp_devices\"", "\"more\":true,\"max_totp_devices\""),
        LATER_ROW.replace("sha512", "md5"),
        LATER_ROW.replace("\"acr\":\"phr\"", "\"acr\":\"\""),
        LATER_ROW.replace("\"digits\":8,", ""),
        full_row().replace("\"enabled\":true,", ""),
        full_row().replace("wallet:sign", "wallet:*"),
        full_row().replace("\"allowed\"", "\"perhaps\""),
        full_row().replace("[\"EdDSA\"]", "[\"none\"]"),
    ] {
        assert_eq!(decode(&wrong).unwrap_err().reason(), kernel::Reason::Internal, "{wrong}");
    }
}
