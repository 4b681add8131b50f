//! `definitions`: makes, checks, shows and compares signed definition sets.

mod build;
mod compare;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mimamori_definitions::{SigningKey, VerifyingKey};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make one signed set out of rules, YARA rules, hash lists, name lists, categories and the
    /// application catalogue.
    Build(build::Args),
    /// Check a set's signature and every part.
    Verify(show::VerifyArgs),
    /// Say what a set holds.
    Show(show::ShowArgs),
    /// Say what is different in a newer set.
    Diff(compare::Args),
    /// Make a key: the secret one to sign with, the public one for the gateways.
    Keygen(KeygenArgs),
}

#[derive(Debug, clap::Args)]
struct KeygenArgs {
    /// Where to write the secret key (mode 0600); the public one goes beside it as FILE.pub.
    #[arg(value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Build(args) => build::run(&args),
        Command::Verify(args) => show::verify(&args),
        Command::Show(args) => show::show(&args),
        Command::Diff(args) => compare::run(&args),
        Command::Keygen(args) => keygen(&args),
    }
}

fn keygen(args: &KeygenArgs) -> anyhow::Result<ExitCode> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    use mimamori_base::{Rng, SystemRng};

    let mut seed = [0; 32];
    SystemRng.fill(&mut seed);
    let key = SigningKey::from_seed(seed)?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out).with_context(
            || format!("cannot write {} (an existing key is never replaced)", args.out.display()),
        )?;
    writeln!(file, "{}", key.to_text())?;
    let mut public = args.out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    std::fs::write(&public, format!("{}\n", key.verifying().to_text()))
        .with_context(|| format!("cannot write {}", public.display()))?;
    println!("{}  key {}", public.display(), key.verifying().id());
    Ok(ExitCode::SUCCESS)
}

/// Public keys: each a file, or 64 hexadecimal digits.
fn public_keys(texts: &[String]) -> anyhow::Result<Vec<VerifyingKey>> {
    texts.iter().map(|t| public_key(t)).collect()
}

/// A public key from a file, or from its digits.
pub fn public_key(text: &str) -> anyhow::Result<VerifyingKey> {
    if let Ok(key) = VerifyingKey::parse(text) {
        return Ok(key);
    }
    VerifyingKey::parse(&read(Path::new(text))?).with_context(|| format!("{text}: no public key"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
