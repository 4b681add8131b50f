//! Resellers and customers.

use mimamori_domain::{Customer, CustomerId, Name, NotifyAddresses, Reseller, ResellerId};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, json, must_exist, parsed, time, to_json};
use super::scoped;
use crate::error::{Result, StoreError};
use crate::scope::{Reach, Scope};
use crate::views::CustomerView;

pub(super) async fn create_reseller(c: &mut Conn, scope: Scope, r: &Reseller) -> Result<()> {
    scope.require_operator()?;
    sqlx::query(
        "INSERT INTO resellers (id, name, desk_phone, desk_hours, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(r.id.0.to_vec())
    .bind(r.name.as_str().to_owned())
    .bind(r.desk_phone.as_str().to_owned())
    .bind(r.desk_hours.as_str().to_owned())
    .bind(r.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn create_customer(c: &mut Conn, scope: Scope, k: &Customer) -> Result<()> {
    scope.require_operator()?;
    sqlx::query(
        "INSERT INTO customers (id, reseller_id, name, addresses, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(k.id.0.to_vec())
    .bind(k.reseller.0.to_vec())
    .bind(k.name.as_str().to_owned())
    .bind(to_json(&k.addresses)?)
    .bind(k.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn resellers(c: &mut Conn, scope: Scope) -> Result<Vec<Reseller>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT id AS r_id, name AS r_name, desk_phone, desk_hours, created_at AS r_created FROM resellers WHERE 1 = 1",
    );
    match scope.0 {
        Reach::Reseller(id) => {
            q.push(" AND id = ").push_bind(id.0.to_vec());
        }
        Reach::Customer(_) => return Err(StoreError::OutOfScope),
        Reach::Operator | Reach::System => {}
    }
    q.push(" ORDER BY name, id LIMIT 10000");
    q.build().fetch_all(c).await?.iter().map(reseller_of).collect()
}

pub(super) async fn reseller(c: &mut Conn, scope: Scope, id: ResellerId) -> Result<Reseller> {
    resellers(c, scope).await?.into_iter().find(|r| r.id == id).ok_or(StoreError::NotFound)
}

fn reseller_of(row: &Row) -> Result<Reseller> {
    Ok(Reseller {
        id: ResellerId(bytes(row, "r_id")?),
        name: parsed(row, "r_name", Name::parse)?,
        desk_phone: parsed(row, "desk_phone", Name::parse)?,
        desk_hours: parsed(row, "desk_hours", Name::parse)?,
        created_at: time(row, "r_created")?,
    })
}

const CUSTOMER: &str = "SELECT k.id AS k_id, k.name AS k_name, k.addresses, k.created_at AS k_created, \
     r.id AS r_id, r.name AS r_name, r.desk_phone, r.desk_hours, r.created_at AS r_created \
     FROM customers k JOIN resellers r ON r.id = k.reseller_id WHERE 1 = 1";

pub(super) async fn customers(c: &mut Conn, scope: Scope) -> Result<Vec<CustomerView>> {
    let mut q = QueryBuilder::<Db>::new(CUSTOMER);
    scoped::push(&mut q, scope, "k.id");
    q.push(" ORDER BY k.name, k.id LIMIT 20000");
    q.build().fetch_all(c).await?.iter().map(customer_of).collect()
}

pub(super) async fn customer(c: &mut Conn, scope: Scope, id: CustomerId) -> Result<CustomerView> {
    let mut q = QueryBuilder::<Db>::new(CUSTOMER);
    q.push(" AND k.id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "k.id");
    customer_of(&q.build().fetch_one(c).await?)
}

fn customer_of(row: &Row) -> Result<CustomerView> {
    let reseller = reseller_of(row)?;
    Ok(CustomerView {
        customer: Customer {
            id: CustomerId(bytes(row, "k_id")?),
            reseller: reseller.id,
            name: parsed(row, "k_name", Name::parse)?,
            addresses: json(row, "addresses")?,
            created_at: time(row, "k_created")?,
        },
        reseller,
    })
}

pub(super) async fn set_addresses(
    c: &mut Conn,
    scope: Scope,
    id: CustomerId,
    to: &NotifyAddresses,
) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE customers SET addresses = ");
    q.push_bind(to_json(to)?).push(" WHERE id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "id");
    must_exist(q.build().execute(c).await?.rows_affected())
}
