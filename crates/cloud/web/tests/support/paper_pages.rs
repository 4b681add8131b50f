//! Announcements, inquiries, contract, documents, reports, その他, with sample data.

use askama::Template;
use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::alert::Actor;
use mimamori_domain::contract::{ClaimState, Cover, CoverYear, RESPONSE_YEN};
use mimamori_domain::inquiry::{Answer, Channel, Inquiry, Post, Topic};
use mimamori_domain::jst::JstDay;
use mimamori_domain::{
    AccountId, Announcement, AnnouncementId, AnnouncementKind, Claim, ClaimId, Customer, CustomerId,
    EmailAddress, InquiryId, Month, MonthlyId, Name, NotifyAddresses, Passage, Reseller, ResellerId,
};
use mimamori_service::ContractSummary;
use mimamori_service::desk::{AnnouncementView, MonthlyRow};
use mimamori_service::views::CustomerView;
use mimamori_web::view::inquiry::{self, Draft};
use mimamori_web::view::{Choice, Frame, announcement, contract, more, paper};

type Pages = Vec<(&'static str, String)>;

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

pub fn pages(frame: fn(&str) -> Frame, now: Timestamp) -> Pages {
    let mut pages = Vec::new();
    inquiries(&mut pages, frame, now);
    announcements(&mut pages, frame, now);
    papers(&mut pages, frame, now);
    pages
}

fn thread(now: Timestamp) -> Inquiry {
    let rng = SeededRng::new(5);
    let post = |minutes: u64, from_desk, who: &str, text: &str| Post {
        at: now - std::time::Duration::from_secs(minutes * 60),
        by: Actor { account: AccountId::generate(now, &rng), name: name(who) },
        from_desk,
        text: Passage::clip(text),
    };
    let first = post(600, false, "竹原 一郎", "ランプが<b>を含む</b>\n消えています。");
    let id = InquiryId::generate(now, &rng);
    let customer = CustomerId::generate(now, &rng);
    Inquiry::ask(id, customer, name("ランプについて\"><script>"), Topic::Gateway, Channel::Portal, first)
        .answer(post(90, true, "相談 花子", "確かめます。"), Answer::Interim { days: 4 })
        .expect("answered")
}

fn inquiries(pages: &mut Pages, frame: fn(&str) -> Frame, now: Timestamp) {
    let q = thread(now);
    let lines = |desk| vec![inquiry::Line::new(&q, "竹原商店".to_owned(), desk, now)];
    let views = vec![Choice { href: "/inquiries".to_owned(), label: "すべて".to_owned(), current: true }];
    let list = |desk: bool, lines| inquiry::ListPage {
        frame: frame("/inquiries"),
        summary: "相談窓口とのやりとりです。".to_owned(),
        desk,
        may_ask: !desk,
        views: views.clone(),
        lines,
    };
    pages.push(("inquiries", list(false, lines(false)).render().expect("renders")));
    pages.push(("inquiries-desk", list(true, lines(true)).render().expect("renders")));
    pages.push(("inquiries-empty", list(false, vec![]).render().expect("renders")));
    let new = inquiry::NewPage {
        frame: frame("/inquiries"),
        desk: true,
        topics: inquiry::topics("gateway"),
        channels: inquiry::channels("phone"),
        draft: Draft { error: Some("添付ファイルが空です。"), ..Draft::default() },
        answer_by: "2026年11月30日(月)".to_owned(),
    };
    pages.push(("inquiry-new", new.render().expect("renders")));
    for (page, desk) in [("inquiry", false), ("inquiry-desk", true)] {
        let thread = inquiry::ThreadPage {
            frame: frame("/inquiries"),
            id: q.id.to_string(),
            title: q.title.to_string(),
            state: inquiry::state_tag(&q),
            facts: inquiry::facts(&q, desk.then(|| "竹原商店".to_owned())),
            next: inquiry::next(&q, desk),
            posts: inquiry::posts(&q, &[], now),
            closed: false,
            may_write: true,
            may_answer: desk,
            reply: Draft::default(),
            answer: Draft::default(),
        };
        pages.push((page, thread.render().expect("renders")));
    }
}

fn announcements(pages: &mut Pages, frame: fn(&str) -> Frame, now: Timestamp) {
    let rng = SeededRng::new(6);
    let of = |kind| Announcement {
        id: AnnouncementId::generate(now, &rng),
        kind,
        title: name("設備の点検<b>を含む</b>"),
        text: Passage::clip("ポータルが止まります。"),
        important: true,
        by_mail: true,
        starts_at: Some(now),
        ends_at: None,
        published_at: now,
        author: "運営者".into(),
        withdrawn_at: None,
    };
    let lines: Vec<_> = AnnouncementKind::ALL
        .iter()
        .map(|k| announcement::Line::new(&AnnouncementView { announcement: of(*k), read: false }, true, now))
        .collect();
    let list = |lines: Vec<_>| announcement::ListPage {
        frame: frame("/announcements"),
        may_write: true,
        unread: lines.len(),
        lines,
    };
    pages.push(("announcements", list(lines).render().expect("renders")));
    pages.push(("announcements-empty", list(vec![]).render().expect("renders")));
    let one = of(AnnouncementKind::Maintenance);
    let page = announcement::DetailPage::new(frame("/announcements"), &one, true, true, now);
    pages.push(("announcement", page.render().expect("renders")));
    let new = announcement::NewPage {
        frame: frame("/announcements"),
        kinds: announcement::kinds("firmware"),
        draft: announcement::Draft {
            error: Some("本文を入力してください。"), ..Default::default()
        },
    };
    pages.push(("announcement-new", new.render().expect("renders")));
}

fn summary(cover: Cover, now: Timestamp) -> ContractSummary {
    let rng = SeededRng::new(7);
    let to = EmailAddress::parse("kanri@takehara.example").expect("an address");
    let (customer, reseller) = (CustomerId::generate(now, &rng), ResellerId::generate(now, &rng));
    let claim = |state, days: u64| Claim {
        id: ClaimId::generate(now, &rng),
        customer,
        alert: None,
        at: now - std::time::Duration::from_secs(days * 86_400),
        responded_on: None,
        state,
        yen: RESPONSE_YEN,
        note: "KEIRI-PC の調査<b>を含む</b>".into(),
    };
    ContractSummary {
        customer: CustomerView {
            customer: Customer {
                id: customer,
                reseller,
                name: name("竹原商店"),
                addresses: NotifyAddresses::new(vec![to]).expect("addresses"),
                created_at: now,
            },
            reseller: Reseller {
                id: reseller,
                name: name("瀬戸内商工会議所"),
                desk_phone: name("0120-000-000"),
                desk_hours: name("平日 9:00–18:00"),
                created_at: now,
            },
        },
        contract: None,
        started: Some(JstDay::of(now)),
        cover,
        responses: matches!(cover, Cover::InForce(_)).then_some((1, 1)),
        gateways: vec![],
        claims: vec![claim(ClaimState::Responding, 2), claim(ClaimState::Refused, 40)],
        today: JstDay::of(now),
    }
}

fn papers(pages: &mut Pages, frame: fn(&str) -> Frame, now: Timestamp) {
    let day = JstDay::of(now);
    let year = CoverYear { from: day, to: day.plus(364), number: 2 };
    for (page, cover) in [
        ("contract", Cover::InForce(year)),
        ("contract-from", Cover::From(day)),
        ("contract-ended", Cover::Ended(day)),
        ("contract-waiting", Cover::NotStarted),
    ] {
        let html = contract::Page::new(frame("/contract"), &summary(cover, now)).render();
        pages.push((page, html.expect("renders")));
    }
    let row = MonthlyRow {
        id: MonthlyId([1; 16]),
        customer: CustomerId([2; 16]),
        month: Month::of(now),
        made_at: now,
        sentence: "2026年11月は、危険な通信は見つかりませんでした。".to_owned(),
        size: 45_000,
    };
    for (page, rows) in [("reports", vec![row]), ("reports-empty", vec![])] {
        let reports = paper::ReportsPage {
            frame: frame("/reports"),
            reports: rows.iter().map(|r| paper::ReportLine::new(r, now)).collect(),
            this_month: Month::of(now).label(),
            by_mail: rows.is_empty(),
            may_edit: true,
        };
        pages.push((page, reports.render().expect("renders")));
    }
    pages.push(("documents", paper::DocumentsPage::new(frame("/documents")).render().expect("renders")));
    for manual in &mimamori_paper::MANUALS {
        let (body, sections) = manual.html("/documents/pictures/");
        let page = paper::DocumentPage { frame: frame("/documents"), manual, sections, body };
        pages.push((manual.slug, page.render().expect("renders")));
    }
    let entry = more::Entry::new("/settings", "settings", "設定", "お知らせの宛先を変えます。");
    let group =
        more::Group { id: "company", title: "お客様のページ".to_owned(), entries: vec![entry] };
    pages
        .push(("more", more::Page { frame: frame("/more"), groups: vec![group] }.render().expect("renders")));
}
