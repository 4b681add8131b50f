//! How heavy pages are, and what the first one needs (issue: 150 kB, one round trip).

use axum::http::{Method, StatusCode};
use mimamori_domain::Role;
use mimamori_web::routes::table;

use super::support::{Browser, World};
use super::{choose, sample};

/// Most bytes of a page with everything that it loads, as they are sent.
const PAGE_MAX_BYTES: usize = 150_000;

#[tokio::test]
async fn every_page_with_all_that_it_loads_is_light_and_the_first_one_needs_one_answer() {
    let world = World::new().await;
    let mut weighed = 0;
    for role in [Role::CustomerAdmin, Role::Operator] {
        let mut browser = Browser::logged_in(&world, role, "a").await;
        let company = &world.a;
        if role == Role::Operator {
            choose(&mut browser, company).await;
        }
        for route in table().iter().filter(|r| r.method == Method::GET) {
            let (path, _, _) = sample(route, company);
            let answer = browser.get(&path).await;
            if answer.status != StatusCode::OK || !answer.body.starts_with("<!DOCTYPE html>") {
                continue;
            }
            let loaded = loads(&answer.body);
            let mut bytes = answer.length;
            for address in &loaded {
                assert!(address.starts_with('/'), "{path} loads {address} from elsewhere");
                let part = browser.get(address).await;
                assert_eq!(part.status, StatusCode::OK, "{path} loads {address}");
                bytes += part.length;
            }
            assert!(bytes <= PAGE_MAX_BYTES, "{path}: {bytes} bytes with {loaded:?}");
            weighed += 1;
        }
    }
    assert!(weighed > 50, "{weighed} pages");
    // What comes first comes whole in the first flight of a new connection: ten segments.
    let login = Browser::new(&world).get("/login").await.body;
    let style = login.find("<style>").expect("rules in the page");
    let sheet = login.find("rel=\"stylesheet\"").expect("the whole sheet");
    let content = login.find("</main>").expect("content");
    assert!(style < content && content < sheet, "the sheet is not waited for");
    assert!(login.len() < 14_000, "{} bytes", login.len());
}

/// The addresses that a browser fetches for a page before anybody scrolls: the manuals' pictures
/// come as the reader gets to them.
fn loads(html: &str) -> std::collections::BTreeSet<&str> {
    let fetches = |tag: &&str| {
        ["link ", "script ", "img "].iter().any(|name| tag.starts_with(name))
            && !tag.contains("loading=\"lazy\"")
    };
    html.split('<')
        .filter(fetches)
        .filter_map(|tag| quoted(tag, "href=\"").or_else(|| quoted(tag, "src=\"")))
        .collect()
}

fn quoted<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(name)?.1.split('"').next()
}
