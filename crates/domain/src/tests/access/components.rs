//! The tree of components.

use std::collections::BTreeSet;

use super::component;
use crate::{
    Area, Component,
    access::{SYSTEM_RIGHTS, TREE},
};

/// C's table, with Product Experiences added under Engagement.
const TABLE: [(&str, &[&str]); 6] = [
    ("Boards", &["Daily Boards", "Custom Boards"]),
    ("Segments", &["Manual segmentation", "Automated segmentation"]),
    ("Analytics", &["Core Analytics", "Advanced Analytics"]),
    (
        "Engagement",
        &["Campaigns", "Journeys", "Recommendation", "Catalogs", "Product Experiences", "Custom kinds"],
    ),
    ("Real Impact", &["Control groups", "Real Impact dashboard"]),
    (
        "Settings",
        &[
            "Billing",
            "Account Settings",
            "User Settings",
            "Event and User Properties",
            "CSV Uploads",
            "My Profile And Password",
            "Exports",
            "Downloads",
            "Email Reports",
            "Campaign Integration and Settings",
            "Campaign Settings",
        ],
    ),
];

fn parent(component: &Component) -> Option<Component> {
    component.as_str().rsplit_once('.').map(|(parent, _)| super::component(parent))
}

/// Proves ACC-6.
#[test]
fn the_tree_is_the_reference_s_table_with_product_experiences() {
    let titles = |of: Option<Component>| -> Vec<&str> {
        TREE.iter().filter(|node| parent(&node.component) == of).map(|node| node.title).collect()
    };
    assert_eq!(titles(None), TABLE.map(|(component, _)| component));
    let tops: Vec<Component> =
        TREE.iter().map(|node| node.component.clone()).filter(|it| parent(it).is_none()).collect();
    for (top, (title, below)) in tops.into_iter().zip(TABLE) {
        assert_eq!(titles(Some(top)), below, "{title}");
    }
    let all = TABLE.iter().map(|(_, below)| 1 + below.len()).sum::<usize>();
    assert_eq!(TREE.len(), all, "no component hangs deeper");
}

/// What is set on a component covers those below it, so a list that is read from above never names one before its parent.
#[test]
fn each_component_comes_before_those_below_it() {
    let mut seen = BTreeSet::new();
    for node in &TREE {
        assert!(parent(&node.component).is_none_or(|parent| seen.contains(&parent)), "{}", node.component);
        assert!(seen.insert(node.component.clone()), "{} is there twice", node.component);
    }
}

/// Proves ACC-6.
#[test]
fn a_component_covers_itself_and_what_is_below_it_and_nothing_else() {
    for one in &TREE {
        for other in &TREE {
            let (one, other) = (one.component.clone(), other.component.clone());
            let covers = one == other || parent(&other) == Some(one.clone());
            assert_eq!(one.covers(&other), covers, "{one} covers {other}");
        }
    }
}

#[test]
fn a_component_is_found_by_its_id_alone() {
    for node in &TREE {
        assert_eq!(Component::parse(node.component.as_str()), Some(node.component.clone()));
    }
    for other in ["", "Boards", "boards.", "boards.daily.", "engagement.campaign", "engagement/campaigns"] {
        assert_eq!(Component::parse(other), None, "{other:?}");
    }
}

/// Proves ACC-4, ACC-10, LIF-24.
#[test]
fn the_components_with_a_workflow_are_those_of_the_areas() {
    let areas: Vec<Component> =
        TREE.iter().map(|node| &node.component).filter(|it| it.has_workflow()).cloned().collect();
    assert_eq!(areas, Area::BUILT_IN.map(|area| Component::of_area(&area)));
    assert_eq!(areas, [component(super::CAMPAIGNS), component(super::EXPERIENCES)]);
    let own = Component::of_area(&Area::given("PRICE_LISTS"));
    assert!(own.has_workflow() && Component::CUSTOM.covers(&own) && component("engagement").covers(&own));
    assert_eq!(own.as_str(), "engagement.custom.price_lists");
}

/// The table of rights is looked up by id, and printed beside the tree.
#[test]
fn the_rights_of_the_system_roles_are_in_the_tree_s_order() {
    let tree: Vec<&str> = TREE.iter().map(|node| node.component.as_str()).collect();
    assert_eq!(SYSTEM_RIGHTS.map(|(id, _)| id).to_vec(), tree);
}
