//! The portal as a browser uses it: pages over HTTP, cookies kept, forms with their token.

use std::path::PathBuf;

use mimamori_gateway::lab::Lab;

const ADDRESS: &str = "http://localhost:8080";

pub struct Browser<'a> {
    lab: &'a Lab,
    cookies: PathBuf,
}

impl<'a> Browser<'a> {
    pub fn new(lab: &'a Lab, name: &str) -> Self {
        Browser { lab, cookies: lab.work().join(format!("{name}.cookies")) }
    }

    /// Status and page, beside the gateway, where the cloud listens.
    fn send(&self, path: &str, more: &[&str]) -> (u16, String) {
        let (url, jar) = (format!("{ADDRESS}{path}"), self.cookies.to_string_lossy().into_owned());
        let own = ["curl", "-sS", "-m", "30", "-b", &jar, "-c", &jar, "-w", "\n%{http_code}", &url];
        let out = self.lab.on("gw", &[&own[..], more].concat()).unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let (page, status) = said.rsplit_once('\n').unwrap_or_default();
        assert!(out.status.success(), "{path}: {}", String::from_utf8_lossy(&out.stderr));
        (status.parse().unwrap_or(0), page.to_owned())
    }

    pub fn get(&self, path: &str) -> String {
        let (status, page) = self.send(path, &[]);
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    /// Fills in the form of `page` that goes to `action`, and sends it.
    pub fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) {
        let form = self.get(page);
        let marker = format!("action=\"{action}\"");
        let own = form.split("<form ").find(|f| f.contains(&marker));
        let own = own.unwrap_or_else(|| panic!("no form {action} on {page}: {form}"));
        let token =
            own.split("name=\"csrf\" value=\"").nth(1).and_then(|t| t.split('"').next()).unwrap_or_default();
        let mut more = vec!["-H".to_owned(), "sec-fetch-site: same-origin".to_owned()];
        for (name, value) in [("csrf", token)].iter().chain(fields) {
            let field = format!("name=\"{name}\"");
            assert!(own.contains(&field), "{action} has no field {name}");
            more.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let (status, answer) = self.send(action, &more);
        assert_eq!(status, 303, "{action}: {answer}");
    }

    /// The first login: with the password of the letter, which has to be changed.
    pub fn first_login(&self, user: &str, password: &str) {
        self.submit("/login", "/login", &[("user", user), ("password", password)]);
        let new = "oto-no-shinai-neko-7";
        let fields = [("current", password), ("new", new), ("again", new)];
        self.submit("/settings", "/settings/password", &fields);
    }
}
