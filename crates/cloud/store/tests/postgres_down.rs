//! PostgreSQL goes away: one clear message, nothing lost, and it goes on when it is back.

#[expect(dead_code, reason = "only the fixture is used here")]
mod suite;
mod support;

use std::sync::Arc;

use mimamori_domain::DetectionKind;
use mimamori_store::{PostgresStore, Store};
use suite::fixture::{SYSTEM, World};

#[tokio::test]
async fn a_database_that_goes_away_loses_and_doubles_nothing() {
    let Some(server) = support::server() else { return };
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&server.database("down"), 4).await.unwrap());
    let w = World::new(store.clone()).await;
    let mut first = 1;
    let mut failures = 0;
    for round in 0..30 {
        if round % 3 == 0 {
            // All connections are cut, as a restart of the server would.
            server
                .psql(
                    "postgres",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'down'",
                )
                .unwrap();
        }
        let batch: Vec<_> = (0..5).map(|_| w.detection(DetectionKind::Phishing, 0)).collect();
        // As a gateway does: the same again until it is answered.
        loop {
            match w.report(0, first, 10, batch.clone()).await {
                Ok(done) => {
                    first = done.cursor.seq + 1;
                    break;
                }
                Err(e) => {
                    assert!(e.is_temporary(), "{e:?}");
                    failures += 1;
                    assert!(failures < 100);
                }
            }
        }
    }
    assert_eq!(store.stats(SYSTEM).await.unwrap().detections, 150);
    server.stop();
    let batch = vec![w.detection(DetectionKind::Phishing, 0)];
    let gone = w.report(0, first, 10, batch).await.unwrap_err();
    assert!(gone.is_temporary(), "{gone:?}");
    assert!(gone.to_string().contains("cannot be reached"), "{gone}");
}
