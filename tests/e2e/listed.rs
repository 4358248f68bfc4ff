//! Lists of which a member may not see every row: neither the length of a page nor whether there is a next one tells of what is hidden.

use std::time::Duration;

use countersign_proto::{access, approval, types::Schedule};

use crate::{
    client::{Team, content, in_future, new_id},
    system::System,
};

const HOUR: Duration = Duration::from_hours(1);

/// A campaign or an A/B test for people of `country`.
fn registration(kind: &str, country: &str) -> approval::RegisterResourceRequest {
    let values = approval::AudienceValues { values: vec![country.into()] };
    approval::RegisterResourceRequest {
        kind: kind.into(),
        external_id: new_id(),
        title: "Spring sale".into(),
        content: Some(content(&serde_json::json!({"subject": "Hi"}))),
        schedule: (kind == "campaign")
            .then(|| Schedule { start_time: Some(in_future(HOUR)), end_time: Some(in_future(2 * HOUR)) }),
        variants: if kind == "ab_test" { vec!["green".into(), "blue".into()] } else { vec![] },
        audience: [("Country".to_owned(), values)].into(),
        ..Default::default()
    }
}

/// How long the pages of a list are.
async fn lengths(read: impl AsyncFn(String) -> (usize, String)) -> Vec<usize> {
    let (mut lengths, mut token) = (vec![], String::new());
    loop {
        let (length, next) = read(token).await;
        lengths.push(length);
        token = next;
        if token.is_empty() {
            return lengths;
        }
    }
}

/// Proves ACC-16: pages of what lies inside a data scope are full up to the last, which is not empty, wherever that lies among what is
/// outside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_tell_nothing_of_what_is_hidden_on_the_services() {
    pages(&System::services().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_tell_nothing_of_what_is_hidden_on_standalone() {
    pages(&System::standalone().await).await;
}

async fn pages(system: &System) {
    let team = Team::new(system).await;
    let reads = |component: &str| access::ComponentAccess {
        component: component.into(),
        level: access::AccessLevel::Read.into(),
        approve: false,
    };
    let role = access::CreateRoleRequest {
        name: "US readers".into(),
        accesses: vec![reads("engagement.campaigns"), reads("engagement.product_experiences")],
        scope: Some(access::DataScope { property: "Country".into(), values: vec!["US".into()] }),
        ..Default::default()
    };
    let role = team.admin.create_role(role).await.unwrap().role_id;
    let viewer = team.admin.other(team.admin.add_with("Uma US", vec![role]).await);
    for country in ["DE", "US", "DE", "DE", "US", "DE"] {
        let campaign = team.creator.register(registration("campaign", country)).await.unwrap();
        team.creator.submit(&campaign.resource_id, "LAUNCH").await;
        let test = team.creator.register(registration("ab_test", country)).await.unwrap();
        let bypassed = team.admin.bypass(&test.resource_id, "START").await.unwrap();
        team.approver.close_review(&bypassed.review_id).await.unwrap();
    }

    let resources = lengths(async |page_token| {
        let page = viewer.list_resources(1, page_token).await;
        (page.resources.len(), page.next_page_token)
    });
    assert_eq!(resources.await, [1; 4]);
    let requests = lengths(async |page_token| {
        let page = approval::ListApprovalRequestsRequest { page_size: 1, page_token, ..Default::default() };
        let page = viewer.requests(page).await.unwrap();
        (page.approval_requests.len(), page.next_page_token)
    });
    assert_eq!(requests.await, [1; 2]);
    let reviews = lengths(async |page_token| {
        let page = viewer.list_reviews(1, page_token).await;
        (page.reviews.len(), page.next_page_token)
    });
    assert_eq!(reviews.await, [1; 2]);
    let history = lengths(async |page_token| {
        let page = approval::ListHistoryRequest { page_size: 3, page_token, ..Default::default() };
        let page = viewer.list_history(page).await.unwrap();
        (page.entries.len(), page.next_page_token)
    });
    assert_eq!(history.await, [3, 3, 3, 1]);
}
