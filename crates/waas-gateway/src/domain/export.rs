//! Shares on their way to the one who asked for the key. The gateway cannot open them; it checks who sealed them, so
//! that a box that the caller would have to throw away does not become the result of the operation.

use attestation::{Decoder, Encoder, KeyStatement, Malformed, NodeDirectory, SealedShare, export_binding};
use kernel::{Error, NodeId, Reason, Result};
use operation::CheckedOperation;

const SHARES: &str = "countersign/gateway/sealed-shares/v1";

/// Refuses a box that is not from the node that was asked, or not for this export of this key.
///
/// # Errors
///
/// `PROTOCOL_FAILED` naming the node that was asked.
pub(crate) fn check(
    share: &SealedShare,
    asked: &NodeId,
    directory: &NodeDirectory,
    key: &KeyStatement,
    operation: &CheckedOperation,
) -> Result<()> {
    let binding = export_binding(key, operation.digest().as_bytes(), asked);
    if directory.node(asked).is_some_and(|node| share.is_by(node, &binding)) {
        return Ok(());
    }
    Err(Error::new(Reason::ProtocolFailed, "a node answered a share that it did not sign for this export")
        .with("node_id", asked.as_str()))
}

/// What is stored of an export. It reveals nothing: every box is sealed.
pub(crate) fn encode(shares: &[SealedShare]) -> Vec<u8> {
    let count = u16::try_from(shares.len()).unwrap_or(u16::MAX);
    let encoder = Encoder::new(SHARES).u16(count);
    shares
        .iter()
        .fold(encoder, |encoder, share| {
            encoder
                .part(share.node.as_str().as_bytes())
                .part(&share.encapsulated_key)
                .part(&share.ciphertext)
                .part(&share.signature)
        })
        .finish()
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(octets: &[u8]) -> Result<Vec<SealedShare>, Malformed> {
    let mut decoder = Decoder::new(SHARES, octets)?;
    let count = decoder.u16()?;
    let mut shares = Vec::new();
    for _ in 0..count {
        shares.push(SealedShare {
            node: decoder.parse()?,
            encapsulated_key: decoder.array()?,
            ciphertext: decoder.part()?.to_vec(),
            signature: decoder.array()?,
        });
    }
    decoder.end()?;
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, Identities};
    use super::*;

    #[test]
    fn a_box_counts_only_from_the_node_that_was_asked_and_for_this_export() {
        let (directory, identities) = (fixtures::directory(2, 3), Identities::new(3));
        let key = fixtures::statement(&directory, &fixtures::creation());
        let operation = fixtures::export(&key, 1);
        let share = identities.seal(0, &key, &operation, 4);
        let asked = share.node.clone();
        check(&share, &asked, &directory, &key, &operation).unwrap();

        let refused =
            |share: &SealedShare, asked: &NodeId, key: &KeyStatement, operation: &CheckedOperation| {
                let error = check(share, asked, &directory, key, operation).unwrap_err();
                assert_eq!(error.reason(), Reason::ProtocolFailed);
                assert_eq!(error.metadata()["node_id"], asked.as_str());
            };
        refused(&share, &directory.nodes()[1].id, &key, &operation);
        refused(&share, &"node-9".parse().unwrap(), &key, &operation);
        refused(&share, &asked, &key, &fixtures::export(&key, 2));
        let mut other = key.clone();
        other.key.public_key = [7; 32];
        refused(&share, &asked, &other, &operation);
        let other = KeyStatement { group: "other".parse().unwrap(), ..key.clone() };
        refused(&identities.seal(0, &other, &operation, 4), &asked, &key, &operation);
        refused(
            &SealedShare { node: directory.nodes()[1].id.clone(), ..share.clone() },
            &asked,
            &key,
            &operation,
        );
        let mut altered = share.clone();
        altered.ciphertext[0] ^= 1;
        refused(&altered, &asked, &key, &operation);
        let mut altered = share;
        altered.encapsulated_key[0] ^= 1;
        refused(&altered, &asked, &key, &operation);
    }

    #[test]
    fn stored_boxes_are_read_as_they_were() {
        let key = fixtures::statement(&fixtures::directory(2, 3), &fixtures::creation());
        let operation = fixtures::export(&key, 1);
        let identities = Identities::new(3);
        let shares = vec![identities.seal(0, &key, &operation, 4), identities.seal(2, &key, &operation, 4)];
        let octets = encode(&shares);
        assert_eq!(decode(&octets), Ok(shares));
        assert_eq!(decode(&octets[1..]), Err(Malformed));
        assert_eq!(decode(&[&octets[..], b"x"].concat()), Err(Malformed));
    }
}
