//! The link to the page where the review of an emergency bypass is closed, made from a configured template. As all links, it
//! closes nothing by being opened.

use crate::url_template::{UrlTemplate, UrlTemplateError};

/// A checked template such as `https://app.example.com/a/{account_id}/reviews/{review_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BypassUrl(UrlTemplate);

/// What the placeholders are filled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reviewed<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The resource.
    pub resource_id: &'a str,
    /// The review.
    pub review_id: &'a str,
}

impl std::str::FromStr for BypassUrl {
    type Err = UrlTemplateError;

    fn from_str(template: &str) -> Result<Self, UrlTemplateError> {
        UrlTemplate::parse(template, &["account_id", "resource_id", "review_id"]).map(Self)
    }
}

impl BypassUrl {
    /// The link for `reviewed`.
    pub fn fill(&self, reviewed: Reviewed<'_>) -> String {
        self.0.fill(|name| match name {
            "account_id" => reviewed.account_id,
            "resource_id" => reviewed.resource_id,
            _ => reviewed.review_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let template: BypassUrl =
            "https://app.example/{account_id}/{resource_id}#{review_id}".parse().unwrap();
        let url = template.fill(Reviewed { account_id: "a", resource_id: "b/c", review_id: "d" });
        assert_eq!(url, "https://app.example/a/b%2Fc#d");
        assert!("https://app.example/{approval_request_id}".parse::<BypassUrl>().is_err(), "there is none");
    }
}
