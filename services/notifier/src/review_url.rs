//! The link to the review page, made from a configured template. It is only a link: a GET decides nothing (NOT-13).

use url::Url;

use crate::url_template::{UrlTemplate, UrlTemplateError};

/// A checked template such as `https://app.example.com/a/{account_id}/review/{approval_request_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewUrl(UrlTemplate);

/// What the placeholders are filled with; an empty value where the event has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The resource.
    pub resource_id: &'a str,
    /// The approval request.
    pub approval_request_id: &'a str,
}

impl std::str::FromStr for ReviewUrl {
    type Err = UrlTemplateError;

    fn from_str(template: &str) -> Result<Self, UrlTemplateError> {
        UrlTemplate::parse(template, &["account_id", "resource_id", "approval_request_id"]).map(Self)
    }
}

impl ReviewUrl {
    /// The start page of the place that the template leads to, for what is about no request.
    pub fn home(&self) -> String {
        let url = self.fill(Subject::default());
        // Both were checked when the template was.
        Url::parse(&url).and_then(|url| url.join("/")).map_or(url, String::from)
    }

    /// The link for `subject`.
    pub fn fill(&self, subject: Subject<'_>) -> String {
        self.0.fill(|name| match name {
            "account_id" => subject.account_id,
            "resource_id" => subject.resource_id,
            _ => subject.approval_request_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_encoded() {
        let template: ReviewUrl =
            "https://app.example.com/{account_id}/review?r={resource_id}#{approval_request_id}"
                .parse()
                .unwrap();
        let url =
            template.fill(Subject { account_id: "a", resource_id: "x/../&y", approval_request_id: "é\r\n" });
        assert_eq!(url, "https://app.example.com/a/review?r=x%2F..%2F%26y#%C3%A9%0D%0A");
        assert_eq!(template.home(), "https://app.example.com/");
        assert!("http://localhost:8025/".parse::<ReviewUrl>().is_ok(), "placeholders are optional");
        assert!("http://localhost:8025/{token}".parse::<ReviewUrl>().is_err(), "it has no token");
    }
}
