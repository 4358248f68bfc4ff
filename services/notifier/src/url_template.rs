//! Templates of links: a URL with placeholders in braces, checked when the settings are read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// What stays as it is in a value: the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(&'static str),
}

/// Why a template can't work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlTemplateError {
    /// A placeholder that does not exist.
    #[error("the template has the placeholder {{{name}}}; there are {known}")]
    UnknownPlaceholder {
        /// It.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// A placeholder that must be there is not.
    #[error("the template lacks the placeholder {{{0}}}")]
    Missing(&'static str),
    /// A brace without its other half.
    #[error("the template has a brace without its other half")]
    Brace,
    /// A placeholder in the host would let an id choose where a link leads.
    #[error("the template may have placeholders only after the host")]
    PlaceholderInHost,
    /// Filled in, it is no URL.
    #[error("the template, filled in, is not a URL")]
    NotAUrl(#[source] url::ParseError),
    /// It is something that a mail must not link to.
    #[error("the URL must begin with https:// or http://, not {0}:")]
    Scheme(String),
}

impl UrlTemplate {
    /// Checks `template`, which may have these placeholders.
    pub(crate) fn parse(template: &str, placeholders: &[&'static str]) -> Result<Self, UrlTemplateError> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find(['{', '}']) {
            let (text, after) = rest.split_at(open);
            let after = after.strip_prefix('{').ok_or(UrlTemplateError::Brace)?;
            let (name, after) = after.split_once('}').ok_or(UrlTemplateError::Brace)?;
            let known = placeholders.iter().find(|placeholder| **placeholder == name);
            let known = known.ok_or_else(|| UrlTemplateError::UnknownPlaceholder {
                name: name.to_owned(),
                known: placeholders.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", "),
            })?;
            parts.extend([Part::Text(text.to_owned()), Part::Placeholder(known)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let origin = |probe: &str| {
            let url = Url::parse(&template.fill(|_| probe)).map_err(UrlTemplateError::NotAUrl)?;
            if !matches!(url.scheme(), "https" | "http") {
                return Err(UrlTemplateError::Scheme(url.scheme().to_owned()));
            }
            Ok((url.authority().to_owned(), url.scheme().to_owned()))
        };
        if origin("a")? != origin("b")? {
            return Err(UrlTemplateError::PlaceholderInHost);
        }
        Ok(template)
    }

    /// Refuses a template without this placeholder.
    pub(crate) fn with(self, name: &'static str) -> Result<Self, UrlTemplateError> {
        if self.0.contains(&Part::Placeholder(name)) {
            Ok(self)
        } else {
            Err(UrlTemplateError::Missing(name))
        }
    }

    /// The link with `value` of each placeholder; values are percent-encoded, so that they can't change where it leads.
    pub(crate) fn fill<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        let mut url = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Placeholder(name) => url.extend(utf8_percent_encode(value(name), UNRESERVED)),
            }
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(template: &str) -> UrlTemplateError {
        UrlTemplate::parse(template, &["account_id", "token"])
            .and_then(|template| template.with("token"))
            .unwrap_err()
    }

    #[test]
    fn what_cannot_work_is_refused_at_the_start() {
        let unknown = problem("https://a/{request}");
        assert_eq!(
            unknown.to_string(),
            "the template has the placeholder {request}; there are {account_id}, {token}"
        );
        assert_eq!(problem("https://a/{account_id"), UrlTemplateError::Brace);
        assert_eq!(problem("https://a/account_id}"), UrlTemplateError::Brace);
        assert_eq!(problem("https://{account_id}.example.com/"), UrlTemplateError::PlaceholderInHost);
        assert_eq!(
            problem("javascript:alert('{account_id}')"),
            UrlTemplateError::Scheme("javascript".into())
        );
        assert!(matches!(problem("/review/{account_id}"), UrlTemplateError::NotAUrl(_)));
        assert_eq!(problem("https://a/{account_id}"), UrlTemplateError::Missing("token"));
    }
}
