//! Takes in the mails that come back, on an address of its own that the mail server hands them to.
//!
//! Holds always: only the address a mail comes back to says which delivery it is about.
//! Deliberately not here: reading the reports (`notify`), what follows from them (`service`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mimamori_base::SystemClock;
use mimamori_notify::{Mailbox, Receiver, ReceiverConfig, bounce};
use mimamori_service::Service;
use tokio::sync::watch;

/// Mails that wait between two looks; the oldest gives way.
const WAITING_MAX: usize = 1_000;
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub async fn run(
    listen: SocketAddr,
    service: Service,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let config = ReceiverConfig { listen, ..ReceiverConfig::loopback() };
    let receiver = Receiver::start(config, Mailbox::new(WAITING_MAX), Arc::new(SystemClock))
        .await
        .with_context(|| format!("戻ってきたメールの受付 {listen} を始められません"))?;
    let mailbox = receiver.mailbox();
    while !*stop.borrow() {
        for mail in mailbox.take() {
            for to in &mail.envelope_to {
                let Some(bounce) = bounce::read(to, &mail.raw) else { continue };
                if let Err(e) = service.record_bounce(bounce.delivery, &bounce.words).await {
                    tracing::error!(error = %e, delivery = %bounce.delivery, "a bounce cannot be stored");
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    receiver.stop().await;
    Ok(())
}
