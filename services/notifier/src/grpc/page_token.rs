//! Page tokens (AIP-158): opaque, and signed together with the list that they belong to, so that one made up or taken
//! from another list is told from a real one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::storage::{Filter, Position};

/// Of the signature, as much as makes guessing hopeless.
const SIGNATURE: usize = 16;
const TIME: usize = 8;
const ID: usize = 16;

/// Makes and checks page tokens. The key is in the database, so that a token of one replica is good at another.
#[derive(Clone)]
pub(super) struct PageTokens(Hmac<Sha256>);

/// The list that a token belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) account_id: Uuid,
    pub(super) viewer_id: Uuid,
    pub(super) filter: Filter,
}

impl PageTokens {
    pub(super) fn new(key: &[u8]) -> Self {
        // HMAC takes keys of every length (RFC 2104), so the error can't happen.
        Self(
            Hmac::new_from_slice(key)
                .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default())),
        )
    }

    pub(super) fn make(&self, list: List, position: Position) -> String {
        let mut token =
            [position.created_at.to_be_bytes().as_slice(), position.ribbon_id.as_bytes()].concat();
        let signature = self.signed(list, &token).finalize().into_bytes();
        token.extend_from_slice(&signature[..SIGNATURE]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position that `token` stands for, if it was made for `list`.
    pub(super) fn read(&self, list: List, token: &str) -> Option<Position> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (position, signature) = token.split_at_checked(TIME + ID)?;
        if signature.len() != SIGNATURE {
            return None;
        }
        self.signed(list, position).verify_truncated_left(signature).ok()?;
        let (time, id) = position.split_at_checked(TIME)?;
        Some(Position {
            created_at: i64::from_be_bytes(time.try_into().ok()?),
            ribbon_id: Uuid::from_slice(id).ok()?,
        })
    }

    fn signed(&self, list: List, position: &[u8]) -> Hmac<Sha256> {
        let kind = list.filter.kind.map_or(0, |kind| kind as i32);
        let resource_id = list.filter.resource_id.unwrap_or(Uuid::nil());
        // Every part has a fixed length, so no two lists sign alike.
        self.0
            .clone()
            .chain_update(b"ListRibbons/1")
            .chain_update(list.account_id)
            .chain_update(list.viewer_id)
            .chain_update(resource_id)
            .chain_update(kind.to_be_bytes())
            .chain_update(position)
    }
}

#[cfg(test)]
mod tests {
    use countersign_proto::inbox::RibbonKind;

    use super::*;

    const LIST: List = List {
        account_id: Uuid::from_u128(1),
        viewer_id: Uuid::from_u128(2),
        filter: Filter { resource_id: None, kind: None },
    };

    #[test]
    fn a_token_is_good_for_its_own_list_alone() {
        let tokens = PageTokens::new(b"key");
        let position = Position { created_at: 1_777_000_000_000_000, ribbon_id: Uuid::from_u128(3) };
        let token = tokens.make(LIST, position);
        assert_eq!(tokens.read(LIST, &token), Some(position));
        assert_eq!(PageTokens::new(b"key").read(LIST, &token), Some(position), "another replica's");
        let others = [
            List { account_id: Uuid::from_u128(9), ..LIST },
            List { viewer_id: Uuid::from_u128(9), ..LIST },
            List { filter: Filter { resource_id: Some(Uuid::from_u128(9)), kind: None }, ..LIST },
            List { filter: Filter { resource_id: None, kind: Some(RibbonKind::Decide) }, ..LIST },
        ];
        for other in others {
            assert_eq!(tokens.read(other, &token), None, "{other:?}");
        }
        assert_eq!(PageTokens::new(b"other key").read(LIST, &token), None);
    }

    #[test]
    fn what_was_tampered_with_is_no_token() {
        let tokens = PageTokens::new(b"key");
        let token = tokens.make(LIST, Position { created_at: 5, ribbon_id: Uuid::from_u128(3) });
        for index in 0..token.len() {
            let mut broken = token.clone().into_bytes();
            broken[index] = if broken[index] == b'A' { b'B' } else { b'A' };
            let broken = String::from_utf8(broken).unwrap();
            assert_eq!(tokens.read(LIST, &broken), None, "{broken}");
        }
        for broken in ["", "x", "====", &token[1..], &format!("{token}AAAA")] {
            assert_eq!(tokens.read(LIST, broken), None, "{broken}");
        }
    }
}
