//! One device with all that is known of it (GW-14, PT-04).

use mimamori_domain::usage::UseSubject;
use mimamori_domain::{CustomerId, DeviceKey, GatewayId, Period};
use mimamori_store::views::{
    AlertFilter, AlertView, DetectionFilter, DetectionView, DeviceView, GatewayView, InspectionBy,
    InspectionSum, UsageBy, UsageFilter, UsageSum,
};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// Detections, and alerts, that the page of a device shows.
const SHOWN: u32 = 20;

/// What the page of one device shows.
#[derive(Clone, Debug)]
pub struct DeviceSummary {
    pub device: DeviceView,
    pub gateway: GatewayView,
    pub period: Period,
    /// The newest; more are behind the list's filter.
    pub detections: Vec<DetectionView>,
    pub more_detections: bool,
    /// The newest, of any time.
    pub alerts: Vec<AlertView>,
    pub applications: Vec<UsageSum>,
    pub web: Vec<UsageSum>,
    /// How deep its traffic was looked into.
    pub inspection: Vec<InspectionSum>,
}

impl Service {
    /// The customer of a gateway, and one device behind it.
    pub async fn device(
        &self,
        actor: &Actor,
        gateway: GatewayId,
        key: &DeviceKey,
        period: Period,
    ) -> Result<(CustomerId, DeviceSummary)> {
        actor.require(Permission::ViewPortal)?;
        let (store, scope) = (self.store(), actor.scope());
        let view = store.gateway(scope, gateway).await?;
        let customer = view.gateway.customer;
        let device = self.devices(actor, customer).await?.into_iter();
        let device = device.filter(|d| d.gateway == gateway).find(|d| d.key == *key);
        let device = device.ok_or(ServiceError::NotFound)?;
        let filter = DetectionFilter {
            customer: Some(customer),
            gateway: Some(gateway),
            device_key: Some(key.0.clone()),
            period: Some(period),
            limit: SHOWN,
            ..DetectionFilter::default()
        };
        let detections = store.detections(scope, filter).await?;
        let filter = AlertFilter {
            customer: Some(customer),
            gateway: Some(gateway),
            device_key: Some(key.0.clone()),
            limit: SHOWN,
            ..AlertFilter::default()
        };
        let alerts = store.alerts(scope, filter).await?.items;
        let used = |subject| UsageFilter {
            customer,
            period,
            subject,
            gateway: Some(gateway),
            device: Some(key.clone()),
            item: None,
        };
        let apps = used(UseSubject::Application);
        let summary = DeviceSummary {
            applications: store.usage(scope, apps.clone(), UsageBy::Item).await?,
            web: store.usage(scope, used(UseSubject::WebCategory), UsageBy::Item).await?,
            inspection: store.inspection(scope, apps, InspectionBy::Whole).await?,
            device,
            gateway: view,
            period,
            more_detections: detections.next.is_some(),
            detections: detections.items,
            alerts,
        };
        Ok((customer, summary))
    }
}
