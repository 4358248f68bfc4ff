//! Times in mails are in the zone of whoever reads them (NOT-15).

use std::time::Duration;

use countersign_proto::access::{CreateMemberRequest, UpdateAccountRequest, UpdateMemberRequest};
use countersign_proto::types::SystemRole;

use crate::bad_input::fields;
use crate::client::Team;
use crate::snapshots::decoded;
use crate::system::System;

/// Proves NOT-15: a member's own, else the account's, else UTC; as IANA's database names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_in_the_time_zone_of_the_member_else_of_the_account() {
    for system in [System::services().await, System::standalone().await] {
        let team = Team::new(&system).await;
        let mut mails = system.wait_for_mails(2).await.len();
        let new = CreateMemberRequest {
            email: "tomo@acme.example".into(),
            display_name: "Tomo".into(),
            system_role: SystemRole::Approver.into(),
            time_zone: "asia/tokyo".into(),
            ..Default::default()
        };
        let tomo = team.admin.create_member(new.clone()).await.unwrap();
        assert_eq!(tomo.time_zone, "Asia/Tokyo");
        let account =
            |zone: &str| UpdateAccountRequest { time_zone: Some(zone.into()), ..Default::default() };
        assert_eq!(
            team.admin.update_account(account("Europe/Berlin")).await.unwrap().time_zone,
            "Europe/Berlin"
        );
        assert_eq!(team.admin.get_account().await.unwrap().time_zone, "Europe/Berlin");
        let own = |id: &str, zone: &str| UpdateMemberRequest {
            member_id: id.into(),
            time_zone: Some(zone.into()),
            ..Default::default()
        };
        team.admin.update_member(own(&team.approver.id, "America/New_York")).await.unwrap();

        // What is not known is refused, and named.
        for zone in ["Mars/Olympus", "CEST+1", "Etc/Unknown", "Europe/Berlin\u{0}", &"x".repeat(65)] {
            let refused = team.admin.update_member(own(&tomo.member_id, zone)).await.unwrap_err();
            assert_eq!(fields(&refused), ["time_zone"], "{zone}");
            let refused = team.admin.update_account(account(zone)).await.unwrap_err();
            assert_eq!(fields(&refused), ["time_zone"], "{zone}");
            let refused = CreateMemberRequest { time_zone: zone.into(), ..new.clone() };
            assert_eq!(
                fields(&team.admin.create_member(refused).await.unwrap_err()),
                ["time_zone"],
                "{zone}"
            );
        }

        let ask = async |mails: &mut usize| {
            let campaign = team.creator.campaign(Duration::from_hours(1), Duration::from_hours(2)).await;
            team.creator.submit(&campaign.resource_id, "LAUNCH").await;
            let sent = system.wait_for_mails(*mails + 3).await;
            let new: Vec<String> = sent[*mails..].iter().map(|mail| decoded(mail)).collect();
            *mails += 3;
            move |address: &str| -> String {
                let to = |mail: &&String| {
                    mail.lines().any(|line| line.starts_with("To: ") && line.contains(address))
                };
                new.iter().find(to).cloned().unwrap_or_default()
            }
        };
        let told = ask(&mut mails).await;
        assert!(told("tomo@").contains("(Asia/Tokyo, UTC+9)"), "{}", told("tomo@"));
        assert!(told("abel.approver@").contains("(America/New York, UTC-"), "{}", told("abel.approver@"));
        assert!(told("ada@").contains("(Europe/Berlin, UTC+"), "{}", told("ada@"));

        // Taken back: the account's, and then UTC.
        let tomo = team.admin.update_member(own(&tomo.member_id, "")).await.unwrap();
        assert_eq!(tomo.time_zone, "");
        let told = ask(&mut mails).await;
        assert!(told("tomo@").contains("(Europe/Berlin, UTC+"), "{}", told("tomo@"));
        assert_eq!(team.admin.update_account(account("")).await.unwrap().time_zone, "");
        let told = ask(&mut mails).await;
        let tomos = told("tomo@");
        assert!(tomos.contains(" UTC\n") && !tomos.contains("(Europe/Berlin"), "{tomos}");
        // Whoever changes something else leaves the zone alone, an import too.
        let role = UpdateMemberRequest {
            member_id: team.approver.id.clone(),
            display_name: Some("Abel the Approver".into()),
            ..Default::default()
        };
        assert_eq!(team.admin.update_member(role).await.unwrap().time_zone, "America/New_York");
        let document = team.admin.export().await.unwrap().document.unwrap();
        team.admin.import(Some(document), "", false).await.unwrap();
        let abel = team.admin.get_member(&team.approver.id).await.unwrap();
        assert_eq!(abel.time_zone, "America/New_York");
    }
}
