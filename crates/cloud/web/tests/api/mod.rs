//! The API: every operation × no token, a token without the scope, the token of each of two
//! companies; every answer held against the schema of the OpenAPI document.

use crate::support::{Answer, Browser, Company, PASSWORD, World, user};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use mimamori_domain::contract::ClaimState;
use mimamori_domain::ids::ClaimId;
use mimamori_domain::{AnnouncementKind, ApiScope, Claim, Contract, Month, Name, Role};
use mimamori_service::{AskException, ClientInfo, NewAnnouncement, NewToken};
use mimamori_web::api::{Operation, ROOT, openapi, operations};
use mimamori_web::routes::{Access, machines};
use serde_json::{Value, json};

async fn ask(world: &World, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    Browser::new(world).send(request, Body::empty()).await
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.body))
}

/// The address of an operation for one company.
fn sample(operation: &Operation, of: &Company) -> String {
    let id = match operation.path.strip_prefix(ROOT) {
        Some("/alerts/{id}") => of.alert.to_string(),
        Some("/detections/{id}") => of.detection.to_string(),
        Some("/gateways/{id}" | "/gateways/{id}/uptime") => of.gateway.to_string(),
        Some("/inquiries/{id}") => of.inquiry.to_string(),
        Some(path) if path.contains('{') => panic!("{path} is not classified in this test"),
        _ => String::new(),
    };
    operation.path.replace("{id}", &id)
}

async fn token_with(world: &World, scopes: &[ApiScope]) -> String {
    let from = ClientInfo { ip: [127, 0, 0, 1].into(), user_agent: "test".into(), browser: None };
    let login = user(Role::CustomerAdmin, "a");
    let admin = world.service.login(&login, PASSWORD, &from).await.expect("logged in").actor;
    let new = NewToken { name: Name::parse("試し").expect("a name"), scopes: scopes.to_vec(), days: 30 };
    let made = world.service.create_api_token(&admin, world.a.customer, new).await.expect("a token");
    made.1.reveal().to_owned()
}

fn is_problem(answer: &Answer, status: StatusCode, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let kind = answer.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    assert_eq!(kind, "application/problem+json", "{what}");
    let document = openapi::describe();
    conforms(&document, &json!({"$ref": "#/components/schemas/Problem"}), &body(answer), what);
    assert_eq!(body(answer)["status"], status.as_u16(), "{what}");
}

