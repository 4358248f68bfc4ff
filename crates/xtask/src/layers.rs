//! The direction of dependence between the crates, as far as `deny.toml` cannot say it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::exec::{cargo, output};

/// A crate, what it must not reach through any chain of dependencies, and why.
struct Layer {
    name: &'static str,
    must_not_reach: &'static [&'static str],
    because: &'static str,
}

const OURS: &[&str] = &[
    "countersign-approval",
    "countersign-broker",
    "countersign-database",
    "countersign-domain",
    "countersign-notifier",
    "countersign-proto",
    "countersign-runtime",
    "countersign-standalone",
    "countersign-store",
];
const SERVICES: &[&str] = &["countersign-approval", "countersign-notifier", "countersign-standalone"];
const RULES_AND_STATE: &[&str] = &["countersign-domain", "countersign-store"];

const LAYERS: &[Layer] = &[
    Layer { name: "countersign-domain", must_not_reach: OURS, because: "the rules know nobody" },
    Layer {
        name: "countersign-domain",
        must_not_reach: &["tokio", "tonic", "prost", "sea-orm", "sqlx-core", "lapin", "lettre"],
        because: "the rules do no input or output",
    },
    Layer { name: "countersign-proto", must_not_reach: OURS, because: "the contract knows nobody" },
    Layer { name: "countersign-store", must_not_reach: SERVICES, because: "a library knows no service" },
    Layer { name: "countersign-broker", must_not_reach: SERVICES, because: "a library knows no service" },
    Layer { name: "countersign-broker", must_not_reach: RULES_AND_STATE, because: "events are opaque to it" },
    Layer { name: "countersign-runtime", must_not_reach: SERVICES, because: "a library knows no service" },
    Layer { name: "countersign-database", must_not_reach: SERVICES, because: "a library knows no service" },
    Layer {
        name: "countersign-database",
        must_not_reach: RULES_AND_STATE,
        because: "schemas are the services' own",
    },
    Layer {
        name: "countersign-runtime",
        must_not_reach: RULES_AND_STATE,
        because: "it would run any service",
    },
    Layer {
        name: "countersign-notifier",
        must_not_reach: &["countersign-approval", "countersign-store"],
        because: "it knows events, never the approval database",
    },
    Layer {
        name: "countersign-approval",
        must_not_reach: &["countersign-notifier", "countersign-standalone"],
        because: "it tells the broker, and nobody else",
    },
];

/// Test helpers and tools, which nothing that ships may contain.
const NEVER_SHIPPED: &[&str] =
    &["countersign-testkit", "countersign-bench", "countersign-e2e", "countersign-model", "xtask"];

/// Fails with every broken rule and the chain that breaks it.
pub fn check() -> Result<()> {
    let text = output(cargo().args(["metadata", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo's metadata could not be read")?;
    let broken = broken_rules(&Graph::from_metadata(&metadata)?);
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

fn broken_rules(graph: &Graph) -> Vec<String> {
    let shipped = OURS.iter().map(|name| Layer {
        name,
        must_not_reach: NEVER_SHIPPED,
        because: "test helpers are dev-dependencies",
    });
    let mut broken = Vec::new();
    for layer in LAYERS.iter().map(|layer| Layer { ..*layer }).chain(shipped) {
        for forbidden in layer.must_not_reach.iter().filter(|name| **name != layer.name) {
            if let Some(chain) = graph.chain(layer.name, forbidden) {
                broken.push(format!(
                    "{} must not depend on {forbidden}: {} ({chain})",
                    layer.name, layer.because
                ));
            }
        }
    }
    broken
}

/// Packages by name, with what they need to be built and run; dev-dependencies are left out.
struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    fn from_metadata(metadata: &Value) -> Result<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let name = names.get(&text(&node["id"])).context("cargo's metadata names an unknown package")?;
            let needs = graph.entry(name.clone()).or_default();
            for dependency in list(&node["deps"]) {
                let only_for_tests = list(&dependency["dep_kinds"]).iter().all(|kind| kind["kind"] == "dev");
                if let (false, Some(name)) = (only_for_tests, names.get(&text(&dependency["pkg"]))) {
                    needs.insert(name.clone());
                }
            }
        }
        if let Some(missing) = OURS.iter().find(|name| !graph.contains_key(**name)) {
            bail!("there is no package {missing}: the table of layers is out of date");
        }
        Ok(Self(graph))
    }

    /// How one package reaches another, shortest first found: `a > b > c`.
    fn chain(&self, from: &str, to: &str) -> Option<String> {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![(from, from.to_owned())];
        while let Some((name, chain)) = open.pop() {
            for next in self.0.get(name)? {
                if next == to {
                    return Some(format!("{chain} > {next}"));
                }
                if seen.insert(next) {
                    open.push((next, format!("{chain} > {next}")));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*to).to_owned()).or_default();
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        Graph(graph)
    }

    #[test]
    fn a_rule_broken_through_another_crate_is_found() {
        let broken =
            broken_rules(&graph(&[("countersign-notifier", "helper"), ("helper", "countersign-store")]));
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].contains("countersign-notifier > helper > countersign-store"), "{broken:?}");
    }

    #[test]
    fn the_intended_directions_are_allowed() {
        let broken = broken_rules(&graph(&[
            ("countersign-approval", "countersign-store"),
            ("countersign-store", "countersign-domain"),
            ("countersign-standalone", "countersign-approval"),
            ("countersign-standalone", "countersign-notifier"),
        ]));
        assert_eq!(broken, Vec::<String>::new());
    }

    #[test]
    fn a_test_helper_that_ships_is_found() {
        let broken = broken_rules(&graph(&[("countersign-store", "countersign-testkit")]));
        assert_eq!(broken.len(), 1, "{broken:?}");
    }
}
