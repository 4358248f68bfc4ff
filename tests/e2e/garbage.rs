//! What can't be read is told as the caller's fault, and what is packed is read.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use countersign_proto::approval::{RegisterResourceRequest, resource_service_client::ResourceServiceClient};
use countersign_testkit::wait_for;
use prost::Message as _;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::oneshot};
use tonic::{Code, Status, body::Body, codec::CompressionEncoding, transport::Channel};

use crate::{
    bad_input::{reason, violations},
    client::{Team, content, new_id, request},
    fuzz::assert_no_errors,
    raw::{answer, post},
    system::{PATIENCE, Standalone, connect, get},
};

const REGISTER: &str = "countersign.approval.v1.ResourceService/RegisterResource";

fn registration(team: &Team) -> RegisterResourceRequest {
    RegisterResourceRequest {
        account_id: team.account.clone(),
        kind: "remote_config".into(),
        external_id: new_id(),
        title: "Config".into(),
        content: Some(content(&serde_json::json!({"a": 1}))),
        ..Default::default()
    }
}

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

async fn send(channel: &Channel, team: &Team, body: Vec<u8>) -> Status {
    answer(channel.clone(), post(REGISTER, &team.account, &team.creator.id, body)).await
}

/// Proves SEC-11: each way in which bytes can be no request, with its code and reason, and without an error in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_read_is_the_callers_fault() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel.clone()).await;
    let nested = (1..45).fold(serde_json::json!({}), |inner, _| serde_json::json!({ "x": inner }));
    let nested = RegisterResourceRequest { content: Some(content(&nested)), ..registration(&team) };
    let whole = frame(0, &registration(&team).encode_to_vec());
    let (unreadable, cut_off) = ("REQUEST_UNREADABLE", "REQUEST_CUT_OFF");
    for (what, body, code, expected) in [
        ("no protobuf", frame(0, &[0xff; 20]), Code::InvalidArgument, unreadable),
        ("no UTF-8", frame(0, &[0x12, 2, 0xc3, 0x28]), Code::InvalidArgument, unreadable),
        ("nested 45 deep", frame(0, &nested.encode_to_vec()), Code::InvalidArgument, unreadable),
        (
            "packed, it says",
            frame(1, &registration(&team).encode_to_vec()),
            Code::InvalidArgument,
            unreadable,
        ),
        ("an unknown flag", frame(7, &[]), Code::InvalidArgument, unreadable),
        ("nothing", Vec::new(), Code::InvalidArgument, unreadable),
        ("half", whole[..whole.len() / 2].to_vec(), Code::Cancelled, cut_off),
        ("half a length", whole[..3].to_vec(), Code::Cancelled, cut_off),
        ("too large", frame(0, &vec![0; 2 << 20]), Code::ResourceExhausted, "REQUEST_TOO_LARGE"),
    ] {
        let refused = send(&channel, &team, body).await;
        assert_eq!((refused.code(), reason(&refused).as_str()), (code, expected), "{what}: {refused:?}");
    }
    // Who doesn't say who they are is told that first, whatever they send (SEC-1).
    let nobody = answer(channel.clone(), post(REGISTER, "", "", frame(0, &[0xff; 20]))).await;
    assert_eq!(nobody.code(), Code::Unauthenticated, "{nobody:?}");
    // A connection that sends no HTTP at all.
    let mut stream = TcpStream::connect(("127.0.0.1", standalone.port)).await.unwrap();
    stream.write_all(&[0xff; 100]).await.unwrap();
    drop(stream);
    team.creator.register(registration(&team)).await.unwrap();
    assert_no_errors(&standalone.process.log());
}

/// Proves SEC-11: U+0000, which PostgreSQL stores nowhere, is refused in any text before anything is looked up, also to strangers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nul_is_refused_in_any_text() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel.clone()).await;
    let mut client = ResourceServiceClient::new(channel);
    for actor in [team.creator.id.clone(), new_id()] {
        let with_nul = RegisterResourceRequest {
            external_id: "\0".into(),
            content: Some(content(&serde_json::json!({"deep": ["a\u{0}b"]}))),
            ..registration(&team)
        };
        let refused = client.register_resource(request(&team.account, &actor, with_nul)).await.unwrap_err();
        let fields: Vec<String> = violations(&refused).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["external_id", "content"]);
    }
    assert_no_errors(&standalone.process.log());
}

/// Proves SEC-11: requests may be packed with gzip or zstd; the limit is on the unpacked bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_requests_are_read_up_to_the_limit() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel.clone()).await;
    for packing in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = ResourceServiceClient::new(channel.clone()).send_compressed(packing);
        let mut register = async |message: RegisterResourceRequest| {
            client.register_resource(request(&team.account, &team.creator.id, message)).await
        };
        let registered = register(registration(&team)).await.unwrap().into_inner().resource.unwrap();
        assert_eq!(registered.title, "Config");
        // A few kilobytes on the wire.
        let bomb = RegisterResourceRequest { title: "x".repeat(8 << 20), ..registration(&team) };
        let refused = register(bomb).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        assert_eq!(reason(&refused), "REQUEST_TOO_LARGE");
    }
    assert_no_errors(&standalone.process.log());
}

/// How many calls of the method the service has counted as cancelled.
async fn cancelled(admin: u16) -> u64 {
    let metrics = get(admin, "/metrics").await;
    let labels = [&format!("rpc_method=\"{REGISTER}\""), "rpc_response_status_code=\"CANCELLED\""];
    let of_it = metrics.lines().filter(|line| {
        line.starts_with("rpc_server_call_duration_seconds_count")
            && labels.iter().all(|it| line.contains(it))
    });
    of_it.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

/// Proves SEC-11: a client that resets its stream, or whose connection ends, in the middle of a request's body is no error of the
/// service's. What was sent of it changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_in_a_body_is_no_error() {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel.clone()).await;
    let message = registration(&team);
    let whole = frame(0, &message.encode_to_vec());
    for own_connection in [false, true] {
        let enough = cancelled(standalone.admin_port).await + 10;
        // Whether a call that is given up has been sent at all is the client's choice: until so many have come.
        wait_for("calls that were hung up on", PATIENCE, async || {
            let channel = if own_connection { connect(standalone.port).await } else { channel.clone() };
            for sent in [1, 4, 5, 6, whole.len() / 2, whole.len() - 1] {
                let (asked_for_more, is_asked) = oneshot::channel();
                let body = Hanging {
                    sent: Some(whole[..sent].to_vec().into()),
                    asked_for_more: Some(asked_for_more),
                };
                let request =
                    post(REGISTER, &team.account, &team.creator.id, Vec::new()).map(|_| Body::new(body));
                let call = tokio::spawn(answer(channel.clone(), request));
                // All that there is has been taken.
                is_asked.await.unwrap();
                call.abort();
            }
            drop(channel);
            (cancelled(standalone.admin_port).await >= enough).then_some(())
        })
        .await;
    }
    let nothing = team.creator.resource_named(&message.kind, &message.external_id).await.unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    team.creator.register(message).await.unwrap();
    assert_no_errors(&standalone.process.log());
}

/// A body that says what it has and never ends.
struct Hanging {
    sent: Option<Bytes>,
    asked_for_more: Option<oneshot::Sender<()>>,
}

impl http_body::Body for Hanging {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if let Some(sent) = self.sent.take() {
            return Poll::Ready(Some(Ok(http_body::Frame::data(sent))));
        }
        if let Some(asked_for_more) = self.asked_for_more.take() {
            asked_for_more.send(()).unwrap();
        }
        Poll::Pending
    }
}
