//! Options of the application protocols: `app-layer.protocols.…`.

use std::sync::Arc;

use mimamori_applayer::AppProto;
use mimamori_applayer::config::{AutoSwitch, EncryptionHandling};

use super::OptionError;
use super::values::{bytes, count, list, number, ports, truth, wrong};
use crate::config::EngineConfig;

impl EngineConfig {
    pub(super) fn set_app(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        let Some(rest) = key.strip_prefix("app-layer.protocols.") else { return Ok(false) };
        let Some((proto, option)) = rest.split_once('.') else { return Ok(false) };
        if option == "enabled" {
            return self.set_enabled(key, proto, value);
        }
        let app = &mut self.app;
        match (proto, option) {
            ("dns", "udp.enabled") => app.dns.udp = truth(key, value)?,
            ("dns", "tcp.enabled") => app.dns.tcp = truth(key, value)?,
            ("dns", "detection-ports.dp" | "tcp.detection-ports.dp" | "udp.detection-ports.dp") => {
                app.dns.ports = ports(key, value)?;
            }
            ("tls", "encryption-handling" | "encrypt-handling") => {
                app.tls.encryption_handling = encryption(key, value)?;
            }
            ("ssh", "encryption-handling") => {
                app.ssh.encryption_handling = encryption(key, value)?;
            }
            ("ssh", "hassh") => app.ssh.hassh = truth(key, value)?,
            ("tls", "ja3-fingerprints") => app.tls.ja3 = value == "auto" || truth(key, value)?,
            ("tls", "ja4-fingerprints") => app.tls.ja4 = value == "auto" || truth(key, value)?,
            ("ftp", "max-tx") => app.ftp.max_tx = number(key, value)?,
            ("ftp", "max-line-length") => app.ftp.max_line_bytes = count(key, value)?,
            ("smb", "max-tx") => app.smb.max_tx = number(key, value)?,
            ("smb", "max-write-size") => {
                app.smb.max_write_bytes = u32::try_from(bytes(key, value)?).unwrap_or(u32::MAX);
            }
            ("smb", "max-read-queue-size") => {
                app.smb.read_queue.0 = u32::try_from(bytes(key, value)?).unwrap_or(u32::MAX);
            }
            ("smb", "max-read-queue-cnt") => app.smb.read_queue.1 = number(key, value)?,
            ("smb", "max-write-queue-size") => {
                app.smb.write_queue.0 = u32::try_from(bytes(key, value)?).unwrap_or(u32::MAX);
            }
            ("smb", "max-write-queue-cnt") => app.smb.write_queue.1 = number(key, value)?,
            ("smb", "max-read-size") => {
                app.smb.max_read_bytes = u32::try_from(bytes(key, value)?).unwrap_or(u32::MAX);
            }
            ("ldap", "max-tx") => app.ldap_max_tx = number(key, value)?,
            ("mqtt", "max-msg-length") => app.mqtt.max_message_bytes = count(key, value)?,
            ("mqtt", "max-tx") => app.mqtt.max_tx = number(key, value)?,
            ("dns", "max-tx") => app.dns.max_tx = number(key, value)?,
            ("smtp", option) => return self.set_smtp(key, option, value),
            ("rfb", "detection-ports.dp") => app.rfb_ports = ports(key, value)?,
            ("http", _) => {
                let Some(option) = option.strip_prefix("libhtp.default-config.") else {
                    return Ok(false);
                };
                return self.set_http(key, option, value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_smtp(&mut self, key: &str, option: &str, value: &str) -> Result<bool, OptionError> {
        let smtp = &mut self.app.smtp;
        match option {
            "max-tx" => smtp.max_tx = number(key, value)?,
            "mime.decode-base64" => smtp.decode_base64 = truth(key, value)?,
            "mime.decode-quoted-printable" => smtp.decode_quoted_printable = truth(key, value)?,
            "mime.header-value-depth" => smtp.header_value_depth = count(key, value)?,
            "mime.extract-urls" => smtp.extract_urls = truth(key, value)?,
            "mime.extract-urls-schemes" => smtp.url_schemes = list(value),
            "mime.log-url-scheme" => smtp.log_url_scheme = truth(key, value)?,
            "mime.body-md5" => {
                smtp.body_md5 = match value {
                    "auto" => AutoSwitch::Auto,
                    _ if truth(key, value)? => AutoSwitch::On,
                    _ => AutoSwitch::Off,
                };
            }
            "inspected-tracker.content-limit" => smtp.content_limit = bytes(key, value)?,
            "inspected-tracker.content-inspect-min-size" => {
                smtp.content_inspect_min = bytes(key, value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_http(&mut self, key: &str, option: &str, value: &str) -> Result<bool, OptionError> {
        let http = Arc::make_mut(&mut self.app.http1);
        match option {
            "request-body-limit" => http.request_body.limit = bytes(key, value)?,
            "response-body-limit" => http.response_body.limit = bytes(key, value)?,
            "request-body-minimal-inspect-size" => {
                http.request_body.minimal_inspect = bytes(key, value)?;
            }
            "response-body-minimal-inspect-size" => {
                http.response_body.minimal_inspect = bytes(key, value)?;
            }
            "request-body-inspect-window" => http.request_body.lookback = bytes(key, value)?,
            "response-body-inspect-window" => http.response_body.lookback = bytes(key, value)?,
            "response-body-decompress-layer-limit" => http.max_layers = number(key, value)?,
            "double-decode-path" => http.double_decode_path = truth(key, value)?,
            "double-decode-query" => http.double_decode_query = truth(key, value)?,
            "query-plusspace-decode" => http.plus_is_space = truth(key, value)?,
            "uri-include-all" => http.uri_include_all = truth(key, value)?,
            "http-body-inline" => {
                http.inline_bodies = if value == "auto" { self.ips } else { truth(key, value)? };
            }
            "meta-field-limit" => http.max_line_bytes = count(key, value)?,
            "headers-limit" => http.max_headers = number(key, value)?,
            "max-tx" => http.max_tx = number(key, value)?,
            "compression-bomb-limit" => http.decode.bomb_bytes = bytes(key, value)?,
            "lzma-memlimit" => http.decode.lzma_memory_bytes = count(key, value)?,
            "lzma-enabled" => http.lzma = truth(key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_enabled(&mut self, key: &str, proto: &str, value: &str) -> Result<bool, OptionError> {
        let Some(proto) = AppProto::ALL.iter().find(|p| p.name() == proto) else {
            return Ok(false);
        };
        let on = value == "detection-only" || truth(key, value)?;
        self.app.disabled.retain(|p| p != proto);
        if !on {
            self.app.disabled.push(*proto);
        }
        Ok(true)
    }
}

fn encryption(key: &str, value: &str) -> Result<EncryptionHandling, OptionError> {
    Ok(match value {
        "default" | "track-only" => EncryptionHandling::TrackOnly,
        "bypass" => EncryptionHandling::Bypass,
        "full" => EncryptionHandling::Full,
        _ => return Err(wrong(key, value, "track-only, bypass or full")),
    })
}
