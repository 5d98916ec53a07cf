//! Answers with one flaw each, validly signed but for that.

use super::forger::{ATTESTED, BACKED_UP, ELIGIBLE, EXTENSIONS, Forger, PRESENT, VERIFIED};
use super::*;
use data_encoding::BASE64URL_NOPAD;

fn handle() -> UserHandle {
    UserHandle::of(crate::domain::Owner {
        environment: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap(),
        user: "7d444840-9dc0-11d1-b245-5ffdce74fad2".parse().unwrap(),
    })
}

fn begun_registration() -> Begun {
    judge().begin_registration(&party(), wanted(handle(), &[])).unwrap()
}

/// The whole registration, the forger spoilt before and the answer after.
fn register(spoil: impl FnOnce(&mut Forger), spoil_answer: impl FnOnce(&mut Value)) -> Result<NewPasskey> {
    let begun = begun_registration();
    let mut forger = Forger::new();
    spoil(&mut forger);
    let mut answer = forger.register(&begun.options_json);
    spoil_answer(&mut answer);
    judge().finish_registration(&party(), &begun.state, &answer.to_string())
}

/// The whole authentication with a passkey that was registered rightly.
fn sign(spoil: impl FnOnce(&mut Forger), spoil_answer: impl FnOnce(&mut Value)) -> Result<Assertion> {
    let mut forger = Forger::new();
    let begun = begun_registration();
    let answer = forger.register(&begun.options_json).to_string();
    let new = judge().finish_registration(&party(), &begun.state, &answer).unwrap();
    let begun = judge().begin_authentication(&party(), handle(), &[new.credential], challenge(1)).unwrap();
    spoil(&mut forger);
    let mut answer = forger.sign(&begun.options_json);
    spoil_answer(&mut answer);
    judge().finish_authentication(&party(), &begun.state, &answer.to_string())
}

fn nothing<T>(_: &mut T) {}

fn client_data(members: Value) -> impl Fn(&mut Forger) {
    move |forger| forger.client_data = members.clone()
}

#[test]
fn without_a_flaw_it_is_accepted() {
    let new = register(nothing, nothing).unwrap();
    assert_eq!(new.aaguid.as_bytes(), &[0xaa; 16]);
    assert_eq!(new.credential.transports.iter().collect::<Vec<_>>(), ["internal", "later"]);
    assert!(!new.credential.backup_eligible && !new.backup_state);
    let synced = register(|forger| forger.flags |= ELIGIBLE | BACKED_UP, nothing).unwrap();
    assert!(synced.credential.backup_eligible && synced.backup_state);
    let signed = sign(|forger| forger.count = 7, nothing).unwrap();
    assert_eq!(signed.sign_count, SignCount(7));
    // Members of the client data that nobody knows yet are to be expected (section 5.8.1).
    sign(client_data(json!({ "extraData": { "a": [1] } })), nothing).unwrap();
    sign(client_data(json!({ "tokenBinding": { "status": "supported" } })), nothing).unwrap();
    sign(client_data(json!({ "tokenBinding": null })), nothing).unwrap();
    // Octets that the extensions flag announces.
    sign(|forger| (forger.flags, forger.tail) = (PRESENT | VERIFIED | EXTENSIONS, vec![0xa0]), nothing)
        .unwrap();
}

#[test]
fn rsa_signatures_are_accepted() {
    let forger = Forger::rsa();
    let begun = begun_registration();
    let answer = forger.register(&begun.options_json).to_string();
    let new = judge().finish_registration(&party(), &begun.state, &answer).unwrap();
    assert_eq!(new.public_key, forger.public_key);
    let known = [new.credential];
    let begun = judge().begin_authentication(&party(), handle(), &known, challenge(1)).unwrap();
    let answer = forger.sign(&begun.options_json).to_string();
    judge().finish_authentication(&party(), &begun.state, &answer).unwrap();
    let mut wrong = forger;
    wrong.signs = Forger::rsa().signs;
    let answer = wrong.sign(&begun.options_json).to_string();
    flaw(judge().finish_authentication(&party(), &begun.state, &answer));
}

