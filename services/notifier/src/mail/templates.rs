//! The layout of mails, the same for every event: only the words differ.

use std::collections::HashMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::{Rendered, TemplateError, sanitize};
use crate::locale::{Fact, MailWords};

/// The embedded layouts. What `.html` is filled with is escaped, what `.txt` is filled with not: minijinja goes by the name.
pub(super) const LAYOUTS: [(&str, &str); 2] = [
    ("mail.html", include_str!("../../templates/mail.html")),
    ("mail.txt", include_str!("../../templates/mail.txt")),
];

/// The templates, read and checked.
pub(super) struct Templates {
    environment: Environment<'static>,
    /// Where each template comes from, for errors.
    files: HashMap<&'static str, String>,
}

/// Where a mail leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// To the page of what it is about.
    One(String),
    /// To a page for each of its items.
    Each(Vec<String>),
}

impl Templates {
    /// The embedded ones, with those of `replaced` in their places: by name, each with its path and its text.
    pub(super) fn with(replaced: &HashMap<&'static str, (String, String)>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        let syntax = syntax.map_err(|error| TemplateError::new("mail.html", None, error.to_string()))?;
        environment.set_syntax(syntax);
        let mut files = HashMap::new();
        for (name, embedded) in LAYOUTS {
            let (file, source) =
                replaced.get(name).cloned().unwrap_or((name.to_owned(), embedded.to_owned()));
            let added = environment.add_template_owned(name, source);
            added.map_err(|error| faulty(&file, &error))?;
            files.insert(name, file);
        }
        Ok(Self { environment, files })
    }

    /// Fills both in: the text part, and the HTML part. In the text part, a quote's lines are marked, so that none of them can
    /// pass for the mail's own.
    pub(super) fn render(&self, words: &MailWords, links: &Links) -> Result<(String, String), TemplateError> {
        let quotes: Vec<_> = words
            .quotes
            .iter()
            .map(|(label, text)| {
                let lines: Vec<_> = sanitize::block(text).iter().map(|line| sanitize::shown(line)).collect();
                context! { label => sanitize::line(label), lines }
            })
            .collect();
        let (link, item_links) = match links {
            Links::One(link) => (link.as_str(), &[][..]),
            Links::Each(links) => ("", links.as_slice()),
        };
        let items: Vec<_> = words
            .items
            .iter()
            .zip(item_links)
            .map(|(item, link)| {
                context! {
                    headline => sanitize::line(&item.headline),
                    facts => facts(&item.facts, &words.colon),
                    link_text => sanitize::line(&item.link),
                    link,
                    href => Value::from_safe_string(attribute(link)),
                }
            })
            .collect();
        let context = context! {
            language => words.language,
            colon => words.colon.as_str(),
            subject => sanitize::line(&words.subject),
            greeting => sanitize::line(&words.greeting),
            headline => sanitize::line(&words.headline),
            consequence => sanitize::line(&words.consequence),
            facts => facts(&words.facts, &words.colon),
            quotes,
            items,
            link_text => sanitize::line(&words.link),
            link,
            href => Value::from_safe_string(attribute(link)),
            reason => sanitize::line(&words.reason),
            footer => sanitize::line(&words.footer),
        };
        Ok((self.fill("mail.txt", &context)?, self.fill("mail.html", &context)?))
    }

    fn fill(&self, name: &'static str, context: &Value) -> Result<String, TemplateError> {
        let rendered = self.environment.get_template(name).and_then(|template| template.render(context));
        rendered.map_err(|error| faulty(self.file(name), &error))
    }

    /// Refuses a layout that leads nowhere: whoever reads it could not act.
    pub(super) fn check(&self, rendered: &Rendered, links: &Links) -> Result<(), TemplateError> {
        let links = match links {
            Links::One(link) => std::slice::from_ref(link),
            Links::Each(links) => links,
        };
        for link in links {
            for (name, part, link) in
                [("mail.txt", &rendered.text, link.clone()), ("mail.html", &rendered.html, attribute(link))]
            {
                if !part.contains(&link) {
                    let reason =
                        "it shows no link: use `link` and, for each of `items`, `item.link`; in HTML `href`";
                    return Err(TemplateError::new(self.file(name), None, reason));
                }
            }
        }
        Ok(())
    }

    fn file(&self, name: &'static str) -> &str {
        self.files.get(name).map_or(name, String::as_str)
    }
}

fn faulty(file: &str, error: &minijinja::Error) -> TemplateError {
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    TemplateError::new(file, error.line(), format!("{}{detail}", error.kind()))
}

/// Facts with, for the text part, a line of each whose values stand below each other.
fn facts(facts: &[Fact], colon: &str) -> Vec<Value> {
    let width = facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    facts
        .iter()
        .map(|(label, value)| {
            let value = sanitize::value(value);
            let padding = width - label.chars().count();
            let line = format!("{label}{colon}{:padding$} {value}", "");
            context! { label, value, line }
        })
        .collect()
}

/// A URL as the value of an attribute. minijinja would write `/` as `&#x2f;` too, which link scanners stumble over.
fn attribute(url: &str) -> String {
    url.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
