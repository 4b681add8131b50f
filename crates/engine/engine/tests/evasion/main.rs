//! Each way to slip past an inline engine, or to wear it out, that the checklist names: through the
//! façade, with frames. `docs/evasions.md` says which test belongs to which line.

mod bounds;
mod cut;
mod dns;
mod fragments;
mod frame;
mod http;
mod http2;
mod link;
mod mail;
mod office;
mod quic;
mod rules;
mod tcp;
mod tcp_marks;
mod tls;
