//! Text that people see or that is compared (ACC-18), as callers send it and as they read it back.

use std::collections::BTreeMap;

use countersign_proto::{
    access::{self, AccessLevel, ComponentAccess, DataScope},
    approval::{self, AudienceValues},
    types::SystemRole,
};
use tonic::{Code, Status};

use crate::{
    bad_input::{fields, reason},
    client::{Caller, Team, content, new_id},
    system::{Standalone, connect},
};

/// `Café` in two characters at its end, and as it is kept.
const DECOMPOSED: &str = "Cafe\u{301}";
const COMPOSED: &str = "Caf\u{E9}";

async fn team() -> (Standalone, Team) {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    (standalone, team)
}

fn campaign() -> approval::RegisterResourceRequest {
    approval::RegisterResourceRequest {
        kind: "campaign".into(),
        external_id: new_id(),
        title: "Spring".into(),
        content: Some(content(&serde_json::json!({}))),
        ..Default::default()
    }
}

fn reaching(property: &str, value: &str) -> approval::RegisterResourceRequest {
    let values = AudienceValues { values: vec![value.into()] };
    approval::RegisterResourceRequest { audience: BTreeMap::from([(property.into(), values)]), ..campaign() }
}

fn role(name: &str) -> access::CreateRoleRequest {
    access::CreateRoleRequest { name: name.into(), ..Default::default() }
}

fn scoped(property: &str, value: &str) -> access::CreateRoleRequest {
    let access = ComponentAccess {
        component: "engagement.campaigns".into(),
        level: AccessLevel::Read.into(),
        approve: false,
    };
    let scope = DataScope { property: property.into(), values: vec![value.into()] };
    access::CreateRoleRequest { accesses: vec![access], scope: Some(scope), ..role(&new_id()) }
}

fn member(name: &str) -> access::CreateMemberRequest {
    access::CreateMemberRequest {
        email: format!("{}@acme.example", new_id()),
        display_name: name.into(),
        system_role: SystemRole::Member.into(),
        ..Default::default()
    }
}

/// Sends `text` in every field that takes some, with the field's name: what it is read back as.
async fn everywhere(team: &Team, text: &str) -> Vec<(&'static str, Result<String, Status>)> {
    let Team { admin, creator, approver, .. } = team;
    let own = |name: &str| access::UpdateMemberRequest {
        member_id: creator.id.clone(),
        display_name: Some(name.into()),
        ..Default::default()
    };
    let mut all = vec![
        ("name", admin.create_role(role(text)).await.map(|it| it.name)),
        ("display_name", admin.create_member(member(text)).await.map(|it| it.display_name)),
        ("display_name", admin.update_member(own(text)).await.map(|it| it.display_name)),
        (
            "title",
            creator
                .register(approval::RegisterResourceRequest { title: text.into(), ..campaign() })
                .await
                .map(|it| it.title),
        ),
        (
            "external_id",
            creator
                .register(approval::RegisterResourceRequest { external_id: text.into(), ..campaign() })
                .await
                .map(|it| it.external_id),
        ),
        (
            "name",
            admin
                .update_account(access::UpdateAccountRequest {
                    name: Some(text.into()),
                    ..Default::default()
                })
                .await
                .map(|it| it.name),
        ),
    ];
    let variants = approval::RegisterResourceRequest {
        kind: "ab_test".into(),
        variants: vec![text.into(), "other".into()],
        ..campaign()
    };
    all.push(("variants[0]", creator.register(variants).await.map(|it| it.variants[0].clone())));
    let value = |it: approval::Resource| it.audience.into_values().next().unwrap().values[0].clone();
    let reached = creator.register(reaching("Country", text)).await;
    all.push(("audience[Country].values[0]", reached.map(value)));
    let scope = |it: access::Role| it.scope.unwrap();
    let made = admin.create_role(scoped("Country", text)).await;
    all.push(("scope.values[0]", made.map(|it| scope(it).values[0].clone())));
    let made = admin.create_role(scoped(text, "US")).await;
    all.push(("scope.property", made.map(|it| scope(it).property)));

    let campaign = creator.register(launchable()).await.unwrap();
    let asked = creator
        .perform(approval::PerformActionRequest {
            resource_id: campaign.resource_id.clone(),
            action: "LAUNCH".into(),
            note: text.into(),
            ..Default::default()
        })
        .await;
    all.push(("note", asked.map(|it| it.approval_request.unwrap().note)));
    let pending = creator.register(launchable()).await.unwrap();
    let id = creator.submit(&pending.resource_id, "LAUNCH").await;
    let commented = approver.comment(&id, text).await;
    let noted = async || admin.history(&pending.resource_id).await.last().unwrap().note.clone();
    let commented = match commented {
        Ok(_) => Ok(noted().await),
        Err(status) => Err(status),
    };
    all.push(("text", commented));
    let rejection =
        approval::RejectRequest { approval_request_id: id.clone(), note: text.into(), ..Default::default() };
    all.push(("note", approver.reject(rejection).await.map(|it| it.decisions[0].note.clone())));
    all
}

