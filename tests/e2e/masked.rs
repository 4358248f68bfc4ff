//! Personal data and its marks (ACC-13, ACC-19): nothing that a masked member can call shows what is hidden, or whether a guess of
//! it is right.

use countersign_proto::{access, approval};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    bad_input::{metadata, reason},
    client::{Caller, Team, content, new_id},
    system::System,
};

const MASK: &str = "•••";

/// A remote config variable that is live, with a PIN that is marked, and a member for whom it is masked.
struct Scene {
    team: Team,
    masked: Caller,
    id: String,
    /// What its registration was asked with, and by whom.
    registration: approval::RegisterResourceRequest,
}

async fn scene(system: &System) -> Scene {
    let team = Team::new(system).await;
    let role = access::CreateRoleRequest {
        name: "No PII".into(),
        accesses: vec![access::ComponentAccess {
            component: "engagement.product_experiences".into(),
            level: access::AccessLevel::Write.into(),
            approve: true,
        }],
        masks_pii: true,
        ..Default::default()
    };
    let role = team.admin.create_role(role).await.unwrap().role_id;
    let masked = team.admin.other(team.admin.add_with("Mara Masked", vec![role]).await);
    let registration = approval::RegisterResourceRequest {
        request_id: new_id(),
        kind: "remote_config".into(),
        external_id: "support".into(),
        title: "Support".into(),
        content: Some(content(&json!({"pin": "1234", "text": "Hello"}))),
        pii_fields: vec!["/pin".into()],
        ..Default::default()
    };
    let id = team.creator.register(registration.clone()).await.unwrap().resource_id;
    let request = team.creator.submit(&id, "PUBLISH").await;
    team.approver.approve(approve(&request, "")).await.unwrap();
    Scene { team, masked, id, registration }
}

fn approve(request: &str, digest: &str) -> approval::ApproveRequest {
    approval::ApproveRequest {
        approval_request_id: request.into(),
        digest: digest.into(),
        ..Default::default()
    }
}

fn reject(request: &str) -> approval::RejectRequest {
    approval::RejectRequest { approval_request_id: request.into(), note: "No".into(), ..Default::default() }
}

fn edit(id: &str, json: &serde_json::Value) -> approval::UpdateResourceRequest {
    approval::UpdateResourceRequest {
        resource_id: id.into(),
        content: Some(content(json)),
        ..Default::default()
    }
}

/// `edit` with these marks.
fn marking(edit: approval::UpdateResourceRequest, fields: &[&str]) -> approval::UpdateResourceRequest {
    approval::UpdateResourceRequest {
        pii_fields: fields.iter().map(ToString::to_string).collect(),
        replace_pii_fields: true,
        ..edit
    }
}

/// The permission that is missing.
fn missing(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().and_then(|info| info.metadata.get("permission").cloned()).unwrap_or_default()
}

/// Proves ACC-19: a masked member who stages a guess and submits it gets, in every answer, the same for a right one as for a wrong
/// one; no digest and no hash of what they don't see; and no answer about content that they hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masked_member_confirms_no_guess() {
    for system in [System::services().await, System::standalone().await] {
        let Scene { team, masked, id, .. } = scene(&system).await;
        let whole = team.creator.resource(&id).await.unwrap().live.unwrap().digest;
        let mut seen = Vec::new();
        for guess in ["1234", "4321"] {
            let staged = json!({"pin": guess, "text": "Hello"});
            let update = masked.update(edit(&id, &staged)).await.unwrap();
            let difference = masked.difference(&id).await.unwrap();
            let request = masked.submit(&id, "PUBLISH_EDITS").await;
            let told = masked.approval_request(&request).await.unwrap();
            let listed = masked.requests_on(&id, 50).await.approval_requests;
            let history = masked.history(&id).await;
            let file = masked
                .export_history(approval::ExportHistoryRequest {
                    resource_id: id.clone(),
                    format: approval::HistoryFormat::JsonLines.into(),
                    ..Default::default()
                })
                .await
                .unwrap();
            let verified = approval::VerifyHistoryRequest { resource_id: id.clone(), ..Default::default() };
            let verified = masked.verify_history(verified).await.unwrap();
            let resource = masked.resource(&id).await.unwrap();
            let digests: Vec<&str> =
                listed.iter().chain([&told]).map(|request| request.digest.as_str()).collect();
            assert!(digests.iter().all(|digest| digest.is_empty()), "{digests:?}");
            assert!(history.iter().all(|entry| entry.digest.is_empty() && entry.hash.is_empty()));
            assert!(!file.contains("sha256:") && !file.contains("v1:"), "{file}");
            assert!(verified.holds && verified.head_hash.is_empty(), "{verified:?}");
            let shown = update.resource.unwrap();
            let digest = |content: &Option<approval::Content>| content.clone().unwrap().digest;
            assert_ne!(digest(&resource.live), whole);
            seen.push((
                (difference.patch, difference.lines),
                [difference.live, difference.staged].map(|content| digest(&content)),
                [&shown.live, &shown.staged, &resource.live, &resource.staged].map(digest),
            ));
            team.approver.reject(reject(&request)).await.unwrap();
        }
        assert_eq!(seen[0], seen[1]);
        assert!(seen[0].0.1.is_empty(), "{:?}", seen[0]);

        // Questions that hold a guess.
        let content = Some(content(&json!({"pin": "1234", "text": "Hello"})));
        for (digest, content) in [(String::new(), content), (whole, None)] {
            let question = approval::CheckActionRequest {
                resource_id: id.clone(),
                action: "PUBLISH".into(),
                digest,
                content,
                ..Default::default()
            };
            assert!(team.creator.gate(question.clone()).await.unwrap().allowed);
            assert_eq!(missing(&masked.gate(question).await.unwrap_err()), "read_pii");
        }
        let first = team.creator.history(&id).await.remove(0);
        let expected = approval::VerifyHistoryRequest {
            resource_id: id.clone(),
            expected_sequence: first.sequence,
            expected_hash: first.hash,
            ..Default::default()
        };
        assert_eq!(
            team.creator.verify_history(expected.clone()).await.unwrap().expected_hash_found,
            Some(true)
        );
        assert_eq!(missing(&masked.verify_history(expected).await.unwrap_err()), "read_pii");
        // The length of what is hidden does not count, whatever it is.
        let full = json!({"pin": MASK, "text": "x".repeat(256 * 1_024 - 32)});
        masked.update(edit(&id, &full)).await.unwrap();
    }
}

