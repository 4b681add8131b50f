//! Binding ports and serving HTTP on them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::watch;

use crate::config::TlsFiles;

/// Requests under way may take this long when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// Ports tried after the wished one.
const TRIES: u16 = 100;

/// Binds an address, or says in plain words why not.
pub fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|e| {
        let hint = match e.kind() {
            io::ErrorKind::AddrInUse => {
                "ほかのプログラムが使っています。設定の listen を変えるか、そのプログラムを止めてください"
            }
            io::ErrorKind::PermissionDenied => {
                "このポートを使う権限がありません。1024 以上のポートにするか、権限を与えてください"
            }
            io::ErrorKind::AddrNotAvailable => {
                "この機械にはないアドレスです。設定の listen を確かめてください"
            }
            _ => "設定の listen を確かめてください",
        };
        anyhow::anyhow!("{what}のアドレス {address} を使えません（{e}）。{hint}。")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Binds `wished` on loopback, or the next port that is free.
pub fn bind_near(wished: u16) -> anyhow::Result<TcpListener> {
    for port in (wished..=wished.saturating_add(TRIES)).chain([0]) {
        match TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {}
            Err(e) => return Err(e).context("この機械の中（127.0.0.1）で待ち受けられません"),
        }
    }
    anyhow::bail!("使えるポートが見つかりません")
}

/// Serves until `stop` turns true; then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<&TlsFiles>,
    app: Router,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let handle = Handle::new();
    let ending = handle.clone();
    tokio::spawn(async move {
        let _ = stop.wait_for(|s| *s).await;
        ending.graceful_shutdown(Some(FAREWELL));
    });
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        None => axum_server::from_tcp(listener)?.handle(handle).serve(app).await?,
        Some(files) => {
            let config =
                RustlsConfig::from_pem_file(&files.certificate, &files.key).await.with_context(|| {
                    format!(
                        "証明書 {} と鍵 {} を読めません。PEM形式の、対になったファイルか確かめてください",
                        files.certificate.display(),
                        files.key.display()
                    )
                })?;
            axum_server::from_tcp_rustls(listener, config)?.handle(handle).serve(app).await?;
        }
    }
    Ok(())
}
