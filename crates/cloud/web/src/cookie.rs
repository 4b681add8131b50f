//! Cookies: the session and the token of the login form.
//!
//! Holds always: over https a cookie has the `__Host-` prefix, `Secure`, `HttpOnly`,
//! `SameSite=Lax` and the path `/`. Over plain http, which only a loopback address may use
//! (the demonstration), prefix and `Secure` are left out, as not every browser accepts them
//! there. Deliberately not here: what the values mean.

use axum::http::{HeaderMap, HeaderValue, header};

/// How cookies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieStyle {
    pub secure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    Session,
    /// Guards the login form before there is a session.
    Door,
    /// A browser that has logged in before; grants nothing but an own lock.
    Browser,
    /// Which customer staff is looking at. Grants nothing: the service checks every look.
    Customer,
    /// One message that the next page shows.
    Flash,
}

impl CookieStyle {
    fn name(self, cookie: Cookie) -> String {
        let name = match cookie {
            Cookie::Session => "mimamori-session",
            Cookie::Door => "mimamori-door",
            Cookie::Browser => "mimamori-browser",
            Cookie::Customer => "mimamori-customer",
            Cookie::Flash => "mimamori-flash",
        };
        if self.secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// The value that the browser sent; the first if there are several.
    pub fn read(self, headers: &HeaderMap, cookie: Cookie) -> Option<&str> {
        let name = self.name(cookie);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .find_map(|pair| {
                let (key, value) = pair.trim().split_once('=')?;
                (key == name).then_some(value)
            })
    }

    /// `Set-Cookie` for `value`, which has to be of `A-Za-z0-9_-.`.
    pub fn set(self, cookie: Cookie, value: &str) -> HeaderValue {
        self.write(cookie, value, "")
    }

    /// As [`CookieStyle::set`], kept for a year.
    pub fn keep(self, cookie: Cookie, value: &str) -> HeaderValue {
        self.write(cookie, value, "; Max-Age=31536000")
    }

    pub fn clear(self, cookie: Cookie) -> HeaderValue {
        self.write(cookie, "", "; Max-Age=0")
    }

    fn write(self, cookie: Cookie, value: &str, more: &str) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name(cookie));
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_https_the_session_is_host_only_and_secure() {
        let style = CookieStyle { secure: true };
        assert_eq!(
            style.set(Cookie::Session, "abc"),
            "__Host-mimamori-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("a=1; mimamori-session=evil; __Host-mimamori-session=good"),
        );
        assert_eq!(style.read(&headers, Cookie::Session), Some("good"));
    }
}