#[test]
fn the_public_key_is_kept_as_it_came() {
    let begun = begun_registration();
    let forger = Forger::new();
    let answer = forger.register(&begun.options_json).to_string();
    let new = judge().finish_registration(&party(), &begun.state, &answer).unwrap();
    assert_eq!(new.public_key, forger.public_key);
}

#[test]
fn another_origin_is_refused_however_much_it_looks_like_ours() {
    for origin in [
        "https://evil.example",
        "https://app.wallet.example.evil.example",
        "https://x.app.wallet.example",
        "https://wallet.example",
        "https://App.wallet.example",
        "https://app.wallet.example/",
        "https://app.wallet.example:443",
        "https://app.wallet.example:8443",
        "http://app.wallet.example",
        "https://app.wallet.example.",
        "https://app.wa\u{0142}let.example",
        "null",
        "",
    ] {
        let wrong = client_data(json!({ "origin": origin }));
        assert_eq!(flaw(register(&wrong, nothing)), "the origin is not one of the relying party", "{origin}");
        assert_eq!(flaw(sign(&wrong, nothing)), "the origin is not one of the relying party", "{origin}");
    }
}

#[test]
fn a_wrong_relying_party_id_is_refused() {
    for rp_id in ["evil.example", "app.wallet.example", "example", ""] {
        assert!(flaw(register(|forger| forger.rp_id = rp_id, nothing)).contains("library"), "{rp_id}");
        assert!(flaw(sign(|forger| forger.rp_id = rp_id, nothing)).contains("library"), "{rp_id}");
    }
}

#[test]
fn a_frame_of_another_origin_and_a_bound_connection_are_refused() {
    for members in [
        json!({ "crossOrigin": true }),
        json!({ "topOrigin": "https://evil.example" }),
        json!({ "crossOrigin": true, "topOrigin": ORIGIN }),
        json!({ "tokenBinding": { "status": "present", "id": "AAAA" } }),
    ] {
        flaw(register(client_data(members.clone()), nothing));
        flaw(sign(client_data(members), nothing));
    }
}

#[test]
fn the_type_of_the_other_ceremony_is_refused() {
    let other = "the client data is of another kind of ceremony";
    assert_eq!(flaw(register(client_data(json!({ "type": "webauthn.get" })), nothing)), other);
    assert_eq!(flaw(sign(client_data(json!({ "type": "webauthn.create" })), nothing)), other);
    assert_eq!(flaw(sign(client_data(json!({ "type": "payment.get" })), nothing)), other);
    for kind in ["password", "Public-Key", ""] {
        flaw(sign(nothing, |answer| answer["type"] = json!(kind)));
        flaw(register(nothing, |answer| answer["type"] = json!(kind)));
    }
}

#[test]
fn presence_and_verification_are_both_demanded() {
    for (flags, said) in [
        (VERIFIED, "the user was not present"),
        (PRESENT, "the user was not verified"),
        (0, "the user was not present"),
    ] {
        assert_eq!(flaw(register(|forger| forger.flags = flags, nothing)), said);
        assert_eq!(flaw(sign(|forger| forger.flags = flags, nothing)), said);
    }
}