fn launchable() -> approval::RegisterResourceRequest {
    use std::time::Duration;

    use countersign_proto::types::Schedule;

    use crate::client::in_future;
    let schedule = Schedule { start_time: Some(in_future(Duration::from_hours(48))), end_time: None };
    approval::RegisterResourceRequest { schedule: Some(schedule), ..campaign() }
}

/// Proves ACC-18: every text comes back in its one form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_kept_in_one_form() {
    let (_process, team) = team().await;
    for (field, got) in everywhere(&team, DECOMPOSED).await {
        assert_eq!(got.unwrap(), COMPOSED, "{field}");
    }
}

/// Proves ACC-18: nothing is called by what nobody sees, or by what turns other text around.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_that_is_not_seen_is_refused() {
    let (_process, team) = team().await;
    for text in [
        " ",
        "\u{2800}",
        "\u{3164}",
        "\u{200B}",
        "a\u{202E}b",
        "\u{61C}a",
        "a\u{2028}b",
        "\u{FEFF}a",
        "a\u{E0041}",
    ] {
        for (field, got) in everywhere(&team, text).await {
            let refused = got.expect_err(field);
            assert_eq!(fields(&refused), [field], "{text:?}: {refused:?}");
        }
    }
}

/// Proves ACC-18, ACC-3: what can't be told apart is one name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_look_the_same_are_one() {
    let (_process, team) = team().await;
    let Team { admin, .. } = &team;
    let made = admin.create_role(role(COMPOSED)).await.unwrap();
    for name in [DECOMPOSED, "CAFÉ", "\u{FF23}afe\u{301}", "Ca\u{200D}f\u{E9}"] {
        let refused = admin.create_role(role(name)).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::AlreadyExists, "ROLE_NAME_TAKEN"),
            "{name:?}"
        );
    }
    // What it is called already is no change of its name, however it is composed.
    let same = access::UpdateRoleRequest {
        role_id: made.role_id,
        name: Some(DECOMPOSED.into()),
        masks_pii: Some(true),
        ..Default::default()
    };
    assert_eq!(admin.update_role(same).await.unwrap().name, COMPOSED);
    let system = admin.create_role(role("\u{FF21}dmin")).await.unwrap_err();
    assert_eq!(reason(&system), "ROLE_NAME_TAKEN", "a system role's name in wide letters");
}

/// Proves ACC-18, ACC-12: a scope sees an audience whose text is composed in another way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_sees_an_audience_in_any_form() {
    let (_process, team) = team().await;
    let Team { admin, creator, .. } = &team;
    let role = admin.create_role(scoped("R\u{E9}gion", "Qu\u{E9}bec")).await.unwrap();
    let scoped = admin.other(admin.add_with("Sam Scoped", vec![role.role_id]).await);
    let inside = creator.register(reaching("Re\u{301}gion", "Que\u{301}bec")).await.unwrap();
    let outside = creator.register(reaching("Re\u{301}gion", "Ontario")).await.unwrap();
    assert_eq!(scoped.resource(&inside.resource_id).await.unwrap().resource_id, inside.resource_id);
    assert_eq!(scoped.resource(&outside.resource_id).await.unwrap_err().code(), Code::PermissionDenied);
}

/// Proves ACC-18: an id of another system is found in either form, and its case tells two apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn external_ids_are_compared_exactly() {
    let (_process, team) = team().await;
    let Team { creator, .. } = &team;
    let with = |id: &str| approval::RegisterResourceRequest { external_id: id.into(), ..campaign() };
    let first = creator.register(with(DECOMPOSED)).await.unwrap();
    let taken = creator.register(with(COMPOSED)).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    let other = creator.register(with("caf\u{E9}")).await.unwrap();
    assert_ne!(first.resource_id, other.resource_id);
    for id in [DECOMPOSED, COMPOSED] {
        assert_eq!(by_external_id(creator, id).await.unwrap().resource_id, first.resource_id);
    }
    let refused = by_external_id(creator, "\0").await.unwrap_err();
    assert_eq!(fields(&refused), ["external_id"]);
}

async fn by_external_id(caller: &Caller, id: &str) -> Result<approval::Resource, Status> {
    caller.resource_named("campaign", id).await
}

/// Proves ACC-18: nobody goes by a name that stands for no person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_the_platform() {
    let (_process, team) = team().await;
    for name in ["platform", "Countersign", "ＴＨＥ platform"] {
        let refused = team.admin.create_member(member(name)).await.unwrap_err();
        assert_eq!(fields(&refused), ["display_name"], "{name}");
    }
    team.admin.create_member(member("Platform Team")).await.unwrap();
}
