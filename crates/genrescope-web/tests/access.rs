//! Who may ask; what the page may load; whether the API is as it is described.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use genrescope_web::{Access, FILES, Token, description};
use serde_json::{Value, json};
use support::{HOST, Server, form, get, request, wav};

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn only_this_machines_names_are_answered() {
    let server = Server::new();
    let kind = async |host: &str| {
        let (status, body) = server.json(with(get("/api/v1/health"), "host", host)).await;
        (status, body["error"]["kind"].clone())
    };
    for host in ["127.0.0.1:7373", "localhost", "LOCALHOST:1", "[::1]:7373"] {
        assert_eq!(kind(host).await, (200, Value::Null), "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:7373", "localhost@evil.example", ""] {
        assert_eq!(kind(host).await, (403, json!("wrong_host")), "{host}");
    }
    let mut without = get("/");
    without.headers_mut().remove("host");
    assert_eq!(server.json(without).await.0, 403);
}

#[tokio::test]
async fn other_pages_may_not_ask() {
    let server = Server::new();
    let song = wav(8000, &[0.1; 16_000]);
    let ask = async |origin: &str| {
        server.json(with(form("/api/v1/classify", "a.wav", &song), "origin", origin)).await
    };
    assert_eq!(ask(&format!("http://{HOST}")).await.0, 200);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:8080", "https://localhost"] {
        let (status, body) = ask(origin).await;
        assert_eq!((status, &body["error"]["kind"]), (403, &json!("wrong_origin")), "{origin}");
    }
}

#[tokio::test]
async fn beyond_this_machine_the_token_is_needed_for_all_but_the_page() {
    let token = Token::random().unwrap();
    let digits = token.digits().to_owned();
    assert_eq!(digits.len(), 32);
    assert_ne!(digits, Token::random().unwrap().digits());
    let server = Server::with(Access::Network { host: "box.local".into(), token });
    let ask = async |path: &str, said: Option<&str>| {
        let request = with(get(path), "host", "box.local:7373");
        let request = match said {
            Some(said) => with(request, "authorization", said),
            None => request,
        };
        server.send(request).await.0.as_u16()
    };
    assert_eq!(ask("/", None).await, 200);
    let bearer = format!("Bearer {digits}");
    for path in ["/api/v1/health", "/api/v1/models", "/api/v1/openapi.json"] {
        assert_eq!(ask(path, None).await, 401);
        assert_eq!(ask(path, Some(&digits)).await, 401);
        assert_eq!(ask(path, Some(&bearer[..bearer.len() - 1])).await, 401);
        assert_eq!(ask(path, Some("Bearer ffffffffffffffffffffffffffffffff")).await, 401);
        assert_eq!(ask(path, Some(&bearer)).await, 200);
    }
    let (status, body) = server.json(form("/api/v1/classify", "a.wav", b"")).await;
    assert_eq!((status, &body["error"]["kind"]), (401, &json!("wrong_token")));
    let stranger = with(get("/"), "host", "evil.example");
    assert_eq!(server.json(stranger).await.0, 403);
}

#[tokio::test]
async fn answers_carry_a_policy_that_allows_nothing_from_elsewhere() {
    use tower::ServiceExt;
    let server = Server::new();
    for path in ["/", "/api/v1/health", "/nowhere"] {
        let response = server.router.clone().oneshot(get(path)).await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[test]
fn the_page_is_whole_in_itself() {
    let paths: BTreeSet<&str> = FILES.iter().map(|(path, _, _)| *path).collect();
    for (path, _, content) in FILES {
        let content = content.replace("http://www.w3.org/2000/svg", "");
        assert!(!content.contains("http://") && !content.contains("https://"), "{path}");
        assert!(!content.contains("=\"//") && !content.contains("url("), "{path}");
        for start in ["src=\"", "href=\"/", " from \"./", "addModule(\""] {
            for (at, _) in content.match_indices(start) {
                let named = content[at + start.len()..].split('"').next().unwrap();
                let named = format!("/{}", named.trim_start_matches('/'));
                assert!(paths.contains(&*named) || named.starts_with("/api/v1/"), "{path} names {named}");
            }
        }
        assert!(
            !content.contains("style=\"") && !content.contains("onclick"),
            "{path}: the policy forbids it"
        );
    }
}

#[tokio::test]
async fn every_path_that_is_described_exists_and_no_other() {
    let (server, api) = (Server::new(), description());
    let source = include_str!("../src/lib.rs");
    let routes =
        source.match_indices("\"/api/v1/").map(|(at, _)| source[at + 1..].split('"').next().unwrap());
    let described: BTreeSet<&str> = api["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(routes.collect::<BTreeSet<_>>(), described);
    for (path, operations) in api["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let asked = path.replace("{name}", "small").replace("{id}", "0123");
            let (status, _) = server.send(request(&method.to_uppercase(), &asked, Body::empty())).await;
            let answered = status.as_u16().to_string();
            assert_ne!(answered, "405", "{method} {path}");
            assert!(operation["responses"].get(&answered).is_some(), "{method} {path} answers {answered}");
        }
    }
    let (_, served) = server.json(get("/api/v1/openapi.json")).await;
    assert_eq!(served, api);
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    fn check(part: &Value, api: &Value) {
        match part {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(api.pointer(pointer).is_some(), "{reference}");
                }
                fields.values().for_each(|part| check(part, api));
            }
            Value::Array(parts) => parts.iter().for_each(|part| check(part, api)),
            _ => (),
        }
    }
    let api = description();
    assert!(api["components"]["schemas"]["judged"].is_object());
    check(&api, &api);
}

#[tokio::test]
async fn models_and_cards_are_shown() {
    let server = Server::new();
    let (_, models) = server.json(get("/api/v1/models")).await;
    assert_eq!(models["models"][0]["name"], "small");
    assert_eq!(models["models"][1]["genres"][2]["colour"], "#da4f20", "rock is vermilion everywhere");
    let (status, card) = server.json(get("/api/v1/models/features")).await;
    assert_eq!((status, card["features"]["columns"].as_array().unwrap().len()), (200, 55));
    assert_eq!(server.json(get("/api/v1/models/absent")).await.0, 404);
}
