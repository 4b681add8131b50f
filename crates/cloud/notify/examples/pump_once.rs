//! Composes and delivers what is due, once: the victim of `tests/kill.rs`.
//! Arguments: database file, port of the mail server, seconds since the tests' start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{SystemRng, Timestamp, VirtualClock};
use mimamori_domain::{EmailAddress, Name, Policy};
use mimamori_notify::{Pump, Security, Sender, SmtpConfig};
use mimamori_service::{Config, Parts, PasswordCost, Service};
use mimamori_store::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, file, port, secs] = args.as_slice() else { return Err("usage: pump_once FILE PORT SECS".into()) };
    let clock = VirtualClock::at(Timestamp::from_secs(1_795_496_700 + secs.parse::<i64>()?));
    let service = Service::new(Parts {
        store: Arc::new(SqliteStore::open(Path::new(file)).await?),
        clock: Arc::new(clock),
        rng: Arc::new(SystemRng),
        policy: Policy::builtin()?,
        config: Config { password_cost: PasswordCost::cheap_for_tests(), ..Config::default() },
    })?;
    let sender = Sender::new(SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port: port.parse()?,
        security: Security::PlainLoopback,
        credentials: None,
        from_name: Name::parse("見守りサービス")?,
        from: EmailAddress::parse("alert@portal.example")?,
        reply_to: None,
        hello_name: "portal.example".to_owned(),
        timeout: Duration::from_secs(5),
        extra_root_pem: None,
    })?;
    Pump::new(service, sender).drain().await?;
    Ok(())
}