#[test]
fn a_challenge_of_another_user_purpose_or_operation_is_refused() {
    let mut forger = Forger::new();
    let begun = begun_registration();
    let answer = forger.register(&begun.options_json).to_string();
    let known = [judge().finish_registration(&party(), &begun.state, &answer).unwrap().credential];
    let mine = crate::domain::Owner {
        environment: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap(),
        user: "7d444840-9dc0-11d1-b245-5ffdce74fad2".parse().unwrap(),
    };
    let (purpose, operation) = ([5; 32], Some([6; 32]));
    let right = Challenge::of_proof([1; 32], mine, purpose, operation);
    let others = [
        Challenge::of_proof([1; 32], owner(), purpose, operation),
        Challenge::of_proof([1; 32], mine, [7; 32], operation),
        Challenge::of_proof([1; 32], mine, purpose, Some([8; 32])),
        Challenge::of_proof([1; 32], mine, purpose, None),
        Challenge::of_proof([9; 32], mine, purpose, operation),
        Challenge::of_registration([1; 32], mine),
    ];
    let begin = |challenge| judge().begin_authentication(&party(), handle(), &known, challenge).unwrap();
    let wanted = begin(right);
    for other in others {
        let signed = forger.sign(&begin(other).options_json).to_string();
        let refused = judge().finish_authentication(&party(), &wanted.state, &signed);
        assert_eq!(flaw(refused), "the challenge is another one");
    }
    forger.count = 1;
    let signed = forger.sign(&wanted.options_json).to_string();
    judge().finish_authentication(&party(), &wanted.state, &signed).unwrap();
    // Padded or in the other alphabet, it is not the same text.
    let text = BASE64URL_NOPAD.encode(right.as_bytes());
    for other in [format!("{text}="), text.to_uppercase(), String::new()] {
        forger.client_data = json!({ "challenge": other });
        let signed = forger.sign(&wanted.options_json).to_string();
        flaw(judge().finish_authentication(&party(), &wanted.state, &signed));
    }
}

/// Rewrites a field.
fn spoil(answer: &mut Value, field: &str, way: &dyn Fn(&str) -> String) {
    let text = way(answer.pointer(field).unwrap().as_str().unwrap());
    *answer.pointer_mut(field).unwrap() = json!(text);
    if field == "/rawId" {
        answer["id"] = json!(text);
    }
}

#[test]
fn base64_is_without_padding_and_canonical() {
    let fields = [
        ("/rawId", true, true),
        ("/response/clientDataJSON", true, true),
        ("/response/attestationObject", true, false),
        ("/response/authenticatorData", false, true),
        ("/response/signature", false, true),
    ];
    let ways: [&dyn Fn(&str) -> String; 4] = [
        &|text| format!("{text}{}", &"===="[..(4 - text.len() % 4) % 4 + usize::from(text.len() % 4 == 0)]),
        &|text| format!("{text} "),
        &|text| format!("+{}", &text[1..]),
        &|text| format!("{text}A"),
    ];
    for (field, in_registration, in_authentication) in fields {
        for way in ways {
            if in_registration {
                flaw(register(nothing, |answer| spoil(answer, field, way)));
            }
            if in_authentication {
                flaw(sign(nothing, |answer| spoil(answer, field, way)));
            }
        }
    }
}

#[test]
fn what_does_not_parse_is_refused_alike() {
    let registration = begun_registration();
    let new = register(nothing, nothing).unwrap();
    let authentication =
        judge().begin_authentication(&party(), handle(), &[new.credential], challenge(1)).unwrap();
    for json in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\"x\"",
        "{\"id\":1}",
        "{\"id\":\"AA\",\"rawId\":\"AA\",\"type\":\"public-key\"}",
    ] {
        flaw(judge().finish_registration(&party(), &registration.state, json));
        flaw(judge().finish_authentication(&party(), &authentication.state, json));
    }
    let deep = "[".repeat(20_000);
    flaw(judge().finish_registration(&party(), &registration.state, &deep));
    // CBOR and client data.
    let nested = [0x81_u8; 5000];
    for octets in [
        &b""[..],
        b"\xff",
        b"\xa1",
        b"\xa0",
        b"{}",
        b"\xa1\x68authData\x40",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        &nested,
    ] {
        let text = BASE64URL_NOPAD.encode(octets);
        flaw(register(nothing, |answer| answer["response"]["attestationObject"] = json!(text)));
        flaw(sign(nothing, |answer| answer["response"]["authenticatorData"] = json!(text)));
        flaw(register(nothing, |answer| answer["response"]["clientDataJSON"] = json!(text)));
        flaw(sign(nothing, |answer| answer["response"]["clientDataJSON"] = json!(text)));
        flaw(sign(nothing, |answer| answer["response"]["signature"] = json!(text)));
    }
}

