//! The link that accepts an invitation, made from a configured template. The page behind it asks first: opening it accepts
//! nothing (NOT-13).

use crate::url_template::{UrlTemplate, UrlTemplateError};

/// A checked template such as `https://app.example.com/join/{account_id}#{token}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationUrl(UrlTemplate);

/// What the placeholders are filled with. Not to be shown but in the mail: it holds the secret.
#[derive(Clone, Copy)]
pub struct Invited<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The invitation.
    pub invitation_id: &'a str,
    /// The secret that accepts it.
    pub token: &'a str,
}

impl std::str::FromStr for InvitationUrl {
    type Err = UrlTemplateError;

    fn from_str(template: &str) -> Result<Self, UrlTemplateError> {
        UrlTemplate::parse(template, &["account_id", "invitation_id", "token"])?.with("token").map(Self)
    }
}

impl InvitationUrl {
    /// The link for one invitation.
    pub fn fill(&self, invited: Invited<'_>) -> String {
        self.0.fill(|name| match name {
            "account_id" => invited.account_id,
            "invitation_id" => invited.invitation_id,
            _ => invited.token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves ACC-14: whatever the token is made of, the link carries it whole.
    #[test]
    fn the_token_is_encoded_and_required() {
        let template: InvitationUrl =
            "https://app.example.com/join/{account_id}?i={invitation_id}#{token}".parse().unwrap();
        let url = template.fill(Invited { account_id: "a", invitation_id: "i", token: "x+/=&#é" });
        assert_eq!(url, "https://app.example.com/join/a?i=i#x%2B%2F%3D%26%23%C3%A9");
        let without = "https://app.example.com/join/{invitation_id}".parse::<InvitationUrl>();
        assert_eq!(without.unwrap_err(), UrlTemplateError::Missing("token"));
    }
}
