//! Who is calling. Services ask [`Authenticator::identity_of`] and nothing else, so that a new way of authenticating
//! changes this module alone.

use std::fmt;
use std::net::SocketAddr;

use http::HeaderMap;
use tonic::Status;
use uuid::Uuid;

use crate::settings::AuthArgs;

/// Metadata key of the account in which the caller acts.
pub const ACCOUNT: &str = "countersign-account";
/// Metadata key of the member who acts, or [`PLATFORM`].
pub const ACTOR: &str = "countersign-actor";
/// Metadata key of the service that acts for the member.
pub const SERVICE: &str = "countersign-service";
/// The actor that is the platform's own operator and no member.
pub const PLATFORM: &str = "platform";
/// The longest name that a service may have, in characters.
const SERVICE_MAX: usize = 64;

/// How callers prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMode {
    /// They don't: the metadata is believed. On loopback addresses only.
    #[default]
    None,
}

/// Who is calling, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account in which they act. A member always has one; the platform's operator names one when a call needs it.
    pub account_id: Option<Uuid>,
    /// Who acts.
    pub principal: Principal,
    /// The service that acts for the principal, recorded beside them; none if they call by themselves.
    pub service: Option<String>,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// The platform's own operator, who makes accounts and is no member of any.
    Platform,
    /// A member of the account.
    Member(Uuid),
}

/// A call that doesn't say properly who makes it (`UNAUTHENTICATED`). Everything that is wrong is in it, never only the
/// first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct AuthError {
    /// What is wrong, one entry for each metadata key; never empty.
    pub violations: Vec<Violation>,
}

/// What is wrong with one metadata key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The metadata key.
    pub key: &'static str,
    /// What is wrong, in words that follow the key: "is missing: …".
    pub problem: &'static str,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call does not say who makes it:")?;
        for (index, Violation { key, problem }) in self.violations.iter().enumerate() {
            write!(f, "{} metadata {key} {problem}", if index == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

impl From<AuthError> for Status {
    fn from(error: AuthError) -> Self {
        Self::unauthenticated(error.to_string())
    }
}

/// An address on which callers can't be told apart safely.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "authentication mode \"none\" believes whoever calls, so it serves on loopback addresses only (127.0.0.1, ::1), \
     not on {listen}: change --grpc-listen (COUNTERSIGN_GRPC_LISTEN) or choose another --auth-mode (COUNTERSIGN_AUTH_MODE)"
)]
pub struct ListenError {
    /// The address that was asked for.
    pub listen: SocketAddr,
}

/// Tells who is calling, in the way that the settings choose.
#[derive(Clone, Debug)]
pub enum Authenticator {
    /// Believes the metadata.
    None,
}

impl Authenticator {
    /// The way that the settings choose.
    pub fn new(args: &AuthArgs) -> Self {
        match args.mode {
            AuthMode::None => Self::None,
        }
    }

    /// Whether gRPC may be served on `listen`. To be asked before binding.
    pub fn check_listen(&self, listen: &SocketAddr) -> Result<(), ListenError> {
        match self {
            // `::ffff:127.0.0.1` is loopback too, which `is_loopback` says of its canonical form only.
            Self::None if listen.ip().to_canonical().is_loopback() => Ok(()),
            Self::None => Err(ListenError { listen: *listen }),
        }
    }

    /// Who makes the call with these headers, of which gRPC's metadata is a view.
    pub fn identity_of(&self, headers: &HeaderMap) -> Result<Identity, AuthError> {
        match self {
            Self::None => believed(headers),
        }
    }
}

fn believed(headers: &HeaderMap) -> Result<Identity, AuthError> {
    let mut violations = Vec::new();
    let mut note = |key, problem| violations.push(Violation { key, problem });

    let principal = match text(headers, ACTOR) {
        Ok(Some(PLATFORM)) => Some(Principal::Platform),
        Ok(Some(member)) => {
            let member = uuid(member).map(Principal::Member);
            if member.is_none() {
                note(ACTOR, "is neither a member's UUID nor \"platform\"");
            }
            member
        }
        Ok(None) => {
            note(ACTOR, "is missing: the UUID of the member who acts, or \"platform\"");
            None
        }
        Err(problem) => {
            note(ACTOR, problem);
            None
        }
    };
    let account_id = match text(headers, ACCOUNT) {
        Ok(Some(account)) => {
            let account = uuid(account);
            if account.is_none() {
                note(ACCOUNT, "is not a UUID");
            }
            account
        }
        Ok(None) => {
            if principal != Some(Principal::Platform) {
                note(ACCOUNT, "is missing: the UUID of the account in which the member acts");
            }
            None
        }
        Err(problem) => {
            note(ACCOUNT, problem);
            None
        }
    };
    let service = match text(headers, SERVICE) {
        Ok(Some(service)) if !is_service_name(service) => {
            note(SERVICE, "is not 1 to 64 characters of a-z, 0-9 and -");
            None
        }
        Ok(service) => service.map(str::to_owned),
        Err(problem) => {
            note(SERVICE, problem);
            None
        }
    };
    match principal {
        Some(principal) if violations.is_empty() => Ok(Identity { account_id, principal, service }),
        _ => Err(AuthError { violations }),
    }
}

