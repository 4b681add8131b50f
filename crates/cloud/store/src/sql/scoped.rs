//! The scope as a predicate. PostgreSQL checks the same once more by row level security.

use sqlx::QueryBuilder;

use super::dialect::Db;
use crate::scope::{Reach, Scope};

/// Adds ` AND …` so that only rows within the scope are left. `column` holds the customer's id.
pub(super) fn push(query: &mut QueryBuilder<Db>, scope: Scope, column: &'static str) {
    match scope.0 {
        Reach::Customer(id) => {
            query.push(" AND ").push(column).push(" = ").push_bind(id.0.to_vec());
        }
        Reach::Reseller(id) => {
            query
                .push(" AND ")
                .push(column)
                .push(" IN (SELECT id FROM customers WHERE reseller_id = ")
                .push_bind(id.0.to_vec())
                .push(")");
        }
        Reach::Operator | Reach::System => {}
    }
}
