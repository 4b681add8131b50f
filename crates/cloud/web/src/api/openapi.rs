//! The OpenAPI 3.1 document, made from the operations, so that it names what is there.

use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mimamori_domain::{ApiScope, DetectionKind, StarRating};
use serde_json::{Map, Value, json};

use super::params::{DAYS_MAX, LIMIT, LIMIT_MAX};
use super::{Operation, ROOT, Shape, operations, schemas};

pub async fn document() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| describe().to_string());
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], text.as_str()).into_response()
}

/// The whole document.
pub fn describe() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = operation.path.strip_prefix(ROOT).unwrap_or(operation.path);
        paths.insert(path.to_owned(), json!({"get": describe_one(&operation)}));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "みまもり API",
            "version": "1",
            "summary": "ポータルに表示される内容を、ほかのシステムから読み取るためのAPIです。",
            "description": "読み取り専用です。鍵はポータルの「設定」の「APIとWebhook」で作ります。日時は日本時間（+09:00）、日付は日本の暦日です。",
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": format!(
                    "鍵ごとに読める範囲を選びます: {}",
                    ApiScope::ALL.iter().map(|s| format!("{}（{}）", s.code(), s.label())).collect::<Vec<_>>().join("、"),
                ),
            }},
            "schemas": schemas::all(),
            "responses": {"Problem": {
                "description": "うまくいかなかったとき（RFC 9457）",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
        },
    })
}

fn describe_one(of: &Operation) -> Value {
    let parameters: Vec<Value> = of.parameters.iter().map(|name| parameter(name)).collect();
    let problem = || json!({"$ref": "#/components/responses/Problem"});
    let mut described = json!({
        "operationId": of.id,
        "summary": of.summary,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": of.summary,
                "content": {"application/json": {"schema": answer(of.answer)}},
            },
        },
    });
    match of.scope {
        Some(scope) => {
            described["x-scope"] = json!(scope.code());
            for status in ["400", "401", "403", "404", "429", "503"] {
                described["responses"][status] = problem();
            }
        }
        None => described["security"] = json!([]),
    }
    described
}

/// The schema of an answer.
pub fn answer(of: Shape) -> Value {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    match of {
        Shape::One(name) => named(name),
        Shape::ListOf(name) => json!({
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": named(name)},
                "next": {
                    "type": ["string", "null"],
                    "description": "続きがあるとき、cursor に渡す値。null なら、これで全部です。",
                },
            },
            "required": ["items", "next"],
            "additionalProperties": false,
        }),
        Shape::Document => json!({"type": "object"}),
    }
}

fn parameter(name: &str) -> Value {
    let codes = |all: Vec<&str>| json!({"type": "string", "enum": all});
    let id = || json!({"type": "string", "pattern": "^[0-9a-f]{32}$"});
    let (schema, words) = match name {
        "id" => (id(), "一覧の id"),
        "days" => (json!({"type": "integer", "minimum": 1, "maximum": DAYS_MAX}), "今日までの日数"),
        "limit" => (
            json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT}),
            "一度に受け取る件数",
        ),
        "cursor" => {
            (json!({"type": "string"}), "前の答えの next の値。ほかのパラメーターは同じにしてください")
        }
        "from" => (json!({"type": "string", "format": "date"}), "この日から（この日を含みます）"),
        "until" => (json!({"type": "string", "format": "date"}), "この日まで（この日を含みます）"),
        "gateway" => (id(), "このUTM装置のものだけ"),
        "alert" => (id(), "このアラートのものだけ"),
        "device" => (json!({"type": "string", "maxLength": 80}), "この機器（key）のものだけ"),
        "item" => (json!({"type": "string", "maxLength": 64}), "このアプリ・分類（item）だけ"),
        "q" => (json!({"type": "string", "maxLength": 100}), "証拠のどこかに含まれる文字"),
        "by" => (codes(vec!["item", "kind", "device", "hour"]), "何ごとに数えるか"),
        "state" => (codes(vec!["all", "open"]), "open: まだ対応していないものだけ"),
        "order" => (codes(vec!["newest", "oldest"]), "並び順"),
        "rating" => (codes(StarRating::ALL.iter().map(|r| r.code()).collect()), "重要度"),
        "kind" => (codes(DetectionKind::ALL.iter().map(|k| k.code()).collect()), "検知の種類"),
        _ => (json!({"type": "string"}), ""),
    };
    json!({
        "name": name,
        "in": if name == "id" { "path" } else { "query" },
        "required": name == "id",
        "description": words,
        "schema": schema,
    })
}