/// Proves ACC-19: marks that are taken away from live content wait for the approval of the edit, and mask both contents until then;
/// a mark that is added holds at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_of_live_content_are_taken_away_by_approval() {
    for system in [System::services().await, System::standalone().await] {
        let Scene { team, masked, id, .. } = scene(&system).await;
        let hidden = async || {
            let (resource, difference) =
                (masked.resource(&id).await.unwrap(), masked.difference(&id).await.unwrap());
            assert!(!format!("{resource:?}{difference:?}").contains("1234"), "{resource:?} {difference:?}");
        };
        // A mark alone, and a value that is moved with its mark.
        let alone =
            marking(approval::UpdateResourceRequest { resource_id: id.clone(), ..Default::default() }, &[]);
        let moved = marking(edit(&id, &json!({"code": "1234", "text": "Hello"})), &["/code"]);
        for (edit, line) in [(alone.clone(), "- /pin as personal data"), (moved, "- /pin as personal data")] {
            let answer = team.creator.update(edit).await.unwrap();
            assert_eq!(answer.effect(), approval::EditEffect::Staged);
            hidden().await;
            let lines = team.approver.difference(&id).await.unwrap().lines;
            assert!(lines.iter().any(|it| it == line), "{lines:?}");
            let request = team.creator.submit(&id, "PUBLISH_EDITS").await;
            hidden().await;
            team.approver.reject(reject(&request)).await.unwrap();
            let left = team.creator.resource(&id).await.unwrap();
            assert!(left.pii_fields.contains(&"/pin".to_owned()), "{left:?}");
            assert_eq!((left.staged, left.staged_pii_fields), (None, None));
        }
        team.creator.update(alone).await.unwrap();
        let request = team.creator.submit(&id, "PUBLISH_EDITS").await;
        // A masked approver decides on what they see.
        let seen = masked.resource(&id).await.unwrap().staged.unwrap().digest;
        let whole = team.creator.approval_request(&request).await.unwrap().digest;
        let refused = masked.approve(approve(&request, &whole)).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "DIGEST_MISMATCH"));
        masked.approve(approve(&request, &seen)).await.unwrap();
        let open = masked.resource(&id).await.unwrap();
        assert!(!open.masked && format!("{open:?}").contains("1234"), "{open:?}");

        let add = marking(
            approval::UpdateResourceRequest { resource_id: id.clone(), ..Default::default() },
            &["/pin"],
        );
        let answer = team.creator.update(add).await.unwrap();
        assert_eq!(answer.effect(), approval::EditEffect::Written);
        let masked_again = masked.resource(&id).await.unwrap();
        assert!(masked_again.masked && !format!("{masked_again:?}").contains("1234"), "{masked_again:?}");
    }
}

