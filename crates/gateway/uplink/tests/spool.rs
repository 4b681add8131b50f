//! The spool: order, acknowledgement, limits, torn and rotten files, `kill -9` (GW-12).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mimamori_base::{Rng, SeededRng, Timestamp};
use mimamori_report::{Cursor, Value};
use mimamori_uplink::spool::{Spool, SpoolConfig, SpoolError};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn open(dir: &Path) -> Spool {
    Spool::open(dir, SpoolConfig::default(), NOW).unwrap()
}

fn small(dir: &Path, max_bytes: u64) -> Spool {
    Spool::open(dir, SpoolConfig { max_bytes, segment_bytes: 200 }, NOW).unwrap()
}

fn batch(spool: &mut Spool) -> Vec<(u64, String)> {
    let read = spool.next_batch(10_000, 1 << 20).unwrap();
    read.into_iter().map(|e| (e.seq, String::from_utf8(e.json).unwrap())).collect()
}

fn acknowledge(spool: &mut Spool, seq: u64) {
    let epoch = spool.epoch();
    spool.acknowledge(Cursor { epoch, seq }, NOW).unwrap();
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    all.sort();
    all
}

#[test]
fn records_come_back_in_order_across_classes_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = small(dir.path(), 1 << 20);
    for n in 0..60u64 {
        let value = [Value::Low, Value::Normal, Value::High][(n % 3) as usize];
        assert_eq!(spool.append(value, format!("{n}").as_bytes()).unwrap(), n + 1);
    }
    let all: Vec<(u64, String)> = (0..60).map(|n| (n + 1, n.to_string())).collect();
    assert_eq!(batch(&mut spool), all);
    acknowledge(&mut spool, 25);
    assert_eq!(batch(&mut spool), all[25..]);
    drop(spool);
    let mut spool = small(dir.path(), 1 << 20);
    assert_eq!(batch(&mut spool), all[25..]);
    assert_eq!(spool.stats().records, 35);
    assert_eq!(spool.append(Value::Low, b"later").unwrap(), 61);
    acknowledge(&mut spool, 61);
    assert_eq!(batch(&mut spool), []);
    assert!(segments(dir.path()).len() <= 3, "committed segments are deleted");
}

#[test]
fn numbers_go_on_after_everything_was_committed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let epoch = {
        let mut spool = open(dir.path());
        spool.append(Value::High, b"a").unwrap();
        spool.append(Value::High, b"b").unwrap();
        acknowledge(&mut spool, 2);
        spool.epoch()
    };
    for _ in 0..2 {
        let mut spool = open(dir.path());
        assert_eq!(spool.epoch(), epoch);
        assert_eq!(batch(&mut spool), []);
    }
    assert_eq!(open(dir.path()).append(Value::High, b"c").unwrap(), 3);
}

#[test]
fn a_full_spool_gives_up_the_oldest_of_the_least_value_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = small(dir.path(), 4_000);
    for n in 0..20 {
        spool.append(Value::High, format!("high {n:02}").as_bytes()).unwrap();
    }
    for n in 0..500 {
        spool.append(Value::Low, format!("low {n:03}").as_bytes()).unwrap();
    }
    let kept = batch(&mut spool);
    let high = kept.iter().filter(|(_, t)| t.starts_with("high")).count();
    assert_eq!(high, 20, "nothing important was given up");
    assert_eq!(kept.last().unwrap().1, "low 499", "the newest low ones are kept");
    assert_eq!(kept.len() as u64 + spool.stats().dropped, 520);
    assert_eq!(spool.take_dropped(), spool.stats().dropped);
    assert_eq!(spool.take_dropped(), 0);
    // Important ones push out the rest, then the oldest of their own kind.
    for n in 20..500 {
        spool.append(Value::High, format!("high {n:03}").as_bytes()).unwrap();
    }
    let kept = batch(&mut spool);
    assert!(kept.iter().all(|(_, t)| t.starts_with("high")));
    assert_eq!(kept.last().unwrap().1, "high 499");
    // And something of low value is refused, not squeezed in.
    assert!(matches!(spool.append(Value::Low, &[b'x'; 300]), Err(SpoolError::DiskFull(_))));
    assert_eq!(kept.len() as u64 + spool.stats().dropped, 1001);
    assert!(spool.stats().bytes <= 4_000);
}

#[test]
fn numbers_of_dropped_records_are_never_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = small(dir.path(), 500);
    for _ in 0..100 {
        spool.append(Value::Low, b"0123456789").unwrap();
    }
    spool.append(Value::High, &[b'h'; 470]).unwrap();
    for path in segments(dir.path()) {
        fs::remove_file(path).unwrap();
    }
    drop(spool);
    assert!(small(dir.path(), 500).append(Value::Low, b"x").unwrap() > 50);
}

#[test]
fn a_second_process_is_told_that_the_spool_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let second = Spool::open(dir.path(), SpoolConfig::default(), NOW);
    assert!(matches!(second, Err(SpoolError::InUse(_))));
}

#[test]
fn a_disk_set_back_starts_a_new_epoch_and_sends_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    spool.append(Value::High, b"a").unwrap();
    let before = spool.epoch();
    acknowledge(&mut spool, 900);
    assert!(spool.epoch() > before);
    assert_eq!(batch(&mut spool), [(1, "a".into())]);
    drop(spool);
    let mut spool = open(dir.path());
    assert!(spool.epoch() > before);
    assert_eq!(batch(&mut spool), [(1, "a".into())]);
}

#[test]
fn an_oversized_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    assert!(matches!(spool.append(Value::High, &[b'x'; 20_000]), Err(SpoolError::RecordTooLarge(20_000))));
}

