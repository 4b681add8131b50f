//! `definitions diff`: what a newer set brings and takes away.
//!
//! Rules are compared by sid and revision. Names are kept as hashes under a key of their own per
//! set, so of them (and of the other parts) counts are compared, and which lists they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mimamori_definitions::{DefinitionSet, Manifest, PartKind};
use mimamori_rules::{ParseContext, parse_rules};

use super::public_keys;

/// Rules listed by sid for each sort of change.
const SHOWN_RULES: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "OLD")]
    old: PathBuf,
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// A public key that is trusted: a file or 64 hexadecimal digits. May be repeated.
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let keys = public_keys(&args.keys)?;
    let (old, new) = (DefinitionSet::open(&args.old, &keys)?, DefinitionSet::open(&args.new, &keys)?);
    let mut out = io::stdout().lock();
    writeln!(out, "{} → {}", old.manifest().label(), new.manifest().label())?;
    let same = parts(&mut out, old.manifest(), new.manifest())?
        & sources(&mut out, old.manifest(), new.manifest())?
        & rules(&mut out, &old, &new)?;
    if same {
        writeln!(out, "no difference")?;
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Counts = BTreeMap<String, (u64, String)>;

fn parts(out: &mut impl Write, old: &Manifest, new: &Manifest) -> io::Result<bool> {
    let counts = |m: &Manifest| -> Counts {
        let one = |p: &mimamori_definitions::PartEntry| {
            (format!("{} {}", p.kind.name(), p.name).trim().to_owned(), (p.entries, p.sha256.clone()))
        };
        m.parts.iter().map(one).collect()
    };
    let mut same = true;
    let (old, new) = (counts(old), counts(new));
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(name), new.get(name));
        // Tables have a fresh key in each set, so only their counts tell anything.
        let hashed = matches!(name.as_str(), "names" | "categories");
        if before == after || (hashed && before.map(|b| b.0) == after.map(|a| a.0)) {
            continue;
        }
        same = false;
        let show = |side: Option<&(u64, String)>| side.map_or("-".to_owned(), |(n, _)| n.to_string());
        writeln!(out, "  {name}: {} → {} entries", show(before), show(after))?;
    }
    Ok(same)
}

fn sources(out: &mut impl Write, old: &Manifest, new: &Manifest) -> io::Result<bool> {
    let counts = |m: &Manifest| -> BTreeMap<String, u64> {
        m.sources.iter().map(|s| (format!("{} ({})", s.name, s.format), s.taken)).collect()
    };
    let (old, new) = (counts(old), counts(new));
    let mut same = true;
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(name), new.get(name));
        if before != after {
            same = false;
            let show = |n: Option<&u64>| n.map_or("-".to_owned(), u64::to_string);
            writeln!(out, "  from {name}: {} → {}", show(before), show(after))?;
        }
    }
    Ok(same)
}

fn rules(out: &mut impl Write, old: &DefinitionSet, new: &DefinitionSet) -> io::Result<bool> {
    let (old, new) = (revisions(old), revisions(new));
    let added: Vec<_> = new.iter().filter(|(sid, _)| !old.contains_key(sid)).collect();
    let removed: Vec<_> = old.iter().filter(|(sid, _)| !new.contains_key(sid)).collect();
    let changed: Vec<_> = new.iter().filter(|(sid, rule)| old.get(sid).is_some_and(|o| o != *rule)).collect();
    for (word, list) in [("added", &added), ("removed", &removed), ("changed", &changed)] {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "  rules {word}: {}", list.len())?;
        for ((gid, sid), (rev, msg)) in list.iter().take(SHOWN_RULES) {
            writeln!(out, "    {gid}:{sid}:{rev} {msg}")?;
        }
    }
    Ok(added.is_empty() && removed.is_empty() && changed.is_empty())
}

/// Revision and message by generator and sid.
fn revisions(set: &DefinitionSet) -> BTreeMap<(u32, u32), (u32, String)> {
    let part = set.part(PartKind::Rules);
    let text = String::from_utf8_lossy(part.as_ref().map_or(&[], |p| p.as_ref())).into_owned();
    let parsed = parse_rules(&text, &ParseContext::default());
    parsed.rules.into_iter().map(|r| ((r.id.gid, r.id.sid), (r.id.rev, r.msg.to_string()))).collect()
}
