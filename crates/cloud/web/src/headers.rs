//! Headers that every answer carries.

use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::assets;

/// No script inline, of styles only those of the first page, by their digest; nothing from
/// elsewhere, no frames, forms only to ourselves.
pub fn content_security_policy() -> &'static HeaderValue {
    static POLICY: OnceLock<HeaderValue> = OnceLock::new();
    POLICY.get_or_init(|| {
        let style = assets::first_style_digest();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{style}'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        // Base64 and the words above are always a header's value.
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    })
}

/// For files that somebody uploaded: even opened in a tab, nothing runs and nothing is loaded.
pub const FILE_SECURITY_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Adds the security headers; `secure`: the portal is reached by https only.
pub fn protect(headers: &mut HeaderMap, secure: bool) {
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A file from outside is served under a stricter one.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| content_security_policy().clone());
    if secure {
        let policy = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, policy);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_remembered_for_a_year_with_its_subdomains() {
        let of = |secure| {
            let mut headers = HeaderMap::new();
            protect(&mut headers, secure);
            headers.get(header::STRICT_TRANSPORT_SECURITY).and_then(|v| v.to_str().ok()).map(str::to_owned)
        };
        assert_eq!(of(true).as_deref(), Some("max-age=31536000; includeSubDomains"));
        assert_eq!(of(false), None, "a browser believes it over https alone");
    }
}
