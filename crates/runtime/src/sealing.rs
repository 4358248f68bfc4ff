//! The keys under which page tokens and cursors are sealed: a secret of its own, which is given or was made at random once and is
//! kept in the service's database (SEC-8). It is in no log and no error, and made from nothing that a caller could guess.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

/// The least length of a secret that a key is made from, in bytes.
pub const SECRET_BYTES: usize = 32;

/// How many keys are given at the most.
const KEYS: usize = 8;

/// A key, made from a secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// The key made from `secret`; none where that is shorter than [`SECRET_BYTES`].
    pub fn of(secret: &[u8]) -> Option<Self> {
        if secret.len() < SECRET_BYTES {
            return None;
        }
        let mut hasher = Sha256::new();
        hasher.update(b"countersign page tokens v3\0");
        hasher.update(secret);
        Some(Self(hasher.finalize().into()))
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) const fn as_it_is(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// One key or several: the first seals, all of them open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKeys {
    first: SealingKey,
    others: Vec<SealingKey>,
}

/// Why keys can't be had. Nothing of them is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealingKeyError {
    /// There is none, or more than are looked through for each token.
    #[error("--sealing-key must be 1 to {KEYS} keys, is {0}")]
    Number(usize),
    /// One of them is no Base64.
    #[error("--sealing-key: key {0} is not Base64 (RFC 4648, with padding)")]
    NotBase64(usize),
    /// One of them is too short to be a secret.
    #[error(
        "--sealing-key: key {0} must have at least {SECRET_BYTES} bytes, for example those of `openssl rand -base64 32`"
    )]
    TooShort(usize),
    /// The one that is kept in the database is none.
    #[error("the sealing key that is kept in the database is damaged: delete its row, and a new one is made")]
    Damaged,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers to make a sealing key from")]
    NoRandomness,
}

impl SealingKeys {
    /// These, the first of which seals.
    pub fn of(keys: Vec<SealingKey>) -> Result<Self, SealingKeyError> {
        let number = keys.len();
        let mut keys = keys.into_iter();
        match keys.next() {
            Some(first) if number <= KEYS => Ok(Self { first, others: keys.collect() }),
            _ => Err(SealingKeyError::Number(number)),
        }
    }

    /// Those that a setting holds: secrets in Base64, with white space or commas between them.
    pub fn parse(setting: &str) -> Result<Self, SealingKeyError> {
        let given = setting.split(|c: char| c == ',' || c.is_whitespace()).filter(|given| !given.is_empty());
        let key = |(index, given): (usize, &str)| {
            let secret = STANDARD.decode(given).map_err(|_| SealingKeyError::NotBase64(index + 1))?;
            SealingKey::of(&secret).ok_or(SealingKeyError::TooShort(index + 1))
        };
        Self::of(given.enumerate().map(key).collect::<Result<_, _>>()?)
    }

    /// The one made from the secret that is kept in the database.
    pub fn kept(secret: &[u8]) -> Result<Self, SealingKeyError> {
        let first = SealingKey::of(secret).ok_or(SealingKeyError::Damaged)?;
        Ok(Self { first, others: Vec::new() })
    }

    /// These, and one more that only opens: the one made from `kept`, where a database keeps one. So what was sealed before keys
    /// were given goes on opening.
    pub fn and_kept(mut self, kept: Option<&[u8]>) -> Result<Self, SealingKeyError> {
        if let Some(kept) = kept {
            self.others.push(Self::kept(kept)?.first);
        }
        Ok(self)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) const fn first(&self) -> &SealingKey {
        &self.first
    }
}

/// A secret to make a key from, at random.
pub fn random_secret() -> Result<[u8; SECRET_BYTES], SealingKeyError> {
    let mut secret = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut secret).map_err(|_| SealingKeyError::NoRandomness)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64(byte: u8, length: usize) -> String {
        STANDARD.encode(vec![byte; length])
    }

    /// Proves SEC-8: a secret is long, and no error and no `Debug` shows one.
    #[test]
    fn keys_are_given_in_base64_and_never_shown() {
        let (one, two) = (base64(1, 32), base64(2, 64));
        let keys = SealingKeys::parse(&format!("{one},\n {two}\n")).unwrap();
        assert_eq!(keys.all().count(), 2);
        assert_eq!(*keys.first(), SealingKey::of(&[1; 32]).unwrap());
        let shown = format!("{keys:?}");
        assert!(!shown.contains('1') && shown.contains("redacted"), "{shown}");
        for (setting, error) in [
            (String::new(), SealingKeyError::Number(0)),
            ([one.as_str(); 9].join(","), SealingKeyError::Number(9)),
            (format!("{one},%%%"), SealingKeyError::NotBase64(2)),
            (base64(7, 31), SealingKeyError::TooShort(1)),
        ] {
            assert_eq!(SealingKeys::parse(&setting), Err(error));
            assert!(setting.is_empty() || !error.to_string().contains(&setting));
        }
    }

    /// Proves SEC-8.
    #[test]
    fn the_kept_key_opens_beside_those_that_are_given() {
        let kept = SealingKeys::kept(&[3; 32]).unwrap();
        let both = SealingKeys::parse(&base64(1, 32)).unwrap().and_kept(Some(&[3; 32])).unwrap();
        assert_eq!(both.all().nth(1), Some(kept.first()));
        assert_ne!(both.first(), kept.first());
        assert_eq!(SealingKeys::kept(&[3; 31]), Err(SealingKeyError::Damaged));
        assert_ne!(random_secret().unwrap(), random_secret().unwrap());
    }
}
