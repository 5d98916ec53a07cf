//! Telling a Solana transaction from a message.
//!
//! A validator checks a signature over the serialized transaction message and over nothing else, so on an ed25519
//! key a "message" that happens to be those octets is a transaction, whatever the caller calls it.

use solana_message::VersionedMessage;
use solana_message::v1::SIGNATURE_SIZE;
use wincode::SchemaRead;
use wincode::config::DefaultConfig;
use wincode::io::Reader;

/// Whether the octets are a transaction message (legacy, v0, or v1 of SIMD-0385), or a whole transaction with its
/// signatures or with room for them.
///
/// What is asked is whether the octets *decode completely*:
///
/// * Octets left over make it no transaction. The encoding is canonical and self-delimiting, and what a validator
///   verifies is the encoding of the decoded message, so a signature over message and rest verifies for no
///   message. Refusing any text of which a *beginning* decodes would refuse honest text: one that starts with
///   `I, t` reads as the header of a message with 116 accounts and, when it is some kilobytes long, as the rest.
/// * Nothing more is asked than that a key signs it. `VersionedMessage::sanitize` also refuses indices out of
///   range and the like; those rules say what a validator runs today, and a signature outlives them.
///
/// A later version of the format is not known here: that takes a newer `solana-message`. Version 127 never will be
/// one, it is the first octet of the off-chain message format.
pub(crate) fn is_transaction(octets: &[u8]) -> bool {
    is_message_or_v1(octets) || is_legacy_or_v0_with_signatures(octets)
}

/// The octets that are signed, of any version, or a whole v1 transaction, whose signatures come last.
fn is_message_or_v1(octets: &[u8]) -> bool {
    split_message(octets).is_some_and(|(message, rest)| match message {
        VersionedMessage::Legacy(_) | VersionedMessage::V0(_) => rest.is_empty(),
        VersionedMessage::V1(_) => {
            rest.is_empty() || rest.len() == required_signatures(&message) * SIGNATURE_SIZE
        }
    })
}

/// A whole legacy or v0 transaction: the number of signatures, these, and the message. The number is a compact
/// u16, which is one octet for as many as a transaction can hold.
fn is_legacy_or_v0_with_signatures(octets: &[u8]) -> bool {
    let Some((&count, rest)) = octets.split_first() else { return false };
    if count & 0x80 != 0 {
        return false;
    }
    rest.get(usize::from(count) * SIGNATURE_SIZE..)
        .and_then(split_message)
        .is_some_and(|(message, rest)| rest.is_empty() && !matches!(message, VersionedMessage::V1(_)))
}

/// The message that some key has to sign at the start of the octets, and the octets after it.
fn split_message(octets: &[u8]) -> Option<(VersionedMessage, &[u8])> {
    let mut rest = octets;
    let message = <VersionedMessage as SchemaRead<DefaultConfig>>::get(rest.by_ref()).ok()?;
    let required = required_signatures(&message);
    (required >= 1 && required <= message.static_account_keys().len()).then_some((message, rest))
}

