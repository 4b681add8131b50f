//! Comparison with all companies, from reports to what a page gets (PT-05).

mod support;

use mimamori_base::Timestamp;
use mimamori_domain::comparison::{K, Measure};
use mimamori_domain::jst::JstDay;
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, GatewayId, NotifyAddresses, Serial,
};
use mimamori_service::{NewCustomer, NewGateway, ReportItem, Span};
use support::{Bench, address, name};

const DAY: u64 = 86_400;

struct Company {
    customer: CustomerId,
    gateway: GatewayId,
    seq: u64,
}

async fn company(b: &Bench, n: usize) -> Company {
    let console = b.service.console();
    let new = NewCustomer {
        reseller: b.reseller.id,
        name: name(&format!("商店{n}")),
        addresses: NotifyAddresses::new(vec![address(&format!("a{n}@example.jp"))]).unwrap(),
    };
    let customer = b.service.create_customer(&console, new).await.unwrap().id;
    let serial = Serial::parse(&format!("SERIAL-{n}")).unwrap();
    let new = NewGateway { customer, serial: serial.clone(), name: name("本店") };
    let (gateway, secret) = b.service.create_gateway(&console, new).await.unwrap();
    b.service.enrol_gateway(&serial, secret.reveal(), "key-1").await.unwrap();
    Company { customer, gateway: gateway.id, seq: 0 }
}

/// `count` phishing attempts at once, now.
async fn report(b: &Bench, of: &mut Company, count: u32) {
    of.seq += 1;
    let d = Detection {
        id: DetectionId::generate(b.service.now(), &*b.rng),
        count,
        ..b.detection(DetectionKind::Phishing)
    };
    let item = (of.seq, ReportItem::Detection(Box::new(d)));
    b.service.commit_reports(of.gateway, 1, vec![item]).await.unwrap();
}

fn last_day(now: Timestamp) -> Span {
    let yesterday = JstDay::of(now).plus(-1);
    Span { from: yesterday, until: yesterday }
}

/// The bench's own company (without reports) and `n` more, 91 days after they enrolled.
async fn companies(n: usize) -> (Bench, Vec<Company>) {
    let b = Bench::new().await;
    let mut all = Vec::new();
    for i in 0..n {
        all.push(company(&b, i).await);
    }
    b.advance(91 * DAY);
    (b, all)
}

#[tokio::test]
async fn nothing_is_shown_until_enough_companies_took_part_for_the_whole_time() {
    let (b, mut all) = companies(K - 2).await;
    report(&b, &mut all[0], 5).await;
    b.advance(DAY);
    assert_eq!(b.service.publish_comparison().await.unwrap(), 0, "nine companies");
    // The tenth is new: it waits until it was there all the time that can be chosen.
    company(&b, 99).await;
    b.advance(DAY);
    assert_eq!(b.service.publish_comparison().await.unwrap(), 0);
    b.advance(91 * DAY);
    assert_eq!(b.service.publish_comparison().await.unwrap(), 90 * 91 / 2, "every period of 90 days");
    assert_eq!(b.service.publish_comparison().await.unwrap(), 0, "once a night");
}

#[tokio::test]
async fn a_page_gets_own_counts_beside_median_and_quartiles() {
    let (b, mut all) = companies(20).await;
    for (i, company) in all.iter_mut().enumerate() {
        report(&b, company, i as u32 + 1).await;
    }
    b.advance(DAY);
    b.service.publish_comparison().await.unwrap();
    let span = last_day(b.service.now());
    let console = b.service.console();
    let c = b.service.comparison(&console, all[4].customer, Some(span)).await.unwrap();
    assert_eq!(c.own.get(&Measure::Detections), Some(&5));
    assert_eq!(c.gateways.len(), 1);
    let cells = c.everyone.unwrap();
    // 0 (the bench's own company) and 1 to 20.
    let cell = cells.per_company["detections"];
    assert_eq!((cells.companies, cell.lower, cell.median, cell.upper), (20, 500, 1_000, 1_500));
    assert_eq!(cells.per_gateway["phishing"].median, 1_000);
    assert!((800..=1_200).contains(&cell.mean), "{}", cell.mean);
    assert_eq!(c.alike.unwrap().per_company["detections"].median, 1_000);
    // A period that cannot be shown becomes the nearest that can.
    let far = Span { from: JstDay(0), until: JstDay(1_000_000) };
    let c = b.service.comparison(&console, all[4].customer, Some(far)).await.unwrap();
    assert_eq!(c.span.days(), 90);
    assert_eq!(c.everyone.unwrap().per_company["alerts"].median, 100);
}

