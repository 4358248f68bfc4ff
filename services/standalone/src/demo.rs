//! An account to try things with: one member of each role and one campaign that waits for approval.
//!
//! The account is made through the API like anybody's, with fixed `request_id`s: an interrupted or repeated start makes it once.
//! Each start adds a campaign that waits, so that there is always one to decide about.

use std::{
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use countersign_proto::{
    access::{self, access_service_client::AccessServiceClient},
    approval::{
        self, policy_service_client::PolicyServiceClient, resource_service_client::ResourceServiceClient,
    },
    inbox::{self, inbox_service_client::InboxServiceClient},
    types::{Schedule, SystemRole},
};
use countersign_runtime::console;
use tonic::{Request, Status, transport::Channel};

use crate::{caller::Caller, data::DataDir};

/// The demo's account; fixed, so that the calls below are the same at every start.
const ACCOUNT: &str = "01900000-0000-7000-8000-00000000acc0";
/// The `request_id`s of the calls: this and a number.
const REQUEST_ID: &str = "01900000-0000-7000-8000-0000000000";
/// The file that remembers the ids.
const FILE: &str = "demo.env";
/// How often, and how many times, it looks for what events bring.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 200;
/// How far ahead the demo's campaign starts, and how long it runs.
const START_IN: Duration = Duration::from_hours(24);

/// Why the demo can't be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The process can't reach itself.
    #[error("the demo can't reach the service")]
    Connect(#[from] tonic::transport::Error),
    /// A call was refused.
    #[error("the demo's call was refused: {0}")]
    Call(#[from] Box<Status>),
    /// An answer lacks what it must hold.
    #[error("the service's answer lacks {0}")]
    Answer(&'static str),
    /// The file of an earlier start is not what that wrote.
    #[error(
        "{0} does not name the demo's members: move it and the data folder away, or choose another with --data-dir"
    )]
    Kept(PathBuf),
    /// The ids can't be remembered.
    #[error("{path} can't be read or written")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<Status> for DemoError {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// Where the process serves.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// gRPC.
    pub grpc: SocketAddr,
    /// Health and metrics.
    pub admin: SocketAddr,
    /// The mailbox.
    pub mailbox: SocketAddr,
}

impl Addresses {
    /// Says where the process serves, on standard output.
    pub fn print(&self, data: &DataDir) {
        console::say(format_args!("serving on {} (gRPC); mailbox on http://{},", self.grpc, self.mailbox));
        console::say(format_args!(
            "health and metrics on http://{}; everything is kept in {}",
            self.admin,
            data.join("").display()
        ));
    }
}

/// Makes the demo's account, or finds it made, and a fresh campaign that waits; and prints how to try it.
pub async fn run(addresses: &Addresses, data: &DataDir) -> Result<(), DemoError> {
    let path = data.join(FILE);
    let failed = |source| DemoError::File { path: path.clone(), source };
    let demo = Demo::connect(addresses.grpc).await?;
    let people = match fs::read_to_string(&path) {
        Ok(kept) => People::parse(&kept).ok_or(DemoError::Kept(path.clone()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => demo.people().await?,
        Err(error) => return Err(failed(error)),
    };
    let (campaign, request) = demo.campaign_that_waits(&people).await?;
    let ids = format!("{}CAMPAIGN={campaign}\nREQUEST={request}\n", people.written());
    fs::write(&path, &ids).map_err(failed)?;
    console::say(format_args!(
        "The demo account, its members and the campaign that waits (also in {}):\n\n{ids}",
        path.display()
    ));
    console::say(format_args!("Try it:\n\n{}", tour(addresses.grpc, &path.display().to_string())));
    Ok(())
}

/// The members of the demo's account: their names in the file, and their ids.
struct People(Vec<(&'static str, String)>);

impl People {
    const NAMES: [&'static str; 5] = ["ADMIN", "CREATOR", "MEMBER", "APPROVER", "EDITOR"];

    /// Those of a file that an earlier start wrote.
    fn parse(file: &str) -> Option<Self> {
        let id = |name: &'static str| {
            let mut lines = file.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| *key == name).map(|(_, id)| (name, id.to_owned()))
        };
        Self::NAMES.into_iter().map(id).collect::<Option<_>>().map(Self)
    }

    fn written(&self) -> String {
        let lines = self.0.iter().map(|(name, id)| format!("{name}={id}\n"));
        format!("ACCOUNT={ACCOUNT}\n{}", lines.collect::<String>())
    }

    fn id(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, id)| id)
    }
}

/// The tour, as the README has it.
fn tour(grpc: SocketAddr, file: &str) -> String {
    format!(
        r#"  . {file}
  call() {{ grpcurl -plaintext -H "countersign-account: $ACCOUNT" -H "countersign-actor: $1" -d "$3" {grpc} "countersign.$2"; }}
  # What waits for the approver?
  call $APPROVER inbox.v1.InboxService/ListRibbons '{{"account_id": "'$ACCOUNT'"}}'
  # Read the request, then approve it.
  call $APPROVER approval.v1.ApprovalService/GetApprovalRequest '{{"account_id": "'$ACCOUNT'", "approval_request_id": "'$REQUEST'"}}'
  call $APPROVER approval.v1.ApprovalService/Approve '{{"account_id": "'$ACCOUNT'", "approval_request_id": "'$REQUEST'", "note": "Go!"}}'
  # Who did what?
  call $CREATOR approval.v1.HistoryService/ListHistory '{{"account_id": "'$ACCOUNT'", "resource_id": "'$CAMPAIGN'"}}'
"#
    )
}

struct Demo {
    channel: Channel,
}

impl Demo {
    async fn connect(address: SocketAddr) -> Result<Self, DemoError> {
        Ok(Self {
            channel: Channel::builder(
                format!("http://{address}").parse().map_err(|_| DemoError::Answer("an address"))?,
            )
            .connect()
            .await?,
        })
    }

    /// Makes the account and its members.
    async fn people(&self) -> Result<People, DemoError> {
        let created = AccessServiceClient::new(self.channel.clone())
            .create_account(by(
                "platform",
                access::CreateAccountRequest {
                    request_id: request_id(0),
                    account_id: ACCOUNT.to_owned(),
                    name: "Acme".to_owned(),
                    features: vec!["campaign_approval".to_owned(), "ab_testing".to_owned()],
                    admin_email: "ada@acme.example".to_owned(),
                    admin_display_name: "Ada Admin".to_owned(),
                    admin_locale: "en".to_owned(),
                    time_zone: String::new(),
                },
            )?)
            .await?
            .into_inner();
        let admin = created.admin.ok_or(DemoError::Answer("the Admin"))?.member_id;
        self.switch_on(&admin, "CAMPAIGNS", 1).await?;
        self.switch_on(&admin, "PRODUCT_EXPERIENCES", 2).await?;
        let creator = self.member(&admin, "Carl Creator", SystemRole::Creator, 3).await?;
        let member = self.member(&admin, "Mia Member", SystemRole::Member, 4).await?;
        let approver = self.member(&admin, "Abel Approver", SystemRole::Approver, 5).await?;
        let editor = self.member(&admin, "Edda Editor", SystemRole::Editor, 6).await?;
        let ids = [admin, creator, member, approver, editor];
        Ok(People(People::NAMES.into_iter().zip(ids).collect()))
    }

    /// Makes a campaign and submits it; answers both ids.
    async fn campaign_that_waits(&self, people: &People) -> Result<(String, String), DemoError> {
        let campaign = self.campaign(people.id("CREATOR")).await?;
        let request = self.launch(people.id("CREATOR"), &campaign).await?;
        for viewer in ["APPROVER", "MEMBER"] {
            self.wait_for_ribbon(people.id(viewer), &campaign).await?;
        }
        Ok((campaign, request))
    }

    async fn switch_on(&self, admin: &str, area: &str, number: u8) -> Result<(), DemoError> {
        let request = approval::UpdatePolicyRequest {
            account_id: ACCOUNT.to_owned(),
            request_id: request_id(number),
            area: area.to_owned(),
            enabled: Some(true),
            ..Default::default()
        };
        PolicyServiceClient::new(self.channel.clone()).update_policy(by(admin, request)?).await?;
        Ok(())
    }

    async fn member(
        &self,
        admin: &str,
        name: &str,
        role: SystemRole,
        number: u8,
    ) -> Result<String, DemoError> {
        let first = name.split(' ').next().unwrap_or(name).to_lowercase();
        let request = access::CreateMemberRequest {
            account_id: ACCOUNT.to_owned(),
            request_id: request_id(number),
            email: format!("{first}@acme.example"),
            display_name: name.to_owned(),
            system_role: role.into(),
            ..Default::default()
        };
        let answer =
            AccessServiceClient::new(self.channel.clone()).create_member(by(admin, request)?).await?;
        Ok(answer.into_inner().member.ok_or(DemoError::Answer("the member"))?.member_id)
    }

    /// Events take a moment: what is printed next asks for what they bring.
    async fn wait_for_ribbon(&self, viewer: &str, campaign: &str) -> Result<(), DemoError> {
        for _ in 0..LOOKS {
            let request = inbox::ListRibbonsRequest {
                account_id: ACCOUNT.to_owned(),
                resource_id: campaign.to_owned(),
                ..Default::default()
            };
            // Whom the notifier does not know yet is refused.
            let seen = InboxServiceClient::new(self.channel.clone()).list_ribbons(by(viewer, request)?).await;
            if seen.is_ok_and(|answer| !answer.get_ref().ribbons.is_empty()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(DemoError::Answer("the ribbons of the campaign"))
    }

    async fn campaign(&self, creator: &str) -> Result<String, DemoError> {
        let text = |text: &str| prost_types::Value {
            kind: Some(prost_types::value::Kind::StringValue(text.to_owned())),
        };
        let content =
            [("subject", text("Spring is here: 20 % off")), ("segment", text("Newsletter readers"))];
        let now = now();
        let at = |seconds: u64| prost_types::Timestamp {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
            nanos: 0,
        };
        let request = approval::RegisterResourceRequest {
            account_id: ACCOUNT.to_owned(),
            kind: "campaign".to_owned(),
            // Another at each start.
            external_id: format!("spring-sale-{}", now.as_millis()),
            title: "Spring sale".to_owned(),
            content: Some(prost_types::Struct {
                fields: content.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            }),
            schedule: Some(Schedule {
                start_time: Some(at(now.as_secs() + 2 * START_IN.as_secs())),
                end_time: Some(at(now.as_secs() + 9 * START_IN.as_secs())),
            }),
            ..Default::default()
        };
        let answer =
            ResourceServiceClient::new(self.channel.clone()).register_resource(by(creator, request)?).await?;
        Ok(answer.into_inner().resource.ok_or(DemoError::Answer("the campaign"))?.resource_id)
    }

    async fn launch(&self, creator: &str, campaign: &str) -> Result<String, DemoError> {
        let request = approval::PerformActionRequest {
            account_id: ACCOUNT.to_owned(),
            resource_id: campaign.to_owned(),
            action: "LAUNCH".to_owned(),
            note: "Ready for a second pair of eyes.".to_owned(),
            ..Default::default()
        };
        let answer =
            ResourceServiceClient::new(self.channel.clone()).perform_action(by(creator, request)?).await?;
        Ok(answer.into_inner().approval_request.ok_or(DemoError::Answer("the request"))?.approval_request_id)
    }
}

fn request_id(number: u8) -> String {
    format!("{REQUEST_ID}{number:02x}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demo is a client: it plans a campaign from the wall clock"
)]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A call of `actor` in the demo's account.
fn by<T>(actor: &str, message: T) -> Result<Request<T>, Status> {
    Caller { account: ACCOUNT, actor }.call(message)
}
