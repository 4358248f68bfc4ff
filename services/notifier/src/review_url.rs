//! The link to the review page, made from a configured template. It is only a link: a GET decides nothing (NOT-13).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// What stays as it is in a value: the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What may stand in braces.
const PLACEHOLDERS: [&str; 3] = ["account_id", "resource_id", "approval_request_id"];

/// A checked template such as `https://app.example.com/a/{account_id}/review/{approval_request_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewUrl(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(&'static str),
}

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

/// Why a template can't work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewUrlError {
    /// A placeholder that does not exist.
    #[error(
        "the review URL template has the placeholder {{{0}}}; there are {{account_id}}, {{resource_id}} and {{approval_request_id}}"
    )]
    UnknownPlaceholder(String),
    /// A brace without its other half.
    #[error("the review URL template has a brace without its other half")]
    Brace,
    /// A placeholder in the host would let an id choose where a link leads.
    #[error("the review URL template may have placeholders only after the host")]
    PlaceholderInHost,
    /// Filled in, it is no URL.
    #[error("the review URL template, filled in, is not a URL")]
    NotAUrl(#[source] url::ParseError),
    /// It is something that a mail must not link to.
    #[error("the review URL must begin with https:// or http://, not {0}:")]
    Scheme(String),
}

impl std::str::FromStr for ReviewUrl {
    type Err = ReviewUrlError;

    fn from_str(template: &str) -> Result<Self, ReviewUrlError> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find(['{', '}']) {
            let (text, after) = rest.split_at(open);
            let after = after.strip_prefix('{').ok_or(ReviewUrlError::Brace)?;
            let (name, after) = after.split_once('}').ok_or(ReviewUrlError::Brace)?;
            let known = PLACEHOLDERS.into_iter().find(|placeholder| *placeholder == name);
            let known = known.ok_or_else(|| ReviewUrlError::UnknownPlaceholder(name.to_owned()))?;
            parts.extend([Part::Text(text.to_owned()), Part::Placeholder(known)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let review_url = Self(parts);
        let origin = |probe: &str| {
            let url = Url::parse(&review_url.fill(Subject {
                account_id: probe,
                resource_id: probe,
                approval_request_id: probe,
            }))
            .map_err(ReviewUrlError::NotAUrl)?;
            if !matches!(url.scheme(), "https" | "http") {
                return Err(ReviewUrlError::Scheme(url.scheme().to_owned()));
            }
            Ok((url.authority().to_owned(), url.scheme().to_owned()))
        };
        if origin("a")? != origin("b")? {
            return Err(ReviewUrlError::PlaceholderInHost);
        }
        Ok(review_url)
    }
}

impl ReviewUrl {
    /// The start page of the place that the template leads to, for what is about no request.
    pub fn home(&self) -> String {
        let url = self.fill(Subject::default());
        // Both were checked when the template was.
        Url::parse(&url).and_then(|url| url.join("/")).map_or(url, String::from)
    }

    /// The link for `subject`; its values are percent-encoded, so that they can't change where the link leads.
    pub fn fill(&self, subject: Subject<'_>) -> String {
        let mut url = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Placeholder(name) => {
                    let value = match *name {
                        "account_id" => subject.account_id,
                        "resource_id" => subject.resource_id,
                        _ => subject.approval_request_id,
                    };
                    url.extend(utf8_percent_encode(value, UNRESERVED));
                }
            }
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(template: &str) -> ReviewUrlError {
        template.parse::<ReviewUrl>().unwrap_err()
    }

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
    }

    #[test]
    fn what_cannot_work_is_refused_at_the_start() {
        assert_eq!(problem("https://a/{request}"), ReviewUrlError::UnknownPlaceholder("request".into()));
        assert_eq!(problem("https://a/{account_id"), ReviewUrlError::Brace);
        assert_eq!(problem("https://a/account_id}"), ReviewUrlError::Brace);
        assert_eq!(problem("https://{account_id}.example.com/"), ReviewUrlError::PlaceholderInHost);
        assert_eq!(problem("javascript:alert('{account_id}')"), ReviewUrlError::Scheme("javascript".into()));
        assert!(matches!(problem("/review/{account_id}"), ReviewUrlError::NotAUrl(_)));
    }
}
