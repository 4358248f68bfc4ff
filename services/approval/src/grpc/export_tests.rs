//! Files as they come out, and streams that end before their file does.

use std::time::Duration;

use countersign_proto::approval::history_service_server::HistoryService as _;
use countersign_testkit::{TestDatabase, both_databases};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::Code;

use super::*;
use crate::watch::tests::World;

both_databases! {
    a_long_export_is_read_as_it_is_taken,
    who_loses_access_gets_no_more,
    an_export_that_is_cut_short_does_not_look_complete,
}

#[test]
fn cells_are_quoted_where_they_must_be() {
    for (text, cell) in [
        ("", ""),
        ("plain text; with 'quotes'", "plain text; with 'quotes'"),
        ("a,b", "\"a,b\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("two\nlines", "\"two\nlines\""),
        ("two\r\nlines", "\"two\r\nlines\""),
        ("ü\u{1F600}", "ü\u{1F600}"),
    ] {
        assert_eq!(csv_cell(text), cell);
    }
}

/// Proves HIS-4: no cell runs in a spreadsheet, however its first sign is hidden.
#[test]
fn no_cell_is_a_formula() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "\"'\r=1\""),
        ("\n=1", "\"'\n=1\""),
        ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
        ("  =1", "'  =1"),
        ("\u{a0}\u{3000}=1", "'\u{a0}\u{3000}=1"),
        ("\u{200b}\u{2060}@SUM(A1)", "'\u{200b}\u{2060}@SUM(A1)"),
        ("\u{feff}\u{202e}-1", "'\u{feff}\u{202e}-1"),
        ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
        ("\u{ff0b}1", "'\u{ff0b}1"),
        ("\u{ff0d}1", "'\u{ff0d}1"),
        ("\u{ff20}x", "'\u{ff20}x"),
        ("\u{fe63}1", "'\u{fe63}1"),
        ("\u{2212}1", "'\u{2212}1"),
        ("\u{0}=1", "'\u{0}=1"),
        ("1=1", "1=1"),
        ("", ""),
        ("a -1", "a -1"),
    ] {
        assert_eq!(csv_cell(text), cell);
    }
}

#[test]
fn a_line_has_as_many_cells_as_the_header() {
    let line = csv_line(&api::HistoryEntry::default(), "2026-05-03T03:09:37Z");
    assert_eq!(line, "2026-05-03T03:09:37Z,,0,,,,,,,,,,,\r\n");
    let header = Format::Csv.header(&COLUMNS);
    assert_eq!(line.matches(',').count(), header.matches(',').count());
    assert_eq!(Format::JsonLines.header(&COLUMNS), "");
    assert!(header.starts_with("\u{feff}time,") && header.matches('\u{feff}').count() == 1, "{header}");
}

type Piece = Result<api::ExportHistoryResponse, Status>;

/// How many requests are made: two entries each, which is five pieces and some.
const REQUESTS: usize = 510;

async fn filled(db: TestDatabase) -> World {
    let world = World::new(db).await;
    for _ in 0..REQUESTS {
        world.submit(0, "remote_config").await;
    }
    world
}

async fn export(world: &World) -> ReceiverStream<Piece> {
    let asked = api::ExportHistoryRequest {
        account_id: world.account.id.to_string(),
        format: api::HistoryFormat::Csv.into(),
        ..Default::default()
    };
    world.edges[0].export_history(world.by(world.creator, asked)).await.unwrap().into_inner()
}

async fn next(stream: &mut ReceiverStream<Piece>) -> Option<Piece> {
    timeout(Duration::from_mins(1), stream.next()).await.expect("nothing comes")
}

/// Proves HIS-4: page after page, each once, whole lines in each piece.
async fn a_long_export_is_read_as_it_is_taken(db: TestDatabase) {
    let world = filled(db).await;
    let mut stream = export(&world).await;
    let (mut lines, mut pieces) = (std::collections::BTreeSet::new(), 0);
    while let Some(piece) = next(&mut stream).await {
        let text = String::from_utf8(piece.unwrap().chunk).unwrap();
        assert!(text.ends_with("\r\n"));
        for line in text.split_terminator("\r\n") {
            assert!(lines.insert(line.to_owned()), "{line} comes twice");
        }
        pieces += 1;
    }
    assert_eq!((lines.len(), pieces), (2 * REQUESTS + 1, 6));
}

/// Proves HIS-4 with ACC-9: what was read ahead comes, and then the refusal.
async fn who_loses_access_gets_no_more(db: TestDatabase) {
    let world = filled(db).await;
    let mut stream = export(&world).await;
    next(&mut stream).await.unwrap().unwrap();
    world.revoke_creator(1).await;
    let mut ahead = 0;
    let end = loop {
        match next(&mut stream).await.expect("a reason") {
            Ok(_) => ahead += 1,
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::PermissionDenied);
    assert!(ahead <= AHEAD + 1, "{ahead} pieces came after access was lost");
    assert!(next(&mut stream).await.is_none());
}

async fn an_export_that_is_cut_short_does_not_look_complete(db: TestDatabase) {
    let world = filled(db).await;
    let mut stream = export(&world).await;
    world.edges[0].ending.cancel();
    let end = loop {
        match next(&mut stream).await.expect("a reason") {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable);
}
