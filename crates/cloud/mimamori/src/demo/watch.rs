//! Tells on the screen what the cloud made of the detections: alerts and mails.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use mimamori_domain::AlertId;
use mimamori_notify::Mailbox;
use mimamori_service::Service;
use mimamori_service::views::AlertFilter;
use tokio::sync::watch;

use super::mailbox;
use super::screen::Screen;

const EVERY: Duration = Duration::from_secs(1);

pub async fn run(
    service: Service,
    mails: Mailbox,
    data: PathBuf,
    screen: Screen,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let mut told: HashSet<(AlertId, &'static str)> = HashSet::new();
    let mut kept = mails.counts().0;
    for (id, stars, _) in alerts(&service).await {
        told.insert((id, stars));
    }
    loop {
        let stopping = tokio::time::timeout(EVERY, stop.wait_for(|s| *s)).await.is_ok();
        for (id, stars, text) in alerts(&service).await {
            if told.insert((id, stars)) {
                screen.say("アラート", &text);
            }
        }
        let mut new: Vec<_> = mails.messages().into_iter().filter(|m| m.number > kept).collect();
        new.reverse();
        for mail in new {
            kept = kept.max(mail.number);
            screen.say("メール", &mail.subject);
            if let Err(error) = mailbox::keep(&data, &mail) {
                tracing::warn!(%error, "a mail is not kept over a restart");
            }
        }
        if stopping {
            return Ok(());
        }
    }
}

async fn alerts(service: &Service) -> Vec<(AlertId, &'static str, String)> {
    let filter = AlertFilter { limit: 100, ..AlertFilter::default() };
    match service.alerts(&service.console(), filter).await {
        Ok(page) => page
            .items
            .into_iter()
            .rev()
            .map(|v| {
                let a = &v.alert;
                let text = format!("{} 「{}」で{}", a.rating.text(), a.device.display_name(), a.title);
                (a.id, a.rating.stars(), text)
            })
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "alerts cannot be read");
            Vec::new()
        }
    }
}
