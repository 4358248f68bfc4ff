use std::io::ErrorKind;
use std::time::Duration;

use countersign_testkit::{Proxy, TestDatabase, wait_for};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets; its address.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("a connection")
}

async fn ask(stream: &mut TcpStream, question: &[u8; 4]) {
    stream.write_all(question).await.expect("a written question");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, question);
}

#[tokio::test]
async fn a_whole_wire_carries_both_ways_and_passes_the_end_on() {
    let proxy = Proxy::in_front_of(&echo().await).await;
    let mut stream = connect(&proxy).await;
    ask(&mut stream, b"ping").await;
    assert_eq!(proxy.connections(), 1);
    stream.shutdown().await.expect("a closed side");
    assert_eq!(stream.read(&mut [0; 8]).await.expect("the end"), 0);
    wait_for("the connection to go", Duration::from_secs(5), async || {
        (proxy.connections() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cut_breaks_connections_and_refuses_new_ones_until_restored() {
    let proxy = Proxy::in_front_of(&echo().await).await;
    let mut stream = connect(&proxy).await;
    ask(&mut stream, b"ping").await;
    proxy.cut().await;
    assert!(matches!(stream.read(&mut [0; 8]).await, Ok(0) | Err(_)), "the connection still lives");
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect_err("a refused connection");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.restore().await;
    ask(&mut connect(&proxy).await, b"pong").await;
}

#[tokio::test]
async fn a_pause_holds_back_and_loses_nothing() {
    let proxy = Proxy::in_front_of(&echo().await).await;
    let mut stream = connect(&proxy).await;
    ask(&mut stream, b"ping").await;
    proxy.pause();
    stream.write_all(b"held").await.expect("a written question");
    let early = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0; 8])).await;
    assert!(early.is_err(), "something came through");
    proxy.restore().await;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.expect("the answer");
    assert_eq!(&answer, b"held");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_behind_it_can_be_lost_and_found() {
    let db = TestDatabase::postgres().await;
    let proxy = Proxy::in_front_of(db.url()).await;
    let mut options = ConnectOptions::new(proxy.url(db.url()));
    options.max_connections(1).acquire_timeout(Duration::from_millis(200)).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("a connection");
    connection.execute_unprepared("SELECT 1").await.expect("an answer");
    proxy.cut().await;
    connection.execute_unprepared("SELECT 1").await.expect_err("a lost database");
    proxy.restore().await;
    wait_for("the database to be found again", Duration::from_secs(10), async || {
        connection.execute_unprepared("SELECT 1").await.ok()
    })
    .await;
}
