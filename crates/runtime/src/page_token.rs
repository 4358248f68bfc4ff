//! Page tokens (AIP-158): opaque to the caller, bound to what was listed, and signed, so that a token from elsewhere or
//! made up is refused rather than answered with the wrong page.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Bytes of the signature that a token carries: enough that guessing one is hopeless, short enough to paste.
const SIGNATURE: usize = 16;

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
    /// Tokens signed with a key derived from `secret`. Replicas that share a secret accept each other's tokens; a good one is
    /// what they share already, the URL of their database.
    pub fn new(secret: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"countersign page tokens v1\0");
        hasher.update(secret.as_bytes());
        Self { key: hasher.finalize().into() }
    }

    /// The token for what comes after `cursor` in `listing`, which names everything that the page depends on: the call, the
    /// account, the filters.
    pub fn seal(&self, listing: &[&str], cursor: &str) -> String {
        let mut token = self.sign(listing, cursor);
        token.extend_from_slice(cursor.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor in `token`, if it was made for `listing`; none for the empty token of a first page.
    pub fn open(&self, listing: &[&str], token: &str) -> Result<Option<String>, InvalidPageToken> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidPageToken)?;
        let (signature, cursor) = bytes.split_at_checked(SIGNATURE).ok_or(InvalidPageToken)?;
        let cursor = std::str::from_utf8(cursor).map_err(|_| InvalidPageToken)?;
        // Nothing secret is behind a cursor: the same listing would show it. A plain comparison is enough.
        if self.sign(listing, cursor) == signature {
            Ok(Some(cursor.to_owned()))
        } else {
            Err(InvalidPageToken)
        }
    }

    fn sign(&self, listing: &[&str], cursor: &str) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            // HMAC takes keys of every length (RFC 2104).
            return Vec::new();
        };
        for part in listing.iter().chain([&cursor]) {
            // The length keeps ("ab", "c") apart from ("a", "bc").
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut signature = mac.finalize().into_bytes().to_vec();
        signature.truncate(SIGNATURE);
        signature
    }
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
