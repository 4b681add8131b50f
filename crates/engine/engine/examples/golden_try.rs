fn main() {
    use mimamori_engine::{Engine, EngineConfig, Event, EventKind, LinkType, Ruleset};
    let args: Vec<String> = std::env::args().collect();
    let mut config = EngineConfig::default();
    config.set("checksum", "none").unwrap();
    config.log.transactions = false;
    let text = String::from_utf8_lossy(&std::fs::read(&args[1]).unwrap()).into_owned();
    let rules = Ruleset::compile(&text, &config);
    let golden = std::fs::read_to_string(format!("{}/et-golden.tsv", args[2])).unwrap();
    let mut bad = 0;
    let mut all = 0;
    for line in golden.lines() {
        let Some((hash, want)) = line.split_once('\t') else { continue };
        if args.len() > 3 && !args[3..].iter().any(|a| a == hash) {
            continue;
        }
        let mut wanted = std::collections::BTreeMap::new();
        for w in want.split(';').filter(|w| w.contains('=')) {
            let (s, n) = w.split_once('=').unwrap();
            wanted.insert(s.parse::<u32>().unwrap(), n.parse::<u32>().unwrap());
        }
        let Ok(d) = std::fs::read(format!("{}/pcaps/{hash}.pcap", args[2])) else { continue };
        let le = d.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]);
        if !le {
            println!("{hash} not a plain capture");
            continue;
        }
        let u = |at: usize| u32::from_le_bytes(d[at..at + 4].try_into().unwrap());
        let link = LinkType(u(20) as _);
        let mut engine = Engine::new(config.clone(), rules.clone(), Default::default());
        let mut events: Vec<Event> = Vec::new();
        let (mut at, mut now) = (24, mimamori_base::Timestamp(0));
        while at + 16 <= d.len() {
            let n = u(at + 8) as usize;
            if at + 16 + n > d.len() {
                break;
            }
            now = mimamori_base::Timestamp(i64::from(u(at)) * 1_000_000 + i64::from(u(at + 4)));
            engine.frame(now, link, None, &d[at + 16..at + 16 + n], &mut events);
            at += 16 + n;
        }
        engine.finish(now, &mut events);
        let mut have = std::collections::BTreeMap::new();
        for e in events.iter().filter(|e| e.kind == EventKind::Alert) {
            *have.entry(e.alert.as_ref().unwrap().sid).or_insert(0u32) += 1;
        }
        all += 1;
        if have != wanted {
            bad += 1;
            println!("{hash} have {have:?} want {wanted:?}");
        }
    }
    println!("{bad} of {all} differ");
}
