//! Page tokens (AIP-158): opaque to the caller and bound to what was listed. They are encrypted and authenticated: a token from
//! elsewhere or made up is refused rather than answered with the wrong page, and one whose page ended with something that its
//! reader may not see does not tell what that was.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use sha2::{Digest as _, Sha256};

/// A page token that this service did not make, or not for this listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a token of this listing: pass on the next_page_token of the page before, with the same filters"
)]
pub struct InvalidPageToken;

/// Makes and opens page tokens.
#[derive(Clone, Debug)]
pub struct PageTokens {
    key: [u8; 32],
}

impl PageTokens {
    /// Tokens under a key derived from `secret`. Replicas that share a secret accept each other's tokens; a good one is what they
    /// share already, the URL of their database.
    pub fn new(secret: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"countersign page tokens v2\0");
        hasher.update(secret.as_bytes());
        Self { key: hasher.finalize().into() }
    }

    /// The token for what comes after `cursor` in `listing`, which names everything that the page depends on: the call, the
    /// account, the filters.
    pub fn seal(&self, listing: &[&str], cursor: &str) -> String {
        let nonce = self.nonce(listing, cursor);
        let listing = framed(listing);
        let mut token = nonce.to_vec();
        let mut sealed = cursor.as_bytes().to_vec();
        let done = self.cipher().and_then(|cipher| {
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
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut sealed = sealed.to_vec();
        let cipher = self.cipher().ok_or(InvalidPageToken)?;
        let cursor = cipher
            .open_in_place(nonce, Aad::from(framed(listing)), &mut sealed)
            .map_err(|_| InvalidPageToken)?;
        String::from_utf8(cursor.to_vec()).map(Some).map_err(|_| InvalidPageToken)
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.key).ok().map(LessSafeKey::new)
    }

    /// Made from what is sealed, so that no two texts share one, and a page's token is the same each time.
    fn nonce(&self, listing: &[&str], cursor: &str) -> [u8; NONCE_LEN] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        let mut parts = listing.to_vec();
        parts.push(cursor);
        let tag = hmac::sign(&key, &framed(&parts));
        let mut nonce = [0; NONCE_LEN];
        for (byte, of_tag) in nonce.iter_mut().zip(tag.as_ref()) {
            *byte = *of_tag;
        }
        nonce
    }
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

    #[test]
    fn a_token_opens_for_its_own_listing_alone() {
        let tokens = PageTokens::new("postgres://db/a");
        let token = tokens.seal(&["resources", "account-1", "campaign"], "cursor");
        assert_eq!(tokens.open(&["resources", "account-1", "campaign"], &token), Ok(Some("cursor".into())));
        assert_eq!(tokens.open(&["resources", "account-2", "campaign"], &token), Err(InvalidPageToken));
        assert_eq!(tokens.open(&["resources", "account-1campaign", ""], &token), Err(InvalidPageToken));
        assert_eq!(
            PageTokens::new("postgres://db/b").open(&["resources", "account-1", "campaign"], &token),
            Err(InvalidPageToken)
        );
        assert_eq!(tokens.open(&["resources"], ""), Ok(None));
    }

    /// A page can end with what its reader may not see, and the token must not show it.
    #[test]
    fn a_token_does_not_show_its_cursor() {
        let token = PageTokens::new("x").seal(&["a"], "01900000-0000-7000-8000-000000000001");
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("0190"));
    }

    #[test]
    fn garbage_and_changed_tokens_are_refused() {
        let tokens = PageTokens::new("x");
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
}