#[test]
fn octets_that_do_not_belong_there_are_refused() {
    let follow = "octets follow the authenticator data";
    assert_eq!(flaw(register(|forger| forger.tail = vec![0], nothing)), follow);
    assert_eq!(flaw(sign(|forger| forger.tail = vec![0], nothing)), follow);
    assert_eq!(
        flaw(register(|forger| forger.after = vec![0], nothing)),
        "octets follow the attestation object"
    );
    // Extensions that are announced and not there, not CBOR, no map, or followed by more.
    for tail in [&b""[..], b"\xff", b"\x00", b"\xa0\xa0"] {
        let spoil = |forger: &mut Forger| {
            forger.flags |= EXTENSIONS;
            forger.tail = tail.to_vec();
        };
        flaw(register(spoil, nothing));
        flaw(sign(spoil, nothing));
    }
    assert_eq!(
        flaw(sign(|forger| forger.flags |= ATTESTED, nothing)),
        "an assertion with attested credential data"
    );
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    let long = "the answer is too long";
    let padding = |length: usize| move |answer: &mut Value| answer["padding"] = json!("x".repeat(length));
    assert_eq!(flaw(register(nothing, padding(MAX_REGISTRATION))), long);
    assert_eq!(flaw(sign(nothing, padding(MAX_AUTHENTICATION))), long);
    register(nothing, padding(MAX_REGISTRATION - 4096)).unwrap();
    sign(nothing, padding(MAX_AUTHENTICATION - 4096)).unwrap();
}

#[test]
fn credential_ids_are_bounded_and_of_one_credential() {
    register(|forger| forger.id = vec![1; 1023], nothing).unwrap();
    flaw(register(|forger| forger.id = vec![1; 1024], nothing));
    flaw(register(|forger| forger.id = Vec::new(), nothing));
    let other = BASE64URL_NOPAD.encode(&[0xc2; 32]);
    flaw(register(nothing, |answer| {
        answer["id"] = json!(other);
        answer["rawId"] = json!(other);
    }));
    assert_eq!(flaw(sign(nothing, |answer| answer["id"] = json!(other))), "the credential has two ids");
    assert_eq!(flaw(register(nothing, |answer| answer["id"] = json!(other))), "the credential has two ids");
}

#[test]
fn backup_eligibility_never_changes() {
    let changed = "whether it may be backed up has changed";
    assert_eq!(flaw(sign(|forger| forger.flags |= ELIGIBLE, nothing)), changed);
    assert_eq!(flaw(sign(|forger| forger.flags |= ELIGIBLE | BACKED_UP, nothing)), changed);
    let backed_up = "it is backed up and may not be";
    assert_eq!(flaw(sign(|forger| forger.flags |= BACKED_UP, nothing)), backed_up);
    assert_eq!(flaw(register(|forger| forger.flags |= BACKED_UP, nothing)), backed_up);
    // The other way round.
    let mut forger = Forger::new();
    forger.flags |= ELIGIBLE;
    let begun = begun_registration();
    let answer = forger.register(&begun.options_json).to_string();
    let new = judge().finish_registration(&party(), &begun.state, &answer).unwrap();
    let begun = judge().begin_authentication(&party(), handle(), &[new.credential], challenge(1)).unwrap();
    forger.flags = PRESENT | VERIFIED;
    let signed = forger.sign(&begun.options_json).to_string();
    assert_eq!(flaw(judge().finish_authentication(&party(), &begun.state, &signed)), changed);
}

#[test]
fn a_credential_or_handle_of_another_user_is_refused() {
    assert_eq!(flaw(sign(|forger| forger.id = vec![0xc2; 32], nothing)), "the credential was not allowed");
    let with_handle = |handle: UserHandle| {
        move |answer: &mut Value| {
            answer["response"]["userHandle"] = json!(BASE64URL_NOPAD.encode(handle.as_bytes()));
        }
    };
    sign(nothing, with_handle(handle())).unwrap();
    sign(nothing, |answer| answer["response"]["userHandle"] = Value::Null).unwrap();
    let other = UserHandle::of(owner());
    assert_eq!(flaw(sign(nothing, with_handle(other))), "the user handle is another user's");
}

