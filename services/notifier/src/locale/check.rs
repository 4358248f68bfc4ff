//! What files of words name: which messages, which values, which other messages. So a mistake in a replaced file is found
//! when it is read, and not when the one mail is due that stumbles over it.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use super::catalog::Words;
use crate::template_error::TemplateError;

/// What a message, or one part of it, names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) variables: BTreeSet<String>,
    pub(super) messages: BTreeSet<String>,
    pub(super) terms: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
}

/// Messages by name, a part as `message.part`; terms as `-term`.
pub(super) type Messages = BTreeMap<String, Named>;

/// The messages of a file.
pub(super) fn messages(words: &Words) -> Messages {
    let mut found = Messages::new();
    for entry in words.resource.entries() {
        let (name, value, attributes) = match entry {
            Entry::Message(message) => {
                (message.id.name.to_owned(), message.value.as_ref(), &message.attributes)
            }
            Entry::Term(term) => (format!("-{}", term.id.name), Some(&term.value), &term.attributes),
            _ => continue,
        };
        if let Some(value) = value {
            found.insert(name.clone(), named(value));
        }
        for attribute in attributes {
            found.insert(format!("{name}.{}", attribute.id.name), named(&attribute.value));
        }
    }
    found
}

/// The values that each message is given: all that the embedded words of any locale name, themselves or by what they refer
/// to.
pub(super) fn offered<'a>(
    embedded: impl Iterator<Item = &'a Words> + Clone,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut offered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let all: Vec<Messages> = embedded.map(messages).collect();
    for file in &all {
        for name in file.keys() {
            offered.entry(name.clone()).or_default().extend(variables(file, name));
        }
    }
    offered
}

/// The variables of a message and of all that it refers to.
pub(super) fn variables(messages: &Messages, name: &str) -> BTreeSet<String> {
    reached(messages, name).into_iter().flat_map(|name| messages[&name].variables.clone()).collect()
}

/// A message and all that it refers to, as far as they are there.
fn reached(messages: &Messages, name: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        if let Some(named) = messages.get(&name)
            && reached.insert(name)
        {
            open.extend(named.messages.iter().cloned());
            open.extend(named.terms.iter().map(|term| format!("-{term}")));
        }
    }
    reached
}

/// Refuses what can't be right in a replaced file, which is the last of `layers`.
pub(super) fn replaced(
    words: &Words,
    layers: &[Words],
    offered: &BTreeMap<String, BTreeSet<String>>,
) -> Result<(), TemplateError> {
    let mine = messages(words);
    let mut all = Messages::new();
    for layer in layers {
        all.extend(messages(layer));
    }
    for (name, named) in &mine {
        let message = name.split('.').next().unwrap_or(name);
        let refuse = |reason: String| Err(TemplateError::new(&words.file, words.line_of(message), reason));
        if !name.starts_with('-') && !offered.contains_key(name) {
            return refuse(format!("there is no message `{name}` to be replaced"));
        }
        if let Some(function) = named.functions.first() {
            return refuse(format!("`{name}` calls {function}(): there are no functions"));
        }
        if name == "moment" && !variables(&all, name).contains("zone") {
            return refuse("`moment` must show `$zone`: times are in the reader's time zone".to_owned());
        }
        let terms = named.terms.iter().map(|term| format!("-{term}"));
        if let Some(missing) =
            named.messages.iter().cloned().chain(terms).find(|name| !all.contains_key(name))
        {
            return refuse(format!("`{name}` refers to `{missing}`, which is not there"));
        }
        for user in all.keys().filter(|user| reached(&all, user).contains(name)) {
            let Some(given) = offered.get(user) else { continue };
            if let Some(variable) = named.variables.iter().find(|variable| !given.contains(*variable)) {
                let given: Vec<String> = given.iter().map(|name| format!("${name}")).collect();
                let given = if given.is_empty() { "no values".to_owned() } else { given.join(", ") };
                return refuse(format!("`{name}` names `${variable}`, but `{user}` is given {given}"));
            }
        }
    }
    // A message is replaced whole.
    for name in offered.keys() {
        let (message, part) = name.split_once('.').map_or((name.as_str(), None), |(m, part)| (m, Some(part)));
        let touched = mine.keys().any(|mine| mine.split('.').next() == Some(message));
        if touched && part.is_some() && !mine.contains_key(name) {
            let reason = format!("`{message}` lacks its part `.{}`", part.unwrap_or_default());
            return Err(TemplateError::new(&words.file, words.line_of(message), reason));
        }
    }
    Ok(())
}

fn named(pattern: &Pattern<&str>) -> Named {
    let mut named = Named::default();
    walk(pattern, &mut named);
    named
}

fn walk(pattern: &Pattern<&str>, named: &mut Named) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            expression_names(expression, named);
        }
    }
}

fn expression_names(expression: &Expression<&str>, named: &mut Named) {
    match expression {
        Expression::Inline(inline) => inline_names(inline, named),
        Expression::Select { selector, variants } => {
            inline_names(selector, named);
            for variant in variants {
                walk(&variant.value, named);
            }
        }
    }
}

fn inline_names(inline: &InlineExpression<&str>, named: &mut Named) {
    match inline {
        InlineExpression::VariableReference { id } => {
            named.variables.insert(id.name.to_owned());
        }
        InlineExpression::MessageReference { id, attribute } => {
            let part = attribute.as_ref().map_or_else(String::new, |part| format!(".{}", part.name));
            named.messages.insert(format!("{}{part}", id.name));
        }
        InlineExpression::TermReference { id, .. } => {
            named.terms.insert(id.name.to_owned());
        }
        InlineExpression::FunctionReference { id, .. } => {
            named.functions.insert(id.name.to_owned());
        }
        InlineExpression::Placeable { expression } => expression_names(expression, named),
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
    }
}
