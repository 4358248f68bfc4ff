//! Page tokens (AIP-158): opaque to the caller and bound to what was listed. They are encrypted and authenticated: a token from
//! elsewhere or made up is refused rather than answered with the wrong page, and one whose page ended with something that its
//! reader may not see does not tell what that was.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};

use crate::sealing::{SealingKey, SealingKeys};

/// A page token that this service did not make, or not for this listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a token of this listing: pass on the next_page_token of the page before, with the same filters"
)]
pub struct InvalidPageToken;

/// Makes and opens page tokens: under the first of its keys it makes them, under any it opens them.
#[derive(Clone, Debug)]
pub struct PageTokens {
    keys: Arc<SealingKeys>,
}

impl PageTokens {
    /// Tokens under these keys. Replicas that share them accept each other's tokens.
    pub fn new(keys: SealingKeys) -> Self {
        Self { keys: Arc::new(keys) }
    }

    /// The token for what comes after `cursor` in `listing`, which names everything that the page depends on: the call, the
    /// account, the filters.
    pub fn seal(&self, listing: &[&str], cursor: &str) -> String {
        let key = self.keys.first();
        let nonce = nonce(key, listing, cursor);
        let listing = framed(listing);
        let mut token = nonce.to_vec();
        let mut sealed = cursor.as_bytes().to_vec();
        let done = cipher(key).and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            cipher.seal_in_place_append_tag(nonce, Aad::from(listing), &mut sealed).ok()
        });
        // Keys of this length and texts of less than gigabytes can be sealed.
        if done.is_none() {
            return String::new();
        }
        token.extend(sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor in `token`, if it was made for `listing`; none for the empty token of a first page.
    pub fn open(&self, listing: &[&str], token: &str) -> Result<Option<String>, InvalidPageToken> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidPageToken)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(InvalidPageToken)?;
        let listing = framed(listing);
        let opened = self.keys.all().find_map(|key| {
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let cursor = cipher(key)?.open_in_place(nonce, Aad::from(&listing), &mut sealed).ok()?;
            Some(cursor.to_vec())
        });
        String::from_utf8(opened.ok_or(InvalidPageToken)?).map(Some).map_err(|_| InvalidPageToken)
    }
}

fn cipher(key: &SealingKey) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.bytes()).ok().map(LessSafeKey::new)
}

/// Made from what is sealed, so that no two texts share one, and a page's token is the same each time.
fn nonce(key: &SealingKey, listing: &[&str], cursor: &str) -> [u8; NONCE_LEN] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let mut parts = listing.to_vec();
    parts.push(cursor);
    let tag = hmac::sign(&key, &framed(&parts));
    let mut nonce = [0; NONCE_LEN];
    for (byte, of_tag) in nonce.iter_mut().zip(tag.as_ref()) {
        *byte = *of_tag;
    }
    nonce
}

/// The parts one after the other, each with its length, which keeps ("ab", "c") apart from ("a", "bc").
fn framed(parts: &[&str]) -> Vec<u8> {
    let mut framed = Vec::new();
    for part in parts {
        framed.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        framed.extend(part.as_bytes());
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(of: &[u8]) -> SealingKeys {
        let keys = of.iter().map(|byte| SealingKey::of(&[*byte; 32]).unwrap());
        SealingKeys::of(keys.collect()).unwrap()
    }

    fn under(of: &[u8]) -> PageTokens {
        PageTokens::new(keys(of))
    }

    #[test]
    fn a_token_opens_for_its_own_listing_alone() {
        let tokens = under(&[1]);
        let token = tokens.seal(&["resources", "account-1", "campaign"], "cursor");
        assert_eq!(tokens.open(&["resources", "account-1", "campaign"], &token), Ok(Some("cursor".into())));
        assert_eq!(tokens.open(&["resources", "account-2", "campaign"], &token), Err(InvalidPageToken));
        assert_eq!(tokens.open(&["resources", "account-1campaign", ""], &token), Err(InvalidPageToken));
        assert_eq!(under(&[2]).open(&["resources", "account-1", "campaign"], &token), Err(InvalidPageToken));
        assert_eq!(tokens.open(&["resources"], ""), Ok(None));
    }

    /// A page can end with what its reader may not see, and the token must not show it.
    #[test]
    fn a_token_does_not_show_its_cursor() {
        let token = under(&[1]).seal(&["a"], "01900000-0000-7000-8000-000000000001");
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("0190"));
    }

    #[test]
    fn garbage_and_changed_tokens_are_refused() {
        let tokens = under(&[1]);
        let token = tokens.seal(&["a"], "17");
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            if changed != token {
                assert_eq!(tokens.open(&["a"], &changed), Err(InvalidPageToken), "{changed}");
            }
        }
        for garbage in ["!", "AAAA", "not base64 at all", "ÄÖ"] {
            assert_eq!(tokens.open(&["a"], garbage), Err(InvalidPageToken), "{garbage}");
        }
    }

    /// Proves SEC-8: while a key is rotated, what was sealed under the old one opens, on replicas of either setting.
    #[test]
    fn a_key_is_rotated_by_putting_a_new_one_before_it() {
        let (before, during, after) = (under(&[1]), under(&[2, 1]), under(&[2]));
        let (old, new) = (before.seal(&["a"], "17"), during.seal(&["a"], "17"));
        assert_ne!(old, new);
        for (tokens, token, opens) in [
            (&during, &old, true),
            (&during, &new, true),
            (&after, &new, true),
            (&after, &old, false),
            (&before, &new, false),
            (&under(&[1, 2]), &new, true),
        ] {
            assert_eq!(tokens.open(&["a"], token).is_ok(), opens);
        }
    }

    /// Proves SEC-8: tokens as they were made once, under a key that was the hash of the database's URL, are refused.
    #[test]
    fn a_token_under_the_hash_of_a_url_is_refused() {
        use sha2::{Digest as _, Sha256};

        let url = "postgres://countersign:secret@db/countersign";
        let mut hasher = Sha256::new();
        hasher.update(b"countersign page tokens v2\0");
        hasher.update(url.as_bytes());
        let derived = SealingKey::as_it_is(hasher.finalize().into());
        let token = PageTokens::new(SealingKeys::of(vec![derived]).unwrap()).seal(&["a"], "17");
        assert_eq!(under(&[1, 2]).open(&["a"], &token), Err(InvalidPageToken));
    }
}
