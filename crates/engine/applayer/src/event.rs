//! Protocol anomalies as the rule language names them.

/// An anomaly of a transaction, by the name that `app-layer-event` uses, with its protocol:
/// `"http.missing_host_header"`, `"dns.malformed_data"`.
pub type AppEvent = &'static str;
