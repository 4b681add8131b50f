//! What the pages share: the service, how cookies are written, whom to call.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use mimamori_base::{Rng, Timestamp};
use mimamori_service::Service;

use crate::cookie::CookieStyle;
use crate::view::Contact;

/// How the portal is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The portal is reached by https only: cookies say so, and browsers remember it.
    pub https: bool,
    /// A reverse proxy of our own stands in front and names the client in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Whom the pages before the login name.
    pub contact: Contact,
}

/// The mail server of the demonstration, as its page sees it.
pub trait Mailbox: Send + Sync + std::fmt::Debug {
    /// Where it listens, e.g. `127.0.0.1:2525`.
    fn server(&self) -> String;
    /// The newest mails, newest first; a bounded number.
    fn mails(&self) -> Vec<ReceivedMail>;
    fn mail(&self, number: u64) -> Option<ReceivedMail> {
        self.mails().into_iter().find(|m| m.number == number)
    }
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    pub number: u64,
    pub at: Timestamp,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub message_id: String,
    /// The plain text part.
    pub text: String,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Portal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
    rng: Arc<dyn Rng>,
    options: Options,
    mailbox: Option<Arc<dyn Mailbox>>,
}

impl Portal {
    pub fn new(
        service: Service,
        rng: Arc<dyn Rng>,
        options: Options,
        mailbox: Option<Arc<dyn Mailbox>>,
    ) -> Self {
        Portal(Arc::new(Inner { service, rng, options, mailbox }))
    }

    pub fn service(&self) -> &Service {
        &self.0.service
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    pub fn mailbox(&self) -> Option<&Arc<dyn Mailbox>> {
        self.0.mailbox.as_ref()
    }

    pub(crate) fn cookies(&self) -> CookieStyle {
        CookieStyle { secure: self.0.options.https }
    }

    /// 128 random bits in hexadecimal.
    pub(crate) fn nonce(&self) -> String {
        format!("{:016x}{:016x}", self.0.rng.next_u64(), self.0.rng.next_u64())
    }

    /// Who is at the other end.
    pub(crate) fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> IpAddr {
        client(self.0.options.behind_proxy, peer, headers)
    }
}

/// What the hop before us saw: anything further left in the header may be made up.
fn client(behind_proxy: bool, peer: Option<SocketAddr>, headers: &HeaderMap) -> IpAddr {
    let forwarded = || {
        let line = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()?.trim().parse().ok()
    };
    let direct = peer.map_or(IpAddr::from([0, 0, 0, 0]), |p| p.ip().to_canonical());
    if behind_proxy { forwarded().unwrap_or(direct) } else { direct }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hop_counts_and_only_behind_a_proxy() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "198.51.100.1, 192.0.2.7".parse().expect("a header"));
        let peer = Some(SocketAddr::from(([127, 0, 0, 1], 4_000)));
        assert_eq!(client(true, peer, &headers), IpAddr::from([192, 0, 2, 7]));
        assert_eq!(client(false, peer, &headers), IpAddr::from([127, 0, 0, 1]), "a stranger's claim");
        headers.append("x-forwarded-for", "192.0.2.8".parse().expect("a header"));
        assert_eq!(client(true, peer, &headers), IpAddr::from([192, 0, 2, 8]), "of two lines the last");
        assert_eq!(client(true, peer, &HeaderMap::new()), IpAddr::from([127, 0, 0, 1]));
    }
}