fn required_signatures(message: &VersionedMessage) -> usize {
    usize::from(message.header().num_required_signatures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;
    use solana_message::compiled_instruction::CompiledInstruction;
    use solana_message::v1::TransactionConfig;
    use solana_message::{
        AccountMeta, Address, AddressLookupTableAccount, Hash, Instruction, Message, MessageHeader, legacy,
        v0, v1,
    };

    // Written by the JavaScript libraries @solana/web3.js 1.99.0 (legacy, v0 with a lookup table) and @solana/kit
    // 8.4.0 (v0, v1, off-chain; it writes the same legacy octets): a transfer of 0.001 SOL from the key of RFC 8032
    // section 7.1 test 1 to that of test 2, and the same signed.
    const LEGACY: &str = "01000103d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c0000000000000000000000000000000000000000000000000000000000000000ddf4bd3b08fc075b81a916972068d083404be8c94d0dbbdc67e8be6423d2112a01020200010c0200000040420f0000000000";
    const LEGACY_SIGNATURE: &str = "b0ca5b98f23ee38790fd57420099efa285a44a9e1e285cf50bd2fb9ed46f01470b451a4b509a360173baffba6af76196a44527c2e182e8f3b579a5159a2d2a0f";
    const V0: &str = "8001000103d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c0000000000000000000000000000000000000000000000000000000000000000ddf4bd3b08fc075b81a916972068d083404be8c94d0dbbdc67e8be6423d2112a01020200010c0200000040420f000000000000";
    const V0_SIGNATURE: &str = "1f1db814312b5a56ec27bb9ac317c2a022b0e25a36a8cdff8603eff288ef5761b5829f844a8fb638940a81ea07be3d8f3b35041d2f3ebb2b1d2c91c8b9921009";
    const V0_LOOKUP: &str = "8001000102d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a0000000000000000000000000000000000000000000000000000000000000000ddf4bd3b08fc075b81a916972068d083404be8c94d0dbbdc67e8be6423d2112a01010200020c0200000040420f0000000000010277a6af97339b7ac88d1892c90446f50002309266f62e53c118244982000000010000";
    const V1: &str = "8101000107000000ddf4bd3b08fc075b81a916972068d083404be8c94d0dbbdc67e8be6423d2112a0103d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c00000000000000000000000000000000000000000000000000000000000000008813000000000000400d030002020c0000010200000040420f0000000000";
    const V1_SIGNATURE: &str = "20b5d31ee4e73f6b33498cea9cf245862015b95aab57e41d171c0b602eb9369b46b47dfd3b94252102e8d1d9a5d88dfddf1167e7444ee8e4e50b73ac030c4f0f";
    const OFFCHAIN: &str = "ff736f6c616e61206f6666636861696e00d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a0001d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a050048656c6c6f";

    fn octets(hex: &str) -> Vec<u8> {
        HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    fn transfer() -> Instruction {
        let accounts = vec![
            AccountMeta::new(Address::from([1; 32]), true),
            AccountMeta::new(Address::from([2; 32]), false),
        ];
        let mut data = vec![2, 0, 0, 0];
        data.extend(1_000_000_u64.to_le_bytes());
        Instruction { program_id: Address::from([0; 32]), accounts, data }
    }

    #[test]
    fn transaction_messages_of_another_implementation_are_transactions() {
        for message in [LEGACY, V0, V0_LOOKUP, V1] {
            assert!(is_transaction(&octets(message)), "{message}");
        }
    }

    #[test]
    fn whole_transactions_of_another_implementation_are_transactions() {
        for transaction in [
            format!("01{LEGACY_SIGNATURE}{LEGACY}"),
            format!("01{V0_SIGNATURE}{V0}"),
            format!("{V1}{V1_SIGNATURE}"),
            // Not signed yet.
            format!("01{}{LEGACY}", "00".repeat(64)),
            format!("00{V0_LOOKUP}"),
        ] {
            assert!(is_transaction(&octets(&transaction)), "{transaction}");
        }
    }

    #[test]
    fn messages_of_the_libraries_own_constructors_are_transactions() {
        let payer = Address::from([1; 32]);
        let blockhash = || Hash::new_from_array([7; 32]);
        let table = AddressLookupTableAccount {
            key: Address::from([9; 32]),
            addresses: vec![Address::from([2; 32]), Address::from([3; 32])],
        };
        for message in [
            VersionedMessage::Legacy(Message::new_with_blockhash(&[transfer()], Some(&payer), &blockhash())),
            VersionedMessage::Legacy(Message::new_with_blockhash(&[], Some(&payer), &blockhash())),
            VersionedMessage::Legacy(Message::new_with_nonce(
                vec![transfer(), transfer()],
                Some(&payer),
                &Address::from([4; 32]),
                &Address::from([5; 32]),
            )),
            VersionedMessage::V0(v0::Message::try_compile(&payer, &[transfer()], &[], blockhash()).unwrap()),
            VersionedMessage::V0(
                v0::Message::try_compile(&payer, &[transfer()], &[table], blockhash()).unwrap(),
            ),
            VersionedMessage::V1(
                v1::Message::try_compile_with_config(
                    &payer,
                    &[transfer()],
                    blockhash(),
                    TransactionConfig::empty().with_heap_size(64 * 1024),
                )
                .unwrap(),
            ),
        ] {
            message.sanitize().unwrap();
            assert!(is_transaction(&message.serialize()), "{message:?}");
        }
    }

    #[test]
    fn a_message_that_validators_refuse_today_is_a_transaction_all_the_same() {
        let mut message = Message::new_with_blockhash(
            &[transfer()],
            Some(&Address::from([1; 32])),
            &Hash::new_from_array([7; 32]),
        );
        message.instructions[0].program_id_index = 200;
        let message = VersionedMessage::Legacy(message);
        assert!(message.sanitize().is_err());
        assert!(is_transaction(&message.serialize()));
    }

    #[test]
    fn octets_that_no_key_has_to_sign_are_no_transaction() {
        // The default message decodes: no keys, no instructions, 37 octets.
        let unsigned = VersionedMessage::default().serialize();
        assert!(wincode::deserialize_exact::<VersionedMessage>(&unsigned).is_ok());
        assert!(!is_transaction(&unsigned));
    }

    #[test]
    fn a_signature_over_more_or_less_than_the_message_is_over_no_transaction() {
        for message in [LEGACY, V0, V0_LOOKUP, V1] {
            let whole = octets(message);
            for length in 0..whole.len() {
                assert!(!is_transaction(&whole[..length]), "{message} cut to {length}");
            }
            assert!(!is_transaction(&[whole.as_slice(), &[0]].concat()), "{message}");
            // 128 takes two octets as a compact u16, so this is no number of signatures.
            assert!(
                !is_transaction(&[[0x80; 1 + 128 * SIGNATURE_SIZE].as_slice(), &whole].concat()),
                "{message}"
            );
        }
    }

    #[test]
    fn off_chain_messages_are_no_transactions() {
        assert!(!is_transaction(&octets(OFFCHAIN)));
        assert!(!is_transaction(b"\xffsolana offchain"));
    }

    #[test]
    fn text_is_no_transaction_even_when_it_reads_like_the_beginning_of_one() {
        // 'I' signatures, ',' and ' ' of the accounts read only, 't' accounts of 32 octets, a block hash, then ' '
        // instructions with ' ' accounts and ' ' octets of data each.
        let mut text = "I, too, sign".to_owned();
        text.extend(std::iter::repeat_n(' ', 12_000));
        let mut rest = text.as_bytes();
        let prefix = <VersionedMessage as SchemaRead<DefaultConfig>>::get(rest.by_ref());
        assert!(prefix.is_ok() && !rest.is_empty(), "the text no longer tests anything");
        assert!(!is_transaction(text.as_bytes()));
    }

    fn any_message() -> impl Strategy<Value = VersionedMessage> {
        let address = || any::<[u8; 32]>().prop_map(Address::from);
        let instruction = (
            any::<u8>(),
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(any::<u8>(), 0..200),
        )
            .prop_map(|(program_id_index, accounts, data)| CompiledInstruction {
                program_id_index,
                accounts,
                data,
            });
        (
            0_u8..3,
            (1_u8..20, any::<u8>(), any::<u8>()),
            prop::collection::vec(address(), 20..60),
            any::<[u8; 32]>().prop_map(Hash::new_from_array),
            prop::collection::vec(instruction, 0..8),
        )
            .prop_map(
                |(version, (signatures, readonly_signed, readonly), account_keys, hash, instructions)| {
                    let header = MessageHeader {
                        num_required_signatures: signatures,
                        num_readonly_signed_accounts: readonly_signed,
                        num_readonly_unsigned_accounts: readonly,
                    };
                    match version {
                        0 => VersionedMessage::Legacy(legacy::Message {
                            header,
                            account_keys,
                            recent_blockhash: hash,
                            instructions,
                        }),
                        1 => VersionedMessage::V0(v0::Message {
                            header,
                            account_keys,
                            recent_blockhash: hash,
                            instructions,
                            address_table_lookups: vec![],
                        }),
                        _ => VersionedMessage::V1(v1::Message::new(
                            header,
                            TransactionConfig::empty(),
                            hash,
                            account_keys,
                            instructions,
                        )),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn every_message_the_library_can_write_is_a_transaction(message in any_message()) {
            let written = message.serialize();
            prop_assert!(is_transaction(&written));
            let signatures = vec![0xa5; required_signatures(&message) * SIGNATURE_SIZE];
            let whole = match message {
                VersionedMessage::V1(_) => [written, signatures].concat(),
                VersionedMessage::Legacy(_) | VersionedMessage::V0(_) => {
                    [vec![message.header().num_required_signatures], signatures, written].concat()
                }
            };
            prop_assert!(is_transaction(&whole));
        }

        #[test]
        fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..2_000)) {
            is_transaction(&octets);
        }

        #[test]
        fn damaged_transactions_never_panic(
            message in any_message(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut octets = message.serialize();
            for (at, value) in damage {
                let at = at.index(octets.len());
                octets[at] = value;
            }
            is_transaction(&octets);
        }
    }
}