/// What the operator writes down about a company, so that no list is empty.
async fn write_down(world: &World, of: &Company) {
    let console = world.service.console();
    let contract = Contract {
        customer: of.customer,
        number: "M-1".into(),
        started_on: Some(20_000),
        free_until: None,
        ends_on: None,
        agreed: Vec::new(),
    };
    world.service.put_contract(&console, contract).await.expect("a contract");
    let claim = Claim {
        id: ClaimId(of.alert.0),
        customer: of.customer,
        alert: Some(of.alert),
        at: world.service.now(),
        responded_on: None,
        state: ClaimState::Asked,
        yen: 50_000,
        note: format!("{}の件", of.mark).as_str().into(),
    };
    world.service.put_claim(&console, claim).await.expect("a claim");
    let ask = AskException {
        alert: of.alert,
        every_device: false,
        by_signature: true,
        days: 30,
        reason: format!("{}の業務です", of.mark),
    };
    // The operator sees both; the exception is the company's.
    world.service.ask_exception(&operator(world).await, ask).await.expect("asked");
    let month = Month::of(world.service.now()).plus(-1);
    let sentence = format!("{}は落ち着いていました。", of.mark);
    world.service.store_monthly(vec![(of.customer, month, sentence, vec![1])]).await.expect("a paper");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_for_every_token_and_two_companies() {
    let world = World::new().await;
    for company in [&world.a, &world.b] {
        write_down(&world, company).await;
    }
    let news = NewAnnouncement {
        kind: AnnouncementKind::News,
        title: "年末年始の窓口".to_owned(),
        text: "12月29日から1月3日まで休みます。".to_owned(),
        important: false,
        by_mail: false,
        starts_at: None,
        ends_at: None,
    };
    world.service.publish(&world.service.console(), news).await.expect("published");
    let document = openapi::describe();
    for operation in operations() {
        let path = sample(&operation, &world.a);
        let Some(scope) = operation.scope else {
            assert_eq!(ask(&world, &path, None).await.status, StatusCode::OK, "{path}");
            continue;
        };
        is_problem(&ask(&world, &path, None).await, StatusCode::UNAUTHORIZED, &path);
        is_problem(&ask(&world, &path, Some("mmt_x")).await, StatusCode::UNAUTHORIZED, &path);
        let others: Vec<ApiScope> = ApiScope::ALL.iter().copied().filter(|s| *s != scope).collect();
        let lesser = token_with(&world, &others).await;
        let refused = ask(&world, &path, Some(&lesser)).await;
        is_problem(&refused, StatusCode::FORBIDDEN, &path);
        assert_eq!(body(&refused)["scope"], scope.code());
        world.service.revoke_api_token(&admin(&world).await, newest(&world).await).await.expect("revoked");
        is_problem(&ask(&world, &path, Some(&lesser)).await, StatusCode::UNAUTHORIZED, "revoked");

        let own = ask(&world, &path, Some(&world.a.token)).await;
        assert_eq!(own.status, StatusCode::OK, "{path}: {}", own.body);
        assert!(!own.body.contains(world.b.mark), "{path} shows the other company");
        conforms(&document, &openapi::answer(operation.answer), &body(&own), &path);
        let other = ask(&world, &path, Some(&world.b.token)).await;
        if operation.path.contains('{') {
            is_problem(&other, StatusCode::NOT_FOUND, &path);
        } else {
            assert_eq!(other.status, StatusCode::OK, "{path}");
            assert!(!other.body.contains(world.a.mark), "{path} shows the other company");
            conforms(&document, &openapi::answer(operation.answer), &body(&other), &path);
        }
        // A cookie opens nothing: no page can make a browser ask.
        let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
        is_problem(&browser.get(&path).await, StatusCode::UNAUTHORIZED, &path);
    }
}

async fn operator(world: &World) -> mimamori_service::Actor {
    actor(world, Role::Operator).await
}

async fn admin(world: &World) -> mimamori_service::Actor {
    actor(world, Role::CustomerAdmin).await
}

async fn actor(world: &World, role: Role) -> mimamori_service::Actor {
    let from = ClientInfo { ip: [127, 0, 0, 1].into(), user_agent: "test".into(), browser: None };
    let login = user(role, "a");
    world.service.login(&login, PASSWORD, &from).await.expect("logged in").actor
}

async fn newest(world: &World) -> mimamori_domain::ApiTokenId {
    let all = world.service.api_tokens(&admin(world).await, world.a.customer).await.expect("tokens");
    all.iter().find(|t| t.name.as_str() == "試し" && t.revoked_at.is_none()).expect("it is there").id
}

#[tokio::test]
async fn lists_go_on_after_a_cursor_and_tell_what_cannot_be_read() {
    let world = World::new().await;
    let get = async |path: &str| ask(&world, &format!("{ROOT}{path}"), Some(&world.a.token)).await;
    let first = body(&get("/detections?limit=1").await);
    assert_eq!(first["items"].as_array().expect("a list").len(), 1);
    assert_eq!(first["items"][0]["signature"]["msg"], "=cmd");
    if let Some(next) = first["next"].as_str() {
        let rest = body(&get(&format!("/detections?limit=1&cursor={next}")).await);
        assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next"]), (Some(0), &Value::Null));
    }
    let none = body(&get("/detections?kind=phishing&from=2026-11-01&until=2026-11-24&q=nothing").await);
    assert_eq!(none, json!({"items": [], "next": null}));
    let open = body(&get("/alerts?state=open&rating=three").await);
    assert_eq!(open["items"][0]["id"], world.a.alert.to_string());
    assert_eq!(body(&get("/usage/apps?by=device").await)["items"][0]["item"], Value::Null);
    for bad in [
        "/detections?limit=0",
        "/detections?cursor=x",
        "/detections?kind=x",
        "/detections?order=up",
        "/detections?gateway=1",
        "/detections?what=1",
        "/alerts?state=closed",
        "/alerts?rating=5",
        "/alerts?from=yesterday",
        "/status?days=91",
        "/status?days=1&days=2",
        "/usage/web?by=weather",
        "/comparison?from=2026-11-24&until=2026-11-01",
        "/gateways?x=1",
    ] {
        is_problem(&get(bad).await, StatusCode::BAD_REQUEST, bad);
    }
    is_problem(&get("/alerts/x").await, StatusCode::NOT_FOUND, "no id");
    is_problem(&get("/weather").await, StatusCode::NOT_FOUND, "no such address");
    let mut browser = Browser::new(&world);
    let token = format!("Bearer {}", world.a.token);
    let write = Request::post(format!("{ROOT}/alerts")).header("authorization", token);
    is_problem(&browser.send(write, Body::empty()).await, StatusCode::METHOD_NOT_ALLOWED, "only reading");
}

#[tokio::test]
async fn a_token_is_limited_in_time_and_number_and_strangers_slow_down_only_themselves() {
    let world = World::new().await;
    let path = format!("{ROOT}/gateways");
    for n in 0..300 {
        assert_eq!(ask(&world, &path, Some(&world.a.token)).await.status, StatusCode::OK, "{n}");
    }
    let slowed = ask(&world, &path, Some(&world.a.token)).await;
    is_problem(&slowed, StatusCode::TOO_MANY_REQUESTS, "too many");
    assert_eq!(slowed.headers.get("retry-after").and_then(|v| v.to_str().ok()), Some("60"));
    assert_eq!(ask(&world, &path, Some(&world.b.token)).await.status, StatusCode::OK, "another token");
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(ask(&world, &path, Some(&world.a.token)).await.status, StatusCode::OK);
    for _ in 0..100 {
        ask(&world, &path, Some("mmt_wrong")).await;
    }
    is_problem(&ask(&world, &path, Some("mmt_wrong")).await, StatusCode::TOO_MANY_REQUESTS, "guessing");
    let login = Browser::new(&world).log_in(&user(Role::CustomerAdmin, "a"), PASSWORD).await;
    assert_eq!(login.status, StatusCode::SEE_OTHER, "people still get in from that address");
    world.clock.advance(std::time::Duration::from_secs(31 * 86_400));
    is_problem(&ask(&world, &path, Some(&world.a.token)).await, StatusCode::UNAUTHORIZED, "expired");
}

#[tokio::test]
async fn a_token_and_a_webhook_are_made_shown_once_and_taken_back() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let page = browser.get("/settings/integrations").await;
    let csrf = page.csrf();
    assert!(page.body.contains("甲野工業の表示") && page.body.contains("送信待ち"), "{}", page.body);
    let path = "/settings/integrations/tokens";
    let none = browser.post(path, &[("csrf", &csrf), ("name", "表示")]).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.body.contains("1つ以上選んで") && none.body.contains("value=\"表示\""));
    let made = browser.post(path, &[("csrf", &csrf), ("name", "表示"), ("read:alerts", "yes")]).await;
    assert_eq!(made.status, StatusCode::OK);
    let token = made.body.split("mmt_").nth(1).and_then(|s| s.split('<').next()).expect("shown once");
    let token = format!("mmt_{token}");
    assert_eq!(ask(&world, &format!("{ROOT}/alerts"), Some(&token)).await.status, StatusCode::OK);
    is_problem(&ask(&world, &format!("{ROOT}/status"), Some(&token)).await, StatusCode::FORBIDDEN, "scope");
    assert!(!browser.get("/settings/integrations").await.body.contains("mmt_"));
    let id = newest_named(&world, "表示").await;
    browser.post(&format!("{path}/{id}/revoke"), &[("csrf", &csrf)]).await;
    is_problem(&ask(&world, &format!("{ROOT}/alerts"), Some(&token)).await, StatusCode::UNAUTHORIZED, "gone");

    let path = "/settings/integrations/webhooks";
    for bad in ["http://hooks.example.jp/", "https://localhost/", "https://10.0.0.1:x/", "だめ"] {
        let refused = browser.post(path, &[("csrf", &csrf), ("url", bad)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let made = browser.post(path, &[("csrf", &csrf), ("url", "https://hooks.example.jp/new")]).await;
    assert!(made.body.contains("whsec_"), "{}", made.body);
    assert!(!browser.get("/settings/integrations").await.body.contains("whsec_"));
    let rotated = browser.post(&format!("{path}/{}/secret", world.a.webhook), &[("csrf", &csrf)]).await;
    assert!(rotated.body.contains("whsec_"));
    let log = browser.get("/settings/activity").await.body;
    for words in ["APIの鍵を作りました", "APIの鍵を使えなくしました", "Webhookを登録しました"]
    {
        assert!(log.contains(words), "{words}");
    }
    world.clock.advance(std::time::Duration::from_secs(1_900));
    let asked = browser.post(path, &[("csrf", &csrf), ("url", "https://hooks.example.jp/3")]).await;
    assert!(asked.location.is_some_and(|l| l.starts_with("/confirm")), "the password again");
}

async fn newest_named(world: &World, name: &str) -> mimamori_domain::ApiTokenId {
    let all = world.service.api_tokens(&admin(world).await, world.a.customer).await.expect("tokens");
    all.iter().find(|t| t.name.as_str() == name).expect("it is there").id
}

#[tokio::test]
async fn the_document_names_every_route_and_is_served() {
    let world = World::new().await;
    let answer = ask(&world, &format!("{ROOT}/openapi.json"), None).await;
    assert_eq!(answer.headers.get("content-type").and_then(|v| v.to_str().ok()), Some("application/json"));
    let served = body(&answer);
    assert_eq!(served, openapi::describe());
    assert_eq!(served["openapi"], "3.1.0");
    for route in machines() {
        let path = route.path.strip_prefix(ROOT).expect("below the root");
        let described = &served["paths"][path]["get"];
        assert!(described.is_object(), "{path} is not described");
        let scope = match route.access {
            Access::Api(scope) => json!(scope.code()),
            _ => Value::Null,
        };
        assert_eq!(described["x-scope"], scope, "{path}");
        let parameters = described["parameters"].as_array().expect("a list");
        assert!(
            parameters.iter().all(|p| p["description"].as_str().is_some_and(|d| !d.is_empty())),
            "{path}"
        );
    }
    let mut ids: Vec<String> = operations().iter().map(|o| o.id.to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), operations().len(), "operation ids are unique");
    every_reference_leads_somewhere(&served, &served);
}

fn every_reference_leads_somewhere(document: &Value, at: &Value) {
    match at {
        Value::Object(fields) => {
            if let Some(Value::String(to)) = fields.get("$ref") {
                let pointer = to.strip_prefix('#').expect("within the document");
                assert!(document.pointer(pointer).is_some(), "{to}");
            }
            fields.values().for_each(|v| every_reference_leads_somewhere(document, v));
        }
        Value::Array(items) => items.iter().for_each(|v| every_reference_leads_somewhere(document, v)),
        _ => {}
    }
}

/// The part of JSON Schema that the document uses; a keyword that it does not know fails.
fn conforms(document: &Value, schema: &Value, value: &Value, place: &str) {
    for (keyword, wanted) in schema.as_object().expect("a schema") {
        match keyword.as_str() {
            "$ref" => {
                let pointer = wanted.as_str().and_then(|r| r.strip_prefix('#')).expect("within the document");
                let target = document.pointer(pointer).unwrap_or_else(|| panic!("{place}: {pointer}"));
                conforms(document, target, value, place);
            }
            "anyOf" => {
                // Only ever "this or null".
                let options = wanted.as_array().expect("options");
                if !value.is_null() {
                    conforms(document, &options[0], value, place);
                }
            }
            "type" => {
                let names: Vec<&str> = match wanted {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                assert!(names.iter().any(|n| is_a(n, value)), "{place}: {value} is no {names:?}");
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("properties") {
                    if let Some(field) = value.get(name) {
                        conforms(document, schema, field, &format!("{place}.{name}"));
                    }
                }
            }
            "required" => {
                for name in wanted.as_array().expect("names") {
                    let name = name.as_str().expect("a name");
                    assert!(value.get(name).is_some(), "{place}: {name} is missing in {value}");
                }
            }
            "additionalProperties" if wanted == &json!(false) => {
                for name in value.as_object().expect("an object").keys() {
                    assert!(schema["properties"].get(name).is_some(), "{place}: {name} is not described");
                }
            }
            "additionalProperties" => {
                for (name, field) in value.as_object().expect("an object") {
                    conforms(document, wanted, field, &format!("{place}.{name}"));
                }
            }
            "items" => {
                for (n, item) in value.as_array().expect("a list").iter().enumerate() {
                    conforms(document, wanted, item, &format!("{place}[{n}]"));
                }
            }
            "enum" => assert!(wanted.as_array().expect("values").contains(value), "{place}: {value}"),
            "minimum" => {
                assert!(
                    value.as_f64().is_none_or(|v| v >= wanted.as_f64().expect("a number")),
                    "{place}: {value}"
                );
            }
            "maximum" => {
                assert!(
                    value.as_f64().is_none_or(|v| v <= wanted.as_f64().expect("a number")),
                    "{place}: {value}"
                );
            }
            "pattern" => {
                let id =
                    value.as_str().is_some_and(|v| v.len() == 32 && v.bytes().all(|b| b.is_ascii_hexdigit()));
                assert!(id, "{place}: {value} is no id");
            }
            "format" => assert!(is_formatted(wanted.as_str().expect("a format"), value), "{place}: {value}"),
            "description" => {}
            other => panic!("{place}: the test does not know {other}"),
        }
    }
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    }
}

fn is_formatted(format: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return value.is_null() };
    match format {
        "date" => mimamori_domain::jst::JstDay::parse(text).is_some_and(|day| day.iso() == text),
        "date-time" => text.len() == 25 && text.ends_with("+09:00") && text.as_bytes()[10] == b'T',
        "uri" => text.starts_with("http") || text.starts_with("urn:"),
        other => panic!("no such format: {other}"),
    }
}
