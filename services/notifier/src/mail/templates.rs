//! The layout of mails, the same for every event: only the words differ.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::sanitize;
use crate::locale::MailWords;

const HTML: &str = include_str!("../../templates/mail.html");
const TEXT: &str = include_str!("../../templates/mail.txt");

/// A template that can't be read or filled in; a fault of this build.
#[derive(Debug, thiserror::Error)]
#[error("a mail template is faulty")]
pub struct TemplateError(#[from] minijinja::Error);

/// The templates, read and checked.
pub struct Templates(Environment<'static>);

/// Both parts of a mail.
pub struct Rendered {
    /// For whoever reads text.
    pub text: String,
    /// For whoever reads HTML.
    pub html: String,
}

impl Templates {
    /// Those that are part of the program.
    pub fn embedded() -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        // What `.html` is filled with is escaped, what `.txt` is filled with not: minijinja goes by the name.
        environment.add_template("mail.html", HTML)?;
        environment.add_template("mail.txt", TEXT)?;
        Ok(Self(environment))
    }

    /// Fills both in. In the text part, a quote's lines are marked, so that none of them can pass for the mail's own.
    pub fn render(&self, words: &MailWords, quote: &str, link: &str) -> Result<Rendered, TemplateError> {
        let facts: Vec<_> = words
            .facts
            .iter()
            .map(|(label, value)| context! { label => *label, value => sanitize::line(value) })
            .collect();
        let width = words.facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
        let padded: Vec<_> = words
            .facts
            .iter()
            .map(|(label, value)| {
                format!(
                    "{label}:{:width$} {}",
                    "",
                    sanitize::line(value),
                    width = width - label.chars().count()
                )
            })
            .collect();
        let quote = if words.quote_label.is_empty() { Vec::new() } else { sanitize::block(quote) };
        let context = context! {
            language => words.language,
            subject => sanitize::line(&words.subject),
            greeting => sanitize::line(&words.greeting),
            headline => sanitize::line(&words.headline),
            consequence => sanitize::line(&words.consequence),
            facts,
            padded,
            quote_label => sanitize::line(&words.quote_label),
            quote,
            link_text => words.link,
            link,
            href => Value::from_safe_string(attribute(link)),
            reason => sanitize::line(&words.reason),
            footer => words.footer,
        };
        Ok(Rendered {
            text: self.0.get_template("mail.txt")?.render(&context)?,
            html: self.0.get_template("mail.html")?.render(&context)?,
        })
    }
}

/// A URL as the value of an attribute. minijinja would write `/` as `&#x2f;` too, which link scanners stumble over.
fn attribute(url: &str) -> String {
    url.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