#[test]
fn a_signature_by_another_key_or_of_other_octets_is_refused() {
    flaw(sign(|forger| forger.signs = Forger::new().signs, nothing));
    for field in ["authenticatorData", "clientDataJSON"] {
        // The counter's last octet, and white space in the JSON: nothing that another rule would notice.
        flaw(sign(nothing, |answer| {
            let mut octets =
                BASE64URL_NOPAD.decode(answer["response"][field].as_str().unwrap().as_bytes()).unwrap();
            match field {
                "authenticatorData" => *octets.last_mut().unwrap() ^= 1,
                _ => octets.push(b' '),
            }
            answer["response"][field] = json!(BASE64URL_NOPAD.encode(&octets));
        }));
    }
}

#[test]
fn counters_are_told_and_not_judged() {
    // 0 to 0, on, back, away and at their end: judging is for the step that keeps them.
    for count in [0, 1, 7, u32::MAX] {
        assert_eq!(sign(|forger| forger.count = count, nothing).unwrap().sign_count, SignCount(count));
        assert_eq!(register(|forger| forger.count = count, nothing).unwrap().sign_count, SignCount(count));
    }
    let mut forger = Forger::new();
    forger.count = 9;
    let begun = begun_registration();
    let answer = forger.register(&begun.options_json).to_string();
    let new = judge().finish_registration(&party(), &begun.state, &answer).unwrap();
    for count in [9, 8, 0] {
        let known = [new.credential.clone()];
        let begun = judge().begin_authentication(&party(), handle(), &known, challenge(1)).unwrap();
        forger.count = count;
        let answer = forger.sign(&begun.options_json).to_string();
        let signed = judge().finish_authentication(&party(), &begun.state, &answer).unwrap();
        assert!(!new.sign_count.accepts(signed.sign_count));
    }
}

#[test]
fn an_excluded_passkey_does_not_register_again() {
    let known = [register(nothing, nothing).unwrap().credential];
    let begun = judge().begin_registration(&party(), wanted(handle(), &known)).unwrap();
    let answer = Forger::new().register(&begun.options_json).to_string();
    flaw(judge().finish_registration(&party(), &begun.state, &answer));
}

#[test]
fn another_relying_party_than_the_ceremony_began_with_is_refused() {
    let begun = begun_registration();
    let answer = Forger::new().register(&begun.options_json).to_string();
    for other in [
        RelyingParty { id: "app.wallet.example".to_owned(), ..party() },
        RelyingParty { origins: vec!["https://pay.wallet.example".to_owned()], ..party() },
    ] {
        flaw(judge().finish_registration(&other, &begun.state, &answer));
    }
    judge().finish_registration(&party(), &begun.state, &answer).unwrap();
}

#[test]
fn an_algorithm_that_was_not_offered_is_refused() {
    // COSE_Key of Ed25519 in place of the right one: the library knows it and was not asked for it.
    let begun = begun_registration();
    let mut answer = Forger::new().register(&begun.options_json);
    let object =
        BASE64URL_NOPAD.decode(answer["response"]["attestationObject"].as_str().unwrap().as_bytes()).unwrap();
    let object: ciborium::Value = ciborium::from_reader(object.as_slice()).unwrap();
    let mut members = object.into_map().unwrap();
    let data = members.iter_mut().find(|(name, _)| name.as_text() == Some("authData")).unwrap();
    let mut octets = data.1.as_bytes().unwrap()[..37 + 16 + 2 + 32].to_vec();
    octets.extend([0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
    octets.extend([7; 32]);
    data.1 = ciborium::Value::Bytes(octets);
    let mut object = Vec::new();
    ciborium::into_writer(&ciborium::Value::Map(members), &mut object).unwrap();
    answer["response"]["attestationObject"] = json!(BASE64URL_NOPAD.encode(&object));
    flaw(judge().finish_registration(&party(), &begun.state, &answer.to_string()));
}
