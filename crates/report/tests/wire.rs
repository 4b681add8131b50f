//! The wire: what is written is read again; what is hostile is put aside or refused as a whole.

use mimamori_base::Timestamp;
use mimamori_report::batch::{MAX_BATCH_RECORDS, MAX_RECORD_BYTES};
use mimamori_report::{Batch, BatchError, GatewayEvent, GatewayEventKind, Report, Text};
use proptest::prelude::*;

fn event(n: u64) -> Report {
    Report::Event(GatewayEvent {
        at: Timestamp::from_secs(1_800_000_000),
        kind: GatewayEventKind::Started,
        detail: Text::new("起動しました\n二行目"),
        count: n,
        command: None,
    })
}

fn encoded(epoch: u64, seqs: &[u64]) -> Vec<u8> {
    let json: Vec<(u64, Vec<u8>)> =
        seqs.iter().map(|n| (*n, serde_json::to_vec(&event(*n)).unwrap())).collect();
    Batch::encode(epoch, json.iter().map(|(n, j)| (*n, j.as_slice())))
}

#[test]
fn a_batch_round_trips_with_gaps_in_its_numbers() {
    let batch = Batch::decode(&encoded(7, &[3, 4, 9])).unwrap();
    assert_eq!(batch.epoch, 7);
    let seqs: Vec<u64> = batch.lines.iter().map(|l| l.seq).collect();
    assert_eq!(seqs, [3, 4, 9]);
    assert_eq!(batch.lines.first().unwrap().report, Ok(event(3)));
}

#[test]
fn one_record_of_an_unknown_kind_is_put_aside_and_the_others_are_read() {
    let mut plain =
        b"{\"v\":1,\"epoch\":1,\"count\":2}\n{\"seq\":1,\"report\":{\"type\":\"telepathy\"}}\n".to_vec();
    let json = serde_json::to_string(&event(2)).unwrap();
    plain.extend_from_slice(format!("{{\"seq\":2,\"report\":{json}}}\n").as_bytes());
    let batch = Batch::decode(&plain).unwrap();
    assert!(batch.lines.first().unwrap().report.as_ref().unwrap_err().reason.contains("telepathy"));
    assert_eq!(batch.lines.get(1).unwrap().report, Ok(event(2)));
}

#[test]
fn untrustworthy_numbers_refuse_the_batch() {
    assert!(matches!(Batch::decode(&encoded(1, &[2, 2])), Err(BatchError::Sequence { line: 3, .. })));
    assert!(matches!(Batch::decode(b""), Err(BatchError::Header(_))));
    assert!(matches!(Batch::decode(b"{\"v\":9,\"epoch\":1,\"count\":0}\n"), Err(BatchError::Version(9))));
    assert!(matches!(Batch::decode(b"{\"v\":1,\"epoch\":1,\"count\":3}\n"), Err(BatchError::Header(_))));
    let many = format!("{{\"v\":1,\"epoch\":1,\"count\":{}}}\n", MAX_BATCH_RECORDS + 1);
    assert_eq!(Batch::decode(many.as_bytes()), Err(BatchError::TooLarge));
    let long = format!(
        "{{\"v\":1,\"epoch\":1,\"count\":1}}\n{{\"seq\":1,\"x\":\"{}\"}}\n",
        "a".repeat(MAX_RECORD_BYTES)
    );
    assert!(matches!(Batch::decode(long.as_bytes()), Err(BatchError::Sequence { .. })));
}

proptest! {
    #[test]
    fn decode_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Batch::decode(&bytes);
        let mut with_header = b"{\"v\":1,\"epoch\":1,\"count\":1}\n".to_vec();
        with_header.extend_from_slice(&bytes);
        let _ = Batch::decode(&with_header);
    }
}