/// Proves ACC-19: a call that is repeated under a mask or a data scope that the caller has got since answers no more than they may
/// see now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_call_is_answered_by_the_rights_of_now() {
    for system in [System::services().await, System::standalone().await] {
        let Scene { team, id, registration, .. } = scene(&system).await;
        let whole = team.creator.register(registration.clone()).await.unwrap();
        assert!(format!("{whole:?}").contains("1234"));
        let edit = approval::UpdateResourceRequest {
            request_id: new_id(),
            ..edit(&id, &json!({"code": "5678", "text": "Hello"}))
        };
        team.creator.update(edit.clone()).await.unwrap();
        // Marked only afterwards.
        let mark = marking(
            approval::UpdateResourceRequest { resource_id: id.clone(), ..Default::default() },
            &["/pin", "/code"],
        );
        team.creator.update(mark).await.unwrap();
        let action = approval::PerformActionRequest {
            request_id: new_id(),
            resource_id: id.clone(),
            action: "PUBLISH_EDITS".into(),
            ..Default::default()
        };
        let before = team.creator.perform(action.clone()).await.unwrap();
        assert!(!before.approval_request.as_ref().unwrap().digest.is_empty());

        let role = |name: &str, masks_pii, scope| access::CreateRoleRequest {
            name: name.into(),
            accesses: vec![access::ComponentAccess {
                component: "engagement.product_experiences".into(),
                level: access::AccessLevel::Read.into(),
                approve: false,
            }],
            masks_pii,
            scope,
            ..Default::default()
        };
        let masks = team.admin.create_role(role("No PII any more", true, None)).await.unwrap().role_id;
        team.admin.assign_role(&team.creator.id, &masks).await.unwrap();
        let again = team.creator.register(registration.clone()).await.unwrap();
        assert_eq!((&again.resource_id, again.masked), (&whole.resource_id, true));
        let live = again.live.as_ref().unwrap();
        assert_eq!(live.digest, team.creator.resource(&id).await.unwrap().live.unwrap().digest);
        let updated = team.creator.update(edit.clone()).await.unwrap();
        let after = team.creator.perform(action.clone()).await.unwrap();
        let all = format!("{again:?}{updated:?}{after:?}");
        for hidden in ["1234", "5678", &before.approval_request.unwrap().digest, &live_digest(&whole)] {
            assert!(!all.contains(hidden), "{hidden} in {all}");
        }

        let scope = access::DataScope { property: "Country".into(), values: vec!["US".into()] };
        let scoped = team.admin.create_role(role("US", false, Some(scope))).await.unwrap().role_id;
        team.admin.assign_role(&team.creator.id, &scoped).await.unwrap();
        let there = team.creator.resource(&id).await.unwrap_err();
        for refused in [
            team.creator.register(registration).await.unwrap_err(),
            team.creator.update(edit).await.unwrap_err(),
            team.creator.perform(action).await.unwrap_err(),
        ] {
            assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, there.message()));
        }
    }
}

fn live_digest(resource: &approval::Resource) -> String {
    resource.live.clone().unwrap().digest
}

/// Proves ACC-16: the registration of what exists outside the data scope is refused in the words of every call about it; who may see
/// it is told which it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_taken_outside_the_scope_is_not_told() {
    for system in [System::services().await, System::standalone().await] {
        let team = Team::new(&system).await;
        let role = access::CreateRoleRequest {
            name: "US".into(),
            accesses: vec![access::ComponentAccess {
                component: "engagement.campaigns".into(),
                level: access::AccessLevel::Write.into(),
                approve: false,
            }],
            scope: Some(access::DataScope { property: "Country".into(), values: vec!["US".into()] }),
            ..Default::default()
        };
        let role = team.admin.create_role(role).await.unwrap().role_id;
        let scoped = team.admin.other(team.admin.add_with("Uma US", vec![role]).await);
        let new = |external_id: &str, country: &str| {
            let values = approval::AudienceValues { values: vec![country.into()] };
            approval::RegisterResourceRequest {
                kind: "campaign".into(),
                external_id: external_id.into(),
                title: "Sale".into(),
                content: Some(content(&json!({"subject": "Sale"}))),
                audience: [("Country".to_owned(), values)].into(),
                ..Default::default()
            }
        };
        let outside = team.creator.register(new("canada", "CA")).await.unwrap().resource_id;
        let inside = team.creator.register(new("america", "US")).await.unwrap().resource_id;
        let refused = scoped.register(new("canada", "US")).await.unwrap_err();
        let read = scoped.resource(&outside).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (read.code(), read.message()));
        assert_eq!((reason(&refused), metadata(&refused)), (reason(&read), metadata(&read)));
        assert_eq!(read.message(), scoped.resource(&new_id()).await.unwrap_err().message());
        for (caller, name, id) in [(&scoped, "america", &inside), (&team.creator, "canada", &outside)] {
            let taken = caller.register(new(name, "US")).await.unwrap_err();
            assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
            let details = taken.get_error_details();
            let metadata = &details.error_info().unwrap().metadata;
            assert_eq!((metadata["kind"].as_str(), &metadata["id"]), ("campaign", id));
            assert!(taken.message().contains(id.as_str()), "{taken:?}");
        }
    }
}
