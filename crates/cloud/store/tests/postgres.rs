//! The suite on PostgreSQL, and what only PostgreSQL has: row level security, several nodes.

mod suite;
#[expect(dead_code, reason = "ending the server is for postgres_down")]
mod support;

use std::sync::Arc;

use mimamori_store::{PostgresStore, Store, StoreError};

pub struct Fresh {
    pub store: Arc<dyn Store>,
}

async fn fresh(name: &str) -> Option<Fresh> {
    let url = support::server()?.database(name);
    let store = PostgresStore::open(&url, 8).await.unwrap();
    Some(Fresh { store: Arc::new(store) })
}

run_suite!(fresh);

/// What a forgotten predicate would show: the same rows as the policies allow, and no more.
#[tokio::test]
async fn ac_05_row_level_security_holds_where_a_query_forgets_its_scope() {
    let Some(server) = support::server() else { return };
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&server.database("rls"), 4).await.unwrap());
    let w = suite::fixture::World::new(store.clone()).await;
    suite::integrations::one_of_each(&w).await;
    for i in 0..2 {
        let detection = w.detection(mimamori_domain::DetectionKind::CommandAndControl, 0);
        w.report(i, 1, 0, vec![detection]).await.unwrap();
    }
    let tables = server
        .psql(
            "rls",
            "SELECT string_agg(relname || ':' || relforcerowsecurity, ' ' ORDER BY relname) \
                      FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        )
        .unwrap();
    for table in tables.split(' ').filter(|t| !t.starts_with("schema_version")) {
        assert!(table.ends_with(":true"), "{table} has no forced row level security");
    }
    let count = |scope: &str, id: String, table: &str| {
        server
            .psql(
                "rls",
                &format!(
                    "BEGIN; SET LOCAL ROLE mimamori_app; SET LOCAL app.scope = '{scope}'; \
                 SET LOCAL app.id = '{id}'; SELECT COUNT(*) FROM {table}; COMMIT"
                ),
            )
            .unwrap()
    };
    for table in [
        "customers",
        "gateways",
        "detections",
        "alerts",
        "rollups",
        "notices",
        "device_activity",
        "api_tokens",
        "webhooks",
        "webhook_deliveries",
    ] {
        assert_eq!(count("", String::new(), table), "0", "{table} without a scope");
        assert_eq!(count("customer", w.customers[0].to_string(), table), "1", "{table}");
        assert_eq!(count("reseller", w.resellers[1].to_string(), table), "1", "{table}");
        assert_eq!(count("operator", String::new(), table), "2", "{table}");
    }
    for table in ["sessions", "passkeys", "used_challenges", "login_codes"] {
        assert_eq!(count("operator", String::new(), table), "0", "{table} is the system's alone");
    }
    let stolen = server.psql(
        "rls",
        &format!(
            "BEGIN; SET LOCAL ROLE mimamori_app; SET LOCAL app.scope = 'customer'; SET LOCAL app.id = '{}'; \
         UPDATE detections SET customer_id = decode('{}', 'hex'); COMMIT",
            w.customers[0], w.customers[1]
        ),
    );
    assert!(stolen.unwrap_err().contains("row-level security"), "rows cannot be moved to somebody else");
}

#[tokio::test]
async fn a_database_that_is_not_there_says_what_to_do() {
    let e = PostgresStore::open("postgres://nobody@localhost/x?host=/nonexistent", 1).await.unwrap_err();
    assert!(e.is_temporary(), "{e:?}");
    assert!(e.to_string().contains("cannot be reached"), "{e}");
    let e = PostgresStore::open("mysql://x", 1).await.unwrap_err();
    assert!(matches!(e, StoreError::Refused(_)), "{e:?}");
}

#[tokio::test]
async fn a_server_that_loses_power_on_commit_is_refused() {
    let Some(server) = support::server() else { return };
    let url = server.database("lax");
    server.psql("postgres", "ALTER DATABASE lax SET synchronous_commit = off").unwrap();
    let e = PostgresStore::open(&url, 1).await.unwrap_err();
    assert!(e.to_string().contains("synchronous_commit"), "{e}");
}
