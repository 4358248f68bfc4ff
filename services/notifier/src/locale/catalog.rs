//! The files of words: read, laid over each other, and asked.

use std::collections::HashMap;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use super::check;
use crate::mail::sanitize;
use crate::template_error::TemplateError;

/// The locales, English first, each with its words. One with a region has only what is other there.
pub(crate) const LOCALES: [(&str, &str); 5] = [
    ("en", include_str!("../../templates/en.ftl")),
    ("en-US", include_str!("../../templates/en-US.ftl")),
    ("de", include_str!("../../templates/de.ftl")),
    ("es", include_str!("../../templates/es.ftl")),
    ("fr", include_str!("../../templates/fr.ftl")),
];

/// The file with the words of `tag`.
pub(crate) fn file_name(tag: &str) -> String {
    format!("{tag}.ftl")
}

/// A file of words.
#[derive(Clone)]
pub(super) struct Words {
    /// Its name, for errors.
    pub(super) file: String,
    /// What it holds.
    pub(super) resource: Arc<FluentResource>,
}

impl Words {
    pub(super) fn parse(file: &str, source: &str) -> Result<Self, TemplateError> {
        match FluentResource::try_new(source.to_owned()) {
            Ok(resource) => Ok(Self { file: file.to_owned(), resource: Arc::new(resource) }),
            Err((_, errors)) => {
                let (line, reason) = errors.first().map_or((None, String::new()), |error| {
                    let before = source.get(..error.pos.start).unwrap_or(source);
                    (Some(before.lines().count().max(1)), error.kind.to_string())
                });
                Err(TemplateError::new(file, line, reason))
            }
        }
    }

    /// The line on which a message begins.
    pub(super) fn line_of(&self, id: &str) -> Option<usize> {
        let begins =
            |line: &str| line.strip_prefix(id).is_some_and(|rest| rest.trim_start().starts_with('='));
        self.resource.source().lines().position(begins).map(|line| line + 1)
    }
}

/// A locale and its words.
pub struct Locale {
    tag: &'static str,
    bundle: FluentBundle<Arc<FluentResource>>,
    /// From the weakest to the strongest.
    layers: Vec<Words>,
}

/// All locales.
pub struct Locales {
    english: Locale,
    others: Vec<Locale>,
}

impl Locale {
    /// Its BCP 47 tag.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    fn new(tag: &'static str, layers: Vec<Words>) -> Result<Self, TemplateError> {
        let broken = |reason: String| TemplateError::new(file_name(tag), None, reason);
        let language = tag.parse().map_err(|error| broken(format!("`{tag}` is no language: {error:?}")))?;
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Marks around each value would be in every mail: those that need them get them.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(|value, _| match value {
            FluentValue::String(text) => Some(sanitize::value(text)),
            _ => None,
        }));
        for words in &layers {
            bundle.add_resource_overriding(Arc::clone(&words.resource));
        }
        Ok(Self { tag, bundle, layers })
    }

    /// The message `id`, or `id.part`, with its values filled in.
    pub(super) fn text(&self, id: &str, args: &FluentArgs<'_>) -> Result<String, TemplateError> {
        let (message, part) = id.split_once('.').map_or((id, None), |(message, part)| (message, Some(part)));
        let pattern = self.bundle.get_message(message).and_then(|found| match part {
            None => found.value(),
            Some(part) => found.get_attribute(part).map(|attribute| attribute.value()),
        });
        let Some(pattern) = pattern else {
            return Err(self.at(message, format!("there is no message `{id}`")));
        };
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        match errors.first() {
            None => Ok(text),
            Some(error) => Err(self.at(message, format!("the message `{id}` can't be filled in: {error}"))),
        }
    }

    /// An error about a message, with the place of the words that count.
    fn at(&self, message: &str, reason: String) -> TemplateError {
        let place = self.layers.iter().rev().find_map(|words| Some((words, words.line_of(message)?)));
        match place {
            Some((words, line)) => TemplateError::new(&words.file, Some(line), reason),
            None => TemplateError::new(file_name(self.tag), None, reason),
        }
    }
}

impl Locales {
    /// The embedded words.
    pub fn embedded() -> Result<Self, TemplateError> {
        Self::with(&HashMap::new())
    }

    /// The embedded words, with the messages of `replaced` in the place of those with the same name: by the tag of their
    /// locale, each with the name of its file and its text.
    pub(crate) fn with(replaced: &HashMap<&'static str, (String, String)>) -> Result<Self, TemplateError> {
        let mut embedded = HashMap::new();
        for (tag, source) in LOCALES {
            embedded.insert(tag, Words::parse(&file_name(tag), source)?);
        }
        let offered = check::offered(embedded.values());
        let mut others = Vec::new();
        let mut english = None;
        for (tag, _) in LOCALES {
            let mut layers = Vec::new();
            for layer in chain(tag) {
                layers.extend(embedded.get(layer).cloned());
                if let Some((file, source)) = replaced.get(layer) {
                    let words = Words::parse(file, source)?;
                    layers.push(words.clone());
                    check::replaced(&words, &layers, &offered)?;
                }
            }
            let locale = Locale::new(tag, layers)?;
            if tag == "en" {
                english = Some(locale);
            } else {
                others.push(locale);
            }
        }
        let english = english.ok_or_else(|| TemplateError::new("en.ftl", None, "there is no English"))?;
        Ok(Self { english, others })
    }

    /// The locale for a BCP 47 tag: the very one, else that of its language, else English.
    pub fn of(&self, tag: &str) -> &Locale {
        let tag = tag.replace('_', "-");
        let mut wanted = tag.as_str();
        loop {
            if let Some(found) = self.all().find(|locale| locale.tag.eq_ignore_ascii_case(wanted)) {
                return found;
            }
            match wanted.rsplit_once('-') {
                Some((shorter, _)) => wanted = shorter,
                None => return &self.english,
            }
        }
    }

    /// Every locale, English first.
    pub fn all(&self) -> impl Iterator<Item = &Locale> {
        std::iter::once(&self.english).chain(&self.others)
    }
}

/// What a locale's words are made of, from the weakest: English, its language, itself.
fn chain(tag: &'static str) -> Vec<&'static str> {
    let language = tag.split_once('-').map_or(tag, |(language, _)| language);
    let mut chain = vec!["en"];
    for layer in [language, tag] {
        if !chain.contains(&layer) {
            chain.push(layer);
        }
    }
    chain
}
