//! Ids, a type each, so that they can't be mixed up. All are `UUIDv7`: they sort by age.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(AccountId, "An account: the tenant.");
id!(MemberId, "A member: a user inside one account.");
id!(ResourceId, "A resource under control.");
id!(RequestId, "An approval request.");
id!(ReviewId, "The review of an emergency bypass.");
id!(RoleId, "A custom role.");
id!(InvitationId, "An invitation to join an account.");
id!(EventId, "A domain event; what consumers dedupe by.");