/// Cuts the newest segment at every length: whatever was whole before the cut is read.
#[test]
fn a_torn_tail_loses_only_the_torn_record() {
    let dir = tempfile::tempdir().unwrap();
    {
        let mut spool = open(dir.path());
        for n in 0..5 {
            spool.append(Value::High, format!("record {n}").as_bytes()).unwrap();
        }
        spool.sync().unwrap();
    }
    let path = segments(dir.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let one = whole.len() / 5;
    for len in 0..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let mut spool = open(dir.path());
        assert_eq!(batch(&mut spool).len(), len / one, "cut at {len}");
        assert_eq!(spool.stats().damaged_places, u64::from(len % one != 0));
        // A segment without records is tidied away at opening: put it back for the next round.
    }
}

proptest! {
    /// One rotten byte costs at most the record it lies in.
    #[test]
    fn a_rotten_byte_costs_one_record(at in 0usize..10_000, value: u8) {
        let dir = tempfile::tempdir().unwrap();
        {
            let mut spool = open(dir.path());
            for n in 0..20 {
                spool.append(Value::High, format!("record {n:02}").as_bytes()).unwrap();
            }
        }
        let path = segments(dir.path()).pop().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        let changed = bytes[at] != value;
        bytes[at] = value;
        fs::write(&path, &bytes).unwrap();
        let read = batch(&mut open(dir.path()));
        prop_assert_eq!(read.len(), if changed { 19 } else { 20 });
    }
}

/// The child of the next test: appends for ever, and prints each number once it is durable.
#[test]
fn child_that_appends_until_killed() {
    let Some(dir) = std::env::var_os("MIMAMORI_SPOOL_CHILD") else { return };
    let mut spool =
        Spool::open(Path::new(&dir), SpoolConfig { max_bytes: 1 << 24, segment_bytes: 3_000 }, NOW).unwrap();
    let mut out = std::io::stdout();
    loop {
        let next = spool.stats().next_seq;
        let value = [Value::Low, Value::Normal, Value::High][(next % 3) as usize];
        let seq = spool.append(value, format!("text {next}").as_bytes()).unwrap();
        spool.sync().unwrap();
        writeln!(out, "durable {seq}").unwrap();
        if seq.is_multiple_of(7) {
            let cursor = Cursor { epoch: spool.epoch(), seq: seq - 5 };
            writeln!(out, "acknowledged {}", cursor.seq).unwrap();
            spool.acknowledge(cursor, NOW).unwrap();
        }
    }
}

#[test]
fn gw_12_kill_dash_nine_loses_nothing_that_was_durable() {
    let dir = tempfile::tempdir().unwrap();
    let rng = SeededRng::new(5);
    let (mut durable, mut acknowledged) = (0, 0);
    for _ in 0..25 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_appends_until_killed", "--exact", "--nocapture"])
            .env("MIMAMORI_SPOOL_CHILD", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stop_after = rng.next_u64() % 40;
        let mut seen = 0;
        let mut note = |line: &str| {
            if let Some(n) = line.strip_prefix("durable ") {
                durable = n.parse().unwrap();
            } else if let Some(n) = line.strip_prefix("acknowledged ") {
                acknowledged = n.parse().unwrap();
            }
        };
        while seen < stop_after {
            let Some(Ok(line)) = lines.next() else { panic!("the child ended by itself") };
            note(&line);
            seen += 1;
        }
        child.kill().unwrap();
        // What it managed to say before it died counts as well.
        lines.map_while(Result::ok).for_each(|line| note(&line));
        child.wait().unwrap();

        let mut spool = open(dir.path());
        let kept = batch(&mut spool);
        // What was acknowledged may still be there, in part: it was killed while deleting.
        let numbers: Vec<u64> = kept.iter().map(|(n, _)| *n).filter(|n| *n > acknowledged).collect();
        let next = numbers.last().map_or(acknowledged, |n| *n) + 1;
        let expected: Vec<u64> = (acknowledged + 1..next).collect();
        assert_eq!(numbers, expected, "no hole, no repetition; acknowledged {acknowledged}");
        assert!(next > durable, "{durable} was durable");
        assert!(spool.stats().next_seq > durable, "a number would be used again");
        assert!(kept.iter().all(|(n, text)| *text == format!("text {n}")));
    }
    assert!(durable > 100, "the child did some work");
}

#[test]
fn a_full_disk_gives_up_low_value_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !mounted {
        println!("skipped: mounting a small tmpfs needs root");
        return;
    }
    let result = std::panic::catch_unwind(|| {
        let mut spool =
            Spool::open(dir.path(), SpoolConfig { max_bytes: 1 << 20, segment_bytes: 4_000 }, NOW).unwrap();
        spool.append(Value::High, b"important").unwrap();
        for n in 0..2_000 {
            match spool.append(Value::Low, format!("filler {n:04} {}", "x".repeat(80)).as_bytes()) {
                Ok(_) | Err(SpoolError::DiskFull(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        let kept = batch(&mut spool);
        assert_eq!(kept[0].1, "important");
        assert!(spool.stats().dropped > 1_000);
        assert_eq!(kept.len() as u64 + spool.stats().dropped, 2_001);
        let last = kept.last().unwrap().0;
        acknowledge(&mut spool, last);
        spool.append(Value::Normal, b"after").unwrap();
        assert_eq!(batch(&mut spool).last().unwrap().1, "after");
    });
    let _ = Command::new("umount").arg("-l").arg(dir.path()).status();
    if let Err(cause) = result {
        std::panic::resume_unwind(cause);
    }
}
