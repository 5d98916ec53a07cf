use std::collections::BTreeSet;

use kernel::{Action, EnvironmentId, FactorKind, Reason, UserId};
use operation::{Body, KeyType, Operation, WalletRef};

use crate::{convert, names, types};

#[path = "../codegen.rs"]
mod codegen;

#[test]
fn the_generated_code_is_what_the_protos_give() {
    let fresh = tempfile::tempdir().unwrap();
    codegen::generate(fresh.path()).unwrap();
    let listing = |folder: &std::path::Path| -> BTreeSet<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let names = listing(fresh.path());
    assert_eq!(names, listing(&codegen::generated()), "run `just proto`");
    for name in names {
        let (made, kept) = (fresh.path().join(&name), codegen::generated().join(&name));
        assert!(
            std::fs::read(made).unwrap() == std::fs::read(kept).unwrap(),
            "{name:?} is out of date: run `just proto`"
        );
    }
}

#[test]
fn the_public_reasons_are_the_kernels() {
    let ours: BTreeSet<String> = Reason::ALL.iter().map(|reason| format!("REASON_{reason}")).collect();
    let mut public = BTreeSet::new();
    for value in 1..1000 {
        if let Ok(reason) = types::Reason::try_from(value) {
            public.insert(reason.as_str_name().to_owned());
        }
    }
    assert_eq!(ours, public);
    for reason in Reason::ALL {
        assert_ne!(convert::reason_value(*reason), types::Reason::Unspecified);
    }
}

#[test]
fn fields_that_carry_secrets_are_redacted() {
    let secret_fields =
        ["code", "token", "elevated_token", "receipt", "secret", "otpauth_uri", "qr_text", "qr_svg"];
    let set: prost_types::FileDescriptorSet = prost::Message::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
    let redacted = include_str!("generated/redacted.rs");
    let mut seen = 0;
    for message in set.file.iter().flat_map(|file| &file.message_type) {
        for field in &message.field {
            let is_text = field.r#type() == prost_types::field_descriptor_proto::Type::String;
            if is_text && secret_fields.contains(&field.name()) {
                seen += 1;
                let start = redacted
                    .find(&format!("debug_struct(\"{}\")", message.name()))
                    .unwrap_or_else(|| panic!("{} must mark {} debug_redact", message.name(), field.name()));
                let body = &redacted[start..start + redacted[start..].find("finish()").unwrap()];
                assert!(
                    body.contains(&format!("out.field(\"{}\", &\"[redacted]\")", field.name())),
                    "{}.{}",
                    message.name(),
                    field.name()
                );
            }
        }
    }
    assert!(seen >= 10, "the list of names no longer fits the protos");
    let shown = format!(
        "{:?}",
        crate::mfa_devices::VerifyTotpRequest { code: "123456".into(), ..Default::default() }
    );
    assert!(!shown.contains("123456") && shown.contains("purpose_digest"), "{shown}");
}

fn someone() -> (EnvironmentId, UserId) {
    let environment = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
    (environment, UserId::derive(environment, "idp", "alice"))
}

#[test]
fn operations_round_trip() {
    let (environment, user) = someone();
    let wallet =
        WalletRef { id: "5b0fd2f0-52a7-4e0b-9b06-2b1c3a0f9e01".parse().unwrap(), share_generation: 3 };
    for body in [
        Body::CreateWallet { key_type: KeyType::Ed25519 },
        Body::SignMessage { wallet, message: b"hello".to_vec() },
        Body::ExportWallet { wallet, recipient_public_key: [9; 32] },
        Body::LinkCredential { factor: FactorKind::Totp },
        Body::UnlinkCredential { device: "5b0fd2f0-52a7-4e0b-9b06-2b1c3a0f9e02".parse().unwrap() },
    ] {
        let id = "5b0fd2f0-52a7-4e0b-9b06-2b1c3a0f9e03".parse().unwrap();
        let operation = Operation { environment, user, id, body };
        let mut value = convert::operation_value(&operation);
        assert_eq!(
            convert::operation("operation", Some(value.clone()), environment, user).unwrap(),
            operation
        );
        value.user = format!("environments/{environment}/users/me");
        assert_eq!(
            convert::operation("operation", Some(value.clone()), environment, user).unwrap(),
            operation
        );
        let other = UserId::derive(environment, "idp", "bob");
        let strange = convert::operation_value(&operation);
        let refused = convert::operation("operation", Some(strange), environment, other).unwrap_err();
        assert_eq!(refused.reason(), Reason::ResourceNotFound);
    }
}

#[test]
fn unspecified_and_unknown_enum_values_are_refused() {
    for value in [0, 99, -1] {
        assert!(convert::action("f", value).is_err());
        assert!(convert::factor_kind("f", value).is_err());
        assert!(convert::key_type("f", value).is_err());
    }
    for action in Action::ALL {
        assert_eq!(convert::action("f", convert::action_value(action).into()).unwrap(), action);
    }
}

#[test]
fn names_parse_only_in_their_one_form() {
    let (environment, user) = someone();
    let name = names::user(environment, user);
    assert_eq!(names::parse_user("f", &name).unwrap(), (environment, names::UserRef::Id(user)));
    for bad in [
        format!("/{name}"),
        format!("{name}/"),
        format!("{name}/x"),
        name.to_uppercase(),
        name.replace("users", "user"),
        format!("environments/{environment}/users/../users/{user}"),
        String::new(),
    ] {
        assert_eq!(names::parse_user("f", &bad).unwrap_err().reason(), Reason::InvalidRequest, "{bad}");
    }
    assert_eq!(names::environment_of(&format!("{name}/junk")), Some(environment));
    assert_eq!(names::environment_of("environments/x"), None);
}

#[test]
fn times_keep_milliseconds_and_refuse_nonsense() {
    let time = kernel::Timestamp::from_millis(1_700_000_000_123);
    assert_eq!(convert::time("f", Some(convert::timestamp(time))).unwrap(), time);
    assert!(convert::time("f", None).is_err());
    assert!(convert::time("f", Some(prost_types::Timestamp { seconds: 0, nanos: -1 })).is_err());
    assert!(convert::time("f", Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })).is_err());
}
