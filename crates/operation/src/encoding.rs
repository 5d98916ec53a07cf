//! The canonical encoding, version 1. `docs/operation-digest.md` is its specification; a test holds the table
//! there to the tags here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::model::{Body, Operation, WalletRef};

/// What these octets are, so that they can be taken for nothing else. A change of anything below is a new version.
pub(crate) const DOMAIN: &str = "countersign/operation/v1";

macro_rules! tags {
    ($($name:ident = $value:literal, $text:literal;)+) => {
        /// The fields of the encoding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub(crate) enum Tag {
            $($name = $value,)+
        }

        #[cfg(test)]
        impl Tag {
            /// Every tag with its number and its name in the specification.
            pub(crate) const ALL: &'static [(Self, u16, &'static str)] = &[$((Self::$name, $value, $text),)+];
        }
    };
}

// A number never changes its meaning within a version and is never used again.
tags! {
    Kind = 0x0001, "kind";
    Action = 0x0002, "action";
    Environment = 0x0003, "environment";
    User = 0x0004, "user";
    OperationId = 0x0005, "operation_id";
    Wallet = 0x0101, "wallet";
    ShareGeneration = 0x0102, "share_generation";
    KeyType = 0x0103, "key_type";
    Factor = 0x0104, "factor";
    Device = 0x0105, "device";
    Message = 0x0201, "message";
    RecipientPublicKey = 0x0301, "recipient_public_key";
    MessageForm = 0x0401, "fact.message_form";
    MessageLength = 0x0402, "fact.message_length";
    MessageSha256 = 0x0403, "fact.message_sha256";
}

/// The map keeps the tags strictly increasing, however they are put in.
type Fields<'a> = BTreeMap<Tag, Cow<'a, [u8]>>;

/// The encoding of an operation that was checked, with the facts of its payload.
pub(crate) fn encode(operation: &Operation, facts: &Facts) -> Vec<u8> {
    let mut fields = Fields::new();
    let kind = operation.body.kind();
    let (environment, user, id) = (operation.environment.uuid(), operation.user.uuid(), operation.id.uuid());
    fields.insert(Tag::Kind, kind.as_str().as_bytes().into());
    fields.insert(Tag::Action, kind.action().as_str().as_bytes().into());
    fields.insert(Tag::Environment, environment.as_bytes().into());
    fields.insert(Tag::User, user.as_bytes().into());
    fields.insert(Tag::OperationId, id.as_bytes().into());
    put_body(&mut fields, &operation.body);
    put_facts(&mut fields, facts);
    write(&fields)
}

fn put_body<'a>(fields: &mut Fields<'a>, body: &'a Body) {
    match body {
        Body::CreateWallet { key_type } => {
            fields.insert(Tag::KeyType, key_type.as_str().as_bytes().into());
        }
        Body::SignMessage { wallet, message } => {
            put_wallet(fields, *wallet);
            fields.insert(Tag::Message, message.into());
        }
        Body::ExportWallet { wallet, recipient_public_key } => {
            put_wallet(fields, *wallet);
            fields.insert(Tag::RecipientPublicKey, recipient_public_key.into());
        }
        Body::LinkCredential { factor } => {
            fields.insert(Tag::Factor, factor.as_str().as_bytes().into());
        }
        Body::UnlinkCredential { device } => {
            fields.insert(Tag::Device, device.uuid().as_bytes().to_vec().into());
        }
    }
}

fn put_wallet(fields: &mut Fields<'_>, wallet: WalletRef) {
    fields.insert(Tag::Wallet, wallet.id.uuid().as_bytes().to_vec().into());
    fields.insert(Tag::ShareGeneration, wallet.share_generation.to_be_bytes().to_vec().into());
}

fn put_facts<'a>(fields: &mut Fields<'a>, facts: &'a Facts) {
    if let Some(message) = &facts.message {
        fields.insert(Tag::MessageForm, message.form.as_str().as_bytes().into());
        fields.insert(Tag::MessageLength, message.length.to_be_bytes().to_vec().into());
        fields.insert(Tag::MessageSha256, message.sha256.as_slice().into());
    }
}

fn write(fields: &Fields<'_>) -> Vec<u8> {
    let size = fields.values().map(|value| 6 + value.len()).sum::<usize>() + 4 + DOMAIN.len();
    let mut out = Vec::with_capacity(size);
    put_length(&mut out, DOMAIN.as_bytes());
    out.extend(DOMAIN.as_bytes());
    for (tag, value) in fields {
        out.extend((*tag as u16).to_be_bytes());
        put_length(&mut out, value);
        out.extend(value.iter());
    }
    out
}

fn put_length(out: &mut Vec<u8>, value: &[u8]) {
    // The check bounds the longest field, the message, far below 2^32 octets.
    out.extend((value.len() as u32).to_be_bytes());
}