/// The attack: one company joins, or counts change late, and somebody subtracts what was
/// published before from what is published after.
#[tokio::test]
async fn a_newcomer_and_a_latecomer_change_nothing_that_can_be_subtracted() {
    let (b, mut all) = companies(20).await;
    for company in &mut all {
        report(&b, company, 3).await;
    }
    let mut newcomer = company(&b, 77).await;
    report(&b, &mut newcomer, 1_000_000).await;
    b.advance(DAY);
    b.service.publish_comparison().await.unwrap();
    let span = last_day(b.service.now());
    let console = b.service.console();
    let seen = |span| {
        let (service, console) = (b.service.clone(), console.clone());
        let customer = all[0].customer;
        async move { service.comparison(&console, customer, Some(span)).await.unwrap().everyone }
    };
    let before = seen(span).await.unwrap();
    assert!(before.per_company["detections"].mean < 1_000, "the newcomer is not counted");
    // It is old enough now, but alone: it waits, though its company count would be the 22nd.
    b.advance(91 * DAY);
    report(&b, &mut newcomer, 1_000_000).await;
    b.advance(DAY);
    b.service.publish_comparison().await.unwrap();
    let after = seen(last_day(b.service.now())).await.unwrap();
    assert_eq!((after.companies, after.per_company["detections"].upper), (20, 0));
    assert!(after.per_company["detections"].mean < 1_000);
    // What comes late does not change what was published.
    let span = last_day(b.service.now());
    let published = seen(span).await;
    let mut late = b.detection(DetectionKind::Phishing);
    late.at = span.from.start();
    late.count = 500;
    let item = (99, ReportItem::Detection(Box::new(late)));
    b.service.commit_reports(all[1].gateway, 1, vec![item]).await.unwrap();
    b.service.publish_comparison().await.unwrap();
    assert_eq!(seen(span).await, published);
}

/// The attack: somebody takes every published period of every class and subtracts. Whatever is
/// left speaks of ten companies or more, or of none: the same companies stand behind all periods
/// that end on one day, and all classes together behind 「all」.
#[tokio::test]
async fn differences_of_periods_and_classes_are_sums_of_ten_companies_or_more() {
    let (b, mut all) = companies(2 * K).await;
    for (i, company) in all.iter_mut().enumerate() {
        report(&b, company, i as u32 + 1).await;
    }
    b.advance(DAY);
    b.service.publish_comparison().await.unwrap();
    let (console, victim) = (b.service.console(), all[3].customer);
    let until = JstDay::of(b.service.now()).plus(-1);
    let see = |days: i64| {
        let (service, console) = (b.service.clone(), console.clone());
        let span = Span { from: until.plus(1 - days), until };
        async move { service.comparison(&console, victim, Some(span)).await.unwrap() }
    };
    let month = see(30).await;
    let (everyone, alike) = (month.everyone.clone().unwrap(), month.alike.clone().unwrap());
    // No class but one is there, so 「all」 and it speak of the same companies and say the same.
    assert_eq!(everyone.companies, alike.companies);
    assert_eq!(everyone.per_company["detections"].median, alike.per_company["detections"].median);
    for days in 2..=90 {
        let (longer, shorter) = (see(days).await, see(days - 1).await);
        let (longer, shorter) = (longer.everyone.unwrap(), shorter.everyone.unwrap());
        assert_eq!(longer.companies, shorter.companies, "the same companies behind every period");
        assert!(longer.companies >= K as u64);
        // All was reported on the last day: what lies before is nobody's, and the difference of
        // two periods tells nothing but the noise.
        let (l, s) = (longer.per_company["detections"], shorter.per_company["detections"]);
        assert_eq!((l.lower, l.median, l.upper), (s.lower, s.median, s.upper));
        assert!(l.mean.abs_diff(s.mean) <= 400, "{} and {}", l.mean, s.mean);
    }
}