/// The one value of `key`, or what is wrong with it.
fn text<'h>(headers: &'h HeaderMap, key: &'static str) -> Result<Option<&'h str>, &'static str> {
    let mut values = headers.get_all(key).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err("is given more than once");
    }
    value.map(|value| value.to_str().map_err(|_| "is not plain text")).transpose()
}

/// A UUID in its usual form, with dashes; the nil UUID names nobody.
fn uuid(text: &str) -> Option<Uuid> {
    const WITH_DASHES: usize = 36;
    Uuid::try_parse(text).ok().filter(|uuid| text.len() == WITH_DASHES && !uuid.is_nil())
}

fn is_service_name(name: &str) -> bool {
    (1..=SERVICE_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    const A: &str = "018f0000-0000-7000-8000-00000000000a";
    const M: &str = "018f0000-0000-7000-8000-00000000000b";

    fn identity(pairs: &[(&'static str, &str)]) -> Result<Identity, AuthError> {
        let mut headers = HeaderMap::new();
        for (key, value) in pairs {
            headers.append(*key, value.parse().unwrap());
        }
        Authenticator::None.identity_of(&headers)
    }

    /// The keys that a call with these pairs is refused for.
    fn refused(pairs: &[(&'static str, &str)]) -> Vec<&'static str> {
        identity(pairs).expect_err("refused").violations.iter().map(|violation| violation.key).collect()
    }

    #[test]
    fn a_member_and_a_service_for_a_member() {
        let member = identity(&[(ACCOUNT, A), (ACTOR, M)]).unwrap();
        assert_eq!(member.account_id, Some(A.parse().unwrap()));
        assert_eq!(member.principal, Principal::Member(M.parse().unwrap()));
        assert_eq!(member.service, None);
        let service = identity(&[(ACCOUNT, A), (ACTOR, M), (SERVICE, "campaigns-2")]).unwrap();
        assert_eq!(service.service.as_deref(), Some("campaigns-2"));
    }

    #[test]
    fn the_platform_needs_no_account() {
        let platform = identity(&[(ACTOR, PLATFORM)]).unwrap();
        assert_eq!((platform.principal, platform.account_id), (Principal::Platform, None));
        assert_eq!(
            identity(&[(ACTOR, PLATFORM), (ACCOUNT, A)]).unwrap().account_id,
            Some(A.parse().unwrap())
        );
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        assert_eq!(refused(&[]), [ACTOR, ACCOUNT]);
        assert_eq!(
            refused(&[(ACTOR, "me"), (ACCOUNT, "here"), (SERVICE, "Über")]),
            [ACTOR, ACCOUNT, SERVICE]
        );
    }

    #[test]
    fn each_malformed_key_is_named() {
        const NIL: &str = "00000000-0000-0000-0000-000000000000";
        let simple = M.replace('-', "");
        let braced = format!("{{{M}}}");
        for bad in ["", "PLATFORM", "7", NIL, &simple, &braced] {
            assert_eq!(refused(&[(ACCOUNT, A), (ACTOR, bad)]), [ACTOR], "{bad}");
            assert_eq!(refused(&[(ACCOUNT, bad), (ACTOR, M)]), [ACCOUNT], "{bad}");
            assert_eq!(refused(&[(ACCOUNT, bad), (ACTOR, PLATFORM)]), [ACCOUNT], "{bad}");
        }
        let long = "s".repeat(65);
        for bad in ["", "Campaigns", "a b", "a_b", &long] {
            assert_eq!(refused(&[(ACCOUNT, A), (ACTOR, M), (SERVICE, bad)]), [SERVICE], "{bad}");
        }
        assert!(identity(&[(ACCOUNT, A), (ACTOR, M), (SERVICE, &long[1..])]).is_ok());
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert_eq!(refused(&[(ACCOUNT, A), (ACCOUNT, A), (ACTOR, M)]), [ACCOUNT]);
        assert_eq!(refused(&[(ACCOUNT, A), (ACTOR, M), (ACTOR, PLATFORM)]), [ACTOR]);
    }

    #[test]
    fn the_status_says_everything() {
        let status = Status::from(identity(&[]).unwrap_err());
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(
            status.message(),
            "the call does not say who makes it: metadata countersign-actor is missing: the UUID of the member who acts, \
             or \"platform\"; metadata countersign-account is missing: the UUID of the account in which the member acts"
        );
    }

    #[test]
    fn without_authentication_only_loopback_is_served() {
        let check = |listen: &str| Authenticator::None.check_listen(&listen.parse().unwrap());
        for loopback in
            ["127.0.0.1:50051", "127.8.9.10:1", "127.255.255.254:0", "[::1]:50051", "[::ffff:127.0.0.1]:1"]
        {
            assert_eq!(check(loopback), Ok(()), "{loopback}");
        }
        for open in [
            "0.0.0.0:50051",
            "[::]:50051",
            "10.0.0.1:1",
            "192.168.1.1:1",
            "172.16.0.1:1",
            "8.8.8.8:1",
            "[fe80::1]:1",
            "[fd00::1]:1",
            "[::ffff:10.0.0.1]:1",
            "[2001:db8::1]:1",
        ] {
            let error = check(open).expect_err(open).to_string();
            assert!(error.contains(open) && error.contains("--auth-mode"), "{error}");
        }
    }
}
