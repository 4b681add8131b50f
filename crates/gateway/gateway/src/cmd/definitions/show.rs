//! `definitions verify` and `definitions show`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mimamori_definitions::{DefinitionSet, Manifest};

use super::public_keys;

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The set.
    #[arg(value_name = "SET")]
    set: PathBuf,
    /// A public key that is trusted: a file or 64 hexadecimal digits. May be repeated.
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    set: VerifyArgs,
    /// Write the manifest as JSON.
    #[arg(long)]
    json: bool,
}

pub fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    match DefinitionSet::open(&args.set, &public_keys(&args.keys)?) {
        Ok(set) => {
            let m = set.manifest();
            println!(
                "{}: good, {} signed by {}, {} parts",
                args.set.display(),
                m.label(),
                m.key_id,
                m.parts.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            println!("{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

pub fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let set = DefinitionSet::open(&args.set.set, &public_keys(&args.set.keys)?)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(set.manifest())?)?;
    } else {
        describe(&mut out, set.manifest())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a set holds, for people.
pub fn describe(out: &mut impl Write, manifest: &Manifest) -> io::Result<()> {
    writeln!(
        out,
        "set {}  format {}  created {}  key {}",
        manifest.label(),
        manifest.format,
        mimamori_engine::eve_time(manifest.created),
        manifest.key_id
    )?;
    for part in &manifest.parts {
        let name = if part.name.is_empty() { String::new() } else { format!(" {}", part.name) };
        writeln!(out, "  {}{name}: {} entries, {} bytes", part.kind.name(), part.entries, part.length)?;
    }
    for source in &manifest.sources {
        writeln!(
            out,
            "  from {} ({}): {} taken, {} refused",
            source.name, source.format, source.taken, source.refused
        )?;
    }
    Ok(())
}
